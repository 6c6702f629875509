// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_hybrid.c"

#include "core/base/test.h"

// The examples of Encodings.md: 0 to 7 in 3 bits.
TEST(packed_numbers_are_read) {
    uint32_t values[16];
    HybridDecoder decoder = hybrid_decoder(SLICE("\x03\x88\xC6\xFA"), 3);
    CHECK(hybrid_read(&decoder, values, 5));
    CHECK(hybrid_read(&decoder, values + 5, 3));
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_INT(values[i], i);
    }
    CHECK(!hybrid_read(&decoder, values, 1));
    HybridDecoder old = hybrid_decoder_old(SLICE("\x05\x39\x77"), 3);
    CHECK(hybrid_read(&old, values, 8));
    for (uint32_t i = 0; i < 8; i++) {
        CHECK_INT(values[i], i);
    }
    CHECK(!hybrid_read(&old, values, 1));
}

TEST(runs_are_read) {
    static uint32_t values[1000];
    // 700 times 0x1234 (10 bits take 2 bytes), an empty run, then a packed group that ends after 3 numbers.
    HybridDecoder decoder = hybrid_decoder(SLICE("\xF8\x0A\x34\x02\x00\x00\x00\x03\x01\x08\x30\x00"), 10);
    CHECK(hybrid_read(&decoder, values, 703));
    CHECK_INT(values[0], 0x234);
    CHECK_INT(values[699], 0x234);
    CHECK_INT(values[700], 1);
    CHECK_INT(values[701], 2);
    CHECK_INT(values[702], 3);
    CHECK(!hybrid_read(&decoder, values, 1));
    // Widths 0 and 32.
    decoder = hybrid_decoder(SLICE("\x14"), 0);
    CHECK(hybrid_read(&decoder, values, 10));
    CHECK_INT(values[9], 0);
    decoder = hybrid_decoder(SLICE("\x02\xFF\xFF\xFF\xFF\x03"
                                   "\x01\x02\x03\x04"),
                             32);
    CHECK(hybrid_read(&decoder, values, 2));
    CHECK_INT(values[0], UINT32_MAX);
    CHECK_INT(values[1], 0x04030201);
    // A run's value that is cut off.
    decoder = hybrid_decoder(SLICE("\x02\xFF"), 9);
    CHECK(!hybrid_read(&decoder, values, 1));
}
