// SPDX-License-Identifier: Apache-2.0
// Split block Bloom filters (BloomFilter.md): XXH64 with seed 0 of the value as PLAIN has it (byte arrays without their
// length), blocks of 32 bytes.
#ifndef LEAT_DATA_FORMAT_PARQUET_BLOOM_H
#define LEAT_DATA_FORMAT_PARQUET_BLOOM_H

#include "core/base/buf.h"

uint64_t bloom_hash(Slice value);
// Appends header and filter, of a size for these many distinct values at about 1 % of false positives.
void bloom_encode(Buf *out, const uint64_t *hashes, size_t count);
CHECKED bool bloom_may_hold(Slice filter, uint64_t hash); // of the bytes behind the header

#endif
