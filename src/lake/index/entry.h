// SPDX-License-Identifier: Apache-2.0
// What the parts of the key index hand each other: one key with its place, in the order of the hashes.
#ifndef LEAT_LAKE_INDEX_ENTRY_H
#define LEAT_LAKE_INDEX_ENTRY_H

#include "lake/index/index.h"

__extension__ typedef unsigned __int128 UInt128;

typedef struct IndexEntry {
    uint64_t high;
    uint32_t low;
    KeyPlace place;  // KEY_NOWHERE: the key is gone, whatever older parts say
    bool supersedes; // an older part has a place of this key (known in memory only)
} IndexEntry;

static inline bool key_before(uint64_t a_high, uint32_t a_low, uint64_t b_high, uint32_t b_low) {
    return a_high < b_high || (a_high == b_high && a_low < b_low);
}

// How much a part of the index holds. What it adds to the number of keys is entries - gone - stale.
typedef struct EntryCounts {
    uint64_t entries; // all of them
    uint64_t gone;    // of these: keys that are gone
    uint64_t stale;   // places in older parts that entries of this one supersede
} EntryCounts;

#endif
