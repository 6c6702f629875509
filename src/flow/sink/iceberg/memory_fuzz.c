// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/memory.h"

#include "core/base/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    DEFER(buf_release) Buf buf = {0};
    Remembered remembered, second;
    if (!remembered_decode((Slice){data, size}, &arena, &remembered, err)) {
        err_clear(err);
    }
    buf_text(&buf, "leat lake memory\n"); // the checksum is put right, else nothing would get past it
    buf_u32le(&buf, 1);
    buf_u32le(&buf, digest_crc32c(0, (Slice){data, size}));
    buf_bytes(&buf, data, size);
    if (remembered_decode(buf_slice(&buf), &arena, &remembered, err)) {
        DEFER(buf_release) Buf again = {0};
        remembered_encode(&again, &remembered);
        ASSERT(remembered_decode(buf_slice(&again), &arena, &second, err));
        ASSERT(second.table_count == remembered.table_count && slice_equal(second.state, remembered.state));
    }
    return 0;
}
