// SPDX-License-Identifier: Apache-2.0
#include "core/base/utf8.h"

size_t utf8_start(const uint8_t *text, size_t end) {
    size_t start = end - 1;
    while (start > 0 && end - start < 4 && utf8_continues(text[start])) {
        start--;
    }
    return start;
}

static uint32_t point_of(const uint8_t *at, size_t size) {
    static const uint8_t MASKS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t point = at[0] & MASKS[size];
    for (size_t i = 1; i < size; i++) {
        point = point << 6 | (at[i] & 0x3F);
    }
    return point;
}

static size_t point_put(uint8_t *at, uint32_t point) {
    if (point < 0x80) {
        at[0] = (uint8_t)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t HEADS[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, point >>= 6) {
        at[i] = (uint8_t)(0x80 | (point & 0x3F));
    }
    at[0] = (uint8_t)(HEADS[size] | point);
    return size;
}

size_t utf8_raise(uint8_t *text, size_t size) {
    while (size > 0) {
        size_t start = utf8_start(text, size);
        uint32_t point = point_of(text + start, size - start);
        if (point < 0x10FFFF) { // surrogates are no characters
            return start + point_put(text + start, point == 0xD7FF ? 0xE000 : point + 1);
        }
        size = start;
    }
    return 0;
}
