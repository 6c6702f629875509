// SPDX-License-Identifier: Apache-2.0
// What the writer writes the reader reads, schema and values; and what others may write.
#include "data/format/avro/reader.c"

#include "core/base/test.h"

static Arena arena[1];

static Slice decimal(const char *text) {
    Slice made = {0};
    CHECK(decimal_from_text(arena, slice_of(text), &made));
    return made;
}

static Value text(const char *bytes) {
    return value_bytes(VALUE_STRING, slice_of(bytes));
}

static ShapeField field(const char *name, ShapeKind kind, bool optional) {
    ShapeField made = {.name = slice_of(name), .shape = {.kind = kind, .optional = optional}};
    if (kind == SHAPE_DECIMAL) {
        made.shape.precision = 38;
        made.shape.scale = 4;
    }
    if (optional) {
        made.default_json = SLICE("null");
    }
    return made;
}

enum { FIELDS = 18 };

// Every kind, with nesting.
static Shape everything(bool optional) {
    static const ShapeKind SCALARS[] = {SHAPE_BOOL,      SHAPE_INT32,       SHAPE_INT64, SHAPE_FLOAT32, SHAPE_FLOAT64,
                                        SHAPE_DECIMAL,   SHAPE_STRING,      SHAPE_BYTES, SHAPE_DATE,    SHAPE_TIME,
                                        SHAPE_TIMESTAMP, SHAPE_TIMESTAMPTZ, SHAPE_UUID};
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, FIELDS);
    uint32_t count = 0;
    for (; count < ARRAY_LEN(SCALARS); count++) {
        fields[count] = field(shape_kind_name(SCALARS[count]), SCALARS[count], optional);
    }
    ShapeField *inner = ARENA_ARRAY(arena, ShapeField, 2);
    inner[0] = field("x", SHAPE_STRING, optional);
    inner[1] = field("y", SHAPE_DECIMAL, !optional);
    Shape point = {.kind = SHAPE_STRUCT, .name = SLICE("a.b.Point"), .fields = inner, .field_count = 2};
    fields[count] = (ShapeField){.name = SLICE("here"), .shape = point};
    fields[count].shape.optional = optional;
    fields[count].default_json = optional ? SLICE("null") : (Slice){0};
    fields[count++].shape.id = 7;
    fields[count++] = (ShapeField){.name = SLICE("there"), .shape = point}; // the same named type again
    Shape *strings = ARENA_NEW(arena, Shape), *points = ARENA_NEW(arena, Shape), *lists = ARENA_NEW(arena, Shape);
    *strings = (Shape){.kind = SHAPE_STRING, .optional = optional};
    *points = point;
    points->optional = !optional;
    *lists = (Shape){.kind = SHAPE_LIST, .element = strings, .element_id = 12};
    fields[count++] = (ShapeField){.name = SLICE("lists"), .shape = {.kind = SHAPE_LIST, .element = lists}};
    fields[count++] = (ShapeField){.name = SLICE("points"), .shape = {.kind = SHAPE_LIST, .element = points}};
    fields[count++] =
        (ShapeField){.name = SLICE("map"), .shape = {.kind = SHAPE_MAP, .element = points, .element_id = 9}};
    CHECK_INT(count, FIELDS);
    return (Shape){.kind = SHAPE_STRUCT, .name = SLICE("shop.Orders"), .fields = fields, .field_count = count};
}

static Value items(ValueKind kind, size_t count, const Value *at) {
    Value *copy = ARENA_ARRAY(arena, Value, count);
    memcpy(copy, at, count * sizeof(*at));
    return (Value){.kind = (uint8_t)kind, .items = {copy, count}};
}

