// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/rows.c"

#include "core/base/test.h"
#include "core/base/decimal.h"
#include "core/sys/file.h"

#include <limits.h>

static Arena arena;
static Err err[1];
static char folder[PATH_MAX];

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define FIELD_WITH(text, number, type, ...)                                                       \
    {                                                                                             \
        .name = NAME(text), .shape = {.kind = type, .id = number, .optional = true, __VA_ARGS__ } \
    }
#define FIELD(text, number, type) FIELD_WITH(text, number, type, .doc = {0})

typedef struct Files {
    LakeIo *io;
    DataFile file;
} Files;

static void files_open(Files *files) {
    arena_init(&arena, "test", 0);
    test_folder(folder, sizeof(folder), "rows");
    LakeIoContext context = {.warehouse = folder, .owner = "test"};
    CHECK_OK(lake_io_open(&context, &files->io, err));
}

static void files_close(Files *files) {
    lake_io_close(files->io);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}

static void write_file(Files *files, const Shape *shape, const Value *rows, size_t count) {
    DEFER(buf_release) Buf bytes = {0};
    ParquetWriter *writer = NULL;
    ParquetWriterOptions options = {.page_rows = 3};
    CHECK_OK(parquet_writer_open(shape, &options, &bytes, &writer, err));
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(parquet_writer_record(writer, rows + i * shape->field_count, err));
    }
    CHECK_OK(parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
    static int number;
    Slice uri = slice_of(arena_printf(&arena, "file://%s/t/%d.parquet", folder, number++));
    CHECK_OK(lake_io_put(files->io, uri, buf_slice(&bytes), true, err));
    files->file = (DataFile){.path = uri,
                             .format = SLICE("PARQUET"),
                             .record_count = (int64_t)count,
                             .size = (int64_t)bytes.size,
                             .first_row_id = -1};
}

static void value_show(Buf *out, const Value *value) {
    switch (value->kind) {
    case VALUE_NULL:
        buf_text(out, "-");
        break;
    case VALUE_FLOAT64:
        buf_printf(out, "%g", value->real);
        break;
    case VALUE_STRING:
        buf_printf(out, "'%.*s'", SLICE_ARG(value->bytes));
        break;
    case VALUE_STRUCT:
    case VALUE_LIST:
        buf_text(out, "(");
        for (size_t i = 0; i < value->items.count; i++) {
            buf_text(out, i > 0 ? " " : "");
            value_show(out, &value->items.at[i]);
        }
        buf_text(out, ")");
        break;
    default:
        buf_printf(out, "%s%" PRId64, value->kind == VALUE_INT ? "" : "t", value->integer);
    }
}

static void check_rows(Files *files, const LakeRead *how, const char *want) {
    DEFER(buf_release) Buf seen = {0};
    LakeRows *rows = NULL;
    CHECK_OK(lake_rows_open(files->io, &files->file, how, &rows, err));
    for (;;) {
        const Value *values;
        uint64_t position;
        CHECK_OK(lake_rows_next(rows, &values, &position, err));
        if (values == NULL) {
            break;
        }
        buf_printf(&seen, "%" PRIu64 ":", position);
        for (size_t i = 0; i < how->count; i++) {
            buf_text(&seen, " ");
            value_show(&seen, &values[i]);
        }
        buf_text(&seen, "\n");
    }
    lake_rows_close(rows);
    CHECK_TEXT(buf_slice(&seen), want);
}

TEST(rows_that_are_not_deleted) {
    Files files;
    files_open(&files);
    static const ShapeField FIELDS[] = {FIELD("id", 1, SHAPE_INT64), FIELD("name", 2, SHAPE_STRING)};
    Shape shape = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 2};
    Value values[400];
    for (size_t i = 0; i < 200; i++) {
        values[2 * i] = value_int((int64_t)i);
        values[2 * i + 1] = value_bytes(VALUE_STRING, i % 2 == 0 ? SLICE("even") : SLICE("odd"));
    }
    write_file(&files, &shape, values, 200);
    Positions *deleted = positions_new();
    for (uint64_t i = 0; i < 200; i++) {
        (void)(i != 5 && i != 100 && i != 199 && positions_add(deleted, i));
    }
    TableMetadata metadata = {0};
    TableSchema schema = {.shape = &shape};
    const int32_t both[] = {1, 2}, name[] = {2};
    LakeRead how = {.table = &metadata, .schema = &schema, .ids = both, .count = 2, .deleted = deleted};
    check_rows(&files, &how, "5: 5 'odd'\n100: 100 'even'\n199: 199 'odd'\n");
    how.ids = name;
    how.count = 1;
    check_rows(&files, &how, "5: 'odd'\n100: 'even'\n199: 'odd'\n");
    positions_free(deleted);
    files_close(&files);
}

