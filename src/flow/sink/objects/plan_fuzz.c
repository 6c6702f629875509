// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/plan.h"

#include "core/base/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The checksum is put right, else nothing would get past it. What decodes encodes to what decodes to the same.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const Slice magic = SLICE("leat objects sink state\n");
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Err err[1] = {{0}};
    Plan plan;
    Buf buf;
    buf_init(&buf, 0);
    if (!plan_decode((Slice){data, size}, &arena, &plan, err)) {
        err_clear(err);
    }
    buf_put(&buf, magic);
    buf_u32le(&buf, size > 0 && data[0] % 2 == 0 ? 1 + data[0] / 2 % 3 : 4);
    buf_u32le(&buf, digest_crc32c(0, (Slice){data, size}));
    buf_bytes(&buf, data, size);
    if (plan_decode(buf_slice(&buf), &arena, &plan, err)) {
        Buf again;
        buf_init(&again, 0);
        plan_encode(&again, &plan);
        Plan second;
        ASSERT(plan_decode(buf_slice(&again), &arena, &second, err));
        ASSERT(second.topic_count == plan.topic_count && second.item_count == plan.item_count &&
               second.removed_count == plan.removed_count);
        buf_release(&again);
    }
    buf_release(&buf);
    arena_release(&arena);
    return 0;
}
