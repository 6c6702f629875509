// SPDX-License-Identifier: Apache-2.0
// Dates, times, intervals: date_send, time_send, timetz_send, timestamp_send, interval_send. Text is read in DateStyle
// ISO, and in IntervalStyle postgres or iso_8601, whatever the session's TimeZone.
#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/digits.h"
#include "flow/source/postgres/codec_decode.h"

enum { ZONE_SECONDS_MAX = 16 * 3600 - 1 };

static bool date_value(const PgCodec *codec, int64_t days, Value *value, Err *err) {
    if (UNLIKELY((days < CALENDAR_DAY_MIN || days >= CALENDAR_DAY_END) && days != INT32_MIN && days != INT32_MAX)) {
        return BAD_VALUE(codec, err, "out of the range of dates");
    }
    *value = (Value){.kind = VALUE_DATE, .integer = days};
    return true;
}

static bool time_value(const PgCodec *codec, ValueKind kind, int64_t micros, int32_t east, Value *value, Err *err) {
    if (UNLIKELY(micros < 0 || micros > CALENDAR_DAY_US)) {
        return BAD_VALUE(codec, err, "out of the range of times");
    }
    if (UNLIKELY(east < -ZONE_SECONDS_MAX || east > ZONE_SECONDS_MAX)) {
        return BAD_VALUE(codec, err, "out of the range of time zones");
    }
    *value = (Value){.kind = (uint8_t)kind, .aux = east, .integer = micros};
    return true;
}

static bool timestamp_value(const PgCodec *codec, ValueKind kind, int64_t micros, Value *value, Err *err) {
    if (UNLIKELY((micros < CALENDAR_TIMESTAMP_MIN || micros >= CALENDAR_TIMESTAMP_END) && micros != INT64_MIN &&
                 micros != INT64_MAX)) {
        return BAD_VALUE(codec, err, "out of the range of timestamps");
    }
    *value = (Value){.kind = (uint8_t)kind, .integer = micros};
    return true;
}

// --- binary ----------------------------------------------------------------------------------------------------

bool pg_binary_date(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 4)) {
        return BAD_VALUE(codec, err, "not 4 bytes");
    }
    return date_value(codec, (int32_t)load_u32be(bytes.data), value, err);
}

bool pg_binary_time(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 8)) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    return time_value(codec, VALUE_TIME, (int64_t)load_u64be(bytes.data), 0, value, err);
}

bool pg_binary_timetz(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 12)) {
        return BAD_VALUE(codec, err, "not 12 bytes");
    }
    int32_t west = (int32_t)load_u32be(bytes.data + 8);
    return time_value(codec, VALUE_TIMETZ, (int64_t)load_u64be(bytes.data), west == INT32_MIN ? west : -west, value,
                      err);
}

bool pg_binary_timestamp(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 8)) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    return timestamp_value(codec, VALUE_TIMESTAMP, (int64_t)load_u64be(bytes.data), value, err);
}

bool pg_binary_timestamptz(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 8)) {
        return BAD_VALUE(codec, err, "not 8 bytes");
    }
    return timestamp_value(codec, VALUE_TIMESTAMPTZ, (int64_t)load_u64be(bytes.data), value, err);
}

bool pg_binary_interval(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (UNLIKELY(bytes.size != 16)) {
        return BAD_VALUE(codec, err, "not 16 bytes");
    }
    *value = (Value){.kind = VALUE_INTERVAL};
    value->interval.micros = (int64_t)load_u64be(bytes.data);
    value->interval.days = (int32_t)load_u32be(bytes.data + 8);
    value->interval.months = (int32_t)load_u32be(bytes.data + 12);
    return true;
}

// --- text: dates and times -------------------------------------------------------------------------------------

static bool take_char(Slice *text, char c) {
    if (text->size == 0 || text->data[0] != (uint8_t)c) {
        return false;
    }
    *text = slice_from(*text, 1);
    return true;
}

static bool take_digits(Slice *text, size_t min, size_t max, int64_t *number) {
    size_t size = 0;
    *number = 0;
    while (size < text->size && digit_is(text->data[size])) {
        if (size == max) {
            return false;
        }
        *number = *number * 10 + (text->data[size++] - '0');
    }
    *text = slice_from(*text, size);
    return size >= min;
}

// [.ffffff] as microseconds.
static bool take_fraction(Slice *text, int64_t *micros) {
    *micros = 0;
    if (!take_char(text, '.')) {
        return true;
    }
    size_t before = text->size;
    if (!take_digits(text, 1, 6, micros)) {
        return false;
    }
    for (size_t i = before - text->size; i < 6; i++) {
        *micros *= 10;
    }
    return true;
}

