// SPDX-License-Identifier: Apache-2.0
// What can be done with each connector of Connect's, and why not.
#include "surface/cli/takeover.h"
#include "surface/cli/output.h"

#include <stdarg.h>
#include <stdio.h>

#define POSTGRES_CLASS "io.debezium.connector.postgresql.PostgresConnector"
#define S3_CLASS       "io.confluent.connect.s3.S3SinkConnector"

void takeover_note(Takeover *takeover, TakeoverItem *item, bool against, const char *format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    TakeoverNote *more = ARENA_ARRAY(takeover->arena, TakeoverNote, item->note_count + 1);
    if (item->note_count > 0) {
        memcpy(more, item->notes, item->note_count * sizeof(*more));
    }
    more[item->note_count++] = (TakeoverNote){against, arena_text(takeover->arena, slice_of(text))};
    item->notes = more;
}

static const char *text_of(const Takeover *takeover, const Properties *properties, const char *name) {
    return properties_text(takeover->arena, properties, name, "");
}

// --- its configuration on leat -----------------------------------------------------------------------------------

static bool begins(Slice name, const char *prefix) {
    size_t size = strlen(prefix);
    return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

// A connector that names no converter has its worker's, which is not in any topic.
static void converter_fill(Takeover *takeover, TakeoverItem *item, const char *key) {
    if (properties_find(&item->config, slice_of(key)) != NULL) {
        return;
    }
    if (properties_find(&takeover->worker, slice_of(key)) == NULL) {
        takeover_note(takeover, item, true,
                      "%s is the worker's, and that is in no topic: give the workers' file, --worker-config FILE, or "
                      "put it into the connector's configuration",
                      key);
        return;
    }
    for (size_t i = 0; i < takeover->worker.count; i++) {
        const Property *property = &takeover->worker.at[i];
        if (begins(property->name, key)) {
            properties_set(takeover->arena, &item->config, property->name, property->value);
        }
    }
}

static void config_make(Takeover *takeover, TakeoverItem *item) {
    Arena *arena = takeover->arena;
    const Properties *given = &item->connector->config;
    for (size_t i = 0; i < given->count; i++) {
        if (!slice_is(given->at[i].name, "name")) {
            properties_set(arena, &item->config, given->at[i].name, given->at[i].value);
        }
    }
    converter_fill(takeover, item, "key.converter");
    converter_fill(takeover, item, "value.converter");
    properties_set(arena, &item->config, SLICE("leat.kafka.bootstrap.servers"), slice_of(takeover->options.brokers));
    for (size_t i = 0; i < takeover->client.count; i++) {
        const Property *property = &takeover->client.at[i];
        const char *name = arena_printf(arena, "leat.kafka.%.*s", SLICE_ARG(property->name));
        properties_set(arena, &item->config, slice_of(name), property->value);
    }
}

// --- where it goes on --------------------------------------------------------------------------------------------

const ClusterOffset *takeover_offset(const Takeover *takeover, const ClusterConnector *connector) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    const ClusterOffset *found = NULL;
    const char *prefix = text_of(takeover, &connector->config, "topic.prefix");
    for (size_t i = 0; i < connector->offset_count; i++) {
        Properties partition = {0};
        Err err[1] = {{0}};
        if (!properties_parse(&scratch, slice_of(connector->offsets[i].partition), &partition, err)) {
            continue;
        }
        const Property *server = properties_find(&partition, SLICE("server"));
        if (server != NULL && slice_is(server->value, prefix) && connector->offsets[i].offset != NULL) {
            found = &connector->offsets[i];
        }
    }
    return found;
}

static void anew(Takeover *takeover, TakeoverItem *item, const char *why) {
    const char *mode = properties_text(takeover->arena, &item->config, "snapshot.mode", "initial");
    item->action = TAKEOVER_ANEW;
    item->goes_on = arena_printf(takeover->arena, "%s: begins anew, with snapshot.mode=%s", why, mode);
}

static void offset_judge(Takeover *takeover, TakeoverItem *item) {
    Properties offset = {0};
    Err err[1] = {{0}};
    if (!properties_parse(takeover->arena, slice_of(item->offset->offset), &offset, err)) {
        takeover_note(takeover, item, true, "its offset is none of Debezium's: %s", err->message);
        return;
    }
    if (text_of(takeover, &offset, "incremental_snapshot_collections")[0] != '\0') {
        takeover_note(takeover, item, true,
                      "an incremental snapshot is under way: let it end, or stop it with the signal stop-snapshot; "
                      "leat does not go on within one of Debezium's");
    }
    uint64_t lsn = takeover_offset_lsn(item->offset->offset);
    if (takeover_offset_unfinished(item->offset->offset)) {
        anew(takeover, item, "its snapshot did not end");
    } else if (lsn == 0) {
        takeover_note(takeover, item, true, "its offset names no LSN");
    } else {
        DEFER(buf_release) Buf where = {0};
        text_lsn(&where, lsn);
        item->action = TAKEOVER_CONTINUE;
        item->goes_on = arena_printf(takeover->arena, "goes on behind %.*s on slot %s, without a snapshot",
                                     SLICE_ARG(buf_slice(&where)),
                                     properties_text(takeover->arena, &item->config, "slot.name", "debezium"));
    }
}

// --- one connector -----------------------------------------------------------------------------------------------

