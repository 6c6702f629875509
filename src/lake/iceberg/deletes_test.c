// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/deletes.c"

#include "core/base/test.h"

static Err err[1];

static void check_same(const Positions *a, const Positions *b) {
    uint64_t from_a = 0, from_b = 0, piece_a[100], piece_b[100];
    size_t count;
    CHECK_INT(positions_count(a), positions_count(b));
    do {
        count = positions_next(a, &from_a, piece_a, ARRAY_LEN(piece_a));
        CHECK_INT(positions_next(b, &from_b, piece_b, ARRAY_LEN(piece_b)), count);
        CHECK(memcmp(piece_a, piece_b, count * sizeof(*piece_a)) == 0);
    } while (count > 0);
}

static void check_round(const Positions *positions) {
    DEFER(buf_release) Buf out = {0};
    deletion_vector_write(positions, &out);
    Positions *read = NULL;
    CHECK_OK(deletion_vector_read(buf_slice(&out), &read, err));
    check_same(positions, read);
    positions_free(read);
}

TEST(deletion_vector_of_three_and_seven) {
    static const uint8_t WANT[] = {
        0,    0,    0,    36,                // size
        0xd1, 0xd3, 0x39, 0x64,              // magic
        1,    0,    0,    0,    0,  0, 0, 0, // bitmaps
        0,    0,    0,    0,                 // upper half
        0x3a, 0x30, 0,    0,    1,  0, 0, 0, // cookie, containers
        0,    0,    1,    0,    16, 0, 0, 0, // key, count - 1, offset
        3,    0,    7,    0,                 // positions
    };
    Positions *positions = positions_new();
    CHECK(positions_add(positions, 7) && positions_add(positions, 3) && !positions_add(positions, 3));
    DEFER(buf_release) Buf out = {0};
    deletion_vector_write(positions, &out);
    CHECK_INT(out.size, 44);
    CHECK(memcmp(out.data, WANT, sizeof(WANT)) == 0);
    CHECK_INT(load_u32be(out.data + 40), digest_crc32(0, (Slice){out.data + 4, 36}));
    check_round(positions);
    positions_free(positions);
}

TEST(positions_are_a_set) {
    Positions *positions = positions_new(), *other = positions_new();
    uint64_t from = 0, out[8];
    CHECK_INT(positions_next(positions, &from, out, 8), 0);
    static const uint64_t SOME[] = {UINT64_C(1) << 32, 5, UINT64_C(3) << 33, 4, UINT32_MAX, 0};
    for (size_t i = 0; i < ARRAY_LEN(SOME); i++) {
        CHECK(positions_add(positions, SOME[i]));
        CHECK(positions_has(positions, SOME[i]) && !positions_has(positions, SOME[i] + 10));
    }
    CHECK_INT(positions_count(positions), 6);
    CHECK_INT(positions_below(positions, 0), 0);
    CHECK_INT(positions_below(positions, 5), 2);
    CHECK_INT(positions_below(positions, 6), 3);
    CHECK_INT(positions_below(positions, UINT64_C(1) << 32), 4);
    CHECK_INT(positions_below(positions, UINT64_C(1) << 40), 6);
    CHECK_INT(positions_next(positions, &from, out, 4), 4);
    CHECK(out[0] == 0 && out[1] == 4 && out[2] == 5 && out[3] == UINT32_MAX);
    CHECK_INT(positions_next(positions, &from, out, 4), 2);
    CHECK(out[0] == UINT64_C(1) << 32 && out[1] == UINT64_C(3) << 33);
    CHECK_INT(positions_next(positions, &from, out, 4), 0);
    from = 5;
    CHECK_INT(positions_next(positions, &from, out, 1), 1);
    CHECK(out[0] == 5 && from == 6);
    check_round(positions);
    CHECK(positions_add(other, 4) && positions_add(other, UINT64_C(7) << 32));
    positions_union(other, positions);
    CHECK_INT(positions_count(other), 7);
    Positions *copy = positions_copy(other);
    check_same(copy, other);
    CHECK(positions_memory(copy) > 100);
    positions_free(copy);
    positions_free(other);
    positions_free(positions);
    positions_free(NULL);
}

TEST(deletion_vectors_of_every_container) {
    Positions *positions = positions_new();
    check_round(positions); // empty
    uint64_t seed = 42;
    for (uint64_t i = 0; i < 65536; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        positions_add(positions, (seed >> 40) % 65536);               // a bitset
        positions_add(positions, (UINT64_C(2) << 16) + i % 30000);    // a run
        positions_add(positions, (UINT64_C(5) << 16) + i % 3000 * 2); // an array
        positions_add(positions, (UINT64_C(9) << 16) + i);            // full
        positions_add(positions, (UINT64_C(3) << 32) + (seed >> 44)); // several
    }
    check_round(positions);
    positions_free(positions);
}

static void check_refused(Buf *blob, bool mend) {
    if (mend) {
        uint32_t crc = __builtin_bswap32(digest_crc32(0, (Slice){blob->data + 4, blob->size - 8}));
        memcpy(blob->data + blob->size - 4, &crc, 4);
    }
    Positions *positions = NULL;
    CHECK_FAILS(deletion_vector_read(buf_slice(blob), &positions, err), ERR_VALUE);
}

TEST(damaged_deletion_vectors_are_refused) {
    Positions *positions = positions_new(), *read = NULL;
    for (uint64_t i = 0; i < 100; i++) {
        positions_add(positions, i * 3);
        positions_add(positions, (UINT64_C(1) << 32) + 70000 + i);
    }
    DEFER(buf_release) Buf good = {0};
    deletion_vector_write(positions, &good);
    for (size_t i = 0; i < good.size; i++) {
        CHECK_FAILS(deletion_vector_read((Slice){good.data, i}, &read, err), ERR_VALUE);
        good.data[i] ^= 1;
        check_refused(&good, false);
        good.data[i] ^= 1;
    }
    static const size_t PLACES[] = {8, 16, 23, 24, 30, 37, 45, 46, 47}; // count, upper half, cookie, count, order
    for (size_t i = 0; i < ARRAY_LEN(PLACES); i++) {
        uint8_t was = good.data[PLACES[i]];
        good.data[PLACES[i]] = 0xff;
        check_refused(&good, true);
        good.data[PLACES[i]] = was;
    }
    positions_free(positions);
}