static void make_row(Value *row, bool optional, bool nulls, int i) {
    static const int64_t INTEGERS[] = {0, -1, 1, 63, -64, 64, INT32_MAX, INT32_MIN, 123456};
    static const char *const DECIMALS[] = {"0.0000",
                                           "-0.0001",
                                           "0.0127",
                                           "0.0128",
                                           "-0.0128",
                                           "-0.0129",
                                           "9999999999999999999999999999999999.9999",
                                           "-9999999999999999999999999999999999.9999",
                                           "922337203685477.5808"};
    int64_t integer = INTEGERS[i % 9];
    Value number = value_bytes(VALUE_DECIMAL, decimal(DECIMALS[i % 9]));
    Value scalars[] = {
        value_bool(i % 2 == 0),
        value_int(integer),
        value_int(integer * 4294967296),
        {.kind = VALUE_FLOAT32, .real = (double)1.5f},
        {.kind = VALUE_FLOAT64, .real = -1e300},
        number,
        text(i % 2 == 0 ? "" : "h\xc3\xa4llo"),
        value_bytes(VALUE_BYTES, SLICE("\0\xff\x80")),
        {.kind = VALUE_DATE, .integer = -integer / 1000},
        {.kind = VALUE_TIME, .integer = INT64_C(86399999999)},
        {.kind = VALUE_TIMESTAMP, .integer = integer * 1000003},
        {.kind = VALUE_TIMESTAMPTZ, .integer = -integer * 1000003},
        value_bytes(VALUE_UUID, SLICE("0123456789abcdef")),
    };
    Value none = {.kind = VALUE_NULL};
    for (size_t j = 0; j < ARRAY_LEN(scalars); j++) {
        row[j] = nulls ? none : scalars[j];
    }
    Value with = items(VALUE_STRUCT, 2, (Value[]){text("x"), number});
    Value half = items(VALUE_STRUCT, 2, (Value[]){optional ? none : text(""), optional ? number : none});
    row[13] = nulls ? none : with;
    row[14] = with;
    Value list = items(VALUE_LIST, 3, (Value[]){text("a"), nulls ? none : text("b"), text("")});
    Value empty = items(VALUE_LIST, 0, &none);
    row[15] = i % 3 == 0 ? empty : items(VALUE_LIST, 2, (Value[]){list, empty});
    row[16] = items(VALUE_LIST, 2, (Value[]){half, optional ? with : none});
    row[17] = items(VALUE_MAP, 4, (Value[]){text("k"), with, text(""), optional ? half : none});
}

// Names are made for the nested records, else the shape comes back as it was.
static void round_trip(Codec codec, bool optional, int rows, size_t flush_each) {
    Err err[1] = {{0}};
    Shape shape = everything(optional);
    FileFormatOptions options = {.codec = codec};
    FilePlan wanted = {.shape = &shape, .options = &options};
    const FilePlan *plan = NULL;
    FileEncoder *encoder = NULL;
    CHECK_OK(AVRO_FORMAT.plan(arena, &wanted, &plan, err));
    CHECK_OK(AVRO_FORMAT.open(plan, &encoder, err));
    CHECK(encoder->held < 2 * KIB && encoder->out.capacity == 0);
    Value row[FIELDS];
    for (int i = 0; i < rows; i++) {
        make_row(row, optional, optional && i % 2 == 0, i);
        Record record = {.value = row};
        CHECK_OK(AVRO_FORMAT.append(encoder, &record, err));
        if (flush_each > 0 && (size_t)i % flush_each == 0) {
            CHECK_OK(AVRO_FORMAT.flush(encoder, err));
        }
    }
    CHECK_OK(AVRO_FORMAT.finish(encoder, err));
    CHECK_INT(encoder->written, encoder->out.size);
    CHECK_INT(encoder->estimate, encoder->out.size);
    CHECK_INT(encoder->records, rows);
    AvroReader *reader = NULL;
    CHECK_OK(avro_reader_open(buf_slice(&encoder->out), &reader, err));
    CHECK(shape_equal(avro_reader_shape(reader), &shape));
    const Value *values = NULL;
    for (int i = 0; i < rows; i++) {
        make_row(row, optional, optional && i % 2 == 0, i);
        CHECK_OK(avro_reader_next(reader, &values, err));
        CHECK(values != NULL);
        for (int j = 0; j < FIELDS; j++) {
            if (!value_equal(&values[j], &row[j])) {
                test_fail(__FILE__, __LINE__, "row %d field %d", i, j);
            }
        }
    }
    CHECK_OK(avro_reader_next(reader, &values, err));
    CHECK(values == NULL);
    avro_reader_close(reader);
    AVRO_FORMAT.close(encoder);
}

