// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/bloom.c" // NOLINT

#include "core/base/err.h"
#include "core/base/test.h"

TEST(bloom_holds_what_was_put_in_and_little_else) {
    enum { COUNT = 20000 };
    static uint64_t hashes[COUNT];
    for (uint64_t i = 0; i < COUNT; i++) {
        hashes[i] = bloom_hash((Slice){(const uint8_t *)&i, sizeof(i)});
    }
    DEFER(buf_release) Buf buf = {0};
    bloom_encode(&buf, hashes, COUNT);
    Arena arena[1];
    arena_init(arena, "test", 0);
    Err err[1] = {{0}};
    BloomFilterHeader header;
    size_t used = 0;
    CHECK_OK(bloom_filter_header_decode(buf_slice(&buf), arena, &header, &used, err));
    Slice filter = slice_from(buf_slice(&buf), used);
    CHECK_INT(header.byte_count, filter.size);
    size_t wrong = 0;
    for (uint64_t i = 0; i < COUNT; i++) {
        CHECK(bloom_may_hold(filter, hashes[i]));
        uint64_t other = i + COUNT;
        wrong += bloom_may_hold(filter, bloom_hash((Slice){(const uint8_t *)&other, sizeof(other)}));
    }
    CHECK(wrong < COUNT / 50);
    arena_release(arena);
}
