// SPDX-License-Identifier: Apache-2.0
// Values as single bytes (Iceberg specification, Appendix D, "Binary single-value serialization"), and bounds of them.
#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/utf8.h"
#include "lake/iceberg/partition.h"
#include "lake/iceberg/parts.h"

enum { BOUND_UNITS_MAX = 16 };
#define EPOCH_DAYS INT64_C(10957)
#define EPOCH_US   (EPOCH_DAYS * CALENDAR_DAY_US)

// --- decimals --------------------------------------------------------------------------------------------------

// The fewest bytes of two's complement, the highest first.
static size_t decimal_bytes(Int128 units, uint8_t bytes[16]) {
    for (int i = 15; i >= 0; i--) {
        bytes[i] = (uint8_t)units;
        units >>= 8;
    }
    size_t from = 0;
    while (from < 15 &&
           ((bytes[from] == 0 && bytes[from + 1] < 0x80) || (bytes[from] == 0xff && bytes[from + 1] >= 0x80))) {
        from++;
    }
    memmove(bytes, bytes + from, 16 - from);
    return 16 - from;
}

// --- writing ---------------------------------------------------------------------------------------------------

bool single_value_write(const Shape *shape, const Value *value, Buf *out) {
    uint8_t bytes[16];
    int64_t integer = value->integer;
    Int128 units = 0;
    if (value_is_absent(value) || shape_is_foreign(shape)) {
        return false;
    }
    switch (shape->kind) {
    case SHAPE_BOOL:
        buf_u8(out, value->kind == VALUE_TRUE);
        return true;
    case SHAPE_INT32:
        buf_u32le(out, (uint32_t)(int32_t)integer);
        return true;
    case SHAPE_DATE:
        buf_u32le(out, (uint32_t)(int32_t)(integer + EPOCH_DAYS));
        return integer + EPOCH_DAYS <= INT32_MAX;
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        if (__builtin_add_overflow(integer, EPOCH_US, &integer)) {
            return false;
        }
        buf_u64le(out, (uint64_t)integer);
        return true;
    case SHAPE_INT64:
    case SHAPE_TIME:
        buf_u64le(out, (uint64_t)integer);
        return true;
    case SHAPE_FLOAT32: {
        float narrow = (float)value->real;
        buf_bytes(out, &narrow, sizeof(narrow));
        return true;
    }
    case SHAPE_FLOAT64:
        buf_bytes(out, &value->real, sizeof(value->real));
        return true;
    case SHAPE_DECIMAL:
        if (!decimal_to_int128(value->bytes, shape->scale, &units)) {
            return false;
        }
        buf_bytes(out, bytes, decimal_bytes(units, bytes));
        return true;
    case SHAPE_STRING:
    case SHAPE_BYTES:
    case SHAPE_UUID:
        buf_put(out, value->bytes);
        return true;
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
    default:
        return false;
    }
}

// --- reading ---------------------------------------------------------------------------------------------------

static bool no_such_length(const Shape *shape, Slice bytes, Err *err) {
    return FAIL(err, ERR_VALUE, "a single value of type %s has %zu bytes", shape_kind_name(shape->kind), bytes.size);
}

// Of 4 or 8 bytes.
static int64_t integer_of(Slice bytes) {
    return bytes.size == 4 ? (int32_t)load_u32le(bytes.data) : (int64_t)load_u64le(bytes.data);
}

static bool read_decimal(const Shape *shape, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size == 0 || bytes.size > 16) {
        return no_such_length(shape, bytes, err);
    }
    Int128 units = bytes.data[0] >= 0x80 ? -1 : 0;
    for (size_t i = 0; i < bytes.size; i++) {
        units = units * 256 + bytes.data[i];
    }
    *value = value_bytes(VALUE_DECIMAL, decimal_from_int128(arena, units, (uint32_t)shape->scale));
    return true;
}

static bool read_time(const Shape *shape, Slice bytes, Value *value, Err *err) {
    int64_t integer = integer_of(bytes);
    bool overflow = false;
    if (shape->kind == SHAPE_DATE) {
        value->kind = VALUE_DATE;
        integer -= EPOCH_DAYS;
    } else if (shape->kind == SHAPE_TIME) {
        value->kind = VALUE_TIME;
    } else {
        value->kind = shape->kind == SHAPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ;
        overflow = (bytes.size == 4 && __builtin_mul_overflow(integer, CALENDAR_DAY_US, &integer)) ||
                   __builtin_sub_overflow(integer, EPOCH_US, &integer);
    }
    value->integer = integer;
    return !overflow || FAIL(err, ERR_VALUE, "a single value of type %s is out of range", shape_kind_name(shape->kind));
}