static bool take_date(Slice *text, CalendarDate *date) {
    int64_t year, month, day;
    if (!take_digits(text, 4, 7, &year) || !take_char(text, '-') || !take_digits(text, 2, 2, &month) ||
        !take_char(text, '-') || !take_digits(text, 2, 2, &day) || year < 1 || month < 1 || month > 12) {
        return false;
    }
    *date = (CalendarDate){(int32_t)year, (int32_t)month, (int32_t)day};
    return true;
}

// The year is counted backwards when BC ends the text.
static bool take_era(Slice *text, CalendarDate *date) {
    if (slice_is(*text, " BC")) {
        date->year = 1 - date->year;
        *text = slice_from(*text, 3);
    }
    return date->day >= 1 && date->day <= calendar_month_days(date->year, date->month);
}

static bool take_time(Slice *text, int64_t *micros) {
    int64_t hours, minutes, seconds, fraction;
    if (!take_digits(text, 2, 2, &hours) || !take_char(text, ':') || !take_digits(text, 2, 2, &minutes) ||
        !take_char(text, ':') || !take_digits(text, 2, 2, &seconds) || !take_fraction(text, &fraction) || hours > 24 ||
        minutes > 59 || seconds > 59) {
        return false;
    }
    *micros = ((hours * 60 + minutes) * 60 + seconds) * CALENDAR_SECOND_US + fraction;
    return *micros <= CALENDAR_DAY_US;
}

static bool take_zone(Slice *text, int32_t *east) {
    int64_t hours, minutes = 0, seconds = 0;
    bool negative = take_char(text, '-');
    if (!negative && !take_char(text, '+')) {
        *east = 0;
        return take_char(text, 'Z');
    }
    if (!take_digits(text, 2, 2, &hours) || (take_char(text, ':') && !take_digits(text, 2, 2, &minutes)) ||
        (take_char(text, ':') && !take_digits(text, 2, 2, &seconds))) {
        return false;
    }
    int32_t offset = (int32_t)((hours * 60 + minutes) * 60 + seconds);
    *east = negative ? -offset : offset;
    return offset <= ZONE_SECONDS_MAX && minutes < 60 && seconds < 60;
}

static int infinity_sign(Slice text) {
    return slice_is(text, "infinity") ? 1 : slice_is(text, "-infinity") ? -1 : 0;
}

bool pg_text_date(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    int infinity = infinity_sign(bytes);
    if (infinity != 0) {
        return date_value(codec, infinity < 0 ? INT32_MIN : INT32_MAX, value, err);
    }
    CalendarDate date;
    if (!take_date(&bytes, &date) || !take_era(&bytes, &date) || bytes.size != 0) {
        return BAD_VALUE(codec, err, "no date in DateStyle ISO");
    }
    int64_t days = calendar_days(date);
    if (days < CALENDAR_DAY_MIN || days >= CALENDAR_DAY_END) {
        return BAD_VALUE(codec, err, "out of the range of dates");
    }
    return date_value(codec, days, value, err);
}

bool pg_text_time(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    int64_t micros;
    if (!take_time(&bytes, &micros) || bytes.size != 0) {
        return BAD_VALUE(codec, err, "no time");
    }
    return time_value(codec, VALUE_TIME, micros, 0, value, err);
}

bool pg_text_timetz(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    int64_t micros;
    int32_t east;
    if (!take_time(&bytes, &micros) || !take_zone(&bytes, &east) || bytes.size != 0) {
        return BAD_VALUE(codec, err, "no time with a zone");
    }
    return time_value(codec, VALUE_TIMETZ, micros, east, value, err);
}

static bool text_timestamp(const PgCodec *codec, Slice text, ValueKind kind, Value *value, Err *err) {
    int infinity = infinity_sign(text);
    if (infinity != 0) {
        return timestamp_value(codec, kind, infinity < 0 ? INT64_MIN : INT64_MAX, value, err);
    }
    CalendarDate date;
    int64_t of_day;
    int32_t east = 0;
    if (!take_date(&text, &date) || (!take_char(&text, ' ') && !take_char(&text, 'T')) || !take_time(&text, &of_day) ||
        (kind == VALUE_TIMESTAMPTZ && !take_zone(&text, &east)) || !take_era(&text, &date) || text.size != 0) {
        return BAD_VALUE(codec, err, "no timestamp in DateStyle ISO");
    }
    Int128 micros = (Int128)calendar_days(date) * CALENDAR_DAY_US + of_day - east * CALENDAR_SECOND_US;
    if (micros < CALENDAR_TIMESTAMP_MIN || micros >= CALENDAR_TIMESTAMP_END) {
        return BAD_VALUE(codec, err, "out of the range of timestamps");
    }
    return timestamp_value(codec, kind, (int64_t)micros, value, err);
}

