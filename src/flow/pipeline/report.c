// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/report.h"

#include "core/base/json.h"
#include "core/sys/clock.h"

#include <unistd.h>

#define MONTH_MS    (30.0 * 24 * 3600 * 1000)
#define COST_MS_MIN 60000 // a rate of less is none

const char *pipeline_phase_name(PipelinePhase phase) {
    static const char *const NAMES[] = {"connecting", "snapshot", "catching_up", "streaming",
                                        "flushing",   "waiting",  "done"};
    return NAMES[phase];
}

static void table_json(Buf *buf, const TableReport *table) {
    buf_u8(buf, '{');
    json_field_text(buf, "table", table->name);
    json_field_text(buf, "state", table_state_name(table->state));
    if (table->reason != NULL) {
        json_field_text(buf, "reason", table->reason);
        json_field_lsn(buf, "lsn", table->lsn);
    }
    if (table->rows_expected >= 0) {
        json_field_int(buf, "rows_expected", (int64_t)table->rows_expected);
    }
    json_field_int(buf, "bytes_expected", table->bytes_expected);
    json_field_uint(buf, "snapshot_rows", table->snapshot_rows);
    json_field_uint(buf, "snapshot_bytes", table->snapshot_bytes);
    json_field_uint(buf, "changes", table->changes);
    buf_u8(buf, '}');
}

void table_reports_json(Buf *buf, const TableReport *tables, size_t count, const PipelineReportJson *how) {
    bool first = true;
    buf_u8(buf, '[');
    for (size_t i = 0; i < count; i++) {
        bool quiet = tables[i].state == TABLE_STREAMING && tables[i].changes == 0 && tables[i].snapshot_rows == 0;
        if (how->all_tables || !quiet) {
            buf_text(buf, first ? "" : ",");
            table_json(buf, &tables[i]);
            first = false;
        }
    }
    buf_u8(buf, ']');
}

static void sink_table_json(Buf *buf, const SinkTable *table, int64_t now_us) {
    buf_u8(buf, '{');
    json_key(buf, "table");
    json_quote(buf, table->topic);
    if (table->aside != NULL) {
        json_field_text(buf, "aside", table->aside);
    } else {
        if (table->committed_us != 0) {
            json_field_int(buf, "committed_ms", table->committed_us / 1000);
        }
        json_field_int(buf, "lag_ms", table->waiting_us != 0 ? MAX(now_us - table->waiting_us, INT64_C(0)) / 1000 : 0);
        json_field_uint(buf, "pending_rows", table->waiting_rows);
    }
    buf_u8(buf, '}');
}

void sink_tables_json(Buf *buf, const SinkTable *tables, size_t count, bool aside) {
    int64_t now_us = clock_wall_us();
    bool first = true;
    buf_u8(buf, '[');
    for (size_t i = 0; i < count; i++) {
        if (!aside || tables[i].aside != NULL) {
            buf_text(buf, first ? "" : ",");
            sink_table_json(buf, &tables[i], now_us);
            first = false;
        }
    }
    buf_u8(buf, ']');
}

// What the sink asked of its store, and what a month at this rate would cost. Nothing for a store that costs nothing.
static void requests_json(Buf *buf, const PipelineReport *report) {
    const StoreUsage *usage = &report->sink.requests;
    if (usage->put + usage->multipart + usage->part + usage->get + usage->head + usage->list == 0) {
        return;
    }
    if (report->sink.commits > 0) {
        json_field_uint(buf, "sink_commits", report->sink.commits);
    }
    json_key(buf, "sink_requests");
    buf_u8(buf, '{');
    json_field_uint(buf, "put", usage->put);
    json_field_uint(buf, "multipart", usage->multipart);
    json_field_uint(buf, "part", usage->part);
    json_field_uint(buf, "get", usage->get);
    json_field_uint(buf, "head", usage->head);
    json_field_uint(buf, "list", usage->list);
    json_field_uint(buf, "remove", usage->remove);
    json_field_uint(buf, "retries", usage->retries);
    json_field_uint(buf, "bytes_up", usage->bytes_up);
    json_field_uint(buf, "bytes_down", usage->bytes_down);
    buf_u8(buf, '}');
    if (report->elapsed_ms >= COST_MS_MIN) {
        double months = (double)report->elapsed_ms / MONTH_MS;
        json_key(buf, "sink_month_requests_usd");
        buf_printf(buf, "%.2f", store_requests_cost(usage) / months);
        json_key(buf, "sink_month_storage_usd");
        buf_printf(buf, "%.2f", (double)report->sink.bytes / 1e9 * STORE_GB_MONTH_COST / months);
    }
}

