// SPDX-License-Identifier: Apache-2.0
#include "core/base/arena.c" // NOLINT

#include "core/base/test.h"

TEST(percent_decoding_leaves_alone_what_is_no_escape) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "scratch", 0);
    const struct {
        const char *text;
        Slice plain;
    } CASES[] = {
        {"", SLICE("")},        {"a%20b", SLICE("a b")},   {"%2F%2f", SLICE("//")}, {"100%", SLICE("100%")},
        {"%4", SLICE("%4")},    {"%zz%41", SLICE("%zzA")}, {"%00", SLICE("\0")},    {"%%41", SLICE("%A")},
        {"%C3%A9", SLICE("é")}, {"+", SLICE("+")},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Slice plain = arena_percent_decoded(&arena, slice_of(CASES[i].text));
        CHECK(slice_equal(plain, CASES[i].plain));
        CHECK(plain.data[plain.size] == 0);
    }
}

TEST(hexadecimal_digits) {
    for (int c = -1; c < 256; c++) {
        const char *digits = "0123456789abcdefABCDEF", *at = c > 0 ? strchr(digits, c) : NULL;
        int value = at == NULL ? -1 : at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
        CHECK_INT(hex_digit(c), value);
    }
}
