// SPDX-License-Identifier: Apache-2.0
// Integers in as many bits as they need, the lowest bit first (Encodings.md, "RLE"): the inner loop of every Parquet
// encoding of integers. There is one unrolled kernel for each width.
#ifndef LEAT_DATA_FORMAT_PARQUET_PACK_H
#define LEAT_DATA_FORMAT_PARQUET_PACK_H

#include "core/base/defs.h"

static inline uint32_t bits_width32(uint32_t v) {
    return v == 0 ? 0 : 32 - (uint32_t)__builtin_clz(v);
}
static inline uint32_t bits_width64(uint64_t v) {
    return v == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(v);
}

// Packs groups of 8 values, each below 2^width, into `width` bytes a group. Returns the end of what was written.
uint8_t *pack_groups32(const uint32_t *values, size_t group_count, uint32_t width, uint8_t *out); // width 0 to 32
uint8_t *pack_groups64(const uint64_t *values, size_t group_count, uint32_t width, uint8_t *out); // width 0 to 64

#endif