bool pg_text_timestamp(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_timestamp(codec, bytes, VALUE_TIMESTAMP, value, err);
}

bool pg_text_timestamptz(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return text_timestamp(codec, bytes, VALUE_TIMESTAMPTZ, value, err);
}

// --- text: intervals -------------------------------------------------------------------------------------------

typedef struct IntervalSum {
    Int128 months, days, micros;
} IntervalSum;

enum { INTERVAL_DIGITS_MAX = 12 };

// P1Y2M3DT4H5M6.5S; each number has its own sign.
static bool interval_iso(Slice text, IntervalSum *sum) {
    bool in_time = false;
    while (text.size > 0) {
        if (take_char(&text, 'T')) {
            in_time = true;
            continue;
        }
        bool negative = take_char(&text, '-');
        int64_t number, fraction;
        if (!take_digits(&text, 1, INTERVAL_DIGITS_MAX, &number) || !take_fraction(&text, &fraction) ||
            text.size == 0) {
            return false;
        }
        Int128 micros = (Int128)number * CALENDAR_SECOND_US + fraction;
        char unit = (char)text.data[0];
        text = slice_from(text, 1);
        if (negative) {
            number = -number;
            micros = -micros;
        }
        if (fraction != 0 && unit != 'S') {
            return false;
        }
        if (!in_time && (unit == 'Y' || unit == 'M')) {
            sum->months += unit == 'Y' ? (Int128)number * 12 : number;
        } else if (!in_time && unit == 'D') {
            sum->days += number;
        } else if (in_time && (unit == 'H' || unit == 'M' || unit == 'S')) {
            sum->micros += unit == 'H' ? micros * 3600 : unit == 'M' ? micros * 60 : micros;
        } else {
            return false;
        }
    }
    return true;
}

static bool word_is(Slice word, const char *one, const char *many) {
    return slice_is(word, one) || slice_is(word, many);
}

// "1 year 2 mons -3 days +04:05:06.789"
static bool interval_postgres(Slice text, IntervalSum *sum) {
    while (text.size > 0) {
        bool negative = take_char(&text, '-');
        int64_t number;
        if ((!negative && take_char(&text, '+') && text.size == 0) ||
            !take_digits(&text, 1, INTERVAL_DIGITS_MAX, &number)) {
            return false;
        }
        if (take_char(&text, ':')) {
            int64_t minutes, seconds, fraction;
            if (!take_digits(&text, 2, 2, &minutes) || !take_char(&text, ':') || !take_digits(&text, 2, 2, &seconds) ||
                !take_fraction(&text, &fraction) || minutes > 59 || seconds > 59 || text.size != 0) {
                return false;
            }
            Int128 micros = (((Int128)number * 60 + minutes) * 60 + seconds) * CALENDAR_SECOND_US + fraction;
            sum->micros += negative ? -micros : micros;
            return true;
        }
        if (!take_char(&text, ' ')) {
            return false;
        }
        size_t size = 0;
        while (size < text.size && text.data[size] != ' ') {
            size++;
        }
        Slice word = {text.data, size};
        text = slice_from(text, size);
        number = negative ? -number : number;
        if (word_is(word, "year", "years")) {
            sum->months += (Int128)number * 12;
        } else if (word_is(word, "mon", "mons")) {
            sum->months += number;
        } else if (word_is(word, "day", "days")) {
            sum->days += number;
        } else {
            return false;
        }
        if (text.size > 0 && !take_char(&text, ' ')) {
            return false;
        }
    }
    return true;
}

bool pg_text_interval(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    *value = (Value){.kind = VALUE_INTERVAL};
    int infinity = infinity_sign(bytes);
    if (infinity != 0) {
        value->interval =
            infinity < 0 ? (Interval){INT32_MIN, INT32_MIN, INT64_MIN} : (Interval){INT32_MAX, INT32_MAX, INT64_MAX};
        return true;
    }
    IntervalSum sum = {0};
    bool iso = bytes.size > 1 && bytes.data[0] == 'P';
    if (bytes.size == 0 || !(iso ? interval_iso(slice_from(bytes, 1), &sum) : interval_postgres(bytes, &sum))) {
        return BAD_VALUE(codec, err, "no interval in IntervalStyle postgres or iso_8601");
    }
    if (sum.months < INT32_MIN || sum.months > INT32_MAX || sum.days < INT32_MIN || sum.days > INT32_MAX ||
        sum.micros < INT64_MIN || sum.micros > INT64_MAX) {
        return BAD_VALUE(codec, err, "out of the range of intervals");
    }
    value->interval = (Interval){(int32_t)sum.months, (int32_t)sum.days, (int64_t)sum.micros};
    return true;
}
