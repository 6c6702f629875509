// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/writer_summary.c"

#include "core/base/test.h"

enum { ROWS = 30000 };

static const ShapeField PART[] = {{.name = {(const uint8_t *)"x", 1}, .shape = {.kind = SHAPE_INT64, .id = 5}}};
static const Shape ITEM = {.kind = SHAPE_INT32};
static const ShapeField FIELDS[] = {
    {.name = {(const uint8_t *)"id", 2}, .shape = {.kind = SHAPE_INT64, .id = 1}},
    {.name = {(const uint8_t *)"name", 4}, .shape = {.kind = SHAPE_STRING, .id = 2, .optional = true}},
    {.name = {(const uint8_t *)"tags", 4},
     .shape = {.kind = SHAPE_LIST, .id = 3, .element_id = 6, .optional = true, .element = &ITEM}},
    {.name = {(const uint8_t *)"part", 4}, .shape = {.kind = SHAPE_STRUCT, .id = 4, .fields = PART, .field_count = 1}},
};
static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = ARRAY_LEN(FIELDS)};

typedef struct Row {
    char name[32];
    Value tags[3];
    Value part;
    Value values[4];
} Row;

static void row_make(Row *row, int64_t i) {
    snprintf(row->name, sizeof(row->name), "row %" PRId64, i * 7919);
    for (int64_t j = 0; j < i % 4; j++) {
        row->tags[j] = value_int(i + j);
    }
    row->part = value_int(-i);
    row->values[0] = value_int(i);
    row->values[1] = i % 5 == 0 ? (Value){.kind = VALUE_NULL} : value_bytes(VALUE_STRING, slice_of(row->name));
    row->values[2] = (Value){.kind = VALUE_LIST, .items = {row->tags, (size_t)(i % 4)}};
    row->values[3] = (Value){.kind = VALUE_STRUCT, .items = {&row->part, 1}};
}

static bool bytes_read(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Buf *file = context;
    buf_bytes(out, file->data + offset, size);
    return true;
}

static void file_make(Buf *out, ParquetSummary *summary, Arena *arena) {
    Err err[1] = {{0}};
    ParquetWriter *writer = NULL;
    ParquetWriterOptions options = {.codec = CODEC_ZSTD, .group_rows_max = 12000, .page_rows = 1500};
    CHECK_OK(parquet_writer_open(&SHAPE, &options, out, &writer, err));
    for (int64_t i = 0; i < ROWS; i++) {
        Row row;
        row_make(&row, i);
        CHECK_OK(parquet_writer_record(writer, row.values, err));
    }
    CHECK_OK(parquet_writer_finish(writer, err));
    if (summary != NULL) {
        CHECK_OK(parquet_writer_summary(writer, arena, summary, err));
        CHECK_INT(summary->column_count, 4);
        CHECK_INT(summary->group_count, 3);
        CHECK_INT(summary->columns[0].values, ROWS);
        CHECK_INT(summary->columns[1].nulls, ROWS / 5);
        CHECK(summary->columns[0].bounded && summary->columns[2].repeated);
        CHECK_INT((int64_t)load_u64le(summary->columns[0].max.data), ROWS - 1);
        CHECK_INT((int64_t)load_u64le(summary->columns[0].min.data), 0);
        CHECK_INT((int64_t)load_u64le(summary->columns[3].min.data), -(ROWS - 1));
    }
    parquet_writer_close(writer);
}

static void row_check(ParquetReader *reader, int64_t i, bool names) {
    Err err[1] = {{0}};
    const Value *values = NULL;
    Row row;
    row_make(&row, i);
    CHECK_OK(parquet_reader_next(reader, &values, err));
    CHECK(values != NULL);
    for (int j = 0; j < 4; j++) {
        bool wanted = names || j != 1;
        CHECK(wanted ? value_equal(&values[j], &row.values[j]) : values[j].kind == VALUE_NULL);
    }
}

TEST(any_row_is_found) {
    Buf file = {0};
    Err err[1] = {{0}};
    file_make(&file, NULL, NULL);
    ParquetFile source = {.context = &file, .size = file.size, .read = bytes_read};
    ParquetReader *reader = NULL;
    CHECK_OK(parquet_reader_open(&source, &reader, err));
    uint64_t random = 88172645463325252;
    for (int i = 0; i < 600; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int64_t row = i == 0 ? ROWS - 1 : (int64_t)(random % ROWS);
        CHECK_OK(parquet_reader_seek(reader, (uint64_t)row, err));
        row_check(reader, row, true);
        if (row + 1 < ROWS && i % 3 == 0) { // and goes on from there, also into the next group
            row_check(reader, row + 1, true);
        }
    }
    const Value *values = NULL;
    CHECK_OK(parquet_reader_seek(reader, ROWS, err));
    CHECK_OK(parquet_reader_next(reader, &values, err));
    CHECK(values == NULL);
    parquet_reader_close(reader);
    buf_release(&file);
}

TEST(columns_are_chosen_at_any_time) {
    Buf file = {0};
    Err err[1] = {{0}};
    Arena arena[1];
    ParquetSummary summary;
    arena_init(arena, "run", 0);
    file_make(&file, &summary, arena);
    ParquetFile source = {.context = &file, .size = file.size, .read = bytes_read};
    ParquetReader *reader = NULL;
    CHECK_OK(parquet_reader_open(&source, &reader, err));
    const bool without_names[] = {true, false, true, true}, all[] = {true, true, true, true};
    for (int64_t row = 0; row < ROWS; row++) {
        bool names = row / 1000 % 2 == 0;
        if (row % 1000 == 0) {
            CHECK_OK(parquet_reader_choose(reader, names ? all : without_names, err));
        }
        row_check(reader, row, names);
    }
    parquet_reader_close(reader);
    arena_release(arena);
    buf_release(&file);
}
