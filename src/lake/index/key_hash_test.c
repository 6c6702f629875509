// SPDX-License-Identifier: Apache-2.0
#include "lake/index/key_hash.c"

#include "core/base/test.h"

static bool same(Value a, Value b) {
    KeyHash x = key_hash(&a, 1, false), y = key_hash(&b, 1, false);
    return x.high == y.high && x.low == y.low;
}

// These stand in files.
TEST(key_hashes_do_not_change) {
    Value number = value_int(42), text = value_bytes(VALUE_STRING, SLICE("customer-17"));
    Value both[] = {number, text};
    CHECK(key_hash(&number, 1, true).high == UINT64_C(0x13b8f1c3c122cf65));
    KeyHash hash = key_hash(&text, 1, false);
    CHECK(hash.high == UINT64_C(0x11a4535337a06292) && hash.low == 0xb334eda4);
    hash = key_hash(both, 2, false);
    CHECK(hash.high == UINT64_C(0x3aaeb7cb991eddf9) && hash.low == 0x37654f5f);
}

TEST(exact_keys_never_collide) {
    // The mixer's inverse: it is a bijection.
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t wanted = i * UINT64_C(0x9e3779b97f4a7c15) ^ i << 60, x = mix_exact(wanted);
        x = x ^ (x >> 31) ^ (x >> 62);
        x *= UINT64_C(0x319642b2d24d8ec3);
        x = x ^ (x >> 27) ^ (x >> 54);
        x *= UINT64_C(0x96de1b173f119089);
        x = x ^ (x >> 30) ^ (x >> 60);
        CHECK(x - HASH_SEED == wanted);
    }
    Value yes = value_bool(true), no = value_bool(false), date = {.kind = VALUE_DATE, .integer = -1};
    CHECK(key_hash(&yes, 1, true).high != key_hash(&no, 1, true).high);
    CHECK(key_hash(&date, 1, true).high == mix_exact(UINT64_MAX));
    CHECK(key_kind_exact(TYPE_INT32) && key_kind_exact(TYPE_DATE) && !key_kind_exact(TYPE_UUID));
}

TEST(keys_that_are_equal_at_the_source_have_one_hash) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Slice one, one_and_zeros, other;
    CHECK(decimal_from_text(&arena, SLICE("1.5"), &one) && decimal_from_text(&arena, SLICE("1.5000"), &one_and_zeros) &&
          decimal_from_text(&arena, SLICE("-1.5"), &other));
    CHECK(same(value_bytes(VALUE_DECIMAL, one), value_bytes(VALUE_DECIMAL, one_and_zeros)));
    CHECK(!same(value_bytes(VALUE_DECIMAL, one), value_bytes(VALUE_DECIMAL, other)));
    CHECK(same((Value){.kind = VALUE_FLOAT64, .real = 0.0}, (Value){.kind = VALUE_FLOAT64, .real = -0.0}));
    CHECK(!same((Value){.kind = VALUE_FLOAT64, .real = 1.0}, (Value){.kind = VALUE_FLOAT64, .real = -1.0}));
    CHECK(same((Value){.kind = VALUE_INTERVAL, .interval = {1, 0, 0}},
               (Value){.kind = VALUE_INTERVAL, .interval = {0, 29, INT64_C(86400000000)}}));
    CHECK(!same((Value){.kind = VALUE_INTERVAL, .interval = {1, 0, 0}},
                (Value){.kind = VALUE_INTERVAL, .interval = {0, 31, 0}}));
    arena_release(&arena);
}

TEST(keys_that_differ_have_two_hashes) {
    CHECK(!same(value_bytes(VALUE_STRING, SLICE("ab")), value_bytes(VALUE_BYTES, SLICE("ab"))));
    CHECK(!same((Value){.kind = VALUE_TIMETZ, .aux = 3600, .integer = 5},
                (Value){.kind = VALUE_TIMETZ, .aux = 0, .integer = 5}));
    CHECK(!same((Value){.kind = VALUE_BITS, .aux = 7, .bytes = SLICE("\x80")},
                (Value){.kind = VALUE_BITS, .aux = 8, .bytes = SLICE("\x80")}));
    // Where one value ends and the next begins matters.
    Value split[] = {value_bytes(VALUE_STRING, SLICE("ab")), value_bytes(VALUE_STRING, SLICE("c"))};
    Value other[] = {value_bytes(VALUE_STRING, SLICE("a")), value_bytes(VALUE_STRING, SLICE("bc"))};
    CHECK(key_hash(split, 2, false).high != key_hash(other, 2, false).high);
    Value list = {.kind = VALUE_LIST, .items = {split, 2}}, list_other = {.kind = VALUE_LIST, .items = {other, 2}};
    CHECK(!same(list, list_other));
    Value none = {.kind = VALUE_NULL};
    Value ranges[] = {{.kind = VALUE_RANGE, .aux = RANGE_EMPTY, .items = {&none, 0}},
                      {.kind = VALUE_RANGE, .aux = RANGE_LOWER_INFINITE, .items = {&none, 0}}};
    CHECK(!same(ranges[0], ranges[1]));
}

// In one go or through the streaming state: the same bytes, the same hash.
TEST(long_keys_are_hashed_as_short_ones) {
    uint8_t bytes[2000];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (size_t size = 0; size < sizeof(bytes); size++) {
        Value value = value_bytes(VALUE_BYTES, (Slice){bytes, size});
        uint8_t all[sizeof(bytes) + 9] = {VALUE_BYTES};
        memcpy(all + 1, &(uint64_t){size}, 8);
        memcpy(all + 9, bytes, size);
        XXH128_hash_t want = XXH3_128bits_withSeed(all, size + 9, HASH_SEED);
        KeyHash got = key_hash(&value, 1, false);
        CHECK(got.high == want.high64 && got.low == (uint32_t)want.low64);
    }
}
