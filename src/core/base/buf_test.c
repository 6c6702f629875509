// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.c" // NOLINT

#include "core/base/test.h"

TEST(buf_stops_at_its_limit) {
    Buf buf;
    buf_init(&buf, 3);
    buf_text(&buf, "abc");
    CHECK(!buf.overflow);
    buf_u8(&buf, 'd');
    CHECK(buf.overflow);
    CHECK_TEXT(buf_slice(&buf), "abc");
    buf_release(&buf);
}

TEST(buf_writes_integers_as_digits) {
    DEFER(buf_release) Buf buf = {0};
    buf_int(&buf, INT64_MIN);
    buf_u8(&buf, ' ');
    buf_uint(&buf, UINT64_MAX);
    CHECK_TEXT(buf_slice(&buf), "-9223372036854775808 18446744073709551615");
}

TEST(buf_writes_as_many_digits_as_there_are) {
    uint64_t power = 1;
    for (int digits = 1; digits <= 20; digits++, power *= 10) {
        uint64_t numbers[] = {power - 1, power, power + 1, power * 5 / 4};
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
            DEFER(buf_release) Buf got = {0}, want = {0};
            buf_uint(&got, numbers[i]);
            buf_printf(&want, "%" PRIu64, numbers[i]);
            CHECK(slice_equal(buf_slice(&got), buf_slice(&want)));
        }
    }
}

TEST(buf_varints_are_read_back) {
    static const uint64_t NUMBERS[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
        DEFER(buf_release) Buf buf = {0};
        buf_varint(&buf, NUMBERS[i]);
        Reader reader = reader_of(buf_slice(&buf));
        CHECK(read_varint(&reader) == NUMBERS[i] && reader_done(&reader));
    }
}

TEST(varints_that_are_cut_off_or_too_long_are_bad) {
    static const struct {
        const char *bytes;
        size_t size;
    } BAD[] = {{"", 0},
               {"\x80", 1},
               {"\xff\xff\xff", 3},
               {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10},
               {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11}};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Reader reader = reader_of((Slice){(const uint8_t *)BAD[i].bytes, BAD[i].size});
        CHECK_INT(read_varint(&reader), 0);
        CHECK(reader.bad && reader_left(&reader) == 0);
    }
    Reader long_zero = reader_of(SLICE("\x80\x80\x00z"));
    CHECK_INT(read_varint(&long_zero), 0);
    CHECK(!long_zero.bad && reader_left(&long_zero) == 1);
}
