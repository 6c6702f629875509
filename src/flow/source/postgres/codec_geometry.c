// SPDX-License-Identifier: Apache-2.0
// point_send, line_send, lseg_send, box_send, path_send, poly_send, circle_send into the text of their output
// functions (geo_ops.c).
#include "data/format/float_text.h"
#include "flow/source/postgres/codec_decode.h"

enum { NUMBER_TEXT_MAX = 40 };

static double read_double(Reader *reader) {
    uint64_t bits = read_u64be(reader);
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static void put_number(Buf *buf, Reader *reader) {
    float64_text(buf, read_double(reader));
}

static void put_pair(Buf *buf, Reader *reader) {
    buf_u8(buf, '(');
    put_number(buf, reader);
    buf_u8(buf, ',');
    put_number(buf, reader);
    buf_u8(buf, ')');
}

static void put_pairs(Buf *buf, Reader *reader, size_t count, const char *open, const char *close) {
    buf_text(buf, open);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_u8(buf, ',');
        }
        put_pair(buf, reader);
    }
    buf_text(buf, close);
}

// A buffer in the arena: it is never grown, as the room is known, and never released.
static Buf text_begin(Arena *arena, size_t numbers) {
    size_t size = (numbers + 1) * (NUMBER_TEXT_MAX + 4);
    return (Buf){.data = arena_alloc(arena, size), .capacity = size, .limit = size};
}

static bool text_end(const PgCodec *codec, const Buf *buf, const Reader *reader, Value *value, Err *err) {
    ASSERT(!buf->overflow);
    if (!reader_done(reader)) {
        return BAD_VALUE(codec, err, "its numbers do not match its bytes");
    }
    *value = value_bytes(VALUE_STRING, buf_slice(buf));
    return true;
}

static bool shape(const PgCodec *codec, Slice bytes, Arena *arena, size_t pairs, const char *open, const char *close,
                  Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    Buf buf = text_begin(arena, pairs * 2);
    put_pairs(&buf, &reader, pairs, open, close);
    return text_end(codec, &buf, &reader, value, err);
}

bool pg_binary_point(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return shape(codec, bytes, arena, 1, "", "", value, err);
}

bool pg_binary_lseg(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return shape(codec, bytes, arena, 2, "[", "]", value, err);
}

bool pg_binary_box(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return shape(codec, bytes, arena, 2, "", "", value, err);
}

bool pg_binary_line(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    Buf buf = text_begin(arena, 3);
    buf_u8(&buf, '{');
    put_number(&buf, &reader);
    buf_u8(&buf, ',');
    put_number(&buf, &reader);
    buf_u8(&buf, ',');
    put_number(&buf, &reader);
    buf_u8(&buf, '}');
    return text_end(codec, &buf, &reader, value, err);
}

bool pg_binary_circle(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    Reader reader = reader_of(bytes);
    Buf buf = text_begin(arena, 3);
    buf_u8(&buf, '<');
    put_pair(&buf, &reader);
    buf_u8(&buf, ',');
    put_number(&buf, &reader);
    buf_u8(&buf, '>');
    return text_end(codec, &buf, &reader, value, err);
}

static bool points(const PgCodec *codec, Slice bytes, Arena *arena, const char *open, const char *close, Value *value,
                   Err *err) {
    if (bytes.size < 4 || load_u32be(bytes.data) != (bytes.size - 4) / 16) {
        return BAD_VALUE(codec, err, "its count does not match its bytes");
    }
    return shape(codec, slice_from(bytes, 4), arena, load_u32be(bytes.data), open, close, value, err);
}

bool pg_binary_polygon(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    return points(codec, bytes, arena, "(", ")", value, err);
}

bool pg_binary_path(const PgCodec *codec, Slice bytes, Arena *arena, Value *value, Err *err) {
    if (bytes.size < 1 || bytes.data[0] > 1) {
        return BAD_VALUE(codec, err, "its head is malformed");
    }
    bool closed = bytes.data[0] == 1;
    return points(codec, slice_from(bytes, 1), arena, closed ? "(" : "[", closed ? ")" : "]", value, err);
}
