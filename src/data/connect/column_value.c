// SPDX-License-Identifier: Apache-2.0
#include "core/base/calendar.h"
#include "core/base/json.h"
#include "data/connect/column.h"
#include "data/connect/column_form.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/geometry.h"
#include "data/connect/temporal.h"
#include "data/format/flat.h"
#include "data/format/text.h"

#include <math.h>
#include <stdlib.h>

static void hstore_text(Buf *buf, const Value *map) {
    buf_u8(buf, '{');
    for (size_t i = 0; i + 1 < map->items.count; i += 2) {
        buf_text(buf, i > 0 ? "," : "");
        json_quote(buf, map->items.at[i].bytes);
        buf_u8(buf, ':');
        const Value *value = &map->items.at[i + 1];
        if (value_is_absent(value)) {
            buf_text(buf, "null");
        } else {
            json_quote(buf, value->bytes);
        }
    }
    buf_u8(buf, '}');
}

// As PostgreSQL prints them: timestamps with a space, so in quotes, and with +00.
static void range_bound(Buf *buf, const Value *bound) {
    bool infinite = bound->integer == INT64_MIN || bound->integer == INT64_MAX;
    size_t start = buf->size;
    buf_text(buf, infinite ? "" : "\"");
    calendar_timestamp_text(buf, bound->integer, bound->kind == VALUE_TIMESTAMPTZ ? "+" : "");
    if (infinite || buf->overflow) {
        return;
    }
    uint8_t *t = memchr(buf->data + start, 'T', buf->size - start);
    ASSERT(t != NULL);
    *t = ' ';
    uint8_t *plus = memchr(buf->data + start, '+', buf->size - start);
    if (plus != NULL) { // "+" or "+ BC" becomes "+00" or "+00 BC"
        size_t after = (size_t)(plus - buf->data) + 1;
        uint8_t rest[8];
        size_t size = MIN(buf->size - after, sizeof(rest));
        memcpy(rest, buf->data + after, size);
        buf->size = after;
        buf_text(buf, "00");
        buf_bytes(buf, rest, size);
    }
    buf_u8(buf, '"');
}

static void range_text(Buf *buf, const Type *type, const Value *range) {
    bool stamps = type->element->kind == TYPE_TIMESTAMP || type->element->kind == TYPE_TIMESTAMPTZ;
    if (!stamps || (range->aux & RANGE_EMPTY) != 0) {
        value_text(buf, type, range);
        return;
    }
    buf_u8(buf, range->aux & RANGE_LOWER_INCLUSIVE ? '[' : '(');
    if (!value_is_absent(&range->items.at[0])) {
        range_bound(buf, &range->items.at[0]);
    }
    buf_u8(buf, ',');
    if (!value_is_absent(&range->items.at[1])) {
        range_bound(buf, &range->items.at[1]);
    }
    buf_u8(buf, range->aux & RANGE_UPPER_INCLUSIVE ? ']' : ')');
}

static void text_write(const ConnectColumn *column, Buf *buf, const Value *from) {
    if (column->form == FORM_ZONED_TIMESTAMP) {
        zoned_timestamp_text(buf, from->integer, column->type->precision);
    } else if (column->form == FORM_ZONED_TIME) {
        zoned_time_text(buf, from->integer, from->aux);
    } else if (column->form == FORM_HSTORE) {
        hstore_text(buf, from);
    } else if (column->form == FORM_DATE_TEXT) {
        iso_date_text(buf, (int32_t)from->integer);
    } else if (column->form == FORM_TIME_TEXT) {
        zoned_time_text(buf, from->integer, 0);
    } else if (column->form == FORM_TIMESTAMP_TEXT) {
        iso_timestamp_text(buf, from->integer, column->options->exact);
    } else if (column->form == FORM_INTERVAL_TEXT) {
        iso_interval_text(buf, &from->interval);
    } else if (column->form == FORM_RANGE) {
        range_text(buf, column->type, from);
    } else {
        value_text(buf, column->type, from);
    }
}

