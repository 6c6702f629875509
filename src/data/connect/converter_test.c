// SPDX-License-Identifier: Apache-2.0
#include "core/base/test.h"
#include "data/connect/converter.c"

#include "core/base/decimal.h"

static Arena arena;

static bool register_one(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    Buf *seen = context;
    buf_put(seen, subject);
    buf_u8(seen, '\n');
    buf_put(seen, schema);
    buf_u8(seen, '\n');
    *id = 258;
    return true;
}

static bool register_none(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    return FAIL(err, ERR_OPTION, "Schema being registered is incompatible");
}

static Converter *converter_of(const char *json, const SchemaRegistrar *registrar) {
    Err err[1] = {{0}};
    Properties config;
    Converter *converter = NULL;
    if (arena.name == NULL) {
        arena_init(&arena, "run", 0);
    }
    CHECK_OK(properties_parse(&arena, slice_of(json), &config, err));
    CHECK_OK(converter_new(&arena, &config, false, registrar, &converter, err));
    return converter;
}

static Slice written(Converter *converter, const Shape *shape, const Value *value) {
    Err err[1] = {{0}};
    Buf out;
    bool null = false;
    buf_init(&out, 0);
    CHECK_OK(converter_write(converter, SLICE("t"), shape, value, &out, &null, err));
    Slice bytes = null ? SLICE("NULL") : arena_slice(&arena, buf_slice(&out));
    buf_release(&out);
    return bytes;
}

static void refused(const char *json, const char *message) {
    Err err[1] = {{0}};
    Properties config;
    Converter *converter = NULL;
    if (arena.name == NULL) {
        arena_init(&arena, "run", 0);
    }
    CHECK_OK(properties_parse(&arena, slice_of(json), &config, err));
    CHECK(!converter_new(&arena, &config, false, NULL, &converter, err));
    CHECK_INT(err->code, ERR_OPTION);
    if (strstr(err->message, message) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s' is not in '%s'", message, err->message);
    }
}

static void fails(Converter *converter, const Shape *shape, const Value *value, const char *message) {
    Err err[1] = {{0}};
    DEFER(buf_release) Buf out;
    bool null = false;
    buf_init(&out, 0);
    buf_u8(&out, 'x');
    CHECK(!converter_write(converter, SLICE("topic"), shape, value, &out, &null, err));
    CHECK_INT(out.size, 1);
    if (strstr(err->message, message) == NULL) {
        test_fail(__FILE__, __LINE__, "'%s' is not in '%s'", message, err->message);
    }
}

static Value text(const char *of) {
    return value_bytes(VALUE_STRING, slice_of(of));
}

// A row of many kinds, with defaults.
static const Shape *row_of_many(void) {
    static ShapeField fields[9];
    static const Shape INT = {.kind = SHAPE_INT32, .optional = true};
    fields[0] = connect_field("id", SHAPE_INT32, false);
    fields[1] = connect_field("name", SHAPE_STRING, true);
    connect_note_add(&arena, &fields[1].shape, "connect.default", SLICE("\"it's\""));
    fields[2] = connect_field("amount", SHAPE_DECIMAL, true);
    fields[2].shape.precision = 8;
    fields[2].shape.scale = 3;
    connect_describe(&arena, &fields[2].shape, "org.apache.kafka.connect.data.Decimal", 1,
                     "{\"scale\":\"3\",\"connect.decimal.precision\":\"8\"}", NULL);
    connect_note_add(&arena, &fields[2].shape, "connect.default", SLICE("\"Bdw=\""));
    fields[3] = connect_field("short", SHAPE_INT32, false);
    connect_note_add(&arena, &fields[3].shape, "connect.type", SLICE("\"int16\""));
    fields[4] = connect_field("list", SHAPE_LIST, true);
    fields[4].shape.element = &INT;
    fields[5] = connect_field("map", SHAPE_MAP, true);
    fields[5].shape.element = &SMT_STRING;
    fields[6] = connect_field("real", SHAPE_FLOAT64, true);
    fields[7] = connect_field("raw", SHAPE_BYTES, true);
    fields[8] = connect_field("ok", SHAPE_BOOL, true);
    static Shape shape;
    shape = connect_struct(&arena, fields, 9, SLICE("shop.orders.Value"), 0);
    return &shape;
}

