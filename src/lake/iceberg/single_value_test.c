// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/single_value.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

static void both_ways(Shape shape, Value value, Slice wanted) {
    Buf out;
    buf_init(&out, 0);
    CHECK(single_value_write(&shape, &value, &out));
    CHECK_INT(out.size, wanted.size);
    CHECK(slice_equal(buf_slice(&out), wanted));
    Value back;
    CHECK_OK(single_value_read(&shape, buf_slice(&out), arena, &back, err));
    CHECK(value_equal(&back, &value));
    CHECK_INT(single_value_compare(&shape, &back, &value), 0);
    buf_release(&out);
}

static Value decimal(const char *text) {
    Value value = {.kind = VALUE_DECIMAL};
    CHECK(decimal_from_text(arena, slice_of(text), &value.bytes));
    return value;
}

TEST(single_value_is_that_of_the_specification) {
    arena_init(arena, "test", 0);
    both_ways((Shape){.kind = SHAPE_BOOL}, value_bool(true), SLICE("\1"));
    both_ways((Shape){.kind = SHAPE_INT32}, value_int(-2), SLICE("\xfe\xff\xff\xff"));
    both_ways((Shape){.kind = SHAPE_INT64}, value_int(258), SLICE("\2\1\0\0\0\0\0\0"));
    both_ways((Shape){.kind = SHAPE_FLOAT32}, (Value){.kind = VALUE_FLOAT32, .real = -4.5}, SLICE("\0\0\x90\xc0"));
    both_ways((Shape){.kind = SHAPE_FLOAT64}, (Value){.kind = VALUE_FLOAT64, .real = 6.0}, SLICE("\0\0\0\0\0\0\x18@"));
    both_ways((Shape){.kind = SHAPE_DATE}, (Value){.kind = VALUE_DATE, .integer = 1000 - EPOCH_DAYS},
              SLICE("\xe8\3\0\0"));
    both_ways((Shape){.kind = SHAPE_TIME}, (Value){.kind = VALUE_TIME, .integer = 10000000000},
              SLICE("\0\xe4\x0bT\2\0\0\0"));
    both_ways((Shape){.kind = SHAPE_TIMESTAMP}, (Value){.kind = VALUE_TIMESTAMP, .integer = 400000 - EPOCH_US},
              SLICE("\x80\x1a\6\0\0\0\0\0"));
    both_ways((Shape){.kind = SHAPE_TIMESTAMPTZ}, (Value){.kind = VALUE_TIMESTAMPTZ, .integer = -1 - EPOCH_US},
              SLICE("\xff\xff\xff\xff\xff\xff\xff\xff"));
    both_ways((Shape){.kind = SHAPE_STRING}, value_bytes(VALUE_STRING, SLICE("ABC")), SLICE("ABC"));
    both_ways((Shape){.kind = SHAPE_BYTES}, value_bytes(VALUE_BYTES, SLICE("\0\1")), SLICE("\0\1"));
    both_ways((Shape){.kind = SHAPE_UUID}, value_bytes(VALUE_UUID, SLICE("0123456789abcdef")),
              SLICE("0123456789abcdef"));
    const Shape money = {.kind = SHAPE_DECIMAL, .precision = 38, .scale = 2};
    both_ways(money, decimal("123.45"), SLICE("\x30\x39"));
    both_ways(money, decimal("1.27"), SLICE("\x7f"));
    both_ways(money, decimal("1.28"), SLICE("\0\x80"));
    both_ways(money, decimal("-1.28"), SLICE("\x80"));
    both_ways(money, decimal("-1.29"), SLICE("\xff\x7f"));
    both_ways(money, decimal("0.00"), SLICE("\0"));
    both_ways(money, decimal("-0.01"), SLICE("\xff"));
    both_ways(money, decimal("999999999999999999999999999999999999.99"),
              SLICE("\x4b\x3b\x4c\xa8\x5a\x86\xc4\x7a\x09\x8a\x22\x3f\xff\xff\xff\xff"));
    both_ways((Shape){.kind = SHAPE_DECIMAL, .precision = 9, .scale = 9}, decimal("0.000000001"), SLICE("\1"));
    Value list = {.kind = VALUE_LIST};
    Buf out;
    buf_init(&out, 0);
    CHECK(!single_value_write(&(Shape){.kind = SHAPE_LIST}, &list, &out));
    CHECK_INT(out.size, 0);
    arena_release(arena);
}

