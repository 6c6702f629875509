// SPDX-License-Identifier: Apache-2.0
#include "core/base/map.h"

#include "core/base/digest.h"

#include <stdlib.h>

// Where `key` is, or the free place where it would go. The table is never full.
static MapEntry *map_place(const Map *map, Slice key, uint64_t hash) {
    size_t mask = map->capacity - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
        MapEntry *entry = &map->entries[at];
        if (entry->key.data == NULL || (entry->hash == hash && slice_equal(entry->key, key))) {
            return entry;
        }
    }
}

static void map_resize(Map *map, size_t capacity) {
    Map grown = {.entries = calloc(capacity, sizeof(MapEntry)), .capacity = capacity, .count = map->count};
    if (grown.entries == NULL) {
        panic("out of memory: a map asked for %zu entries", capacity);
    }
    for (MapEntry *entry = NULL; (entry = map_next(map, entry)) != NULL;) {
        *map_place(&grown, entry->key, entry->hash) = *entry;
    }
    free(map->entries);
    *map = grown;
}

void map_release(Map *map) {
    for (MapEntry *entry = NULL; (entry = map_next(map, entry)) != NULL;) {
        free((void *)(uintptr_t)entry->key.data);
    }
    free(map->entries);
    *map = (Map){0};
}

void *map_find(const Map *map, Slice key) {
    return map->count == 0 ? NULL : map_place(map, key, digest_hash(key))->value;
}

void map_put(Map *map, Slice key, void *value) {
    ASSERT(value != NULL);
    if ((map->count + 1) * 4 > map->capacity * 3) {
        map_resize(map, MAX(map->capacity * 2, (size_t)16));
    }
    uint64_t hash = digest_hash(key);
    MapEntry *entry = map_place(map, key, hash);
    if (entry->key.data == NULL) {
        uint8_t *copy = malloc(key.size + 1);
        if (copy == NULL) {
            panic("out of memory: a key of %zu bytes", key.size);
        }
        if (key.size > 0) {
            memcpy(copy, key.data, key.size);
        }
        entry->key = (Slice){copy, key.size};
        entry->hash = hash;
        map->count++;
    }
    entry->value = value;
}

void *map_remove(Map *map, Slice key) {
    if (map->count == 0) {
        return NULL;
    }
    MapEntry *entry = map_place(map, key, digest_hash(key));
    void *value = entry->value;
    if (entry->key.data == NULL) {
        return NULL;
    }
    free((void *)(uintptr_t)entry->key.data);
    map->count--;
    // Close the gap: move back each follower that the gap would cut off from its home place.
    size_t mask = map->capacity - 1;
    size_t gap = (size_t)(entry - map->entries);
    for (size_t at = (gap + 1) & mask; map->entries[at].key.data != NULL; at = (at + 1) & mask) {
        size_t home = map->entries[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->entries[gap] = map->entries[at];
            gap = at;
        }
    }
    map->entries[gap] = (MapEntry){0};
    return value;
}

MapEntry *map_next(const Map *map, MapEntry *after) {
    if (map->entries == NULL) {
        return NULL;
    }
    MapEntry *end = map->entries + map->capacity;
    for (MapEntry *entry = after == NULL ? map->entries : after + 1; entry < end; entry++) {
        if (entry->key.data != NULL) {
            return entry;
        }
    }
    return NULL;
}
