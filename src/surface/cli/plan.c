// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/plan.h"

#include "core/base/json.h"
#include "flow/pipeline/report.h"
#include "flow/pipeline/source_url.h"
#include "surface/cli/output.h"

enum { TABLES_SHOWN = 20, WARNINGS_SHOWN = 10 };

const char *source_mode_name(SourceMode mode) {
    static const char *const NAMES[] = {"once", "follow", "snapshot_only", "no_snapshot"};
    return NAMES[mode];
}

static void label(Buf *out, const char *name) {
    buf_text(out, "  ");
    text_pad(out, slice_of(name), 14);
}

// "leat_shop","leat_shop_inserts" as the source is told; people read it without quotes.
static char *publications(const PipelinePlan *plan, Buf *names) {
    for (const char *at = plan->publication != NULL ? plan->publication : ""; *at != '\0'; at++) {
        if (*at == ',') {
            buf_text(names, ", ");
        } else if (*at != '"') {
            buf_u8(names, (uint8_t)*at);
        }
    }
    buf_u8(names, '\0');
    return (char *)names->data;
}

static void tables_text(Buf *out, const PipelinePlan *plan) {
    label(out, "tables");
    buf_printf(out, "%zu", plan->table_count);
    if (plan->rows >= 0) {
        buf_text(out, ", about ");
        text_count(out, plan->rows);
        buf_text(out, " rows");
    }
    buf_text(out, ", ");
    text_bytes(out, (double)plan->bytes);
    buf_u8(out, '\n');
    size_t width = 0, shown = MIN(plan->table_count, (size_t)TABLES_SHOWN);
    for (size_t i = 0; i < shown; i++) {
        width = MAX(width, text_width(slice_of(plan->tables[i].name)));
    }
    for (size_t i = 0; i < shown; i++) {
        DEFER(buf_release) Buf name = {0};
        text_plain(&name, slice_of(plan->tables[i].name));
        label(out, "");
        text_pad(out, buf_slice(&name), (int)MIN(width, (size_t)60) + 2);
        if (plan->tables[i].rows_expected >= 0) {
            text_count(out, plan->tables[i].rows_expected);
            buf_text(out, " rows, ");
        }
        text_bytes(out, (double)plan->tables[i].bytes_expected);
        buf_u8(out, '\n');
    }
    if (shown < plan->table_count) {
        label(out, "");
        buf_printf(out, "+%zu more\n", plan->table_count - shown);
    }
}

static void source_text(Buf *out, SourceMode mode, const PipelinePlan *plan) {
    if (mode == SOURCE_SNAPSHOT_ONLY) {
        label(out, "creates");
        buf_text(out, "nothing that stays on the source\n");
        return;
    }
    DEFER(buf_release) Buf names = {0};
    label(out, "publications");
    buf_printf(out, "%s\n", publications(plan, &names));
    label(out, "slot");
    buf_printf(out, "%s%s\n", plan->slot != NULL ? plan->slot : "", plan->slot_exists ? "" : ", to be created");
    label(out, "WAL cap");
    if (plan->slot_cap_bytes < 0) {
        buf_text(out, "none (max_slot_wal_keep_size): the slot keeps all WAL while leat does not run\n");
    } else {
        text_bytes(out, (double)plan->slot_cap_bytes);
        buf_text(out, " (max_slot_wal_keep_size): further behind, the slot is lost\n");
    }
}

void plan_text(Buf *out, const PipelineConfig *config, SourceMode mode, const PipelinePlan *plan) {
    buf_printf(out, "pipeline %s, %s\n", config->name, plan->first_run ? "first run" : "going on");
    label(out, "source");
    text_plain(out, slice_of(plan->server));
    buf_u8(out, '\n');
    tables_text(out, plan);
    source_text(out, mode, plan);
    label(out, "sink");
    text_plain(out, slice_of(config->sink_url));
    buf_printf(out, ", %s\n", config->format);
    label(out, "data");
    text_plain(out, slice_of(config->directory));
    buf_u8(out, '\n');
    for (size_t i = 0; i < plan->warning_count && i < WARNINGS_SHOWN; i++) {
        buf_text(out, "warning: ");
        text_plain(out, slice_of(plan->warnings[i]));
        buf_u8(out, '\n');
    }
    if (plan->warning_count > WARNINGS_SHOWN) {
        buf_printf(out, "warning: +%zu more; leat doctor shows all of them\n", plan->warning_count - WARNINGS_SHOWN);
    }
}

