// SPDX-License-Identifier: Apache-2.0
// Work on one table: opening it, snapshots, orphans. (Rewriting: hand_rewrite.c.)
#include "flow/sink/iceberg/hand.h"

#include "core/sys/clock.h"

enum { PATIENCE_MS = 60 * 1000, CHOICES_MAX = 5 };

typedef struct Doing {
    const HandPlace *place;
    const HandWork *work;
    Table *table;
    Arena *arena;
    HandDone *done;
    Buf removed; // HandFile
    uint64_t size;
} Doing;

// Only what lies in the table's own folder: files that were added from elsewhere are somebody else's.
static bool is_own(const Doing *doing, Slice uri) {
    Slice location = table_metadata(doing->table)->location;
    return uri.size > location.size && memcmp(uri.data, location.data, location.size) == 0 &&
           uri.data[location.size] == '/';
}

static bool remove_visit(void *context, Slice uri, Err *err) {
    Doing *doing = context;
    const HandPlace *place = doing->place;
    TRY(place->pace == NULL || place->pace(place->context, err));
    if (!is_own(doing, uri)) {
        return true;
    }
    doing->done->files++;
    doing->done->bytes += doing->size;
    return doing->work->dry_run || lake_io_remove(place->io, uri, err);
}

static bool refresh(Doing *doing, Err *err) {
    CatalogTable now;
    TRY(catalog_load(doing->place->catalog, doing->work->name, doing->arena, &now, err));
    return table_refresh(doing->table, now.metadata_json, now.metadata_file, err);
}

// --- snapshots -------------------------------------------------------------------------------------------------

static bool is_removed(const SnapshotChoice *choice, Slice name) {
    for (size_t i = 0; i < choice->ref_count; i++) {
        if (slice_equal(choice->refs[i], name)) {
            return true;
        }
    }
    return false;
}

bool lake_expire_commit(Catalog *catalog, TableName name, const TableMetadata *metadata, const SnapshotChoice *choice,
                        Arena *arena, Err *err) {
    size_t count = 0, required = 0;
    TableUpdate *updates = ARENA_ARRAY(arena, TableUpdate, choice->ref_count + 1);
    TableRequirement *requirements = ARENA_ARRAY(arena, TableRequirement, metadata->ref_count + 1);
    requirements[required++] = (TableRequirement){.kind = REQUIRE_UUID, .text = arena_slice(arena, metadata->uuid)};
    for (size_t i = 0; i < metadata->ref_count; i++) {
        const SnapshotRef *ref = &metadata->refs[i];
        if (!slice_is(ref->name, "main") || is_removed(choice, ref->name)) { // main moves all the time
            requirements[required++] = (TableRequirement){
                .kind = REQUIRE_REF_SNAPSHOT, .text = arena_slice(arena, ref->name), .id = ref->snapshot_id};
        }
    }
    for (size_t i = 0; i < choice->ref_count; i++) {
        updates[count++] =
            (TableUpdate){.action = UPDATE_REMOVE_SNAPSHOT_REF, .text = arena_slice(arena, choice->refs[i])};
    }
    if (choice->count > 0) {
        updates[count++] = (TableUpdate){.action = UPDATE_REMOVE_SNAPSHOTS, .ids = choice->ids, .count = choice->count};
    }
    CatalogCommit commit = {.name = name, .change = {requirements, required, updates, count}};
    return catalog_commit(catalog, &commit, 1, PATIENCE_MS, arena, err) || err_frame(err, __FILE__, __LINE__);
}

static Snapshot *expired_copy(const Doing *doing, const SnapshotChoice *choice) {
    Snapshot *expired = ARENA_ARRAY(doing->arena, Snapshot, choice->count);
    for (size_t i = 0; i < choice->count; i++) {
        const Snapshot *snapshot = table_snapshot_find(table_metadata(doing->table), choice->ids[i]);
        expired[i] = (Snapshot){
            .id = snapshot->id, .parent_id = -1, .manifest_list = arena_slice(doing->arena, snapshot->manifest_list)};
    }
    return expired;
}

