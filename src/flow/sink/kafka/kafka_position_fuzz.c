// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/kafka/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena[1];
    Err err[1] = {{0}};
    KafkaPosition position;
    arena_init(arena, "fuzz", 0);
    if (kafka_position_decode((Slice){data, size}, arena, &position, err)) {
        Buf out = {0};
        kafka_position_encode(&out, &position);
        ASSERT(kafka_position_decode(buf_slice(&out), arena, &position, err));
        buf_release(&out);
    }
    arena_release(arena);
    return 0;
}
