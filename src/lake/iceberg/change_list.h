// SPDX-License-Identifier: Apache-2.0
// Lists of a table's metadata while a change is made. They are the base's until they are first changed, then copies in
// an arena; what is looked up by name or number has an index once it is looked up more than a few times; removed items
// are marked, and left out at the end.
#ifndef LEAT_LAKE_ICEBERG_CHANGE_LIST_H
#define LEAT_LAKE_ICEBERG_CHANGE_LIST_H

#include "core/base/arena.h"
#include "core/base/map.h"

typedef struct ChangeList {
    uint8_t *items; // the base's while capacity is 0: not to be written
    size_t count, capacity, size;
    // Lists that are looked up. The key is a Slice or a number of 8 bytes at key_at.
    size_t key_at;
    bool by_number, indexed, removed;
    size_t lookups;
    Map index; // to position + 1
} ChangeList;

static inline void *change_list_at(const ChangeList *list, size_t i) {
    return list->items != NULL ? list->items + i * list->size : NULL; // an empty list may have no place
}

ChangeList change_list_of(const void *items, size_t count, size_t size);
// So that items can be written to, and `more` added.
void change_list_own(ChangeList *list, Arena *arena, size_t more);
// Its position + 1; 0 = there is none. The last ones are found soonest.
size_t change_list_find(ChangeList *list, Slice key);
size_t change_list_find_number(ChangeList *list, int64_t number);
// A copy of the item, at the end.
void *change_list_add(ChangeList *list, Arena *arena, const void *item);
bool change_list_remove(ChangeList *list, Slice key);   // true: it was there
bool change_list_has(const ChangeList *list, size_t i); // it is not removed
// Leaves out what is removed. No look-ups after that.
void change_list_compact(ChangeList *list, Arena *arena);

#endif
