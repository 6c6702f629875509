// SPDX-License-Identifier: Apache-2.0
// Code points at the end of a text in UTF-8 (RFC 3629), for bounds that are cut.
#ifndef LEAT_CORE_BASE_UTF8_H
#define LEAT_CORE_BASE_UTF8_H

#include "core/base/bytes.h"

static inline bool utf8_continues(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

// The start of the code point that ends before `end`, which is above 0.
size_t utf8_start(const uint8_t *text, size_t end);
// Makes the next greater text, in order of code points, that is no longer but for its last code point: raises the last
// one that can be raised and drops what is behind it. Gives the new size, which may be one byte more than `size`, or 0:
// there is none.
size_t utf8_raise(uint8_t *text, size_t size);

#endif
