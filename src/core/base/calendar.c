// SPDX-License-Identifier: Apache-2.0
#include "core/base/calendar.h"
#include "core/base/digits.h"

// Howard Hinnant's days_from_civil and civil_from_days: years that begin in March, in eras of 400 years.
enum { ERA_DAYS = 146097, EPOCH_SHIFT = 730425 }; // days from 0000-03-01 to 2000-01-01

CalendarDate calendar_date(int32_t days) {
    int64_t z = (int64_t)days + EPOCH_SHIFT;
    int64_t era = (z >= 0 ? z : z - (ERA_DAYS - 1)) / ERA_DAYS;
    uint32_t doe = (uint32_t)(z - era * ERA_DAYS);
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t mp = (5 * doy + 2) / 153;
    uint32_t month = mp < 10 ? mp + 3 : mp - 9;
    return (CalendarDate){
        .year = (int32_t)(era * 400 + yoe + (month <= 2)),
        .month = (int32_t)month,
        .day = (int32_t)(doy - (153 * mp + 2) / 5 + 1),
    };
}

int64_t calendar_days(CalendarDate date) {
    int64_t year = (int64_t)date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * ERA_DAYS + doe - EPOCH_SHIFT;
}

int32_t calendar_month_days(int32_t year, int32_t month) {
    static const int8_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    ASSERT(month >= 1 && month <= 12);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

static uint8_t *date_put(uint8_t *at, CalendarDate date) {
    uint32_t year = (uint32_t)(date.year > 0 ? date.year : 1 - date.year);
    at = year > 9999 ? digits_put(at, year) : digits_put4(at, year);
    *at++ = '-';
    at = digits_put2(at, (uint32_t)date.month);
    *at++ = '-';
    return digits_put2(at, (uint32_t)date.day);
}

static uint8_t *era_put(uint8_t *at, CalendarDate date) {
    if (UNLIKELY(date.year <= 0)) {
        memcpy(at, " BC", 3);
        at += 3;
    }
    return at;
}

// micros: 0 to 24:00:00.
static uint8_t *time_put(uint8_t *at, int64_t micros) {
    uint32_t seconds = (uint32_t)((uint64_t)micros / 1000000);
    uint32_t fraction = (uint32_t)((uint64_t)micros - (uint64_t)seconds * 1000000);
    uint32_t minutes = seconds / 60;
    at = digits_put2(at, MIN(minutes / 60, 99));
    *at++ = ':';
    at = digits_put2(at, minutes % 60);
    *at++ = ':';
    at = digits_put2(at, seconds % 60);
    if (fraction != 0) {
        *at++ = '.';
        digits_put2(digits_put4(at, fraction / 100), fraction % 100);
        at += 6;
        while (at[-1] == '0') {
            at--;
        }
    }
    return at;
}

enum { TEXT_BYTES_MAX = 64 };

static void infinity_text(Buf *buf, int sign) {
    buf_text(buf, sign < 0 ? "-infinity" : "infinity");
}

void calendar_date_text(Buf *buf, int32_t days) {
    if (UNLIKELY(days == INT32_MIN || days == INT32_MAX)) {
        infinity_text(buf, days < 0 ? -1 : 1);
        return;
    }
    uint8_t *room = buf_room(buf, TEXT_BYTES_MAX);
    if (room != NULL) {
        CalendarDate date = calendar_date(days);
        buf_advance(buf, (size_t)(era_put(date_put(room, date), date) - room));
    }
}

void calendar_time_text(Buf *buf, int64_t micros) {
    uint8_t *room = buf_room(buf, TEXT_BYTES_MAX);
    if (room != NULL) {
        buf_advance(buf, (size_t)(time_put(room, micros) - room));
    }
}

void calendar_timetz_text(Buf *buf, int64_t micros, int32_t east) {
    uint8_t *room = buf_room(buf, TEXT_BYTES_MAX);
    if (room == NULL) {
        return;
    }
    uint8_t *at = time_put(room, micros);
    *at++ = east < 0 ? '-' : '+';
    uint32_t seconds = east < 0 ? 0 - (uint32_t)east : (uint32_t)east;
    at = digits_put2(at, MIN(seconds / 3600, 99));
    if (seconds % 3600 != 0) {
        *at++ = ':';
        at = digits_put2(at, seconds / 60 % 60);
        if (seconds % 60 != 0) {
            *at++ = ':';
            at = digits_put2(at, seconds % 60);
        }
    }
    buf_advance(buf, (size_t)(at - room));
}

void calendar_timestamp_text(Buf *buf, int64_t micros, const char *zone) {
    if (UNLIKELY(micros == INT64_MIN || micros == INT64_MAX)) {
        infinity_text(buf, micros < 0 ? -1 : 1);
        return;
    }
    uint8_t *room = buf_room(buf, TEXT_BYTES_MAX);
    if (room == NULL) {
        return;
    }
    int64_t of_day;
    int64_t days = calendar_split(micros, &of_day);
    CalendarDate date = calendar_date((int32_t)days); // INT64 microseconds are 107 million days at most
    uint8_t *at = date_put(room, date);
    *at++ = 'T';
    at = time_put(at, of_day);
    if (zone[0] != '\0') {
        *at++ = (uint8_t)zone[0];
    }
    buf_advance(buf, (size_t)(era_put(at, date) - room));
}
