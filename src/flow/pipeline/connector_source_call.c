// SPDX-License-Identifier: Apache-2.0
// What can be asked of a source connector beside its run.
#include "core/base/json.h"
#include "core/sys/file.h"
#include "flow/pipeline/connector_config.h"
#include "flow/pipeline/connector_journal.h"
#include "flow/pipeline/connector_kafka.h"
#include "flow/pipeline/connector_run.h"
#include "storage/kafka/registrar.h"
#include "flow/pipeline/request.h"

#define SOURCE_CLASS "postgresql://"
#define ALTER_TEXT   "The offsets for this connector have been altered successfully"
#define RESET_TEXT   "The offsets for this connector have been reset successfully"

void connector_error_json(Buf *out, const char *key, Err *err) {
    buf_text(out, out->size > 0 && out->data[out->size - 1] == '}' ? ",{" : "{");
    json_field_text(out, "key", key);
    DEFER(buf_release) Buf text = {0};
    buf_printf(&text, "%s%s%s%c", err->message, err->hint[0] != '\0' ? ": " : "", err->hint, '\0');
    json_field_text(out, "message", (const char *)text.data);
    buf_u8(out, '}');
    err_clear(err);
}

const SourceDriver *connector_source_driver(const ConnectorRun *run) {
    for (const SourceDriver *const *at = run->drivers->sources; *at != NULL; at++) {
        if ((*at)->accepts(SOURCE_CLASS)) {
            return *at;
        }
    }
    return NULL;
}

// Which of the keys a failed connect is about.
static const char *key_of(ErrCode code) {
    return code == ERR_SOURCE_AUTH ? "database.password" : code == ERR_SOURCE_SETUP ? "slot.name" : "database.hostname";
}

static void registry_check(const Properties *config, Buf *out, Err *err) {
    for (int is_key = 0; is_key < 2; is_key++) {
        Registrar *registrar = NULL;
        bool reads_only = slice_is(connector_converter(config, is_key), "JsonSchemaConverter");
        bool ok =
            (!reads_only || FAIL(err, ERR_OPTION, "leat reads with JsonSchemaConverter, and does not write with it")) &&
            registrar_new(config, is_key, &registrar, err) && (registrar == NULL || registrar_check(registrar, err));
        registrar_close(registrar);
        if (!ok) {
            connector_error_json(out, is_key ? "key.converter" : "value.converter", err);
        }
    }
}

static bool validate(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out, Err *err) {
    Properties config;
    const SourceDriver *driver = connector_source_driver(run);
    buf_text(out, "{\"errors\":[");
    SourceContext context = {.pipeline = arena_text(arena, run->name), .mode = SOURCE_FOLLOW};
    SourcePlan plan;
    if (!connector_resolve(arena, request->config, &config, err)) {
        connector_error_json(out, "connector.class", err);
    } else if (driver == NULL) {
        FAIL(err, ERR_OPTION, "there is no source of that kind here");
        connector_error_json(out, "connector.class", err);
    } else {
        context.properties = &config;
        context.slot = properties_text(arena, &config, "slot.name", "debezium");
        if (!driver->plan(&context, arena, &plan, err)) {
            connector_error_json(out, key_of(err->code), err);
        }
        registry_check(&config, out, err);
        if (!connector_journal_check(run->journal, run->name, &config, err)) {
            connector_error_json(out, "leat.journal", err);
        }
        const char *key = NULL;
        if (!connector_kafka_validate(run, &config, arena, &key, err)) {
            connector_error_json(out, key != NULL ? key : "connector.class", err);
        }
    }
    buf_text(out, "]}");
    return true;
}

// A connector without a driver has never run, and stands nowhere.
static bool offsets(const ConnectorRun *run, Arena *arena, Buf *out, Err *err) {
    const SourceDriver *driver = connector_source_driver(run);
    const SourceContext context = {.properties = run->config, .directory = connector_directory(arena, run)};
    buf_text(out, "{\"offsets\":");
    TRY(driver == NULL || driver->offsets_get(&context, out, err));
    buf_text(out, driver == NULL ? "[]}" : "}");
    return true;
}

// Of one that is stopped: its journal is opened, its position set to each of the offsets, or forgotten.
static bool position_change(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Err *err) {
    static const volatile bool never;
    const SourceDriver *driver = connector_source_driver(run);
    Properties config;
    PipelineOptions options;
    JournalOptions journal_options;
    SourceContext context = {.pipeline = arena_text(arena, run->name), .stop = &never};
    if (driver == NULL) {
        return FAIL(err, ERR_OPTION, "there is no source of that kind here");
    }
    TRY(connector_resolve(arena, run->config, &config, err));
    TRY(connector_options(arena, &config, &options, err));
    connector_journal_options(&options, &journal_options);
    context.properties = &config;
    context.directory = connector_directory(arena, run);
    TRY(file_make_directories(context.directory, err));
    TRY(journal_open(arena_printf(arena, "%s/journal", context.directory), &journal_options, &context.journal, err));
    bool ok = request->offset_count > 0 || driver->offsets_reset(&context, err);
    for (size_t i = 0; ok && i < request->offset_count; i++) {
        const ConnectorOffset *offset = &request->offsets[i];
        ok = driver->offsets_alter(&context, &offset->partition, offset->reset ? NULL : &offset->offset, err);
    }
    journal_close(context.journal);
    return ok;
}

static bool change(const ConnectorRun *run, const ConnectorRequest *request, const char *message, Arena *arena,
                   Buf *out, Err *err) {
    TRY(position_change(run, request, arena, err));
    buf_u8(out, '{');
    json_field_text(out, "message", message);
    buf_u8(out, '}');
    return true;
}

bool connector_source_call(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out, Err *err) {
    const char *what = request->what;
    if (strcmp(what, "validate") == 0) {
        return validate(run, request, arena, out, err);
    }
    const char *directory = connector_directory(arena, run);
    TRY(strcmp(what, "remove") == 0 || connector_journal_place(run->journal, run->name, run->config, directory, err));
    if (strcmp(what, "offsets") == 0) {
        return offsets(run, arena, out, err);
    }
    if (strcmp(what, "alter") == 0) {
        return change(run, request, ALTER_TEXT, arena, out, err);
    }
    if (strcmp(what, "reset") == 0) {
        const ConnectorRequest none = {.what = "reset"};
        return change(run, &none, RESET_TEXT, arena, out, err);
    }
    if (strcmp(what, "topics") == 0) {
        buf_u8(out, '{');
        connector_topics_json(out, directory);
        buf_text(out, out->size == 1 ? "\"topics\":[]}" : "}");
        return true;
    }
    if (strcmp(what, "resync") == 0) {
        const PipelineConfig config = {.name = "", .directory = directory};
        buf_text(out, "{}");
        return pipeline_resync(&config, request->tables != NULL ? request->tables : "*", err);
    }
    if (strcmp(what, "remove") == 0) { // slot and publication stay, as the original's offsets and topics do
        buf_text(out, "{}");
        return connector_journal_remove(run, directory, err);
    }
    return FAIL(err, ERR_OPTION, "a source connector knows no \"%.40s\"", what);
}