TEST(avro_files_come_back_with_every_codec) {
    arena_init(arena, "test", 0);
    static const Codec CODECS[] = {CODEC_NONE, CODEC_DEFLATE, CODEC_SNAPPY, CODEC_ZSTD};
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        for (int optional = 0; optional < 2; optional++) {
            round_trip(CODECS[i], optional == 1, 0, 0);
            round_trip(CODECS[i], optional == 1, 20, 7);
            round_trip(CODECS[i], optional == 1, 2000, 0); // some blocks
            arena_reset(arena);
        }
    }
    arena_release(arena);
}

// --- files of others -------------------------------------------------------------------------------------------

static void put_text(Buf *file, Slice bytes) {
    buf_zigzag(file, (int64_t)bytes.size);
    buf_put(file, bytes);
}

static void put_file(Buf *file, const char *schema, int64_t records, Slice data) {
    buf_reset(file);
    buf_text(file, "Obj\x01");
    buf_zigzag(file, -1); // a block of the map with its size
    buf_zigzag(file, (int64_t)strlen(schema) + 14);
    put_text(file, SLICE("avro.schema"));
    put_text(file, slice_of(schema));
    buf_u8(file, 0);
    buf_text(file, "0123456789ABCDEF");
    buf_zigzag(file, records);
    put_text(file, data);
    buf_text(file, "0123456789ABCDEF");
}

static bool read_one(const char *schema, Slice data, AvroReader **reader, const Value **values, Err *err) {
    static Buf file;
    put_file(&file, schema, 1, data);
    *reader = NULL;
    TRY(avro_reader_open(buf_slice(&file), reader, err));
    return avro_reader_next(*reader, values, err);
}

TEST(schemas_of_others_become_shapes) {
    Err err[1] = {{0}};
    AvroReader *reader = NULL;
    const Value *values = NULL;
    CHECK_OK(read_one(
        "{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n.s\",\"fields\":["
        "{\"name\":\"u\",\"type\":[\"int\",\"null\",\"string\",{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}]},"
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
        "{\"name\":\"next\",\"type\":[\"null\",\"R\"]},"
        "{\"name\":\"f\",\"type\":\"n.s.F\",\"doc\":\"two\",\"weird\":[1,{\"a\":null}]},"
        "{\"name\":\"ns\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}}]}",
        SLICE("\x04\x02x\x02\x02\x00\x02\x00\x00pq\x00rs\x02"), &reader, &values, err));
    const Shape *shape = avro_reader_shape(reader);
    CHECK_TEXT(shape->name, "n.s.R");
    CHECK_INT(shape->fields[0].shape.kind, SHAPE_STRUCT);
    CHECK(shape->fields[0].shape.optional);
    CHECK_INT(shape->fields[0].shape.field_count, 3);
    CHECK_TEXT(shape->fields[0].shape.fields[2].name, "F");
    CHECK_INT(values[0].items.count, 3);
    CHECK_INT(values[0].items.at[0].kind, VALUE_NULL);
    CHECK_TEXT(values[0].items.at[1].bytes, "x");
    CHECK_TEXT(values[1].bytes, "B");
    CHECK_INT(values[2].kind, VALUE_BYTES); // the record within itself, as encoded
    CHECK_INT(values[2].bytes.size, 7);
    CHECK_TEXT(values[3].bytes, "rs");
    CHECK_TEXT(shape->fields[3].shape.doc, "two");
    CHECK_TEXT(shape->fields[3].shape.notes[0].name, "weird");
    CHECK_TEXT(shape->fields[3].shape.notes[0].json, "[1,{\"a\":null}]");
    CHECK_INT(shape->fields[4].shape.kind, SHAPE_INT64);
    CHECK_TEXT(shape->fields[4].shape.notes[0].json, "\"timestamp-nanos\"");
    avro_reader_close(reader);
    CHECK_OK(read_one("[\"null\",\"double\"]", SLICE("\0"), &reader, &values, err));
    CHECK_TEXT(avro_reader_shape(reader)->fields[0].name, "value");
    CHECK_INT(values[0].kind, VALUE_NULL);
    avro_reader_close(reader);
    CHECK_OK(read_one("{\"type\":\"array\",\"items\":\"int\"}", SLICE("\x03\x04\x02\x04\x02\x06\x00"), &reader, &values,
                      err));
    CHECK_INT(values[0].items.count, 3);
    CHECK_INT(values[0].items.at[2].integer, 3);
    avro_reader_close(reader);
}

