// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/toast.h"

#include "flow/sink/iceberg/writer.h"

// A row of a file that is still being written cannot be read: the open files end here, and are made durable.
static bool file_readable(LakeTable *table, const LakeDataFile *data, Err *err) {
    if (!data->fresh) {
        return true;
    }
    TRY(writers_finish(table, err));
    if (data->bytes != NULL) {
        LakeFile *file = data->bytes;
        ((LakeDataFile *)map_find_u64(&table->files, data->number))->bytes = NULL;
        TRY(lake_files_finish(&file, 1, err));
    }
    return true;
}

void toast_forget(LakeTable *table) {
    parquet_reader_close(table->toast.reader);
    table->toast = (ToastReader){0};
}

// The columns by their ids in this file; the reader stays open for the next row of it.
static bool reader_open(LakeTable *table, const LakeDataFile *data, Err *err) {
    if (table->toast.reader != NULL && table->toast.file == data->number) {
        return true;
    }
    toast_forget(table);
    TRY(file_readable(table, data, err));
    table->toast.bytes = lake_io_parquet(table->lake->io, data->file.path, (uint64_t)data->file.size, table->batch);
    TRY(parquet_reader_open(&table->toast.bytes, &table->toast.reader, err));
    table->toast.file = data->number;
    return true;
}

static int32_t field_in(const Shape *shape, int32_t id) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].shape.id == id) {
            return (int32_t)i;
        }
    }
    return -1;
}

bool toast_fill(LakeTable *table, const Value *after, KeyPlace place, Err *err) {
    const Mapping *mapping = &table->mapping;
    const LakeDataFile *data = key_place_none(place) ? NULL : map_find_u64(&table->files, place.file);
    if (data == NULL) {
        FAIL(err, ERR_VALUE, "a value that did not change was not sent, and the lake does not have its row");
        return err_hint(err, "read the table again: leat resync; or ALTER TABLE … REPLICA IDENTITY FULL");
    }
    TRY(reader_open(table, data, err));
    const Shape *there = parquet_reader_shape(table->toast.reader);
    const Shape *here = mapping->schema.shape;
    int32_t *ids = ARENA_ARRAY(table->lake->scratch, int32_t, here->field_count);
    size_t count = 0;
    for (uint32_t i = 0; i < here->field_count; i++) {
        int32_t column = mapping->from[i];
        bool wanted = column >= 0 && (size_t)column < mapping->column_count && after[column].kind == VALUE_UNCHANGED;
        if (wanted) {
            ids[count++] = here->fields[i].shape.id;
        }
    }
    const Value *values = NULL;
    TRY(parquet_reader_select(table->toast.reader, ids, count, err));
    TRY(parquet_reader_seek(table->toast.reader, place.row, err));
    TRY(parquet_reader_next(table->toast.reader, &values, err));
    if (values == NULL) {
        return FAIL(err, ERR_STATE_CORRUPT, "%.*s has no row %u", SLICE_ARG(data->file.path), place.row);
    }
    for (uint32_t i = 0; i < here->field_count; i++) {
        int32_t column = mapping->from[i];
        if (column >= 0 && (size_t)column < mapping->column_count && after[column].kind == VALUE_UNCHANGED) {
            int32_t at = field_in(there, here->fields[i].shape.id);
            table->row[i] = at >= 0 ? values[at] : (Value){.kind = VALUE_NULL};
        }
    }
    return true;
}
