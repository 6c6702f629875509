// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.h"

#include <isa-l/crc.h>

// --- CRCs ------------------------------------------------------------------------------------------------------

// ISA-L counts bytes in a signed int, and takes them without const.
#define CRC_BYTES_MAX ((size_t)1 << 30)

uint32_t digest_crc32c(uint32_t seed, Slice bytes) {
    uint32_t crc = ~seed;
    while (bytes.size > 0) {
        size_t size = MIN(bytes.size, CRC_BYTES_MAX);
        crc = crc32_iscsi((unsigned char *)(uintptr_t)bytes.data, (int)size, crc);
        bytes = slice_from(bytes, size);
    }
    return ~crc;
}

uint32_t digest_crc32(uint32_t seed, Slice bytes) {
    return bytes.size > 0 ? crc32_gzip_refl(seed, bytes.data, bytes.size) : seed;
}

// --- hash ------------------------------------------------------------------------------------------------------

static inline uint64_t mix(uint64_t a, uint64_t b) {
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t digest_hash(Slice bytes) {
    uint64_t hash = 0x9e3779b97f4a7c15u ^ bytes.size;
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 8; at += 8, left -= 8) {
        hash = mix(hash ^ load_u64le(at), 0xa0761d6478bd642fu);
    }
    uint64_t tail = 0;
    if (left > 0) {
        memcpy(&tail, at, left);
    }
    return mix(hash ^ tail, 0xe7037ed1a0b428dbu);
}
