// SPDX-License-Identifier: Apache-2.0
// Any Avro schema, parsed: the types as the data are encoded, and the shape that each becomes.
#ifndef LEAT_DATA_FORMAT_AVRO_PARSE_H
#define LEAT_DATA_FORMAT_AVRO_PARSE_H

#include "core/base/err.h"
#include "data/format/shape.h"

typedef enum AvroKind {
    AVRO_NULL,
    AVRO_BOOLEAN,
    AVRO_INT,
    AVRO_LONG,
    AVRO_FLOAT,
    AVRO_DOUBLE,
    AVRO_BYTES,
    AVRO_STRING,
    AVRO_FIXED,
    AVRO_ENUM,
    AVRO_ARRAY,
    AVRO_MAP,
    AVRO_RECORD,
    AVRO_UNION,
    AVRO_AGAIN, // a record within itself
} AvroKind;

typedef enum AvroLogical {
    AVRO_PLAIN,
    AVRO_DECIMAL,
    AVRO_DATE,
    AVRO_MILLIS, // a time or timestamp, by the shape's kind
    AVRO_MICROS,
    AVRO_UUID,
} AvroLogical;

// What reading one field of a record first looks at: small, so that those of a wide record stay in the cache.
typedef struct AvroField {
    uint8_t
        leaf; // the AvroKind of a null, int, long, bytes or string without a logical type; AVRO_AGAIN: none of these
    uint8_t null;  // of a union of null and such a leaf: how null's number is encoded; AVRO_NO_UNION
    bool left_out; // it is passed over (avro_reader_only); its leaf may have a logical type
} AvroField;
enum { AVRO_NO_UNION = 0xff };

typedef struct AvroType AvroType;
struct AvroType {
    AvroKind kind;
    AvroLogical logical;
    uint32_t size;          // FIXED
    Slice name;             // the full name of RECORD, ENUM, FIXED
    const Slice *symbols;   // ENUM
    const AvroType **parts; // RECORD: of its fields; UNION: its branches; ARRAY, MAP: of the items; AGAIN: the record
    uint32_t part_count;    // ENUM: of its symbols
    AvroField *fields;      // RECORD
    bool open;              // RECORD: its fields are still being read
    uint32_t nodes;         // of the shape written out in full
    Shape shape;
};

// Of a field of this type.
AvroField avro_field(const AvroType *type, bool left_out);

// The type lives in the arena. ERR_VALUE says what is wrong and where. With `plain`, dates, times and UUIDs are the
// numbers and texts that they are encoded as, their logical types are notes.
CHECKED bool avro_schema_parse(Arena *arena, Slice json, bool plain, const AvroType **type, Err *err);

#endif
