// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/read_value.h"

#include "core/base/decimal.h"
#include "core/base/json.h"

#define DAY_MICROS INT64_C(86400000000)

// From 1970, Parquet's epoch, to leat's, 2000.
enum { EPOCH_DAYS = 10957 };
#define EPOCH_MICROS (EPOCH_DAYS * DAY_MICROS)

// The Julian day of 1970-01-01, from which INT96 counts.
enum { JULIAN_DAYS = 2440588 };

// The bytes of a decimal from its units.
static bool decimal_value(const Leaf *leaf, Int128 units, Arena *arena, Value *value, Err *err) {
    uint8_t digits[64];
    size_t at = sizeof(digits);
    bool negative = units < 0;
    __extension__ unsigned __int128 left = negative ? -(unsigned __int128)units : (unsigned __int128)units;
    int32_t count = 0, significant = 0;
    while (left > 0 || count <= leaf->scale) {
        if (count == leaf->scale && count > 0) {
            digits[--at] = '.';
        }
        digits[--at] = (uint8_t)('0' + (int)(left % 10));
        count++;
        significant = left > 0 ? count : significant;
        left /= 10;
    }
    if (significant > leaf->precision) {
        return FAIL(err, ERR_VALUE, "a decimal has more than its column's %d digits", leaf->precision);
    }
    if (negative) {
        digits[--at] = '-';
    }
    value->kind = VALUE_DECIMAL;
    ASSERT(decimal_from_text(arena, (Slice){digits + at, sizeof(digits) - at}, &value->bytes));
    return true;
}

static bool decimal_of_bytes(const Leaf *leaf, Slice bytes, Arena *arena, Value *value, Err *err) {
    uint8_t sign = bytes.size > 0 && bytes.data[0] >= 0x80 ? 0xFF : 0;
    while (bytes.size > sizeof(Int128)) {
        if (bytes.data[0] != sign) {
            return FAIL(err, ERR_VALUE, "a decimal has more than its column's %d digits", leaf->precision);
        }
        bytes = slice_from(bytes, 1);
    }
    if (bytes.size > 0 && (bytes.data[0] >= 0x80) != (sign != 0)) {
        return FAIL(err, ERR_VALUE, "a decimal has more than its column's %d digits", leaf->precision);
    }
    __extension__ unsigned __int128 units = sign != 0 ? ~(unsigned __int128)0 : 0;
    for (size_t i = 0; i < bytes.size; i++) {
        units = units << 8 | bytes.data[i];
    }
    return decimal_value(leaf, (Int128)units, arena, value, err);
}

// In microseconds; false when the number is none, or too large.
static bool to_micros(int64_t number, TimeUnit unit, int64_t *micros, Err *err) {
    *micros = number;
    if (unit == UNIT_MILLIS && __builtin_mul_overflow(number, 1000, micros)) {
        return FAIL(err, ERR_VALUE, "a time is out of range");
    }
    if (unit == UNIT_NANOS) {
        *micros = number / 1000;
        if (number % 1000 != 0) {
            FAIL(err, ERR_VALUE, "a time has nanoseconds, which do not fit in microseconds");
            return err_hint(err, "write the column with microseconds");
        }
    }
    return true;
}

static bool timestamp_value(const Leaf *leaf, int64_t micros_1970, Value *value, Err *err) {
    value->kind = leaf->kind == SHAPE_TIMESTAMPTZ ? VALUE_TIMESTAMPTZ : VALUE_TIMESTAMP;
    // The extremes stand for the infinities.
    if (__builtin_sub_overflow(micros_1970, EPOCH_MICROS, &value->integer) || value->integer == INT64_MIN) {
        return FAIL(err, ERR_VALUE, "a timestamp is out of range");
    }
    return true;
}

static bool time_value(const Leaf *leaf, int64_t number, Value *value, Err *err) {
    value->kind = VALUE_TIME;
    TRY(to_micros(number, leaf->unit, &value->integer, err));
    return (value->integer >= 0 && value->integer < DAY_MICROS) ||
           FAIL(err, ERR_VALUE, "a time of day is out of range");
}

