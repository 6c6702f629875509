// SPDX-License-Identifier: Apache-2.0
// What a database held at one moment, for comparisons (flow/source/source.h): a temporary slot exports a snapshot, or a
// physical standby holds still for as long as it takes to open one; tables are read by COPY as snapshots of a pipeline
// are (same relation, same codecs), in any number of threads.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_COMPARE_H
#define LEAT_FLOW_SOURCE_POSTGRES_COMPARE_H

#include "flow/source/source.h"

bool pg_compare_open(const SourceContext *context, const SourceCompareOptions *options, void **state,
                     SourceMoment *moment, Err *err);
bool pg_compare_tables(void *state, Arena *arena, SourceCompareTable **tables, size_t *count, Err *err);
bool pg_compare_table(void *state, Slice topic, const SourceCompare *what, SourceCompareRow row, void *context,
                      Err *err);
void pg_compare_close(void *state);
bool pg_compare_reached(const Position *cut, const SourceMoment *moment);

#endif
