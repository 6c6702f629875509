// SPDX-License-Identifier: Apache-2.0
// All deletes of a snapshot, by data file.
#include "lake/iceberg/rows.h"

#include "core/base/map.h"

typedef struct Deleted {
    Slice path;
    Positions *positions;
    bool vector;
} Deleted;

typedef struct Use { // what a position delete file says of one data file
    const Deleted *of;
    uint64_t rows;
    struct Use *next;
} Use;

struct LakeDeletes {
    Map files; // by path: Deleted
    Map uses;  // by the path of a position delete file: Use
    Arena arena[1];
};

typedef struct DeletesLoading {
    LakeDeletes *deletes;
    Arena arena[1];
    Buf files; // DataFile: position deletes and deletion vectors
} DeletesLoading;

static Deleted *deleted_of(LakeDeletes *deletes, Slice path) {
    Deleted *deleted = map_find(&deletes->files, path);
    if (deleted == NULL) {
        deleted = ARENA_NEW(deletes->arena, Deleted);
        deleted->path = arena_slice(deletes->arena, path);
        map_put(&deletes->files, path, deleted);
    }
    return deleted;
}

static bool delete_visit(void *context, const ManifestEntry *entry, Err *err) {
    DeletesLoading *loading = context;
    if (entry->file.content == CONTENT_DATA) {
        return true;
    }
    if (entry->file.content == CONTENT_EQUALITY_DELETES) {
        FAIL(err, ERR_TABLE, "the table has equality deletes (%.*s), which leat does not read",
             SLICE_ARG(entry->file.path));
        return err_hint(err, "have their writer rewrite its files (Spark: rewrite_data_files), and stop it");
    }
    DataFile kept = entry->file;
    kept.path = arena_slice(loading->arena, kept.path);
    kept.format = arena_slice(loading->arena, kept.format);
    kept.referenced_file = arena_slice(loading->arena, kept.referenced_file);
    buf_bytes(&loading->files, &kept, sizeof(kept));
    return true;
}

typedef struct DeleteRows {
    LakeDeletes *deletes;
    Deleted *deleted; // of the last row: they are sorted by it
    Use *uses;
} DeleteRows;

static bool delete_row(void *context, Slice path, uint64_t position, Err *err) {
    DeleteRows *rows = context;
    if (rows->deleted == NULL || !slice_equal(path, rows->deleted->path)) {
        Use *use = ARENA_NEW(rows->deletes->arena, Use);
        rows->deleted = deleted_of(rows->deletes, path);
        *use = (Use){.of = rows->deleted, .next = rows->uses};
        rows->uses = use;
    }
    Deleted *deleted = rows->deleted;
    rows->uses->rows++;
    deleted->positions = deleted->positions != NULL ? deleted->positions : positions_new();
    (void)positions_add(deleted->positions, position);
    return true;
}

static bool positions_load(LakeIo *io, const DataFile *file, LakeDeletes *deletes, Arena *scratch, Err *err) {
    Slice bytes;
    DeleteRows rows = {.deletes = deletes};
    TRY(lake_io_get(io, file->path, scratch, &bytes, err));
    TRY(position_deletes_read(bytes, delete_row, &rows, err));
    if (rows.uses != NULL) {
        map_put(&deletes->uses, file->path, rows.uses);
    }
    return true;
}

// Readers pass over position deletes of files that have a vector: it holds them, too.
static bool vector_load(LakeIo *io, const DataFile *file, LakeDeletes *deletes, Err *err) {
    if (file->referenced_file.size == 0 || file->content_offset < 0 || file->content_size < 0) {
        return FAIL(err, ERR_VALUE, "a deletion vector without its data file or place");
    }
    DEFER(buf_release) Buf blob = {0};
    Positions *positions = NULL;
    TRY(lake_io_read(io, file->path, (uint64_t)file->content_offset, (size_t)file->content_size, &blob, err));
    TRY(deletion_vector_read(buf_slice(&blob), &positions, err));
    Deleted *deleted = deleted_of(deletes, file->referenced_file);
    positions_free(deleted->positions);
    deleted->positions = positions;
    deleted->vector = true;
    return true;
}

static bool files_load(LakeIo *io, DeletesLoading *loading, bool vectors, Err *err) {
    const DataFile *files = (const DataFile *)(const void *)loading->files.data;
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    for (size_t i = 0; i < loading->files.size / sizeof(*files); i++) {
        if (slice_is(files[i].format, "PUFFIN") != vectors) {
            continue;
        }
        bool ok = vectors ? vector_load(io, &files[i], loading->deletes, err)
                          : positions_load(io, &files[i], loading->deletes, &scratch, err);
        if (!ok) {
            return err_prefix(err, "%.*s", SLICE_ARG(files[i].path));
        }
        arena_reset(&scratch);
    }
    return true;
}

bool lake_deletes_load(LakeIo *io, Table *table, const Snapshot *snapshot, LakeDeletes **loaded, Err *err) {
    LakeDeletes *deletes = calloc(1, sizeof(*deletes));
    ASSERT(deletes != NULL);
    arena_init(deletes->arena, "deletes", 0);
    DeletesLoading loading = {.deletes = deletes};
    arena_init(loading.arena, "deletes", 0);
    bool ok = table_each_file(table, snapshot, false, delete_visit, &loading, err) &&
              files_load(io, &loading, false, err) && files_load(io, &loading, true, err);
    buf_release(&loading.files);
    arena_release(loading.arena);
    if (!ok) {
        lake_deletes_free(deletes);
        return err_frame(err, __FILE__, __LINE__);
    }
    *loaded = deletes;
    return true;
}

const Positions *lake_deletes_of(const LakeDeletes *deletes, Slice path) {
    const Deleted *deleted = map_find(&deletes->files, path);
    return deleted != NULL ? deleted->positions : NULL;
}

bool lake_deletes_vector(const LakeDeletes *deletes, Slice path) {
    const Deleted *deleted = map_find(&deletes->files, path);
    return deleted != NULL && deleted->vector;
}

Positions *lake_deletes_take(LakeDeletes *deletes, Slice path) {
    Deleted *deleted = map_find(&deletes->files, path);
    Positions *positions = deleted != NULL ? deleted->positions : NULL;
    if (deleted != NULL) {
        deleted->positions = NULL;
    }
    return positions;
}

uint64_t lake_deletes_used(const LakeDeletes *deletes, Slice delete_file, bool (*live)(void *context, Slice path),
                           void *context) {
    uint64_t used = 0;
    for (const Use *use = map_find(&deletes->uses, delete_file); use != NULL; use = use->next) {
        used += !use->of->vector && live(context, use->of->path) ? use->rows : 0;
    }
    return used;
}

void lake_deletes_free(LakeDeletes *deletes) {
    if (deletes == NULL) {
        return;
    }
    for (MapEntry *e = NULL; (e = map_next(&deletes->files, e)) != NULL;) {
        Deleted *deleted = e->value;
        positions_free(deleted->positions);
    }
    map_release(&deletes->files);
    map_release(&deletes->uses);
    arena_release(deletes->arena);
    free(deletes);
}
