// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/bounds.c" // NOLINT

#include "core/base/buf.h"
#include "core/base/test.h"

#define SIXTY "123456789012345678901234567890123456789012345678901234567890"

static Bounds of_texts(BoundsOrder order, const char *const *texts, size_t count) {
    Buf values = {0};
    uint32_t lengths[16];
    for (size_t i = 0; i < count; i++) {
        buf_text(&values, texts[i]);
        lengths[i] = (uint32_t)strlen(texts[i]);
    }
    memset(buf_room(&values, 8), 0, 8);
    Bounds bounds;
    bounds_of(&bounds, order, values.data, 0, lengths, count);
    buf_release(&values);
    return bounds;
}

TEST(bounds_of_short_texts_are_exact) {
    static const char *const TEXTS[] = {"mango", "", "apple", "pear", "peach", "apple", "pea"};
    Bounds bounds = of_texts(BOUNDS_TEXT, TEXTS, ARRAY_LEN(TEXTS));
    CHECK(bounds.any && bounds.min.exact && bounds.max.exact);
    CHECK_TEXT(bound_slice(&bounds.min), "");
    CHECK_TEXT(bound_slice(&bounds.max), "pear");
    static const char *const PREFIXES[] = {"abcdefgh2", "abcdefgh1", "abcdefgh", "abcdefgh3"};
    bounds = of_texts(BOUNDS_BYTES, PREFIXES, ARRAY_LEN(PREFIXES));
    CHECK_TEXT(bound_slice(&bounds.min), "abcdefgh");
    CHECK_TEXT(bound_slice(&bounds.max), "abcdefgh3");
}

TEST(bounds_of_long_texts_are_cut_between_code_points) {
    static const struct {
        const char *text, *min, *max;
    } CASES[] = {
        {SIXTY "abcde", SIXTY "abcd", SIXTY "abce"},
        {SIXTY "abc\xC3\xA9z", SIXTY "abc", SIXTY "abd"},                       // é would be cut in two
        {SIXTY "ab\xC3\xBFz", SIXTY "ab\xC3\xBF", SIXTY "ab\xC4\x80"},          // ÿ to Ā
        {SIXTY "abc\x7Fz", SIXTY "abc\x7F", SIXTY "abc\xC2\x80"},               // one byte longer
        {SIXTY "a\xED\x9F\xBFz", SIXTY "a\xED\x9F\xBF", SIXTY "a\xEE\x80\x80"}, // over the surrogates
        {SIXTY "\xF4\x8F\xBF\xBFz", SIXTY "\xF4\x8F\xBF\xBF",
         "12345678901234567890123456789012345678901234567890123456789\x31"}, // the last one: raised before it
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Bounds bounds = of_texts(BOUNDS_TEXT, &CASES[i].text, 1);
        CHECK(bounds.any && !bounds.min.exact && !bounds.max.exact);
        CHECK_TEXT(bound_slice(&bounds.min), CASES[i].min);
        CHECK_TEXT(bound_slice(&bounds.max), CASES[i].max);
    }
}

TEST(bounds_that_cannot_be_raised_are_left_out) {
    char text[81];
    memset(text, 0xFF, 80);
    text[80] = 0;
    const char *texts[] = {text};
    Bounds bounds = of_texts(BOUNDS_BYTES, texts, 1);
    CHECK(!bounds.any && bounds.none);
    text[10] = 'a';
    bounds = of_texts(BOUNDS_BYTES, texts, 1);
    CHECK(bounds.any && bounds.max.size == 11 && bounds.max.bytes[10] == 'b');
}

TEST(bounds_of_reals_pass_over_nan) {
    const double values[] = {__builtin_nan(""), 0.0, __builtin_nan(""), 0.0}, *nan = values;
    Bounds bounds;
    bounds_of(&bounds, BOUNDS_DOUBLE, (const uint8_t *)values, 8, NULL, 4);
    CHECK(bounds.any && load_u64le(bounds.min.bytes) == UINT64_C(1) << 63 && load_u64le(bounds.max.bytes) == 0);
    bounds_of(&bounds, BOUNDS_DOUBLE, (const uint8_t *)nan, 8, NULL, 1);
    CHECK(!bounds.any && bounds.none);
    const float singles[] = {1.5F, -__builtin_inff(), __builtin_nanf("")};
    bounds_of(&bounds, BOUNDS_FLOAT, (const uint8_t *)singles, 4, NULL, 3);
    CHECK(bounds.any && load_u32le(bounds.min.bytes) == 0xFF800000U && load_u32le(bounds.max.bytes) == 0x3FC00000U);
}

TEST(bounds_of_wide_decimals_are_signed) {
    static const uint8_t VALUES[] = {0x00, 0x01, 0xFF, 0xFF, 0x7F, 0xFF, 0x80, 0x00};
    Bounds bounds;
    bounds_of(&bounds, BOUNDS_FIXED_DECIMAL, VALUES, 2, NULL, 4);
    CHECK(load_u16be(bounds.min.bytes) == 0x8000 && load_u16be(bounds.max.bytes) == 0x7FFF);
    bounds_of(&bounds, BOUNDS_FIXED, VALUES, 2, NULL, 4);
    CHECK(load_u16be(bounds.min.bytes) == 0x0001 && load_u16be(bounds.max.bytes) == 0xFFFF);
}

TEST(bounds_widen_and_keep_what_is_exact) {
    static const char *const CUT[] = {SIXTY "abcde"}, *const WHOLE[] = {SIXTY "abcd"}, *const LESS[] = {"0"};
    Bounds all = {0}, cut = of_texts(BOUNDS_TEXT, CUT, 1), whole = of_texts(BOUNDS_TEXT, WHOLE, 1);
    Bounds less = of_texts(BOUNDS_TEXT, LESS, 1);
    bounds_merge(&all, BOUNDS_TEXT, &cut);
    CHECK(all.any && !all.min.exact);
    bounds_merge(&all, BOUNDS_TEXT, &whole);
    CHECK(all.min.exact && !all.max.exact);
    bounds_merge(&all, BOUNDS_TEXT, &less);
    CHECK_TEXT(bound_slice(&all.min), "0");
}
