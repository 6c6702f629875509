// SPDX-License-Identifier: Apache-2.0
#include "data/connect/defaults.h"

#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/json_converter.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

// --- the expression --------------------------------------------------------------------------------------------

// name(…), perhaps in parentheses.
static bool is_call(const char *text) {
    text += *text == '(';
    size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.");
    return size > 0 && text[size] == '(' && strchr(text + size, ')') != NULL;
}

static bool is_now(const char *text) {
    static const char *const NAMES[] = {"current_timestamp", "current_time", "current_date", "localtime",
                                        "localtimestamp"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcasecmp(text, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

// The first '…' in the text, without its quotes; the whole text where it has none. NULL: it is NULL, or not closed.
static const char *literal_of(Arena *arena, const char *text) {
    const char *from = strchr(text, '\'');
    if (from == NULL) {
        return strncmp(text, "NULL::", 6) == 0 ? NULL : text;
    }
    char *made = arena_alloc(arena, strlen(from)), *to = made;
    for (from++; *from != '\0'; from++) {
        if (*from == '\'' && *++from != '\'') {
            return made;
        }
        *to++ = *from;
    }
    return NULL;
}

// --- dates and times -------------------------------------------------------------------------------------------

static bool take(const char **text, char c) {
    bool is = **text == c;
    *text += is;
    return is;
}

static bool take_number(const char **text, int64_t *number) {
    char *end;
    if (!isdigit((unsigned char)**text)) {
        return false;
    }
    *number = strtoll(*text, &end, 10);
    *text = end;
    return *number <= INT32_MAX;
}

// Digits after a point as microseconds.
static int64_t take_fraction(const char **text) {
    int64_t micros = 0;
    if (take(text, '.')) {
        for (int64_t unit = 100000; isdigit((unsigned char)**text); (*text)++, unit /= 10) {
            micros += (**text - '0') * unit;
        }
    }
    return micros;
}

static bool take_date(const char **text, int64_t *days) {
    int64_t year, month, day;
    if (!take_number(text, &year) || !take(text, '-') || !take_number(text, &month) || !take(text, '-') ||
        !take_number(text, &day)) {
        return false;
    }
    if (strstr(*text, " BC") != NULL) {
        year = 1 - year;
    }
    CalendarDate date = {(int32_t)year, (int32_t)month, (int32_t)day};
    if (month < 1 || month > 12 || day < 1 || day > calendar_month_days(date.year, date.month)) {
        return false;
    }
    *days = calendar_days(date);
    return *days >= CALENDAR_DAY_MIN && *days < CALENDAR_DAY_END;
}

static bool take_clock(const char **text, int64_t *micros) {
    int64_t hours, minutes, seconds = 0;
    if (!take_number(text, &hours) || !take(text, ':') || !take_number(text, &minutes) ||
        (take(text, ':') && !take_number(text, &seconds))) {
        return false;
    }
    *micros = ((hours * 60 + minutes) * 60 + seconds) * CALENDAR_SECOND_US + take_fraction(text);
    return minutes < 60 && seconds <= 60;
}

// Seconds east of UTC; none is 0.
static bool take_zone(const char **text, int64_t *east) {
    *east = 0;
    int64_t sign = take(text, '-') ? -1 : take(text, '+') ? 1 : 0, hours, minutes = 0, seconds = 0;
    if (sign == 0) {
        return true;
    }
    if (!take_number(text, &hours) || (take(text, ':') && !take_number(text, &minutes)) ||
        (take(text, ':') && !take_number(text, &seconds))) {
        return false;
    }
    *east = sign * ((hours * 60 + minutes) * 60 + seconds);
    return true;
}

static bool timestamp_of(const char *text, bool zoned, int64_t *micros) {
    int64_t days, clock = 0, east = 0;
    if (!take_date(&text, &days) ||
        ((take(&text, ' ') || take(&text, 'T')) && *text != 'B' && !take_clock(&text, &clock)) ||
        !take_zone(&text, &east)) {
        return false;
    }
    if (days * (CALENDAR_DAY_US / 1000) >= CALENDAR_TIMESTAMP_END / 1000) {
        return false;
    }
    *micros = days * CALENDAR_DAY_US + clock - (zoned ? east * CALENDAR_SECOND_US : 0);
    return *text == '\0' || strcmp(text, " BC") == 0;
}

// "P1Y2M-3DT4H5M6.7S": as PostgreSQL prints it with IntervalStyle iso_8601.
static bool interval_of_iso(const char *text, Interval *interval) {
    int64_t months = 0, days = 0, micros = 0;
    bool time = false;
    for (text++; *text != '\0'; text++) {
        if (take(&text, 'T')) {
            time = true;
        }
        int64_t sign = take(&text, '-') ? -1 : 1, number;
        if (!take_number(&text, &number)) {
            return false;
        }
        int64_t fraction = take_fraction(&text);
        if (*text == 'Y' && !time) {
            months += sign * number * 12;
        } else if (*text == 'M' && !time) {
            months += sign * number;
        } else if (*text == 'D' && !time) {
            days += sign * number;
        } else if (*text == 'H' || *text == 'M') {
            micros += sign * number * (*text == 'H' ? 3600 : 60) * CALENDAR_SECOND_US;
        } else if (*text == 'S') {
            micros += sign * (number * CALENDAR_SECOND_US + fraction);
        } else {
            return false;
        }
    }
    *interval = (Interval){(int32_t)months, (int32_t)days, micros};
    return months == (int32_t)months && days == (int32_t)days;
}

// "1 year 2 mons -3 days 04:05:06.7": with IntervalStyle postgres.
static bool interval_of(const char *text, Interval *interval) {
    static const struct {
        const char *name;
        int64_t months, days, micros;
    } UNITS[] = {{"year", 12, 0, 0},
                 {"mon", 1, 0, 0},
                 {"day", 0, 1, 0},
                 {"hour", 0, 0, 3600 * CALENDAR_SECOND_US},
                 {"min", 0, 0, 60 * CALENDAR_SECOND_US},
                 {"sec", 0, 0, CALENDAR_SECOND_US}};
    int64_t months = 0, days = 0, micros = 0;
    for (; *text != '\0'; text += strspn(text, " ")) {
        const char *at = text;
        int64_t sign = take(&at, '-') ? -1 : 1, number;
        (void)take(&at, '+');
        size_t digits = strspn(at, "0123456789");
        if (digits > 0 && at[digits] == ':') {
            if (!take_clock(&at, &number)) {
                return false;
            }
            micros += sign * number;
        } else if (take_number(&at, &number) && take(&at, ' ')) {
            size_t unit = 0;
            while (unit < ARRAY_LEN(UNITS) && strncmp(at, UNITS[unit].name, strlen(UNITS[unit].name)) != 0) {
                unit++;
            }
            if (unit == ARRAY_LEN(UNITS)) {
                return false;
            }
            months += sign * number * UNITS[unit].months;
            days += sign * number * UNITS[unit].days;
            micros += sign * number * UNITS[unit].micros;
            at += strcspn(at, " ");
        } else {
            return false;
        }
        text = at;
    }
    *interval = (Interval){(int32_t)months, (int32_t)days, micros};
    return months == (int32_t)months && days == (int32_t)days;
}

// --- values by type --------------------------------------------------------------------------------------------

static bool integer_of(const char *text, int64_t min, int64_t max, Value *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = value_int(number);
    return end != text && *end == '\0' && !isspace((unsigned char)*text) && errno == 0 && number >= min &&
           number <= max;
}

static bool real_of(const char *text, bool single, Value *value) {
    char *end;
    double number = strtod(text, &end);
    *value = (Value){.kind = single ? VALUE_FLOAT32 : VALUE_FLOAT64, .real = single ? (double)(float)number : number};
    return end != text && *end == '\0';
}

static bool bits_of(Arena *arena, const char *text, Value *value) {
    size_t count = strlen(text);
    uint8_t *bits = arena_alloc(arena, (count + 7) / 8);
    for (size_t i = 0; i < count; i++) {
        if (text[i] != '0' && text[i] != '1') {
            return false;
        }
        bits[i / 8] |= (uint8_t)((text[i] - '0') << (7 - i % 8));
    }
    *value = value_bytes(VALUE_BITS, (Slice){bits, (count + 7) / 8});
    value->aux = (int32_t)count;
    return count > 0;
}

static bool uuid_of(Arena *arena, const char *text, Value *value) {
    uint8_t *bytes = arena_alloc(arena, 16);
    size_t count = 0;
    for (; *text != '\0'; text++) {
        if (*text != '-') {
            const char *digits = "0123456789abcdef", *at = strchr(digits, tolower((unsigned char)*text));
            if (at == NULL || count == 32) {
                return false;
            }
            bytes[count / 2] = (uint8_t)(bytes[count / 2] << 4 | (at - digits));
            count++;
        }
    }
    *value = value_bytes(VALUE_UUID, (Slice){bytes, 16});
    return count == 32;
}

// 'label'::type, and nothing else.
static bool enum_of(Arena *arena, const Type *type, const char *text, Value *value) {
    const char *cast = strstr(text, "::"), *next;
    while (cast != NULL && (next = strstr(cast + 2, "::")) != NULL) {
        cast = next;
    }
    if (*text != '\'' || cast == NULL || cast - text < 2 || cast[-1] != '\'') {
        return false;
    }
    Slice label = {(const uint8_t *)text + 1, (size_t)(cast - text) - 2};
    *value = value_bytes(VALUE_STRING, arena_slice(arena, label));
    for (uint32_t i = 0; i < type->label_count; i++) {
        if (slice_equal(type->labels[i], label)) {
            return true;
        }
    }
    return false;
}

// What stands for a value that a function makes; NULL: the type has no defaults.
static const char *made_by_function(const Type *type) {
    static const char *const ROWS[TYPE_KIND_COUNT] = {
        [TYPE_BOOL] = "false",
        [TYPE_INT16] = "0",
        [TYPE_INT32] = "0",
        [TYPE_INT64] = "0",
        [TYPE_FLOAT32] = "0.0",
        [TYPE_FLOAT64] = "0.0",
        [TYPE_DECIMAL] = "0.0",
        [TYPE_STRING] = "",
        [TYPE_DATE] = "1970-01-01",
        [TYPE_TIME] = "00:00",
        [TYPE_TIMESTAMP] = "1970-01-01",
        [TYPE_TIMESTAMPTZ] = "1970-01-01",
        [TYPE_INTERVAL] = "epoch",
        [TYPE_UUID] = "00000000-0000-0000-0000-000000000000",
        [TYPE_JSON] = "{}",
        [TYPE_BITS] = "0",
    };
    static const char *const TEXTS[] = {"text", "varchar", "bpchar", "xml"};
    if (type->kind == TYPE_DECIMAL) {
        return slice_is(type->source_name, "money") ? NULL : ROWS[TYPE_DECIMAL];
    }
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        if (type->kind != TYPE_STRING || slice_is(type->source_name, TEXTS[i])) {
            return type->kind < TYPE_KIND_COUNT ? ROWS[type->kind] : NULL;
        }
    }
    return NULL;
}

static bool value_of(Arena *arena, const Type *type, const char *text, Value *value) {
    int64_t number = 0;
    bool good = true;
    switch (type->kind) {
    case TYPE_BOOL:
        *value = value_bool(strcasecmp(text, "true") == 0);
        return true;
    case TYPE_INT16:
        return integer_of(text, INT16_MIN, INT16_MAX, value);
    case TYPE_INT32:
        return integer_of(text, INT32_MIN, INT32_MAX, value);
    case TYPE_INT64:
        return integer_of(text, INT64_MIN, INT64_MAX, value);
    case TYPE_FLOAT32:
    case TYPE_FLOAT64:
        return real_of(text, type->kind == TYPE_FLOAT32, value);
    case TYPE_DECIMAL:
        value->kind = VALUE_DECIMAL;
        return decimal_from_text(arena, slice_of(text), &value->bytes);
    case TYPE_STRING:
    case TYPE_JSON:
        *value = value_bytes(VALUE_STRING, arena_slice(arena, slice_of(text)));
        return true;
    case TYPE_DATE:
        good = take_date(&text, &number);
        *value = (Value){.kind = VALUE_DATE, .integer = number};
        return good;
    case TYPE_TIME:
        good = take_clock(&text, &number);
        *value = (Value){.kind = VALUE_TIME, .integer = number};
        return good;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        good = timestamp_of(text, type->kind == TYPE_TIMESTAMPTZ, &number);
        *value = (Value){.kind = type->kind == TYPE_TIMESTAMP ? VALUE_TIMESTAMP : VALUE_TIMESTAMPTZ, .integer = number};
        return good;
    case TYPE_INTERVAL:
        value->kind = VALUE_INTERVAL;
        return *text == 'P' ? interval_of_iso(text, &value->interval) : interval_of(text, &value->interval);
    case TYPE_UUID:
        return uuid_of(arena, text, value);
    case TYPE_BITS:
        return bits_of(arena, text, value);
    case TYPE_UINT32:
    case TYPE_UINT64:
    case TYPE_BYTES:
    case TYPE_TIMETZ:
    case TYPE_ENUM:
    case TYPE_LIST:
    case TYPE_STRUCT:
    case TYPE_MAP:
    case TYPE_RANGE:
    case TYPE_MULTIRANGE:
    case TYPE_KIND_COUNT:
        break;
    }
    return false;
}

bool column_default(Arena *arena, const ConnectColumn *column, Slice expression, Value *value) {
    const Type *type = column->type;
    const char *made = made_by_function(type);
    if (expression.size == 0 || (made == NULL && type->kind != TYPE_ENUM)) {
        return false;
    }
    const char *text = arena_text(arena, expression);
    Value parsed = {.kind = VALUE_NULL};
    if (type->kind == TYPE_ENUM) {
        if (!enum_of(arena, type, text, &parsed)) {
            return false;
        }
    } else {
        text = is_call(text) || is_now(text) ? made : literal_of(arena, text);
        if (text == NULL || !value_of(arena, type, text, &parsed)) {
            return false;
        }
    }
    Err err[1] = {{0}};
    uint64_t inexact = 0;
    return connect_value(column, arena, &parsed, &inexact, value, err) && value->kind != VALUE_NULL &&
           value->kind != VALUE_STRUCT;
}

// --- the schema ------------------------------------------------------------------------------------------------

// One character a byte.
static Slice latin_json(Arena *arena, Slice bytes) {
    Buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.data[i] >= 0x80) {
            buf_u8(&text, (uint8_t)(0xC0 | bytes.data[i] >> 6));
        }
        buf_u8(&text, bytes.data[i] < 0x80 ? bytes.data[i] : (uint8_t)(0x80 | (bytes.data[i] & 0x3F)));
    }
    Slice json = connect_quoted(arena, buf_slice(&text));
    buf_release(&text);
    return json;
}

