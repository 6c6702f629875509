// SPDX-License-Identifier: Apache-2.0
// The shape of records as file formats know it: what a table's rows become in Parquet, Avro and the lake. A smaller set
// of types than the source's (data/event/type.h): the one table that maps these into those is data/format/flat.c.
//
// Each kind takes values of exactly one form, so a format's writer is one switch over kinds:
//
//     BOOL FALSE, TRUE · INT32 and INT64 INT · FLOAT32 FLOAT32 · FLOAT64 FLOAT64 · DECIMAL DECIMAL · STRING STRING ·
//     BYTES BYTES · DATE DATE · TIME TIME · TIMESTAMP TIMESTAMP · TIMESTAMPTZ TIMESTAMPTZ · UUID UUID · LIST LIST ·
//     STRUCT STRUCT (one item a field) · MAP MAP (keys are strings)
//
// or NULL where the shape is optional. Days and microseconds count from 2000-01-01 as in data/event/value.h: writers
// move them to their format's epoch. Infinite dates and times, NaN decimals and the like never arrive: whoever makes
// the records has dealt with them.
#ifndef LEAT_DATA_FORMAT_SHAPE_H
#define LEAT_DATA_FORMAT_SHAPE_H

#include "core/base/arena.h"

typedef enum ShapeKind {
    SHAPE_BOOL,
    SHAPE_INT32,
    SHAPE_INT64,
    SHAPE_FLOAT32,
    SHAPE_FLOAT64,
    SHAPE_DECIMAL, // precision 1 to 38, scale 0 to precision; its value fits, exactly
    SHAPE_STRING,  // UTF-8
    SHAPE_BYTES,
    SHAPE_DATE,
    SHAPE_TIME,        // microseconds since midnight, below 24:00
    SHAPE_TIMESTAMP,   // microseconds, no zone
    SHAPE_TIMESTAMPTZ, // microseconds, UTC
    SHAPE_UUID,
    SHAPE_LIST,
    SHAPE_STRUCT,
    SHAPE_MAP,
} ShapeKind;

typedef struct Shape Shape;
typedef struct ShapeField ShapeField;

// An attribute of a schema that is kept where the format can (Avro): "connect.name" and "\"io.debezium.time.Date\"".
#define SHAPE_NOTE_JSON "leat.json" // of a STRING: it is a JSON document, which files of JSON have as it is
typedef struct ShapeNote {
    Slice name;
    Slice json;
} ShapeNote;

struct Shape {
    ShapeKind kind;
    bool optional;
    int32_t precision;  // DECIMAL
    int32_t scale;      // DECIMAL
    int32_t id;         // the field's number in Parquet and Iceberg; 0 = none
    int32_t element_id; // LIST: of the elements; MAP: of the values (keys: one less); 0 = none
    Slice name;         // STRUCT: of the record type, dotted ("shop.public.orders.Value"); empty = made from the path
    Slice doc;
    const Shape *element;     // LIST; MAP: of the values
    const ShapeField *fields; // STRUCT
    uint32_t field_count;
    const ShapeNote *notes;
    uint32_t note_count;
};

struct ShapeField {
    Slice name;
    Shape shape;
    Slice default_json; // empty = none; "null" where NULL is the default
};

bool shape_equal(const Shape *a, const Shape *b); // notes and docs count
Shape shape_copy(Arena *arena, const Shape *shape);
const char *shape_kind_name(ShapeKind kind);
// Position of a field, -1 when absent.
int32_t shape_find(const Shape *shape, Slice name);

#endif
