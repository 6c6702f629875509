// SPDX-License-Identifier: Apache-2.0
#include "data/connect/temporal.h"
#include "core/base/calendar.h"
#include "core/base/digits.h"

enum { DAYS_1970 = 10957, ZONE_SECONDS_MAX = 16 * 3600 };

// What Debezium makes of PostgreSQL's infinities.
#define INFINITE_FUTURE INT64_C(9223372036825200000)
#define INFINITE_PAST   INT64_C(-9223372036832400000)

bool temporal_date(int64_t days, Value *to, Err *err) {
    if (LIKELY(days >= CALENDAR_DAY_MIN && days < CALENDAR_DAY_END)) {
        *to = value_int(days + DAYS_1970);
        return true;
    }
    return days == INT32_MIN || days == INT32_MAX || FAIL(err, ERR_VALUE, "a date is out of range");
}

bool temporal_time(int64_t micros, int64_t unit_us, Value *to, Err *err) {
    if (UNLIKELY(micros < 0 || micros > CALENDAR_DAY_US)) {
        return FAIL(err, ERR_VALUE, "a time is out of range");
    }
    *to = value_int(micros / unit_us);
    return true;
}

bool temporal_timestamp(int64_t micros, int64_t unit_us, Value *to, Err *err) {
    if (micros == INT64_MIN || micros == INT64_MAX) {
        *to = value_int(micros > 0 ? INFINITE_FUTURE : INFINITE_PAST);
        return true;
    }
    if (UNLIKELY(micros < CALENDAR_TIMESTAMP_MIN || micros >= CALENDAR_TIMESTAMP_END)) {
        return FAIL(err, ERR_VALUE, "a timestamp is out of range");
    }
    int64_t units = micros / unit_us - (micros % unit_us < 0), since;
    if (LIKELY(!__builtin_add_overflow(units, CALENDAR_1970_US / unit_us, &since))) {
        *to = value_int(since);
    }
    return true;
}

int64_t temporal_duration(const Interval *interval) {
    double days = (double)interval->months * 30.4375 + (double)interval->days;
    double hours = (double)(interval->micros / (3600 * CALENDAR_SECOND_US));
    double minutes = (double)(interval->micros / (60 * CALENDAR_SECOND_US) % 60);
    double seconds = (double)(interval->micros % (60 * CALENDAR_SECOND_US)) / 1e6;
    double micros = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1e6;
    return micros >= 9223372036854775808.0 ? INT64_MAX : micros <= -9223372036854775808.0 ? INT64_MIN : (int64_t)micros;
}

bool temporal_valid(const Value *value, Err *err) {
    int64_t micros = value->integer;
    bool valid = value->kind == VALUE_TIMETZ
                     ? micros >= 0 && micros <= CALENDAR_DAY_US && value->aux > -ZONE_SECONDS_MAX &&
                           value->aux < ZONE_SECONDS_MAX
                     : micros == INT64_MIN || micros == INT64_MAX ||
                           (micros >= CALENDAR_TIMESTAMP_MIN && micros < CALENDAR_TIMESTAMP_END);
    return valid || FAIL(err, ERR_VALUE, "a time with zone is out of range");
}

static uint8_t *fraction_put(uint8_t *at, uint32_t micros, int32_t digits) {
    if (digits > 0) {
        *at++ = '.';
        digits_put4(digits_put2(at, micros / 10000), micros % 10000);
        at += MIN(digits, 6);
    }
    return at;
}

static void clock_text(Buf *buf, int64_t of_day, int32_t digits) {
    uint8_t *at = buf_room(buf, sizeof("11:14:15.123456Z") - 1), *start = at;
    if (UNLIKELY(at == NULL)) {
        return;
    }
    uint32_t seconds = (uint32_t)(of_day / CALENDAR_SECOND_US), micros = (uint32_t)(of_day % CALENDAR_SECOND_US);
    at = digits_put2(at, seconds / 3600);
    *at++ = ':';
    at = digits_put2(at, seconds / 60 % 60);
    *at++ = ':';
    at = digits_put2(at, seconds % 60);
    at = fraction_put(at, micros, digits);
    *at++ = 'Z';
    buf_advance(buf, (size_t)(at - start));
}

