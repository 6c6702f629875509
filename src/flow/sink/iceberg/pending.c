// SPDX-License-Identifier: Apache-2.0
// Keys on their way into the index, and what its answers mean: rows that are deleted.
//
// A key of its own has one row. Where the whole row is the key, equal rows are many: the n-th of them stands in the
// index under the hash of row and n, without gaps. A new one becomes the last, and it is the last that is taken away,
// for equal rows cannot be told apart.
#include "flow/sink/iceberg/moved.h"

#include "data/event/event_codec.h"
#include "flow/sink/iceberg/repair.h"

enum { PENDING_MAX = 65536, KEY_BYTES = 12 };

void lake_row_deleted(LakeTable *table, KeyPlace place) {
    place = moved_place(table, place);
    LakeDataFile *data = map_find_u64(&table->files, place.file);
    if (data == NULL) {
        return; // of a file that a TRUNCATE has taken away
    }
    data->rows = data->rows != NULL ? data->rows : positions_new();
    if (positions_add(data->rows, place.row)) {
        data->deleted++;
        data->changed = true;
        table->touched = true;
        table->rows_deleted++;
        if (table->upkeep.watched && !data->fresh) {
            data->since = data->since != NULL ? data->since : positions_new();
            (void)positions_add(data->since, place.row);
        }
    }
}

void pending_reset(PendingKeys *pending) {
    buf_reset(&pending->hashes);
    buf_reset(&pending->now);
    pending->count = 0;
}

// --- whole rows ------------------------------------------------------------------------------------------------

typedef struct Bag { // equal rows
    KeyHash hash;
    KeyPlace *places;
    size_t count, capacity;
    KeyPlace *before; // as the index has them
    size_t before_count;
} Bag;

typedef struct Bags {
    Arena arena[1];
    Map by_hash;
    Bag **all;
    size_t count;
} Bags;

static KeyHash nth(KeyHash hash, size_t n) {
    return (KeyHash){hash.high + n * UINT64_C(0x9E3779B97F4A7C15), hash.low ^ (uint32_t)n};
}

static Bag *bag_of(Bags *bags, KeyHash hash) {
    uint8_t key[KEY_BYTES];
    memcpy(key, &hash.high, sizeof(hash.high));
    memcpy(key + sizeof(hash.high), &hash.low, sizeof(hash.low));
    Bag *bag = map_find(&bags->by_hash, (Slice){key, sizeof(key)});
    if (bag == NULL) {
        bag = ARENA_NEW(bags->arena, Bag);
        bag->hash = hash;
        map_put(&bags->by_hash, (Slice){key, sizeof(key)}, bag);
        bags->all[bags->count++] = bag;
    }
    return bag;
}

static void bag_push(Bags *bags, Bag *bag, KeyPlace place) {
    if (bag->count == bag->capacity) {
        size_t capacity = MAX(bag->capacity * 2, (size_t)2);
        KeyPlace *places = ARENA_ARRAY(bags->arena, KeyPlace, capacity);
        if (bag->count > 0) {
            memcpy(places, bag->places, bag->count * sizeof(*places));
        }
        bag->places = places;
        bag->capacity = capacity;
    }
    bag->places[bag->count++] = place;
}

// What the index has of each: asked level by level, of those that had the level before.
static bool bags_find(LakeTable *table, Bags *bags, Err *err) {
    Bag **asked = ARENA_ARRAY(bags->arena, Bag *, bags->count);
    KeyHash *hashes = ARENA_ARRAY(bags->arena, KeyHash, bags->count);
    KeyPlace *places = ARENA_ARRAY(bags->arena, KeyPlace, bags->count);
    memcpy(asked, bags->all, bags->count * sizeof(Bag *)); // NOLINT(bugprone-sizeof-expression)
    size_t left = bags->count;
    for (size_t level = 0; left > 0; level++) {
        for (size_t i = 0; i < left; i++) {
            hashes[i] = nth(asked[i]->hash, level);
        }
        TRY(index_find(table->index, hashes, places, left, err));
        size_t found = 0;
        for (size_t i = 0; i < left; i++) {
            if (!key_place_none(places[i])) {
                bag_push(bags, asked[i], places[i]);
                asked[found++] = asked[i];
            }
        }
        left = found;
    }
    for (size_t i = 0; i < bags->count; i++) {
        Bag *bag = bags->all[i];
        bag->before_count = bag->count;
        bag->before = ARENA_ARRAY(bags->arena, KeyPlace, bag->count);
        if (bag->count > 0) {
            memcpy(bag->before, bag->places, bag->count * sizeof(KeyPlace));
        }
    }
    return true;
}

