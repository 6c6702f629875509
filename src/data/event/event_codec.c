// SPDX-License-Identifier: Apache-2.0
#include "data/event/event_codec.h"

enum {
    ROW_BEFORE = 1,
    ROW_AFTER = 2,
    HEAD_BYTES_MAX = 1 + 10, // of a value: its kind, and a number or a size
    EVENT_HEAD_BYTES_MAX = 3 + 10 * 10,
};

// --- values ----------------------------------------------------------------------------------------------------

static void items_encode(Buf *buf, ValueItems items) {
    for (size_t i = 0; i < items.count; i++) {
        value_encode(buf, &items.at[i]);
    }
}

void value_encode(Buf *buf, const Value *value) {
    buf_u8(buf, value->kind);
    switch ((ValueKind)value->kind) {
    case VALUE_NULL:
    case VALUE_UNCHANGED:
    case VALUE_FALSE:
    case VALUE_TRUE:
        break;
    case VALUE_INT:
    case VALUE_DATE:
    case VALUE_TIME:
        buf_zigzag(buf, value->integer);
        break;
    case VALUE_UINT64:
        buf_varint(buf, (uint64_t)value->integer);
        break;
    case VALUE_TIMETZ:
        buf_zigzag(buf, value->integer);
        buf_zigzag(buf, value->aux);
        break;
    case VALUE_FLOAT32: {
        float narrow = (float)value->real;
        buf_bytes(buf, &narrow, sizeof(narrow));
        break;
    }
    case VALUE_FLOAT64:
        buf_bytes(buf, &value->real, sizeof(value->real));
        break;
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        buf_u64le(buf, (uint64_t)value->integer);
        break;
    case VALUE_INTERVAL:
        buf_zigzag(buf, value->interval.months);
        buf_zigzag(buf, value->interval.days);
        buf_zigzag(buf, value->interval.micros);
        break;
    case VALUE_UUID:
        ASSERT(value->bytes.size == 16);
        buf_put(buf, value->bytes);
        break;
    case VALUE_BITS:
        buf_varint(buf, (uint32_t)value->aux);
        buf_slice_sized(buf, value->bytes);
        break;
    case VALUE_DECIMAL:
    case VALUE_STRING:
    case VALUE_BYTES:
        buf_slice_sized(buf, value->bytes);
        break;
    case VALUE_LIST:
    case VALUE_STRUCT:
    case VALUE_MAP:
    case VALUE_MULTIRANGE:
        buf_varint(buf, value->items.count);
        items_encode(buf, value->items);
        break;
    case VALUE_RANGE:
        ASSERT(value->items.count == 2);
        buf_u8(buf, (uint8_t)value->aux);
        items_encode(buf, value->items);
        break;
    case VALUE_KIND_COUNT:
        UNREACHABLE();
    }
}

static bool value_decode_at(Reader *reader, Arena *arena, Value *value, int depth);

static bool items_decode(Reader *reader, Arena *arena, ValueItems *items, uint64_t count, int depth) {
    // Each item is one byte at least: a count that the bytes cannot hold is a lie, found before it is allocated.
    if (count > reader_left(reader) || depth >= VALUE_DEPTH_MAX) {
        return false;
    }
    Value *at = ARENA_ARRAY(arena, Value, (size_t)count);
    for (uint64_t i = 0; i < count; i++) {
        if (!value_decode_at(reader, arena, &at[i], depth + 1)) {
            return false;
        }
    }
    *items = (ValueItems){at, (size_t)count};
    return true;
}