static bool int96_value(const Leaf *leaf, Slice bytes, Value *value, Err *err) {
    int64_t nanos = (int64_t)load_u64le(bytes.data), micros = 0;
    int64_t days = (int64_t)(int32_t)load_u32le(bytes.data + 8) - JULIAN_DAYS;
    TRY(to_micros(nanos, UNIT_NANOS, &micros, err));
    if (__builtin_mul_overflow(days, DAY_MICROS, &days) || __builtin_add_overflow(days, micros, &micros)) {
        return FAIL(err, ERR_VALUE, "a timestamp is out of range");
    }
    return timestamp_value(leaf, micros, value, err);
}

// IEEE 754 binary16.
static double float16_number(Slice bytes) {
    uint32_t half = (uint32_t)bytes.data[0] | (uint32_t)bytes.data[1] << 8;
    uint32_t exponent = half >> 10 & 0x1F, fraction = half & 0x3FF, bits = (half & 0x8000) << 16;
    float number = 0;
    if (exponent == 0) { // zero, or fraction × 2^-24
        number = (float)fraction * 0x1p-24F;
        return (half & 0x8000) != 0 ? (double)-number : (double)number;
    }
    exponent = exponent == 0x1F ? 0xFF : exponent + 127 - 15;
    bits |= exponent << 23 | fraction << 13;
    memcpy(&number, &bits, sizeof(number));
    return (double)number;
}

static bool date_value(int64_t days_1970, Value *value, Err *err) {
    value->kind = VALUE_DATE;
    value->integer = days_1970 - EPOCH_DAYS;
    return value->integer > INT32_MIN || FAIL(err, ERR_VALUE, "a date is out of range");
}

bool leaf_value(const Leaf *leaf, const Cell *cell, Arena *arena, Value *value, Err *err) {
    int64_t micros = 0;
    *value = (Value){.kind = VALUE_INT, .integer = cell->integer};
    switch (leaf->conversion) {
    case CONVERT_BOOL:
        *value = value_bool(cell->integer != 0);
        return true;
    case CONVERT_INTEGER:
        return true;
    case CONVERT_UINT32:
        value->integer = (uint32_t)cell->integer;
        return true;
    case CONVERT_UINT64:
        return decimal_value(leaf, (Int128)(uint64_t)cell->integer, arena, value, err);
    case CONVERT_FLOAT32:
    case CONVERT_FLOAT64:
    case CONVERT_FLOAT16:
        value->kind = leaf->conversion == CONVERT_FLOAT64 ? VALUE_FLOAT64 : VALUE_FLOAT32;
        value->real = leaf->conversion == CONVERT_FLOAT16 ? float16_number(cell->bytes) : cell->real;
        return true;
    case CONVERT_DECIMAL_INTEGER:
        return decimal_value(leaf, cell->integer, arena, value, err);
    case CONVERT_DECIMAL_BYTES:
        return decimal_of_bytes(leaf, cell->bytes, arena, value, err);
    case CONVERT_STRING:
        *value = value_bytes(VALUE_STRING, cell->bytes);
        return json_utf8_valid(cell->bytes) || FAIL(err, ERR_VALUE, "a string is not UTF-8");
    case CONVERT_BYTES:
        *value = value_bytes(VALUE_BYTES, cell->bytes);
        return true;
    case CONVERT_UUID:
        *value = value_bytes(VALUE_UUID, cell->bytes);
        return true;
    case CONVERT_DATE:
        return date_value(cell->integer, value, err);
    case CONVERT_TIME:
        return time_value(leaf, cell->integer, value, err);
    case CONVERT_TIMESTAMP:
        TRY(to_micros(cell->integer, leaf->unit, &micros, err));
        return timestamp_value(leaf, micros, value, err);
    case CONVERT_INT96:
        return int96_value(leaf, cell->bytes, value, err);
    }
    UNREACHABLE();
}