static bool bags_save(LakeTable *table, Bags *bags, Err *err) {
    DEFER(buf_release) Buf hashes = {0};
    DEFER(buf_release) Buf now = {0};
    size_t count = 0;
    for (size_t i = 0; i < bags->count; i++) {
        const Bag *bag = bags->all[i];
        for (size_t n = 0; n < MAX(bag->count, bag->before_count); n++) {
            KeyPlace is = n < bag->count ? bag->places[n] : KEY_NOWHERE;
            KeyPlace was = n < bag->before_count ? bag->before[n] : KEY_NOWHERE;
            if (is.file != was.file || is.row != was.row) {
                KeyHash hash = nth(bag->hash, n);
                buf_bytes(&hashes, &hash, sizeof(hash));
                buf_bytes(&now, &is, sizeof(is));
                count++;
            }
        }
    }
    if (count == 0) {
        return true;
    }
    KeyPlace *was = ARENA_ARRAY(bags->arena, KeyPlace, count);
    return index_exchange(table->index, (const KeyHash *)(const void *)hashes.data,
                          (const KeyPlace *)(const void *)now.data, was, count, err);
}

static bool rows_drain(LakeTable *table, const KeyHash *hashes, const KeyPlace *now, size_t count, Err *err) {
    Bags bags = {0};
    arena_init(bags.arena, "scratch", 0);
    bags.all = ARENA_ARRAY(bags.arena, Bag *, count);
    for (size_t i = 0; i < count; i++) {
        (void)bag_of(&bags, hashes[i]);
    }
    bool ok = bags_find(table, &bags, err);
    for (size_t i = 0; i < count && ok; i++) {
        Bag *bag = bag_of(&bags, hashes[i]);
        if (!key_place_none(now[i])) {
            bag_push(&bags, bag, now[i]);
        } else if (bag->count > 0) {
            lake_row_deleted(table, bag->places[--bag->count]);
        }
    }
    ok = ok && bags_save(table, &bags, err);
    map_release(&bags.by_hash);
    arena_release(bags.arena);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool pending_moved(LakeTable *table, const KeyHash *hashes, size_t count, Err *err) {
    Bags bags = {0};
    arena_init(bags.arena, "scratch", 0);
    bags.all = ARENA_ARRAY(bags.arena, Bag *, count);
    for (size_t i = 0; i < count; i++) {
        (void)bag_of(&bags, hashes[i]);
    }
    bool ok = bags_find(table, &bags, err);
    for (size_t i = 0; i < bags.count && ok; i++) {
        for (size_t n = 0; n < bags.all[i]->count; n++) {
            bags.all[i]->places[n] = moved_place(table, bags.all[i]->places[n]);
        }
    }
    ok = ok && bags_save(table, &bags, err);
    map_release(&bags.by_hash);
    arena_release(bags.arena);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- all -------------------------------------------------------------------------------------------------------

bool pending_drain(LakeTable *table, Err *err) {
    PendingKeys *pending = &table->pending;
    size_t count = pending->count;
    const KeyHash *hashes = (const KeyHash *)(const void *)pending->hashes.data;
    const KeyPlace *now = (const KeyPlace *)(const void *)pending->now.data;
    pending_reset(pending);
    if (count == 0) {
        return true;
    }
    if (table->mapping.full_row) {
        return rows_drain(table, hashes, now, count, err);
    }
    if (pending->load) {
        return index_load(table->index, hashes, now, count, err);
    }
    buf_reset(&pending->was);
    KeyPlace *was = (KeyPlace *)(void *)buf_room(&pending->was, count * sizeof(KeyPlace));
    TRY(index_exchange(table->index, hashes, now, was, count, err));
    for (size_t i = 0; i < count; i++) {
        if (!key_place_none(was[i])) {
            lake_row_deleted(table, was[i]);
        }
    }
    return true;
}

bool pending_add(LakeTable *table, KeyHash hash, KeyPlace now, bool load, Err *err) {
    PendingKeys *pending = &table->pending;
    if (pending->count == PENDING_MAX || (pending->count > 0 && pending->load != load)) {
        TRY(pending_drain(table, err));
    }
    if (UNLIKELY(table->lake->watched) && key_place_none(now)) {
        watch_deleted(table, hash);
    }
    pending->load = load;
    pending->count++;
    buf_bytes(&pending->hashes, &hash, sizeof(hash));
    buf_bytes(&pending->now, &now, sizeof(now));
    return true;
}

KeyHash mapping_key_hash(const Mapping *mapping, const Value *key) {
    if (!mapping->full_row) {
        return key_hash(key, mapping->key_count, mapping->exact_keys);
    }
    Buf bytes;
    buf_init(&bytes, 0);
    for (size_t i = 0; i < mapping->key_count; i++) {
        if (key[i].kind != VALUE_NULL) { // so that a column that came later and is NULL makes no difference
            buf_varint(&bytes, (uint64_t)(uint32_t)mapping->schema.shape->fields[mapping->key[i]].shape.id);
            value_encode(&bytes, &key[i]);
        }
    }
    Value whole = value_bytes(VALUE_BYTES, bytes.size > 0 ? buf_slice(&bytes) : SLICE(""));
    KeyHash hash = key_hash(&whole, 1, false);
    buf_release(&bytes);
    return hash;
}
