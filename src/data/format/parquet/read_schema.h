// SPDX-License-Identifier: Apache-2.0
// A file's schema as a shape, and as the tree of nodes by which records are put together from levels. Other writers'
// forms are read as LogicalTypes.md says ("backward compatibility"): lists of two levels, converted types, repeated
// fields without a list.
//
// What shapes do not have: INT8 to UINT16 become INT32, UINT32 INT64, UINT64 DECIMAL(20,0); FLOAT16 FLOAT32; INTERVAL
// and BSON BYTES; INT96 TIMESTAMP; milliseconds and nanoseconds microseconds (a value that is no whole number of them
// is an error); a map whose keys are no strings, or without values, a list of structs.
#ifndef LEAT_DATA_FORMAT_PARQUET_READ_SCHEMA_H
#define LEAT_DATA_FORMAT_PARQUET_READ_SCHEMA_H

#include "data/format/parquet/decode_values.h"
#include "data/format/parquet/metadata.h"
#include "data/format/shape.h"

// How a cell becomes a value.
typedef enum Conversion {
    CONVERT_BOOL,
    CONVERT_INTEGER,
    CONVERT_UINT32,
    CONVERT_UINT64, // DECIMAL(20,0)
    CONVERT_FLOAT32,
    CONVERT_FLOAT64,
    CONVERT_FLOAT16,
    CONVERT_DECIMAL_INTEGER,
    CONVERT_DECIMAL_BYTES,
    CONVERT_STRING,
    CONVERT_BYTES,
    CONVERT_UUID,
    CONVERT_DATE,
    CONVERT_TIME,      // unit
    CONVERT_TIMESTAMP, // unit; the shape says whether with zone
    CONVERT_INT96,
} Conversion;

typedef struct Leaf {
    Slice path; // dotted
    ValueForm form;
    Conversion conversion;
    TimeUnit unit;
    ShapeKind kind;
    int32_t precision, scale;
    uint32_t definition_max, repetition_max;
} Leaf;

typedef struct Node Node;
struct Node {
    ShapeKind kind;
    uint32_t entered;         // what holds it is there: no entry has a lower level
    uint32_t definition;      // from this level on it is not NULL
    uint32_t item_definition; // LIST, MAP: from this level on there is an item
    uint32_t repetition;      // LIST, MAP: the level of a further item
    uint32_t leaf;            // the first below it
    uint32_t leaf_count;
    const Node *children; // STRUCT: the fields; LIST: the item; MAP: key and value
    uint32_t child_count;
};

typedef struct ReadSchema {
    Shape shape; // a STRUCT
    Node root;
    const Leaf *leaves;
    uint32_t leaf_count;
} ReadSchema;

enum { READ_LEAVES_MAX = 16384, READ_DEPTH_MAX = 100 };

// Copies what it keeps into the arena. ERR_VALUE names the column that cannot be read.
CHECKED bool read_schema(Arena *arena, const SchemaElement *elements, uint32_t count, ReadSchema *schema, Err *err);

#endif
