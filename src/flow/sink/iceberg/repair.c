// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/repair.h"

#include "flow/sink/corrections.h"
#include "flow/sink/iceberg/moved.h"
#include "lake/iceberg/rows.h"

enum { WATCHED_MAX = 1000000, KEY_BYTES = 12 };

// --- keys that were deleted since ------------------------------------------------------------------------------

static Slice key_bytes(KeyHash hash, uint8_t bytes[KEY_BYTES]) {
    memcpy(bytes, &hash.high, sizeof(hash.high));
    memcpy(bytes + sizeof(hash.high), &hash.low, sizeof(hash.low));
    return (Slice){bytes, KEY_BYTES};
}

void watch_release(LakeTable *table) {
    map_release(&table->gone);
    table->gone = (Map){0};
    table->gone_all = false;
}

void lake_watch(Lake *lake, const Map *tables) {
    lake_unwatch(lake, tables);
    lake->watched = true;
}

void lake_unwatch(Lake *lake, const Map *tables) {
    lake->watched = false;
    for (MapEntry *e = NULL; (e = map_next(tables, e)) != NULL;) {
        watch_release(e->value);
    }
}

void watch_deleted(LakeTable *table, KeyHash hash) {
    uint8_t bytes[KEY_BYTES];
    if (table->gone.count == WATCHED_MAX) { // too many to tell one from another
        watch_truncated(table);
    }
    if (!table->gone_all) {
        map_put(&table->gone, key_bytes(hash, bytes), table);
    }
}

void watch_truncated(LakeTable *table) {
    watch_release(table);
    table->gone_all = true;
}

static bool deleted_since(const LakeTable *table, KeyHash hash) {
    uint8_t bytes[KEY_BYTES];
    return table->gone_all || map_find(&table->gone, key_bytes(hash, bytes)) != NULL;
}

// --- corrections -----------------------------------------------------------------------------------------------

typedef struct Repairing {
    Lake *lake;
    Map *tables;
    SinkRepair *repair;
    LakeTable *table;     // of the last correction
    LakeDeletes *deletes; // of its current snapshot; NULL = there is none
    Arena names[1];
    Slice topic;
} Repairing;

static void table_leave(Repairing *repairing) {
    lake_deletes_free(repairing->deletes);
    repairing->deletes = NULL;
    repairing->table = NULL;
    repairing->topic = (Slice){0};
}

// NULL: it is not there, or nothing of it is known by key.
static bool table_enter(Repairing *repairing, const Correction *correction, Err *err) {
    if (repairing->topic.data != NULL && slice_equal(repairing->topic, correction->topic)) {
        return true;
    }
    table_leave(repairing);
    repairing->topic = arena_slice(repairing->names, correction->topic);
    LakeTable *table = map_find(repairing->tables, correction->topic);
    if (table == NULL && correction->schema != NULL) {
        TRY(lake_table_open(repairing->lake, repairing->topic, correction->schema, false, &table, err));
        if (table != NULL) {
            map_put(repairing->tables, table->topic, table);
            table->borrowed = true;
        }
    }
    if (table == NULL || table->index == NULL || table->append) {
        return true;
    }
    TRY(lake_table_settle(table, err));
    const Snapshot *snapshot = table_snapshot_current(table_metadata(table->table));
    TRY(snapshot == NULL || lake_deletes_load(repairing->lake->io, table->table, snapshot, &repairing->deletes, err));
    repairing->table = table;
    return true;
}

static const LakeDataFile *place_file(const Repairing *repairing, const CorrectionPlace *place) {
    const LakeDataFile *data = map_find(&repairing->table->by_path, place->file);
    return data != NULL && !data->gone ? data : NULL;
}

static bool place_live(const Repairing *repairing, const LakeDataFile *data, uint64_t position) {
    const Positions *deleted = repairing->deletes != NULL ? lake_deletes_of(repairing->deletes, data->file.path) : NULL;
    return position < (uint64_t)data->file.record_count && (deleted == NULL || !positions_has(deleted, position)) &&
           (data->rows == NULL || !positions_has(data->rows, position));
}

