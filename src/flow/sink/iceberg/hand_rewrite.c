// SPDX-License-Identifier: Apache-2.0
// Files of a table that nobody else writes are made anew. Each group of files is one commit "replace", so what is done
// stays done. (Of a table that its sink has open, maintain_hand.c has the sink do it.)
#include "flow/sink/iceberg/hand.h"
#include "flow/sink/iceberg/rewrite.h"

enum { FILES_MIN = 2, ZSTD_LEVEL = 3, MEMORY = 64 << 20, PATIENCE_MS = 60 * 1000 };

typedef struct Rewriting {
    Rewrite rewrite;
    const HandPlace *place;
    const HandWork *work;
    HandDone *done;
} Rewriting;

static bool commit(Rewriting *rewriting, const DataFile *added, size_t added_count, const DataFile *removed,
                   size_t removed_count, Err *err) {
    SnapshotMade made;
    CatalogTable now;
    const SnapshotWork work = {.operation = "replace",
                               .snapshot_id = snapshot_id_new(),
                               .added = added,
                               .added_count = added_count,
                               .removed = removed,
                               .removed_count = removed_count};
    Catalog *catalog = rewriting->place->catalog;
    TableName name = rewriting->work->name;
    TRY(table_make_snapshot(rewriting->rewrite.table, &work, rewriting->rewrite.arena, &made, err));
    CatalogCommit commit = {
        .name = name,
        .change = {made.requirements, ARRAY_LEN(made.requirements), made.updates, ARRAY_LEN(made.updates)}};
    if (!catalog_commit(catalog, &commit, 1, PATIENCE_MS, rewriting->rewrite.arena, err)) {
        if (err->code == ERR_CHANGED) { // surely not committed
            table_drop_snapshot(rewriting->rewrite.table, &work);
            err_hint(err, "somebody else has written to the table meanwhile: run it again");
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    rewriting->done->commits++;
    TRY(catalog_load(catalog, name, rewriting->rewrite.arena, &now, err));
    return table_refresh(rewriting->rewrite.table, now.metadata_json, now.metadata_file, err);
}

// --- data files ------------------------------------------------------------------------------------------------

// Sources, and version 3: their vectors.
static DataFile *group_removed(Rewriting *rewriting, const RewriteGroup *group, size_t *count) {
    const Rewrite *rewrite = &rewriting->rewrite;
    size_t deletes = rewrite_file_count(&rewrite->deletes);
    DataFile *removed = ARENA_ARRAY(rewrite->arena, DataFile, group->count + deletes);
    memcpy(removed, group->files, group->count * sizeof(*removed));
    *count = group->count;
    for (size_t i = 0; i < deletes; i++) {
        const DataFile *file = &rewrite_file(&rewrite->deletes, i)->file;
        for (size_t j = 0; file->content_offset >= 0 && j < group->count; j++) {
            if (slice_equal(group->files[j].path, file->referenced_file)) {
                removed[(*count)++] = *file;
                break;
            }
        }
    }
    return removed;
}

static void group_release(const RewriteGroup *group) {
    for (size_t i = 0; i < group->count; i++) {
        positions_free(group->sources[i].dropped);
    }
}

static bool group_commit(Rewriting *rewriting, const RewriteGroup *group, Err *err) {
    size_t removed_count = 0;
    const DataFile *removed = group_removed(rewriting, group, &removed_count);
    bool any = group->made.record_count > 0;
    if (!commit(rewriting, &group->made, any, removed, removed_count, err)) {
        Err ignored[1] = {{0}};
        if (any && err->code == ERR_CHANGED && !lake_io_remove(rewriting->place->io, group->made.path, ignored)) {
            err_clear(ignored); // an orphan, then
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    rewriting->done->files_made += any;
    return true;
}

static bool group_rewrite(Rewriting *rewriting, const CompactGroup *group, Err *err) {
    RewriteGroup made = {0};
    bool good = rewrite_group(&rewriting->rewrite, group, &made, err) && group_commit(rewriting, &made, err);
    group_release(&made);
    return good;
}

static bool data_rewrite(Rewriting *rewriting, Err *err) {
    Rewrite *rewrite = &rewriting->rewrite;
    size_t count = 0, group_count = 0;
    CompactFile *files = rewrite_files(rewrite, &count);
    CompactGroup *groups = NULL;
    for (size_t i = 0; rewrite->positions != NULL && i < count; i++) {
        const Positions *deleted = lake_deletes_of(rewrite->positions, files[i].file->path);
        files[i].deleted = deleted != NULL ? (int64_t)positions_count(deleted) : 0;
    }
    const CompactRules rules = {
        .target_bytes = rewriting->work->target_bytes, .rows_max = INT32_MAX, .files_min = rewriting->work->files_min};
    compact_plan_whole(files, count, &rules, rewrite->arena, &groups, &group_count);
    for (size_t i = 0; i < group_count; i++) {
        for (size_t j = 0; j < groups[i].count; j++) {
            rewriting->done->files_before++;
            rewriting->done->rows_dropped += (uint64_t)groups[i].files[j]->deleted;
        }
        TRY(rewriting->work->dry_run || group_rewrite(rewriting, &groups[i], err));
    }
    return true;
}

// --- all -------------------------------------------------------------------------------------------------------

static bool deletes_rewrite(Rewriting *rewriting, Err *err) {
    RewriteDeletes deletes = {.files_min = FILES_MIN, .dry_run = rewriting->work->dry_run};
    TRY(rewrite_deletes(&rewriting->rewrite, &deletes, err));
    rewriting->done->deletes_before = deletes.removed_count;
    rewriting->done->deletes_made = deletes.made_count;
    return deletes.removed_count == 0 || deletes.dry_run ||
           commit(rewriting, deletes.made, deletes.made_count, deletes.removed, deletes.removed_count, err);
}

static bool all_rewrite(Rewriting *rewriting, const Snapshot *snapshot, Err *err) {
    return rewrite_look(&rewriting->rewrite, snapshot, err) && rewrite_positions(&rewriting->rewrite, err) &&
           data_rewrite(rewriting, err) && deletes_rewrite(rewriting, err);
}

bool hand_rewrite(const HandPlace *place, const HandWork *work, Table *table, Arena *arena, HandDone *done, Err *err) {
    const Snapshot *snapshot = table_snapshot_current(table_metadata(table));
    Rewriting rewriting = {.rewrite = {.io = place->io,
                                       .table = table,
                                       .arena = arena,
                                       .level = ZSTD_LEVEL,
                                       .memory = MEMORY,
                                       .pace = place->pace,
                                       .context = place->context},
                           .place = place,
                           .work = work,
                           .done = done};
    bool good = snapshot == NULL || all_rewrite(&rewriting, snapshot, err);
    rewrite_release(&rewriting.rewrite);
    return good || err_frame(err, __FILE__, __LINE__);
}