static void expire_choose(Doing *doing, SnapshotChoice *choice) {
    int64_t now_ms = clock_wall_us() / 1000, age_ms = MAX(now_ms - doing->work->before_ms, (int64_t)0);
    const SnapshotRules rules = {.now_ms = now_ms,
                                 .dense_ms = age_ms,
                                 .minutes_ms = age_ms,
                                 .retention_ms = age_ms,
                                 .min_snapshots = MAX(doing->work->keep, (size_t)1)};
    const TableMetadata *metadata = table_metadata(doing->table);
    snapshots_to_expire(metadata, &rules, doing->arena, choice);
    doing->done->snapshots_before = metadata->snapshot_count;
    doing->done->snapshots_expired = choice->count;
    doing->done->refs_expired = choice->ref_count;
}

static bool expire(Doing *doing, Err *err) {
    for (int i = 1;; i++) {
        SnapshotChoice choice = {0};
        expire_choose(doing, &choice);
        if (doing->work->dry_run || choice.count + choice.ref_count == 0) {
            return true;
        }
        const Snapshot *expired = expired_copy(doing, &choice);
        bool good = lake_expire_commit(doing->place->catalog, doing->work->name, table_metadata(doing->table), &choice,
                                       doing->arena, err);
        if (!good && (err->code != ERR_CHANGED || i == CHOICES_MAX)) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        TRY(refresh(doing, err));
        if (good) {
            return table_unreachable(doing->table, expired, choice.count, remove_visit, doing, err);
        }
    }
}

// --- orphans ---------------------------------------------------------------------------------------------------

static bool orphan_visit(void *context, Slice uri, uint64_t size, Err *err) {
    Doing *doing = context;
    uint64_t before = doing->done->files;
    doing->size = size;
    TRY(remove_visit(doing, uri, err));
    if (doing->done->files > before) {
        HandFile file = {arena_slice(doing->arena, uri), size};
        buf_bytes(&doing->removed, &file, sizeof(file));
    }
    return true;
}

static bool orphans(Doing *doing, Err *err) {
    bool good = table_orphans(doing->table, doing->place->io, doing->work->before_ms, orphan_visit, doing, err);
    Slice all = arena_slice(doing->arena, buf_slice(&doing->removed));
    doing->done->removed = (const HandFile *)(const void *)all.data;
    doing->done->removed_count = all.size / sizeof(HandFile);
    buf_release(&doing->removed);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- all -------------------------------------------------------------------------------------------------------

// Files may belong to other tables, too: their owner says so.
static bool may_remove(const Doing *doing, Err *err) {
    if (!slice_is(table_property(table_metadata(doing->table), "gc.enabled"), "false")) {
        return true;
    }
    FAIL(err, ERR_EXISTS, "table %.*s has gc.enabled=false: its files are others', too",
         SLICE_ARG(doing->work->name.table));
    return err_hint(err, "set the property to true when they are not");
}

static bool table_do(Doing *doing, Err *err) {
    CatalogTable found;
    TRY(catalog_load(doing->place->catalog, doing->work->name, doing->arena, &found, err));
    TRY(table_open(doing->place->io, found.metadata_json, found.metadata_file, &doing->table, err));
    if (doing->work->verb == HAND_REWRITE) {
        return hand_rewrite(doing->place, doing->work, doing->table, doing->arena, doing->done, err);
    }
    TRY(may_remove(doing, err));
    return doing->work->verb == HAND_EXPIRE ? expire(doing, err) : orphans(doing, err);
}

bool hand_do(const HandPlace *place, const HandWork *work, Arena *arena, HandDone *done, Err *err) {
    *done = (HandDone){0};
    Doing doing = {.place = place, .work = work, .arena = arena, .done = done};
    bool good = table_do(&doing, err);
    if (doing.table != NULL) {
        table_close(doing.table);
    }
    return good || err_frame(err, __FILE__, __LINE__);
}
