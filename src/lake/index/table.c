// SPDX-License-Identifier: Apache-2.0
// A slot: the hash's upper 64 bits in two words, the row, the file with flags above it, and the hash's lower 32 bits
// where keys are not exact. An entry lies in its home slot or behind it, no more than TABLE_REACH, and never before a
// smaller one. (Growing may move one past the reach, by a slot each time: then it is found, and
// its place too crowded to be replaced.)
#include "lake/index/table.h"

enum {
    TABLE_REACH = 4096,
    TABLE_TAIL = TABLE_REACH + 64, // slots behind the last home; the last is never used
    TABLE_SLOTS_MIN = 1024,
    SLOT_FILE = 0xffffff,
    SLOT_USED = 1 << 24,
    SLOT_GONE = 1 << 25,
    SLOT_SUPERSEDES = 1 << 26,
};

static inline uint64_t slot_high(const uint32_t *slot) {
    uint64_t high;
    memcpy(&high, slot, sizeof(high));
    return high;
}
static inline bool slot_used(const uint32_t *slot) {
    return (slot[3] & SLOT_USED) != 0;
}
static inline uint32_t slot_low(const KeyTable *table, const uint32_t *slot) {
    return table->stride == TABLE_WORDS_WIDE ? slot[4] : 0;
}
static inline KeyPlace slot_place(const uint32_t *slot) {
    return (slot[3] & SLOT_GONE) != 0 ? KEY_NOWHERE : (KeyPlace){slot[3] & SLOT_FILE, slot[2]};
}
static inline bool slot_before(const KeyTable *table, const uint32_t *slot, uint64_t high, uint32_t low) {
    uint64_t mine = slot_high(slot);
    return mine < high || (UNLIKELY(mine == high) && slot_low(table, slot) < low);
}

static uint32_t *table_slots(uint64_t slots, uint32_t stride) {
    uint32_t *words = calloc((slots + TABLE_TAIL) * stride, sizeof(uint32_t));
    if (words == NULL) {
        panic("no memory for the key index's table of %" PRIu64 " slots", slots);
    }
    return words;
}

void key_table_init(KeyTable *table, bool exact) {
    *table = (KeyTable){.stride = exact ? TABLE_WORDS_EXACT : TABLE_WORDS_WIDE};
}

void key_table_release(KeyTable *table) {
    free(table->words);
    table->words = NULL;
    table->slots = 0;
}

void key_table_clear(KeyTable *table) {
    if (table->words != NULL) {
        memset(table->words, 0, key_table_bytes(table));
    }
    table->counts = (EntryCounts){0};
}

void key_table_reset(KeyTable *table) {
    key_table_release(table);
    table->counts = (EntryCounts){0};
}

size_t key_table_bytes(const KeyTable *table) {
    return table->slots == 0 ? 0 : (table->slots + TABLE_TAIL) * table->stride * sizeof(uint32_t);
}

void key_table_reserve(KeyTable *table, uint64_t entries, uint64_t entries_max) {
    uint64_t need = MAX(entries + entries / 3 + 1, (uint64_t)TABLE_SLOTS_MIN);
    if (need <= table->slots) {
        return;
    }
    uint64_t most = entries_max + entries_max / 3 + 1;
    uint64_t slots = MAX(need, MIN(table->slots + table->slots / 2, most));
    KeyTable grown = *table;
    grown.words = table_slots(slots, table->stride);
    grown.slots = slots;
    uint64_t free_from = 0;
    for (uint64_t i = 0; table->slots > 0 && i < table->slots + TABLE_TAIL; i++) {
        const uint32_t *slot = table->words + i * table->stride;
        if (slot_used(slot)) {
            uint64_t to = MAX(key_table_home(&grown, slot_high(slot)), free_from);
            ASSERT(to + 1 < slots + TABLE_TAIL);
            memcpy(grown.words + to * table->stride, slot, table->stride * sizeof(uint32_t));
            free_from = to + 1;
        }
    }
    free(table->words);
    *table = grown;
}

static void slot_write(const KeyTable *table, uint32_t *slot, const IndexEntry *entry) {
    bool gone = key_place_none(entry->place);
    memcpy(slot, &entry->high, sizeof(entry->high));
    slot[2] = gone ? 0 : entry->place.row;
    slot[3] = (gone ? (uint32_t)SLOT_GONE : entry->place.file) | SLOT_USED |
              (entry->supersedes ? (uint32_t)SLOT_SUPERSEDES : 0);
    if (table->stride == TABLE_WORDS_WIDE) {
        slot[4] = entry->low;
    }
}

static void slot_replace(KeyTable *table, uint32_t *slot, const IndexEntry *entry) {
    bool was_gone = (slot[3] & SLOT_GONE) != 0, gone = key_place_none(entry->place);
    table->counts.gone += (uint64_t)gone - (uint64_t)was_gone;
    IndexEntry kept = *entry;
    kept.supersedes = (slot[3] & SLOT_SUPERSEDES) != 0;
    slot_write(table, slot, &kept);
}

bool key_table_put(KeyTable *table, const IndexEntry *entry) {
    ASSERT(key_place_none(entry->place) || entry->place.file <= SLOT_FILE);
    if (table->slots == 0) {
        return false;
    }
    const uint32_t stride = table->stride;
    uint32_t *home = table->words + key_table_home(table, entry->high) * stride;
    uint32_t *const end = home + (size_t)TABLE_REACH * stride;
    uint32_t *at = home;
    while (at < end && slot_used(at) && slot_before(table, at, entry->high, entry->low)) {
        at += stride;
    }
    if (at < end && slot_used(at) && slot_high(at) == entry->high && slot_low(table, at) == entry->low) {
        slot_replace(table, at, entry);
        return true;
    }
    uint32_t *room = at;
    while (room < end && slot_used(room)) {
        room += stride;
    }
    if (room >= end) {
        return false;
    }
    memmove(at + stride, at, (size_t)((uint8_t *)room - (uint8_t *)at));
    slot_write(table, at, entry);
    table->counts.entries++;
    table->counts.gone += key_place_none(entry->place);
    table->counts.stale += entry->supersedes;
    return true;
}

bool key_table_find(const KeyTable *table, uint64_t high, uint32_t low, KeyPlace *place) {
    if (table->slots == 0) {
        return false;
    }
    const uint32_t *at = table->words + key_table_home(table, high) * table->stride;
    while (slot_used(at) && slot_before(table, at, high, low)) {
        at += table->stride; // ends: the last slot of all is never used
    }
    if (!slot_used(at) || slot_high(at) != high || slot_low(table, at) != low) {
        return false;
    }
    *place = slot_place(at);
    return true;
}

bool key_table_next(const KeyTable *table, uint64_t *at, IndexEntry *entry) {
    if (table->slots == 0) {
        return false;
    }
    uint64_t end = table->slots + TABLE_TAIL;
    const uint32_t *slot = table->words + *at * table->stride;
    for (; *at < end; ++*at, slot += table->stride) {
        if (slot_used(slot)) {
            *entry = (IndexEntry){slot_high(slot), slot_low(table, slot), slot_place(slot),
                                  (slot[3] & SLOT_SUPERSEDES) != 0};
            ++*at;
            return true;
        }
    }
    return false;
}
