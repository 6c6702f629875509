// SPDX-License-Identifier: Apache-2.0
// Published files against the source: SinkDriver.compare_*. Files hold changes, so what is compared is the newest row
// of each key below the moment. The row of a JSON file is compared as JSON text, value by value, for the source's row
// is made such a line, too; those of Avro and Parquet by the values of the record. Of Debezium's envelopes what counts
// is `after`, and `before` of a delete, in the order of source.sequence.
#ifndef LEAT_FLOW_SINK_OBJECTS_COMPARE_H
#define LEAT_FLOW_SINK_OBJECTS_COMPARE_H

#include "flow/sink/sink.h"

CHECKED bool objects_compare_open(const SinkContext *context, const SinkCompareOptions *options, void **compare,
                                  Err *err);
CHECKED bool objects_compare_table(void *compare, Slice topic, const Schema *schema, Arena *arena,
                                   SinkCompareTable *table, Err *err);
CHECKED bool objects_compare_map(const SinkCompareTable *table, Arena *scratch, const Schema *schema,
                                 const Event *event, const Value **values, uint64_t *lost, uint64_t *inexact, Err *err);
CHECKED bool objects_compare_rows(const SinkCompareTable *table,
                                  bool (*row)(void *context, const SinkCompareRow *row, Err *err), void *context,
                                  Err *err);
void objects_compare_table_close(SinkCompareTable *table);
void objects_compare_close(void *compare);

#endif
