// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

// --- CRC-32C ---------------------------------------------------------------------------------------------------

static uint32_t crc_table[8][256];

static void crc_tables_make(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1)));
        }
        crc_table[0][i] = crc;
    }
    for (uint32_t i = 0; i < 256; i++) {
        for (int t = 1; t < 8; t++) {
            crc_table[t][i] = (crc_table[t - 1][i] >> 8) ^ crc_table[0][crc_table[t - 1][i] & 0xff];
        }
    }
}

static uint32_t crc32c_table(uint32_t crc, Slice bytes) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, crc_tables_make);
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word = load_u64le(at) ^ crc;
        crc = 0;
        for (int t = 0; t < 8; t++) {
            crc ^= crc_table[7 - t][(word >> (8 * t)) & 0xff];
        }
    }
    for (; left > 0; at++, left--) {
        crc = (crc >> 8) ^ crc_table[0][(crc ^ *at) & 0xff];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, Slice bytes) {
    const uint8_t *at = bytes.data;
    size_t left = bytes.size;
    uint64_t wide = crc;
    for (; left >= 8; at += 8, left -= 8) {
        wide = _mm_crc32_u64(wide, load_u64le(at));
    }
    crc = (uint32_t)wide;
    for (; left > 0; at++, left--) {
        crc = _mm_crc32_u8(crc, *at);
    }
    return crc;
}
#endif

uint32_t digest_crc32c(uint32_t seed, Slice bytes) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc32c_sse42(~seed, bytes);
    }
#endif
    return ~crc32c_table(~seed, bytes);
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
