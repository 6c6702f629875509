// SPDX-License-Identifier: Apache-2.0
// Values of Connect records as values of a table's columns, whatever type these have, as Iceberg's sink connector
// converts them, but exactly: a value that its column would hold only rounded, cut or wrapped is ERR_VALUE.
//
//     int, long    whole numbers, texts of such
//     float        whole numbers that it has exactly, other numbers (of 64 bits: the nearest), texts
//     double       whole numbers that it has exactly, other numbers, texts
//     decimal      numbers, texts that need no more digits than the column has
//     boolean      booleans, texts: "true", whatever its case, is true, all others false
//     string       texts, numbers and booleans as Java prints them; lists, maps and structs as JSON
//     uuid         texts
//     binary       bytes, texts of base64
//     date         Connect's Date, numbers of days, texts; io.debezium.time.* by what they mean, as below
//     time         Connect's Time, numbers of milliseconds, texts
//     timestamp    Connect's Timestamp, numbers of milliseconds, texts
//     list, map, struct   item by item; a struct from a map, and a map from a struct without schema
#ifndef LEAT_FLOW_SINK_ICEBERG_RECORD_CAST_H
#define LEAT_FLOW_SINK_ICEBERG_RECORD_CAST_H

#include "flow/sink/iceberg/record_shape.h"

typedef struct RecordCast RecordCast; // compiled for a record's shape and a table's

// `from` is a STRUCT, or NULL: values are maps without schema. Both outlive the cast, which lives in the arena.
RecordCast *record_cast_new(Arena *arena, const RecordRules *rules, const Shape *from, const Shape *table);
// One value a column into `row`, good as long as `scratch` and the record. `partial`: of a row that goes, whose key is
// all that is looked at; what is required may be missing. *lacking: a field has a value, and the table no column for
// it. ERR_VALUE names the field.
CHECKED bool record_cast_row(const RecordCast *cast, Arena *scratch, const Value *value, bool partial, Value *row,
                             bool *lacking, Err *err);

#endif
