// SPDX-License-Identifier: Apache-2.0
// One column as Debezium's PostgreSQL connector shows it: its shape, with the Connect schema in the notes, and its
// values.
//
// Exact but for what Debezium's own forms lose: an interval is microseconds with 30.4375 days a month, in double
// precision; timetz is moved to UTC; arrays of more dimensions become NULLs, and an array of an enum with a NULL in it
// becomes NULL; NaN and infinite numerics, infinite dates, and timestamps that 64 bits cannot tell, become NULL. All
// but the interval and the offset are counted. A numeric of negative scale keeps its value, as a Decimal of scale 0
// (Debezium misreads its scale).
//
// With `exact` an interval is text (as with interval.handling.mode=string), infinite dates and timestamps are
// "infinity" where they are text (time.precision.mode=isostring).
#ifndef LEAT_DATA_CONNECT_COLUMN_H
#define LEAT_DATA_CONNECT_COLUMN_H

#include "core/base/err.h"
#include "data/connect/notes.h"
#include "data/event/value.h"
#include "data/format/shape.h"

typedef enum DecimalMode { DECIMAL_PRECISE, DECIMAL_DOUBLE, DECIMAL_STRING } DecimalMode;
typedef enum BinaryMode { BINARY_BYTES, BINARY_BASE64, BINARY_BASE64_URL, BINARY_HEX } BinaryMode;
typedef enum TimeMode {
    TIME_ADAPTIVE,
    TIME_ADAPTIVE_MICROSECONDS,
    TIME_CONNECT,
    TIME_ISOSTRING,
    TIME_MICROSECONDS,
    TIME_NANOSECONDS,
} TimeMode;

typedef struct ColumnOptions {
    DecimalMode decimal; // decimal.handling.mode
    TimeMode time;       // time.precision.mode
    BinaryMode binary;   // binary.handling.mode
    bool hstore_map;     // hstore.handling.mode=map
    bool interval_text;  // interval.handling.mode=string
    bool unknown;        // include.unknown.datatypes
    bool exact;          // leat.exact
    int32_t money_digits;
    Slice placeholder; // unavailable.value.placeholder, as bytes
} ColumnOptions;

extern const ColumnOptions COLUMN_DEFAULTS;

typedef struct ConnectColumn ConnectColumn;
struct ConnectColumn {
    uint8_t form;  // how values are made (column_form.h)
    uint8_t value; // the ValueKind that is expected; VALUE_NULL = any
    bool money;
    Shape shape;
    const Type *type;
    const ColumnOptions *options;
    const ConnectColumn *element; // of a list
    Value unavailable;            // stands for an unchanged out-of-line value; may be NULL
    Value zero;                   // stands for NULL where the shape is not optional
};

// Makes `column` of a type and options that outlive it. False: Debezium leaves columns of this type out.
bool connect_column(Arena *arena, const ColumnOptions *options, const Type *type, bool optional, ConnectColumn *column);

// One value, good as long as `scratch` and what `from` borrows. *inexact grows by one for each value that becomes NULL.
// ERR_VALUE: it is none of its type.
CHECKED bool connect_value(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                           Err *err);

// Bytes in the form of a mode: BYTES, else STRING; NULL stays.
Value connect_binary(Arena *arena, BinaryMode mode, const Value *bytes);

#endif
