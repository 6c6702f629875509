// SPDX-License-Identifier: Apache-2.0
#include "surface/api/registry_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Key and value, parted by a NUL: what is taken is written and read back the same.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    Arena arena;
    RegistryEntry entry, again;
    bool known = false;
    DEFER(buf_release) Buf key = {0};
    DEFER(buf_release) Buf value = {0};
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    size_t first = nul != NULL ? (size_t)(nul - data) : size;
    Slice rest = nul != NULL ? (Slice){nul + 1, size - first - 1} : (Slice){0};
    arena_init(&arena, "fuzz", 0);
    if (registry_record_read((Slice){data, first}, rest, &arena, &entry, &known, err) && known &&
        entry.kind != ENTRY_DELETED) {
        registry_record_write(&entry, &key, &value);
        ASSERT(registry_record_read(buf_slice(&key), buf_slice(&value), &arena, &again, &known, err) && known);
        ASSERT(again.kind == entry.kind && again.id == entry.id && again.version == entry.version);
        ASSERT(slice_equal(again.subject, entry.subject) && slice_equal(again.text, entry.text));
        ASSERT(memcmp(again.fingerprint, entry.fingerprint, sizeof(again.fingerprint)) == 0);
    }
    arena_release(&arena);
    return 0;
}