static Value row_values(bool nulls) {
    Value *items = ARENA_ARRAY(&arena, Value, 20);
    items[0] = value_int(-1);
    items[3] = value_int(7);
    if (!nulls) {
        items[1] = text("\"x\"");
        items[2] = value_bytes(VALUE_DECIMAL, decimal_from_int64(&arena, -1500, 3));
        items[10] = value_int(1);
        items[4] = (Value){.kind = VALUE_LIST, .items = {&items[10], 2}};
        items[12] = text("k");
        items[13] = text("v");
        items[5] = (Value){.kind = VALUE_MAP, .items = {&items[12], 2}};
        items[6] = (Value){.kind = VALUE_FLOAT64, .real = 2};
        items[7] = value_bytes(VALUE_BYTES, SLICE("\x01\x02"));
        items[8] = value_bool(true);
    }
    return (Value){.kind = VALUE_STRUCT, .items = {items, 9}};
}

#define JSON      "{\"value.converter\":\"org.apache.kafka.connect.json.JsonConverter\""
#define NO_SCHEMA ",\"value.converter.schemas.enable\":\"false\""

TEST(converter_json_writes_values_and_defaults) {
    arena_init(&arena, "run", 0);
    Converter *converter = converter_of(JSON NO_SCHEMA "}", NULL);
    Value row = row_values(false), nulls = row_values(true);
    CHECK_TEXT(written(converter, row_of_many(), &row),
               "{\"id\":-1,\"name\":\"\\\"x\\\"\",\"amount\":\"+iQ=\",\"short\":7,\"list\":[1,null],"
               "\"map\":{\"k\":\"v\"},\"real\":2.0,\"raw\":\"AQI=\",\"ok\":true}");
    CHECK_TEXT(written(converter, row_of_many(), &nulls),
               "{\"id\":-1,\"name\":\"it's\",\"amount\":\"Bdw=\",\"short\":7,\"list\":null,\"map\":null,"
               "\"real\":null,\"raw\":null,\"ok\":null}");
    CHECK_INT(converter_yield(converter), YIELD_SCHEMALESS);
    CHECK(converter_is(converter, "JsonConverter"));
    converter_release(converter);
    converter = converter_of(JSON NO_SCHEMA ",\"value.converter.decimal.format\":\"numeric\","
                                            "\"value.converter.replace.null.with.default\":\"false\"}",
                             NULL);
    CHECK_TEXT(written(converter, row_of_many(), &row),
               "{\"id\":-1,\"name\":\"\\\"x\\\"\",\"amount\":-1.500,\"short\":7,\"list\":[1,null],"
               "\"map\":{\"k\":\"v\"},\"real\":2.0,\"raw\":\"AQI=\",\"ok\":true}");
    CHECK_TEXT(written(converter, row_of_many(), &nulls),
               "{\"id\":-1,\"name\":null,\"amount\":null,\"short\":7,\"list\":null,\"map\":null,\"real\":null,"
               "\"raw\":null,\"ok\":null}");
    converter_release(converter);
}

TEST(converter_json_writes_schemas) {
    arena_init(&arena, "run", 0);
    Converter *converter = converter_of("{}", NULL);
    Value name = text("x");
    CHECK_TEXT(written(converter, &SMT_STRING, &name),
               "{\"schema\":{\"type\":\"string\",\"optional\":false},\"payload\":\"x\"}");
    CHECK_TEXT(written(converter, &SMT_STRING_OPTIONAL, NULL),
               "{\"schema\":{\"type\":\"string\",\"optional\":true},\"payload\":null}");
    CHECK_TEXT(written(converter, NULL, NULL), "NULL");
    CHECK_TEXT(written(converter, NULL, &name), "{\"schema\":null,\"payload\":\"x\"}");
    fails(converter, &SMT_STRING, NULL, "value.converter, topic topic: field (the whole) is null");
    CHECK_INT(converter_yield(converter), YIELD_SCHEMA);
    converter_release(converter);
    converter = converter_of(JSON NO_SCHEMA "}", NULL);
    CHECK_TEXT(written(converter, &SMT_STRING_OPTIONAL, NULL), "null");
    Value items[] = {text("a"), {.kind = VALUE_LIST}, text("b"), {.kind = VALUE_NULL}};
    Value map = {.kind = VALUE_MAP, .items = {items, 4}};
    CHECK_TEXT(written(converter, NULL, &map), "{\"a\":[],\"b\":null}");
    converter_release(converter);
}

