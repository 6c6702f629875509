// SPDX-License-Identifier: Apache-2.0
// Reading of the RLE/bit-packing hybrid (Encodings.md, RLE = 3): levels, dictionary indices, booleans; and of levels in
// the old BIT_PACKED form (4). In steps: a run of a few bytes may stand for any number of values.
#ifndef LEAT_DATA_FORMAT_PARQUET_DECODE_HYBRID_H
#define LEAT_DATA_FORMAT_PARQUET_DECODE_HYBRID_H

#include "core/base/bytes.h"

typedef struct HybridDecoder {
    Reader bytes;
    uint32_t width; // bits, 0 to 32
    bool old_bits;  // BIT_PACKED: all of it one run, the highest bit first
    uint64_t left;  // of the run
    uint32_t value; // of a repeated run
    Slice packed;   // of a packed run; data NULL: it is a repeated one
    size_t packed_at;
} HybridDecoder;

HybridDecoder hybrid_decoder(Slice bytes, uint32_t width);
HybridDecoder hybrid_decoder_old(Slice bytes, uint32_t width);
// False when there are fewer than `count`.
CHECKED bool hybrid_read(HybridDecoder *decoder, uint32_t *values, size_t count);

#endif
