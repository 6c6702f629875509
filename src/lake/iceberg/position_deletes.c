// SPDX-License-Identifier: Apache-2.0
// Position delete files of version 2: Parquet, a row for each deleted row.
#include "lake/iceberg/deletes.h"
#include "lake/iceberg/metadata.h"

#include "data/format/parquet/parquet.h"

static const ShapeField FIELDS[] = {
    {.name = {(const uint8_t *)"file_path", 9}, .shape = {.kind = SHAPE_STRING, .id = ICEBERG_ID_FILE_PATH}},
    {.name = {(const uint8_t *)"pos", 3}, .shape = {.kind = SHAPE_INT64, .id = ICEBERG_ID_POS}},
};
static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = ARRAY_LEN(FIELDS)};

static int vector_compare(const void *a, const void *b) {
    return slice_compare((*(const PuffinVector *const *)a)->data_file, (*(const PuffinVector *const *)b)->data_file);
}

static bool write_vector(ParquetWriter *writer, const PuffinVector *vector, Err *err) {
    uint64_t from = 0, piece[512];
    Value values[] = {value_bytes(VALUE_STRING, vector->data_file), value_int(0)};
    for (size_t count; (count = positions_next(vector->positions, &from, piece, ARRAY_LEN(piece))) > 0;) {
        for (size_t i = 0; i < count; i++) {
            values[1].integer = (int64_t)piece[i];
            TRY(parquet_writer_record(writer, values, err));
        }
    }
    return true;
}

bool position_deletes_write(const PuffinVector *vectors, size_t count, Buf *out, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    const PuffinVector **sorted = ARENA_ARRAY(&scratch, const PuffinVector *, count);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &vectors[i];
    }
    if (count > 1) {
        qsort(sorted, count, sizeof(const PuffinVector *), vector_compare);
    }
    ParquetNote note = {SLICE("delete-type"), SLICE("position")};
    // pyarrow, and so PyIceberg, reads file_path as a dictionary, which it can only from the old encodings.
    ParquetWriterOptions options = {
        .codec = CODEC_ZSTD, .compatible = true, .group_bytes_max = 16 * MIB, .notes = &note, .note_count = 1};
    ParquetWriter *writer = NULL;
    TRY(parquet_writer_open(&SHAPE, &options, out, &writer, err));
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        ok = write_vector(writer, sorted[i], err);
    }
    ok = ok && parquet_writer_finish(writer, err);
    parquet_writer_close(writer);
    TRY(ok);
    return !out->overflow || FAIL(err, ERR_MEMORY, "no room for the deletes of %zu files", count);
}

// --- reading ---------------------------------------------------------------------------------------------------

static bool read_slice_at(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Slice *file = context;
    if (offset > file->size || size > file->size - offset) {
        return FAIL(err, ERR_VALUE, "the file ends before byte %" PRIu64, offset);
    }
    buf_bytes(out, file->data + offset, size);
    return !out->overflow || FAIL(err, ERR_MEMORY, "%zu bytes do not fit the reader's buffer", size);
}

static int32_t column(const Shape *shape, int32_t id, Slice name) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].shape.id == id) {
            return (int32_t)i;
        }
    }
    int32_t named = shape_find(shape, name);
    return named >= 0 && shape->fields[named].shape.id == 0 ? named : -1;
}

static bool read_rows(ParquetReader *reader, bool (*row)(void *context, Slice path, uint64_t position, Err *err),
                      void *context, Err *err) {
    const Shape *shape = parquet_reader_shape(reader);
    int32_t path = column(shape, FIELDS[0].shape.id, FIELDS[0].name);
    int32_t pos = column(shape, FIELDS[1].shape.id, FIELDS[1].name);
    if (path < 0 || pos < 0) {
        return FAIL(err, ERR_VALUE, "no position deletes: the column %s is missing", path < 0 ? "file_path" : "pos");
    }
    for (uint64_t number = 0;; number++) {
        const Value *values = NULL;
        TRY(parquet_reader_next(reader, &values, err));
        if (values == NULL) {
            return true;
        }
        if (values[path].kind != VALUE_STRING || values[pos].kind != VALUE_INT || values[pos].integer < 0 ||
            values[pos].integer >> 32 >= INT32_MAX) {
            return FAIL(err, ERR_VALUE, "row %" PRIu64 " has no file_path, or no pos that a row can have", number);
        }
        TRY(row(context, values[path].bytes, (uint64_t)values[pos].integer, err));
    }
}

bool position_deletes_read(Slice file, bool (*row)(void *context, Slice path, uint64_t position, Err *err),
                           void *context, Err *err) {
    ParquetFile parquet = {.context = &file, .size = file.size, .read = read_slice_at};
    ParquetReader *reader = NULL;
    TRY(parquet_reader_open(&parquet, &reader, err));
    bool ok = read_rows(reader, row, context, err);
    parquet_reader_close(reader);
    return ok || err_frame(err, __FILE__, __LINE__);
}
