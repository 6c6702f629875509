// SPDX-License-Identifier: Apache-2.0
#include "lake/catalog/move.h"

typedef struct Side {
    CatalogTable table;
    TableMetadata metadata;
    bool found;
} Side;

static bool look(Catalog *catalog, TableName name, Arena *arena, Side *side, Err *err) {
    *side = (Side){0};
    if (!catalog_load(catalog, name, arena, &side->table, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        return true;
    }
    side->found = true;
    return table_metadata_parse(side->table.metadata_json, arena, &side->metadata, err) ||
           err_frame(err, __FILE__, __LINE__);
}

// What counts of two metadata files: a catalog may have written its own, with other logs.
static bool same(const TableMetadata *a, const TableMetadata *b) {
    return slice_equal(a->uuid, b->uuid) && slice_equal(a->location, b->location) &&
           a->format_version == b->format_version && a->current_snapshot_id == b->current_snapshot_id &&
           a->last_sequence_number == b->last_sequence_number && a->snapshot_count == b->snapshot_count &&
           a->last_column_id == b->last_column_id && a->default_spec_id == b->default_spec_id &&
           a->ref_count == b->ref_count && table_schema_equal(table_schema_current(a), table_schema_current(b));
}

static bool file_in_log(const TableMetadata *metadata, Slice file, Arena *arena) {
    Slice wanted = lake_uri_normal(file, arena);
    for (size_t i = 0; i < metadata->metadata_log_count; i++) {
        if (slice_equal(lake_uri_normal(metadata->metadata_log[i].file, arena), wanted)) {
            return true;
        }
    }
    return false;
}

// Does `later` come from `earlier`?
static bool follows(const Side *later, const Side *earlier, Arena *arena) {
    if (!slice_equal(later->metadata.uuid, earlier->metadata.uuid)) {
        return false;
    }
    int64_t snapshot = earlier->metadata.current_snapshot_id;
    return file_in_log(&later->metadata, earlier->table.metadata_file, arena) ||
           (later->metadata.last_sequence_number > earlier->metadata.last_sequence_number &&
            (snapshot < 0 || table_is_ancestor(&later->metadata, snapshot, later->metadata.current_snapshot_id)));
}

static bool in_the_way(TableName name, const char *what, Err *err) {
    FAIL(err, ERR_EXISTS, "the new catalog has a table %.*s already, %s", SLICE_ARG(name.table), what);
    return err_hint(err, "drop or rename it there, and run this again");
}

static bool is_outcome_unknown(const Err *err) {
    return err->code == ERR_NET_UNREACHABLE || err->code == ERR_NET_BUSY || err->code == ERR_NET_PROTOCOL;
}

static bool register_there(Catalog *to, TableName name, const Side *here, bool overwrite, Arena *arena, Err *err) {
    Side there;
    TRY(catalog_ensure_space(to, name.space, err));
    const CatalogDriver *driver = catalog_driver(to);
    if (!driver->register_table(catalog_state(to), name, here->table.metadata_file, overwrite, err)) {
        Err asked[1] = {{0}};
        if (!is_outcome_unknown(err) || !look(to, name, arena, &there, asked) || !there.found) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err); // compared below
    }
    TRY(look(to, name, arena, &there, err));
    if (!there.found || !same(&here->metadata, &there.metadata)) {
        FAIL(err, ERR_CHANGED, "table %.*s: the new catalog says something else than what was registered there",
             SLICE_ARG(name.table));
        return err_hint(err, "look whether it reads %.*s", SLICE_ARG(here->table.metadata_file));
    }
    return true;
}

bool catalog_move_table(Catalog *from, Catalog *to, TableName name, Arena *arena, MoveOutcome *outcome, Slice *at,
                        Err *err) {
    Side here, there;
    TRY(look(from, name, arena, &here, err));
    if (!here.found) {
        return FAIL(err, ERR_NOT_FOUND, "Table does not exist: %.*s", SLICE_ARG(name.table));
    }
    *at = here.table.metadata_file;
    TRY(look(to, name, arena, &there, err));
    if (there.found && !slice_equal(here.metadata.uuid, there.metadata.uuid)) {
        return in_the_way(name, "another one", err);
    }
    if (there.found && same(&here.metadata, &there.metadata)) {
        *outcome = MOVE_THERE;
        return true;
    }
    if (there.found && follows(&there, &here, arena)) {
        *outcome = MOVE_AHEAD;
        return true;
    }
    if (there.found && !follows(&here, &there, arena)) {
        return in_the_way(name, "the same one, which has gone its own way", err);
    }
    *outcome = MOVE_REGISTERED;
    return register_there(to, name, &here, there.found, arena, err);
}

bool catalog_move_finish(Catalog *from, TableName name, Slice at, Err *err) {
    Arena scratch[1];
    Side here;
    arena_init(scratch, "scratch", 0);
    bool good = look(from, name, scratch, &here, err), found = good && here.found;
    if (found && !slice_equal(here.table.metadata_file, at)) {
        good = FAIL(err, ERR_CHANGED, "table %.*s: somebody has committed to the old catalog meanwhile",
                    SLICE_ARG(name.table));
        err_hint(err, "stop whoever serves it (leat catalog serve), and run this again");
    }
    arena_release(scratch);
    const CatalogDriver *driver = catalog_driver(from);
    return good && (!found || driver->drop(catalog_state(from), name, false, err));
}
