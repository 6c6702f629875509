// SPDX-License-Identifier: Apache-2.0
// Tags on all tables at once.
#include "flow/sink/iceberg/compare.h"
#include "flow/sink/iceberg/memory.h"

#define TAG_AGE_MS  (INT64_C(24) * 3600 * 1000)
#define PATIENCE_MS (60 * 1000)

typedef struct Tagging {
    Arena *arena;
    const char *tag;
    bool remove;
    Buf commits; // CatalogCommit
} Tagging;

static bool tag_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                      Err *err) {
    Tagging *tagging = context;
    Arena *arena = tagging->arena;
    const SnapshotRef *there = table_ref_find(metadata, slice_of(tagging->tag));
    int64_t now = metadata->current_snapshot_id;
    bool done = tagging->remove ? there == NULL : now < 0 || (there != NULL && there->snapshot_id == now);
    if (done) {
        return true;
    }
    TableUpdate *update = ARENA_NEW(arena, TableUpdate);
    TableRequirement *require = ARENA_ARRAY(arena, TableRequirement, 2);
    Slice tag = slice_of(arena_printf(arena, "%s", tagging->tag));
    require[0] = (TableRequirement){.kind = REQUIRE_UUID, .text = arena_slice(arena, metadata->uuid)};
    require[1] = (TableRequirement){.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = now};
    if (tagging->remove) {
        *update = (TableUpdate){.action = UPDATE_REMOVE_SNAPSHOT_REF, .text = tag};
    } else {
        *update = (TableUpdate){.action = UPDATE_SET_SNAPSHOT_REF,
                                .ref = {.name = tag,
                                        .snapshot_id = now,
                                        .tag = true,
                                        .min_snapshots = -1,
                                        .max_snapshot_age_ms = -1,
                                        .max_ref_age_ms = TAG_AGE_MS}};
    }
    CatalogCommit commit = {.name = {arena_slice(arena, name.space), arena_slice(arena, name.table)},
                            .change = {require, tagging->remove ? 1 : 2, update, 1}};
    buf_bytes(&tagging->commits, &commit, sizeof(commit));
    return true;
}

// A table that is open goes on from the metadata that has the tag, unless somebody else has written to it: that is for
// its next commit to find out, which knows what is pending.
static bool open_refresh(Lake *lake, const Map *tables, const CatalogCommit *commit, Arena *arena, Err *err) {
    for (MapEntry *e = NULL; (e = map_next(tables, e)) != NULL;) {
        LakeTable *table = e->value;
        if (!slice_equal(table->name.table, commit->name.table) ||
            !slice_equal(table->name.space, commit->name.space)) {
            continue;
        }
        CatalogTable after = commit->after;
        TRY(after.metadata_json.size > 0 || catalog_load(lake->catalog, commit->name, arena, &after, err));
        TableMetadata metadata;
        TRY(table_metadata_parse(after.metadata_json, arena, &metadata, err));
        bool same = metadata.current_snapshot_id == table_metadata(table->table)->current_snapshot_id;
        return !same || table_refresh(table->table, after.metadata_json, after.metadata_file, err);
    }
    return true;
}

static bool tags_change(Lake *lake, const Map *tables, Tagging *tagging, Err *err) {
    TRY(lake_own_tables(lake, tag_visit, tagging, err));
    CatalogCommit *commits = (CatalogCommit *)(void *)tagging->commits.data;
    size_t count = tagging->commits.size / sizeof(*commits);
    if (count == 0) {
        return true;
    }
    TRY(catalog_commit(lake->catalog, commits, count, PATIENCE_MS, tagging->arena, err));
    for (size_t i = 0; i < count; i++) {
        TRY(open_refresh(lake, tables, &commits[i], tagging->arena, err));
    }
    return true;
}

static bool tags(Lake *lake, const Map *tables, const char *tag, bool remove, Err *err) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "tags", 0);
    Tagging tagging = {.arena = &arena, .tag = tag, .remove = remove};
    bool ok = tags_change(lake, tables, &tagging, err);
    buf_release(&tagging.commits);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool lake_tag(Lake *lake, const Map *tables, const char *tag, Err *err) {
    return tags(lake, tables, tag, false, err);
}

bool lake_untag(Lake *lake, const Map *tables, const char *tag, Err *err) {
    return tags(lake, tables, tag, true, err);
}
