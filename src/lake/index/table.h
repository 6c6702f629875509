// SPDX-License-Identifier: Apache-2.0
// The part of the key index in memory: open addressing whose slots follow the hash, so that it is sorted at all times
// (a batch that is sorted passes it once, and it is written out as it lies).
#ifndef LEAT_LAKE_INDEX_TABLE_H
#define LEAT_LAKE_INDEX_TABLE_H

#include "lake/index/entry.h"

typedef struct KeyTable {
    uint32_t *words; // slots + TABLE_REACH of `stride` words each
    uint64_t slots;  // 0: nothing is held yet
    uint32_t stride;
    EntryCounts counts;
} KeyTable;

enum { TABLE_WORDS_EXACT = 4, TABLE_WORDS_WIDE = 5 };

void key_table_init(KeyTable *table, bool exact);
void key_table_release(KeyTable *table);
void key_table_clear(KeyTable *table); // empties
void key_table_reset(KeyTable *table); // empties, and gives the memory back
size_t key_table_bytes(const KeyTable *table);
// Room for `entries` in all, so that they are found fast. Grows by halves, to no more than `entries_max` need.
void key_table_reserve(KeyTable *table, uint64_t entries, uint64_t entries_max);
// A new key is taken as it is; of one that is there, the place is replaced and `supersedes` stays. False: too crowded
// at that place of the table; it must grow or be emptied first.
CHECKED bool key_table_put(KeyTable *table, const IndexEntry *entry);
bool key_table_find(const KeyTable *table, uint64_t high, uint32_t low, KeyPlace *place);
// The first entry from slot *at on; *at is then behind it. False: no more.
bool key_table_next(const KeyTable *table, uint64_t *at, IndexEntry *entry);

static inline uint64_t key_table_home(const KeyTable *table, uint64_t high) {
    return (uint64_t)(((UInt128)high * table->slots) >> 64);
}
static inline void key_table_prefetch(const KeyTable *table, uint64_t high) {
    if (table->slots > 0) {
        __builtin_prefetch(table->words + key_table_home(table, high) * table->stride);
    }
}

#endif
