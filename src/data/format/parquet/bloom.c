// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/bloom.h"

#include "data/format/parquet/metadata.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { BLOCK_BYTES = 32, BLOCK_WORDS = 8, FILTER_BYTES_MAX = 16 << 20, BITS_PER_VALUE = 11 };

uint64_t bloom_hash(Slice value) {
    return XXH64(value.data, value.size, 0);
}

static const uint32_t SALTS[BLOCK_WORDS] = {0x47b6137bU, 0x44974d91U, 0x8824ad5bU, 0xa2b7289dU,
                                            0x705495c7U, 0x2df1424bU, 0x9efc4947U, 0x5c6bfb31U};

static size_t block_of(size_t filter_bytes, uint64_t hash) {
    return (size_t)(((hash >> 32) * (filter_bytes / BLOCK_BYTES)) >> 32) * BLOCK_BYTES;
}

static uint32_t bit_of(uint64_t hash, size_t word) {
    return 1U << (((uint32_t)hash * SALTS[word]) >> 27);
}

static void filter_add(uint8_t *filter, size_t size, uint64_t hash) {
    uint8_t *block = filter + block_of(size, hash);
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        uint32_t word = load_u32le(block + i * 4) | bit_of(hash, i);
        memcpy(block + i * 4, &word, 4);
    }
}

void bloom_encode(Buf *out, const uint64_t *hashes, size_t count) {
    size_t size = BLOCK_BYTES;
    while (size < FILTER_BYTES_MAX && size * 8 < count * BITS_PER_VALUE) {
        size *= 2;
    }
    BloomFilterHeader header = {
        .byte_count = (int32_t)size,
        .algorithm = {BLOOM_SPLIT_BLOCK},
        .hash = {BLOOM_XXHASH},
        .compression = {BLOOM_UNCOMPRESSED},
    };
    bloom_filter_header_encode(out, &header);
    uint8_t *filter = buf_room(out, size);
    if (filter == NULL) {
        return;
    }
    memset(filter, 0, size);
    for (size_t i = 0; i < count; i++) {
        filter_add(filter, size, hashes[i]);
    }
    buf_advance(out, size);
}

bool bloom_may_hold(Slice filter, uint64_t hash) {
    if (filter.size < BLOCK_BYTES) {
        return true;
    }
    const uint8_t *block = filter.data + block_of(filter.size, hash);
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        if ((load_u32le(block + i * 4) & bit_of(hash, i)) == 0) {
            return false;
        }
    }
    return true;
}
