// SPDX-License-Identifier: Apache-2.0
// Borrowed bytes. A Slice is passed by value and owns nothing; a Reader walks over one and, past its end, yields
// zeros and turns bad, so a decoder is a straight list of reads with one question at the end.
#ifndef LEAT_CORE_BASE_BYTES_H
#define LEAT_CORE_BASE_BYTES_H

#include "core/base/defs.h"

typedef struct Slice {
    const uint8_t *data;
    size_t size;
} Slice;

#define SLICE(literal) ((Slice){(const uint8_t *)("" literal), sizeof(literal) - 1})
// For printf: "%.*s", SLICE_ARG(slice)
#define SLICE_ARG(slice) ((int)MIN((slice).size, (size_t)INT32_MAX)), ((const char *)(slice).data)

static inline Slice slice_of(const char *text) {
    return (Slice){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

static inline bool slice_equal(Slice a, Slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool slice_is(Slice slice, const char *text) {
    return slice_equal(slice, slice_of(text));
}

// memcmp order, the shorter first among equals.
static inline int slice_compare(Slice a, Slice b) {
    size_t size = MIN(a.size, b.size);
    int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline Slice slice_from(Slice slice, size_t offset) {
    ASSERT(offset <= slice.size);
    return (Slice){slice.data + offset, slice.size - offset};
}

// A hexadecimal digit's value, upper or lower case; -1 when `c` is none.
static inline int hex_digit(int c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

// Without the bytes of `blanks` at both ends.
Slice slice_trim(Slice slice, const char *blanks);
#define SLICE_BLANKS " \t\n\v\f\r" // as isspace has them

static inline uint16_t load_u16be(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap16(v);
}
static inline uint32_t load_u32be(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap32(v);
}
static inline uint64_t load_u64be(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return __builtin_bswap64(v);
}
static inline uint32_t load_u32le(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}
static inline uint64_t load_u64le(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "leat runs on little-endian machines");

typedef struct Reader {
    const uint8_t *at;
    const uint8_t *end;
    bool bad; // something was read past the end, or a varint was malformed
} Reader;

static inline Reader reader_of(Slice slice) {
    return (Reader){slice.data, slice.data + slice.size, false};
}

static inline size_t reader_left(const Reader *reader) {
    return (size_t)(reader->end - reader->at);
}

// True when everything was read and nothing was missing.
static inline bool reader_done(const Reader *reader) {
    return !reader->bad && reader->at == reader->end;
}

// `size` bytes, borrowed; an empty slice, and a bad reader, when there are fewer.
static inline Slice read_bytes(Reader *reader, size_t size) {
    if (UNLIKELY(reader_left(reader) < size)) {
        reader->bad = true;
        reader->at = reader->end;
        return (Slice){reader->end, 0};
    }
    Slice slice = {reader->at, size};
    reader->at += size;
    return slice;
}

static inline uint8_t read_u8(Reader *reader) {
    Slice s = read_bytes(reader, 1);
    return LIKELY(s.size == 1) ? s.data[0] : 0;
}
static inline uint16_t read_u16be(Reader *reader) {
    Slice s = read_bytes(reader, 2);
    return LIKELY(s.size == 2) ? load_u16be(s.data) : 0;
}
static inline uint32_t read_u32be(Reader *reader) {
    Slice s = read_bytes(reader, 4);
    return LIKELY(s.size == 4) ? load_u32be(s.data) : 0;
}
static inline uint64_t read_u64be(Reader *reader) {
    Slice s = read_bytes(reader, 8);
    return LIKELY(s.size == 8) ? load_u64be(s.data) : 0;
}
static inline int16_t read_i16be(Reader *reader) {
    return (int16_t)read_u16be(reader);
}
static inline int32_t read_i32be(Reader *reader) {
    return (int32_t)read_u32be(reader);
}
static inline int64_t read_i64be(Reader *reader) {
    return (int64_t)read_u64be(reader);
}
static inline uint32_t read_u32le(Reader *reader) {
    Slice s = read_bytes(reader, 4);
    return LIKELY(s.size == 4) ? load_u32le(s.data) : 0;
}
static inline uint64_t read_u64le(Reader *reader) {
    Slice s = read_bytes(reader, 8);
    return LIKELY(s.size == 8) ? load_u64le(s.data) : 0;
}

// LEB128, at most 10 bytes.
uint64_t read_varint_slow(Reader *reader);
static inline uint64_t read_varint(Reader *reader) {
    if (LIKELY(reader->at < reader->end && *reader->at < 0x80)) {
        return *reader->at++;
    }
    return read_varint_slow(reader);
}
static inline int64_t zigzag_decode(uint64_t v) {
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
static inline uint64_t zigzag_encode(int64_t v) {
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t read_zigzag(Reader *reader) {
    return zigzag_decode(read_varint(reader));
}
// Length as varint, then the bytes.
static inline Slice read_slice(Reader *reader) {
    uint64_t size = read_varint(reader);
    return read_bytes(reader, size > SIZE_MAX ? SIZE_MAX : (size_t)size);
}
// Text up to a NUL, which is passed over.
Slice read_text0(Reader *reader);

#endif
