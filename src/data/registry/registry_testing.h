// SPDX-License-Identifier: Apache-2.0
// What the fuzzers of both kinds of schemas do: two schemas, divided by a line break, are parsed, written again, and
// compared at the strictest level.
#ifndef LEAT_DATA_REGISTRY_TESTING_H
#define LEAT_DATA_REGISTRY_TESTING_H

#include "data/registry/registry_schema.h"

static inline void registry_fuzz(RegistryType type, const uint8_t *data, size_t size) {
    if (size > 64 * KIB) {
        return;
    }
    Arena arena[1];
    arena_init(arena, "fuzz", 0);
    Err err[1] = {{0}};
    const uint8_t *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t first = line != NULL ? (size_t)(line - data) : size;
    RegistrySchema schema, again;
    RegistryMessages messages;
    Slice text = {data, first};
    if (registry_schema_parse(arena, type, text, NULL, 0, REGISTRY_CANONICAL, &schema, err)) {
        // What was written is read as the same.
        ASSERT(registry_schema_parse(arena, type, schema.text, NULL, 0, REGISTRY_CANONICAL, &again, err));
        ASSERT(slice_equal(schema.text, again.text));
        RegistryVersionText earlier = {type, 1, schema.text, NULL, 0};
        if (line != NULL) {
            earlier.text = (Slice){line + 1, size - first - 1};
        }
        if (!registry_compatible(arena, LEVEL_FULL, &schema, &earlier, 1, &messages, err)) {
            ASSERT(err->message[0] != '\0');
        }
    }
    arena_release(arena);
}

#endif
