// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/rewrite.h"

size_t rewrite_file_count(const Buf *files) {
    return files->size / sizeof(RewriteFile);
}

RewriteFile *rewrite_file(const Buf *files, size_t i) {
    return (RewriteFile *)(void *)files->data + i;
}

static bool look(void *context, const ManifestEntry *entry, Err *err) {
    Rewrite *rewrite = context;
    RewriteFile file = {.file = compact_file_copy(rewrite->arena, &entry->file), .sequence = entry->sequence_number};
    bool data = file.file.content == CONTENT_DATA;
    buf_bytes(data ? &rewrite->data : &rewrite->deletes, &file, sizeof(file));
    if (data) {
        map_put(&rewrite->live, file.file.path, rewrite);
    }
    return true;
}

bool rewrite_look(Rewrite *rewrite, const Snapshot *snapshot, Err *err) {
    rewrite->snapshot = snapshot;
    return table_each_file(rewrite->table, snapshot, false, look, rewrite, err) || err_frame(err, __FILE__, __LINE__);
}

void rewrite_release(Rewrite *rewrite) {
    lake_deletes_free(rewrite->positions);
    buf_release(&rewrite->data);
    buf_release(&rewrite->deletes);
    map_release(&rewrite->live);
}

CompactFile *rewrite_files(Rewrite *rewrite, size_t *count) {
    *count = rewrite_file_count(&rewrite->data);
    CompactFile *files = ARENA_ARRAY(rewrite->arena, CompactFile, *count);
    for (size_t i = 0; i < *count; i++) {
        RewriteFile *file = rewrite_file(&rewrite->data, i);
        files[i] = (CompactFile){.file = &file->file, .owner = file};
    }
    return files;
}

bool rewrite_positions(Rewrite *rewrite, Err *err) {
    return rewrite->positions != NULL || rewrite_file_count(&rewrite->deletes) == 0 ||
           lake_deletes_load(rewrite->io, rewrite->table, rewrite->snapshot, &rewrite->positions, err) ||
           err_frame(err, __FILE__, __LINE__);
}

// --- data files ------------------------------------------------------------------------------------------------

static CompactSource *sources_make(Rewrite *rewrite, const CompactGroup *group, RewriteGroup *made) {
    CompactSource *sources = ARENA_ARRAY(rewrite->arena, CompactSource, group->count);
    DataFile *files = ARENA_ARRAY(rewrite->arena, DataFile, group->count);
    uint64_t base = 0;
    *made = (RewriteGroup){.files = files, .sources = ARENA_ARRAY(rewrite->arena, RewriteSource, group->count)};
    for (size_t i = 0; i < group->count; i++) {
        const DataFile *file = group->files[i]->file;
        const RewriteFile *found = group->files[i]->owner;
        Positions *dropped = rewrite->positions != NULL ? lake_deletes_take(rewrite->positions, file->path) : NULL;
        uint64_t left_out = dropped != NULL ? positions_count(dropped) : 0;
        made->sources[made->count++] = (RewriteSource){file->path, dropped, (uint32_t)base};
        sources[i] = (CompactSource){.file = file, .sequence = found->sequence, .deleted = dropped};
        files[i] = *file;
        base += (uint64_t)file->record_count - left_out;
        made->rows_dropped += left_out;
        (void)map_remove(&rewrite->live, file->path);
    }
    return sources;
}

bool rewrite_group(Rewrite *rewrite, const CompactGroup *group, RewriteGroup *made, Err *err) {
    Slice uri;
    TRY(rewrite_positions(rewrite, err));
    CompactSource *sources = sources_make(rewrite, group, made);
    const TableMetadata *metadata = table_metadata(rewrite->table);
    TRY(compact_name(metadata, sources[0].file, "compact", rewrite->arena, &uri, err));
    const CompactWrite how = {.io = rewrite->io,
                              .table = metadata,
                              .sources = sources,
                              .count = group->count,
                              .uri = uri,
                              .level = rewrite->level,
                              .memory = rewrite->memory,
                              .pace = rewrite->pace,
                              .context = rewrite->context};
    return compact_write(&how, rewrite->arena, &made->made, err) || err_frame(err, __FILE__, __LINE__);
}

