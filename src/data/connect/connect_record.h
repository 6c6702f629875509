// SPDX-License-Identifier: Apache-2.0
// A record as Kafka Connect knows it between a source and a converter: SourceRecord and SinkRecord. Schemas are Shapes
// whose notes (data/connect/column.h) carry what only Connect has: names, versions, parameters, defaults.
//
// Shapes are made once and stay as long as the program that made them: equal pointers are equal shapes, so transforms,
// converters and sinks keep what they compile per shape by its address.
#ifndef LEAT_DATA_CONNECT_CONNECT_RECORD_H
#define LEAT_DATA_CONNECT_CONNECT_RECORD_H

#include "data/event/value.h"
#include "data/format/shape.h"

typedef struct ConnectHeader {
    Slice name;
    const Shape *shape; // NULL = no schema
    const Value *value; // NULL = null
} ConnectHeader;

typedef struct ConnectRecord {
    Slice topic;
    const Shape *key_shape;   // NULL = no schema (no key, or schemaless)
    const Value *key;         // one value of the shape, of any kind (STRUCT most often); NULL = null
    const Shape *value_shape; // may be set while value is NULL: the null that has a schema
    const Value *value;       // NULL = null: a tombstone
    const ConnectHeader *headers;
    size_t header_count;
    int64_t timestamp_ms; // since 1970; -1 = none
    uint64_t offset;      // sinks only: in the topic
    int32_t partition;    // -1 = none
} ConnectRecord;

enum { CONNECT_RECORDS_MAX = 3 }; // that one event can become

#endif
