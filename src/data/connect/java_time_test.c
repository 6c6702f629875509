// SPDX-License-Identifier: Apache-2.0
#include "core/base/test.h"
#include "data/connect/java_time.c"

static JavaTimeFormat *format_of(Arena *arena, const char *pattern) {
    Err err[1] = {{0}};
    JavaTimeFormat *format = NULL;
    CHECK_OK(java_time_new(arena, slice_of(pattern), "format", "t.", &format, err));
    return format;
}

// What java.text.SimpleDateFormat(pattern, Locale.US) in UTC prints for these milliseconds.
TEST(java_time_writes_as_simple_date_format) {
    static const struct {
        const char *pattern;
        int64_t ms;
        const char *text;
    } ROWS[] = {
        {"yyyy-MM-dd'T'HH:mm:ss.SSSXXX", 1700000000123, "2023-11-14T22:13:20.123Z"},
        {"G yy y yyyyy M MM MMM MMMM", 1700000000123, "AD 23 2023 02023 11 11 Nov November"},
        {"E EEEE u a H k K h m s S SSSSSS", 1700000000003, "Tue Tuesday 2 PM 22 22 10 10 13 20 3 000003"},
        {"z zzzz Z X 'it''s' ''", 0, "UTC Coordinated Universal Time +0000 Z it's '"},
        {"D F w W YYYY", 1704067200000, "1 1 1 1 2024"},    // 2024-01-01, a Monday
        {"D F w W YYYY", 1703980800000, "365 5 1 6 2024"},  // 2023-12-31, a Sunday: of the next year's first week
        {"D F w W YYYY", 1672531199000, "365 5 53 5 2022"}, // 2022-12-31, a Saturday
        {"yyyy-MM-dd HH:mm:ss.SSS", -1, "1969-12-31 23:59:59.999"},
        {"k K h", 0, "24 0 12"},
        {"yyyy/MM/dd", 253402300799999, "9999/12/31"},
    };
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "test", 0);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        DEFER(buf_release) Buf buf;
        buf_init(&buf, 0);
        java_time_write(format_of(&arena, ROWS[i].pattern), ROWS[i].ms, &buf);
        CHECK_TEXT(buf_slice(&buf), ROWS[i].text);
    }
}

TEST(java_time_reads_leniently) {
    static const struct {
        const char *pattern, *text;
        int64_t ms;
    } ROWS[] = {
        {"yyyy-MM-dd'T'HH:mm:ss.SSSX", "2023-11-14T22:13:20.123Z", 1700000000123},
        {"yyyy-MM-dd'T'HH:mm:ssX", "2023-11-14T23:13:20+01:00", 1700000000000},
        {"yyyy-MM-dd'T'HH:mm:ssZ", "2023-11-14T21:13:20-0100 and more", 1700000000000},
        {"yyyyMMddHHmmss", "20231114221320", 1700000000000},
        {"dd MMM yyyy hh:mm a", "14 nov 2023 10:13 PM", 1699999980000},
        {"EEE, d MMMM yyyy", "Tue, 14 November 2023", 1699920000000},
        {"yyyy-MM-dd", "2023-13-32", 1706745600000}, // 2024-02-01
        {"yy-MM-dd", "23-11-14", 1699920000000},
        {"yy-MM-dd", "70-01-02", 86400000},
        {"yyyy D", "2024 366", 1735603200000},
        {"y G", "1 BC", -62167219200000},
        {"HH:mm", "  1: 2", 3720000},
        {"k", "24", 0},
        {"hh:mm a", "13:00 PM", 90000000},
        {"s.S", "-1.5", -995},
    };
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "test", 0);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t ms = 0;
        if (!java_time_read(format_of(&arena, ROWS[i].pattern), slice_of(ROWS[i].text), &ms)) {
            test_fail(__FILE__, __LINE__, "%s is not read", ROWS[i].text);
        }
        CHECK_INT(ms, ROWS[i].ms);
    }
}

TEST(java_time_refuses_what_does_not_fit) {
    static const char *const PATTERNS[] = {"yyyy-bb", "'open", "XXXX"};
    static const struct {
        const char *pattern, *text;
    } TEXTS[] = {{"yyyy", ""}, {"yyyy-MM", "2024/01"}, {"MMM", "Foo"}, {"yyyy", "99999999999999999999"}, {"X", "east"}};
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "test", 0);
    JavaTimeFormat *format = NULL;
    for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++) {
        CHECK_FAILS(java_time_new(&arena, slice_of(PATTERNS[i]), "format", "t.", &format, err), ERR_OPTION);
    }
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        int64_t ms = 0;
        CHECK(!java_time_read(format_of(&arena, TEXTS[i].pattern), slice_of(TEXTS[i].text), &ms));
    }
}