static bool value_decode_at(Reader *reader, Arena *arena, Value *value, int depth) {
    uint8_t kind = read_u8(reader);
    value->kind = kind;
    value->aux = 0;
    switch ((ValueKind)kind) {
    case VALUE_NULL:
    case VALUE_UNCHANGED:
    case VALUE_FALSE:
    case VALUE_TRUE:
        value->integer = 0;
        break;
    case VALUE_INT:
    case VALUE_DATE:
    case VALUE_TIME:
        value->integer = read_zigzag(reader);
        break;
    case VALUE_UINT64:
        value->integer = (int64_t)read_varint(reader);
        break;
    case VALUE_TIMETZ:
        value->integer = read_zigzag(reader);
        value->aux = (int32_t)read_zigzag(reader);
        break;
    case VALUE_FLOAT32: {
        uint32_t bits = read_u32le(reader);
        float narrow;
        memcpy(&narrow, &bits, sizeof(narrow));
        value->real = (double)narrow;
        break;
    }
    case VALUE_FLOAT64:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        value->integer = (int64_t)read_u64le(reader);
        break;
    case VALUE_INTERVAL:
        value->interval.months = (int32_t)read_zigzag(reader);
        value->interval.days = (int32_t)read_zigzag(reader);
        value->interval.micros = read_zigzag(reader);
        break;
    case VALUE_UUID:
        value->bytes = read_bytes(reader, 16);
        break;
    case VALUE_BITS:
        value->aux = (int32_t)read_varint(reader);
        value->bytes = read_slice(reader);
        if (value->aux < 0 || value->bytes.size != ((size_t)value->aux + 7) / 8) {
            return false;
        }
        break;
    case VALUE_DECIMAL:
    case VALUE_STRING:
    case VALUE_BYTES:
        value->bytes = read_slice(reader);
        break;
    case VALUE_LIST:
    case VALUE_STRUCT:
    case VALUE_MAP:
    case VALUE_MULTIRANGE:
        if (!items_decode(reader, arena, &value->items, read_varint(reader), depth)) {
            return false;
        }
        if (kind == VALUE_MAP && value->items.count % 2 != 0) {
            return false;
        }
        break;
    case VALUE_RANGE:
        value->aux = read_u8(reader);
        if (!items_decode(reader, arena, &value->items, 2, depth)) {
            return false;
        }
        break;
    case VALUE_KIND_COUNT:
    default:
        return false;
    }
    return !reader->bad;
}

bool value_decode(Reader *reader, Arena *arena, Value *value) {
    return value_decode_at(reader, arena, value, 0);
}

// --- events ----------------------------------------------------------------------------------------------------

static inline uint8_t *varint_put(uint8_t *at, uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
        *at++ = (uint8_t)(value | 0x80);
    }
    *at++ = (uint8_t)value;
    return at;
}

// Nearly all values are of these kinds. NULL: it is another, and nothing is written.
static inline uint8_t *common_encode(Buf *buf, const Value *value) {
    bool sized = value->kind == VALUE_STRING || value->kind == VALUE_DECIMAL || value->kind == VALUE_BYTES;
    uint8_t *at = buf_room(buf, HEAD_BYTES_MAX + (sized ? value->bytes.size : 0));
    if (UNLIKELY(at == NULL)) {
        return NULL;
    }
    *at++ = value->kind;
    if (sized) {
        at = varint_put(at, value->bytes.size);
        if (value->bytes.size > 0) {
            memcpy(at, value->bytes.data, value->bytes.size);
        }
        return at + value->bytes.size;
    }
    if (value->kind <= VALUE_TRUE) {
        return at;
    }
    if (value->kind == VALUE_INT || value->kind == VALUE_DATE || value->kind == VALUE_TIME) {
        return varint_put(at, zigzag_encode(value->integer));
    }
    if (value->kind == VALUE_TIMESTAMP || value->kind == VALUE_TIMESTAMPTZ || value->kind == VALUE_FLOAT64) {
        memcpy(at, &value->integer, sizeof(value->integer));
        return at + sizeof(value->integer);
    }
    return NULL;
}

static void row_encode(Buf *buf, const Value *row, uint32_t count) {
    for (uint32_t i = 0; row != NULL && i < count; i++) {
        uint8_t *end = common_encode(buf, &row[i]);
        if (LIKELY(end != NULL)) {
            buf->size = (size_t)(end - buf->data);
        } else {
            value_encode(buf, &row[i]);
        }
    }
}

static inline uint8_t *zigzag_put(uint8_t *at, int64_t value) {
    return varint_put(at, zigzag_encode(value));
}

void event_encode(Buf *buf, const EventBase *base, const Event *event) {
    uint8_t *at = buf_room(buf, EVENT_HEAD_BYTES_MAX);
    if (UNLIKELY(at == NULL)) {
        return;
    }
    *at++ = (uint8_t)event->op;
    *at++ = (uint8_t)event->flags;
    at = varint_put(at, event->offset_span);
    at = zigzag_put(at, (int64_t)(event->commit_lsn - base->commit_lsn));
    at = varint_put(at, event->ordinal);
    at = zigzag_put(at, (int64_t)(event->lsn - event->commit_lsn));
    at = varint_put(at, event->transaction_id);
    at = zigzag_put(at, (int64_t)((uint64_t)event->source_us - (uint64_t)base->source_us));
    at = zigzag_put(at, (int64_t)((uint64_t)event->capture_us - (uint64_t)event->source_us));
    if (event->flags & EVENT_ORDERED) {
        at = varint_put(at, event->total_order);
        at = varint_put(at, event->table_order);
    }
    *at++ = (uint8_t)((event->before != NULL ? ROW_BEFORE : 0) | (event->after != NULL ? ROW_AFTER : 0));
    at = varint_put(at, event->column_count);
    buf->size = (size_t)(at - buf->data);
    row_encode(buf, event->before, event->column_count);
    row_encode(buf, event->after, event->column_count);
}

