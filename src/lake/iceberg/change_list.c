// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/change_list.h"

enum { LOOKUPS_WITHOUT_INDEX = 4 };

ChangeList change_list_of(const void *items, size_t count, size_t size) {
    // The base is only read until change_list_own has made a copy.
    return (ChangeList){.items = (uint8_t *)(uintptr_t)items, .count = count, .size = size};
}

void change_list_own(ChangeList *list, Arena *arena, size_t more) {
    if (list->capacity >= list->count + more && list->capacity > 0) {
        return;
    }
    list->capacity = list->count + list->count / 8 + more + 4;
    uint8_t *items = arena_array(arena, list->size, list->capacity);
    if (list->count > 0) {
        memcpy(items, list->items, list->count * list->size);
    }
    list->items = items;
}

static Slice item_key(const ChangeList *list, size_t i) {
    const uint8_t *at = (const uint8_t *)change_list_at(list, i) + list->key_at;
    return list->by_number ? (Slice){at, sizeof(int64_t)} : *(const Slice *)(const void *)at;
}

static void change_list_index(ChangeList *list) {
    for (size_t i = 0; i < list->count && !list->indexed; i++) {
        map_put(&list->index, item_key(list, i), (void *)(uintptr_t)(i + 1));
    }
    list->indexed = true;
}

size_t change_list_find(ChangeList *list, Slice key) {
    if (!list->indexed && list->lookups++ < LOOKUPS_WITHOUT_INDEX) {
        for (size_t i = list->count; i-- > 0;) {
            if (slice_equal(item_key(list, i), key)) {
                return i + 1;
            }
        }
        return 0;
    }
    change_list_index(list);
    return (size_t)(uintptr_t)map_find(&list->index, key);
}

size_t change_list_find_number(ChangeList *list, int64_t number) {
    return change_list_find(list, (Slice){(const uint8_t *)&number, sizeof(number)});
}

void *change_list_add(ChangeList *list, Arena *arena, const void *item) {
    change_list_own(list, arena, 1);
    memcpy(change_list_at(list, list->count), item, list->size);
    list->count++;
    if (list->indexed) {
        map_put(&list->index, item_key(list, list->count - 1), (void *)(uintptr_t)list->count);
    }
    return change_list_at(list, list->count - 1);
}

bool change_list_remove(ChangeList *list, Slice key) {
    change_list_index(list);
    bool there = map_remove(&list->index, key) != NULL;
    list->removed = list->removed || there;
    return there;
}

bool change_list_has(const ChangeList *list, size_t i) {
    return !list->removed || map_find(&list->index, item_key(list, i)) == (void *)(uintptr_t)(i + 1);
}

void change_list_compact(ChangeList *list, Arena *arena) {
    if (!list->removed) {
        return;
    }
    size_t kept = 0;
    change_list_own(list, arena, 0);
    for (size_t i = 0; i < list->count; i++) {
        if (change_list_has(list, i)) {
            memmove(change_list_at(list, kept++), change_list_at(list, i), list->size);
        }
    }
    list->count = kept;
    list->removed = false; // the index is no longer right, and not needed
}
