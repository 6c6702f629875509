// SPDX-License-Identifier: Apache-2.0
#include "data/format/float_text.c"
#include "core/base/test.h"

static Slice printed_64(double number) {
    static Buf buf;
    buf_reset(&buf);
    float64_text(&buf, number);
    return buf_slice(&buf);
}

static Slice printed_32(float number) {
    static Buf buf;
    buf_reset(&buf);
    float32_text(&buf, number);
    return buf_slice(&buf);
}

TEST(float64_text_is_that_of_postgresql) {
    static const struct {
        double number;
        const char *text;
    } ROWS[] = {
        {0.0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {1.5, "1.5"},
        {-2.25, "-2.25"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {1e14, "100000000000000"},
        {1e15, "1e+15"},
        {123456789012345, "123456789012345"},
        {1234567890123456, "1.234567890123456e+15"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {1e20, "1e+20"},
        {1e23, "9.999999999999999e+22"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {5e-324, "5e-324"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {9007199254740992, "9.007199254740992e+15"},
        {5.684341886080802e-14, "5.684341886080802e-14"},
        {HUGE_VAL, "Infinity"},
        {-HUGE_VAL, "-Infinity"},
        {4.35, "4.35"},
        {123456.789, "123456.789"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        CHECK_TEXT(printed_64(ROWS[i].number), ROWS[i].text);
    }
    CHECK_TEXT(printed_64((double)NAN), "NaN");
}

TEST(float32_text_is_that_of_postgresql) {
    static const struct {
        float number;
        const char *text;
    } ROWS[] = {
        {0.0F, "0"},
        {-0.0F, "-0"},
        {1.5F, "1.5"},
        {0.1F, "0.1"},
        {999999, "999999"},
        {1e6F, "1e+06"},
        {1234567, "1.234567e+06"},
        {16777216, "1.6777216e+07"},
        {1e-45F, "1e-45"},
        {3.4028235e38F, "3.4028235e+38"},
        {1.17549435e-38F, "1.1754944e-38"},
        {0.00001F, "1e-05"},
        {HUGE_VALF, "Infinity"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        CHECK_TEXT(printed_32(ROWS[i].number), ROWS[i].text);
    }
}

TEST(float_text_reads_back) {
    uint64_t state = 88172645463325252;
    for (int i = 0; i < 20000; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        double number;
        float narrow;
        char text[64] = {0};
        uint32_t half = (uint32_t)state;
        memcpy(&number, &state, sizeof(number));
        memcpy(&narrow, &half, sizeof(narrow));
        if (!isnan(number)) {
            Slice slice = printed_64(number);
            memcpy(text, slice.data, slice.size);
            CHECK(strtod(text, NULL) == number);
        }
        memset(text, 0, sizeof(text));
        if (!isnan(narrow)) {
            Slice slice = printed_32(narrow);
            memcpy(text, slice.data, slice.size);
            CHECK(strtof(text, NULL) == narrow);
        }
    }
}
