// SPDX-License-Identifier: Apache-2.0
// Files that become one.
#include "lake/iceberg/compact.h"

#include "core/base/map.h"
#include "core/sys/random.h"
#include "lake/iceberg/metrics.h"
#include "lake/iceberg/partition.h"
#include "lake/iceberg/rows.h"

enum { PACE_ROWS = 1024, NARROW_ROWS = 4096 };
#define DRAIN_BYTES (1 * MIB)

bool compact_name(const TableMetadata *table, const DataFile *like, const char *kind, Arena *arena, Slice *uri,
                  Err *err) {
    const PartitionSpec *spec = table_spec_find(table, like->spec_id);
    DEFER(buf_release) Buf path = {0};
    if (spec != NULL && spec->field_count > 0 && like->partition_count == spec->field_count) {
        TRY(partition_path(table_schema_current(table), spec, like->partition, &path, err));
        buf_u8(&path, '/');
    }
    *uri = slice_of(arena_printf(arena, "%.*s/data/%.*s%s-%016" PRIx64 "%016" PRIx64 ".parquet",
                                 SLICE_ARG(table->location), SLICE_ARG(buf_slice(&path)), kind, random_number(),
                                 random_number()));
    return true;
}

// --- rows ------------------------------------------------------------------------------------------------------

typedef struct Compacting {
    const CompactWrite *how;
    Arena scratch;
    Shape shape; // of the rows: the table's columns and, version 3, those of lineage
    const int32_t *ids;
    size_t columns;
    ParquetWriter *writer;
    Buf out;
    LakeFile *file;
    uint64_t rows;
} Compacting;

static void compacting_release(Compacting *compacting) {
    parquet_writer_close(compacting->writer);
    lake_file_abort(compacting->file);
    buf_release(&compacting->out);
    arena_release(&compacting->scratch);
}

static void shape_make(Compacting *compacting) {
    const Shape *shape = table_schema_current(compacting->how->table)->shape;
    size_t count = shape->field_count, all = count + (compacting->how->table->format_version >= 3 ? 2 : 0);
    ShapeField *fields = ARENA_ARRAY(&compacting->scratch, ShapeField, all);
    int32_t *ids = ARENA_ARRAY(&compacting->scratch, int32_t, all);
    memcpy(fields, shape->fields, count * sizeof(*fields));
    if (all > count) {
        fields[count] = (ShapeField){.name = SLICE("_row_id"),
                                     .shape = {.kind = SHAPE_INT64, .id = ICEBERG_ID_ROW_ID, .optional = true}};
        fields[count + 1] =
            (ShapeField){.name = SLICE("_last_updated_sequence_number"),
                         .shape = {.kind = SHAPE_INT64, .id = ICEBERG_ID_LAST_UPDATED, .optional = true}};
    }
    for (size_t i = 0; i < all; i++) {
        ids[i] = fields[i].shape.id;
    }
    compacting->shape = *shape;
    compacting->shape.fields = fields;
    compacting->shape.field_count = (uint32_t)all;
    compacting->ids = ids;
    compacting->columns = all;
}

static bool drain(Compacting *compacting, size_t least, Err *err) {
    if (compacting->out.size > least) {
        TRY(lake_file_write(compacting->file, buf_slice(&compacting->out), err));
        buf_reset_keep(&compacting->out, DRAIN_BYTES);
    }
    return true;
}

static bool writer_open(Compacting *compacting, Err *err) {
    const CompactWrite *how = compacting->how;
    ParquetWriterOptions options = {.codec = CODEC_ZSTD,
                                    .level = how->level > 0 ? how->level : 1,
                                    .group_bytes_max = how->memory > 0 ? how->memory : 64 * MIB};
    TRY(lake_file_open(how->io, how->uri, &compacting->file, err));
    return parquet_writer_open(&compacting->shape, &options, &compacting->out, &compacting->writer, err);
}

static bool copy_rows(Compacting *compacting, LakeRows *rows, Err *err) {
    const CompactWrite *how = compacting->how;
    for (;;) {
        const Value *values = NULL;
        uint64_t position = 0;
        TRY(lake_rows_next(rows, &values, &position, err));
        if (values == NULL) {
            return true;
        }
        TRY(parquet_writer_record(compacting->writer, values, err));
        TRY(drain(compacting, DRAIN_BYTES, err));
        if (++compacting->rows % PACE_ROWS == 0 && how->pace != NULL) {
            TRY(how->pace(how->context, err));
        }
    }
}

