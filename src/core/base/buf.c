// SPDX-License-Identifier: Apache-2.0
#include "core/base/buf.h"
#include "core/base/digits.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(Buf *buf, size_t limit) {
    *buf = (Buf){.limit = limit};
}

void buf_release(Buf *buf) {
    free(buf->data);
    *buf = (Buf){.limit = buf->limit};
}

void buf_reset_keep(Buf *buf, size_t keep) {
    buf_reset(buf);
    if (buf->capacity > keep) {
        buf_release(buf);
    }
}

bool buf_grow(Buf *buf, size_t size) {
    size_t wanted = 0;
    if (__builtin_add_overflow(buf->size, size, &wanted) || (buf->limit != 0 && wanted > buf->limit)) {
        buf->overflow = true;
        return false;
    }
    size_t capacity = MAX(buf->capacity * 2, (size_t)256);
    if (buf->limit != 0) {
        capacity = MIN(capacity, buf->limit);
    }
    capacity = MAX(capacity, wanted);
    uint8_t *data = realloc(buf->data, capacity);
    if (data == NULL) {
        panic("out of memory: a buffer asked for %zu bytes", capacity);
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_printf(Buf *buf, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    uint8_t *room = buf_room(buf, (size_t)size + 1);
    if (room != NULL) {
        vsnprintf((char *)room, (size_t)size + 1, format, again);
        buf_advance(buf, (size_t)size);
    }
    va_end(again);
}

void buf_uint(Buf *buf, uint64_t v) {
    uint32_t count = digits_count(v);
    uint8_t *room = buf_room(buf, count);
    if (LIKELY(room != NULL)) {
        digits_put(room, v);
        buf_advance(buf, count);
    }
}

void buf_int(Buf *buf, int64_t v) {
    if (v < 0) {
        buf_u8(buf, '-');
        buf_uint(buf, 0 - (uint64_t)v);
    } else {
        buf_uint(buf, (uint64_t)v);
    }
}
