// SPDX-License-Identifier: Apache-2.0
#include "data/format/text.h"
#include "core/base/calendar.h"
#include "core/base/decimal.h"
#include "core/base/digits.h"
#include "data/format/float_text.h"

// --- scalars ---------------------------------------------------------------------------------------------------

static void hex_put(uint8_t *at, const uint8_t *bytes, size_t size) {
    static const char HEX[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        at[i * 2] = (uint8_t)HEX[bytes[i] >> 4];
        at[i * 2 + 1] = (uint8_t)HEX[bytes[i] & 15];
    }
}

static void bytes_text(Buf *buf, Slice bytes) {
    uint8_t *room = buf_room(buf, bytes.size * 2 + 2);
    if (room != NULL) {
        memcpy(room, "\\x", 2);
        hex_put(room + 2, bytes.data, bytes.size);
        buf_advance(buf, bytes.size * 2 + 2);
    }
}

static void uuid_text(Buf *buf, Slice uuid) {
    uint8_t *room = buf_room(buf, 36);
    if (room == NULL || uuid.size != 16) {
        return;
    }
    hex_put(room, uuid.data, 4);
    hex_put(room + 9, uuid.data + 4, 2);
    hex_put(room + 14, uuid.data + 6, 2);
    hex_put(room + 19, uuid.data + 8, 2);
    hex_put(room + 24, uuid.data + 10, 6);
    room[8] = room[13] = room[18] = room[23] = '-';
    buf_advance(buf, 36);
}

static void bits_text(Buf *buf, Slice bytes, int32_t count) {
    size_t size = MIN((size_t)MAX(count, 0), bytes.size * 8);
    uint8_t *room = size > 0 ? buf_room(buf, size) : NULL;
    if (room != NULL) {
        for (size_t i = 0; i < size; i++) {
            room[i] = (bytes.data[i / 8] >> (7 - i % 8)) & 1 ? '1' : '0';
        }
        buf_advance(buf, size);
    }
}

static void interval_part(Buf *buf, int64_t number, char unit) {
    if (number != 0) {
        buf_int(buf, number);
        buf_u8(buf, (uint8_t)unit);
    }
}

static void interval_text(Buf *buf, const Interval *interval) {
    if (interval->micros == INT64_MAX && interval->days == INT32_MAX && interval->months == INT32_MAX) {
        buf_text(buf, "infinity");
        return;
    }
    if (interval->micros == INT64_MIN && interval->days == INT32_MIN && interval->months == INT32_MIN) {
        buf_text(buf, "-infinity");
        return;
    }
    if (interval->micros == 0 && interval->days == 0 && interval->months == 0) {
        buf_text(buf, "PT0S");
        return;
    }
    buf_u8(buf, 'P');
    interval_part(buf, interval->months / 12, 'Y');
    interval_part(buf, interval->months % 12, 'M');
    interval_part(buf, interval->days, 'D');
    if (interval->micros == 0) {
        return;
    }
    buf_u8(buf, 'T');
    int64_t seconds = interval->micros / CALENDAR_SECOND_US, fraction = interval->micros % CALENDAR_SECOND_US;
    interval_part(buf, seconds / 3600, 'H');
    interval_part(buf, seconds / 60 % 60, 'M');
    seconds %= 60;
    if (seconds == 0 && fraction == 0) {
        return;
    }
    if (interval->micros < 0) {
        buf_u8(buf, '-');
    }
    buf_int(buf, seconds < 0 ? -seconds : seconds);
    if (fraction != 0) {
        uint8_t digits[6];
        uint32_t part = (uint32_t)(fraction < 0 ? -fraction : fraction);
        digits_put2(digits_put4(digits, part / 100), part % 100);
        size_t size = sizeof(digits);
        while (digits[size - 1] == '0') {
            size--;
        }
        buf_u8(buf, '.');
        buf_bytes(buf, digits, size);
    }
    buf_u8(buf, 'S');
}

// --- nested values: each quotes in its own way ------------------------------------------------------------------

static bool space_is(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool null_word_is(Slice text) {
    return text.size == 4 && (text.data[0] | 32) == 'n' && (text.data[1] | 32) == 'u' && (text.data[2] | 32) == 'l' &&
           (text.data[3] | 32) == 'l';
}

// What stands around an item decides which characters force quotes.
typedef enum Around { AROUND_LIST, AROUND_STRUCT, AROUND_RANGE } Around;

static bool quotes_needed(Slice text, Around around, uint8_t delimiter) {
    if (text.size == 0 || (around == AROUND_LIST && null_word_is(text))) {
        return true;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\' || c == delimiter || space_is(c)) {
            return true;
        }
        if (around == AROUND_LIST ? c == '{' || c == '}' : c == '(' || c == ')') {
            return true;
        }
        if (around == AROUND_RANGE && (c == '[' || c == ']')) {
            return true;
        }
    }
    return false;
}

// The text from `start` to the buffer's end becomes a quoted item where it must.
static void quote_tail(Buf *buf, size_t start, Around around, uint8_t delimiter) {
    Slice text = slice_from(buf_slice(buf), start);
    if (buf->overflow || !quotes_needed(text, around, delimiter)) {
        return;
    }
    size_t extra = 2;
    for (size_t i = 0; i < text.size; i++) {
        extra += text.data[i] == '"' || text.data[i] == '\\';
    }
    if (buf_room(buf, extra) == NULL) {
        return;
    }
    // From behind, so that nothing is overwritten before it was moved. Lists escape with \, the others double.
    uint8_t *from = buf->data + buf->size, *to = from + extra;
    *--to = '"';
    while (from > buf->data + start) {
        uint8_t c = *--from;
        *--to = c;
        if (c == '"' || c == '\\') {
            *--to = around == AROUND_LIST ? (uint8_t)'\\' : c;
        }
    }
    *--to = '"';
    buf_advance(buf, extra);
}

