// SPDX-License-Identifier: Apache-2.0
// The data directory was lost: the lake is taken back to what is remembered of it.
#include "core/base/log.h"
#include "core/sys/crash.h"
#include "flow/sink/iceberg/adopt.h"
#include "flow/sink/iceberg/memory.h"
#include "lake/catalog/embedded/embedded.h"

// --- the embedded catalog --------------------------------------------------------------------------------------

typedef struct Candidate {
    uint64_t version;
    Slice file;
} Candidate;

typedef struct Candidates {
    Arena *arena;
    uint64_t least;
    Buf found; // Candidate
} Candidates;

static Slice base_name(Slice file) {
    size_t at = file.size;
    while (at > 0 && file.data[at - 1] != '/') {
        at--;
    }
    return slice_from(file, at);
}

static bool is_metadata(Slice name) {
    static const char END[] = ".metadata.json";
    size_t size = sizeof(END) - 1;
    return name.size > size && memcmp(name.data + name.size - size, END, size) == 0;
}

static bool candidate_visit(void *context, Slice uri, uint64_t size) {
    Candidates *candidates = context;
    uint64_t version = lake_number(base_name(uri));
    if (size > 0 && is_metadata(uri) && version > candidates->least) {
        Candidate found = {version, arena_slice(candidates->arena, uri)};
        buf_bytes(&candidates->found, &found, sizeof(found));
    }
    return true;
}

static int newest_first(const void *a, const void *b) {
    uint64_t x = ((const Candidate *)a)->version, y = ((const Candidate *)b)->version;
    return x < y ? 1 : x > y ? -1 : 0;
}

static bool metadata_load(Lake *lake, Slice file, Arena *arena, TableMetadata *metadata, Err *err) {
    Slice json;
    return lake_io_get(lake->io, file, arena, &json, err) && table_metadata_parse(json, arena, metadata, err);
}