// Rows that the index does not know. *seen: the index's own is among the places.
static void strays_delete(Repairing *repairing, const Correction *correction, KeyPlace now, bool *seen) {
    *seen = false;
    for (size_t i = 0; i < correction->place_count; i++) {
        const CorrectionPlace *place = &correction->places[i];
        const LakeDataFile *data = place_file(repairing, place);
        if (data == NULL) {
            continue; // written anew since, as compaction does
        }
        bool current = !key_place_none(now) && data->number == now.file && place->position == now.row;
        *seen |= current;
        if (!current && place_live(repairing, data, place->position)) {
            lake_row_deleted(repairing->table, (KeyPlace){data->number, (uint32_t)place->position});
            repairing->repair->removed++;
        }
    }
}

// As an event that comes now, and takes no offset.
static bool row_put(Repairing *repairing, const Correction *correction, Err *err) {
    LakeTable *table = repairing->table;
    uint64_t next = table->next;
    JournalTopic topic = {.name = table->topic};
    Event event = {.op = OP_UPDATE,
                   .offset_span = 1,
                   .column_count = correction->schema->column_count,
                   .after = correction->after};
    JournalEntry entry = {
        .kind = JOURNAL_EVENT, .topic = &topic, .schema = table->schema, .offset = next, .event = &event};
    bool ok = lake_table_take(table, &entry, err);
    table->next = next;
    repairing->repair->put++;
    return ok && pending_drain(table, err);
}

static bool row_fits(const LakeTable *table, const Correction *correction) {
    return table->schema != NULL && schema_equal(table->schema, correction->schema);
}

// Equal rows cannot be told apart: so many of them go, or one more comes. Where one was deleted since the tag, nobody
// knows how many there should be.
static bool bag_apply(Repairing *repairing, const Correction *correction, Err *err) {
    LakeTable *table = repairing->table;
    KeyHash hash = mapping_key_hash(&table->mapping, correction->key);
    if (deleted_since(table, hash) || (correction->after != NULL && !row_fits(table, correction))) {
        repairing->repair->passed_over++;
        return true;
    }
    if (correction->after != NULL) {
        return row_put(repairing, correction, err);
    }
    for (size_t i = 0; i < correction->place_count; i++) {
        repairing->repair->removed++;
        TRY(pending_add(table, hash, KEY_NOWHERE, false, err));
    }
    return pending_drain(table, err);
}

static bool correction_apply(Repairing *repairing, const Correction *correction, Err *err) {
    LakeTable *table = repairing->table;
    KeyHash hash = mapping_key_hash(&table->mapping, correction->key);
    KeyPlace now;
    bool seen;
    TRY(moved_find(table, &hash, &now, 1, err));
    strays_delete(repairing, correction, now, &seen);
    bool rewritten = key_place_none(now) ? deleted_since(table, hash) : !seen;
    if (rewritten || (correction->after != NULL && !row_fits(table, correction))) {
        repairing->repair->passed_over++;
        return true;
    }
    if (correction->after != NULL) {
        return row_put(repairing, correction, err);
    }
    repairing->repair->removed += !key_place_none(now);
    return pending_add(table, hash, KEY_NOWHERE, false, err) && pending_drain(table, err);
}

static bool correction_visit(void *context, const Correction *correction, Err *err) {
    Repairing *repairing = context;
    TRY(table_enter(repairing, correction, err));
    const LakeTable *table = repairing->table;
    if (table == NULL || correction->key == NULL || correction->key_count != table->mapping.key_count) {
        repairing->repair->passed_over++;
        return true;
    }
    return (table->mapping.full_row ? bag_apply : correction_apply)(repairing, correction, err);
}

// What was opened with a schema of the corrections' file takes that of the next event.
static void schemas_forget(const Map *tables) {
    for (MapEntry *e = NULL; (e = map_next(tables, e)) != NULL;) {
        LakeTable *table = e->value;
        table->schema = table->borrowed ? NULL : table->schema;
        table->borrowed = false;
    }
}

bool lake_repair(Lake *lake, Map *tables, const char *corrections, SinkRepair *repair, Err *err) {
    Repairing repairing = {.lake = lake, .tables = tables, .repair = repair};
    arena_init(repairing.names, "topics", 0);
    *repair = (SinkRepair){0};
    bool ok = corrections_read(corrections, correction_visit, &repairing, err);
    table_leave(&repairing);
    schemas_forget(tables);
    arena_release(repairing.names);
    return ok || err_frame(err, __FILE__, __LINE__);
}
