// SPDX-License-Identifier: Apache-2.0
// Puffin files and the deletion vectors in them. What is read can be written, and is then the same.
#include "core/base/digest.h"
#include "lake/iceberg/deletes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void vector(Slice blob) {
    Err err[1] = {{0}};
    Positions *positions = NULL, *again = NULL;
    if (!deletion_vector_read(blob, &positions, err)) {
        ASSERT(err->code == ERR_VALUE);
        return;
    }
    DEFER(buf_release) Buf out = {0};
    deletion_vector_write(positions, &out);
    ASSERT(deletion_vector_read(buf_slice(&out), &again, err));
    ASSERT(positions_count(positions) == positions_count(again));
    uint64_t from = 0, piece[64];
    for (size_t count, rounds = 0; rounds < 100 && (count = positions_next(positions, &from, piece, 64)) > 0;
         rounds++) {
        ASSERT(positions_has(again, piece[0]) && positions_has(again, piece[count - 1]));
        ASSERT(positions_below(again, piece[0]) == rounds * 64);
    }
    positions_free(positions);
    positions_free(again);
}

// Bitmaps with size, magic and checksum put right, or the fuzzer would never come to them.
static void bitmaps(Slice bytes) {
    DEFER(buf_release) Buf blob = {0};
    buf_u32be(&blob, (uint32_t)bytes.size + 4);
    buf_bytes(&blob, (uint8_t[]){0xd1, 0xd3, 0x39, 0x64}, 4);
    buf_put(&blob, bytes);
    buf_u32be(&blob, digest_crc32(0, (Slice){blob.data + 4, blob.size - 4}));
    vector(buf_slice(&blob));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    PuffinBlob *blobs = NULL;
    size_t count = 0;
    vector((Slice){data, size});
    bitmaps((Slice){data, size});
    if (puffin_read_footer((Slice){data, size}, &arena, &blobs, &count, err)) {
        for (size_t i = 0; i < count; i++) {
            vector((Slice){data + blobs[i].offset, blobs[i].size});
        }
    } else {
        ASSERT(err->code == ERR_VALUE);
    }
    arena_release(&arena);
    return 0;
}
