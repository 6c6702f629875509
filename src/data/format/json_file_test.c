// SPDX-License-Identifier: Apache-2.0
#include "data/format/json_file.c"

#include "core/base/test.h"

static Arena arena[1];

static FileEncoder *open_with(const FileFormat *format, const FilePlan *wanted) {
    Err err[1] = {{0}};
    const FilePlan *plan = NULL;
    FileEncoder *encoder = NULL;
    CHECK_OK(format->plan(arena, wanted, &plan, err));
    CHECK_OK(format->open(plan, &encoder, err));
    return encoder;
}

TEST(records_as_connect_writes_them) {
    Err err[1] = {{0}};
    arena_init(arena, "test", 0);
    const Shape string = {.kind = SHAPE_STRING, .optional = true};
    const ShapeField inner[] = {{.name = SLICE("a\"b"), .shape = {.kind = SHAPE_INT64}}};
    const ShapeField fields[] = {
        {.name = SLICE("d"), .shape = {.kind = SHAPE_DECIMAL, .precision = 10, .scale = 2}},
        {.name = SLICE("f"), .shape = {.kind = SHAPE_FLOAT64}},
        {.name = SLICE("b"), .shape = {.kind = SHAPE_BYTES}},
        {.name = SLICE("s"), .shape = {.kind = SHAPE_STRUCT, .optional = true, .fields = inner, .field_count = 1}},
        {.name = SLICE("l"), .shape = {.kind = SHAPE_LIST, .element = &string}},
        {.name = SLICE("m"), .shape = {.kind = SHAPE_MAP, .element = &string}},
        {.name = SLICE("day"), .shape = {.kind = SHAPE_DATE}},
    };
    const Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = ARRAY_LEN(fields)};
    FileFormatOptions options = {0};
    FilePlan wanted = {.shape = &shape, .options = &options};
    Value number = {.kind = VALUE_INT, .integer = 5}, none = {.kind = VALUE_NULL};
    const Value items[] = {value_bytes(VALUE_STRING, SLICE("k")), none};
    Value row[] = {
        {.kind = VALUE_DECIMAL},
        {.kind = VALUE_FLOAT64, .real = (double)INFINITY},
        value_bytes(VALUE_BYTES, SLICE("\xff")),
        {.kind = VALUE_STRUCT, .items = {&number, 1}},
        {.kind = VALUE_LIST, .items = {items, 2}},
        {.kind = VALUE_MAP, .items = {items, 2}},
        {.kind = VALUE_DATE, .integer = 1},
    };
    static const struct {
        const char *decimal, *base64;
    } DECIMALS[] = {{"0.00", "AA=="},  {"1.27", "fw=="},  {"1.28", "AIA="}, {"-1.28", "gA=="},
                    {"-1.29", "/38="}, {"-0.01", "/w=="}, {"2.55", "AP8="}, {"2.56", "AQA="}};
    for (size_t i = 0; i < ARRAY_LEN(DECIMALS); i++) {
        for (int style = 0; style < 3; style++) {
            CHECK(decimal_from_text(arena, slice_of(DECIMALS[i].decimal), &row[0].bytes));
            Schema schema = {0};
            options.json_decimals_number = style == 2;
            wanted.part = style == 1 ? RECORD_KEY : RECORD_VALUE;
            wanted.schema = style == 1 ? &schema : NULL;
            FileEncoder *file = open_with(&JSON_FORMAT, &wanted);
            Record record = {.value = style == 1 ? NULL : row, .key = style == 1 ? row : NULL};
            CHECK_OK(JSON_FORMAT.append(file, &record, err));
            record = (Record){0};
            CHECK_OK(JSON_FORMAT.append(file, &record, err));
            CHECK_OK(JSON_FORMAT.finish(file, err));
            const char *quote = style == 2 ? "" : "\"";
            CHECK_TEXT(buf_slice(&file->out),
                       arena_printf(arena,
                                    "{\"d\":%s%s%s,\"f\":\"Infinity\",\"b\":\"/w==\",\"s\":{\"a\\\"b\":5},"
                                    "\"l\":[\"k\",null],\"m\":{\"k\":null},\"day\":\"2000-01-02\"}\nnull\n",
                                    quote, style == 0 ? DECIMALS[i].base64 : DECIMALS[i].decimal, quote));
            JSON_FORMAT.close(file);
        }
    }
    arena_release(arena);
}