TEST(rows_in_the_form_of_a_table_that_has_changed_since) {
    Files files;
    files_open(&files);
    static const ShapeField POINT[] = {FIELD("x", 11, SHAPE_INT32), FIELD("y", 12, SHAPE_FLOAT32)};
    static const ShapeField WAS[] = {
        FIELD("gone", 9, SHAPE_INT32), FIELD("name", 2, SHAPE_STRING), FIELD("id", 1, SHAPE_INT32),
        FIELD_WITH("at", 3, SHAPE_STRUCT, .fields = POINT, .field_count = 2), FIELD("day", 6, SHAPE_DATE)};
    static const Shape WAS_SHAPE = {.kind = SHAPE_STRUCT, .fields = WAS, .field_count = ARRAY_LEN(WAS)};
    static const ShapeNote SEVEN[] = {{NAME("initial-default"), NAME("7")}};
    static const ShapeField POINT_NOW[] = {FIELD("y2", 12, SHAPE_FLOAT64),
                                           FIELD_WITH("z", 13, SHAPE_INT32, .notes = SEVEN, .note_count = 1),
                                           FIELD("x", 11, SHAPE_INT64)};
    static const ShapeField NOW[] = {FIELD("id", 1, SHAPE_INT64),
                                     FIELD("title", 2, SHAPE_STRING),
                                     FIELD_WITH("at", 3, SHAPE_STRUCT, .fields = POINT_NOW, .field_count = 3),
                                     FIELD_WITH("new", 4, SHAPE_INT32, .notes = SEVEN, .note_count = 1),
                                     FIELD("other", 5, SHAPE_STRING),
                                     FIELD("day", 6, SHAPE_TIMESTAMP),
                                     FIELD("country", 7, SHAPE_STRING)};
    static const Shape NOW_SHAPE = {.kind = SHAPE_STRUCT, .fields = NOW, .field_count = ARRAY_LEN(NOW)};
    Value point[] = {value_int(3), {.kind = VALUE_FLOAT32, .real = 0.5}};
    Value rows[] = {value_int(1),
                    value_bytes(VALUE_STRING, SLICE("a")),
                    value_int(42),
                    {.kind = VALUE_STRUCT, .items = {point, 2}},
                    {.kind = VALUE_DATE, .integer = 1},
                    value_int(1),
                    {.kind = VALUE_NULL},
                    value_int(43),
                    {.kind = VALUE_NULL},
                    {.kind = VALUE_NULL}};
    write_file(&files, &WAS_SHAPE, rows, 2);
    PartitionField country = {.source_id = 7, .field_id = 1000, .transform = TRANSFORM_IDENTITY};
    PartitionSpec spec = {.id = 0, .fields = &country, .field_count = 1};
    TableMetadata metadata = {.specs = &spec, .spec_count = 1};
    TableSchema schema = {.shape = &NOW_SHAPE};
    Value swiss = value_bytes(VALUE_STRING, SLICE("CH"));
    files.file.partition = &swiss;
    files.file.partition_count = 1;
    files.file.first_row_id = 1000;
    const int32_t ids[] = {1, 2, 3, 4, 5, 6, 7, ICEBERG_ID_ROW_ID, ICEBERG_ID_LAST_UPDATED};
    LakeRead how = {.table = &metadata, .schema = &schema, .ids = ids, .count = ARRAY_LEN(ids), .sequence = 12};
    check_rows(&files, &how, "0: 42 'a' (0.5 7 3) 7 - t86400000000 'CH' 1000 12\n1: 43 - - 7 - - 'CH' 1001 12\n");
    files_close(&files);
}

TEST(rows_by_the_names_of_columns) {
    Files files;
    files_open(&files);
    static const ShapeField POINT[] = {FIELD("x", 0, SHAPE_INT32)};
    static const Shape ITEM = {.kind = SHAPE_STRUCT, .optional = true, .fields = POINT, .field_count = 1};
    static const ShapeField WAS[] = {FIELD("old_name", 0, SHAPE_INT64),
                                     FIELD_WITH("list", 0, SHAPE_LIST, .element = &ITEM),
                                     FIELD("other", 0, SHAPE_INT64)};
    static const Shape WAS_SHAPE = {.kind = SHAPE_STRUCT, .fields = WAS, .field_count = 3};
    static const ShapeField POINT_NOW[] = {FIELD("x", 5, SHAPE_INT32)};
    static const Shape ITEM_NOW = {
        .kind = SHAPE_STRUCT, .optional = true, .fields = POINT_NOW, .field_count = 1, .id = 4};
    static const ShapeField NOW[] = {FIELD_WITH("list", 3, SHAPE_LIST, .element = &ITEM_NOW, .element_id = 4),
                                     FIELD("id", 1, SHAPE_INT64)};
    static const Shape NOW_SHAPE = {.kind = SHAPE_STRUCT, .fields = NOW, .field_count = 2};
    Value x = value_int(8), item = {.kind = VALUE_STRUCT, .items = {&x, 1}};
    Value row[] = {value_int(1), {.kind = VALUE_LIST, .items = {&item, 1}}, value_int(2)};
    write_file(&files, &WAS_SHAPE, row, 1);
    Property names = {SLICE("schema.name-mapping.default"),
                      SLICE("[{\"field-id\":1,\"names\":[\"id\",\"old_name\"]},{\"field-id\":3,\"names\":[\"list\"],"
                            "\"fields\":[{\"field-id\":4,\"names\":[\"element\"],\"fields\":[{\"field-id\":5,\"names\":"
                            "[\"x\"]}]}]}]")};
    TableMetadata metadata = {.properties = &names, .property_count = 1};
    TableSchema schema = {.shape = &NOW_SHAPE};
    const int32_t ids[] = {1, 3};
    LakeRead how = {.table = &metadata, .schema = &schema, .ids = ids, .count = 2};
    check_rows(&files, &how, "0: 1 ((8))\n");
    metadata.property_count = 0;
    LakeRows *rows = NULL;
    CHECK(!lake_rows_open(files.io, &files.file, &how, &rows, err));
    CHECK_INT(err->code, ERR_TABLE);
    CHECK(strstr(err->hint, "name-mapping") != NULL);
    files_close(&files);
}