// The newest of the table's metadata files: that of the cut, or one that was written since. What is no metadata of this
// table, or was not written to its end, is passed over.
static bool newest_metadata(Lake *lake, Slice file, Arena *arena, Slice *newest, Slice *location, Err *err) {
    TableMetadata was, is;
    TRY(metadata_load(lake, file, arena, &was, err));
    *newest = file;
    *location = was.location;
    Candidates candidates = {.arena = arena, .least = lake_number(base_name(file))};
    Slice folder = {file.data, file.size - base_name(file).size};
    bool ok = lake_io_list(lake->io, folder, candidate_visit, &candidates, err);
    Candidate *found = (Candidate *)(void *)candidates.found.data;
    size_t count = candidates.found.size / sizeof(*found);
    if (count > 0) {
        qsort(found, count, sizeof(*found), newest_first);
    }
    bool taken = false;
    for (size_t i = 0; i < count && ok && !taken; i++) {
        Err unread[1] = {{0}};
        taken = metadata_load(lake, found[i].file, arena, &is, unread) && slice_equal(is.uuid, was.uuid);
        *newest = taken ? found[i].file : *newest;
    }
    buf_release(&candidates.found);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// The catalog may be an older copy as well: the pointer only ever goes forward.
static bool table_register(Lake *lake, const RememberedTable *table, Arena *arena, Err *err) {
    const CatalogDriver *driver = catalog_driver(lake->catalog);
    CatalogTable found;
    Slice newest = {0}, location = {0};
    if (!newest_metadata(lake, table->metadata_file, arena, &newest, &location, err)) {
        return err_prefix(err, "table %.*s.%.*s", SLICE_ARG(table->name.space), SLICE_ARG(table->name.table));
    }
    bool exists = catalog_load(lake->catalog, table->name, arena, &found, err);
    if (!exists && err->code != ERR_NOT_FOUND) {
        return err_frame(err, __FILE__, __LINE__);
    }
    err_clear(err);
    if (exists) {
        TableMetadata metadata;
        TRY(table_metadata_parse(found.metadata_json, arena, &metadata, err));
        bool behind = slice_equal(metadata.location, location) &&
                      lake_number(base_name(found.metadata_file)) < lake_number(base_name(newest));
        if (!behind) {
            return true;
        }
    }
    log_info(LOG_SINK, "a table is put back into the catalog", LOG_SLICE("table", table->name.table),
             LOG_SLICE("metadata", newest));
    return catalog_ensure_space(lake->catalog, table->name.space, err) &&
           driver->register_table(catalog_state(lake->catalog), table->name, newest, true, err);
}

static bool tables_register(LakeMemory *memory, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    for (size_t i = 0; i < memory->last.table_count; i++) {
        TRY(table_register(memory->lake, &memory->last.tables[i], &scratch, err));
        arena_reset(&scratch);
    }
    return true;
}

// --- tables that are ahead -------------------------------------------------------------------------------------

static Slice commit_cut(const Lake *lake, const Snapshot *snapshot) {
    bool ours = slice_is(snapshot_summary(snapshot, "leat.pipeline"), lake->pipeline);
    return ours ? snapshot_summary(snapshot, "leat.cut") : (Slice){0};
}

// The newest snapshot of the line that is not above the cut, NULL = none; *ahead: there is one above it, *foreign: and
// on top of that what somebody else has written.
static const Snapshot *snapshot_at(const LakeMemory *memory, const TableMetadata *metadata, bool *ahead,
                                   bool *foreign) {
    const Snapshot *snapshot = table_snapshot_current(metadata);
    bool others = false;
    *ahead = *foreign = false;
    while (snapshot != NULL && snapshot->sequence_number > adopt_sequence(metadata)) {
        Slice cut = commit_cut(memory->lake, snapshot);
        if (cut.size > 0 && lake_number(cut) <= memory->last.sequence) {
            return snapshot;
        }
        if (cut.size > 0) {
            *ahead = true;
            *foreign |= others;
        } else {
            others |= !slice_is(snapshot_summary(snapshot, "operation"), "replace");
        }
        snapshot = snapshot->parent_id >= 0 ? table_snapshot_find(metadata, snapshot->parent_id) : NULL;
    }
    return snapshot;
}

static bool table_take_back(LakeMemory *memory, TableName name, const TableMetadata *metadata, const Snapshot *to,
                            Arena *arena, Err *err) {
    bool ours = to != NULL && to->sequence_number > adopt_sequence(metadata);
    Slice offset = ours ? snapshot_summary(to, "leat.offset") : SLICE("0");
    Property properties[] = {
        {SLICE("leat.offset"), offset},
        {SLICE("leat.epoch"), slice_of(arena_printf(arena, "%" PRIu64, memory->last.epoch))},
    };
    TableUpdate updates[] = {
        {.action = UPDATE_REMOVE_SNAPSHOT_REF, .text = SLICE("main")},
        {.action = UPDATE_SET_PROPERTIES, .properties = properties, .count = ARRAY_LEN(properties)},
    };
    if (to != NULL) {
        updates[0] = (TableUpdate){.action = UPDATE_SET_SNAPSHOT_REF,
                                   .text = SLICE("main"),
                                   .ref = {.name = SLICE("main"),
                                           .snapshot_id = to->id,
                                           .min_snapshots = -1,
                                           .max_snapshot_age_ms = -1,
                                           .max_ref_age_ms = -1}};
    }
    const SnapshotRef *main_ref = table_ref_find(metadata, SLICE("main"));
    if (to != NULL && main_ref != NULL) {
        updates[0].ref = *main_ref;
        updates[0].ref.snapshot_id = to->id;
    }
    TableRequirement requirements[] = {
        {.kind = REQUIRE_UUID, .text = metadata->uuid},
        {.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = metadata->current_snapshot_id},
    };
    CatalogCommit commit = {.name = name, .change = {requirements, ARRAY_LEN(requirements), updates, 2}};
    log_warn(LOG_SINK, "a table is ahead of what is remembered: its last commit is taken back, and made again",
             LOG_SLICE("table", name.table));
    return catalog_commit(memory->lake->catalog, &commit, 1, -1, arena, err);
}

static bool ahead_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                        Err *err) {
    LakeMemory *memory = context;
    if (!slice_is(table_property(metadata, "leat.owner"), memory->last.owner)) {
        return true; // said when the table is opened
    }
    bool ahead, foreign;
    const Snapshot *to = snapshot_at(memory, metadata, &ahead, &foreign);
    if (foreign) {
        FAIL(err, ERR_EXISTS,
             "table %.*s.%.*s has commits of somebody else on top of one that this pipeline made just before its data "
             "directory was lost",
             SLICE_ARG(name.space), SLICE_ARG(name.table));
        return err_hint(err, "have it taken over as it is: leat sync … --adopt %.*s.%.*s", SLICE_ARG(name.space),
                        SLICE_ARG(name.table));
    }
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    return !ahead || table_take_back(memory, name, metadata, to, &scratch, err);
}

bool memory_restore(LakeMemory *memory, Err *err) {
    if (catalog_driver(memory->lake->catalog) == &EMBEDDED_CATALOG) {
        TRY(tables_register(memory, err));
        CRASH_POINT("lake.registered");
    }
    return lake_own_tables(memory->lake, ahead_visit, memory, err);
}

// --- an older copy of the data directory -----------------------------------------------------------------------

typedef struct Floors {
    const char *owner;
    Arena *arena;
    Buf floors; // JournalFloor
    uint64_t epoch;
} Floors;

static bool floor_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                        Err *err) {
    Floors *floors = context;
    Slice owner = table_property(metadata, "leat.owner"), topic = table_property(metadata, "leat.topic");
    if (!slice_is(owner, floors->owner) || topic.size == 0) {
        return true; // said when the table is opened
    }
    JournalFloor floor = {arena_slice(floors->arena, topic), lake_number(table_property(metadata, "leat.offset"))};
    buf_bytes(&floors->floors, &floor, sizeof(floor));
    floors->epoch = MAX(floors->epoch, lake_number(table_property(metadata, "leat.epoch")));
    return true;
}

bool lake_floors(Lake *lake, const LakeState *state, Arena *arena, SinkCheckpoint *checkpoint, Err *err) {
    Floors floors = {.owner = state->owner, .arena = arena};
    bool ok = lake_own_tables(lake, floor_visit, &floors, err);
    Slice all = arena_slice(arena, buf_slice(&floors.floors));
    buf_release(&floors.floors);
    *checkpoint = (SinkCheckpoint){.ahead = floors.epoch > state->epoch,
                                   .epoch = floors.epoch,
                                   .floors = (const JournalFloor *)(const void *)all.data,
                                   .floor_count = all.size / sizeof(JournalFloor)};
    return ok;
}
