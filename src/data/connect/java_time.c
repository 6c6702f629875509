// SPDX-License-Identifier: Apache-2.0
#include "data/connect/java_time.h"

#include "core/base/calendar.h"

#include <ctype.h>
#include <strings.h>

enum { EPOCH_DAYS = 10957, DAY_MS = 86400000, TOKENS_MAX = 256 };
// Where dates are found for sure (data/core/calendar.h has 32 bits of days).
#define YEAR_MAX INT64_C(5000000)

typedef struct Token {
    char letter; // '\0': a literal
    int count;
    Slice literal;
} Token;

struct JavaTimeFormat {
    Token tokens[TOKENS_MAX];
    size_t count;
};

static const char *const MONTHS[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const DAYS[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

// --- compiling -------------------------------------------------------------------------------------------------

// Text in quotes, or one character that is no letter; '' is a quote.
static bool literal_take(Arena *arena, Slice pattern, size_t *at, Token *token) {
    uint8_t *text = arena_alloc(arena, pattern.size);
    size_t size = 0;
    if (pattern.data[*at] != '\'') {
        text[size++] = pattern.data[(*at)++];
    } else if (*at + 1 < pattern.size && pattern.data[*at + 1] == '\'') {
        text[size++] = '\'';
        *at += 2;
    } else {
        bool closed = false;
        for ((*at)++; *at < pattern.size && !closed; (*at)++) {
            bool quote = pattern.data[*at] == '\'', twice = *at + 1 < pattern.size && pattern.data[*at + 1] == '\'';
            closed = quote && !twice;
            if (!closed) {
                text[size++] = pattern.data[*at];
                *at += quote;
            }
        }
        if (!closed) {
            return false;
        }
    }
    token->literal = (Slice){text, size};
    return true;
}

bool java_time_new(Arena *arena, Slice pattern, const char *option, const char *prefix, JavaTimeFormat **format,
                   Err *err) {
    JavaTimeFormat *made = ARENA_NEW(arena, JavaTimeFormat);
    for (size_t at = 0; at < pattern.size;) {
        if (made->count == TOKENS_MAX) {
            return FAIL(err, ERR_OPTION, "%s%s: a format of more than %d parts", prefix, option, TOKENS_MAX);
        }
        Token *token = &made->tokens[made->count++];
        char c = (char)pattern.data[at];
        if (!isalpha((uint8_t)c)) {
            if (!literal_take(arena, pattern, &at, token)) {
                return FAIL(err, ERR_OPTION, "%s%s: a quote is not closed", prefix, option);
            }
            continue;
        }
        if (strchr("GyYMLwWDdFEuaHkKhmsSzZX", c) == NULL) {
            FAIL(err, ERR_OPTION, "%s%s: '%c' is no letter of a SimpleDateFormat", prefix, option, c);
            return err_hint(err, "text within a format stands in 'quotes'");
        }
        token->letter = c;
        for (; at < pattern.size && (char)pattern.data[at] == c; at++) {
            token->count++;
        }
        if (token->count > 100 || (c == 'X' && token->count > 3)) {
            return FAIL(err, ERR_OPTION, "%s%s: %d times '%c'", prefix, option, token->count, c);
        }
    }
    *format = made;
    return true;
}

// --- writing ---------------------------------------------------------------------------------------------------

typedef struct Moment {
    int64_t days; // since 1970
    int64_t of_day;
    CalendarDate date;
    int32_t year_day; // 1 …
    int32_t week_day; // 0 = Sunday
} Moment;

static void put_number(Buf *out, int64_t number, int digits) {
    char text[32];
    int size = snprintf(text, sizeof(text), "%" PRId64, number);
    for (int i = size; i < digits; i++) {
        buf_u8(out, '0');
    }
    buf_bytes(out, text, (size_t)size);
}

static int32_t year_day(CalendarDate date) {
    return (int32_t)(calendar_days(date) - calendar_days((CalendarDate){date.year, 1, 1})) + 1;
}

// Weeks begin on Sunday, and that of 1 January is the first: as in the United States.
static int32_t week_of_year(const Moment *moment, int32_t *week_year) {
    int32_t first = (moment->week_day - (moment->year_day - 1) % 7 + 7) % 7;
    int32_t length = year_day((CalendarDate){moment->date.year, 12, 31});
    int32_t last = (first + length - 1) % 7; // the weekday of 31 December
    *week_year = moment->date.year;
    if (last != 6 && moment->year_day > length - last - 1) {
        *week_year += 1;
        return 1;
    }
    return (moment->year_day - 1 + first) / 7 + 1;
}

static void put_year(Buf *out, int32_t year, int count) {
    int32_t of_era = year > 0 ? year : 1 - year;
    put_number(out, count == 2 ? of_era % 100 : of_era, count);
}

static void put_name(Buf *out, const char *name, bool whole) {
    buf_bytes(out, name, whole ? strlen(name) : 3);
}

static void put_clock(Buf *out, const Token *token, int64_t ms) {
    int64_t hour = ms / 3600000;
    switch (token->letter) {
    case 'H':
        put_number(out, hour, token->count);
        break;
    case 'k':
        put_number(out, hour == 0 ? 24 : hour, token->count);
        break;
    case 'K':
        put_number(out, hour % 12, token->count);
        break;
    case 'h':
        put_number(out, hour % 12 == 0 ? 12 : hour % 12, token->count);
        break;
    case 'm':
        put_number(out, ms / 60000 % 60, token->count);
        break;
    case 's':
        put_number(out, ms / 1000 % 60, token->count);
        break;
    case 'S':
        put_number(out, ms % 1000, token->count);
        break;
    case 'a':
        buf_text(out, hour < 12 ? "AM" : "PM");
        break;
    case 'z':
        buf_text(out, token->count >= 4 ? "Coordinated Universal Time" : "UTC");
        break;
    case 'Z':
        buf_text(out, "+0000");
        break;
    default: // X
        buf_u8(out, 'Z');
        break;
    }
}

static void put_token(Buf *out, const Token *token, const Moment *moment) {
    int32_t week_year = 0, week = week_of_year(moment, &week_year);
    int32_t first = ((moment->week_day - (moment->date.day - 1)) % 7 + 7) % 7; // the weekday of the month's first
    switch (token->letter) {
    case '\0':
        buf_put(out, token->literal);
        break;
    case 'G':
        buf_text(out, moment->date.year > 0 ? "AD" : "BC");
        break;
    case 'y':
        put_year(out, moment->date.year, token->count);
        break;
    case 'Y':
        put_year(out, week_year, token->count);
        break;
    case 'M':
    case 'L':
        if (token->count >= 3) {
            put_name(out, MONTHS[moment->date.month - 1], token->count >= 4);
        } else {
            put_number(out, moment->date.month, token->count);
        }
        break;
    case 'w':
        put_number(out, week, token->count);
        break;
    case 'W':
        put_number(out, (moment->date.day - 1 + first) / 7 + 1, token->count);
        break;
    case 'D':
        put_number(out, moment->year_day, token->count);
        break;
    case 'd':
        put_number(out, moment->date.day, token->count);
        break;
    case 'F':
        put_number(out, (moment->date.day - 1) / 7 + 1, token->count);
        break;
    case 'E':
        put_name(out, DAYS[moment->week_day], token->count >= 4);
        break;
    case 'u':
        put_number(out, moment->week_day == 0 ? 7 : moment->week_day, token->count);
        break;
    default:
        put_clock(out, token, moment->of_day);
        break;
    }
}

void java_time_write(const JavaTimeFormat *format, int64_t ms, Buf *out) {
    Moment moment = {.days = ms / DAY_MS, .of_day = ms % DAY_MS};
    if (moment.of_day < 0) {
        moment.of_day += DAY_MS;
        moment.days--;
    }
    // Past what a date can be, which no clock says, its nearest.
    int64_t days = MAX(MIN(moment.days - EPOCH_DAYS, (int64_t)CALENDAR_DAY_END - 1), (int64_t)CALENDAR_DAY_MIN);
    moment.date = calendar_date((int32_t)days);
    moment.year_day = year_day(moment.date);
    moment.week_day = (int32_t)(((days + 6) % 7 + 7) % 7); // 2000-01-01 was a Saturday
    for (size_t i = 0; i < format->count; i++) {
        put_token(out, &format->tokens[i], &moment);
    }
}

// --- reading ---------------------------------------------------------------------------------------------------

typedef struct Fields {
    int64_t year, month, day, day_of_year, hour, half_hour, minute, second, ms, east_minutes;
    bool bc, pm, has_half, has_day_of_year;
} Fields;

static bool numeric(const Token *token) {
    bool month = (token->letter == 'M' || token->letter == 'L') && token->count < 3;
    return month || (token->letter != '\0' && strchr("yYwWDdFuHkKhmsS", token->letter) != NULL);
}

// With `width` 0 as many digits as there are.
static bool take_number(Slice *text, int width, bool sign, int64_t *number) {
    size_t at = 0;
    bool negative = sign && text->size > 0 && text->data[0] == '-';
    at += negative;
    size_t start = at;
    int64_t value = 0;
    while (at < text->size && isdigit(text->data[at]) && (width == 0 || at - start < (size_t)width)) {
        if (value > INT64_MAX / 100) {
            return false;
        }
        value = value * 10 + (text->data[at++] - '0');
    }
    *number = negative ? -value : value;
    bool any = at > start;
    *text = slice_from(*text, at);
    return any;
}

static bool take_word(Slice *text, const char *word, size_t size) {
    if (text->size < size || strncasecmp((const char *)text->data, word, size) != 0) {
        return false;
    }
    *text = slice_from(*text, size);
    return true;
}

// The place of the name in a list, whole or its first three letters; -1: none of them.
static int take_name(Slice *text, const char *const *names, int count) {
    for (int whole = 1; whole >= 0; whole--) {
        for (int i = 0; i < count; i++) {
            if (take_word(text, names[i], whole ? strlen(names[i]) : 3)) {
                return i;
            }
        }
    }
    return -1;
}

// Z, UTC, GMT, and what may follow them or stand alone: +0100, +01:00, +01.
static bool take_zone(Slice *text, int64_t *east_minutes) {
    *east_minutes = 0;
    bool named = take_word(text, "UTC", 3) || take_word(text, "GMT", 3) || take_word(text, "Z", 1);
    if (text->size == 0 || (text->data[0] != '+' && text->data[0] != '-')) {
        return named;
    }
    bool west = text->data[0] == '-';
    Slice rest = slice_from(*text, 1);
    int64_t hours = 0, minutes = 0;
    if (!take_number(&rest, 2, false, &hours)) {
        return named;
    }
    if (rest.size > 0 && rest.data[0] == ':') {
        rest = slice_from(rest, 1);
    }
    Slice before = rest;
    if (!take_number(&rest, 2, false, &minutes)) {
        rest = before;
    }
    *text = rest;
    *east_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return hours < 24 && minutes < 60;
}

static bool take_year(Slice *text, const Token *token, int width, int64_t *year) {
    size_t before = text->size;
    if (!take_number(text, width, true, year)) {
        return false;
    }
    if (token->count <= 2 && before - text->size == 2 && *year >= 0) {
        *year += *year < 50 ? 2000 : 1900;
    }
    return *year > -YEAR_MAX && *year < YEAR_MAX;
}

static bool take_month(Slice *text, const Token *token, int width, Fields *fields) {
    int month = take_name(text, MONTHS, 12);
    fields->month = month + 1;
    return month >= 0 || take_number(text, width, true, &fields->month);
}

static bool take_token(Slice *text, const Token *token, int width, Fields *fields) {
    int64_t ignored = 0;
    switch (token->letter) {
    case 'G':
        fields->bc = take_word(text, "BC", 2);
        return fields->bc || take_word(text, "AD", 2);
    case 'y':
    case 'Y':
        return take_year(text, token, width, &fields->year);
    case 'M':
    case 'L':
        return take_month(text, token, width, fields);
    case 'd':
        return take_number(text, width, true, &fields->day);
    case 'D':
        fields->has_day_of_year = true;
        return take_number(text, width, true, &fields->day_of_year);
    case 'H':
        return take_number(text, width, true, &fields->hour);
    case 'k':
        if (!take_number(text, width, true, &fields->hour)) {
            return false;
        }
        fields->hour = fields->hour == 24 ? 0 : fields->hour;
        return true;
    case 'K':
    case 'h':
        fields->has_half = true;
        if (!take_number(text, width, true, &fields->half_hour)) {
            return false;
        }
        fields->half_hour = token->letter == 'h' && fields->half_hour == 12 ? 0 : fields->half_hour;
        return true;
    case 'm':
        return take_number(text, width, true, &fields->minute);
    case 's':
        return take_number(text, width, true, &fields->second);
    case 'S':
        return take_number(text, width, true, &fields->ms);
    case 'a':
        fields->pm = take_word(text, "PM", 2);
        return fields->pm || take_word(text, "AM", 2);
    case 'E':
        return take_name(text, DAYS, 7) >= 0;
    case 'z':
    case 'Z':
    case 'X':
        return take_zone(text, &fields->east_minutes);
    default: // w W F u say nothing more where there is a date
        return take_number(text, width, true, &ignored);
    }
}

// Numbers past their range go on counting.
static bool fields_ms(const Fields *fields, int64_t *ms) {
    int64_t year = fields->bc ? 1 - fields->year : fields->year, month = fields->month - 1;
    if (month < -YEAR_MAX || month > YEAR_MAX) {
        return false;
    }
    year += month / 12 - (month % 12 < 0 ? 1 : 0);
    month = (month % 12 + 12) % 12;
    int64_t hour = fields->has_half ? fields->half_hour + (fields->pm ? 12 : 0) : fields->hour;
    if (year < -4700 || year > YEAR_MAX) {
        return false;
    }
    CalendarDate first = {(int32_t)year, fields->has_day_of_year ? 1 : (int32_t)month + 1, 1};
    int64_t days =
        calendar_days(first) + EPOCH_DAYS - 1 + (fields->has_day_of_year ? fields->day_of_year : fields->day);
    int64_t minutes, seconds;
    return !__builtin_mul_overflow(days, 1440, &minutes) &&
           !__builtin_add_overflow(minutes, hour * 60 - fields->east_minutes, &minutes) &&
           !__builtin_add_overflow(minutes, fields->minute, &minutes) &&
           !__builtin_mul_overflow(minutes, 60, &seconds) &&
           !__builtin_add_overflow(seconds, fields->second, &seconds) && !__builtin_mul_overflow(seconds, 1000, ms) &&
           !__builtin_add_overflow(*ms, fields->ms, ms);
}

bool java_time_read(const JavaTimeFormat *format, Slice text, int64_t *ms) {
    Fields fields = {.year = 1970, .month = 1, .day = 1};
    for (size_t i = 0; i < format->count; i++) {
        const Token *token = &format->tokens[i];
        if (token->letter == '\0') {
            if (text.size < token->literal.size || memcmp(text.data, token->literal.data, token->literal.size) != 0) {
                return false;
            }
            text = slice_from(text, token->literal.size);
            continue;
        }
        while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
            text = slice_from(text, 1);
        }
        // Numbers side by side have the width that the format gives them.
        bool side_by_side = i + 1 < format->count && numeric(&format->tokens[i + 1]);
        if (!take_token(&text, token, side_by_side ? token->count : 0, &fields)) {
            return false;
        }
    }
    int64_t hours = MAX(MAX(fields.hour, -fields.hour), MAX(fields.half_hour, -fields.half_hour));
    return hours < INT64_MAX / 3600 && fields_ms(&fields, ms);
}
