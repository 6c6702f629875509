// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/read_value.c"

#include "core/base/test.h"

static Err err[1];
static Arena arena[1];
static Value value;

static bool number(Leaf leaf, int64_t integer) {
    Cell cell = {.integer = integer};
    return leaf_value(&leaf, &cell, arena, &value, err);
}

static bool bytes(Leaf leaf, Slice slice) {
    Cell cell = {.bytes = slice};
    return leaf_value(&leaf, &cell, arena, &value, err);
}

static void is_decimal(const char *text) {
    Buf buf;
    buf_init(&buf, 0);
    CHECK_INT(value.kind, VALUE_DECIMAL);
    decimal_text(&buf, value.bytes);
    CHECK_TEXT(buf_slice(&buf), text);
    buf_release(&buf);
}

TEST(decimals_of_numbers_and_bytes) {
    Leaf leaf = {.conversion = CONVERT_DECIMAL_INTEGER, .precision = 5, .scale = 2};
    CHECK_OK(number(leaf, 0));
    is_decimal("0.00");
    CHECK_OK(number(leaf, -5));
    is_decimal("-0.05");
    CHECK_OK(number(leaf, 99999));
    is_decimal("999.99");
    CHECK_FAILS(number(leaf, 100000), ERR_VALUE);
    leaf = (Leaf){.conversion = CONVERT_DECIMAL_INTEGER, .precision = 2, .scale = 2};
    CHECK_OK(number(leaf, 99));
    is_decimal("0.99");
    CHECK_FAILS(number(leaf, -100), ERR_VALUE);
    leaf = (Leaf){.conversion = CONVERT_DECIMAL_BYTES, .precision = 38, .scale = 0};
    CHECK_OK(bytes(leaf, SLICE("")));
    is_decimal("0");
    CHECK_OK(bytes(leaf, SLICE("\xFF")));
    is_decimal("-1");
    CHECK_OK(bytes(leaf, SLICE("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x7F")));
    is_decimal("127");
    CHECK_OK(bytes(leaf, SLICE("\x4B\x3B\x4C\xA8\x5A\x86\xC4\x7A\x09\x8A\x22\x3F\xFF\xFF\xFF\xFF")));
    is_decimal("99999999999999999999999999999999999999");
    CHECK_FAILS(bytes(leaf, SLICE("\x4B\x3B\x4C\xA8\x5A\x86\xC4\x7A\x09\x8A\x22\x40\x00\x00\x00\x00")), ERR_VALUE);
    CHECK_FAILS(bytes(leaf, SLICE("\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")), ERR_VALUE);
    CHECK_FAILS(bytes(leaf, SLICE("\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")), ERR_VALUE);
    leaf = (Leaf){.conversion = CONVERT_UINT64, .precision = 20};
    CHECK_OK(number(leaf, -1));
    is_decimal("18446744073709551615");
    arena_release(arena);
}

TEST(times_move_to_our_epoch) {
    Leaf leaf = {.conversion = CONVERT_TIMESTAMP, .kind = SHAPE_TIMESTAMPTZ, .unit = UNIT_MILLIS};
    CHECK_OK(number(leaf, 946684800001));
    CHECK_INT(value.kind, VALUE_TIMESTAMPTZ);
    CHECK_INT(value.integer, 1000);
    CHECK_FAILS(number(leaf, INT64_MAX / 999), ERR_VALUE);
    leaf.unit = UNIT_NANOS;
    CHECK_OK(number(leaf, -1000));
    CHECK_INT(value.integer, -EPOCH_MICROS - 1);
    CHECK_FAILS(number(leaf, -1001), ERR_VALUE);
    leaf.unit = UNIT_MICROS;
    CHECK_OK(number(leaf, INT64_MAX));
    CHECK_FAILS(number(leaf, INT64_MIN), ERR_VALUE);
    CHECK_FAILS(number(leaf, INT64_MIN + EPOCH_MICROS), ERR_VALUE); // would be -infinity
    leaf = (Leaf){.conversion = CONVERT_TIME, .kind = SHAPE_TIME, .unit = UNIT_MICROS};
    CHECK_OK(number(leaf, DAY_MICROS - 1));
    CHECK_FAILS(number(leaf, DAY_MICROS), ERR_VALUE);
    CHECK_FAILS(number(leaf, -1), ERR_VALUE);
    leaf = (Leaf){.conversion = CONVERT_DATE};
    CHECK_OK(number(leaf, 0));
    CHECK_INT(value.integer, -10957);
    CHECK_FAILS(number(leaf, INT32_MIN), ERR_VALUE);
    CHECK_OK(number(leaf, INT32_MAX));
    leaf = (Leaf){.conversion = CONVERT_INT96, .kind = SHAPE_TIMESTAMP};
    CHECK_OK(bytes(leaf, SLICE("\xE8\x03\x00\x00\x00\x00\x00\x00\x8C\x3D\x25\x00")));
    CHECK_INT(value.integer, -EPOCH_MICROS + 1);
    arena_release(arena);
}

TEST(small_floats_and_strings) {
    Leaf leaf = {.conversion = CONVERT_FLOAT16};
    CHECK_OK(bytes(leaf, SLICE("\x00\xC1")));
    CHECK(value.kind == VALUE_FLOAT32 && value.real == -2.5);
    CHECK_OK(bytes(leaf, SLICE("\x01\x00")));
    CHECK(value.real == 0x1p-24);
    CHECK_OK(bytes(leaf, SLICE("\x00\x7C")));
    CHECK(value.real > 1e300);
    CHECK_OK(bytes(leaf, SLICE("\x01\x7C")));
    CHECK(value.real != value.real);
    CHECK_OK(bytes(leaf, SLICE("\x00\x80")));
    CHECK(value.real == 0 && __builtin_signbit(value.real));
    leaf = (Leaf){.conversion = CONVERT_STRING};
    CHECK_OK(bytes(leaf, SLICE("\xC3\xA9")));
    CHECK_FAILS(bytes(leaf, SLICE("\xC3")), ERR_VALUE);
    arena_release(arena);
}