static bool copy_source(Compacting *compacting, const CompactSource *source, Err *err) {
    const CompactWrite *how = compacting->how;
    uint64_t deleted = source->deleted != NULL ? positions_count(source->deleted) : 0;
    if (deleted >= (uint64_t)source->file->record_count) {
        return true;
    }
    LakeRead read = {.table = how->table,
                     .schema = table_schema_current(how->table),
                     .ids = compacting->ids,
                     .count = compacting->columns,
                     .deleted = source->deleted,
                     .sequence = source->sequence};
    LakeRows *rows = NULL;
    TRY(compacting->writer != NULL || writer_open(compacting, err));
    bool ok = lake_rows_open(how->io, source->file, &read, &rows, err) && copy_rows(compacting, rows, err);
    lake_rows_close(rows);
    return ok || err_prefix(err, "%.*s", (int)MIN(source->file->path.size, 300), (const char *)source->file->path.data);
}

static bool writer_end(Compacting *compacting, Arena *arena, DataFile *made, Err *err) {
    ParquetSummary summary;
    TRY(parquet_writer_finish(compacting->writer, err));
    TRY(parquet_writer_summary(compacting->writer, arena, &summary, err));
    made->record_count = (int64_t)compacting->rows;
    made->size = (int64_t)parquet_writer_written(compacting->writer);
    metrics_make(arena, &summary, made);
    TRY(drain(compacting, 0, err));
    LakeFile *file = compacting->file;
    compacting->file = NULL;
    return lake_files_finish(&file, 1, err);
}

static bool compact(Compacting *compacting, Arena *arena, DataFile *made, Err *err) {
    const CompactWrite *how = compacting->how;
    for (size_t i = 0; i < how->count; i++) {
        TRY(copy_source(compacting, &how->sources[i], err));
    }
    return compacting->rows == 0 || writer_end(compacting, arena, made, err);
}

static const Value *partition_copy(const DataFile *file, Arena *arena) {
    Value *values = ARENA_ARRAY(arena, Value, file->partition_count);
    for (size_t i = 0; i < file->partition_count; i++) {
        values[i] = value_copy(arena, &file->partition[i]);
    }
    return file->partition_count > 0 ? values : NULL;
}

// Of the same partition, nothing known of it yet.
static DataFile file_like(const DataFile *like, FileContent content, Slice uri, Arena *arena) {
    return (DataFile){.content = content,
                      .path = arena_slice(arena, uri),
                      .format = SLICE("PARQUET"),
                      .spec_id = like->spec_id,
                      .partition = partition_copy(like, arena),
                      .partition_count = like->partition_count,
                      .sort_order_id = -1,
                      .first_row_id = -1,
                      .content_offset = -1,
                      .content_size = -1};
}

bool compact_write(const CompactWrite *how, Arena *arena, DataFile *made, Err *err) {
    ASSERT(how->count > 0);
    Compacting compacting = {.how = how};
    arena_init(&compacting.scratch, "scratch", 0);
    buf_init(&compacting.out, 0);
    shape_make(&compacting);
    *made = file_like(how->sources[0].file, CONTENT_DATA, how->uri, arena);
    bool ok = compact(&compacting, arena, made, err);
    compacting_release(&compacting);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- position delete files -------------------------------------------------------------------------------------

typedef struct Merging {
    LakeIo *io;
    const TableMetadata *table;
    bool (*live)(void *context, Slice path);
    void *context;
    Arena *arena;
    Map positions; // by data file
    PuffinVector *vectors;
    size_t count;
    DataFile *made;
    size_t made_count;
} Merging;

static bool merge_row(void *context, Slice path, uint64_t position, Err *err) {
    Merging *merging = context;
    Positions *positions = map_find(&merging->positions, path);
    if (positions == NULL) {
        if (!merging->live(merging->context, path)) {
            return true;
        }
        positions = positions_new();
        map_put(&merging->positions, path, positions);
    }
    (void)positions_add(positions, position);
    return true;
}

static bool merge_read(Merging *merging, const DataFile *const *files, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        DEFER(arena_release) Arena scratch;
        arena_init(&scratch, "scratch", 0);
        Slice bytes;
        TRY(lake_io_get(merging->io, files[i]->path, &scratch, &bytes, err));
        if (!position_deletes_read(bytes, merge_row, merging, err)) {
            return err_prefix(err, "%.*s", (int)MIN(files[i]->path.size, 300), (const char *)files[i]->path.data);
        }
    }
    return true;
}