static void item_text(Buf *buf, const Type *type, const Value *value, Around around, uint8_t delimiter) {
    size_t start = buf->size;
    value_text(buf, type, value);
    quote_tail(buf, start, around, delimiter);
}

static void list_text(Buf *buf, const Type *type, const Value *value) {
    const Type *element = type->element;
    uint8_t delimiter = slice_is(element->source_name, "box") ? ';' : ',';
    buf_u8(buf, '{');
    for (size_t i = 0; i < value->items.count; i++) {
        const Value *item = &value->items.at[i];
        if (i > 0) {
            buf_u8(buf, delimiter);
        }
        if (value_is_absent(item)) {
            buf_text(buf, "NULL");
        } else if (item->kind == VALUE_LIST && element->kind != TYPE_LIST) {
            list_text(buf, type, item); // a further dimension of the same array
        } else {
            item_text(buf, element, item, AROUND_LIST, delimiter);
        }
    }
    buf_u8(buf, '}');
}

static void struct_text(Buf *buf, const Type *type, const Value *value) {
    buf_u8(buf, '(');
    for (size_t i = 0; i < value->items.count && i < type->field_count; i++) {
        if (i > 0) {
            buf_u8(buf, ',');
        }
        if (!value_is_absent(&value->items.at[i])) {
            item_text(buf, &type->fields[i].type, &value->items.at[i], AROUND_STRUCT, ',');
        }
    }
    buf_u8(buf, ')');
}

static void map_string(Buf *buf, Slice text) {
    buf_u8(buf, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            buf_u8(buf, '\\');
        }
        buf_u8(buf, text.data[i]);
    }
    buf_u8(buf, '"');
}

static void map_text(Buf *buf, const Value *value) {
    for (size_t i = 0; i + 1 < value->items.count; i += 2) {
        const Value *key = &value->items.at[i], *item = &value->items.at[i + 1];
        buf_text(buf, i > 0 ? ", " : "");
        map_string(buf, key->bytes);
        buf_text(buf, "=>");
        if (value_is_absent(item)) {
            buf_text(buf, "NULL");
        } else {
            map_string(buf, item->bytes);
        }
    }
}

static void range_text(Buf *buf, const Type *type, const Value *value) {
    if (value->aux & RANGE_EMPTY) {
        buf_text(buf, "empty");
        return;
    }
    buf_u8(buf, value->aux & RANGE_LOWER_INCLUSIVE ? '[' : '(');
    if (!value_is_absent(&value->items.at[0])) {
        item_text(buf, type->element, &value->items.at[0], AROUND_RANGE, ',');
    }
    buf_u8(buf, ',');
    if (!value_is_absent(&value->items.at[1])) {
        item_text(buf, type->element, &value->items.at[1], AROUND_RANGE, ',');
    }
    buf_u8(buf, value->aux & RANGE_UPPER_INCLUSIVE ? ']' : ')');
}

static void multirange_text(Buf *buf, const Type *type, const Value *value) {
    buf_u8(buf, '{');
    for (size_t i = 0; i < value->items.count; i++) {
        buf_text(buf, i > 0 ? "," : "");
        range_text(buf, type, &value->items.at[i]);
    }
    buf_u8(buf, '}');
}

void value_text(Buf *buf, const Type *type, const Value *value) {
    switch ((ValueKind)value->kind) {
    case VALUE_FALSE:
        buf_u8(buf, 'f');
        return;
    case VALUE_TRUE:
        buf_u8(buf, 't');
        return;
    case VALUE_INT:
        buf_int(buf, value->integer);
        return;
    case VALUE_UINT64:
        buf_uint(buf, (uint64_t)value->integer);
        return;
    case VALUE_FLOAT32:
        float32_text(buf, (float)value->real);
        return;
    case VALUE_FLOAT64:
        float64_text(buf, value->real);
        return;
    case VALUE_DECIMAL:
        decimal_text(buf, value->bytes);
        return;
    case VALUE_STRING:
        buf_put(buf, value->bytes);
        return;
    case VALUE_BYTES:
        bytes_text(buf, value->bytes);
        return;
    case VALUE_DATE:
        calendar_date_text(buf, (int32_t)value->integer);
        return;
    case VALUE_TIME:
        calendar_time_text(buf, value->integer);
        return;
    case VALUE_TIMETZ:
        calendar_timetz_text(buf, value->integer, value->aux);
        return;
    case VALUE_TIMESTAMP:
        calendar_timestamp_text(buf, value->integer, "");
        return;
    case VALUE_TIMESTAMPTZ:
        calendar_timestamp_text(buf, value->integer, "Z");
        return;
    case VALUE_INTERVAL:
        interval_text(buf, &value->interval);
        return;
    case VALUE_UUID:
        uuid_text(buf, value->bytes);
        return;
    case VALUE_BITS:
        bits_text(buf, value->bytes, value->aux);
        return;
    case VALUE_LIST:
        list_text(buf, type, value);
        return;
    case VALUE_STRUCT:
        struct_text(buf, type, value);
        return;
    case VALUE_MAP:
        map_text(buf, value);
        return;
    case VALUE_RANGE:
        range_text(buf, type, value);
        return;
    case VALUE_MULTIRANGE:
        multirange_text(buf, type, value);
        return;
    case VALUE_NULL:
    case VALUE_UNCHANGED:
    case VALUE_KIND_COUNT:
        break;
    }
    UNREACHABLE();
}
