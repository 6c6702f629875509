// SPDX-License-Identifier: Apache-2.0
#include "core/config/java_properties.h"

#include "core/base/buf.h"

static bool blank(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\f';
}

// The next line without its newline; false at the end.
static bool line_next(Slice *text, Slice *line) {
    if (text->size == 0) {
        return false;
    }
    size_t size = 0;
    while (size < text->size && text->data[size] != '\n' && text->data[size] != '\r') {
        size++;
    }
    *line = (Slice){text->data, size};
    *text = slice_from(*text, MIN(text->size, size + 1));
    return true;
}

static bool line_goes_on(Slice line) {
    size_t slashes = 0;
    while (slashes < line.size && line.data[line.size - 1 - slashes] == '\\') {
        slashes++;
    }
    return slashes % 2 == 1;
}

static uint32_t hex_of(Slice text) {
    uint32_t code = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);
        code = code * 16 + (digit & 15);
    }
    return code;
}

static void put_utf8(Buf *out, uint32_t code) {
    if (code < 0x80) {
        buf_u8(out, (uint8_t)code);
    } else if (code < 0x800) {
        buf_u8(out, (uint8_t)(0xc0 | code >> 6));
        buf_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    } else {
        buf_u8(out, (uint8_t)(0xe0 | code >> 12));
        buf_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
        buf_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
    }
}

// One character, which may be escaped, from the front of the text.
static void take_character(Slice *text, Buf *out) {
    uint8_t c = text->data[0];
    *text = slice_from(*text, 1);
    if (c != '\\' || text->size == 0) {
        buf_u8(out, c);
        return;
    }
    c = text->data[0];
    *text = slice_from(*text, 1);
    if (c == 'u' && text->size >= 4) {
        put_utf8(out, hex_of((Slice){text->data, 4}));
        *text = slice_from(*text, 4);
        return;
    }
    buf_u8(out, c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c);
}

// The logical line from here: comments passed over, continued lines joined.
static bool logical_line(Slice *text, Buf *joined) {
    Slice line;
    buf_reset(joined);
    while (line_next(text, &line)) {
        while (line.size > 0 && blank(line.data[0])) {
            line = slice_from(line, 1);
        }
        if (joined->size == 0 && (line.size == 0 || line.data[0] == '#' || line.data[0] == '!')) {
            continue;
        }
        bool more = line_goes_on(line);
        buf_put(joined, (Slice){line.data, line.size - more});
        if (!more) {
            return true;
        }
    }
    return joined->size > 0;
}

// Key and value of a logical line.
static void pair_take(Slice line, Buf *name, Buf *content) {
    buf_reset(name);
    buf_reset(content);
    while (line.size > 0 && !blank(line.data[0]) && line.data[0] != '=' && line.data[0] != ':') {
        take_character(&line, name);
    }
    for (bool sign = false; line.size > 0; line = slice_from(line, 1)) {
        bool is_sign = line.data[0] == '=' || line.data[0] == ':';
        if (!blank(line.data[0]) && (sign || !is_sign)) {
            break;
        }
        sign = sign || is_sign;
    }
    while (line.size > 0) {
        take_character(&line, content);
    }
}

bool java_properties_find(Arena *arena, Slice text, Slice key, Slice *value) {
    DEFER(buf_release) Buf joined = {0};
    DEFER(buf_release) Buf name = {0};
    DEFER(buf_release) Buf content = {0};
    bool found = false;
    while (logical_line(&text, &joined)) {
        pair_take(buf_slice(&joined), &name, &content);
        if (slice_equal(buf_slice(&name), key)) { // the last one of a name counts
            *value = arena_slice(arena, buf_slice(&content));
            found = true;
        }
    }
    return found;
}

Properties java_properties_parse(Arena *arena, Slice text) {
    DEFER(buf_release) Buf joined = {0};
    DEFER(buf_release) Buf name = {0};
    DEFER(buf_release) Buf content = {0};
    Properties properties = {0};
    while (logical_line(&text, &joined)) {
        pair_take(buf_slice(&joined), &name, &content);
        properties_set(arena, &properties, buf_slice(&name), buf_slice(&content));
    }
    return properties;
}