static Value read(ShapeKind kind, Slice bytes) {
    const Shape shape = {.kind = kind};
    Value value;
    CHECK_OK(single_value_read(&shape, bytes, arena, &value, err));
    return value;
}

TEST(single_value_of_before_a_promotion_is_read) {
    arena_init(arena, "test", 0);
    CHECK_INT(read(SHAPE_INT64, SLICE("\xfe\xff\xff\xff")).integer, -2);
    CHECK(read(SHAPE_FLOAT64, SLICE("\0\0\x90\xc0")).real < -4.4);
    CHECK_INT(read(SHAPE_TIMESTAMP, SLICE("\1\0\0\0")).integer, CALENDAR_DAY_US - EPOCH_US);
    Value value;
    const Shape zoned = {.kind = SHAPE_TIMESTAMPTZ}, int_ = {.kind = SHAPE_INT32}, uuid = {.kind = SHAPE_UUID},
                money = {.kind = SHAPE_DECIMAL, .precision = 9}, list = {.kind = SHAPE_LIST};
    CHECK_FAILS(single_value_read(&zoned, SLICE("\1\0\0\0"), arena, &value, err), ERR_VALUE);
    CHECK_FAILS(single_value_read(&zoned, SLICE("\0\0\0\0\0\0\0\x80"), arena, &value, err), ERR_VALUE);
    CHECK_FAILS(single_value_read(&int_, SLICE("\1\0\0\0\0\0\0\0"), arena, &value, err), ERR_VALUE);
    CHECK_FAILS(single_value_read(&uuid, SLICE("x"), arena, &value, err), ERR_VALUE);
    CHECK_FAILS(single_value_read(&money, SLICE(""), arena, &value, err), ERR_VALUE);
    CHECK_FAILS(single_value_read(&money, SLICE("01234567890123456"), arena, &value, err), ERR_VALUE);
    CHECK_FAILS(single_value_read(&list, SLICE("x"), arena, &value, err), ERR_VALUE);
    arena_release(arena);
}

static void cut(ShapeKind kind, Slice bound, Slice lower, Slice upper) {
    const Shape shape = {.kind = kind};
    Slice low = bound, high = bound;
    CHECK(bound_cut_lower(&shape, &low, arena));
    CHECK(slice_equal(low, lower));
    bool there = bound_cut_upper(&shape, &high, arena);
    CHECK(there == (upper.data != NULL));
    CHECK(!there || slice_equal(high, upper));
}

TEST(bounds_are_cut_so_that_they_still_bound) {
    arena_init(arena, "test", 0);
    const Slice none = {0};
    cut(SHAPE_STRING, SLICE(""), SLICE(""), SLICE(""));
    cut(SHAPE_STRING, SLICE("0123456789abcdef"), SLICE("0123456789abcdef"), SLICE("0123456789abcdef"));
    cut(SHAPE_STRING, SLICE("0123456789abcdefg"), SLICE("0123456789abcdef"), SLICE("0123456789abcdeg"));
    // Code points, not bytes; the greatest is passed over, the surrogates are left out.
    cut(SHAPE_STRING, SLICE("0123456789abcde\xc3\xa4x"), SLICE("0123456789abcde\xc3\xa4"),
        SLICE("0123456789abcde\xc3\xa5"));
    cut(SHAPE_STRING, SLICE("0123456789abcd\x7f\xf4\x8f\xbf\xbfx"), SLICE("0123456789abcd\x7f\xf4\x8f\xbf\xbf"),
        SLICE("0123456789abcd\xc2\x80"));
    cut(SHAPE_STRING, SLICE("0123456789abcde\xed\x9f\xbfx"), SLICE("0123456789abcde\xed\x9f\xbf"),
        SLICE("0123456789abcde\xee\x80\x80"));
    char greatest[17 * 4 + 1] = "";
    for (size_t i = 0; i < 17; i++) {
        memcpy(greatest + i * 4, "\xf4\x8f\xbf\xbf", 4);
    }
    cut(SHAPE_STRING, slice_of(greatest), (Slice){(const uint8_t *)greatest, 64}, none);
    cut(SHAPE_BYTES, SLICE("0123456789abcde\xffx"), SLICE("0123456789abcde\xff"), SLICE("0123456789abcdf"));
    cut(SHAPE_BYTES, SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
        SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), none);
    cut(SHAPE_INT64, SLICE("01234567"), SLICE("01234567"), SLICE("01234567"));
    arena_release(arena);
}
