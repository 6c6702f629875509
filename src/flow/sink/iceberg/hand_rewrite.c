// SPDX-License-Identifier: Apache-2.0
// Files of a table that nobody else writes are made anew. Each group of files is one commit "replace", so what is done
// stays done. (Of a table that its sink has open, maintain_hand.c has the sink do it.)
#include "core/base/map.h"
#include "flow/sink/iceberg/hand.h"
#include "lake/iceberg/compact.h"
#include "lake/iceberg/rows.h"

enum { FILES_MIN = 2, ZSTD_LEVEL = 3, MEMORY = 64 << 20, PATIENCE_MS = 60 * 1000 };

typedef struct Seen { // a live file
    DataFile file;
    int64_t sequence;
} Seen;

typedef struct Rewriting {
    const HandPlace *place;
    const HandWork *work;
    Table *table;
    Arena *arena;
    Buf data, deletes; // Seen, as it was at first
    Map live;          // paths of data files that stay
    LakeDeletes *positions;
    HandDone *done;
} Rewriting;

static Seen *seen_at(const Buf *list, size_t i) {
    return (Seen *)(void *)list->data + i;
}

static size_t seen_count(const Buf *list) {
    return list->size / sizeof(Seen);
}

static bool look(void *context, const ManifestEntry *entry, Err *err) {
    Rewriting *rewriting = context;
    Seen seen = {.file = compact_file_copy(rewriting->arena, &entry->file), .sequence = entry->sequence_number};
    bool data = seen.file.content == CONTENT_DATA;
    buf_bytes(data ? &rewriting->data : &rewriting->deletes, &seen, sizeof(seen));
    if (data) {
        map_put(&rewriting->live, seen.file.path, rewriting);
    }
    return true;
}

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
    TRY(table_make_snapshot(rewriting->table, &work, rewriting->arena, &made, err));
    CatalogCommit commit = {
        .name = name,
        .change = {made.requirements, ARRAY_LEN(made.requirements), made.updates, ARRAY_LEN(made.updates)}};
    if (!catalog_commit(catalog, &commit, 1, PATIENCE_MS, rewriting->arena, err)) {
        if (err->code == ERR_CHANGED) { // surely not committed
            table_drop_snapshot(rewriting->table, &work);
            err_hint(err, "somebody else has written to the table meanwhile: run it again");
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    rewriting->done->commits++;
    TRY(catalog_load(catalog, name, rewriting->arena, &now, err));
    return table_refresh(rewriting->table, now.metadata_json, now.metadata_file, err);
}

// --- data files ------------------------------------------------------------------------------------------------

static bool is_of(const CompactGroup *group, Slice path) {
    for (size_t i = 0; i < group->count; i++) {
        if (slice_equal(group->files[i]->file->path, path)) {
            return true;
        }
    }
    return false;
}

// Sources, and version 3: their vectors.
static DataFile *group_removed(Rewriting *rewriting, const CompactGroup *group, size_t *count) {
    size_t deletes = seen_count(&rewriting->deletes);
    DataFile *removed = ARENA_ARRAY(rewriting->arena, DataFile, group->count + deletes);
    *count = 0;
    for (size_t i = 0; i < group->count; i++) {
        removed[(*count)++] = *group->files[i]->file;
        (void)map_remove(&rewriting->live, group->files[i]->file->path);
    }
    for (size_t i = 0; i < deletes; i++) {
        const DataFile *file = &seen_at(&rewriting->deletes, i)->file;
        bool gone = file->content_offset >= 0 && map_find(&rewriting->live, file->referenced_file) == NULL;
        if (gone && is_of(group, file->referenced_file)) {
            removed[(*count)++] = *file;
        }
    }
    return removed;
}

static bool group_rewrite(Rewriting *rewriting, const CompactGroup *group, Err *err) {
    Arena *arena = rewriting->arena;
    const HandPlace *place = rewriting->place;
    CompactSource *sources = ARENA_ARRAY(arena, CompactSource, group->count);
    const TableMetadata *metadata = table_metadata(rewriting->table);
    Slice uri;
    for (size_t i = 0; i < group->count; i++) {
        const Seen *seen = group->files[i]->owner;
        sources[i] = (CompactSource){.file = &seen->file,
                                     .sequence = seen->sequence,
                                     .deleted = lake_deletes_of(rewriting->positions, seen->file.path)};
    }
    TRY(compact_name(metadata, sources[0].file, "compact", arena, &uri, err));
    const CompactWrite how = {.io = place->io,
                              .table = metadata,
                              .sources = sources,
                              .count = group->count,
                              .uri = uri,
                              .level = ZSTD_LEVEL,
                              .memory = MEMORY,
                              .pace = place->pace,
                              .context = place->context};
    DataFile made = {0};
    size_t removed_count = 0;
    TRY(compact_write(&how, arena, &made, err));
    const DataFile *removed = group_removed(rewriting, group, &removed_count);
    bool any = made.record_count > 0;
    if (!commit(rewriting, &made, any, removed, removed_count, err)) {
        Err ignored[1] = {{0}};
        if (any && err->code == ERR_CHANGED && !lake_io_remove(place->io, uri, ignored)) {
            err_clear(ignored); // an orphan, then
        }
        return err_frame(err, __FILE__, __LINE__);
    }
    rewriting->done->files_made += any;
    return true;
}

static bool data_rewrite(Rewriting *rewriting, Err *err) {
    Arena *arena = rewriting->arena;
    size_t count = seen_count(&rewriting->data), group_count = 0;
    CompactFile *files = ARENA_ARRAY(arena, CompactFile, count);
    CompactGroup *groups = NULL;
    for (size_t i = 0; i < count; i++) {
        Seen *seen = seen_at(&rewriting->data, i);
        const Positions *deleted = lake_deletes_of(rewriting->positions, seen->file.path);
        files[i] = (CompactFile){
            .file = &seen->file, .deleted = deleted != NULL ? (int64_t)positions_count(deleted) : 0, .owner = seen};
    }
    const CompactRules rules = {
        .target_bytes = rewriting->work->target_bytes, .rows_max = INT32_MAX, .files_min = rewriting->work->files_min};
    compact_plan_whole(files, count, &rules, arena, &groups, &group_count);
    for (size_t i = 0; i < group_count; i++) {
        for (size_t j = 0; j < groups[i].count; j++) {
            rewriting->done->files_before++;
            rewriting->done->rows_dropped += (uint64_t)groups[i].files[j]->deleted;
        }
        TRY(rewriting->work->dry_run || group_rewrite(rewriting, &groups[i], err));
    }
    return true;
}

// --- delete files of version 2 ---------------------------------------------------------------------------------

static bool is_live(void *context, Slice path) {
    const Rewriting *rewriting = context;
    return map_find(&rewriting->live, path) != NULL;
}

typedef struct Replaced {
    Buf removed, made; // DataFile
} Replaced;

static bool group_merge(Rewriting *rewriting, const CompactGroup *group, Replaced *replaced, Err *err) {
    Arena *arena = rewriting->arena;
    const DataFile **merged = ARENA_ARRAY(arena, const DataFile *, group->count);
    for (size_t i = 0; i < group->count; i++) {
        merged[i] = group->files[i]->file;
        buf_bytes(&replaced->removed, merged[i], sizeof(*merged[i]));
    }
    DataFile *made = NULL;
    size_t count = 0;
    TRY(rewriting->work->dry_run || deletes_merge(rewriting->place->io, table_metadata(rewriting->table), merged,
                                                  group->count, is_live, rewriting, arena, &made, &count, err));
    buf_bytes(&replaced->made, made, count * sizeof(*made));
    return true;
}

// Has any file that stays rows that are deleted? Else no delete file is of use.
static bool deletes_needed(const Rewriting *rewriting) {
    for (size_t i = 0; i < seen_count(&rewriting->data); i++) {
        Slice path = seen_at(&rewriting->data, i)->file.path;
        const Positions *deleted = lake_deletes_of(rewriting->positions, path);
        if (deleted != NULL && positions_count(deleted) > 0 && map_find(&rewriting->live, path) != NULL) {
            return true;
        }
    }
    return false;
}

static bool deletes_gather(Rewriting *rewriting, Replaced *replaced, Err *err) {
    Arena *arena = rewriting->arena;
    size_t count = seen_count(&rewriting->deletes), left = 0, group_count = 0;
    DataFile *files = ARENA_ARRAY(arena, DataFile, count);
    CompactGroup *groups = NULL;
    bool needed = deletes_needed(rewriting);
    for (size_t i = 0; i < count; i++) {
        const DataFile *file = &seen_at(&rewriting->deletes, i)->file;
        if (file->content != CONTENT_POSITION_DELETES || file->content_offset >= 0) {
            continue;
        }
        bool gone = file->referenced_file.size > 0 && !is_live(rewriting, file->referenced_file);
        if (!needed || gone) {
            buf_bytes(&replaced->removed, file, sizeof(*file));
        } else {
            files[left++] = *file;
        }
    }
    if (table_metadata(rewriting->table)->format_version >= 3) {
        return true; // takes no new ones; vectors take their place when a row is deleted next
    }
    deletes_plan(files, left, FILES_MIN, arena, &groups, &group_count);
    for (size_t i = 0; i < group_count; i++) {
        TRY(group_merge(rewriting, &groups[i], replaced, err));
    }
    return true;
}

static bool deletes_rewrite(Rewriting *rewriting, Err *err) {
    Replaced replaced = {0};
    bool good = deletes_gather(rewriting, &replaced, err);
    size_t removed = replaced.removed.size / sizeof(DataFile), made = replaced.made.size / sizeof(DataFile);
    if (good && removed > 0 && !rewriting->work->dry_run) {
        good = commit(rewriting, (const DataFile *)(const void *)replaced.made.data, made,
                      (const DataFile *)(const void *)replaced.removed.data, removed, err);
    }
    rewriting->done->deletes_before = removed;
    rewriting->done->deletes_made = made;
    buf_release(&replaced.removed);
    buf_release(&replaced.made);
    return good || err_frame(err, __FILE__, __LINE__);
}

// --- all -------------------------------------------------------------------------------------------------------

static bool rewrite(Rewriting *rewriting, const Snapshot *snapshot, Err *err) {
    TRY(lake_deletes_load(rewriting->place->io, rewriting->table, snapshot, &rewriting->positions, err));
    TRY(table_each_file(rewriting->table, snapshot, false, look, rewriting, err));
    return data_rewrite(rewriting, err) && deletes_rewrite(rewriting, err);
}

bool hand_rewrite(const HandPlace *place, const HandWork *work, Table *table, Arena *arena, HandDone *done, Err *err) {
    const Snapshot *snapshot = table_snapshot_current(table_metadata(table));
    Rewriting rewriting = {.place = place, .work = work, .table = table, .arena = arena, .done = done};
    bool good = snapshot == NULL || rewrite(&rewriting, snapshot, err);
    lake_deletes_free(rewriting.positions);
    buf_release(&rewriting.data);
    buf_release(&rewriting.deletes);
    map_release(&rewriting.live);
    return good || err_frame(err, __FILE__, __LINE__);
}
