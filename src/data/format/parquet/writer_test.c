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

// --- the page index --------------------------------------------------------------------------------------------

enum { INDEX_ROWS = 10000, INDEX_GROUP = 5000, INDEX_PAGE = 1000 };

static Slice file_part(const Buf *file, int64_t offset, int64_t size) {
    CHECK(offset >= 4 && size > 0 && (uint64_t)offset + (uint64_t)size <= file->size);
    return (Slice){file->data + offset, (size_t)size};
}

// Each page of the chunk lies where the offset index says, and holds the rows that it says.
static void offset_index_check(const Buf *file, const ColumnChunk *chunk, Arena *arena) {
    Err err[1] = {{0}};
    OffsetIndex index;
    size_t used = 0;
    CHECK_OK(offset_index_decode(file_part(file, chunk->offset_index_offset, chunk->offset_index_length), arena, &index,
                                 &used, err));
    CHECK_INT(index.pages.count, INDEX_GROUP / INDEX_PAGE);
    CHECK_INT(used, chunk->offset_index_length);
    for (uint32_t i = 0; i < index.pages.count; i++) {
        const PageLocation *page = &index.pages.at[i];
        PageHeader header;
        CHECK_OK(page_header_decode(file_part(file, page->offset, page->size_on_disk), arena, &header, &used, err));
        CHECK_INT(header.type, PAGE_DATA);
        CHECK_INT(used + (size_t)header.size_on_disk, page->size_on_disk);
        CHECK_INT(header.data.value_count, INDEX_PAGE);
        CHECK_INT(page->first_row, i * INDEX_PAGE);
    }
}

static void column_index_check(const Buf *file, const ColumnChunk *chunk, Arena *arena, int64_t first, bool ids) {
    Err err[1] = {{0}};
    ColumnIndex index;
    size_t used = 0;
    CHECK_OK(column_index_decode(file_part(file, chunk->column_index_offset, chunk->column_index_length), arena, &index,
                                 &used, err));
    CHECK_INT(index.null_pages.count, INDEX_GROUP / INDEX_PAGE);
    CHECK(!ids || index.boundary_order == BOUNDARY_ASCENDING);
    for (uint32_t i = 0; i < index.null_pages.count; i++, first += INDEX_PAGE) {
        bool empty = !ids && first >= 3000 && first < 6000;
        CHECK(index.null_pages.at[i] == empty);
        CHECK_INT(index.null_counts.at[i], empty ? INDEX_PAGE : 0);
        if (ids) {
            CHECK_INT(load_u64le(index.min_values.at[i].data), first);
            CHECK_INT(load_u64le(index.max_values.at[i].data), first + INDEX_PAGE - 1);
        } else {
            CHECK_TEXT(index.min_values.at[i], empty ? "" : "even");
            CHECK_TEXT(index.max_values.at[i], empty ? "" : "odd");
        }
    }
}

TEST(the_page_index_finds_pages) {
    Err err[1] = {{0}};
    Buf out = {0};
    ParquetWriter *writer = NULL;
    ParquetWriterOptions options = {.codec = CODEC_ZSTD, .page_rows = INDEX_PAGE, .group_rows_max = INDEX_GROUP};
    CHECK_OK(parquet_writer_open(&SHAPE, &options, &out, &writer, err));
    for (int64_t i = 0; i < INDEX_ROWS; i++) {
        Value name = i >= 3000 && i < 6000 ? (Value){0} : text(i % 2 == 0 ? "even" : "odd");
        CHECK_OK(parquet_writer_record(writer, (Value[3]){value_int(i), name, {0}}, err));
    }
    CHECK_OK(parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
    Arena arena[1];
    arena_init(arena, "test", 0);
    FileMeta meta;
    size_t used = 0, size = load_u32le(out.data + out.size - 8);
    CHECK_OK(file_meta_decode((Slice){out.data + out.size - 8 - size, size}, arena, &meta, &used, err));
    CHECK_INT(used, size);
    CHECK_INT(meta.row_groups.count, INDEX_ROWS / INDEX_GROUP);
    for (uint32_t group = 0; group < meta.row_groups.count; group++) {
        for (uint32_t column = 0; column < 2; column++) {
            const ColumnChunk *chunk = &meta.row_groups.at[group].columns.at[column];
            offset_index_check(&out, chunk, arena);
            column_index_check(&out, chunk, arena, group * INDEX_GROUP, column == 0);
        }
    }
    arena_release(arena);
    buf_release(&out);
}

// --- limits ----------------------------------------------------------------------------------------------------

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
