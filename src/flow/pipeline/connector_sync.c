// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/connector_sync.h"

#include "core/base/json.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "flow/pipeline/report.h"
#include "flow/pipeline/verify_state.h"

#include <limits.h>

#define REPORT_US 1000000

typedef struct Sync {
    const ConnectorRun *run;
    int64_t next_us;
    PipelinePhase phase; // as last told
    bool troubled;
    Buf json;
} Sync;

// A pipeline of a cluster: its folder is a cache, for journal and position are elsewhere. One that is older than what
// another node has done since is dropped; `unlisted`: the cluster's list has it, not this node's.
static bool folder_settle(const ConnectorRun *run, const char *name, Arena *arena, Err *err) {
    const char *folder = arena_printf(arena, "%s/pipelines/%s", run->data_directory, name);
    const char *config = arena_printf(arena, "%s/config.json", folder);
    if (run->pipeline.size == 0 || (!run->anew && file_exists(config))) {
        return true;
    }
    if (file_locked(arena_printf(arena, "%s/lock", folder), &(int){0})) {
        return FAIL(err, ERR_LOCKED, "another process on this node runs pipeline %s", name);
    }
    return file_remove_tree(folder, err) && file_make_directories(folder, err) &&
           file_replace(arena_printf(arena, "%s/unlisted", folder), SLICE("of the cluster\n"), err) &&
           file_replace(config, run->pipeline, err);
}

static bool config_load(const ConnectorRun *run, Arena *arena, PipelineConfig *config, Err *err) {
    const char *name = arena_text(arena, run->name);
    TRY(folder_settle(run, name, arena, err));
    return pipeline_config_load(run->data_directory, name, run->drivers, arena, config, err);
}

static uint64_t quarantined(const PipelineReport *report) {
    uint64_t count = 0;
    for (size_t i = 0; i < report->table_count; i++) {
        count += report->tables[i].reason != NULL;
    }
    for (size_t i = 0; i < report->sink_table_count; i++) {
        count += report->sink_tables[i].aside != NULL;
    }
    return count;
}

static void quarantined_one(Buf *json, Slice table, const char *reason, uint64_t lsn) {
    buf_text(json, json->data[json->size - 1] == '[' ? "{" : ",{");
    json_key(json, "table");
    json_quote(json, table);
    json_field_text(json, "reason", reason);
    if (lsn != 0) {
        json_field_lsn(json, "lsn", lsn);
    }
    buf_u8(json, '}');
}

// By the source or by the sink.
static void quarantined_json(Buf *json, const PipelineReport *report) {
    json_key(json, "quarantined_tables");
    buf_u8(json, '[');
    for (size_t i = 0; i < report->table_count; i++) {
        const TableReport *table = &report->tables[i];
        if (table->reason != NULL) {
            quarantined_one(json, slice_of(table->name), table->reason, table->lsn);
        }
    }
    for (size_t i = 0; i < report->sink_table_count; i++) {
        if (report->sink_tables[i].aside != NULL) {
            quarantined_one(json, report->sink_tables[i].topic, report->sink_tables[i].aside, 0);
        }
    }
    buf_u8(json, ']');
}

static void reported(void *context, const PipelineReport *report) {
    Sync *sync = context;
    int64_t now_us = clock_monotonic_us();
    bool troubled = report->trouble != NULL || report->sink_trouble != NULL;
    if (now_us < sync->next_us && report->phase == sync->phase && troubled == sync->troubled) {
        return;
    }
    sync->next_us = now_us + REPORT_US;
    sync->phase = report->phase;
    sync->troubled = troubled;
    Buf *json = &sync->json;
    buf_reset(json);
    buf_u8(json, '{');
    pipeline_report_json(json, report, &(PipelineReportJson){.all_tables = true});
    json_field_uint(json, "quarantined", quarantined(report));
    quarantined_json(json, report);
    json_field_uint(json, "records", report->sink.events);
    json_field_uint(json, "bytes", report->sink.bytes);
    if (report->verify.size > 0) {
        json_key(json, "verify");
        buf_put(json, report->verify);
    }
    buf_u8(json, '}');
    sync->run->report(sync->run->context, buf_slice(json));
}

bool connector_sync_run(const ConnectorRun *run, Err *err) {
    Sync sync = {.run = run, .phase = PIPELINE_DONE};
    Arena arena;
    PipelineConfig config;
    PipelineReport last;
    arena_init(&arena, "run", 0);
    PipelineRun how = {
        .mode = SOURCE_FOLLOW, .verifies = true, .stop = run->stop, .report = reported, .context = &sync};
    bool ok = config_load(run, &arena, &config, err) && pipeline_run(&config, &how, &last, err);
    buf_release(&sync.json);
    arena_release(&arena);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- calls -----------------------------------------------------------------------------------------------------

static bool validate(const PipelineConfig *config, Arena *arena, Buf *out, Err *err) {
    PipelinePlan plan;
    buf_text(out, "{\"errors\":[");
    if (!pipeline_plan(config, SOURCE_FOLLOW, arena, &plan, err)) {
        buf_u8(out, '{');
        json_field_text(out, "key", "source.url");
        json_field_text(out, "message", err->message);
        buf_u8(out, '}');
        err_clear(err);
    }
    buf_text(out, "]}");
    return true;
}

static bool call(const PipelineConfig *config, const char *what, const Properties *request, Arena *arena, Buf *out,
                 Err *err) {
    if (strcmp(what, "validate") == 0) {
        return validate(config, arena, out, err);
    }
    if (strcmp(what, "resync") == 0) {
        buf_text(out, "{}");
        return pipeline_resync(config, properties_text(arena, request, "tables", "*"), err);
    }
    if (strcmp(what, "verify") == 0) {
        const char *id = NULL;
        TRY(pipeline_verify_request(config, properties_text(arena, request, "tables", ""), arena, &id, err));
        buf_printf(out, "{\"id\":\"%s\"}", id);
        return true;
    }
    if (strcmp(what, "verified") == 0) {
        VerifyState *state = NULL;
        TRY(verify_state_load(config->directory, &state, err));
        if (!file_locked(arena_printf(arena, "%s/lock", config->directory), &(int){0})) {
            verify_state_drop(state); // who ran it has ended
        }
        verify_state_json(state, out);
        verify_state_free(state);
        return true;
    }
    if (strcmp(what, "offsets") == 0) {
        buf_text(out, "{\"offsets\":[]}"); // none in Connect's form
        return true;
    }
    if (strcmp(what, "remove") == 0) { // all of it stays: leat delete removes a pipeline
        buf_text(out, "{}");
        return true;
    }
    FAIL(err, ERR_OPTION, "connector %s is a pipeline of leat sync: its offsets are not Connect's", config->name);
    return err_hint(err, "stop it, then: leat sink reset %s", config->name);
}

bool connector_sync_call(const ConnectorRun *run, Slice request, Arena *arena, Slice *answer, Err *err) {
    Properties asked;
    PipelineConfig config;
    DEFER(buf_release) Buf out = {0};
    TRY(properties_parse(arena, request, &asked, err));
    TRY(config_load(run, arena, &config, err));
    TRY(call(&config, properties_text(arena, &asked, "do", ""), &asked, arena, &out, err));
    *answer = arena_slice(arena, buf_slice(&out));
    return true;
}