// --- delete files ----------------------------------------------------------------------------------------------

static bool is_live(void *context, Slice path) {
    const Rewrite *rewrite = context;
    return map_find(&rewrite->live, path) != NULL;
}

typedef struct Replacing {
    Rewrite *rewrite;
    RewriteDeletes *deletes;
    Buf removed, made; // DataFile
} Replacing;

// How many of its rows delete nothing.
static int64_t rows_void(Rewrite *rewrite, const DataFile *file) {
    if (file->referenced_file.size > 0 && !is_live(rewrite, file->referenced_file)) {
        return file->record_count;
    }
    if (rewrite->positions == NULL) {
        return 0;
    }
    return file->record_count - (int64_t)lake_deletes_used(rewrite->positions, file->path, is_live, rewrite);
}

// Those that are still of use; the others go.
static CompactFile *files_left(Replacing *replacing, size_t *left) {
    Rewrite *rewrite = replacing->rewrite;
    size_t count = rewrite_file_count(&rewrite->deletes);
    CompactFile *files = ARENA_ARRAY(rewrite->arena, CompactFile, count);
    *left = 0;
    for (size_t i = 0; i < count; i++) {
        const DataFile *file = &rewrite_file(&rewrite->deletes, i)->file;
        if (file->content != CONTENT_POSITION_DELETES || file->content_offset >= 0) {
            continue;
        }
        int64_t rows = rows_void(rewrite, file);
        if (rows >= file->record_count) {
            buf_bytes(&replacing->removed, file, sizeof(*file));
        } else {
            files[(*left)++] = (CompactFile){.file = file, .deleted = rows};
        }
    }
    return files;
}

static bool group_merge(Replacing *replacing, const CompactGroup *group, Err *err) {
    Rewrite *rewrite = replacing->rewrite;
    const DataFile **merged = ARENA_ARRAY(rewrite->arena, const DataFile *, group->count);
    DataFile *made = NULL;
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        merged[i] = group->files[i]->file;
        buf_bytes(&replacing->removed, merged[i], sizeof(*merged[i]));
    }
    TRY(replacing->deletes->dry_run || deletes_merge(rewrite->io, table_metadata(rewrite->table), merged, group->count,
                                                     is_live, rewrite, rewrite->arena, &made, &count, err));
    buf_bytes(&replacing->made, made, count * sizeof(*made));
    return true;
}

static bool deletes_gather(Replacing *replacing, Err *err) {
    Rewrite *rewrite = replacing->rewrite;
    size_t left = 0, count = 0;
    CompactGroup *groups = NULL;
    const CompactFile *files = files_left(replacing, &left);
    if (replacing->deletes->only_remove || table_metadata(rewrite->table)->format_version >= 3) {
        return true; // version 3 takes no new ones: vectors take their place when a row is deleted next
    }
    deletes_plan(files, left, replacing->deletes->files_min, rewrite->arena, &groups, &count);
    if (replacing->deletes->groups_max > 0) {
        count = MIN(count, replacing->deletes->groups_max);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(group_merge(replacing, &groups[i], err));
    }
    return true;
}

static const DataFile *files_keep(Arena *arena, const Buf *files, size_t *count) {
    *count = files->size / sizeof(DataFile);
    DataFile *kept = ARENA_ARRAY(arena, DataFile, *count);
    if (*count > 0) {
        memcpy(kept, files->data, files->size);
    }
    return kept;
}

bool rewrite_deletes(Rewrite *rewrite, RewriteDeletes *deletes, Err *err) {
    Replacing replacing = {.rewrite = rewrite, .deletes = deletes};
    bool good = deletes_gather(&replacing, err);
    deletes->removed = files_keep(rewrite->arena, &replacing.removed, &deletes->removed_count);
    deletes->made = files_keep(rewrite->arena, &replacing.made, &deletes->made_count);
    buf_release(&replacing.removed);
    buf_release(&replacing.made);
    return good || err_frame(err, __FILE__, __LINE__);
}
