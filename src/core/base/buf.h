// SPDX-License-Identifier: Apache-2.0
// Growing bytes, up to a limit given at init. Past the limit nothing is written and `overflow` stays set until
// reset: the writer checks once at the end.
#ifndef LEAT_CORE_BASE_BUF_H
#define LEAT_CORE_BASE_BUF_H

#include "core/base/bytes.h"

typedef struct Buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t limit; // 0 = none
    bool overflow;
} Buf;

void buf_init(Buf *buf, size_t limit);
void buf_release(Buf *buf);
static inline void buf_reset(Buf *buf) {
    buf->size = 0;
    buf->overflow = false;
}
// Like reset, and gives memory back when more than `keep` bytes were held.
void buf_reset_keep(Buf *buf, size_t keep);
static inline Slice buf_slice(const Buf *buf) {
    return (Slice){buf->data, buf->size};
}

// Room for `size` more bytes at the end, not yet counted; NULL past the limit. Then buf_advance what was written.
bool buf_grow(Buf *buf, size_t size);
static inline uint8_t *buf_room(Buf *buf, size_t size) {
    if (UNLIKELY(buf->capacity - buf->size < size || buf->data == NULL) && !buf_grow(buf, size)) {
        return NULL;
    }
    return buf->data + buf->size;
}
static inline void buf_advance(Buf *buf, size_t size) {
    buf->size += size;
}

static inline void buf_bytes(Buf *buf, const void *bytes, size_t size) {
    if (size == 0) {
        return; // an empty buffer has no place to add nothing to
    }
    uint8_t *room = buf_room(buf, size);
    if (LIKELY(room != NULL)) {
        memcpy(room, bytes, size);
        buf->size += size;
    }
}
static inline void buf_put(Buf *buf, Slice slice) {
    buf_bytes(buf, slice.data, slice.size);
}
static inline void buf_text(Buf *buf, const char *text) {
    buf_bytes(buf, text, strlen(text));
}
static inline void buf_u8(Buf *buf, uint8_t v) {
    uint8_t *room = buf_room(buf, 1);
    if (LIKELY(room != NULL)) {
        *room = v;
        buf->size += 1;
    }
}
static inline void buf_u32le(Buf *buf, uint32_t v) {
    buf_bytes(buf, &v, sizeof(v));
}
static inline void buf_u64le(Buf *buf, uint64_t v) {
    buf_bytes(buf, &v, sizeof(v));
}
static inline void buf_u16be(Buf *buf, uint16_t v) {
    v = __builtin_bswap16(v);
    buf_bytes(buf, &v, sizeof(v));
}
static inline void buf_u32be(Buf *buf, uint32_t v) {
    v = __builtin_bswap32(v);
    buf_bytes(buf, &v, sizeof(v));
}
static inline void buf_u64be(Buf *buf, uint64_t v) {
    v = __builtin_bswap64(v);
    buf_bytes(buf, &v, sizeof(v));
}
// LEB128.
static inline void buf_varint(Buf *buf, uint64_t v) {
    uint8_t *room = buf_room(buf, 10);
    if (UNLIKELY(room == NULL)) {
        return;
    }
    uint8_t *at = room;
    while (v >= 0x80) {
        *at++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *at++ = (uint8_t)v;
    buf->size += (size_t)(at - room);
}
static inline void buf_zigzag(Buf *buf, int64_t v) {
    buf_varint(buf, zigzag_encode(v));
}
// Length as varint, then the bytes.
static inline void buf_slice_sized(Buf *buf, Slice slice) {
    buf_varint(buf, slice.size);
    buf_put(buf, slice);
}
void buf_printf(Buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
// Decimal digits of an integer, without printf.
void buf_int(Buf *buf, int64_t v);
void buf_uint(Buf *buf, uint64_t v);

#endif
