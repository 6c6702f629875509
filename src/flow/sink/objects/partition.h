// SPDX-License-Identifier: Apache-2.0
// Partitions: to which folder below its table a record belongs, and its time.
//
// Fields are named by a column, or by a path through composites (envelope flat) or the envelope's structs (after.id).
// Of leat's own fields of flat records, __op, __deleted and __source_ts_ms can be named too.
#ifndef LEAT_FLOW_SINK_OBJECTS_PARTITION_H
#define LEAT_FLOW_SINK_OBJECTS_PARTITION_H

#include "data/format/record.h"
#include "flow/sink/objects/options.h"

// Where a field is, compiled for one schema.
typedef struct FieldPath FieldPath;

typedef struct PartitionPlan {
    const FieldPath *fields; // PARTITION_FIELD: rules->field_count of them
    const FieldPath *time;   // TIME_FIELD
} PartitionPlan;

// `shape`: of the records' values; NULL: they are rows. ERR_TABLE: the table has no such field, or it is of a type that
// makes no folder or no time.
CHECKED bool partition_plan(Arena *arena, const Rules *rules, const Schema *schema, const Shape *shape,
                            PartitionPlan *plan, Err *err);

// One per sink: remembers the stretch of time without a change of the clocks, and now, for a batch of records.
typedef struct Partitioner {
    const Rules *rules;
    ZoneSpan span;
    int64_t now_ms; // wall clock, set by the caller
} Partitioner;

// Milliseconds since 1970, of a time that PostgreSQL has: a number beyond is the nearest. A field without a value
// counts as the time of its commit.
CHECKED bool partition_time(const Partitioner *partitioner, const PartitionPlan *plan, const Record *record,
                            int64_t *time_ms, Err *err);
// PARTITION_TIME: equal buckets are equal folders.
int64_t partition_bucket(Partitioner *partitioner, int64_t time_ms);
void partition_bucket_text(Partitioner *partitioner, Buf *buf, int64_t bucket);
// PARTITION_FIELD
CHECKED bool partition_fields_text(const Rules *rules, const PartitionPlan *plan, const Record *record, Buf *buf,
                                   Err *err);
// Local seconds of a moment, for {Y} and the like in names.
int64_t partition_local_s(Partitioner *partitioner, int64_t time_ms);

#endif
