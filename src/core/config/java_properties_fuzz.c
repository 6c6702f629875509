// SPDX-License-Identifier: Apache-2.0
#include "core/config/java_properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Slice value;
    (void)java_properties_find(&arena, (Slice){data, size}, SLICE("a"), &value);
    (void)java_properties_parse(&arena,
                                (Slice){data, MIN(size, (size_t)4096)}); // each name is looked for among the others
    arena_release(&arena);
    return 0;
}
