// SPDX-License-Identifier: Apache-2.0
// Parquet's encodings, writing side (Encodings.md). Each appends to `out`; what the header of a page holds beside is
// the caller's.
#ifndef LEAT_DATA_FORMAT_PARQUET_ENCODE_H
#define LEAT_DATA_FORMAT_PARQUET_ENCODE_H

#include "core/base/buf.h"

// The RLE / bit-packing hybrid, without its length before it: repeated values as runs, others packed.
void encode_hybrid(Buf *out, const uint32_t *values, size_t count, uint32_t width);
// The same of width 1 from a bitmap, the lowest bit first; bits past `count` may be anything, and `bits` must be
// readable up to whole 8 bytes.
void encode_hybrid_bitmap(Buf *out, const uint8_t *bits, size_t count);

// DELTA_BINARY_PACKED: blocks of 128 in miniblocks of 32, as parquet-java and Arrow write them.
void encode_delta32(Buf *out, const int32_t *values, size_t count);
void encode_delta64(Buf *out, const int64_t *values, size_t count);
// DELTA_LENGTH_BYTE_ARRAY.
void encode_delta_length(Buf *out, const uint32_t *lengths, size_t count, Slice bytes);

void encode_plain_bool(Buf *out, const uint8_t *values, size_t count); // 0 and 1
void encode_plain_bytes(Buf *out, const uint32_t *lengths, size_t count, Slice bytes);
// BYTE_STREAM_SPLIT of values of `size` bytes.
void encode_byte_stream_split(Buf *out, const uint8_t *values, size_t count, size_t size);

#endif