static void date_text(Buf *buf, int32_t days) {
    CalendarDate date = calendar_date(days);
    uint32_t year = (uint32_t)(date.year < 0 ? -date.year : date.year);
    buf_text(buf, date.year > 9999 ? "+" : date.year < 0 ? "-" : "");
    uint8_t *at = buf_room(buf, sizeof("5874897-12-31") - 1), *start = at;
    if (UNLIKELY(at == NULL)) {
        return;
    }
    at = year > 9999 ? digits_put(at, year) : digits_put4(at, year);
    *at++ = '-';
    at = digits_put2(at, (uint32_t)date.month);
    *at++ = '-';
    at = digits_put2(at, (uint32_t)date.day);
    buf_advance(buf, (size_t)(at - start));
}

static bool infinite_text(Buf *buf, bool infinite, bool past) {
    if (infinite) {
        buf_text(buf, past ? "-infinity" : "infinity");
    }
    return infinite;
}

void zoned_timestamp_text(Buf *buf, int64_t micros, int32_t digits) {
    if (!infinite_text(buf, micros == INT64_MIN || micros == INT64_MAX, micros < 0)) {
        int64_t of_day;
        date_text(buf, (int32_t)calendar_split(micros, &of_day));
        buf_u8(buf, 'T');
        clock_text(buf, of_day, digits);
    }
}

// Digits that a fraction of microseconds needs.
static int32_t fraction_digits(int64_t fraction) {
    int32_t digits = fraction == 0 ? 0 : 6;
    for (; digits > 0 && fraction % 10 == 0; fraction /= 10) {
        digits--;
    }
    return digits;
}

void zoned_time_text(Buf *buf, int64_t micros, int32_t east) {
    int64_t of_day;
    (void)calendar_split(micros - (int64_t)east * CALENDAR_SECOND_US, &of_day);
    clock_text(buf, of_day, fraction_digits(of_day % CALENDAR_SECOND_US));
}

void iso_date_text(Buf *buf, int32_t days) {
    if (!infinite_text(buf, days == INT32_MIN || days == INT32_MAX, days < 0)) {
        date_text(buf, days);
        buf_u8(buf, 'Z');
    }
}

void iso_timestamp_text(Buf *buf, int64_t micros, bool exact) {
    bool infinite = micros == INT64_MIN || micros == INT64_MAX;
    if (infinite_text(buf, infinite && exact, micros < 0)) {
        return;
    }
    if (infinite) {
        micros = (micros > 0 ? INFINITE_FUTURE : INFINITE_PAST) - CALENDAR_1970_US;
    }
    int64_t of_day;
    date_text(buf, (int32_t)calendar_split(micros, &of_day));
    buf_u8(buf, 'T');
    clock_text(buf, of_day, fraction_digits(of_day % CALENDAR_SECOND_US));
}

void iso_interval_text(Buf *buf, const Interval *interval) {
    int64_t seconds = interval->micros / CALENDAR_SECOND_US, fraction = interval->micros % CALENDAR_SECOND_US;
    int64_t rest = seconds % 60;
    buf_printf(buf, "P%dY%dM%dDT%" PRId64 "H%" PRId64 "M%s%" PRId64, interval->months / 12, interval->months % 12,
               interval->days, seconds / 3600, seconds / 60 % 60,
               interval->micros < 0 && rest == 0 && fraction != 0 ? "-" : "", rest);
    uint8_t text[8];
    uint32_t micros = (uint32_t)(fraction < 0 ? -fraction : fraction);
    buf_bytes(buf, text, (size_t)(fraction_put(text, micros, fraction_digits(fraction)) - text));
    buf_u8(buf, 'S');
}
