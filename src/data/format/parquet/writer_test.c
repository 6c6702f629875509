// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/writer.c" // NOLINT

#include "core/base/test.h"

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const ShapeField FIELDS[] = {
    {NAME("id"), {.kind = SHAPE_INT64}, {0}},
    {NAME("name"), {.kind = SHAPE_STRING, .optional = true}, {0}},
    {NAME("price"), {.kind = SHAPE_DECIMAL, .optional = true, .precision = 4, .scale = 2}, {0}},
};
static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 3};

static Value text(const char *literal) {
    return value_bytes(VALUE_STRING, slice_of(literal));
}

static bool memory_read(void *context, uint64_t offset, size_t size, Buf *out, Err *err) {
    const Buf *file = context;
    ASSERT(offset + size <= file->size);
    buf_bytes(out, file->data + offset, size);
    return true;
}

// Reads the file back: row i must equal rows[i].
static void file_check(Buf *file, const Value (*rows)[3], size_t count) {
    Err err[1] = {{0}};
    ParquetFile source = {file, file->size, memory_read};
    ParquetReader *reader = NULL;
    CHECK_OK(parquet_reader_open(&source, &reader, err));
    CHECK_INT(parquet_reader_rows(reader), count);
    for (size_t i = 0; i < count; i++) {
        const Value *values = NULL;
        CHECK_OK(parquet_reader_next(reader, &values, err));
        for (size_t j = 0; j < 3; j++) {
            CHECK(value_equal(&values[j], &rows[i][j]));
        }
    }
    parquet_reader_close(reader);
}

TEST(a_refused_record_leaves_no_trace) {
    Err err[1] = {{0}};
    Arena arena[1];
    arena_init(arena, "test", 0);
    Buf out = {0};
    ParquetWriter *writer = NULL;
    CHECK_OK(parquet_writer_open(&SHAPE, &(ParquetWriterOptions){.codec = CODEC_ZSTD}, &out, &writer, err));
    Value wide = value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, 123456, 2));
    Value fits = value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, -9999, 2));
    enum { ROWS = 40 };
    static Value rows[ROWS][3];
    for (int64_t i = 0; i < ROWS; i++) {
        // Each kind of refusal, with and without NULLs before it.
        CHECK_FAILS(parquet_writer_record(writer, (Value[3]){value_int(i), text("gone"), wide}, err), ERR_VALUE);
        CHECK_FAILS(parquet_writer_record(writer, (Value[3]){value_int(i), {0}, wide}, err), ERR_VALUE);
        CHECK_FAILS(parquet_writer_record(writer, (Value[3]){{0}, {0}, {0}}, err), ERR_VALUE);
        CHECK_FAILS(parquet_writer_record(writer, (Value[3]){value_int(i), value_int(1), {0}}, err), ERR_INTERNAL);
        rows[i][0] = value_int(i);
        rows[i][1] = i % 7 == 3 ? (Value){0} : text(i % 2 == 0 ? "even" : "odd");
        rows[i][2] = i % 9 == 8 ? (Value){0} : fits;
        CHECK_OK(parquet_writer_record(writer, rows[i], err));
    }
    CHECK_FAILS(parquet_writer_record(writer, (Value[3]){value_int(0), {0}, wide}, err), ERR_VALUE);
    CHECK_OK(parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
    file_check(&out, (const Value(*)[3])rows, ROWS);
    buf_release(&out);
    arena_release(arena);
}

