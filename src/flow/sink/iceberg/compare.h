// SPDX-License-Identifier: Apache-2.0
// The lake beside its source (flow/verify): its tables as they stood at a tag, read by any process; and in the process
// that writes, tags that keep these snapshots.
#ifndef LEAT_FLOW_SINK_ICEBERG_COMPARE_H
#define LEAT_FLOW_SINK_ICEBERG_COMPARE_H

#include "flow/sink/iceberg/table.h"
#include "flow/sink/sink.h"

// As SinkDriver has them.
CHECKED bool lake_compare_open(const SinkContext *context, const SinkCompareOptions *options, void **compare, Err *err);
CHECKED bool lake_compare_table(void *compare, Slice topic, const Schema *schema, Arena *arena, SinkCompareTable *table,
                                Err *err);
CHECKED bool lake_compare_map(const SinkCompareTable *table, Arena *scratch, const Schema *schema, const Event *event,
                              const Value **values, uint64_t *lost, uint64_t *inexact, Err *err);
CHECKED bool lake_compare_rows(const SinkCompareTable *table,
                               bool (*row)(void *context, const SinkCompareRow *row, Err *err), void *context,
                               Err *err);
void lake_compare_table_close(SinkCompareTable *table);
void lake_compare_close(void *compare);

// Every table of the pipeline that has a snapshot gets the tag, or loses it, in one commit where the catalog can. Those
// that are open know it then. A tag that a dead process leaves behind is taken away with its snapshot after a day
// (max-ref-age-ms).
CHECKED bool lake_tag(Lake *lake, const Map *tables, const char *tag, Err *err);
CHECKED bool lake_untag(Lake *lake, const Map *tables, const char *tag, Err *err);

#endif
