// SPDX-License-Identifier: Apache-2.0
// Bit-packed integers, the lowest bit of a byte first.
#ifndef LEAT_DATA_FORMAT_PARQUET_DECODE_BITS_H
#define LEAT_DATA_FORMAT_PARQUET_DECODE_BITS_H

#include "core/base/bytes.h"

// Number `index` of those of `width` bits (0 to 64) that are packed in `bytes`, which hold it.
static inline uint64_t bits_at(Slice bytes, size_t index, uint32_t width) {
    if (width == 0) {
        return 0;
    }
    size_t bit = index * width;
    size_t at = bit / 8;
    uint32_t shift = (uint32_t)(bit % 8);
    uint64_t word = 0;
    if (LIKELY(bytes.size - at >= sizeof(word))) {
        memcpy(&word, bytes.data + at, sizeof(word));
    } else {
        memcpy(&word, bytes.data + at, bytes.size - at);
    }
    word >>= shift;
    if (shift + width > 64) {
        word |= (uint64_t)bytes.data[at + 8] << (64 - shift);
    }
    return width == 64 ? word : word & ((UINT64_C(1) << width) - 1);
}

// Bits that numbers up to `max` take.
static inline uint32_t bits_width(uint32_t max) {
    return max == 0 ? 0 : 32 - (uint32_t)__builtin_clz(max);
}

#endif
