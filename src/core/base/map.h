// SPDX-License-Identifier: Apache-2.0
// Hash map from bytes (or a number, see map_u64_*) to a pointer. Open addressing; keys are copied in.
#ifndef LEAT_CORE_BASE_MAP_H
#define LEAT_CORE_BASE_MAP_H

#include "core/base/bytes.h"

typedef struct MapEntry {
    Slice key; // owned by the map; data is NULL in a free place
    uint64_t hash;
    void *value;
} MapEntry;

// Zero-initialised is empty.
typedef struct Map {
    MapEntry *entries;
    size_t capacity; // 0 or a power of two
    size_t count;
} Map;

void map_release(Map *map);                     // the values are the caller's
void *map_find(const Map *map, Slice key);      // NULL when absent
void map_put(Map *map, Slice key, void *value); // value must not be NULL; replaces
void *map_remove(Map *map, Slice key);          // the value that was there, or NULL
// for (MapEntry *e = NULL; (e = map_next(&map, e)) != NULL;)   no put or remove meanwhile
MapEntry *map_next(const Map *map, MapEntry *after);

static inline void *map_find_u64(const Map *map, uint64_t key) {
    return map_find(map, (Slice){(const uint8_t *)&key, sizeof(key)});
}
static inline void map_put_u64(Map *map, uint64_t key, void *value) {
    map_put(map, (Slice){(const uint8_t *)&key, sizeof(key)}, value);
}
static inline void *map_remove_u64(Map *map, uint64_t key) {
    return map_remove(map, (Slice){(const uint8_t *)&key, sizeof(key)});
}

#endif
