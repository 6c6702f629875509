// SPDX-License-Identifier: Apache-2.0
// Days and microseconds since 2000-01-01 to dates and times of the proleptic Gregorian calendar, and their text. Years
// are astronomical: 0 is 1 BC. The infinities are the extremes of the integer types (data/event/value.h).
#ifndef LEAT_CORE_BASE_CALENDAR_H
#define LEAT_CORE_BASE_CALENDAR_H

#include "core/base/buf.h"

#define CALENDAR_DAY_US    INT64_C(86400000000)
#define CALENDAR_SECOND_US INT64_C(1000000)
// What PostgreSQL can hold: 4714-11-24 BC (Julian day 0) to 5874897-12-31, and to 294276-12-31 with a time.
#define CALENDAR_DAY_MIN       INT32_C(-2451545)
#define CALENDAR_DAY_END       INT32_C(2145031949)
#define CALENDAR_TIMESTAMP_MIN INT64_C(-211813488000000000)
#define CALENDAR_TIMESTAMP_END INT64_C(9223371331200000000)

typedef struct CalendarDate {
    int32_t year;
    int32_t month; // 1 to 12
    int32_t day;   // 1 to 31
} CalendarDate;

CalendarDate calendar_date(int32_t days);
// Days since 2000-01-01; the date must exist.
int64_t calendar_days(CalendarDate date);
int32_t calendar_month_days(int32_t year, int32_t month);
// Days, and microseconds of the day that are never negative.
static inline int64_t calendar_split(int64_t micros, int64_t *of_day) {
    int64_t days = micros / CALENDAR_DAY_US;
    *of_day = micros % CALENDAR_DAY_US;
    if (*of_day < 0) {
        *of_day += CALENDAR_DAY_US;
        days--;
    }
    return days;
}

// Microseconds as whole milliseconds, towards the past.
static inline int64_t calendar_ms(int64_t micros) {
    return micros / 1000 - (micros % 1000 < 0 ? 1 : 0);
}

// "2024-02-29", "0044-03-15 BC", "infinity".
void calendar_date_text(Buf *buf, int32_t days);
// "13:14:15.5"
void calendar_time_text(Buf *buf, int64_t micros);
// "13:14:15.5+02", "…-03:30", "…+15:59:59"; seconds EAST of UTC.
void calendar_timetz_text(Buf *buf, int64_t micros, int32_t east);
// "2024-02-29T13:14:15.5", "0044-03-15T00:00:00 BC", "infinity"; `zone` ("" or "Z") comes before BC.
void calendar_timestamp_text(Buf *buf, int64_t micros, const char *zone);

#endif