TEST(a_refused_nested_record_leaves_no_trace) {
    Err err[1] = {{0}};
    static const Shape ITEM = {.kind = SHAPE_INT32, .optional = true};
    static const ShapeField NESTED[] = {
        {NAME("id"), {.kind = SHAPE_INT64}, {0}},
        {NAME("tags"), {.kind = SHAPE_LIST, .element = &ITEM, .optional = true}, {0}},
        {NAME("again"), {.kind = SHAPE_LIST, .element = &ITEM}, {0}},
    };
    static const Shape NESTED_SHAPE = {.kind = SHAPE_STRUCT, .fields = NESTED, .field_count = 3};
    Buf out = {0};
    ParquetWriter *writer = NULL;
    CHECK_OK(parquet_writer_open(&NESTED_SHAPE, &(ParquetWriterOptions){0}, &out, &writer, err));
    const Value good[] = {value_int(1), {0}, value_int(3)};
    const Value bad[] = {value_int(1), value_int(2), value_int(INT64_C(1) << 40)};
    const Value good_list = {.kind = VALUE_LIST, .items = {good, 3}},
                bad_list = {.kind = VALUE_LIST, .items = {bad, 3}};
    const Value empty = {.kind = VALUE_LIST};
    const Value rows[][3] = {{value_int(1), good_list, empty}, {value_int(2), {0}, good_list}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK_FAILS(parquet_writer_record(writer, (Value[3]){value_int(9), good_list, bad_list}, err), ERR_VALUE);
        CHECK_OK(parquet_writer_record(writer, rows[i], err));
        CHECK_FAILS(parquet_writer_record(writer, (Value[3]){value_int(9), bad_list, empty}, err), ERR_VALUE);
        CHECK_FAILS(parquet_writer_record(writer, (Value[3]){value_int(9), empty, {0}}, err), ERR_VALUE);
    }
    CHECK_OK(parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
    file_check(&out, rows, ARRAY_LEN(rows));
    buf_release(&out);
}

TEST(row_groups_end_at_rows_and_bytes_and_are_never_empty) {
    Err err[1] = {{0}};
    Buf out = {0};
    ParquetWriter *writer = NULL;
    ParquetWriterOptions options = {.codec = CODEC_SNAPPY, .group_rows_max = 10, .page_rows = 4};
    CHECK_OK(parquet_writer_open(&SHAPE, &options, &out, &writer, err));
    CHECK_OK(parquet_writer_end_group(writer, err));
    CHECK_INT(out.size, 0);
    static Value rows[25][3];
    for (int64_t i = 0; i < 25; i++) {
        rows[i][0] = value_int(i);
        CHECK_OK(parquet_writer_record(writer, rows[i], err));
        CHECK_INT(writer->group_count, (i + 1) / 10);
    }
    CHECK_OK(parquet_writer_end_group(writer, err));
    CHECK_OK(parquet_writer_end_group(writer, err));
    CHECK_INT(writer->group_count, 3);
    CHECK_OK(parquet_writer_finish(writer, err));
    CHECK_INT(parquet_writer_written(writer), out.size);
    parquet_writer_close(writer);
    file_check(&out, (const Value(*)[3])rows, 25);
    buf_reset(&out);
    CHECK_OK(parquet_writer_open(&SHAPE, &(ParquetWriterOptions){.group_bytes_max = 200000}, &out, &writer, err));
    // Open pages end as their memory runs short, and the group goes on until it is full of done ones.
    for (int64_t i = 0; i < 200000; i++) {
        CHECK_OK(parquet_writer_record(writer, (Value[3]){value_int(i * i * 7919), text("a name"), {0}}, err));
        CHECK(parquet_writer_held(writer) < 300000);
    }
    CHECK(writer->group_count > 2 && writer->group_count < 10);
    parquet_writer_close(writer);
    buf_release(&out);
}

TEST(a_large_value_passes_and_leaves_no_memory_behind) {
    Err err[1] = {{0}};
    Buf out = {0};
    ParquetWriter *writer = NULL;
    CHECK_OK(parquet_writer_open(&SHAPE, &(ParquetWriterOptions){.codec = CODEC_ZSTD}, &out, &writer, err));
    DEFER(buf_release) Buf large = {0};
    for (size_t i = 0; i < 20 * MIB; i += 8) {
        buf_u64le(&large, i * UINT64_C(0x9E3779B97F4A7C15) & UINT64_C(0x7F7F7F7F7F7F7F7F));
    }
    const Value rows[][3] = {
        {value_int(1), text("small"), {0}},
        {value_int(2), value_bytes(VALUE_STRING, buf_slice(&large)), {0}},
        {value_int(3), text("small"), {0}},
    };
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(parquet_writer_record(writer, rows[i], err));
    }
    CHECK_OK(parquet_writer_end_group(writer, err));
    CHECK(parquet_writer_held(writer) < 64 * KIB);
    CHECK_OK(parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
    file_check(&out, rows, 3);
    buf_release(&out);
}

TEST(an_idle_writer_is_small) {
    Err err[1] = {{0}};
    ShapeField fields[15];
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        fields[i] = FIELDS[i % 3];
    }
    Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = 15};
    Arena run[1];
    arena_init(run, "run", 0);
    const Tree *tree = NULL;
    CHECK_OK(tree_compile(run, &shape, NULL, &tree, err));
    Buf out = {0};
    ParquetWriter *writer = NULL;
    CHECK_OK(writer_open(tree, &(ParquetWriterOptions){.codec = CODEC_ZSTD}, &out, &writer, err));
    size_t idle = parquet_writer_held(writer);
    CHECK(idle < 16 * KIB);
    Value row[15];
    for (size_t i = 0; i < 15; i++) {
        row[i] = i % 3 == 0 ? value_int(7) : (Value){0};
    }
    for (size_t i = 0; i < 100; i++) {
        CHECK_OK(parquet_writer_record(writer, row, err));
    }
    CHECK(parquet_writer_held(writer) < 32 * KIB);
    CHECK_OK(parquet_writer_end_group(writer, err));
    CHECK(parquet_writer_held(writer) < idle + 32 * KIB); // the footer to come
    parquet_writer_close(writer);
    buf_release(&out);
    arena_release(run);
}

