// SPDX-License-Identifier: Apache-2.0
// The plan, as text and JSON. Of configurations JSON shows everything but secrets.
#include "core/base/json.h"
#include "core/config/seal.h"
#include "surface/cli/output.h"
#include "surface/cli/takeover.h"

static const char *type_of(const TakeoverItem *item) {
    return item->plugin != NULL ? plugin_type_name(item->plugin->type) : "unknown";
}

static const char *class_of(const Takeover *takeover, const TakeoverItem *item) {
    return properties_text(takeover->arena, &item->connector->config, "connector.class", "-");
}

// --- text --------------------------------------------------------------------------------------------------------

static void line(Buf *out, const char *word, const char *text) {
    buf_printf(out, "  %-10s", word);
    text_plain(out, slice_of(text));
    buf_u8(out, '\n');
}

static void state_line(const Takeover *takeover, const TakeoverItem *item, Buf *out) {
    const ClusterConnector *connector = item->connector;
    Arena *arena = takeover->arena;
    size_t running = cluster_tasks_in(connector, "RUNNING"), failed = cluster_tasks_in(connector, "FAILED");
    const char *text = connector->state != NULL ? connector->state : "state unknown";
    if (strcmp(connector->target, "STARTED") != 0 && strcmp(connector->target, text) != 0) {
        text = arena_printf(arena, "%s, to be %s", text, connector->target);
    }
    text = arena_printf(arena, "%s, %zu task%s RUNNING", text, running, running == 1 ? "" : "s");
    line(out, "state", failed > 0 ? arena_printf(arena, "%s, %zu FAILED", text, failed) : text);
}

static void item_text(const Takeover *takeover, const TakeoverItem *item, Buf *out) {
    const ClusterConnector *connector = item->connector;
    buf_u8(out, '\n');
    text_plain(out, slice_of(connector->name));
    buf_u8(out, '\n');
    line(out, "class", class_of(takeover, item));
    state_line(takeover, item, out);
    for (size_t i = 0; i < connector->offset_count; i++) {
        const ClusterOffset *offset = &connector->offsets[i];
        if (offset->offset != NULL) {
            line(out, "offset", arena_printf(takeover->arena, "%s %s", offset->partition, offset->offset));
        }
    }
    for (size_t i = 0; i < item->committed_count; i++) {
        const KafkaPartition *at = &item->committed[i];
        line(out, "offset", arena_printf(takeover->arena, "%s %d: %" PRId64, at->topic, at->partition, at->offset));
    }
    for (size_t i = 0; i < item->note_count; i++) {
        line(out, item->notes[i].against ? "against" : "warning", item->notes[i].text);
    }
    if (item->there != NULL) {
        line(out, "leat", arena_printf(takeover->arena, "there already, %s", item->there));
    }
    line(out, "plan", item->action == TAKEOVER_NOT ? "not taken over" : item->goes_on);
}

static void plan_text(const Takeover *takeover, Buf *out) {
    const TakeoverOptions *options = &takeover->options;
    buf_printf(out, "Kafka Connect at %s: %zu connector%s (topics %s, %s, %s)\n", options->brokers, takeover->count,
               takeover->count == 1 ? "" : "s", options->configs, options->offsets, options->status);
    if (takeover->cluster.odd > 0) {
        buf_printf(out, "%" PRIu64 " records there are none of Connect's and were passed over\n",
                   takeover->cluster.odd);
    }
    if (!takeover->leat_answers) {
        buf_printf(out, "No leat server answers, so connections were not tried: %s\n", takeover->leat_silence);
    }
    for (size_t i = 0; i < takeover->count; i++) {
        item_text(takeover, &takeover->items[i], out);
    }
}

// --- JSON --------------------------------------------------------------------------------------------------------