TEST(converter_says_what_it_does_not_know) {
    refused("{\"value.converter\":\"com.example.Mine\"}", "value.converter: leat has no converter com.example.Mine");
    refused(JSON ",\"value.converter.decimal.format\":\"x\"}", "value.converter.decimal.format");
    refused(JSON ",\"value.converter.schemas.enable\":\"x\"}", "value.converter.schemas.enable");
    refused("{\"value.converter\":\"io.confluent.connect.avro.AvroConverter\"}", "schema registry");
    refused("{\"value.converter\":\"org.apache.kafka.connect.storage.StringConverter\","
            "\"value.converter.converter.encoding\":\"ISO-8859-1\"}",
            "UTF-8");
}

TEST(converter_string_is_java_s_text) {
    arena_init(&arena, "run", 0);
    Converter *converter =
        converter_of("{\"value.converter\":\"org.apache.kafka.connect.storage.StringConverter\"}", NULL);
    Value row = row_values(false), real = {.kind = VALUE_FLOAT64, .real = 1e10}, name = text("x");
    static const Shape REAL = {.kind = SHAPE_FLOAT64};
    CHECK_TEXT(written(converter, row_of_many(), &row),
               "Struct{id=-1,name=\"x\",amount=-1.500,short=7,list=[1, null],map={k=v},real=2.0,raw=AQI=,ok=true}");
    CHECK_TEXT(written(converter, &REAL, &real), "1.0E10");
    CHECK_TEXT(written(converter, &SMT_STRING, &name), "x");
    CHECK_TEXT(written(converter, &SMT_STRING_OPTIONAL, NULL), "NULL");
    CHECK_INT(converter_yield(converter), YIELD_STRING);
    converter_release(converter);
}

TEST(converter_bytes_and_numbers) {
    arena_init(&arena, "run", 0);
    static const Shape LONG = {.kind = SHAPE_INT64}, INT = {.kind = SHAPE_INT32};
    Value raw = value_bytes(VALUE_BYTES, SLICE("ab")), number = value_int(258), name = text("x");
    Value real = {.kind = VALUE_FLOAT64, .real = 1}, single = {.kind = VALUE_FLOAT32, .real = 1},
          yes = value_bool(true);
    Converter *converter = converter_of("{\"value.converter\":\"ByteArrayConverter\"}", NULL);
    CHECK_TEXT(written(converter, &SMT_BYTES_OPTIONAL, &raw), "ab");
    fails(converter, &SMT_STRING, &name, "bytes only");
    converter_release(converter);
    converter = converter_of("{\"value.converter\":\"LongConverter\"}", NULL);
    CHECK(slice_equal(written(converter, &LONG, &number), SLICE("\0\0\0\0\0\0\1\2")));
    fails(converter, &INT, &number, "no int64");
    converter = converter_of("{\"value.converter\":\"IntegerConverter\"}", NULL);
    CHECK(slice_equal(written(converter, &INT, &number), SLICE("\0\0\1\2")));
    fails(converter, &LONG, &number, "no int32");
    converter = converter_of("{\"value.converter\":\"ShortConverter\"}", NULL);
    CHECK(slice_equal(written(converter, NULL, &number), SLICE("\1\2")));
    fails(converter, &INT, &number, "no int16");
    converter = converter_of("{\"value.converter\":\"DoubleConverter\"}", NULL);
    CHECK(slice_equal(written(converter, NULL, &real), SLICE("\x3f\xf0\0\0\0\0\0\0")));
    converter = converter_of("{\"value.converter\":\"FloatConverter\"}", NULL);
    CHECK(slice_equal(written(converter, NULL, &single), SLICE("\x3f\x80\0\0")));
    converter = converter_of("{\"value.converter\":\"BooleanConverter\"}", NULL);
    CHECK(slice_equal(written(converter, NULL, &yes), SLICE("\1")));
    fails(converter, NULL, &name, "no boolean");
    converter = converter_of("{\"value.converter\":\"io.debezium.converters.BinaryDataConverter\","
                             "\"value.converter.delegate.converter.type\":\"JsonConverter\","
                             "\"value.converter.delegate.converter.type.schemas.enable\":\"false\"}",
                             NULL);
    CHECK_TEXT(written(converter, &SMT_BYTES_OPTIONAL, &raw), "ab");
    CHECK_TEXT(written(converter, &SMT_STRING, &name), "\"x\"");
    converter_release(converter);
}

