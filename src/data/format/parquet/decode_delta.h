// SPDX-License-Identifier: Apache-2.0
// Reading of DELTA_BINARY_PACKED (Encodings.md, 5): integers of 32 and 64 bits, and the lengths in the other DELTA
// encodings. In steps, as blocks of width 0 stand for many values in few bytes.
//
//     varint values a block, varint miniblocks a block, varint values in all, zigzag the first
//     block: zigzag smallest delta, a byte of bit width a miniblock, the miniblocks
#ifndef LEAT_DATA_FORMAT_PARQUET_DECODE_DELTA_H
#define LEAT_DATA_FORMAT_PARQUET_DECODE_DELTA_H

#include "core/base/bytes.h"

typedef struct DeltaDecoder {
    Reader bytes;
    uint64_t block_minis;
    uint64_t mini_values;
    uint64_t left;      // values not yet read
    bool first;         // the first value is next
    uint64_t last;      // the value read last, or the first
    uint64_t min_delta; // of the block
    Slice widths;       // of the block's miniblocks
    uint64_t mini;      // the miniblock that is read
    uint64_t mini_at;   // in it
    Slice packed;       // its bits
} DeltaDecoder;

// False when the head is damaged.
CHECKED bool delta_open(DeltaDecoder *decoder, Slice bytes);
// Arithmetic wraps: for 32 bits, the lower half counts. False when there are fewer than `count`.
CHECKED bool delta_read(DeltaDecoder *decoder, int64_t *values, size_t count);
// Finds the end of all values without reading them: the bytes behind it. The decoder is not moved.
CHECKED bool delta_end(const DeltaDecoder *decoder, Slice *rest);

#endif