static void config_json(const Takeover *takeover, const TakeoverItem *item, Buf *out) {
    Validation validation = {.arena = takeover->arena};
    const Properties *given = item->config.count > 0 ? &item->config : &item->connector->config;
    Properties shown = {0};
    if (item->plugin != NULL) {
        plugin_validate(takeover->arena, item->plugin, given, &validation);
    }
    for (size_t i = 0; i < given->count; i++) {
        const Property *at = &given->at[i];
        const DefinitionValue *value = item->plugin != NULL ? validation_find(&validation, at->name) : NULL;
        bool secret = value != NULL && value->definition != NULL && value->definition->type == DEFINE_PASSWORD;
        properties_set(takeover->arena, &shown, at->name, seal_redacted(at->name, secret, at->value, takeover->arena));
    }
    json_key(out, "config");
    properties_json(out, &shown);
}

static void offsets_json(const TakeoverItem *item, Buf *out) {
    bool any = false;
    json_key(out, "offsets");
    buf_u8(out, '[');
    for (size_t i = 0; i < item->connector->offset_count; i++) {
        const ClusterOffset *offset = &item->connector->offsets[i];
        if (offset->offset != NULL) {
            buf_printf(out, "%s{\"partition\":%s,\"offset\":%s}", any ? "," : "", offset->partition, offset->offset);
            any = true;
        }
    }
    for (size_t i = 0; i < item->committed_count; i++) {
        const KafkaPartition *at = &item->committed[i];
        buf_printf(out, "%s{\"partition\":{", any ? "," : "");
        json_field_text(out, "kafka_topic", at->topic);
        json_field_int(out, "kafka_partition", at->partition);
        buf_printf(out, "},\"offset\":{\"kafka_offset\":%" PRId64 "}}", at->offset);
        any = true;
    }
    buf_u8(out, ']');
}

static void notes_json(const TakeoverItem *item, const char *name, bool against, Buf *out) {
    bool any = false;
    json_key(out, name);
    buf_u8(out, '[');
    for (size_t i = 0; i < item->note_count; i++) {
        if (item->notes[i].against == against) {
            buf_text(out, any ? "," : "");
            json_quote(out, slice_of(item->notes[i].text));
            any = true;
        }
    }
    buf_u8(out, ']');
}

static void item_json(const Takeover *takeover, const TakeoverItem *item, Buf *out) {
    static const char *const ACTIONS[] = {"none", "continue", "anew"};
    const ClusterConnector *connector = item->connector;
    buf_u8(out, '{');
    json_field_text(out, "name", connector->name);
    json_field_text(out, "class", class_of(takeover, item));
    json_field_text(out, "type", type_of(item));
    json_field_text(out, "state", connector->state);
    json_field_text(out, "target", connector->target);
    json_field_uint(out, "tasks_running", cluster_tasks_in(connector, "RUNNING"));
    offsets_json(item, out);
    config_json(takeover, item, out);
    json_field_text(out, "leat", item->there);
    json_field_text(out, "action", ACTIONS[item->action]);
    json_field_text(out, "plan", item->action == TAKEOVER_NOT ? "not taken over" : item->goes_on);
    notes_json(item, "against", true, out);
    notes_json(item, "warnings", false, out);
    buf_u8(out, '}');
}

static void plan_json(const Takeover *takeover, Buf *out) {
    const TakeoverOptions *options = &takeover->options;
    buf_u8(out, '{');
    json_field_text(out, "kafka", options->brokers);
    json_field_text(out, "config.storage.topic", options->configs);
    json_field_text(out, "offset.storage.topic", options->offsets);
    json_field_text(out, "status.storage.topic", options->status);
    json_field_uint(out, "records_passed_over", takeover->cluster.odd);
    json_field_text(out, "server", takeover->leat_answers ? takeover->leat.base : NULL);
    json_key(out, "connectors");
    buf_u8(out, '[');
    for (size_t i = 0; i < takeover->count; i++) {
        buf_text(out, i > 0 ? "," : "");
        item_json(takeover, &takeover->items[i], out);
    }
    buf_text(out, "]}\n");
}

void takeover_print(const Takeover *takeover) {
    DEFER(buf_release) Buf out = {0};
    if (takeover->json) {
        plan_json(takeover, &out);
    } else {
        plan_text(takeover, &out);
    }
    output_write(&out);
}
