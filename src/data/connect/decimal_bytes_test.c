// SPDX-License-Identifier: Apache-2.0
#include "data/connect/decimal_bytes.c"

#include "core/base/test.h"

static void check(const char *number, int32_t scale, const char *want) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Slice decimal, bytes;
    CHECK(decimal_from_text(&arena, slice_of(number), &decimal));
    bool ok = decimal_unscaled(&arena, decimal, scale, &bytes);
    CHECK(ok == (want != NULL));
    if (ok) {
        Buf hex;
        buf_init(&hex, 0);
        for (size_t i = 0; i < bytes.size; i++) {
            buf_printf(&hex, "%02x", bytes.data[i]);
        }
        CHECK_TEXT(buf_slice(&hex), want);
        // The long way gives the same.
        Slice again;
        CHECK(unscaled_long(&arena, decimal, scale, &again));
        CHECK(slice_equal(bytes, again));
        buf_release(&hex);
    }
    arena_release(&arena);
}

TEST(connect_decimals_are_twos_complement) {
    check("0", 0, "00");
    check("0.00", 2, "00");
    check("1", 0, "01");
    check("-1", 0, "ff");
    check("127", 0, "7f");
    check("128", 0, "0080");
    check("-128", 0, "80");
    check("-129", 0, "ff7f");
    check("255", 0, "00ff");
    check("-256", 0, "ff00");
    check("12.34", 2, "04d2");
    check("1.5", 2, "0096");
    check("1.5", 0, NULL);
    check("NaN", 0, NULL);
    check("-Infinity", 0, NULL);
    check("4294967296", 0, "0100000000");
    check("-4294967296", 0, "ff00000000");
    check("99999999999999999999999999999999999999", 0, "4b3b4ca85a86c47a098a223fffffffff");
    check("123456789012345678901234567890.123456789012345678901234567890", 30,
          "13aaf504e4bc1e62173f87a4378c37b49c8ccff196ce3f0ad2");
    check("1000000000000000000000000000000000000000000000000000000000000", 0,
          "009f4f2726179a224501d762422c946590d91000000000000000");
    check("-57896044618658097711785492504343953926634992332820282019728792003956564819968", 0,
          "8000000000000000000000000000000000000000000000000000000000000000");
}

TEST(connect_decimals_need_no_zeros_at_the_end) {
    static const struct {
        const char *number;
        int32_t scale;
    } ROWS[] = {{"0", 0},      {"0.000", 0},   {"1.50", 1},     {"10000", 0},      {"-0.0000000001", 10},
                {"1.0001", 4}, {"1.00010", 4}, {"0.000010", 5}, {"99990000.0", 0}, {"123.456700000", 4}};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        Slice decimal;
        CHECK(decimal_from_text(&arena, slice_of(ROWS[i].number), &decimal));
        CHECK_INT(decimal_scale_needed(decimal), ROWS[i].scale);
    }
    arena_release(&arena);
}