TEST(bad_schemas_and_bad_data_are_refused) {
    Err err[1] = {{0}};
    AvroReader *reader = NULL;
    const Value *values = NULL;
    static const char TWICE[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                "{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"a\",\"type\":\"int\"}]}";
    static const char *const SCHEMAS[] = {
        "",
        "{",
        "\"no\"",
        "[]",
        "[[\"int\"]]",
        "[\"int\",\"int\"]",
        "{\"type\":\"record\",\"name\":\"R\"}",
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}",
        "{\"type\":\"record\",\"fields\":[]}",
        "{\"type\":\"array\"}",
        "{\"type\":{\"type\":7}}",
        TWICE,
    };
    for (size_t i = 0; i < ARRAY_LEN(SCHEMAS); i++) {
        CHECK_FAILS(read_one(SCHEMAS[i], SLICE("\0"), &reader, &values, err), ERR_VALUE);
        CHECK(reader == NULL);
    }
    const struct {
        const char *schema;
        Slice data;
    } DATA[] = {
        {"\"int\"", SLICE("")},
        {"\"int\"", SLICE("\xfe\xff\xff\xff\x1f")},
        {"\"int\"", SLICE("\0\0")},
        {"\"string\"", SLICE("\x02")},
        {"\"string\"", SLICE("\x01")},
        {"\"string\"", SLICE("\x02\xff")},
        {"\"boolean\"", SLICE("\x02")},
        {"[\"null\"]", SLICE("\x02")},
        {"[\"null\"]", SLICE("\x01")},
        {"{\"type\":\"array\",\"items\":\"null\"}", SLICE("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\0")},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"R\"}]}", SLICE("\0")},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2}", SLICE("\x02\x64")},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":3}",
         SLICE("\x20\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":3}",
         SLICE("\x22\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", SLICE("\x02x")},
        {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", SLICE("\x01")},
        {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}", SLICE("\x02")},
        {"\"double\"", SLICE("1234567")},
    };
    for (size_t i = 0; i < ARRAY_LEN(DATA); i++) {
        CHECK_FAILS(read_one(DATA[i].schema, DATA[i].data, &reader, &values, err), ERR_VALUE);
        avro_reader_close(reader);
    }
}

TEST(nesting_without_end_is_refused) {
    Err err[1] = {{0}};
    Buf schema, file;
    buf_init(&schema, 0);
    buf_init(&file, 0);
    for (int i = 0; i < 1000; i++) {
        buf_text(&schema, "{\"type\":\"array\",\"items\":");
    }
    buf_text(&schema, "\"int\"");
    for (int i = 0; i < 1000; i++) {
        buf_u8(&schema, '}');
    }
    buf_u8(&schema, 0);
    AvroReader *reader = NULL;
    put_file(&file, (char *)schema.data, 0, SLICE(""));
    CHECK_FAILS(avro_reader_open(buf_slice(&file), &reader, err), ERR_VALUE);
    // Sixty names, each twice in the next: 2^60 fields.
    buf_reset(&schema);
    buf_text(&schema, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":"
                      "{\"type\":\"record\",\"name\":\"R0\",\"fields\":[]}}");
    for (int i = 1; i < 60; i++) {
        buf_printf(&schema,
                   ",{\"name\":\"a%d\",\"type\":{\"type\":\"record\",\"name\":\"R%d\",\"fields\":["
                   "{\"name\":\"a\",\"type\":\"R%d\"},{\"name\":\"b\",\"type\":\"R%d\"}]}}",
                   i, i, i - 1, i - 1);
    }
    buf_text(&schema, "]}");
    buf_u8(&schema, 0);
    put_file(&file, (char *)schema.data, 0, SLICE(""));
    CHECK_FAILS(avro_reader_open(buf_slice(&file), &reader, err), ERR_VALUE);
    buf_release(&schema);
    buf_release(&file);
}

