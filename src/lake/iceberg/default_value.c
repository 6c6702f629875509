// SPDX-License-Identifier: Apache-2.0
// Default values of columns, from JSON (specification, Appendix D).
#include "lake/iceberg/metadata.h"

#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/json_reader.h"
#include "lake/iceberg/parts.h"

#include <errno.h>

#define DAY_MICROS CALENDAR_DAY_US

enum { NUMBER_TEXT_MAX = 64 };

// --- texts -----------------------------------------------------------------------------------------------------

static bool digits(Slice *text, size_t count, int64_t *number) {
    *number = 0;
    for (size_t i = 0; i < count; i++) {
        if (text->size <= i || text->data[i] < '0' || text->data[i] > '9') {
            return false;
        }
        *number = *number * 10 + (text->data[i] - '0');
    }
    *text = slice_from(*text, count);
    return true;
}

static bool mark(Slice *text, char wanted) {
    if (text->size == 0 || text->data[0] != (uint8_t)wanted) {
        return false;
    }
    *text = slice_from(*text, 1);
    return true;
}

// "2017-11-16"
static bool date_of(Slice *text, int64_t *days) {
    int64_t year, month, day;
    if (!digits(text, 4, &year) || !mark(text, '-') || !digits(text, 2, &month) || !mark(text, '-') ||
        !digits(text, 2, &day) || month < 1 || month > 12 || day < 1 ||
        day > calendar_month_days((int32_t)year, (int32_t)month)) {
        return false;
    }
    *days = calendar_days((CalendarDate){(int32_t)year, (int32_t)month, (int32_t)day});
    return true;
}