static Slice le64(Arena *arena, uint64_t v) {
    return arena_slice(arena, (Slice){(const uint8_t *)&v, sizeof(v)});
}

void delete_file_metrics(Arena *arena, const PuffinVector *vectors, size_t count, DataFile *file) {
    uint64_t least = UINT64_MAX, most = 0;
    int64_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t from = 0, lowest = 0;
        rows += (int64_t)positions_count(vectors[i].positions);
        (void)positions_next(vectors[i].positions, &from, &lowest, 1);
        least = MIN(least, lowest);
        most = MAX(most, positions_last(vectors[i].positions));
    }
    ColumnMetrics *metrics = ARENA_ARRAY(arena, ColumnMetrics, 2);
    metrics[0] = (ColumnMetrics){ICEBERG_ID_POS, -1, rows, 0, -1, le64(arena, least), le64(arena, most)};
    metrics[1] =
        (ColumnMetrics){ICEBERG_ID_FILE_PATH, -1, rows, 0, -1, vectors[0].data_file, vectors[count - 1].data_file};
    file->metrics = metrics;
    file->metric_count = 2;
    file->record_count = rows;
}

static bool merge_write(Merging *merging, const DataFile *like, const PuffinVector *vectors, size_t count, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    Slice uri;
    LakeFile *file = NULL;
    TRY(position_deletes_write(vectors, count, &bytes, err));
    TRY(compact_name(merging->table, like, "deletes", merging->arena, &uri, err));
    TRY(lake_file_open(merging->io, uri, &file, err));
    if (!lake_file_write(file, buf_slice(&bytes), err)) {
        lake_file_abort(file);
        return err_frame(err, __FILE__, __LINE__);
    }
    TRY(lake_files_finish(&file, 1, err));
    DataFile *made = &merging->made[merging->made_count++];
    *made = file_like(like, CONTENT_POSITION_DELETES, uri, merging->arena);
    made->size = (int64_t)bytes.size;
    delete_file_metrics(merging->arena, vectors, count, made);
    made->referenced_file = count == 1 ? vectors[0].data_file : (Slice){0};
    return true;
}

static int by_path(const void *a, const void *b) {
    return slice_compare(((const PuffinVector *)a)->data_file, ((const PuffinVector *)b)->data_file);
}

// Data files with many deletes have a file of their own, which readers of others need not open.
static bool merge_files(Merging *merging, const DataFile *like, Err *err) {
    size_t all = merging->positions.count, shared = 0;
    PuffinVector *vectors = ARENA_ARRAY(merging->arena, PuffinVector, all);
    merging->made = ARENA_ARRAY(merging->arena, DataFile, all);
    for (MapEntry *e = NULL; (e = map_next(&merging->positions, e)) != NULL;) {
        PuffinVector vector = {.data_file = arena_slice(merging->arena, e->key), .positions = e->value};
        if (positions_count(vector.positions) >= NARROW_ROWS) {
            TRY(merge_write(merging, like, &vector, 1, err));
        } else {
            vectors[shared++] = vector;
        }
    }
    if (shared > 1) {
        qsort(vectors, shared, sizeof(*vectors), by_path);
    }
    return shared == 0 || merge_write(merging, like, vectors, shared, err);
}

bool deletes_merge(LakeIo *io, const TableMetadata *table, const DataFile *const *files, size_t count,
                   bool (*live)(void *context, Slice path), void *context, Arena *arena, DataFile **made,
                   size_t *made_count, Err *err) {
    Merging merging = {.io = io, .table = table, .live = live, .context = context, .arena = arena};
    bool ok = merge_read(&merging, files, count, err) && merge_files(&merging, files[0], err);
    for (MapEntry *e = NULL; (e = map_next(&merging.positions, e)) != NULL;) {
        positions_free(e->value);
    }
    map_release(&merging.positions);
    *made = merging.made;
    *made_count = merging.made_count;
    return ok || err_frame(err, __FILE__, __LINE__);
}
