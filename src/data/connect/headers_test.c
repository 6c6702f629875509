// SPDX-License-Identifier: Apache-2.0
#include "data/connect/headers.c"

#include "core/base/test.h"
#include "data/format/avro/avro.h"

static Arena arena;

TEST(connect_headers_of_a_key_with_all_that_keys_have) {
    arena_init(&arena, "run", 0);
    const Shape int32 = {.kind = SHAPE_INT32, .optional = true};
    const Shape variable = {.kind = SHAPE_STRUCT,
                            .fields = (ShapeField[]){{.name = SLICE("scale"), .shape = {.kind = SHAPE_INT32}},
                                                     {.name = SLICE("value"), .shape = {.kind = SHAPE_BYTES}}},
                            .field_count = 2};
    const ShapeField fields[] = {
        {.name = SLICE("a\"b"), .shape = {.kind = SHAPE_STRING}},
        {.name = SLICE("d"), .shape = {.kind = SHAPE_DECIMAL, .precision = 20, .scale = 3}},
        {.name = SLICE("l"), .shape = {.kind = SHAPE_LIST, .element = &int32}},
        {.name = SLICE("v"), .shape = variable},
    };
    const Shape key = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = ARRAY_LEN(fields)};
    Slice decimal;
    ASSERT(decimal_from_text(&arena, SLICE("-12345678901234567.500"), &decimal));
    const Value items[] = {{.kind = VALUE_INT, .integer = 7}, {.kind = VALUE_NULL}};
    const Value inner[] = {{.kind = VALUE_INT, .integer = 1}, value_bytes(VALUE_BYTES, SLICE("\x0f"))};
    const Value values[] = {value_bytes(VALUE_STRING, SLICE("x\\y")),
                            value_bytes(VALUE_DECIMAL, decimal),
                            {.kind = VALUE_LIST, .items = {items, 2}},
                            {.kind = VALUE_STRUCT, .items = {inner, 2}}};
    Buf text;
    buf_init(&text, 0);
    connect_key_text(&text, &key, values);
    CHECK_TEXT(buf_slice(&text), "{\"a\\\"b\":\"x\\\\y\",\"d\":-12345678901234567.500,\"l\":[7,null],"
                                 "\"v\":{\"scale\":1,\"value\":\"Dw==\"}}");
    buf_release(&text);
    arena_release(&arena);
}

TEST(connect_headers_are_an_array_in_avro) {
    Err err[1] = {{0}};
    arena_init(&arena, "run", 0);
    Buf json;
    buf_init(&json, 0);
    CHECK_OK(avro_schema_json(&connect_headers_shape(&arena)->fields[0].shape, SLICE("t"), &json, err));
    CHECK_TEXT(buf_slice(&json), "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"ConnectDefault\","
                                 "\"namespace\":\"io.confluent.connect.avro\",\"fields\":[{\"name\":\"key\",\"type\":"
                                 "\"string\"},{\"name\":\"value\",\"type\":\"string\"}]}}");
    buf_release(&json);
    arena_release(&arena);
}