// A sink that is not open yet, or cannot be, does not look by itself.
static uint64_t behind_bytes(const SinkPumpLook *look, Journal *journal) {
    JournalInfo info = {0};
    if (journal == NULL || (look->tries == 0 && look->pin != 0)) {
        return look->behind_bytes;
    }
    journal_info(journal, &info);
    LogPosition from = MAX(look->pin, info.begin);
    return info.end > from ? info.end - from : 0;
}

void pipeline_report_sink(PipelineReport *report, const SinkPumpLook *look, Journal *journal) {
    report->sink = look->stats;
    report->sink_behind_bytes = behind_bytes(look, journal);
    report->sink_tries = look->tries;
    report->sink_away_ms = (uint64_t)look->away_ms;
    report->sink_trouble = look->trouble[0] != '\0' ? look->trouble : NULL;
}

void retention_json(Buf *buf, double share, const char *of) {
    if (share >= 0) {
        json_key(buf, "retention_share");
        buf_printf(buf, "%.3g", share);
        json_field_text(buf, "retention_of", of);
    }
}

void pipeline_report_json(Buf *buf, const PipelineReport *report, const PipelineReportJson *how) {
    json_field_text(buf, "phase", pipeline_phase_name(report->phase));
    json_field_text(buf, "trouble", report->trouble);
    json_field_int(buf, "elapsed_ms", report->elapsed_ms);
    json_field_uint(buf, "changes", report->changes);
    json_field_lsn(buf, "source_lsn", report->source_lsn);
    json_field_lsn(buf, "durable_lsn", report->durable_lsn);
    json_field_int(buf, "lag_bytes", report->lag_bytes);
    json_field_int(buf, "lag_ms", report->lag_ms);
    json_field_int(buf, "slot_retained_bytes", report->slot_retained_bytes);
    json_field_int(buf, "slot_safe_bytes", report->slot_safe_bytes);
    retention_json(buf, report->retention_share, report->retention_of);
    json_field_uint(buf, "journal_bytes", report->journal_bytes);
    json_field_uint(buf, "commits", report->commits);
    json_field_uint(buf, "commit_us", report->commit_us);
    json_field_uint(buf, "queue_bytes", report->queue_bytes);
    json_field_uint(buf, "queue_bytes_max", report->queue_bytes_max);
    json_field_uint(buf, "sink_behind_bytes", report->sink_behind_bytes);
    json_field_text(buf, "sink_trouble", report->sink_trouble);
    json_field_uint(buf, "sink_tries", report->sink_tries);
    json_field_uint(buf, "sink_away_ms", report->sink_away_ms);
    json_field_uint(buf, "sink_events", report->sink.events);
    json_field_uint(buf, "sink_bytes", report->sink.bytes);
    json_field_uint(buf, "sink_files", report->sink.files);
    json_field_uint(buf, "sink_published_ms", report->sink.published_ms);
    requests_json(buf, report);
    json_field_uint(buf, "dead_letters", report->dead_letters);
    json_key(buf, "tables");
    table_reports_json(buf, report->tables, report->table_count, how);
    if (report->sink_table_count > 0) {
        json_key(buf, "sink_tables");
        sink_tables_json(buf, report->sink_tables, report->sink_table_count, !how->all_tables);
    }
}

void pipeline_status_json(Buf *buf, const PipelineReport *report) {
    buf_u8(buf, '{');
    json_field_int(buf, "pid", getpid());
    json_field_int(buf, "time_ms", clock_wall_us() / 1000);
    pipeline_report_json(buf, report, &(PipelineReportJson){.all_tables = true});
    buf_text(buf, "}\n");
}
