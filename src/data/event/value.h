// SPDX-License-Identifier: Apache-2.0
// THE WAIST, part 2: one value. 24 bytes, passed by pointer, borrows its bytes. It knows its own form (kind), so it
// can be read without its type; the type adds meaning (precision, labels, names).
#ifndef LEAT_DATA_EVENT_VALUE_H
#define LEAT_DATA_EVENT_VALUE_H

#include "data/event/type.h"

// X(kind, what the union holds). The numbers are part of the journal's format: add at the end only.
//
// Days and microseconds count from 2000-01-01 00:00 (UTC where there is a zone), so that every date and timestamp
// that PostgreSQL can hold fits. Infinities are the type's extremes: INT32_MIN/MAX days, INT64_MIN/MAX microseconds.
#define VALUE_KINDS(X)                                                                                      \
    X(VALUE_NULL, "none")                                                                                   \
    X(VALUE_UNCHANGED, "none: an out-of-line value that the source did not send because it did not change") \
    X(VALUE_FALSE, "none")                                                                                  \
    X(VALUE_TRUE, "none")                                                                                   \
    X(VALUE_INT, "integer; INT16, INT32, INT64, UINT32")                                                    \
    X(VALUE_UINT64, "integer, as unsigned")                                                                 \
    X(VALUE_FLOAT32, "real, a float widened")                                                               \
    X(VALUE_FLOAT64, "real")                                                                                \
    X(VALUE_DECIMAL, "bytes, see core/base/decimal.h")                                                      \
    X(VALUE_STRING, "bytes, UTF-8; also JSON and ENUM (the label)")                                         \
    X(VALUE_BYTES, "bytes")                                                                                 \
    X(VALUE_DATE, "integer, days")                                                                          \
    X(VALUE_TIME, "integer, microseconds since midnight, 24:00 included")                                   \
    X(VALUE_TIMETZ, "integer, local microseconds since midnight; aux, seconds EAST of UTC")                 \
    X(VALUE_TIMESTAMP, "integer, microseconds")                                                             \
    X(VALUE_TIMESTAMPTZ, "integer, microseconds")                                                           \
    X(VALUE_INTERVAL, "interval")                                                                           \
    X(VALUE_UUID, "bytes, 16")                                                                              \
    X(VALUE_BITS, "bytes, first bit highest; aux, number of bits")                                          \
    X(VALUE_LIST, "items; a list of lists where the source's array has more dimensions")                    \
    X(VALUE_STRUCT, "items, one a field")                                                                   \
    X(VALUE_MAP, "items: key, value, key, value; keys are strings")                                         \
    X(VALUE_RANGE, "items: lower, upper (NULL where unbounded); aux, RANGE_* flags")                        \
    X(VALUE_MULTIRANGE, "items: ranges")

typedef enum ValueKind {
#define X(kind, holds) kind,
    VALUE_KINDS(X)
#undef X
        VALUE_KIND_COUNT
} ValueKind;

enum {
    RANGE_EMPTY = 1,
    RANGE_LOWER_INCLUSIVE = 2,
    RANGE_UPPER_INCLUSIVE = 4,
    RANGE_LOWER_INFINITE = 8,
    RANGE_UPPER_INFINITE = 16
};

typedef struct Value Value;

typedef struct Interval {
    int32_t months;
    int32_t days;
    int64_t micros;
} Interval;

typedef struct ValueItems {
    const Value *at;
    size_t count;
} ValueItems;

struct Value {
    uint8_t kind; // a ValueKind
    int32_t aux;
    union {
        int64_t integer;
        double real;
        Interval interval;
        Slice bytes;
        ValueItems items;
    };
};
static_assert(sizeof(Value) == 24, "a row of values should stay in the first-level cache");

static inline bool value_is_absent(const Value *value) {
    return value->kind <= VALUE_UNCHANGED;
}
static inline Value value_bool(bool b) {
    return (Value){.kind = b ? VALUE_TRUE : VALUE_FALSE};
}
static inline Value value_int(int64_t integer) {
    return (Value){.kind = VALUE_INT, .integer = integer};
}
static inline Value value_bytes(ValueKind kind, Slice bytes) {
    return (Value){.kind = (uint8_t)kind, .bytes = bytes};
}

// Same kind, same bits (NaN equals NaN; 1.0 and 1.00 differ as decimals do on the source).
bool value_equal(const Value *a, const Value *b);
// A deep copy that lives as long as the arena.
Value value_copy(Arena *arena, const Value *value);

#endif
