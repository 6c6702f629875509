// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/rebuild.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <limits.h>

void data_file_free(LakeDataFile *data) {
    positions_free(data->rows);
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
    IndexMark mark = {.snapshot_id = metadata->current_snapshot_id,
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
    return index_commit(table->index, &mark, buf_slice(&files), lazy, err);
}

// --- the table's files -----------------------------------------------------------------------------------------

typedef struct Loading {
    LakeTable *table;
    const Map *known; // by path; NULL = numbers are given anew
    bool complete;    // every file was known
    Buf deletes;      // ManifestEntry: position deletes and deletion vectors
} Loading;

static void partition_copy(LakeTable *table, DataFile *file) {
    Value *values = ARENA_ARRAY(table->run, Value, file->partition_count);
    for (size_t i = 0; i < file->partition_count; i++) {
        values[i] = value_copy(table->run, &file->partition[i]);
    }
    file->partition = file->partition_count > 0 ? values : NULL;
}

static void data_file_add(Loading *loading, const DataFile *file) {
    LakeTable *table = loading->table;
    LakeDataFile *data = calloc(1, sizeof(*data));
    ASSERT(data != NULL);
    data->file = *file;
    data->file.path = arena_slice(table->run, file->path);
    data->file.format = SLICE("PARQUET");
    data->file.metrics = NULL;
    data->file.metric_count = data->file.split_count = 0;
    partition_copy(table, &data->file);
    const KnownFile *known = loading->known != NULL ? map_find(loading->known, file->path) : NULL;
    loading->complete &= known != NULL;
    data->number = known != NULL ? known->number : table->next_file++;
    data->deleted = known != NULL ? known->deleted : 0;
    map_put_u64(&table->files, data->number, data);
    map_put(&table->by_path, data->file.path, data);
}

static bool file_visit(void *context, const ManifestEntry *entry, Err *err) {
    Loading *loading = context;
    if (entry->file.content == CONTENT_EQUALITY_DELETES) {
        FAIL(err, ERR_TABLE, "the table has equality deletes (%.*s), which leat does not write",
             SLICE_ARG(entry->file.path));
        return err_hint(err, "have their writer rewrite its files (Spark: rewrite_data_files), and stop it");
    }
    if (entry->file.content == CONTENT_DATA) {
        data_file_add(loading, &entry->file);
        return true;
    }
    Arena *batch = loading->table->batch;
    ManifestEntry kept = *entry;
    kept.file.path = arena_slice(batch, entry->file.path);
    kept.file.format = arena_slice(batch, entry->file.format);
    kept.file.referenced_file = arena_slice(batch, entry->file.referenced_file);
    buf_bytes(&loading->deletes, &kept, sizeof(kept));
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

static bool deleted_row(void *context, Slice path, uint64_t position, Err *err) {
    LakeTable *table = context;
    LakeDataFile *data = map_find(&table->by_path, path);
    if (data != NULL) { // else of a file that is gone
        data->rows = data->rows != NULL ? data->rows : positions_new();
        data->deleted += positions_add(data->rows, position);
    }
    return true;
}

static bool vector_load(LakeTable *table, const DataFile *file, Arena *scratch, Err *err) {
    LakeDataFile *data = map_find(&table->by_path, file->referenced_file);
    if (data == NULL) {
        return true;
    }
    DEFER(buf_release) Buf blob = {0};
    TRY(lake_io_read(table->lake->io, file->path, (uint64_t)file->content_offset, (size_t)file->content_size, &blob,
                     err));
    positions_free(data->rows);
    data->rows = NULL;
    TRY(deletion_vector_read(buf_slice(&blob), &data->rows, err));
    data->deleted = (int64_t)positions_count(data->rows);
    data->vector = true;
    return true;
}

static bool delete_file_load(LakeTable *table, const DataFile *file, Arena *scratch, Err *err) {
    if (slice_is(file->format, "PUFFIN")) {
        return vector_load(table, file, scratch, err);
    }
    Slice bytes;
    TRY(lake_io_get(table->lake->io, file->path, scratch, &bytes, err));
    return position_deletes_read(bytes, deleted_row, table, err);
}

static bool deletes_load(Loading *loading, bool vectors_only, Err *err) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool ok = true;
    const ManifestEntry *deletes = (const ManifestEntry *)(const void *)loading->deletes.data;
    for (size_t i = 0; i < loading->deletes.size / sizeof(*deletes) && ok; i++) {
        const DataFile *file = &deletes[i].file;
        ok =
            (vectors_only && !slice_is(file->format, "PUFFIN")) || delete_file_load(loading->table, file, scratch, err);
        if (!ok) {
            err_prefix(err, "%.*s", SLICE_ARG(file->path));
        }
        arena_reset(scratch);
    }
    arena_release(scratch);
    return ok;
}

// --- keys ------------------------------------------------------------------------------------------------------

static bool file_keys(LakeTable *table, const LakeDataFile *data, ParquetReader *reader, Err *err) {
    const Mapping *mapping = &table->mapping;
    const Shape *shape = parquet_reader_shape(reader);
    int32_t *places = ARENA_ARRAY(table->batch, int32_t, mapping->key_count);
    Value *key = ARENA_ARRAY(table->batch, Value, mapping->key_count);
    for (size_t i = 0; i < mapping->key_count; i++) {
        int32_t id = mapping->schema.shape->fields[mapping->key[i]].shape.id;
        places[i] = -1;
        for (uint32_t j = 0; j < shape->field_count; j++) {
            places[i] = shape->fields[j].shape.id == id ? (int32_t)j : places[i];
        }
        if (places[i] < 0 && !mapping->full_row) {
            return FAIL(err, ERR_TABLE, "%.*s has no column of the key (field id %d)", SLICE_ARG(data->file.path), id);
        }
    }
    for (uint32_t row = 0;; row++) {
        const Value *values = NULL;
        TRY(parquet_reader_next(reader, &values, err));
        if (values == NULL) {
            return true;
        }
        if (data->rows != NULL && positions_has(data->rows, row)) {
            continue;
        }
        for (size_t i = 0; i < mapping->key_count; i++) {
            key[i] = places[i] >= 0 ? values[places[i]] : (Value){.kind = VALUE_NULL};
        }
        KeyHash hash = mapping_key_hash(mapping, key);
        TRY(pending_add(table, hash, (KeyPlace){data->number, row}, true, err));
    }
}

static bool keys_load(LakeTable *table, Err *err) {
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        const LakeDataFile *data = e->value;
        ParquetFile file = lake_io_parquet(table->lake->io, data->file.path, (uint64_t)data->file.size, table->batch);
        ParquetReader *reader = NULL;
        TRY(parquet_reader_open(&file, &reader, err));
        bool ok = file_keys(table, data, reader, err);
        parquet_reader_close(reader);
        if (!ok) {
            return err_prefix(err, "%.*s", SLICE_ARG(data->file.path));
        }
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
    bool ok = files_load(&loading, err) && deletes_load(&loading, false, err) && keys_load(table, err);
    buf_release(&loading.deletes);
    TRY(ok);
    if (table->files.count > 0) {
        log_info(LOG_SINK, "the key index was made again from the table", LOG_TEXT("table", table->lake->pipeline),
                 LOG_INT("files", (int64_t)table->files.count),
                 LOG_INT("ms", (clock_monotonic_us() - began_us) / 1000));
    }
    bool vectors = table_metadata(table->table)->format_version >= 3;
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
    bool ok = files_load(&loading, err) && (!loading.complete || deletes_load(&loading, true, err));
    *adopted = loading.complete;
    buf_release(&loading.deletes);
    map_release(&known);
    arena_release(scratch);
    return ok;
}

bool index_prepare(LakeTable *table, Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    char directory[PATH_MAX];
    int size = snprintf(directory, sizeof(directory), "%s/index", table->lake->state_directory);
    TRY(size < (int)sizeof(directory) - 64 || FAIL(err, ERR_OPTION, "the data directory's path is too long"));
    TRY(file_make_directories(directory, err));
    snprintf(directory + size, sizeof(directory) - (size_t)size, "/%.*s", SLICE_ARG(metadata->uuid));
    IndexOptions options = {.directory = directory,
                            .memory_bytes_max = table->lake->memory_bytes_max / 4,
                            .exact = table->mapping.exact_keys};
    bool fresh = false, adopted = false;
    TRY(index_open(&options, &table->index, &fresh, err));
    if (!fresh) {
        TRY(adopt(table, &adopted, err));
    }
    bool ok = adopted || rebuild(table, err);
    arena_reset(table->batch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
