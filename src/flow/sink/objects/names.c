// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/names.h"

#include "core/base/json.h"

// Part of the names on disk, so it never changes: FNV-1a, 64 bits.
static uint64_t hash_fnv(Slice bytes) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * 0x100000001b3u;
    }
    return hash;
}

static size_t utf8_size(Slice text, size_t at) { // 0 when no UTF-8 starts here
    for (size_t size = 1; size <= 4 && at + size <= text.size; size++) {
        if (json_utf8_valid((Slice){text.data + at, size})) {
            return size;
        }
    }
    return 0;
}

static void encode(Buf *buf, Slice text) {
    static const char HEX[] = "0123456789ABCDEF";
    for (size_t at = 0; at < text.size;) {
        uint8_t byte = text.data[at];
        size_t size = utf8_size(text, at);
        bool unsafe = size == 0 || byte < 0x20 || byte == 0x7f || strchr("/\\%+:*?[]\"<>|", byte) != NULL ||
                      (byte == '.' && at == 0);
        if (unsafe) {
            buf_bytes(buf, (char[]){'%', HEX[byte >> 4], HEX[byte & 15]}, 3);
            at++;
        } else {
            buf_bytes(buf, text.data + at, size);
            at += size;
        }
    }
}

// Cuts what was written since `start` down, at a whole character or escape.
static void shorten(Buf *buf, size_t start) {
    if (buf->size - start <= NAME_BYTES_MAX) {
        return;
    }
    uint64_t hash = hash_fnv((Slice){buf->data + start, buf->size - start});
    size_t end = start + NAME_BYTES_MAX - 17;
    while ((buf->data[end] & 0xc0) == 0x80 || buf->data[end - 1] == '%' || buf->data[end - 2] == '%') {
        end--;
    }
    buf->size = end;
    buf_printf(buf, "~%016" PRIx64, hash);
}

void objects_family(Buf *buf, Slice space, Slice table) {
    size_t start = buf->size;
    if (space.size > 0) {
        encode(buf, space);
        shorten(buf, start);
        buf_u8(buf, '/');
        start = buf->size;
    }
    encode(buf, table);
    shorten(buf, start);
    buf_u8(buf, '/');
    start = buf->size;
    if (space.size > 0) {
        encode(buf, space);
        buf_u8(buf, '.');
    }
    encode(buf, table);
    shorten(buf, start);
    buf_text(buf, "+0+");
}

void objects_name(Buf *buf, Slice family, uint64_t offset, const char *extension) {
    buf_put(buf, family);
    buf_printf(buf, "%020" PRIu64 ".%s", offset, extension);
}

bool objects_name_parse(Slice name, Slice family, const char *extension, uint64_t *offset) {
    size_t tail = strlen(extension) + 1;
    if (name.size != family.size + OFFSET_DIGITS + tail || memcmp(name.data, family.data, family.size) != 0) {
        return false;
    }
    const uint8_t *digits = name.data + family.size, *dot = digits + OFFSET_DIGITS;
    uint64_t number = 0;
    for (int i = 0; i < OFFSET_DIGITS; i++) {
        if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(digits[i] - '0'), &number)) {
            return false;
        }
    }
    *offset = number;
    return dot[0] == '.' && memcmp(dot + 1, extension, tail - 1) == 0;
}