Slice column_default_describe(Arena *arena, Shape *shape, const Value *value) {
    Buf buf;
    buf_init(&buf, 0);
    json_converter_value(&buf, shape, value);
    Slice json = arena_slice(arena, buf_slice(&buf)), of_field = json;
    buf_release(&buf);
    if (value->kind == VALUE_DECIMAL) {
        uint8_t room[16];
        Int128 units;
        bool exact = decimal_to_int128(value->bytes, shape->scale, &units);
        ASSERT(exact); // a DECIMAL's value fits
        of_field = latin_json(arena, decimal_unscaled_int128(units, room));
    } else if (value->kind == VALUE_BYTES) {
        of_field = latin_json(arena, value->bytes);
    }
    // Connect puts it before the name.
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, (size_t)shape->note_count + 1);
    uint32_t count = 0;
    bool put = false;
    for (uint32_t i = 0; i <= shape->note_count; i++) {
        if (!put && (i == shape->note_count || slice_is(shape->notes[i].name, "connect.name"))) {
            notes[count++] = (ShapeNote){SLICE("connect.default"), json};
            put = true;
        }
        if (i < shape->note_count) {
            notes[count++] = shape->notes[i];
        }
    }
    shape->notes = notes;
    shape->note_count = count;
    return of_field;
}
