// SPDX-License-Identifier: Apache-2.0
// Two schemas, divided by a line break: parsed, written again, compared at the strictest level.
#include "data/registry/registry_schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 64 * KIB) {
        return 0;
    }
    Arena arena[1];
    arena_init(arena, "fuzz", 0);
    Err err[1] = {{0}};
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t first = line != NULL ? (size_t)(line - data) : size;
    RegistrySchema schema, again;
    RegistryMessages messages;
    Slice text = {data, first};
    if (registry_schema_parse(arena, REGISTRY_JSON, text, NULL, 0, REGISTRY_CANONICAL, &schema, err)) {
        // What was written is read as the same.
        ASSERT(registry_schema_parse(arena, REGISTRY_JSON, schema.text, NULL, 0, REGISTRY_CANONICAL, &again, err));
        ASSERT(slice_equal(schema.text, again.text));
        RegistryVersionText earlier = {REGISTRY_JSON, 1, schema.text, NULL, 0};
        if (line != NULL) {
            earlier.text = (Slice){line + 1, size - first - 1};
        }
        if (!registry_compatible(arena, LEVEL_FULL, &schema, &earlier, 1, &messages, err)) {
            ASSERT(err->message[0] != '\0');
        }
    }
    arena_release(arena);
    return 0;
}