static bool read_float(const Shape *shape, Slice bytes, Value *value) {
    value->kind = shape->kind == SHAPE_FLOAT32 ? VALUE_FLOAT32 : VALUE_FLOAT64;
    if (bytes.size == 4) {
        float narrow;
        memcpy(&narrow, bytes.data, sizeof(narrow));
        value->real = (double)narrow;
    } else {
        memcpy(&value->real, bytes.data, sizeof(value->real));
    }
    return true;
}

bool single_value_read(const Shape *shape, Slice bytes, Arena *arena, Value *value, Err *err) {
    *value = (Value){.kind = VALUE_NULL};
    bool four = bytes.size == 4, eight = bytes.size == 8, fits = false;
    switch (shape->kind) {
    case SHAPE_BOOL:
        *value = value_bool(bytes.size == 1 && bytes.data[0] != 0);
        return bytes.size == 1 || no_such_length(shape, bytes, err);
    case SHAPE_INT32:
    case SHAPE_INT64:
        if (!four && !(eight && shape->kind == SHAPE_INT64)) {
            return no_such_length(shape, bytes, err);
        }
        *value = value_int(integer_of(bytes));
        return true;
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
        fits = shape->kind == SHAPE_DATE ? four : eight || (four && shape->kind == SHAPE_TIMESTAMP);
        return fits ? read_time(shape, bytes, value, err) : no_such_length(shape, bytes, err);
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        fits = four || (eight && shape->kind == SHAPE_FLOAT64);
        return fits ? read_float(shape, bytes, value) : no_such_length(shape, bytes, err);
    case SHAPE_DECIMAL:
        return read_decimal(shape, bytes, arena, value, err);
    case SHAPE_UUID:
        *value = value_bytes(VALUE_UUID, bytes);
        return bytes.size == 16 || no_such_length(shape, bytes, err);
    case SHAPE_STRING:
    case SHAPE_BYTES:
        *value = value_bytes(shape->kind == SHAPE_STRING ? VALUE_STRING : VALUE_BYTES, bytes);
        return true;
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
    default:
        return FAIL(err, ERR_VALUE, "type %s has no single values", shape_kind_name(shape->kind));
    }
}

// --- order and bounds ------------------------------------------------------------------------------------------

int single_value_compare(const Shape *shape, const Value *a, const Value *b) {
    Int128 x = 0, y = 0;
    switch (shape->kind) {
    case SHAPE_BOOL:
        return (a->kind == VALUE_TRUE) - (b->kind == VALUE_TRUE);
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        return (a->real > b->real) - (a->real < b->real);
    case SHAPE_DECIMAL:
        if (decimal_to_int128(a->bytes, shape->scale, &x) && decimal_to_int128(b->bytes, shape->scale, &y)) {
            return (x > y) - (x < y);
        }
        return slice_compare(a->bytes, b->bytes);
    case SHAPE_STRING:
    case SHAPE_BYTES:
    case SHAPE_UUID:
        return slice_compare(a->bytes, b->bytes);
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
    default:
        return (a->integer > b->integer) - (a->integer < b->integer);
    }
}

// The first units of it: code points of text, else bytes.
static Slice first_units(const Shape *shape, Slice bound) {
    if (shape->kind != SHAPE_STRING) {
        return (Slice){bound.data, MIN(bound.size, (size_t)BOUND_UNITS_MAX)};
    }
    size_t points = 0;
    for (size_t i = 0; i < bound.size; i++) {
        points += !utf8_continues(bound.data[i]);
        if (points > BOUND_UNITS_MAX) {
            return (Slice){bound.data, i};
        }
    }
    return bound;
}

static bool is_cut(const Shape *shape) {
    return shape->kind == SHAPE_STRING || (shape->kind == SHAPE_BYTES && !shape_is_foreign(shape));
}

bool bound_cut_lower(const Shape *shape, Slice *bound, Arena *arena) {
    if (is_cut(shape)) {
        *bound = arena_slice(arena, first_units(shape, *bound));
    }
    return true;
}

// As utf8_raise, of bytes.
static size_t bytes_raise(uint8_t *bytes, size_t size) {
    while (size > 0 && bytes[size - 1] == 0xff) {
        size--;
    }
    if (size > 0) {
        bytes[size - 1]++;
    }
    return size;
}

bool bound_cut_upper(const Shape *shape, Slice *bound, Arena *arena) {
    Slice cut = is_cut(shape) ? first_units(shape, *bound) : *bound;
    if (cut.size == bound->size) {
        *bound = arena_slice(arena, cut);
        return true;
    }
    uint8_t *raised = arena_alloc(arena, cut.size + 1);
    memcpy(raised, cut.data, cut.size);
    size_t size = shape->kind == SHAPE_STRING ? utf8_raise(raised, cut.size) : bytes_raise(raised, cut.size);
    if (size > 0) {
        *bound = (Slice){raised, size};
    }
    return size > 0;
}
