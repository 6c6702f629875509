// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's geometric types as Debezium shows them: structs with the WKB (little-endian) of the OGC's simple
// features.
#ifndef LEAT_DATA_CONNECT_GEOMETRY_H
#define LEAT_DATA_CONNECT_GEOMETRY_H

#include "core/base/err.h"
#include "data/event/value.h"
#include "data/format/shape.h"

typedef enum Geometry {
    GEOMETRY_POINT,
    GEOMETRY_LINE,
    GEOMETRY_LSEG,
    GEOMETRY_BOX,
    GEOMETRY_PATH,
    GEOMETRY_POLYGON,
    GEOMETRY_CIRCLE,
    GEOMETRY_POSTGIS,   // hexadecimal EWKB
    GEOMETRY_GEOGRAPHY, // likewise
} Geometry;

Shape geometry_shape(Arena *arena, Geometry geometry);
// Of the text that PostgreSQL prints. ERR_VALUE: it is none.
CHECKED bool geometry_value(Geometry geometry, Arena *arena, Slice text, Value *value, Err *err);
// All numbers in a text, whatever is between them; at most `max`, else SIZE_MAX. For pgvector's types too.
size_t geometry_numbers(Arena *arena, Slice text, double *numbers, size_t max);

#endif