#define AVRO "{\"value.converter\":\"io.confluent.connect.avro.AvroConverter\""

TEST(converter_avro_derives_confluent_s_schema) {
    arena_init(&arena, "run", 0);
    DEFER(buf_release) Buf seen;
    buf_init(&seen, 0);
    SchemaRegistrar registrar = {register_one, &seen};
    Converter *converter = converter_of(AVRO "}", &registrar);
    Value row = row_values(false), nulls = row_values(true);
    Err err[1] = {{0}};
    CHECK_OK(converter_prepare(converter, SLICE("t"), row_of_many(), err));
    CHECK_TEXT(buf_slice(&seen),
               "t-value\n{\"type\":\"record\",\"name\":\"Value\",\"namespace\":\"shop.orders\",\"fields\":["
               "{\"name\":\"id\",\"type\":\"int\"},"
               "{\"name\":\"name\",\"type\":[{\"type\":\"string\",\"connect.default\":\"it's\"},\"null\"],"
               "\"default\":\"it's\"},"
               "{\"name\":\"amount\",\"type\":[{\"type\":\"bytes\",\"scale\":3,\"precision\":8,\"connect.version\":1,"
               "\"connect.parameters\":{\"scale\":\"3\",\"connect.decimal.precision\":\"8\"},"
               "\"connect.default\":\"\\u0005\u00dc\",\"connect.name\":\"org.apache.kafka.connect.data.Decimal\","
               "\"logicalType\":\"decimal\"},\"null\"],\"default\":\"\\u0005\u00dc\"},"
               "{\"name\":\"short\",\"type\":{\"type\":\"int\",\"connect.type\":\"int16\"}},"
               "{\"name\":\"list\",\"type\":[\"null\",{\"type\":\"array\",\"items\":[\"null\",\"int\"]}],"
               "\"default\":null},"
               "{\"name\":\"map\",\"type\":[\"null\",{\"type\":\"map\",\"values\":\"string\"}],\"default\":null},"
               "{\"name\":\"real\",\"type\":[\"null\",\"double\"],\"default\":null},"
               "{\"name\":\"raw\",\"type\":[\"null\",\"bytes\"],\"default\":null},"
               "{\"name\":\"ok\",\"type\":[\"null\",\"boolean\"],\"default\":null}],"
               "\"connect.name\":\"shop.orders.Value\"}\n");
    size_t registered = seen.size;
    CHECK(slice_equal(written(converter, row_of_many(), &row), SLICE("\0\0\0\1\2"
                                                                     "\1"
                                                                     "\0\6\"x\""
                                                                     "\0\4\xfa\x24"
                                                                     "\16"
                                                                     "\2\4\2\2\0\0"
                                                                     "\2\2\2k\2v\0"
                                                                     "\2\0\0\0\0\0\0\0\x40"
                                                                     "\2\4\1\2"
                                                                     "\2\1")));
    CHECK(slice_equal(written(converter, row_of_many(), &nulls), SLICE("\0\0\0\1\2"
                                                                       "\1"
                                                                       "\0\10it's"
                                                                       "\0\4\5\xdc"
                                                                       "\16"
                                                                       "\0"
                                                                       "\0"
                                                                       "\0"
                                                                       "\0"
                                                                       "\0")));
    CHECK_TEXT(written(converter, row_of_many(), NULL), "NULL");
    CHECK_INT(seen.size, registered); // once
    CHECK_OK(converter_prepare(converter, SLICE("u"), row_of_many(), err));
    CHECK(seen.size > registered); // another topic, another subject
    converter_release(converter);
    converter = converter_of(AVRO ",\"value.converter.ignore.default.for.nullables\":\"true\"}", &registrar);
    CHECK(slice_equal(written(converter, row_of_many(), &nulls), SLICE("\0\0\0\1\2"
                                                                       "\1"
                                                                       "\2"
                                                                       "\2"
                                                                       "\16"
                                                                       "\0"
                                                                       "\0"
                                                                       "\0"
                                                                       "\0"
                                                                       "\0")));
    converter_release(converter);
}

