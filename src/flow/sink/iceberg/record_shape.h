// SPDX-License-Identifier: Apache-2.0
// Connect's schemas as types of columns, by the rules of Iceberg's sink connector:
//
//     BOOLEAN boolean · INT8, INT16, INT32 int · INT64 long · FLOAT32 float · FLOAT64 double · STRING string · BYTES
//     binary · Decimal decimal(38, scale) · Connect's Date date, Time time, Timestamp timestamptz · ARRAY list · MAP
//     map (keys are strings) · STRUCT struct; io.debezium.time.* and other names: as their plain types
//
// Without schemas, of values: a whole number is a long, another one a double; nulls, empty lists and empty structs have
// no type, and so no column.
#ifndef LEAT_FLOW_SINK_ICEBERG_RECORD_SHAPE_H
#define LEAT_FLOW_SINK_ICEBERG_RECORD_SHAPE_H

#include "core/base/err.h"
#include "data/event/value.h"
#include "data/format/shape.h"
#include "flow/sink/record_rules.h"

// How a value is seen: what a converter would have made of it for the original.
typedef enum RecordClass {
    RECORD_NONE, // not a value that a column takes
    RECORD_BOOL,
    RECORD_INT,
    RECORD_REAL,
    RECORD_DECIMAL,
    RECORD_TEXT,
    RECORD_BYTES,
    RECORD_DATE, // days since 1970, as is RECORD_TIME milliseconds since midnight: Connect's own types
    RECORD_TIME,
    RECORD_TIMESTAMP, // milliseconds since 1970
    RECORD_LIST,
    RECORD_MAP,
    RECORD_STRUCT,
} RecordClass;

// `shape` NULL: by the value alone.
RecordClass record_class(const RecordRules *rules, const Shape *shape, const Value *value);
const char *record_class_name(RecordClass class);

// The column's type of a schema; ids are 0. `optional` as the schema, or the rules, say.
Shape record_shape(Arena *arena, const RecordRules *rules, const Shape *from);
// The same of a value without schema (`from` NULL, or what the source knew it as). False: it has none.
bool record_infer(Arena *arena, const RecordRules *rules, const Shape *from, const Value *value, Shape *shape);

// A table's struct as it must be to take all fields of `from` (record_shape's or record_infer's): fields that it lacks
// are added, an int becomes a long and a float a double, and what may be null optional. New ids are above *last. Equal
// to `table` where nothing changes: *changed stays as it is.
Shape record_evolve(Arena *arena, const RecordRules *rules, const Shape *table, const Shape *from, int32_t *last,
                    bool *changed);
// A field of that name, -1 when absent.
int32_t record_field(const RecordRules *rules, const Shape *shape, Slice name);

#endif