// LEB128 of which it is known that the bytes are there; NULL: malformed.
static inline const uint8_t *varint_take(const uint8_t *at, uint64_t *value) {
    uint64_t v = *at & 0x7f;
    for (unsigned shift = 7; *at++ >= 0x80; shift += 7) {
        if (UNLIKELY(shift == 63 && *at > 1)) {
            return NULL;
        }
        v |= (uint64_t)(*at & 0x7f) << shift;
    }
    *value = v;
    return at;
}

// Nearly all values are of these kinds. Where there are bytes enough for whatever head one may have, none is looked
// for. False: it is to be decoded the other way, which says what is wrong.
static inline bool common_decode(Reader *reader, Value *value) {
    const uint8_t *at = reader->at;
    uint64_t number = 0;
    if (UNLIKELY(reader_left(reader) < HEAD_BYTES_MAX)) {
        return false;
    }
    value->kind = *at++;
    switch (value->kind) {
    case VALUE_NULL:
    case VALUE_UNCHANGED:
    case VALUE_FALSE:
    case VALUE_TRUE:
        break;
    case VALUE_INT:
    case VALUE_DATE:
    case VALUE_TIME:
        at = varint_take(at, &number);
        value->integer = zigzag_decode(number);
        break;
    case VALUE_FLOAT64:
    case VALUE_TIMESTAMP:
    case VALUE_TIMESTAMPTZ:
        value->integer = (int64_t)load_u64le(at);
        at += sizeof(value->integer);
        break;
    case VALUE_DECIMAL:
    case VALUE_STRING:
    case VALUE_BYTES:
        at = varint_take(at, &number);
        if (UNLIKELY(at == NULL || number > (size_t)(reader->end - at))) {
            return false;
        }
        value->bytes.data = at;
        value->bytes.size = (size_t)number;
        at += number;
        break;
    default:
        return false;
    }
    if (UNLIKELY(at == NULL)) {
        return false;
    }
    reader->at = at;
    return true;
}

static const Value *row_decode(Reader *reader, Arena *arena, uint32_t count) {
    if (count > reader_left(reader)) {
        return NULL;
    }
    Value *row = ARENA_ARRAY(arena, Value, count);
    for (uint32_t i = 0; i < count; i++) {
        if (UNLIKELY(!common_decode(reader, &row[i])) && !value_decode_at(reader, arena, &row[i], 0)) {
            return NULL;
        }
    }
    return row;
}

static bool op_known(uint8_t op) {
    return op == OP_READ || op == OP_CREATE || op == OP_UPDATE || op == OP_DELETE || op == OP_TRUNCATE;
}

bool event_decode(Reader *reader, const EventBase *base, Arena *arena, Event *event, Err *err) {
    uint8_t op = read_u8(reader);
    event->op = (EventOp)op; // each field by itself: to clear them all first takes longer
    event->flags = read_u8(reader);
    event->offset_span = (uint32_t)read_varint(reader);
    event->commit_lsn = base->commit_lsn + (uint64_t)read_zigzag(reader);
    event->ordinal = read_varint(reader);
    event->lsn = event->commit_lsn + (uint64_t)read_zigzag(reader);
    event->transaction_id = read_varint(reader);
    event->source_us = (int64_t)((uint64_t)base->source_us + (uint64_t)read_zigzag(reader));
    event->capture_us = (int64_t)((uint64_t)event->source_us + (uint64_t)read_zigzag(reader));
    bool ordered = (event->flags & EVENT_ORDERED) != 0;
    event->total_order = ordered ? read_varint(reader) : 0;
    event->table_order = ordered ? read_varint(reader) : 0;
    event->before = event->after = NULL;
    uint8_t rows = read_u8(reader);
    uint64_t count = read_varint(reader);
    if (reader->bad || !op_known(op) || rows > (ROW_BEFORE | ROW_AFTER) || count > UINT32_MAX) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "a record's head is malformed (op 0x%02x)", op);
    }
    event->column_count = (uint32_t)count;
    if (rows & ROW_BEFORE) {
        event->before = row_decode(reader, arena, event->column_count);
    }
    if (rows & ROW_AFTER) {
        event->after = row_decode(reader, arena, event->column_count);
    }
    if (reader->bad || ((rows & ROW_BEFORE) && event->before == NULL) || ((rows & ROW_AFTER) && event->after == NULL)) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "a record's values are malformed (op %c, %u columns)", op,
                    event->column_count);
    }
    return true;
}
