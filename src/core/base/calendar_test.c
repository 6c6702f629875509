// SPDX-License-Identifier: Apache-2.0
#include "core/base/calendar.c"
#include "core/base/test.h"

TEST(calendar_counts_every_day) {
    // All days of four eras, one after the other.
    CalendarDate date = {-800, 1, 1};
    int32_t first = (int32_t)calendar_days(date);
    for (int32_t days = first; days < first + 4 * ERA_DAYS; days++) {
        CalendarDate got = calendar_date(days);
        CHECK(got.year == date.year && got.month == date.month && got.day == date.day);
        CHECK_INT(calendar_days(got), days);
        if (++date.day > calendar_month_days(date.year, date.month)) {
            date =
                date.month == 12 ? (CalendarDate){date.year + 1, 1, 1} : (CalendarDate){date.year, date.month + 1, 1};
        }
    }
    CHECK_INT(date.year, 800);
}

static Slice printed(void (*print)(Buf *buf, int64_t number), int64_t number) {
    static Buf buf;
    buf_reset(&buf);
    print(&buf, number);
    return buf_slice(&buf);
}

static void print_date(Buf *buf, int64_t days) {
    calendar_date_text(buf, (int32_t)days);
}
static void print_plain(Buf *buf, int64_t micros) {
    calendar_timestamp_text(buf, micros, "");
}
static void print_zoned(Buf *buf, int64_t micros) {
    calendar_timestamp_text(buf, micros, "Z");
}

TEST(calendar_prints_the_ends_of_its_ranges) {
    CHECK_TEXT(printed(print_date, 0), "2000-01-01");
    CHECK_TEXT(printed(print_date, CALENDAR_DAY_MIN), "4714-11-24 BC");
    CHECK_TEXT(printed(print_date, CALENDAR_DAY_END - 1), "5874897-12-31");
    CHECK_TEXT(printed(print_date, INT32_MAX), "infinity");
    CHECK_TEXT(printed(print_date, INT32_MIN), "-infinity");
    CHECK_TEXT(printed(print_plain, CALENDAR_TIMESTAMP_MIN), "4714-11-24T00:00:00 BC");
    CHECK_TEXT(printed(print_plain, CALENDAR_TIMESTAMP_END - 1), "294276-12-31T23:59:59.999999");
    CHECK_TEXT(printed(print_zoned, CALENDAR_TIMESTAMP_MIN), "4714-11-24T00:00:00Z BC");
    CHECK_TEXT(printed(print_zoned, -1), "1999-12-31T23:59:59.999999Z");
    CHECK_TEXT(printed(print_zoned, 100000), "2000-01-01T00:00:00.1Z");
    CHECK_TEXT(printed(print_zoned, INT64_MIN), "-infinity");
    CHECK_TEXT(printed(calendar_time_text, CALENDAR_DAY_US), "24:00:00");
    CHECK_TEXT(printed(calendar_time_text, 12), "00:00:00.000012");
}

TEST(calendar_prints_zones_east_of_utc) {
    static const struct {
        int32_t east;
        const char *text;
    } ROWS[] = {{0, "01:02:03+00"},
                {7200, "01:02:03+02"},
                {-12600, "01:02:03-03:30"},
                {57599, "01:02:03+15:59:59"},
                {-1, "01:02:03-00:00:01"}};
    Buf buf;
    buf_init(&buf, 0);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(&buf);
        calendar_timetz_text(&buf, 3723 * CALENDAR_SECOND_US, ROWS[i].east);
        CHECK_TEXT(buf_slice(&buf), ROWS[i].text);
    }
    buf_release(&buf);
}
