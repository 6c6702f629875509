// SPDX-License-Identifier: Apache-2.0
// What can be asked of a source connector beside its run.
#include "core/base/json.h"
#include "core/sys/file.h"
#include "flow/pipeline/connector_config.h"
#include "flow/pipeline/connector_run.h"
#include "flow/pipeline/registrar.h"
#include "flow/pipeline/request.h"

#define OFFSETS_BYTES_MAX (64 * KIB)
#define SOURCE_CLASS      "postgresql://"
#define RESET_TEXT        "The offsets for this connector have been reset successfully"

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
        bool ok =
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
    const char *url = NULL;
    buf_text(out, "{\"errors\":[");
    SourceContext context = {.pipeline = arena_text(arena, run->name), .mode = SOURCE_FOLLOW};
    SourcePlan plan;
    if (!connector_resolve(arena, request->config, &config, err)) {
        connector_error_json(out, "connector.class", err);
    } else if (driver == NULL) {
        FAIL(err, ERR_OPTION, "there is no source of that kind here");
        connector_error_json(out, "connector.class", err);
    } else if (!connector_source_url(arena, &config, &url, err)) {
        connector_error_json(out, "database.hostname", err);
    } else {
        context.url = url;
        context.properties = &config;
        context.slot = properties_text(arena, &config, "slot.name", "debezium");
        if (!driver->plan(&context, arena, &plan, err)) {
            connector_error_json(out, key_of(err->code), err);
        }
        registry_check(&config, out, err);
    }
    buf_text(out, "]}");
    return true;
}

static bool offsets(const ConnectorRun *run, Arena *arena, Buf *out, Err *err) {
    const char *path = arena_printf(arena, "%s/offsets.json", connector_directory(arena, run));
    Slice bytes = SLICE("[]");
    TRY(!file_exists(path) || file_read_all(path, OFFSETS_BYTES_MAX, arena, &bytes, err));
    buf_text(out, "{\"offsets\":");
    buf_put(out, bytes);
    buf_u8(out, '}');
    return true;
}

// Without an offset the original takes its snapshot again. So does leat: all tables are read again, and what changes
// meanwhile follows. The slot keeps its place: no change is lost.
static bool reset(const ConnectorRun *run, Arena *arena, Buf *out, Err *err) {
    const PipelineConfig config = {.name = "", .directory = connector_directory(arena, run)};
    if (file_exists(arena_printf(arena, "%s/journal", config.directory))) {
        TRY(pipeline_resync(&config, "*", err));
        TRY(file_remove(arena_printf(arena, "%s/offsets.json", config.directory), err));
    }
    buf_u8(out, '{');
    json_field_text(out, "message", RESET_TEXT);
    buf_u8(out, '}');
    return true;
}

static bool alter(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out, Err *err) {
    for (size_t i = 0; i < request->offset_count; i++) {
        if (!request->offsets[i].reset) {
            FAIL(err, ERR_OPTION,
                 "the offset of a PostgreSQL source is where its slot and its journal are: it cannot "
                 "be set to another place of the log without a gap or records twice");
            return err_hint(err, "an offset of null reads all tables again; sinks can be set to other offsets");
        }
    }
    return reset(run, arena, out, err);
}

bool connector_source_call(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out, Err *err) {
    const char *what = request->what;
    if (strcmp(what, "validate") == 0) {
        return validate(run, request, arena, out, err);
    }
    if (strcmp(what, "offsets") == 0) {
        return offsets(run, arena, out, err);
    }
    if (strcmp(what, "alter") == 0) {
        return alter(run, request, arena, out, err);
    }
    if (strcmp(what, "reset") == 0) {
        return reset(run, arena, out, err);
    }
    if (strcmp(what, "topics") == 0) {
        buf_u8(out, '{');
        connector_topics_json(out, connector_directory(arena, run));
        buf_text(out, out->size == 1 ? "\"topics\":[]}" : "}");
        return true;
    }
    if (strcmp(what, "resync") == 0) {
        const PipelineConfig config = {.name = "", .directory = connector_directory(arena, run)};
        buf_text(out, "{}");
        return pipeline_resync(&config, request->tables != NULL ? request->tables : "*", err);
    }
    if (strcmp(what, "remove") == 0) { // slot, publication and journal stay, as the original's offsets and topics do
        buf_text(out, "{}");
        return true;
    }
    return FAIL(err, ERR_OPTION, "a source connector knows no \"%.40s\"", what);
}