// On the stack first: what is short, nearly all, then is one copy into the arena.
static bool text_value(const ConnectColumn *column, Arena *scratch, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(!flat_value_valid(column->type, from))) {
        return FAIL(err, ERR_VALUE, "its value is none of its type");
    }
    uint8_t room[512];
    Buf buf = {.data = room, .capacity = sizeof(room), .limit = sizeof(room)};
    text_write(column, &buf, from);
    if (buf.overflow) {
        buf_init(&buf, 0);
        text_write(column, &buf, from);
    }
    ValueKind kind = column->form == FORM_UNKNOWN ? VALUE_BYTES : VALUE_STRING;
    *to = value_bytes(kind, arena_slice(scratch, buf_slice(&buf)));
    if (buf.data != room) {
        buf_release(&buf);
    }
    return true;
}

// At the scale of money.fraction.digits, rounded half away from zero.
static Slice money_scaled(const ConnectColumn *column, Arena *scratch, Slice decimal) {
    int32_t have = MAX(column->type->scale, 0), want = column->options->money_digits;
    Int128 units;
    if (have == want || !decimal_to_int128(decimal, have, &units)) {
        return decimal;
    }
    for (; have < want; have++) {
        units *= 10;
    }
    for (Int128 half; have > want; have--) {
        half = units < 0 ? -5 : 5;
        units = have - 1 == want ? (units + half) / 10 : units / 10;
    }
    return units == (int64_t)units ? decimal_from_int64(scratch, (int64_t)units, (uint32_t)want) : decimal;
}

static bool decimal_text_value(const ConnectColumn *column, Arena *scratch, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(!flat_value_valid(column->type, from))) {
        return FAIL(err, ERR_VALUE, "a decimal's bytes are malformed");
    }
    Slice decimal = from->bytes;
    uint16_t sign = decimal_sign(decimal);
    bool is_double = column->form == FORM_DECIMAL_DOUBLE;
    if (UNLIKELY(sign > DECIMAL_NEGATIVE)) {
        double special = sign == DECIMAL_NAN        ? (double)NAN
                         : sign == DECIMAL_INFINITY ? (double)INFINITY
                                                    : -(double)INFINITY;
        const char *text = sign == DECIMAL_NAN        ? "NAN"
                           : sign == DECIMAL_INFINITY ? "POSITIVE_INFINITY"
                                                      : "NEGATIVE_INFINITY";
        *to = is_double ? (Value){.kind = VALUE_FLOAT64, .real = special} : value_bytes(VALUE_STRING, slice_of(text));
        return true;
    }
    Buf text;
    buf_init(&text, 0);
    decimal_text(&text, column->money ? money_scaled(column, scratch, decimal) : decimal);
    if (is_double) {
        buf_u8(&text, 0);
        *to = (Value){.kind = VALUE_FLOAT64, .real = strtod((const char *)text.data, NULL)};
    } else {
        *to = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&text)));
    }
    buf_release(&text);
    return true;
}

static void base64_put(Buf *buf, Slice bytes, bool url) {
    json_base64(buf, bytes); // with quotes
    for (size_t i = 0; url && i < buf->size; i++) {
        uint8_t *at = &buf->data[i];
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    }
}

Value connect_binary(Arena *arena, BinaryMode mode, const Value *bytes) {
    if (mode == BINARY_BYTES || bytes->kind != VALUE_BYTES) {
        return *bytes;
    }
    if (mode == BINARY_HEX) {
        static const char DIGITS[] = "0123456789abcdef";
        uint8_t *text = arena_alloc(arena, 2 * bytes->bytes.size);
        for (size_t i = 0; i < bytes->bytes.size; i++) {
            text[2 * i] = (uint8_t)DIGITS[bytes->bytes.data[i] >> 4];
            text[2 * i + 1] = (uint8_t)DIGITS[bytes->bytes.data[i] & 15];
        }
        return value_bytes(VALUE_STRING, (Slice){text, 2 * bytes->bytes.size});
    }
    Buf buf;
    buf_init(&buf, 0);
    base64_put(&buf, bytes->bytes, mode == BINARY_BASE64_URL);
    Slice text = arena_slice(arena, (Slice){buf.data + 1, buf.size - 2});
    buf_release(&buf);
    return value_bytes(VALUE_STRING, text);
}