TEST(converter_avro_names_records_once) {
    arena_init(&arena, "run", 0);
    DEFER(buf_release) Buf seen;
    buf_init(&seen, 0);
    SchemaRegistrar registrar = {register_one, &seen};
    ShapeField inner[1] = {connect_field("x", SHAPE_INT64, false)}, fields[3], none[1];
    Shape of = connect_struct(&arena, inner, 1, SLICE("a.b.Inner"), 1);
    fields[0] = (ShapeField){.name = SLICE("one"), .shape = of};
    fields[1] = (ShapeField){.name = SLICE("two"), .shape = of, .default_json = SLICE("null")};
    fields[1].shape.optional = true;
    fields[2] = connect_field("at", SHAPE_INT64, true);
    connect_describe(&arena, &fields[2].shape, "org.apache.kafka.connect.data.Timestamp", 1, NULL, NULL);
    Shape shape = {.kind = SHAPE_STRUCT, .optional = true, .fields = fields, .field_count = 3};
    Converter *converter = converter_of(AVRO ",\"value.converter.value.subject.name.strategy\":"
                                             "\"io.confluent.kafka.serializers.subject.TopicRecordNameStrategy\"}",
                                        &registrar);
    Err err[1] = {{0}};
    CHECK_OK(converter_prepare(converter, SLICE("t"), &shape, err));
    CHECK_TEXT(
        buf_slice(&seen),
        "t-io.confluent.connect.avro.ConnectDefault\n[\"null\",{\"type\":\"record\",\"name\":\"ConnectDefault\","
        "\"namespace\":\"io.confluent.connect.avro\",\"fields\":[{\"name\":\"one\",\"type\":{\"type\":\"record\","
        "\"name\":\"Inner\",\"namespace\":\"a.b\",\"fields\":[{\"name\":\"x\",\"type\":\"long\"}],"
        "\"connect.version\":1,\"connect.name\":\"a.b.Inner\"}},{\"name\":\"two\",\"type\":[\"null\","
        "\"a.b.Inner\"],\"default\":null},{\"name\":\"at\",\"type\":[\"null\",{\"type\":\"long\","
        "\"connect.version\":1,\"connect.name\":\"org.apache.kafka.connect.data.Timestamp\","
        "\"logicalType\":\"timestamp-millis\"}],\"default\":null}]}]\n");
    // One name, two structs; and names that Avro does not take.
    none[0] = connect_field("y", SHAPE_INT64, false);
    fields[1].shape.fields = none;
    Shape other = shape, dashed = connect_struct(&arena, inner, 1, SLICE("my-shop.public.t.Value"), 0);
    Value items[3] = {0}, one = value_int(1);
    items[0] = (Value){.kind = VALUE_STRUCT, .items = {&one, 1}};
    Value row = {.kind = VALUE_STRUCT, .items = {items, 3}};
    fails(converter, &other, &row, "two different structs have the name \"a.b.Inner\"");
    fails(converter, &dashed, &items[0], "illegal character in the name \"my-shop\"");
    fails(converter, &SMT_STRING, &(Value){.kind = VALUE_STRING}, "named after a record");
    fails(converter, NULL, &one, "without schema");
    converter_release(converter);
    converter = converter_of(AVRO ",\"value.converter.scrub.invalid.names\":\"true\","
                                  "\"value.converter.connect.meta.data\":\"false\"}",
                             &registrar);
    seen.size = 0;
    CHECK_OK(converter_prepare(converter, SLICE("t"), &dashed, err));
    CHECK_TEXT(buf_slice(&seen), "t-value\n{\"type\":\"record\",\"name\":\"Value\",\"namespace\":\"my_shop.public.t\","
                                 "\"fields\":[{\"name\":\"x\",\"type\":\"long\"}]}\n");
    converter_release(converter);
    registrar.register_schema = register_none;
    converter = converter_of(AVRO "}", &registrar);
    fails(converter, &SMT_STRING, &(Value){.kind = VALUE_STRING},
          "value.converter, topic topic: Schema being registered is incompatible");
    converter_release(converter);
}
