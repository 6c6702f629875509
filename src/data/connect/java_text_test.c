// SPDX-License-Identifier: Apache-2.0
#include "data/connect/java_text.c"

#include "core/base/test.h"

TEST(texts_are_dates_and_times_as_java_reads_them) {
    int64_t at = 0;
    CHECK(text_date(SLICE("2000-03-01"), &at) && at == 60);
    CHECK(!text_date(SLICE("2001-02-29"), &at) && !text_date(SLICE("2001-2-3"), &at) && !text_date(SLICE(""), &at));
    CHECK(text_time(SLICE("01:02:03.000004"), &at) && at == INT64_C(3723000004));
    CHECK(text_time(SLICE("23:59"), &at) && at == INT64_C(86340000000));
    CHECK(!text_time(SLICE("24:00"), &at) && !text_time(SLICE("01:02:03.0000001"), &at));
    CHECK(text_time(SLICE("01:02:03.000000000"), &at));
    CHECK(text_timestamp(SLICE("2000-01-01T01:00:00+01:00"), true, &at) && at == 0);
    CHECK(text_timestamp(SLICE("2000-01-01 00:00:00.5-0030"), true, &at) && at == INT64_C(1800500000));
    CHECK(text_timestamp(SLICE("2000-01-01T01:00:00+01:00"), false, &at) && at == INT64_C(3600000000));
    CHECK(text_timestamp(SLICE("1999-12-31T23:59:59Z"), true, &at) && at == -1000000);
    CHECK(!text_timestamp(SLICE("2000-01-01"), true, &at) && !text_timestamp(SLICE("2000-01-01T1"), true, &at));
}

TEST(usual_timestamps_are_read_as_all_others) {
    static const char *const TEXTS[] = {
        "2026-01-01T00:00:00",       "2024-02-29T23:59:59.9",      "1969-12-31T12:34:56.000001",
        "0001-12-31T01:02:03.12345", "2023-02-29T00:00:00",        "2026-13-01T00:00:00",
        "2026-01-01T24:00:00.5",     "2026-01-01T00:60:00",        "2026-01-01T00:00:60.000000",
        "2026-01-01T00:00:00.",      "2026-01-01T00:00:0x.1",      "2026-01-01T00:00:00.12:45",
        "2026-01-00T00:00:00",       "2026-01-01T00:00:00Z1",      "2026/01-01T00:00:00",
        "2026-01-01 00:00:00",       "2026-01-01T00:00:00.1234567"};
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        char usual[40], other[40];
        int64_t at = 0, same = 0;
        snprintf(usual, sizeof(usual), "%sZ", TEXTS[i]);
        snprintf(other, sizeof(other), "%s+00:00", TEXTS[i]);
        bool read = text_timestamp(slice_of(usual), true, &at);
        CHECK_INT(text_timestamp(slice_of(other), true, &same), read);
        CHECK_INT(at, read ? same : at);
    }
}

TEST(texts_are_numbers_and_bytes) {
    Arena arena;
    arena_init(&arena, "test", 0);
    int64_t number = 0;
    double real = 0;
    uint8_t uuid[16];
    Slice bytes;
    CHECK(text_int(SLICE("-9223372036854775808"), &number) && number == INT64_MIN);
    CHECK(!text_int(SLICE("9223372036854775808"), &number) && !text_int(SLICE("1 "), &number));
    CHECK(!text_int(SLICE(" 1"), &number) && !text_int(SLICE("1.0"), &number) && !text_int(SLICE(""), &number));
    CHECK(text_real(SLICE("1.5e3"), &real) && real == 1500 && !text_real(SLICE("x"), &real));
    CHECK(text_uuid(SLICE("00112233-4455-6677-8899-aAbBcCdDeEfF"), uuid) && uuid[1] == 0x11 && uuid[15] == 0xff);
    CHECK(!text_uuid(SLICE("00112233-4455-6677-8899-aabbccddeef"), uuid));
    CHECK(!text_uuid(SLICE("00112233-4455-6677-8899-aabbccddeefg"), uuid));
    CHECK(text_base64(&arena, SLICE("AAEC"), &bytes) && slice_equal(bytes, (Slice){(const uint8_t *)"\0\1\2", 3}));
    CHECK(text_base64(&arena, SLICE("aGk="), &bytes) && slice_is(bytes, "hi"));
    CHECK(text_base64(&arena, SLICE("aA=="), &bytes) && slice_is(bytes, "h"));
    CHECK(text_base64(&arena, SLICE(""), &bytes) && bytes.size == 0);
    CHECK(!text_base64(&arena, SLICE("a"), &bytes) && !text_base64(&arena, SLICE("a$=="), &bytes));
    arena_release(&arena);
}