static bool decimal_value(const ConnectColumn *column, Arena *scratch, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(!flat_value_valid(column->type, from))) {
        return FAIL(err, ERR_VALUE, "a decimal's bytes are malformed");
    }
    Slice bytes, decimal = column->money ? money_scaled(column, scratch, from->bytes) : from->bytes;
    if (UNLIKELY(decimal_sign(from->bytes) > DECIMAL_NEGATIVE)) {
        return true; // NaN, infinite
    }
    int32_t scale = column->form == FORM_VARIABLE ? decimal_scale_needed(from->bytes) : column->shape.scale;
    if (column->form == FORM_DECIMAL) {
        static const Int128 TEN = 10;
        Int128 units, limit = 1;
        for (int32_t i = 0; i < column->shape.precision; i++) {
            limit *= TEN;
        }
        if (decimal_to_int128(from->bytes, scale, &units) && units < limit && units > -limit) {
            *to = *from;
        }
    } else if (decimal_unscaled(scratch, decimal, scale, &bytes)) {
        *to = value_bytes(VALUE_BYTES, bytes);
        if (column->form == FORM_VARIABLE) {
            Value *items = ARENA_ARRAY(scratch, Value, 2);
            items[0] = value_int(scale);
            items[1] = *to;
            *to = (Value){.kind = VALUE_STRUCT, .items = {items, 2}};
        }
    }
    return true;
}

static bool bits_value(Arena *scratch, const Value *from, Value *to, Err *err) {
    if (UNLIKELY(from->aux < 0 || (size_t)from->aux > from->bytes.size * 8)) {
        return FAIL(err, ERR_VALUE, "a bit string has fewer bytes than bits");
    }
    // The last bit is the lowest of the first byte; bytes of zeros at the end are left out.
    size_t count = (size_t)from->aux, size = (count + 7) / 8;
    uint8_t *bytes = arena_alloc(scratch, size);
    for (size_t i = 0; i < count; i++) {
        size_t bit = count - 1 - i;
        bytes[i / 8] |= (uint8_t)((from->bytes.data[bit / 8] >> (7 - bit % 8) & 1) << (i % 8));
    }
    while (size > 0 && bytes[size - 1] == 0) {
        size--;
    }
    *to = value_bytes(VALUE_BYTES, (Slice){bytes, size});
    return true;
}

static bool vector_value(const ConnectColumn *column, Arena *scratch, const Value *from, Value *to, Err *err) {
    size_t max = from->bytes.size / 2 + 1;
    double *numbers = ARENA_ARRAY(scratch, double, max);
    size_t count = geometry_numbers(scratch, from->bytes, numbers, max);
    if (count == SIZE_MAX) {
        return FAIL(err, ERR_VALUE, "a vector is malformed");
    }
    Value *items = ARENA_ARRAY(scratch, Value, count);
    bool half = column->form == FORM_HALF_VECTOR;
    for (size_t i = 0; i < count; i++) {
        items[i] = (Value){.kind = half ? VALUE_FLOAT32 : VALUE_FLOAT64,
                           .real = half ? (double)(float)numbers[i] : numbers[i]};
    }
    *to = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return true;
}

static bool list_value(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                       Err *err) {
    size_t count = from->items.count;
    Value *items = ARENA_ARRAY(scratch, Value, count);
    for (size_t i = 0; i < count; i++) {
        if (UNLIKELY(from->items.at[i].kind == VALUE_LIST)) {
            (*inexact)++; // a further dimension
        } else {
            TRY(connect_value(column->element, scratch, &from->items.at[i], inexact, &items[i], err));
        }
        if (UNLIKELY(items[i].kind == VALUE_NULL && column->form == FORM_LIST_STRICT)) {
            (*inexact)++;
            return true;
        }
    }
    *to = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return true;
}

