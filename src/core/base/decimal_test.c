// SPDX-License-Identifier: Apache-2.0
#include "core/base/decimal.c"
#include "core/base/test.h"

static Arena arena[1];

static Slice decimal_of(const char *text) {
    Slice decimal = {0};
    if (arena->name == NULL) {
        arena_init(arena, "test", 0);
    }
    CHECK(decimal_from_text(arena, slice_of(text), &decimal));
    return decimal;
}

static Slice printed(Slice decimal) {
    Buf buf;
    buf_init(&buf, 0);
    decimal_text(&buf, decimal);
    Slice text = arena_slice(arena, buf_slice(&buf));
    buf_release(&buf);
    return text;
}

TEST(decimal_text_is_exact) {
    static const char *const SAME[] = {
        "0",           "0.0",      "0.000",      "1",
        "-1",          "9",        "10",         "99",
        "100",         "999",      "1000",       "9999",
        "10000",       "12345",    "100000000",  "0.1",
        "0.01",        "0.001",    "0.0001",     "0.00001",
        "-0.00000001", "1.5",      "1.50",       "1.50000",
        "12.3456",     "12.34567", "10000.0001", "123456789012345678901234567890.123456789",
        "NaN",         "Infinity", "-Infinity",  "10.10",
        "0.10",
    };
    for (size_t i = 0; i < ARRAY_LEN(SAME); i++) {
        Slice decimal = decimal_of(SAME[i]), again = {0};
        CHECK_TEXT(printed(decimal), SAME[i]);
        CHECK(decimal_from_bytes(arena, decimal, &again) && slice_equal(again, decimal));
    }
    CHECK_TEXT(printed(decimal_of("-0.00")), "0.00");
    CHECK_TEXT(printed(decimal_of("+007")), "7");
    CHECK_TEXT(printed(decimal_of(".5")), "0.5");
    CHECK(slice_equal(decimal_of("007.50"), decimal_of("7.50")));
    CHECK(!slice_equal(decimal_of("7.5"), decimal_of("7.50")));
}

TEST(decimal_text_that_is_none) {
    static const char *const BAD[] = {"", "-", ".", "1e5", "1.2.3", " 1", "1 ", "nan", "inf", "--1", "0x1", "1,5"};
    Slice decimal;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK(!decimal_from_text(arena, slice_of(BAD[i]), &decimal));
    }
}

TEST(decimal_from_bytes_has_one_form) {
    arena_init(arena, "test", 0);
    Slice decimal;
    // Zero digits at both ends, a negative zero, an infinity with PostgreSQL's stray scale.
    static const uint8_t PADDED[] = {0, 3, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0};
    CHECK(decimal_from_bytes(arena, (Slice){PADDED, sizeof(PADDED)}, &decimal));
    CHECK(slice_equal(decimal, decimal_of("70000")));
    static const uint8_t MINUS_ZERO[] = {0, 0, 0, 0, 0x40, 0, 0, 2};
    CHECK(decimal_from_bytes(arena, (Slice){MINUS_ZERO, sizeof(MINUS_ZERO)}, &decimal));
    CHECK(slice_equal(decimal, decimal_of("0.00")));
    static const uint8_t INFINITE[] = {0, 0, 0, 0, 0xD0, 0, 0, 32};
    CHECK(decimal_from_bytes(arena, (Slice){INFINITE, sizeof(INFINITE)}, &decimal));
    CHECK(slice_equal(decimal, decimal_of("Infinity")));
    static const uint8_t BAD[][10] = {
        {0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10}, // a digit of 10000
        {0, 2, 0, 0, 0, 0, 0, 0, 0, 1},       // one digit fewer than told
        {0, 1, 0, 0, 0x80, 0, 0, 0, 0, 1},    // no such sign
        {0, 1, 0, 0, 0xC0, 0, 0, 0, 0, 1},    // a NaN with digits
        {0, 1, 0, 0, 0, 0, 0x40, 0, 0, 1},    // a scale of 16384
        {0, 1, 0xFF, 0xFF, 0, 0, 0, 3, 0, 1}, // 0.0001 with a scale of 3
        {0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0},    // a weight that leaves its field
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK(!decimal_from_bytes(arena, (Slice){BAD[i], sizeof(BAD[i])}, &decimal));
    }
    CHECK(!decimal_from_bytes(arena, (Slice){BAD[0], 7}, &decimal));
}

TEST(decimal_from_int64_covers_its_range) {
    arena_init(arena, "test", 0);
    CHECK_TEXT(printed(decimal_from_int64(arena, 0, 2)), "0.00");
    CHECK_TEXT(printed(decimal_from_int64(arena, -5, 2)), "-0.05");
    CHECK_TEXT(printed(decimal_from_int64(arena, INT64_MIN, 2)), "-92233720368547758.08");
    CHECK_TEXT(printed(decimal_from_int64(arena, INT64_MAX, 0)), "9223372036854775807");
    CHECK_TEXT(printed(decimal_from_int64(arena, INT64_MAX, 18)), "9.223372036854775807");
    CHECK(slice_equal(decimal_from_int64(arena, 123456, 3), decimal_of("123.456")));
}

TEST(decimal_to_int128_of_every_length_and_scale) {
    for (int64_t number = 1; number < INT64_MAX / 30; number = number * 3 + 7) {
        for (uint32_t scale = 0; scale <= 18; scale++) {
            Slice decimal = decimal_from_int64(arena, -number, scale);
            Int128 units = 0, power = 1;
            for (int32_t more = 0; more <= 18; more++, power *= 10) {
                CHECK(decimal_to_int128(decimal, (int32_t)scale + more, &units) && units == -number * power);
                bool exact = number % (int64_t)power == 0;
                CHECK(decimal_to_int128(decimal, (int32_t)scale - more, &units) == exact);
                CHECK(!exact || units == -(number / (int64_t)power));
            }
        }
    }
}

TEST(decimal_to_int128_is_exact_or_nothing) {
    Int128 units;
    CHECK(decimal_to_int128(decimal_of("123.45"), 2, &units) && units == 12345);
    CHECK(decimal_to_int128(decimal_of("123.45"), 5, &units) && units == 12345000);
    CHECK(decimal_to_int128(decimal_of("-0.0001"), 4, &units) && units == -1);
    CHECK(decimal_to_int128(decimal_of("12300"), -2, &units) && units == 123);
    CHECK(decimal_to_int128(decimal_of("0.00"), 0, &units) && units == 0);
    CHECK(!decimal_to_int128(decimal_of("123.45"), 1, &units));
    CHECK(!decimal_to_int128(decimal_of("12345"), -2, &units));
    CHECK(!decimal_to_int128(decimal_of("NaN"), 0, &units));
    Int128 largest = (((Int128)1 << 126) - 1) * 2 + 1;
    CHECK(decimal_to_int128(decimal_of("170141183460469231731687303715884105727"), 0, &units) && units == largest);
    CHECK(decimal_to_int128(decimal_of("-170141183460469231731687303715884105728"), 0, &units) &&
          units == -largest - 1);
    CHECK(!decimal_to_int128(decimal_of("170141183460469231731687303715884105728"), 0, &units));
}