// What the tables of definitions say; false: there are errors.
static bool validate_here(Takeover *takeover, TakeoverItem *item) {
    Validation validation = {.arena = takeover->arena};
    Properties config = item->config;
    properties_set(takeover->arena, &config, SLICE("name"), slice_of(item->connector->name));
    plugin_validate(takeover->arena, item->plugin, &config, &validation);
    for (size_t i = 0; i < validation.count; i++) {
        const DefinitionValue *value = &validation.values[i];
        for (size_t j = 0; j < value->error_count; j++) {
            takeover_note(takeover, item, true, "%.*s: %s", SLICE_ARG(value->name), value->errors[j]);
        }
        if (value->warning != NULL) {
            takeover_note(takeover, item, false, "%.*s: %s", SLICE_ARG(value->name), value->warning);
        }
    }
    return validation.errors == 0;
}

// On leat's server, where that answers.
static bool validate(Takeover *takeover, TakeoverItem *item, Err *err) {
    bool valid = validate_here(takeover, item);
    return !takeover->leat_answers ||
           (takeover_server_state(takeover, item, err) && (!valid || takeover_server_validate(takeover, item, err)));
}

static bool source_judge(Takeover *takeover, TakeoverItem *item, Err *err) {
    if (strcmp(item->plugin->class_name, POSTGRES_CLASS) != 0) {
        takeover_note(takeover, item, true, "leat takes over sources of class " POSTGRES_CLASS);
        return true;
    }
    config_make(takeover, item);
    item->offset = takeover_offset(takeover, item->connector);
    if (item->offset != NULL) {
        offset_judge(takeover, item);
    } else {
        anew(takeover, item, "it has no offset");
    }
    return validate(takeover, item, err);
}

// Objects are complete before their group's offsets are committed, so what the group says is all that there is to know;
// files of tables may wait (takeover_iceberg.c).
static bool sink_judge(Takeover *takeover, TakeoverItem *item, Err *err) {
    TRY(takeover_committed(takeover, item, err));
    bool iceberg = takeover_is_iceberg(item);
    if (!iceberg && (item->plugin == NULL || strcmp(item->plugin->class_name, S3_CLASS) != 0)) {
        takeover_note(takeover, item, true,
                      "of sinks leat takes over those of class " S3_CLASS " and Apache's of Iceberg: this one can stay "
                      "with Connect, and read the same topics");
        return true;
    }
    config_make(takeover, item);
    properties_set(takeover->arena, &item->config, SLICE("leat.topics.from"), SLICE("kafka"));
    item->action = item->committed_count > 0 ? TAKEOVER_CONTINUE : TAKEOVER_ANEW;
    item->goes_on =
        item->committed_count > 0 ? "goes on at its group's offsets" : "reads its topics from their beginning";
    TRY(!iceberg || takeover_iceberg_judge(takeover, item, err));
    return validate(takeover, item, err);
}

static bool judge(Takeover *takeover, TakeoverItem *item, Err *err) {
    const ClusterConnector *connector = item->connector;
    const char *class = text_of(takeover, &connector->config, "connector.class");
    item->plugin = plugin_connector(slice_of(class));
    bool topics = properties_find(&connector->config, SLICE("topics")) != NULL ||
                  properties_find(&connector->config, SLICE("topics.regex")) != NULL;
    item->sink = topics || (item->plugin != NULL && item->plugin->type == PLUGIN_SINK);
    if (item->sink) {
        TRY(sink_judge(takeover, item, err));
    } else if (item->plugin == NULL) {
        takeover_note(takeover, item, true, "%s", plugin_unknown(takeover->arena, slice_of(class), PLUGIN_SOURCE));
    } else {
        TRY(source_judge(takeover, item, err));
    }
    for (size_t i = 0; i < item->note_count; i++) {
        item->action = item->notes[i].against ? TAKEOVER_NOT : item->action;
    }
    return true;
}

// --- all of them -------------------------------------------------------------------------------------------------

static bool is_wanted(const Cli *cli, const char *name) {
    for (int i = 0; i < cli->argument_count; i++) {
        if (strcmp(cli->arguments[i], name) == 0) {
            return true;
        }
    }
    return cli->argument_count == 0;
}

static bool names_check(const Takeover *takeover, Err *err) {
    for (int i = 0; i < takeover->cli->argument_count; i++) {
        const ClusterConnector *connector = cluster_find(&takeover->cluster, slice_of(takeover->cli->arguments[i]));
        if (connector == NULL || !connector->configured) {
            return FAIL(err, ERR_NOT_FOUND, "topic %s has no connector \"%.100s\"", takeover->options.configs,
                        takeover->cli->arguments[i]);
        }
    }
    return true;
}

bool takeover_plan(Takeover *takeover, Err *err) {
    const Cluster *cluster = &takeover->cluster;
    TRY(names_check(takeover, err));
    takeover->items = ARENA_ARRAY(takeover->arena, TakeoverItem, cluster->count);
    for (size_t i = 0; i < cluster->count; i++) {
        const ClusterConnector *connector = cluster->connectors[i];
        if (connector->configured && is_wanted(takeover->cli, connector->name)) {
            TakeoverItem *item = &takeover->items[takeover->count++];
            item->connector = connector;
            if (!judge(takeover, item, err)) {
                return err_prefix(err, "%s", connector->name);
            }
        }
    }
    return true;
}
