// SPDX-License-Identifier: Apache-2.0
// One column as Debezium's PostgreSQL connector shows it with its default options (decimals precise, time adaptive,
// hstore json, interval numeric, unknown types left out): its shape, with the Connect schema in the notes, and its
// values.
//
// Exact but for what Debezium's own forms lose: an interval is microseconds with 30.4375 days a month, in double
// precision; timetz is moved to UTC; arrays of more dimensions become NULLs, and an array of an enum with a NULL in it
// becomes NULL; NaN and infinite numerics, infinite dates, and timestamps that microseconds since 1970 in 64 bits
// cannot tell, become NULL. All but the interval and the offset are counted. A numeric of negative scale keeps its
// value, as a Decimal of scale 0 (Debezium misreads its scale).
#ifndef LEAT_DATA_CONNECT_COLUMN_H
#define LEAT_DATA_CONNECT_COLUMN_H

#include "core/base/err.h"
#include "data/event/value.h"
#include "data/format/shape.h"

typedef struct ConnectColumn ConnectColumn;
struct ConnectColumn {
    uint8_t form;  // how values are made (column.c)
    uint8_t value; // the ValueKind that is expected
    Shape shape;
    const Type *type;
    const ConnectColumn *element; // of a list
    Value unavailable;            // stands for an unchanged out-of-line value; may be NULL
    Value zero;                   // stands for NULL where the shape is not optional
};

// Makes `column` of a type that outlives it. False: Debezium leaves columns of this type out.
bool connect_column(Arena *arena, const Type *type, bool optional, ConnectColumn *column);

// One value, good as long as `scratch` and what `from` borrows. *inexact grows by one for each value that becomes NULL.
// ERR_VALUE: it is none of its type.
CHECKED bool connect_value(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                           Err *err);

// The note `name` of a shape, as JSON text; empty when there is none.
Slice connect_note(const Shape *shape, const char *name);
// Sets a shape's Connect name, version and, unless NULL, its parameters (JSON) and doc.
void connect_describe(Arena *arena, Shape *shape, const char *name, int version, const char *parameters,
                      const char *doc);
void connect_note_add(Arena *arena, Shape *shape, const char *name, Slice json);

#endif