TEST(damaged_files_are_refused) {
    Err err[1] = {{0}};
    Buf file;
    buf_init(&file, 0);
    put_file(&file, "\"long\"", 2, SLICE("\x02\x04"));
    for (size_t size = 0; size < file.size; size++) {
        AvroReader *reader = NULL;
        const Value *values = NULL;
        bool read = avro_reader_open((Slice){file.data, size}, &reader, err);
        read = read && avro_reader_next(reader, &values, err) && values != NULL;
        CHECK(!read);
        CHECK(err->code == ERR_VALUE || (err->code == 0 && size == file.size - 20)); // no block at all is a file
        err_clear(err);
        avro_reader_close(reader);
    }
    buf_release(&file);
}

TEST(avro_fields_that_nobody_wants_are_passed_over) {
    static const char SCHEMA[] =
        "{\"type\":\"record\",\"name\":\"E\",\"fields\":[{\"name\":\"source\",\"type\":{\"type\":\"record\",\"name\":"
        "\"S\","
        "\"fields\":[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"b\",\"type\":[\"null\",\"string\"]},{\"name\":\"c\","
        "\"type\":\"long\"}]}},{\"name\":\"op\",\"type\":\"string\"}]}";
    static const char *const WANTED[] = {"c"};
    static const uint8_t BYTES[] = {2, 2, 2, 'x', 6, 2, 'u'};
    Err err[1] = {{0}};
    AvroReader *reader = NULL;
    const Value *value = NULL;
    CHECK_OK(avro_reader_of(slice_of(SCHEMA), false, &reader, err));
    avro_reader_only(reader, "op", WANTED, 1); // no record: nothing
    avro_reader_only(reader, "source", WANTED, 1);
    CHECK_OK(avro_reader_value(reader, (Slice){BYTES, sizeof(BYTES)}, &value, err));
    const Value *source = value->items.at[0].items.at;
    CHECK_INT(source[0].kind, VALUE_NULL);
    CHECK_INT(source[1].kind, VALUE_NULL);
    CHECK_INT(source[2].integer, 3);
    CHECK_TEXT(value->items.at[1].bytes, "u");
    CHECK(!avro_reader_value(reader, (Slice){BYTES, 3}, &value, err)); // what is passed over is measured all the same
    err_clear(err);
    static const char *const OUTER[] = {"source"};
    avro_reader_only(reader, NULL, OUTER, 1);
    CHECK_OK(avro_reader_value(reader, (Slice){BYTES, sizeof(BYTES)}, &value, err));
    CHECK_INT(value->items.at[0].items.at[2].integer, 3);
    CHECK_INT(value->items.at[1].kind, VALUE_NULL);
    avro_reader_close(reader);
}

// Numbers of each length, with as many bytes behind them as are looked at together, and with none.
TEST(avro_numbers_of_records_are_of_any_length) {
    static const char SCHEMA[] = "{\"type\":\"record\",\"name\":\"N\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"},"
                                 "{\"name\":\"b\",\"type\":\"long\"},{\"name\":\"c\",\"type\":\"long\"}]}";
    static const char *const ONLY[] = {"c"};
    Err err[1] = {{0}};
    AvroReader *reader = NULL, *skipping = NULL;
    CHECK_OK(avro_reader_of(slice_of(SCHEMA), false, &reader, err));
    CHECK_OK(avro_reader_of(slice_of(SCHEMA), false, &skipping, err));
    avro_reader_only(skipping, NULL, ONLY, 1);
    for (unsigned bit = 0; bit < 64; bit++) {
        const int64_t near[] = {(int64_t)(UINT64_C(1) << bit), -(int64_t)((UINT64_C(1) << bit) - 1),
                                (int64_t)((UINT64_C(1) << bit) - 1), (int64_t)(UINT64_C(0xb5) << bit)};
        for (size_t i = 0; i < ARRAY_LEN(near); i++) {
            DEFER(buf_release) Buf bytes = {0};
            const Value *value = NULL;
            buf_zigzag(&bytes, near[i]);
            buf_zigzag(&bytes, -7);
            buf_zigzag(&bytes, near[i]);
            CHECK_OK(avro_reader_value(reader, buf_slice(&bytes), &value, err));
            CHECK_INT(value->items.at[0].integer, near[i]);
            CHECK_INT(value->items.at[1].integer, -7);
            CHECK_INT(value->items.at[2].integer, near[i]);
            CHECK_OK(avro_reader_value(skipping, buf_slice(&bytes), &value, err));
            CHECK_INT(value->items.at[0].kind, VALUE_NULL);
            CHECK_INT(value->items.at[2].integer, near[i]);
        }
    }
    avro_reader_close(reader);
    avro_reader_close(skipping);
}

