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

TEST(buf_varints_are_read_back) {
    static const uint64_t NUMBERS[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
        DEFER(buf_release) Buf buf = {0};
        buf_varint(&buf, NUMBERS[i]);
        Reader reader = reader_of(buf_slice(&buf));
        CHECK(read_varint(&reader) == NUMBERS[i] && reader_done(&reader));
    }
}
