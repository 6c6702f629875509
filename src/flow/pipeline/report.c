// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/report.h"

#include "core/base/json.h"
#include "core/sys/clock.h"

#include <unistd.h>

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
    json_field_uint(buf, "journal_bytes", report->journal_bytes);
    json_field_uint(buf, "sink_behind_bytes", report->sink_behind_bytes);
    json_field_uint(buf, "sink_events", report->sink.events);
    json_field_uint(buf, "sink_bytes", report->sink.bytes);
    json_field_uint(buf, "sink_files", report->sink.files);
    json_field_uint(buf, "sink_published_ms", report->sink.published_ms);
    json_field_uint(buf, "dead_letters", report->dead_letters);
    json_key(buf, "tables");
    table_reports_json(buf, report->tables, report->table_count, how);
}

void pipeline_status_json(Buf *buf, const PipelineReport *report) {
    buf_u8(buf, '{');
    json_field_int(buf, "pid", getpid());
    json_field_int(buf, "time_ms", clock_wall_us() / 1000);
    pipeline_report_json(buf, report, &(PipelineReportJson){.all_tables = true});
    buf_text(buf, "}\n");
}
