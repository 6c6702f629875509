// SPDX-License-Identifier: Apache-2.0
#include "data/format/avro/schema.c"

#include "core/base/test.h"

static void check_schema(const Shape *shape, const char *name, const char *want) {
    Err err[1] = {{0}};
    Buf json;
    buf_init(&json, 0);
    CHECK_OK(avro_schema_json(shape, slice_of(name), &json, err));
    CHECK_TEXT(buf_slice(&json), want);
    buf_release(&json);
}

TEST(a_flat_shape_as_avro_schema) {
    const ShapeNote notes[] = {{SLICE("connect.name"), SLICE("\"io.debezium.time.Date\"")}};
    const ShapeField fields[] = {
        {.name = SLICE("id"), .shape = {.kind = SHAPE_INT64, .id = 1}},
        {.name = SLICE("day"), .shape = {.kind = SHAPE_INT32, .optional = true, .notes = notes, .note_count = 1}},
        {.name = SLICE("price"),
         .shape = {.kind = SHAPE_DECIMAL, .precision = 12, .scale = 2, .doc = SLICE("\"net\"")}},
        {.name = SLICE("at"), .shape = {.kind = SHAPE_TIMESTAMP, .optional = true}, .default_json = SLICE("null")},
        {.name = SLICE("n"), .shape = {.kind = SHAPE_INT32, .optional = true}, .default_json = SLICE("5")},
    };
    Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = ARRAY_LEN(fields)};
    check_schema(&shape, "shop.orders",
                 "{\"type\":\"record\",\"name\":\"orders\",\"namespace\":\"shop\",\"fields\":["
                 "{\"name\":\"id\",\"type\":\"long\",\"field-id\":1},"
                 "{\"name\":\"day\",\"type\":[\"null\",{\"type\":\"int\",\"connect.name\":\"io.debezium.time.Date\"}],"
                 "\"default\":null},"
                 "{\"name\":\"price\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":12,"
                 "\"scale\":2},\"doc\":\"\\\"net\\\"\"},"
                 "{\"name\":\"at\",\"type\":[\"null\",{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}],"
                 "\"default\":null},"
                 "{\"name\":\"n\",\"type\":[\"int\",\"null\"],\"default\":5}]}");
}

TEST(names_that_avro_forbids) {
    const ShapeField fields[] = {
        {.name = SLICE("a-b"), .shape = {.kind = SHAPE_BOOL}},
        {.name = SLICE("a_b"), .shape = {.kind = SHAPE_BOOL}},
        {.name = SLICE("1"), .shape = {.kind = SHAPE_BOOL}},
        {.name = SLICE("gr\xc3\xb6\xc3\x9f"
                       "e"),
         .shape = {.kind = SHAPE_BOOL}},
        {.name = SLICE(""), .shape = {.kind = SHAPE_BOOL}},
    };
    Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = ARRAY_LEN(fields)};
    check_schema(&shape, "my schema.2",
                 "{\"type\":\"record\",\"name\":\"_2\",\"namespace\":\"my_schema\",\"fields\":["
                 "{\"name\":\"a_b_2\",\"type\":\"boolean\",\"leat.name\":\"a-b\"},"
                 "{\"name\":\"a_b\",\"type\":\"boolean\"},"
                 "{\"name\":\"_1\",\"type\":\"boolean\",\"leat.name\":\"1\"},"
                 "{\"name\":\"gr__e\",\"type\":\"boolean\",\"leat.name\":\"gr\xc3\xb6\xc3\x9f"
                 "e\"},"
                 "{\"name\":\"_\",\"type\":\"boolean\",\"leat.name\":\"\"}],\"leat.name\":\"my schema.2\"}");
}

TEST(a_named_record_is_written_once) {
    const ShapeField inner[] = {{.name = SLICE("x"), .shape = {.kind = SHAPE_INT32}}};
    const ShapeField other[] = {{.name = SLICE("x"), .shape = {.kind = SHAPE_INT64}}};
    const Shape row = {.kind = SHAPE_STRUCT, .name = SLICE("s.t.Value"), .fields = inner, .field_count = 1};
    Shape optional = row, path = row, differs = row;
    optional.optional = true;
    path.name = (Slice){0};
    differs.fields = other;
    const ShapeField fields[] = {
        {.name = SLICE("before"), .shape = optional},
        {.name = SLICE("after"), .shape = row},
        {.name = SLICE("p"), .shape = path},
        {.name = SLICE("d"), .shape = differs},
        {.name = SLICE("l"), .shape = {.kind = SHAPE_LIST, .element = &row, .element_id = 3}},
        {.name = SLICE("m"), .shape = {.kind = SHAPE_MAP, .element = &optional, .element_id = 5}},
    };
    Shape shape = {.kind = SHAPE_STRUCT, .name = SLICE("s.t.Envelope"), .fields = fields, .field_count = 6};
    check_schema(
        &shape, "",
        "{\"type\":\"record\",\"name\":\"Envelope\",\"namespace\":\"s.t\",\"fields\":["
        "{\"name\":\"before\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Value\",\"namespace\":\"s.t\","
        "\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}],\"default\":null},"
        "{\"name\":\"after\",\"type\":\"s.t.Value\"},"
        "{\"name\":\"p\",\"type\":{\"type\":\"record\",\"name\":\"Envelope_p\",\"namespace\":\"s.t\","
        "\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}},"
        "{\"name\":\"d\",\"type\":{\"type\":\"record\",\"name\":\"Value_2\",\"namespace\":\"s.t\","
        "\"fields\":[{\"name\":\"x\",\"type\":\"long\"}],\"leat.name\":\"s.t.Value\"}},"
        "{\"name\":\"l\",\"type\":{\"type\":\"array\",\"items\":\"s.t.Value\",\"element-id\":3}},"
        "{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":[\"null\",\"s.t.Value\"],\"key-id\":4,"
        "\"value-id\":5}}]}");
}
