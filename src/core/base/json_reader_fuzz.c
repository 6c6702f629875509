// SPDX-License-Identifier: Apache-2.0
#include "core/base/json_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    JsonReader reader;
    Err err[1] = {{0}};
    json_reader_init(&reader, (Slice){data, size}, &arena);
    JsonToken token = TOKEN_NULL;
    while (token != TOKEN_END && json_read(&reader, &token, err)) {
        ASSERT(reader.at <= size && reader.token_at <= size);
    }
    ASSERT((token == TOKEN_END) || err->code == ERR_OPTION);
    arena_release(&arena);
    return 0;
}
