// SPDX-License-Identifier: Apache-2.0
// A PipelineReport as JSON: status.json, and the progress lines of `leat sync`.
#ifndef LEAT_FLOW_PIPELINE_REPORT_H
#define LEAT_FLOW_PIPELINE_REPORT_H

#include "core/base/buf.h"
#include "flow/pipeline/pipeline.h"
#include "flow/pipeline/sink_pump.h"

// The fields, without the braces around them, so that a caller can put its own before or after. Tables in state
// `streaming` without changes are left out unless `all_tables`.
typedef struct PipelineReportJson {
    bool all_tables;
} PipelineReportJson;
void pipeline_report_json(Buf *buf, const PipelineReport *report, const PipelineReportJson *how);

// What its pump says of the sink; the report borrows the look. `journal` is open, or NULL.
void pipeline_report_sink(PipelineReport *report, const SinkPumpLook *look, Journal *journal);

// "retention_share" and "retention_of", as fields; nothing where the share is -1.
void retention_json(Buf *buf, double share, const char *of);

// One object for status.json: the report's fields, all tables, "pid" and "time_ms" (wall clock, ms since 1970).
void pipeline_status_json(Buf *buf, const PipelineReport *report);

// [{"table":"public.orders","committed_ms":…,"lag_ms":…,"pending_rows":…,"aside":…},…] of the sink's; lag_ms: how long
// ago the oldest change happened that is not committed, 0 = all are. With `aside` only those that are set aside.
void sink_tables_json(Buf *buf, const SinkTable *tables, size_t count, bool aside);

// [{"table":"public.orders","state":"snapshot",…},…]
void table_reports_json(Buf *buf, const TableReport *tables, size_t count, const PipelineReportJson *how);

#endif
