// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"

// Bytes that may be copied as they are: all but controls, the quote and the backslash; >= 0x80 needs a UTF-8 check.
static inline bool plain(uint8_t byte) {
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

// How many of the eight bytes at `at` are plain before the first that is not. Borrows only go up from a byte that is
// not plain, so the lowest mark is exact.
static inline size_t plain_of8(const uint8_t *at) {
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t word = load_u64le(at);
    uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
    uint64_t odd = (word - ones * 0x20) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | word;
    odd &= highs;
    return odd == 0 ? 8 : (size_t)__builtin_ctzll(odd) / 8;
}

// Copies plain bytes, up to the first that is not. `to` has room for all up to `end`. Returns how many.
static size_t plain_copy(uint8_t *to, const uint8_t *at, const uint8_t *end) {
    const uint8_t *start = at;
    while (end - at >= 8) {
        memcpy(to, at, 8);
        size_t count = plain_of8(at);
        at += count;
        to += count;
        if (count < 8) {
            return (size_t)(at - start);
        }
    }
    while (at < end && plain(*at)) {
        *to++ = *at++;
    }
    return (size_t)(at - start);
}

// Length of the UTF-8 sequence at `at`, 0 when it is not one.
static size_t utf8_length(const uint8_t *at, const uint8_t *end) {
    size_t left = (size_t)(end - at);
    uint8_t first = at[0];
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (left < length) {
        return 0;
    }
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

// Words at both ends may cover some bytes twice.
static inline bool is_ascii(const uint8_t *text, size_t size) {
    uint64_t high = 0;
    if (size >= 8) {
        for (const uint8_t *at = text; at < text + size - 8; at += 8) {
            high |= load_u64le(at);
        }
        high |= load_u64le(text + size - 8);
    } else if (size >= 4) {
        high = load_u32le(text) | load_u32le(text + size - 4);
    } else if (size > 0) {
        high = text[0] | text[size / 2] | text[size - 1];
    }
    return (high & 0x8080808080808080u) == 0;
}

bool json_utf8_valid(Slice text) {
    const uint8_t *at = text.data, *end = text.size > 0 ? at + text.size : at;
    if (LIKELY(is_ascii(text.data, text.size))) {
        return true;
    }
    while (at < end) {
        while (end - at >= 8 && (load_u64le(at) & 0x8080808080808080u) == 0) {
            at += 8;
        }
        while (at < end && *at < 0x80) {
            at++;
        }
        size_t length = at < end ? utf8_length(at, end) : 0;
        if (length == 0) {
            return at == end;
        }
        at += length;
    }
    return true;
}

static void escape(Buf *buf, uint8_t byte) {
    static const uint8_t SHORT[256] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\'};
    static const char HEX[] = "0123456789abcdef";
    size_t size = SHORT[byte] != 0 ? 2 : 6;
    uint8_t *room = buf_room(buf, size);
    if (UNLIKELY(room == NULL)) {
        return;
    }
    room[0] = '\\';
    if (size == 2) {
        room[1] = SHORT[byte];
    } else {
        memcpy(room + 1, "u00", 3);
        room[4] = (uint8_t)HEX[byte >> 4];
        room[5] = (uint8_t)HEX[byte & 15];
    }
    buf_advance(buf, size);
}

void json_quote(Buf *buf, Slice text) {
    buf_u8(buf, '"');
    const uint8_t *at = text.data, *end = text.size > 0 ? at + text.size : at;
    while (at < end) {
        uint8_t *room = buf_room(buf, (size_t)(end - at));
        if (UNLIKELY(room == NULL)) {
            return;
        }
        size_t run = plain_copy(room, at, end);
        buf_advance(buf, run);
        at += run;
        if (at == end) {
            break;
        }
        if (*at < 0x80) {
            escape(buf, *at++);
            continue;
        }
        size_t length = utf8_length(at, end);
        if (length == 0) {
            buf_text(buf, "\xef\xbf\xbd");
            at++;
        } else {
            buf_bytes(buf, at, length);
            at += length;
        }
    }
    buf_u8(buf, '"');
}

void json_base64(Buf *buf, Slice bytes) {
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t size = (bytes.size + 2) / 3 * 4;
    uint8_t *to = buf_room(buf, size + 2);
    if (to == NULL) {
        return;
    }
    *to++ = '"';
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 3; at += 3, left -= 3, to += 4) {
        uint32_t group = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        to[0] = (uint8_t)DIGITS[group >> 18];
        to[1] = (uint8_t)DIGITS[group >> 12 & 63];
        to[2] = (uint8_t)DIGITS[group >> 6 & 63];
        to[3] = (uint8_t)DIGITS[group & 63];
    }
    if (left > 0) {
        uint32_t group = (uint32_t)at[0] << 16 | (left == 2 ? (uint32_t)at[1] << 8 : 0);
        to[0] = (uint8_t)DIGITS[group >> 18];
        to[1] = (uint8_t)DIGITS[group >> 12 & 63];
        to[2] = left == 2 ? (uint8_t)DIGITS[group >> 6 & 63] : '=';
        to[3] = '=';
        to += 4;
    }
    *to = '"';
    buf_advance(buf, size + 2);
}

void json_key(Buf *buf, const char *name) {
    if (buf->size > 0 && buf->data[buf->size - 1] != '{') {
        buf_u8(buf, ',');
    }
    json_quote(buf, slice_of(name));
    buf_u8(buf, ':');
}

void json_field_text(Buf *buf, const char *name, const char *text) {
    json_key(buf, name);
    if (text == NULL) {
        buf_text(buf, "null");
    } else {
        json_quote(buf, slice_of(text));
    }
}

void json_field_int(Buf *buf, const char *name, int64_t value) {
    json_key(buf, name);
    buf_int(buf, value);
}

void json_field_uint(Buf *buf, const char *name, uint64_t value) {
    json_key(buf, name);
    buf_uint(buf, value);
}

void json_field_bool(Buf *buf, const char *name, bool value) {
    json_key(buf, name);
    buf_text(buf, value ? "true" : "false");
}

void json_field_lsn(Buf *buf, const char *name, uint64_t lsn) {
    json_key(buf, name);
    buf_printf(buf, "\"%X/%X\"", (unsigned)(lsn >> 32), (unsigned)lsn);
}