TEST(what_parquet_cannot_hold_is_refused) {
    Err err[1] = {{0}};
    Buf out = {0};
    ParquetWriter *writer = NULL;
    CHECK_FAILS(parquet_writer_open(&SHAPE, &(ParquetWriterOptions){.codec = CODEC_DEFLATE}, &out, &writer, err),
                ERR_OPTION);
    CHECK_FAILS(
        parquet_writer_open(&SHAPE, &(ParquetWriterOptions){.codec = CODEC_ZSTD, .level = 99}, &out, &writer, err),
        ERR_OPTION);
    ShapeField empty = {NAME("nothing"), {.kind = SHAPE_STRUCT}, {0}};
    Shape shape = {.kind = SHAPE_STRUCT, .fields = &empty, .field_count = 1};
    CHECK_FAILS(parquet_writer_open(&shape, &(ParquetWriterOptions){0}, &out, &writer, err), ERR_TABLE);
    Shape lists[80] = {{.kind = SHAPE_INT32}};
    for (size_t i = 1; i < ARRAY_LEN(lists); i++) {
        lists[i] = (Shape){.kind = SHAPE_LIST, .element = &lists[i - 1]};
    }
    ShapeField deep = {NAME("deep"), lists[79], {0}};
    shape.fields = &deep;
    CHECK_FAILS(parquet_writer_open(&shape, &(ParquetWriterOptions){0}, &out, &writer, err), ERR_TABLE);
}

TEST(absent_values_in_columns_that_must_have_one_are_refused) {
    Err err[1] = {{0}};
    Buf out = {0};
    ParquetWriter *writer = NULL;
    CHECK_OK(parquet_writer_open(&SHAPE, &(ParquetWriterOptions){0}, &out, &writer, err));
    static const int64_t IDS[] = {1, 2};
    static const uint32_t OFFSETS[] = {0, 1, 2};
    static const uint8_t ONE = 1;
    static const Int128 PRICES[] = {1, 2};
    const ParquetColumn columns[] = {{IDS, NULL, &ONE}, {"ab", OFFSETS, NULL}, {PRICES, NULL, NULL}};
    CHECK_FAILS(parquet_writer_columns(writer, columns, 2, err), ERR_VALUE);
    parquet_writer_close(writer);
    buf_release(&out);
}
