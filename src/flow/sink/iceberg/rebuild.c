// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/rebuild.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "flow/sink/iceberg/adopt.h"
#include "lake/iceberg/rows.h"

#include <limits.h>

enum { MARK_MOVED = -2 }; // no snapshot's id

LakeDataFile *lake_data_file_new(const DataFile *file) {
    LakeDataFile *data = calloc(1, sizeof(*data));
    ASSERT(data != NULL);
    arena_init_small(data->own, "data file", 256);
    data->file = *file;
    data->file.path = arena_slice(data->own, file->path);
    data->file.format = SLICE("PARQUET");
    data->file.metrics = NULL;
    data->file.metric_count = data->file.split_count = 0;
    Value *partition = ARENA_ARRAY(data->own, Value, file->partition_count);
    for (size_t i = 0; i < file->partition_count; i++) {
        partition[i] = value_copy(data->own, &file->partition[i]);
    }
    data->file.partition = file->partition_count > 0 ? partition : NULL;
    return data;
}

void data_file_free(LakeDataFile *data) {
    positions_free(data->rows);
    positions_free(data->since);
    arena_release(data->own);
    free(data);
}

// --- the list of files -----------------------------------------------------------------------------------------

// varint count, then varint number, path, varint deleted rows
static void files_encode(const LakeTable *table, Buf *out) {
    buf_varint(out, table->files.count);
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        const LakeDataFile *data = e->value;
        buf_varint(out, data->number);
        buf_slice_sized(out, data->file.path);
        buf_varint(out, (uint64_t)data->deleted);
    }
}

typedef struct KnownFile {
    uint32_t number;
    int64_t deleted;
} KnownFile;

static bool files_decode(Slice bytes, Arena *arena, Map *known) {
    Reader reader = reader_of(bytes);
    uint64_t count = read_varint(&reader);
    for (uint64_t i = 0; i < count && !reader.bad; i++) {
        KnownFile *file = ARENA_NEW(arena, KnownFile);
        file->number = (uint32_t)read_varint(&reader);
        Slice path = read_slice(&reader);
        file->deleted = (int64_t)read_varint(&reader);
        if (!reader.bad) {
            map_put(known, path, file);
        }
    }
    return reader_done(&reader);
}

static uint64_t keys_hash(const Mapping *mapping) {
    uint64_t hash = UINT64_C(14695981039346656037); // FNV-1a
    for (size_t i = 0; i < mapping->key_count; i++) {
        const Shape *shape = &mapping->schema.shape->fields[mapping->key[i]].shape;
        hash = (hash ^ (uint64_t)(uint32_t)shape->id) * UINT64_C(1099511628211);
    }
    return (hash ^ mapping->exact_keys) * UINT64_C(1099511628211);
}

static IndexMark mark_now(const LakeTable *table) {
    const TableMetadata *metadata = table_metadata(table->table);
    bool told = table->moved.count == 0; // else what the index says is of use only as long as this table is open
    IndexMark mark = {.snapshot_id = told ? metadata->current_snapshot_id : MARK_MOVED,
                      .sequence_number = metadata->last_sequence_number,
                      .keys_of = keys_hash(&table->mapping),
                      .next_file = table->next_file};
    snprintf(mark.table_uuid, sizeof(mark.table_uuid), "%.*s", SLICE_ARG(metadata->uuid));
    return mark;
}

bool index_save(LakeTable *table, bool lazy, Err *err) {
    if (table->index == NULL) {
        return true;
    }
    IndexMark mark = mark_now(table);
    DEFER(buf_release) Buf files = {0};
    files_encode(table, &files);
    table->index_us = lazy ? table->index_us : clock_monotonic_us();
    return index_commit(table->index, &mark, buf_slice(&files), lazy, err);
}

size_t lake_index_memory(const Lake *lake) {
    return lake->memory_bytes_max / 4;
}

uint64_t index_held(const LakeTable *table) {
    IndexStats stats = {0};
    if (table->index != NULL) {
        index_stats(table->index, &stats);
    }
    return stats.table_bytes;
}

// --- the table's files -----------------------------------------------------------------------------------------

typedef struct Loading {
    LakeTable *table;
    const Map *known; // by path; NULL = numbers are given anew
    bool complete;    // every file was known
} Loading;

static bool has_vectors(const LakeTable *table) {
    return table_metadata(table->table)->format_version >= 3;
}

static void data_file_add(Loading *loading, const DataFile *file, int64_t sequence) {
    LakeTable *table = loading->table;
    LakeDataFile *data = lake_data_file_new(file);
    data->before = table->adopting && sequence <= adopt_sequence(table_metadata(table->table));
    const KnownFile *known = loading->known != NULL ? map_find(loading->known, file->path) : NULL;
    loading->complete &= known != NULL;
    data->number = known != NULL ? known->number : table->next_file++;
    data->deleted = known != NULL && !has_vectors(table) ? known->deleted : 0; // else counted by deletes_load
    map_put_u64(&table->files, data->number, data);
    map_put(&table->by_path, data->file.path, data);
}

static bool file_visit(void *context, const ManifestEntry *entry, Err *err) {
    Loading *loading = context;
    if (entry->file.content == CONTENT_DATA) {
        data_file_add(loading, &entry->file, entry->sequence_number);
    }
    return true;
}

static bool files_load(Loading *loading, Err *err) {
    LakeTable *table = loading->table;
    const Snapshot *snapshot = table_snapshot_current(table_metadata(table->table));
    return snapshot == NULL || table_each_file(table->table, snapshot, false, file_visit, loading, err);
}

static void files_forget(LakeTable *table) {
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        data_file_free(e->value);
    }
    map_release(&table->files);
    map_release(&table->by_path);
    table->files = table->by_path = (Map){0};
}

