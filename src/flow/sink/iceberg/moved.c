// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/moved.h"

typedef struct Moved {
    uint32_t to, base;
    Positions *dropped; // NULL = none
} Moved;

static void moved_free(Moved *moved) {
    positions_free(moved->dropped);
    free(moved);
}

void moved_put(LakeTable *table, uint32_t number, uint32_t to, uint32_t base, Positions *dropped) {
    Moved *moved = calloc(1, sizeof(*moved));
    ASSERT(moved != NULL && map_find_u64(&table->moved, number) == NULL);
    *moved = (Moved){to, base, dropped};
    map_put_u64(&table->moved, number, moved);
}

KeyPlace moved_place(const LakeTable *table, KeyPlace place) {
    while (UNLIKELY(table->moved.count > 0) && !key_place_none(place)) {
        const Moved *moved = map_find_u64(&table->moved, place.file);
        if (moved == NULL) {
            break;
        }
        uint64_t below = moved->dropped != NULL ? positions_below(moved->dropped, place.row) : 0;
        place = (KeyPlace){moved->to, moved->base + place.row - (uint32_t)below};
    }
    return place;
}

void moved_forget(LakeTable *table, uint32_t to) {
    for (bool again = true; again;) {
        again = false;
        for (MapEntry *e = NULL; (e = map_next(&table->moved, e)) != NULL;) {
            Moved *moved = e->value;
            if (moved->to == to) {
                (void)map_remove(&table->moved, e->key);
                moved_free(moved);
                again = true; // the map has moved
                break;
            }
        }
    }
}

void moved_clear(LakeTable *table) {
    for (MapEntry *e = NULL; (e = map_next(&table->moved, e)) != NULL;) {
        moved_free(e->value);
    }
    map_release(&table->moved);
    table->moved = (Map){0};
}

bool moved_find(LakeTable *table, const KeyHash *keys, KeyPlace *places, size_t count, Err *err) {
    TRY(index_find(table->index, keys, places, count, err));
    for (size_t i = 0; i < count; i++) {
        places[i] = moved_place(table, places[i]);
    }
    return true;
}

bool moved_tell(LakeTable *table, uint32_t to, uint32_t row, const KeyHash *keys, size_t count, Err *err) {
    if (table->mapping.full_row) {
        return pending_moved(table, keys, count, err);
    }
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    KeyPlace *now = ARENA_ARRAY(&scratch, KeyPlace, count), *was = ARENA_ARRAY(&scratch, KeyPlace, count);
    KeyHash *back = ARENA_ARRAY(&scratch, KeyHash, count);
    size_t others = 0;
    for (size_t i = 0; i < count; i++) {
        now[i] = (KeyPlace){to, row + (uint32_t)i};
    }
    TRY(index_exchange(table->index, keys, now, was, count, err));
    for (size_t i = 0; i < count; i++) {
        KeyPlace place = moved_place(table, was[i]);
        if (place.file != now[i].file || place.row != now[i].row) { // changed or deleted meanwhile
            back[others] = keys[i];
            was[others++] = was[i];
        }
    }
    return others == 0 || index_exchange(table->index, back, was, now, others, err);
}
