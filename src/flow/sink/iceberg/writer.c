// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/writer.h"

#include "data/event/event_codec.h"
#include "lake/iceberg/metrics.h"
#include "lake/iceberg/partition.h"

#define DRAIN_BYTES (1 * MIB)

struct LakeWriter {
    ParquetWriter *parquet;
    Buf out;
    LakeFile *file;
    LakeDataFile *data;
    const Shape *shape;
    uint32_t rows;
};

// --- opening ---------------------------------------------------------------------------------------------------

bool writers_name(LakeTable *table, const DataFile *file, const char *kind, const char *extension, Slice *uri,
                  Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    const PartitionSpec *spec = table_spec_find(metadata, file->spec_id);
    DEFER(buf_release) Buf path = {0};
    if (spec != NULL && spec->field_count > 0) {
        TRY(partition_path(&table->mapping.schema, spec, file->partition, &path, err));
        buf_u8(&path, '/');
    }
    *uri = slice_of(arena_printf(table->batch, "%.*s/data/%.*s%05u-%016" PRIx64 "-%s.%s", SLICE_ARG(metadata->location),
                                 SLICE_ARG(buf_slice(&path)), table->next_file, (uint64_t)snapshot_id_new(), kind,
                                 extension));
    return true;
}

static LakeDataFile *data_file_new(LakeTable *table, const Value *partition, size_t count, Err *err) {
    DataFile file = {.content = CONTENT_DATA,
                     .spec_id = table_metadata(table->table)->default_spec_id,
                     .partition = partition,
                     .partition_count = count,
                     .sort_order_id = -1,
                     .first_row_id = -1,
                     .content_offset = -1,
                     .content_size = -1};
    if (!writers_name(table, &file, "data", "parquet", &file.path, err)) {
        return NULL;
    }
    LakeDataFile *data = lake_data_file_new(&file);
    data->number = table->next_file++;
    data->fresh = true;
    return data;
}

static void writer_free(LakeWriter *writer) {
    parquet_writer_close(writer->parquet);
    if (writer->file != NULL) {
        lake_file_abort(writer->file);
    }
    buf_release(&writer->out);
    free(writer);
}

static bool writer_open_file(LakeTable *table, LakeWriter *writer, const Value *partition, size_t count, Err *err) {
    LakeDataFile *data = data_file_new(table, partition, count, err);
    TRY(data != NULL);
    map_put_u64(&table->files, data->number, data);
    writer->data = data;
    map_put(&table->by_path, data->file.path, data);
    TRY(lake_file_open(table->lake->io, data->file.path, &writer->file, err));
    ParquetWriterOptions options = {.codec = CODEC_ZSTD,
                                    .level = (int)table->lake->options->compression_level,
                                    .large_page_bytes = (size_t)table->lake->options->large_page_bytes,
                                    .group_bytes_max = MAX(table->lake->memory_bytes_max / 4, (size_t)MIB)};
    writer->shape = table->mapping.schema.shape;
    return parquet_writer_open(writer->shape, &options, &writer->out, &writer->parquet, err);
}