// "22:31:08.123456", up to six digits of a fraction.
static bool time_of(Slice *text, int64_t *micros) {
    int64_t hour, minute, second = 0, fraction = 0, unit = CALENDAR_SECOND_US;
    if (!digits(text, 2, &hour) || !mark(text, ':') || !digits(text, 2, &minute)) {
        return false;
    }
    if (mark(text, ':') && !digits(text, 2, &second)) {
        return false;
    }
    if (mark(text, '.')) {
        for (int64_t digit; unit > 1 && digits(text, 1, &digit);) {
            unit /= 10;
            fraction += digit * unit;
        }
    }
    *micros = ((hour * 60 + minute) * 60 + second) * CALENDAR_SECOND_US + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

static bool timestamp_of(Slice text, bool zone, int64_t *micros) {
    int64_t days, of_day;
    if (!date_of(&text, &days) || !mark(&text, 'T') || !time_of(&text, &of_day)) {
        return false;
    }
    *micros = days * DAY_MICROS + of_day;
    return zone ? slice_is(text, "+00:00") || slice_is(text, "Z") : text.size == 0;
}

// Dashes are passed over: those of a UUID.
static bool bytes_of(Slice text, bool dashes, Arena *arena, Slice *bytes) {
    uint8_t *made = ARENA_ARRAY(arena, uint8_t, text.size / 2 + 1);
    size_t count = 0;
    for (size_t i = 0; i < text.size;) {
        if (dashes && text.data[i] == '-') {
            i++;
            continue;
        }
        int high = hex_digit(text.data[i]), low = i + 1 < text.size ? hex_digit(text.data[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return false;
        }
        made[count++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *bytes = (Slice){made, count};
    return true;
}

// --- values ----------------------------------------------------------------------------------------------------

static bool decimal_value_of(const Shape *shape, Slice text, Arena *arena, Value *value) {
    Int128 units;
    value->kind = VALUE_DECIMAL;
    return decimal_from_text(arena, text, &value->bytes) && decimal_sign(value->bytes) <= DECIMAL_NEGATIVE &&
           decimal_to_int128(value->bytes, shape->scale, &units);
}

static bool text_value(const Shape *shape, Slice text, Arena *arena, Value *value) {
    switch (shape->kind) {
    case SHAPE_STRING:
        *value = value_bytes(VALUE_STRING, arena_slice(arena, text));
        return true;
    case SHAPE_BYTES:
        value->kind = VALUE_BYTES;
        return bytes_of(text, false, arena, &value->bytes);
    case SHAPE_UUID:
        value->kind = VALUE_UUID;
        return bytes_of(text, true, arena, &value->bytes) && value->bytes.size == 16;
    case SHAPE_DECIMAL:
        return decimal_value_of(shape, text, arena, value);
    case SHAPE_DATE:
        value->kind = VALUE_DATE;
        return date_of(&text, &value->integer) && text.size == 0;
    case SHAPE_TIME:
        value->kind = VALUE_TIME;
        return time_of(&text, &value->integer) && text.size == 0;
    case SHAPE_TIMESTAMP:
        value->kind = VALUE_TIMESTAMP;
        return timestamp_of(text, false, &value->integer);
    case SHAPE_TIMESTAMPTZ:
        value->kind = VALUE_TIMESTAMPTZ;
        return timestamp_of(text, true, &value->integer);
    case SHAPE_BOOL:
    case SHAPE_INT32:
    case SHAPE_INT64:
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
    case SHAPE_LIST:
    case SHAPE_STRUCT:
    case SHAPE_MAP:
        return false;
    }
    UNREACHABLE();
}

static bool number_value(const Shape *shape, Slice text, Value *value) {
    char copy[NUMBER_TEXT_MAX], *end = NULL;
    if (text.size >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    errno = 0;
    if (shape->kind == SHAPE_INT32 || shape->kind == SHAPE_INT64) {
        value->kind = VALUE_INT;
        value->integer = strtoll(copy, &end, 10);
        bool fits = shape->kind == SHAPE_INT64 || (value->integer >= INT32_MIN && value->integer <= INT32_MAX);
        return errno == 0 && *end == '\0' && fits;
    }
    if (shape->kind == SHAPE_FLOAT32 || shape->kind == SHAPE_FLOAT64) {
        bool narrow = shape->kind == SHAPE_FLOAT32;
        value->kind = narrow ? VALUE_FLOAT32 : VALUE_FLOAT64;
        value->real = narrow ? (double)strtof(copy, &end) : strtod(copy, &end);
        return *end == '\0';
    }
    return false;
}

static bool fields_default(const Shape *shape, const char *note, Arena *arena, Value *value, Err *err) {
    Value *items = ARENA_ARRAY(arena, Value, shape->field_count);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        TRY(iceberg_default(&shape->fields[i].shape, note, arena, &items[i], err));
    }
    *value = (Value){.kind = VALUE_STRUCT, .items = {items, shape->field_count}};
    return true;
}

static bool token_value(const Shape *shape, JsonToken token, Slice text, Arena *arena, Value *value) {
    if (token == TOKEN_TRUE || token == TOKEN_FALSE) {
        *value = value_bool(token == TOKEN_TRUE);
        return shape->kind == SHAPE_BOOL;
    }
    return token == TOKEN_NULL || (token == TOKEN_NUMBER && number_value(shape, text, value)) ||
           (token == TOKEN_TEXT && text_value(shape, text, arena, value));
}

bool iceberg_has_default(const Shape *shape, const char *note) {
    Slice json = shape_note(shape, note);
    return json.size > 0 && !slice_is(json, "null");
}

bool iceberg_default(const Shape *shape, const char *note, Arena *arena, Value *value, Err *err) {
    JsonReader reader;
    JsonToken token;
    *value = (Value){.kind = VALUE_NULL};
    if (!iceberg_has_default(shape, note)) {
        return true;
    }
    json_reader_init(&reader, shape_note(shape, note), arena);
    TRY(json_read(&reader, &token, err));
    if (shape->kind == SHAPE_STRUCT && token == TOKEN_OBJECT) {
        return fields_default(shape, note, arena, value, err); // "{}": what its fields say
    }
    return (!shape_is_foreign(shape) && token_value(shape, token, reader.text, arena, value)) ||
           FAIL(err, ERR_VALUE, "its %s is no %s", note,
                shape_is_foreign(shape) ? "value that leat reads" : shape_kind_name(shape->kind));
}

// --- promotion -------------------------------------------------------------------------------------------------

// The same value in the form of the wider type.
static Slice promoted(const Shape *from, const Shape *to, Slice json, Arena *arena) {
    char copy[NUMBER_TEXT_MAX];
    if (from->kind == SHAPE_DATE && to->kind == SHAPE_TIMESTAMP && json.size > 2) {
        return slice_of(arena_printf(arena, "%.*sT00:00:00\"", (int)json.size - 1, (const char *)json.data));
    }
    if (from->kind == SHAPE_FLOAT32 && to->kind == SHAPE_FLOAT64 && json.size < sizeof(copy)) {
        memcpy(copy, json.data, json.size);
        copy[json.size] = '\0';
        return slice_of(arena_printf(arena, "%.17g", (double)strtof(copy, NULL)));
    }
    return json;
}

void iceberg_defaults_promote(const Shape *from, Shape *to, Arena *arena) {
    static const char *const NOTES[] = {ICEBERG_INITIAL_DEFAULT, ICEBERG_WRITE_DEFAULT};
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, ARRAY_LEN(NOTES));
    to->note_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(NOTES); i++) {
        if (iceberg_has_default(from, NOTES[i])) {
            Slice json = promoted(from, to, shape_note(from, NOTES[i]), arena);
            notes[to->note_count++] = (ShapeNote){slice_of(NOTES[i]), json};
        }
    }
    to->notes = notes;
}