// --- what is deleted -------------------------------------------------------------------------------------------

static bool deletes_load(LakeTable *table, Err *err) {
    const Snapshot *snapshot = table_snapshot_current(table_metadata(table->table));
    LakeDeletes *deletes = NULL;
    if (snapshot == NULL) {
        return true;
    }
    TRY(lake_deletes_load(table->lake->io, table->table, snapshot, &deletes, err));
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        positions_free(data->rows);
        data->vector = lake_deletes_vector(deletes, data->file.path);
        data->rows = lake_deletes_take(deletes, data->file.path);
        data->deleted = data->rows != NULL ? (int64_t)positions_count(data->rows) : 0;
    }
    lake_deletes_free(deletes);
    return true;
}

// --- keys ------------------------------------------------------------------------------------------------------

static bool key_lacks(const Mapping *mapping, const Value *key) {
    for (size_t i = 0; i < mapping->key_count; i++) {
        if (key[i].kind == VALUE_NULL) {
            return true;
        }
    }
    return false;
}

static bool file_keys(LakeTable *table, const LakeDataFile *data, LakeRows *rows, Err *err) {
    const Mapping *mapping = &table->mapping;
    for (;;) {
        const Value *key = NULL;
        uint64_t row = 0;
        TRY(lake_rows_next(rows, &key, &row, err));
        if (key == NULL) {
            return true;
        }
        if (UNLIKELY(!mapping->full_row && key_lacks(mapping, key))) {
            return FAIL(err, ERR_TABLE, "%.*s, row %" PRIu64 ": its key is NULL", SLICE_ARG(data->file.path), row);
        }
        KeyHash hash = mapping_key_hash(mapping, key);
        TRY(pending_add(table, hash, (KeyPlace){data->number, (uint32_t)row}, true, err));
    }
}

// Of each file the key's columns alone.
static bool keys_load(LakeTable *table, Err *err) {
    const Mapping *mapping = &table->mapping;
    int32_t *ids = ARENA_ARRAY(table->batch, int32_t, mapping->key_count);
    for (size_t i = 0; i < mapping->key_count; i++) {
        ids[i] = mapping->schema.shape->fields[mapping->key[i]].shape.id;
    }
    LakeRead how = {.table = table_metadata(table->table),
                    .schema = &mapping->schema,
                    .ids = ids,
                    .count = mapping->key_count,
                    .sequence = -1};
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        const LakeDataFile *data = e->value;
        LakeRows *rows = NULL;
        how.deleted = data->rows;
        TRY(lake_rows_open(table->lake->io, &data->file, &how, &rows, err));
        bool ok = file_keys(table, data, rows, err);
        lake_rows_close(rows);
        TRY(ok);
    }
    return pending_drain(table, err);
}

// --- all -------------------------------------------------------------------------------------------------------

static bool rebuild(LakeTable *table, Err *err) {
    int64_t began_us = clock_monotonic_us();
    files_forget(table);
    table->next_file = 0;
    Loading loading = {.table = table, .complete = true};
    index_clear(table->index);
    TRY(files_load(&loading, err) && deletes_load(table, err) && keys_load(table, err));
    if (table->files.count > 0) {
        log_info(LOG_SINK, "the key index was made again from the table", LOG_TEXT("table", table->lake->pipeline),
                 LOG_INT("files", (int64_t)table->files.count),
                 LOG_INT("ms", (clock_monotonic_us() - began_us) / 1000));
    }
    bool vectors = has_vectors(table);
    for (MapEntry *e = NULL; !vectors && (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        positions_free(data->rows); // v2: what is in delete files need not be known
        data->rows = NULL;
    }
    return index_save(table, false, err);
}

// The index is of this very snapshot: its numbers hold. False: it is not.
static bool adopt(LakeTable *table, bool *adopted, Err *err) {
    const IndexMark *mark = index_mark(table->index);
    IndexMark now = mark_now(table);
    *adopted = strcmp(mark->table_uuid, now.table_uuid) == 0 && mark->snapshot_id == now.snapshot_id &&
               mark->keys_of == now.keys_of;
    if (!*adopted) {
        return true;
    }
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    Map known = {0};
    Loading loading = {
        .table = table, .known = &known, .complete = files_decode(index_files(table->index), scratch, &known)};
    table->next_file = mark->next_file;
    // Version 3 may have position delete files of before its upgrade: the next vector of a file stands for them, too.
    bool ok = files_load(&loading, err) && (!loading.complete || !has_vectors(table) || deletes_load(table, err));
    *adopted = loading.complete;
    map_release(&known);
    arena_release(scratch);
    return ok;
}

bool index_reach(LakeTable *table, bool *fresh, Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    char directory[PATH_MAX];
    int size = snprintf(directory, sizeof(directory), "%s/index", table->lake->state_directory);
    TRY(size < (int)sizeof(directory) - 64 || FAIL(err, ERR_OPTION, "the data directory's path is too long"));
    TRY(file_make_directories(directory, err));
    snprintf(directory + size, sizeof(directory) - (size_t)size, "/%.*s", SLICE_ARG(metadata->uuid));
    IndexOptions options = {
        .directory = directory, .memory_bytes_max = lake_index_memory(table->lake), .exact = table->mapping.exact_keys};
    return index_open(&options, &table->index, fresh, err);
}

bool index_prepare(LakeTable *table, Err *err) {
    bool fresh = false, adopted = false;
    TRY(index_reach(table, &fresh, err));
    if (!fresh) {
        TRY(adopt(table, &adopted, err));
    }
    bool ok = adopted || rebuild(table, err);
    arena_reset(table->batch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