// Dates and times that are integers.
static bool number_value(const ConnectColumn *column, const Value *from, Value *to, Err *err) {
    Form form = (Form)column->form;
    if (form == FORM_DATE) {
        return temporal_date(from->integer, to, err);
    }
    if (form == FORM_TIME_MS || form == FORM_TIME_US || form == FORM_TIME_NS) {
        TRY(temporal_time(from->integer, form == FORM_TIME_MS ? 1000 : 1, to, err));
    } else {
        TRY(temporal_timestamp(from->integer, form == FORM_TIMESTAMP_MS ? 1000 : 1, to, err));
    }
    if (UNLIKELY(form == FORM_TIME_NS || form == FORM_TIMESTAMP_NS) && to->kind != VALUE_NULL &&
        __builtin_mul_overflow(to->integer, 1000, &to->integer)) {
        *to = (Value){.kind = VALUE_NULL};
    }
    return true;
}

// Leaves *to NULL for what its shape cannot hold.
static bool value_make(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                       Err *err) {
    switch ((Form)column->form) {
    case FORM_COPY:
    case FORM_BOOL:
        *to = *from;
        return true;
    case FORM_INT32:
        *to = *from;
        return LIKELY(from->integer == (int32_t)from->integer) ||
               FAIL(err, ERR_VALUE, "a number does not fit its type");
    case FORM_DECIMAL:
    case FORM_DECIMAL_BYTES:
    case FORM_VARIABLE:
        return decimal_value(column, scratch, from, to, err);
    case FORM_DECIMAL_DOUBLE:
    case FORM_DECIMAL_STRING:
        return decimal_text_value(column, scratch, from, to, err);
    case FORM_DATE:
    case FORM_TIME_MS:
    case FORM_TIME_US:
    case FORM_TIME_NS:
    case FORM_TIMESTAMP_MS:
    case FORM_TIMESTAMP_US:
    case FORM_TIMESTAMP_NS:
        return number_value(column, from, to, err);
    case FORM_DATE_TEXT:
        if (UNLIKELY((from->integer == INT32_MIN || from->integer == INT32_MAX) && !column->options->exact)) {
            return true;
        }
        return text_value(column, scratch, from, to, err);
    case FORM_BINARY_TEXT:
        *to = connect_binary(scratch, column->options->binary, from);
        return true;
    case FORM_DURATION:
        *to = value_int(temporal_duration(&from->interval));
        return true;
    case FORM_BIT:
        *to = value_bool(from->bytes.size > 0 && (from->bytes.data[0] & 0x80) != 0);
        return true;
    case FORM_BITS:
        return bits_value(scratch, from, to, err);
    case FORM_VECTOR:
    case FORM_HALF_VECTOR:
        return vector_value(column, scratch, from, to, err);
    case FORM_LIST:
    case FORM_LIST_STRICT:
        return list_value(column, scratch, from, inexact, to, err);
    case FORM_ZONED_TIMESTAMP:
    case FORM_ZONED_TIME:
        TRY(temporal_valid(from, err));
        return text_value(column, scratch, from, to, err);
    case FORM_TIME_TEXT:
    case FORM_TIMESTAMP_TEXT:
    case FORM_INTERVAL_TEXT:
    case FORM_UNKNOWN:
    case FORM_TEXT:
    case FORM_HSTORE:
    case FORM_RANGE:
        return text_value(column, scratch, from, to, err);
    case FORM_GEOMETRY:
        break;
    }
    return geometry_value((Geometry)(column->form - FORM_GEOMETRY), scratch, from->bytes, to, err);
}

bool connect_value(const ConnectColumn *column, Arena *scratch, const Value *from, uint64_t *inexact, Value *to,
                   Err *err) {
    *to = (Value){.kind = VALUE_NULL};
    if (value_is_absent(from)) {
        if (from->kind == VALUE_UNCHANGED) {
            *to = column->unavailable;
        }
        return true;
    }
    if (UNLIKELY(from->kind != column->value && column->value != VALUE_NULL &&
                 (column->form != FORM_BOOL || from->kind != VALUE_FALSE))) {
        return FAIL(err, ERR_VALUE, "its type is %s, its value is of another kind (%u)",
                    type_kind_name(column->type->kind), from->kind);
    }
    uint64_t before = *inexact;
    TRY(value_make(column, scratch, from, inexact, to, err));
    if (UNLIKELY(to->kind == VALUE_NULL && *inexact == before)) {
        (*inexact)++;
    }
    return true;
}
