// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/rows.h"

#include "lake/iceberg/projection.h"

// Deleted positions looked at together.
enum { DELETED_AHEAD = 64 };

struct LakeRows {
    Arena arena[1];
    Arena record[1]; // of changed lists and structs
    DataFile file;   // its partition is not kept
    ParquetFile bytes;
    ParquetReader *reader;
    const LakeRead *how;
    Projection *projection;
    Value *row;
    bool straight; // the file's record is the row
    bool lineage;  // of version 3 is wanted
    uint64_t next; // position of the next row
    uint64_t deleted_from, deleted[DELETED_AHEAD];
    size_t deleted_at, deleted_count;
};

// --- opening ---------------------------------------------------------------------------------------------------

static bool is_lineage(int32_t id) {
    return id == ICEBERG_ID_ROW_ID || id == ICEBERG_ID_LAST_UPDATED;
}

static bool columns_make(LakeRows *rows, const DataFile *file, Err *err) {
    const LakeRead *how = rows->how;
    TRY(projection_make(how, file, parquet_reader_shape(rows->reader), rows->arena, &rows->projection, err));
    rows->row = ARENA_ARRAY(rows->arena, Value, how->count);
    for (size_t i = 0; i < how->count; i++) {
        rows->lineage |= is_lineage(how->ids[i]);
    }
    rows->straight = projection_straight(rows->projection) && !rows->lineage;
    return parquet_reader_choose(rows->reader, projection_wanted(rows->projection), err);
}

static bool rows_begin(LakeRows *rows, const DataFile *file, Err *err) {
    if (!slice_is(file->format, "PARQUET") && !slice_is(file->format, "parquet")) {
        FAIL(err, ERR_TABLE, "files of the format %.*s are not read", SLICE_ARG(file->format));
        return err_hint(err,
                        "have them rewritten as Parquet (Spark: write.format.default=parquet, rewrite_data_files)");
    }
    TRY(parquet_reader_open(&rows->bytes, &rows->reader, err));
    return columns_make(rows, file, err);
}

bool lake_rows_open(LakeIo *io, const DataFile *file, const LakeRead *how, LakeRows **opened, Err *err) {
    LakeRows *rows = calloc(1, sizeof(*rows));
    ASSERT(rows != NULL);
    arena_init(rows->arena, "rows", 0);
    arena_init(rows->record, "rows", 0);
    rows->how = how;
    rows->file = *file;
    rows->file.path = arena_slice(rows->arena, file->path);
    rows->bytes = lake_io_parquet(io, rows->file.path, (uint64_t)file->size, rows->arena);
    if (!rows_begin(rows, file, err)) {
        err_prefix(err, "%.*s", SLICE_ARG(rows->file.path));
        lake_rows_close(rows);
        return false;
    }
    *opened = rows;
    return true;
}

void lake_rows_close(LakeRows *rows) {
    if (rows == NULL) {
        return;
    }
    parquet_reader_close(rows->reader);
    arena_release(rows->arena);
    arena_release(rows->record);
    free(rows);
}

// --- rows ------------------------------------------------------------------------------------------------------

// Version 3: ids and numbers that rows inherit from their file.
static Value inherited(const LakeRows *rows, int32_t id, uint64_t position) {
    int64_t number = id == ICEBERG_ID_ROW_ID ? rows->file.first_row_id : rows->how->sequence;
    if (number < 0) {
        return (Value){.kind = VALUE_NULL};
    }
    return value_int(id == ICEBERG_ID_ROW_ID ? number + (int64_t)position : number);
}

static bool row_make(LakeRows *rows, const Value *record, uint64_t position, Err *err) {
    arena_reset(rows->record);
    if (!projection_row(rows->projection, record, rows->record, rows->row, err)) {
        return err_prefix(err, "%.*s, row %" PRIu64, SLICE_ARG(rows->file.path), position);
    }
    for (size_t i = 0; rows->lineage && i < rows->how->count; i++) {
        if (is_lineage(rows->how->ids[i]) && rows->row[i].kind == VALUE_NULL) {
            rows->row[i] = inherited(rows, rows->how->ids[i], position);
        }
    }
    return true;
}

static bool is_deleted(LakeRows *rows, uint64_t position) {
    if (rows->deleted_at == rows->deleted_count) {
        rows->deleted_at = 0;
        rows->deleted_count = positions_next(rows->how->deleted, &rows->deleted_from, rows->deleted, DELETED_AHEAD);
        if (rows->deleted_count == 0) { // none is left
            rows->deleted[0] = UINT64_MAX;
            rows->deleted_count = 1;
        }
    }
    if (rows->deleted[rows->deleted_at] != position) {
        return false;
    }
    rows->deleted_at++;
    return true;
}

bool lake_rows_next(LakeRows *rows, const Value **values, uint64_t *position, Err *err) {
    for (;;) {
        const Value *record = NULL;
        *values = NULL;
        if (!parquet_reader_next(rows->reader, &record, err)) {
            return err_prefix(err, "%.*s", SLICE_ARG(rows->file.path));
        }
        if (record == NULL) {
            return true;
        }
        *position = rows->next++;
        if (rows->how->deleted != NULL && is_deleted(rows, *position)) {
            continue;
        }
        if (rows->straight) {
            *values = record;
            return true;
        }
        *values = rows->row;
        return row_make(rows, record, *position, err);
    }
}
