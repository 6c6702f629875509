// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/pack.h"

#define INLINE static inline __attribute__((always_inline))

typedef struct Packer {
    uint64_t bits;
    uint32_t used; // known to the compiler at each step, as the width is: no branch is left
    uint8_t *out;
} Packer;

INLINE void packer_put(Packer *packer, uint64_t value, uint32_t width) {
    packer->bits |= value << packer->used;
    packer->used += width;
    if (packer->used >= 64) {
        memcpy(packer->out, &packer->bits, 8);
        packer->out += 8;
        packer->used -= 64;
        packer->bits = packer->used == 0 ? 0 : value >> (width - packer->used);
    }
}

INLINE uint8_t *packer_end(Packer *packer) {
    memcpy(packer->out, &packer->bits, packer->used / 8);
    return packer->out + packer->used / 8;
}

// Eight values are a whole number of bytes, whatever the width.
#define PACK_GROUP(values, width)                    \
    Packer packer = {0, 0, out};                     \
    packer_put(&packer, (uint64_t)values[0], width); \
    packer_put(&packer, (uint64_t)values[1], width); \
    packer_put(&packer, (uint64_t)values[2], width); \
    packer_put(&packer, (uint64_t)values[3], width); \
    packer_put(&packer, (uint64_t)values[4], width); \
    packer_put(&packer, (uint64_t)values[5], width); \
    packer_put(&packer, (uint64_t)values[6], width); \
    packer_put(&packer, (uint64_t)values[7], width); \
    out = packer_end(&packer);

INLINE uint8_t *groups32(const uint32_t *values, size_t group_count, uint32_t width, uint8_t *out) {
    for (size_t i = 0; i < group_count; i++, values += 8) {
        PACK_GROUP(values, width)
    }
    return out;
}

INLINE uint8_t *groups64(const uint64_t *values, size_t group_count, uint32_t width, uint8_t *out) {
    for (size_t i = 0; i < group_count; i++, values += 8) {
        PACK_GROUP(values, width)
    }
    return out;
}

#define WIDTHS_8(X, at)  X(at + 1) X(at + 2) X(at + 3) X(at + 4) X(at + 5) X(at + 6) X(at + 7) X(at + 8)
#define WIDTHS_32(X, at) WIDTHS_8(X, at) WIDTHS_8(X, at + 8) WIDTHS_8(X, at + 16) WIDTHS_8(X, at + 24)

uint8_t *pack_groups32(const uint32_t *values, size_t group_count, uint32_t width, uint8_t *out) {
    switch (width) {
#define X(w)  \
    case (w): \
        return groups32(values, group_count, w, out);
        WIDTHS_32(X, 0)
#undef X
    default:
        ASSERT(width == 0);
        return out;
    }
}

uint8_t *pack_groups64(const uint64_t *values, size_t group_count, uint32_t width, uint8_t *out) {
    switch (width) {
#define X(w)  \
    case (w): \
        return groups64(values, group_count, w, out);
        WIDTHS_32(X, 0)
        WIDTHS_32(X, 32)
#undef X
    default:
        ASSERT(width == 0);
        return out;
    }
}
