// SPDX-License-Identifier: Apache-2.0
// Bodies of PUT and PATCH …/config: whatever is taken is written as JSON that is taken again, and is the same.
#include "core/config/properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Err err[1] = {{0}};
    Properties first, again;
    if (properties_parse(&arena, (Slice){data, size}, &first, err)) {
        DEFER(buf_release) Buf json = {0};
        properties_json(&json, &first);
        ASSERT(properties_parse(&arena, buf_slice(&json), &again, err));
        ASSERT(first.count == again.count);
        for (size_t i = 0; i < first.count; i++) {
            ASSERT(slice_equal(first.at[i].name, again.at[i].name));
            ASSERT(slice_equal(first.at[i].value, again.at[i].value));
            size_t count;
            properties_list(&arena, first.at[i].value, &count);
        }
    }
    arena_release(&arena);
    return 0;
}
