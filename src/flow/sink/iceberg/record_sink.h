// SPDX-License-Identifier: Apache-2.0
// The lake as the sink of a connector: records in place of events, routed to tables by the connector's rules.
#ifndef LEAT_FLOW_SINK_ICEBERG_RECORD_SINK_H
#define LEAT_FLOW_SINK_ICEBERG_RECORD_SINK_H

#include "flow/sink/iceberg/table.h"
#include "flow/sink/sink.h"

typedef struct RecordSink RecordSink;

// What is referred to outlives it. Tables that it opens are put into `tables`, as LakeTable, under their names.
RecordSink *record_sink_new(Lake *lake, const RecordRules *rules, const SinkRecords *records, Map *tables);
void record_sink_free(RecordSink *sink); // NULL is fine; before the tables are closed
// *touched: rows of it wait for a commit. Resets the lake's scratch.
CHECKED bool record_sink_take(RecordSink *sink, const JournalEntry *entry, bool *touched, Err *err);
// Behind a commit: DIRECTORY/offsets.json, what record_sink_offsets reads.
CHECKED bool record_sink_save(RecordSink *sink, const char *directory, Err *err);
CHECKED bool record_sink_offsets(const char *directory, Arena *arena, SinkOffset **offsets, size_t *count, Err *err);

#endif