static void check_default(ShapeKind kind, const char *json, const char *want) {
    DEFER(buf_release) Buf seen = {0};
    static const ShapeNote FIVE[] = {{NAME("initial-default"), NAME("5")}};
    static const ShapeField FIELDS[] = {FIELD_WITH("x", 11, SHAPE_INT32, .notes = FIVE, .note_count = 1),
                                        FIELD("y", 12, SHAPE_STRING)};
    ShapeNote note = {NAME("initial-default"), slice_of(json)};
    Shape shape = {.kind = kind, .precision = 9, .scale = 2, .notes = &note, .note_count = 1};
    if (kind == SHAPE_STRUCT) {
        shape.fields = FIELDS;
        shape.field_count = 2;
    }
    Value value;
    bool ok = iceberg_default(&shape, ICEBERG_INITIAL_DEFAULT, &arena, &value, err);
    if (ok && (value.kind == VALUE_BYTES || value.kind == VALUE_UUID)) {
        for (size_t i = 0; i < value.bytes.size; i++) {
            buf_printf(&seen, "%02x", value.bytes.data[i]);
        }
    } else if (ok && value.kind == VALUE_DECIMAL) {
        decimal_text(&seen, value.bytes);
    } else if (ok) {
        value_show(&seen, &value);
    }
    CHECK_TEXT(ok ? buf_slice(&seen) : SLICE("bad"), want);
    err_clear(err);
}

TEST(defaults_of_columns) {
    arena_init(&arena, "test", 0);
    check_default(SHAPE_INT32, "34", "34");
    check_default(SHAPE_INT32, "3000000000", "bad");
    check_default(SHAPE_INT64, "-3000000000", "-3000000000");
    check_default(SHAPE_FLOAT64, "1.5e1", "15");
    check_default(SHAPE_STRING, "\"a\\u00e9\"", "'a\xc3\xa9'");
    check_default(SHAPE_DATE, "\"2000-03-01\"", "t60");
    check_default(SHAPE_DATE, "\"2001-02-29\"", "bad");
    check_default(SHAPE_TIME, "\"00:00:01.5\"", "t1500000");
    check_default(SHAPE_TIMESTAMP, "\"2000-01-01T00:00:00.000001\"", "t1");
    check_default(SHAPE_TIMESTAMP, "\"2000-01-01T00:00:00+00:00\"", "bad");
    check_default(SHAPE_TIMESTAMPTZ, "\"2000-01-01T00:00:00.000001+00:00\"", "t1");
    check_default(SHAPE_DECIMAL, "\"14.20\"", "14.20");
    check_default(SHAPE_DECIMAL, "\"14.205\"", "bad");
    check_default(SHAPE_BYTES, "\"00fF\"", "00ff");
    check_default(SHAPE_UUID, "\"f79c3e09-677c-4bbd-a479-3f349cb785e7\"", "f79c3e09677c4bbda4793f349cb785e7");
    check_default(SHAPE_BOOL, "\"true\"", "bad");
    check_default(SHAPE_LIST, "null", "-");
    check_default(SHAPE_LIST, "[1]", "bad");
    check_default(SHAPE_STRUCT, "{}", "(5 -)");
    arena_release(&arena);
}

static void check_promoted(ShapeKind from, ShapeKind to, const char *json, const char *want) {
    ShapeNote notes[] = {{NAME("iceberg.members"), NAME("\"x\":1")}, {NAME("write-default"), slice_of(json)}};
    Shape was = {.kind = from, .notes = notes, .note_count = 2}, becomes = {.kind = to};
    iceberg_defaults_promote(&was, &becomes, &arena);
    CHECK_INT(becomes.note_count, strcmp(json, "null") == 0 ? 0 : 1);
    CHECK_TEXT(becomes.note_count > 0 ? becomes.notes[0].json : SLICE(""), want);
}

TEST(defaults_of_columns_whose_type_becomes_a_wider_one) {
    arena_init(&arena, "test", 0);
    check_promoted(SHAPE_INT32, SHAPE_INT64, "34", "34");
    check_promoted(SHAPE_FLOAT32, SHAPE_FLOAT64, "0.1", "0.10000000149011612");
    check_promoted(SHAPE_DATE, SHAPE_TIMESTAMP, "\"2000-03-01\"", "\"2000-03-01T00:00:00\"");
    check_promoted(SHAPE_INT32, SHAPE_INT64, "null", "");
    arena_release(&arena);
}