static const Column COLUMNS[] = {{.name = {(const uint8_t *)"id", 2}, .type = {.kind = TYPE_INT64}}};

TEST(json_lines_plain_and_gzipped) {
    Err err[1] = {{0}};
    arena_init(arena, "test", 0);
    Schema schema = {.columns = COLUMNS, .column_count = 1};
    FileFormatOptions options = {0};
    FilePlan wanted = {.schema = &schema, .options = &options};
    FileEncoder *plain = open_with(&JSON_FORMAT, &wanted);
    CHECK_TEXT(slice_of(JSON_FORMAT.extension(&options)), "json");
    options.codec = CODEC_GZIP;
    FileEncoder *packed = open_with(&JSON_FORMAT, &wanted);
    CHECK_TEXT(slice_of(JSON_FORMAT.extension(&options)), "json.gz");
    CHECK(packed->held < KIB);
    for (int i = 0; i < 5000; i++) {
        Value id = value_int(i);
        Event event = {.op = OP_CREATE, .column_count = 1, .after = &id, .commit_lsn = 1};
        Record record = {.event = &event};
        CHECK_OK(JSON_FORMAT.append(plain, &record, err));
        CHECK_OK(JSON_FORMAT.append(packed, &record, err));
        if (i == 100) {
            CHECK_OK(JSON_FORMAT.flush(packed, err));
            CHECK(packed->held < KIB && packed->written == packed->out.size && packed->written > 100);
        }
        CHECK(i < 1000 || (packed->estimate > packed->written / 2 && packed->estimate < plain->written / 2));
    }
    CHECK_OK(JSON_FORMAT.finish(plain, err));
    CHECK_OK(JSON_FORMAT.finish(packed, err));
    CHECK_INT(packed->written, packed->out.size);
    CHECK_INT(packed->estimate, packed->out.size);
    CHECK_INT(plain->records, 5000);
    Buf back;
    buf_init(&back, 0);
    CHECK_OK(decompress_block(CODEC_GZIP, buf_slice(&packed->out), plain->out.size, &back, err));
    CHECK(slice_equal(buf_slice(&back), buf_slice(&plain->out)));
    buf_release(&back);
    JSON_FORMAT.close(plain);
    JSON_FORMAT.close(packed);
    options.codec = CODEC_ZSTD;
    const FilePlan *plan = NULL;
    CHECK_FAILS(JSON_FORMAT.plan(arena, &wanted, &plan, err), ERR_OPTION);
    options = (FileFormatOptions){.codec = CODEC_GZIP, .level = 77};
    CHECK_FAILS(JSON_FORMAT.plan(arena, &wanted, &plan, err), ERR_OPTION);
    arena_release(arena);
}

TEST(raw_bytes) {
    Err err[1] = {{0}};
    arena_init(arena, "test", 0);
    ShapeField field = {.name = SLICE("payload"), .shape = {.kind = SHAPE_BYTES}};
    Shape shape = {.kind = SHAPE_STRUCT, .fields = &field, .field_count = 1};
    FileFormatOptions options = {.separator = SLICE("\n")};
    FilePlan wanted = {.shape = &shape, .options = &options};
    FileEncoder *file = open_with(&BYTES_FORMAT, &wanted);
    Value value = value_bytes(VALUE_BYTES, SLICE("\xff\x01"));
    Record record = {.value = &value};
    CHECK_OK(BYTES_FORMAT.append(file, &record, err));
    record.value = NULL;
    CHECK_FAILS(BYTES_FORMAT.append(file, &record, err), ERR_VALUE);
    CHECK_OK(BYTES_FORMAT.finish(file, err));
    CHECK_TEXT(buf_slice(&file->out), "\xff\x01\n");
    BYTES_FORMAT.close(file);
    CHECK_TEXT(slice_of(BYTES_FORMAT.extension(&options)), "bin");
    options.codec = CODEC_GZIP;
    CHECK_TEXT(slice_of(BYTES_FORMAT.extension(&options)), "bin.gz");
    const FilePlan *plan = NULL;
    field.shape.kind = SHAPE_INT32;
    CHECK_FAILS(BYTES_FORMAT.plan(arena, &wanted, &plan, err), ERR_TABLE);
    arena_release(arena);
}