#define RECORD_OF(type) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":" type "}]}"

TEST(avro_leaves_of_records_are_checked) {
    const struct {
        const char *schema;
        Slice data;
        const char *why;
    } DATA[] = {
        {RECORD_OF("\"int\""), SLICE("\x80\x80\x80\x80\x10"), "an int of more than 32 bits"},
        {RECORD_OF("\"long\""), SLICE("\x80"), "the data end too early"},
        {RECORD_OF("\"long\""), SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "the data end too early"},
        {RECORD_OF("\"string\""), SLICE("\x01"), "the data end too early"},
        {RECORD_OF("\"string\""), SLICE("\x04x"), "the data end too early"},
        {RECORD_OF("\"string\""), SLICE("\x04x\xff"), "a text that is not UTF-8"},
        {RECORD_OF("[\"null\",\"long\"]"), SLICE(""), "a union has no such branch"},
        {RECORD_OF("[\"long\",\"null\"]"), SLICE("\x04"), "a union has no such branch"},
        {RECORD_OF("[\"long\",\"null\"]"), SLICE("\x02\x02"), "bytes behind the value"},
    };
    for (size_t i = 0; i < ARRAY_LEN(DATA); i++) {
        Err err[1] = {{0}};
        AvroReader *reader = NULL;
        const Value *value = NULL;
        CHECK_OK(avro_reader_of(slice_of(DATA[i].schema), false, &reader, err));
        CHECK(!avro_reader_value(reader, DATA[i].data, &value, err) && err->code == ERR_VALUE);
        CHECK(strstr(err->message, DATA[i].why) != NULL);
        avro_reader_close(reader);
    }
}

TEST(avro_decimals_of_64_bits_are_exact) {
    const struct {
        const char *schema;
        Slice data;
        const char *text; // NULL: it does not fit its type
    } DATA[] = {
        {"\"precision\":4,\"scale\":2", SLICE("\x02\x9c"), "-1.00"},
        {"\"precision\":4,\"scale\":2", SLICE("\x06\x00\x27\x0f"), "99.99"},
        {"\"precision\":4,\"scale\":2", SLICE("\x04\x27\x10"), NULL},
        {"\"precision\":4,\"scale\":2", SLICE("\x04\xd8\xf0"), NULL},
        {"\"precision\":4,\"scale\":4", SLICE("\x02\x05"), "0.0005"},
        {"\"precision\":4,\"scale\":2", SLICE(""), NULL},
        {"\"precision\":4,\"scale\":2", SLICE("\x00"), "0.00"},
        {"\"precision\":19,\"scale\":2", SLICE("\x10\x80\0\0\0\0\0\0\0"), "-92233720368547758.08"},
        {"\"precision\":18,\"scale\":18", SLICE("\x10\x0d\xe0\xb6\xb3\xa7\x63\xff\xff"), "0.999999999999999999"},
        {"\"precision\":18,\"scale\":18", SLICE("\x10\x0d\xe0\xb6\xb3\xa7\x64\0\0"), NULL},
        {"\"precision\":20,\"scale\":19", SLICE("\x02\x01"), "0.0000000000000000001"},
    };
    for (size_t i = 0; i < ARRAY_LEN(DATA); i++) {
        Err err[1] = {{0}};
        AvroReader *reader = NULL;
        const Value *value = NULL;
        Buf schema = {0}, text = {0};
        buf_printf(&schema, "{\"type\":\"bytes\",\"logicalType\":\"decimal\",%s}", DATA[i].schema);
        CHECK_OK(avro_reader_of(buf_slice(&schema), false, &reader, err));
        bool read = avro_reader_value(reader, DATA[i].data, &value, err);
        CHECK_INT(read, DATA[i].text != NULL);
        if (read) {
            decimal_text(&text, value->bytes);
            CHECK_TEXT(buf_slice(&text), DATA[i].text);
            CHECK(slice_equal(value->bytes, decimal(DATA[i].text)));
        }
        avro_reader_close(reader);
        buf_release(&schema);
        buf_release(&text);
    }
    arena_release(arena);
}
