// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.c" // NOLINT

#include "core/base/test.h"

static uint32_t bit_by_bit(uint32_t polynomial, Slice bytes) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (polynomial & (0u - (crc & 1)));
        }
    }
    return ~crc;
}

TEST(crcs_of_the_standards) {
    CHECK_INT(digest_crc32c(0, SLICE("123456789")), 0xe3069283u);
    CHECK_INT(digest_crc32(0, SLICE("123456789")), 0xcbf43926u);
    CHECK_INT(digest_crc32c(0, (Slice){0}), 0);
    CHECK_INT(digest_crc32(0, (Slice){0}), 0);
    CHECK_INT(digest_crc32(7, (Slice){0}), 7);
}

TEST(crcs_of_every_length_in_one_and_two_pieces) {
    static uint8_t bytes[5000];
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(state >> 56);
    }
    for (size_t size = 0; size < sizeof(bytes); size += size < 600 ? 1 : 97) {
        Slice all = {bytes + size % 17 % (sizeof(bytes) - size), size}, first = {all.data, size / 3};
        Slice rest = slice_from(all, first.size);
        uint32_t crc32c = bit_by_bit(0x82f63b78u, all), crc32 = bit_by_bit(0xedb88320u, all);
        CHECK_INT(digest_crc32c(0, all), crc32c);
        CHECK_INT(digest_crc32(0, all), crc32);
        CHECK_INT(digest_crc32c(digest_crc32c(0, first), rest), crc32c);
        CHECK_INT(digest_crc32(digest_crc32(0, first), rest), crc32);
    }
}

TEST(hashes_stay_as_targets_have_them) {
    CHECK(digest_hash(SLICE("MkU3OEVBNTcwNTJENDM2Qk")) == 0xa2d06b1f49e8cdfeu);
    CHECK(digest_hash(SLICE("")) == 0x0850f9794d5108b4u);
}
