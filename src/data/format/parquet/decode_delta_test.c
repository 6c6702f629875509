// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/decode_delta.c"

#include "core/base/buf.h"
#include "core/base/test.h"

// Encodings.md, example 2: 7 5 3 1 2 3 4 5, deltas -2 -2 -2 1 1 1 1.
TEST(deltas_are_read) {
    static const int64_t WANT[] = {7, 5, 3, 1, 2, 3, 4, 5};
    int64_t values[8];
    DeltaDecoder decoder;
    CHECK(delta_open(&decoder, SLICE("\x08\x01\x08\x0E\x03\x02\xC0\x3F"
                                     "rest")));
    Slice rest;
    CHECK(delta_end(&decoder, &rest));
    CHECK_TEXT(rest, "rest");
    CHECK(delta_read(&decoder, values, 1));
    CHECK(delta_read(&decoder, values + 1, 7));
    CHECK(memcmp(values, WANT, sizeof(WANT)) == 0);
    CHECK(!delta_read(&decoder, values, 1));
}

TEST(deltas_of_64_bits_wrap) {
    // 0, then a delta of 2^63 + 1 in 64 bits, with a smallest delta of -1.
    int64_t values[2];
    DeltaDecoder decoder;
    Buf bytes;
    buf_init(&bytes, 0);
    buf_put(&bytes, SLICE("\x08\x01\x02\x00\x01\x40"));
    buf_u64le(&bytes, UINT64_C(0x8000000000000002));
    for (int i = 0; i < 7; i++) {
        buf_u64le(&bytes, 0);
    }
    CHECK(delta_open(&decoder, buf_slice(&bytes)));
    CHECK(delta_read(&decoder, values, 2));
    CHECK_INT(values[1], INT64_MIN + 1);
    // Cut off within the miniblock, and with a width that cannot be.
    CHECK(delta_open(&decoder, (Slice){bytes.data, bytes.size - 1}));
    CHECK(!delta_read(&decoder, values, 2));
    bytes.data[5] = 65;
    CHECK(delta_open(&decoder, buf_slice(&bytes)));
    CHECK(!delta_read(&decoder, values, 2));
    buf_release(&bytes);
}

TEST(damaged_heads_are_refused) {
    DeltaDecoder decoder;
    CHECK(!delta_open(&decoder, SLICE("")));
    CHECK(!delta_open(&decoder, SLICE("\x08\x00\x01\x00")));                 // no miniblocks
    CHECK(!delta_open(&decoder, SLICE("\x08\x03\x01\x00")));                 // 8 values in 3
    CHECK(!delta_open(&decoder, SLICE("\x04\x01\x01\x00")));                 // 4 in one
    CHECK(!delta_open(&decoder, SLICE("\xFF\xFF\xFF\xFF\xFF\x01\x01\x01"))); // a block of 2^36
}

// Two bytes a block: a million values are walked over and read in steps.
TEST(many_values_in_few_bytes) {
    DeltaDecoder decoder;
    Buf bytes;
    buf_init(&bytes, 0);
    buf_varint(&bytes, 1 << 20);
    buf_varint(&bytes, 1);
    buf_varint(&bytes, 1000000);
    buf_put(&bytes, SLICE("\x00\x02\x00"));
    CHECK(delta_open(&decoder, buf_slice(&bytes)));
    Slice rest;
    CHECK(delta_end(&decoder, &rest));
    CHECK_INT(rest.size, 0);
    int64_t values[1000];
    for (int i = 0; i < 1000; i++) {
        CHECK(delta_read(&decoder, values, 1000));
    }
    CHECK_INT(values[999], 999999);
    buf_release(&bytes);
}