void plan_json(Buf *out, const PipelineConfig *config, SourceMode mode, const PipelinePlan *plan) {
    DEFER(buf_release) Buf names = {0};
    buf_u8(out, '{');
    json_field_text(out, "event", "plan");
    json_field_text(out, "pipeline", config->name);
    json_field_text(out, "mode", source_mode_name(mode));
    json_field_bool(out, "first_run", plan->first_run);
    json_field_text(out, "server", plan->server);
    json_field_text(out, "publications", publications(plan, &names));
    json_field_text(out, "slot", plan->slot);
    json_field_bool(out, "slot_exists", plan->slot_exists);
    json_field_int(out, "slot_cap_bytes", plan->slot_cap_bytes);
    json_field_text(out, "sink", config->sink_url);
    json_field_text(out, "format", config->format);
    json_field_text(out, "directory", config->directory);
    json_field_int(out, "rows", (int64_t)plan->rows);
    json_field_int(out, "bytes", plan->bytes);
    json_key(out, "tables");
    table_reports_json(out, plan->tables, plan->table_count, &(PipelineReportJson){.all_tables = true});
    json_key(out, "warnings");
    buf_u8(out, '[');
    for (size_t i = 0; i < plan->warning_count; i++) {
        buf_text(out, i > 0 ? "," : "");
        json_quote(out, slice_of(plan->warnings[i]));
    }
    buf_text(out, "]}\n");
}

// --- the end of a run ------------------------------------------------------------------------------------------

static void slot_text(Buf *out, const Summary *summary) {
    const PipelinePlan *plan = summary->plan;
    label(out, "slot");
    buf_printf(out, "%s stays on the source and keeps its WAL until leat runs again:\n", plan->slot);
    label(out, "");
    if (summary->last->slot_retained_bytes >= 0) {
        buf_text(out, "now ");
        text_bytes(out, (double)summary->last->slot_retained_bytes);
        buf_text(out, ", ");
    }
    if (plan->slot_cap_bytes < 0) {
        buf_text(out, "without limit (max_slot_wal_keep_size is not set)\n");
    } else {
        buf_text(out, "at most ");
        text_bytes(out, (double)plan->slot_cap_bytes);
        buf_text(out, "\n");
    }
    label(out, "go on");
    buf_text(out, "with the same command\n");
    label(out, "remove");
    buf_printf(out, "leat delete %s\n", summary->config->name);
}

void summary_text(Buf *out, const Summary *summary) {
    const PipelineReport *last = summary->last;
    buf_printf(out, "%s: ", summary->stopped ? "stopped at a checkpoint" : "done");
    text_count(out, (double)summary->rows);
    buf_text(out, " rows, ");
    text_count(out, (double)last->changes);
    buf_text(out, " changes, ");
    text_count(out, (double)last->sink.files);
    buf_text(out, " files (");
    text_bytes(out, (double)last->sink.bytes);
    buf_text(out, ") in ");
    text_duration(out, summary->elapsed_ms);
    buf_u8(out, '\n');
    label(out, "written to");
    text_plain(out, slice_of(summary->config->sink_url));
    buf_u8(out, '\n');
    if (last->dead_letters > 0) {
        label(out, "dead letters");
        text_count(out, (double)last->dead_letters);
        buf_text(out, " rows could not be carried\n");
    }
    if (summary->mode != SOURCE_SNAPSHOT_ONLY && summary->plan->slot != NULL) {
        slot_text(out, summary);
    }
}

void summary_json(Buf *out, const Summary *summary) {
    const PipelineReport *last = summary->last;
    buf_u8(out, '{');
    json_field_text(out, "event", "summary");
    json_field_text(out, "pipeline", summary->config->name);
    json_field_text(out, "result", summary->stopped ? "stopped" : "done");
    json_field_uint(out, "rows", summary->rows);
    json_field_uint(out, "changes", last->changes);
    json_field_uint(out, "files", last->sink.files);
    json_field_uint(out, "bytes", last->sink.bytes);
    json_field_uint(out, "dead_letters", last->dead_letters);
    json_field_int(out, "elapsed_ms", summary->elapsed_ms);
    json_field_lsn(out, "durable_lsn", last->durable_lsn);
    bool stays = summary->mode != SOURCE_SNAPSHOT_ONLY;
    json_field_text(out, "slot", stays ? summary->plan->slot : NULL);
    json_field_int(out, "slot_retained_bytes", last->slot_retained_bytes);
    json_field_int(out, "slot_cap_bytes", summary->plan->slot_cap_bytes);
    json_field_text(out, "sink", summary->config->sink_url);
    json_key(out, "set_aside");
    sink_tables_json(out, last->sink_tables, last->sink_table_count, true);
    buf_text(out, "}\n");
}