static bool writer_open_new(LakeTable *table, const Value *partition, size_t count, LakeWriter **opened, Err *err) {
    LakeWriter *writer = calloc(1, sizeof(*writer));
    ASSERT(writer != NULL);
    buf_init(&writer->out, 0);
    if (!writer_open_file(table, writer, partition, count, err)) {
        writer_free(writer);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = writer;
    return true;
}

// --- closing ---------------------------------------------------------------------------------------------------

bool writers_file(LakeTable *table, Slice uri, Slice bytes, Err *err) {
    LakeFile *file = NULL;
    TRY(lake_file_open(table->lake->io, uri, &file, err));
    buf_bytes(&table->written, &file, sizeof(file)); // NOLINT(bugprone-sizeof-expression)
    table->lake->bytes += bytes.size;
    table->lake->files++;
    return lake_file_write(file, bytes, err);
}

static bool writer_drain(LakeTable *table, LakeWriter *writer, size_t least, Err *err) {
    if (writer->out.size >= least && writer->out.size > 0) {
        TRY(lake_file_write(writer->file, buf_slice(&writer->out), err));
        buf_reset_keep(&writer->out, DRAIN_BYTES);
    }
    return true;
}

static bool writer_end(LakeTable *table, LakeWriter *writer, Err *err) {
    LakeDataFile *data = writer->data;
    ParquetSummary summary;
    TRY(parquet_writer_finish(writer->parquet, err));
    TRY(parquet_writer_summary(writer->parquet, table->batch, &summary, err));
    data->file.record_count = writer->rows;
    data->file.size = (int64_t)parquet_writer_written(writer->parquet);
    metrics_make(table->batch, &summary, &data->file);
    TRY(writer_drain(table, writer, 0, err));
    data->bytes = writer->file;
    writer->file = NULL;
    table->lake->bytes += (uint64_t)data->file.size;
    table->lake->files++;
    return true;
}

bool writers_finish(LakeTable *table, Err *err) {
    bool ok = true;
    if (table->only != NULL) {
        ok = writer_end(table, table->only, err);
        writer_free(table->only);
        table->only = NULL;
    }
    for (MapEntry *e = NULL; (e = map_next(&table->writers, e)) != NULL;) {
        ok = ok && writer_end(table, e->value, err);
        writer_free(e->value);
    }
    map_release(&table->writers);
    table->writers = (Map){0};
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool writers_readable(LakeTable *table, LakeDataFile *data, Err *err) {
    if (!data->fresh) {
        return true;
    }
    if (data->file.size == 0) {
        TRY(writers_finish(table, err));
    }
    if (data->bytes != NULL) {
        LakeFile *file = data->bytes;
        data->bytes = NULL;
        TRY(lake_files_finish(&file, 1, err));
    }
    return true;
}

void writers_abort(LakeTable *table) {
    if (table->only != NULL) {
        writer_free(table->only);
        table->only = NULL;
    }
    for (MapEntry *e = NULL; (e = map_next(&table->writers, e)) != NULL;) {
        writer_free(e->value);
    }
    map_release(&table->writers);
    table->writers = (Map){0};
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        if (data->bytes != NULL) {
            lake_file_abort(data->bytes);
            data->bytes = NULL;
        }
    }
    LakeFile **written = (LakeFile **)(void *)table->written.data;
    for (size_t i = 0; i < table->written.size / sizeof(*written); i++) {
        lake_file_abort(written[i]);
    }
    buf_reset(&table->written);
}

// --- memory ----------------------------------------------------------------------------------------------------

static size_t writer_held(const LakeWriter *writer) {
    return parquet_writer_held(writer->parquet) + writer->out.capacity;
}

size_t writers_held(const LakeTable *table) {
    size_t held = table->only != NULL ? writer_held(table->only) : 0;
    for (MapEntry *e = NULL; (e = map_next(&table->writers, e)) != NULL;) {
        held += writer_held(e->value);
    }
    return held;
}

static bool writer_spill(LakeTable *table, LakeWriter *writer, Err *err) {
    return parquet_writer_end_group(writer->parquet, err) && writer_drain(table, writer, 0, err);
}

bool writers_spill(LakeTable *table, Err *err) {
    TRY(table->only == NULL || writer_spill(table, table->only, err));
    for (MapEntry *e = NULL; (e = map_next(&table->writers, e)) != NULL;) {
        TRY(writer_spill(table, e->value, err));
    }
    return true;
}

// --- rows ------------------------------------------------------------------------------------------------------

// The row's partition, one value a field of the spec.
static bool partition_of(LakeTable *table, const PartitionSpec *spec, Value *values, Err *err) {
    const Shape *shape = table->mapping.schema.shape;
    for (size_t i = 0; i < spec->field_count; i++) {
        values[i] = (Value){.kind = VALUE_NULL};
        for (uint32_t j = 0; j < shape->field_count; j++) {
            if (shape->fields[j].shape.id == spec->fields[i].source_id) {
                TRY(transform_value(&spec->fields[i], &shape->fields[j].shape, &table->row[j], table->lake->scratch,
                                    &values[i], err));
            }
        }
    }
    return true;
}

static bool writer_of_row(LakeTable *table, LakeWriter **found, Slice *key, Err *err) {
    const TableMetadata *metadata = table_metadata(table->table);
    const PartitionSpec *spec = table_spec_find(metadata, metadata->default_spec_id);
    *key = (Slice){0};
    if (spec == NULL || spec->field_count == 0) {
        *found = table->only;
        return *found != NULL || (writer_open_new(table, NULL, 0, &table->only, err) && (*found = table->only) != NULL);
    }
    Value *values = ARENA_ARRAY(table->lake->scratch, Value, spec->field_count);
    TRY(partition_of(table, spec, values, err));
    Buf bytes;
    buf_init(&bytes, 0);
    for (size_t i = 0; i < spec->field_count; i++) {
        value_encode(&bytes, &values[i]);
    }
    *key = arena_slice(table->lake->scratch, buf_slice(&bytes));
    buf_release(&bytes);
    *found = map_find(&table->writers, *key);
    if (*found == NULL) {
        TRY(writer_open_new(table, values, spec->field_count, found, err));
        map_put(&table->writers, *key, *found);
    }
    return true;
}

// A file of its target size ends; the next row begins another.
static bool writer_close_full(LakeTable *table, LakeWriter *writer, Slice key, Err *err) {
    uint64_t size = parquet_writer_written(writer->parquet) + parquet_writer_estimate(writer->parquet);
    if (size < (uint64_t)table->lake->options->target_file_bytes && writer->rows < UINT32_MAX - 1) {
        return true;
    }
    if (key.data != NULL) {
        (void)map_remove(&table->writers, key);
    } else {
        table->only = NULL;
    }
    bool ok = writer_end(table, writer, err);
    writer_free(writer);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool writers_put(LakeTable *table, KeyPlace *place, Err *err) {
    LakeWriter *writer = NULL;
    Slice key;
    TRY(writer_of_row(table, &writer, &key, err));
    TRY(parquet_writer_record(writer->parquet, table->row, err));
    *place = (KeyPlace){writer->data->number, writer->rows++};
    table->touched = true;
    table->rows_added++;
    if (writer->out.size >= DRAIN_BYTES) {
        TRY(writer_drain(table, writer, DRAIN_BYTES, err));
    }
    return writer->rows % 1024 != 0 || writer_close_full(table, writer, key, err);
}
