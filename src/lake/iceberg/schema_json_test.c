// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/schema_json.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

static void same(const char *json) {
    arena_init(arena, "test", 0);
    TableSchema schema;
    CHECK_OK(table_schema_parse(slice_of(json), arena, &schema, err));
    Buf out;
    buf_init(&out, 0);
    table_schema_write(&schema, &out);
    CHECK_TEXT(buf_slice(&out), json);
    buf_release(&out);
    arena_release(arena);
}

static void refused(const char *json, const char *what) {
    arena_init(arena, "test", 0);
    TableSchema schema;
    if (table_schema_parse(slice_of(json), arena, &schema, err) || err->code != ERR_VALUE ||
        strstr(err->message, what) == NULL) {
        test_fail(__FILE__, __LINE__, "%s: '%s', not '%s'", json, err->message, what);
    }
    err_clear(err);
    arena_release(arena);
}

TEST(iceberg_schema_is_written_as_read) {
    same(
        "{\"type\":\"struct\",\"schema-id\":7,\"identifier-field-ids\":[1,3],\"fields\":["
        "{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\",\"doc\":\"the \\\"key\\\"\"},"
        "{\"id\":3,\"name\":\"k\\u0001\",\"required\":true,\"type\":\"uuid\"},"
        "{\"id\":4,\"name\":\"d\",\"required\":false,\"type\":\"decimal(10, 2)\",\"initial-default\":\"1.00\","
        "\"write-default\":\"2.00\"},"
        "{\"id\":5,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":6,\"element\":\"date\","
        "\"element-required\":false}},"
        "{\"id\":7,\"name\":\"m\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":8,\"key\":\"string\","
        "\"value-id\":9,\"value\":{\"type\":\"struct\",\"fields\":[{\"id\":10,\"name\":\"x\",\"required\":true,"
        "\"type\":\"time\"}]},\"value-required\":true}}]}");
}

TEST(iceberg_schema_types_are_written_as_read) {
    static const char *const TYPES[] = {"\"boolean\"",
                                        "\"int\"",
                                        "\"long\"",
                                        "\"float\"",
                                        "\"double\"",
                                        "\"decimal(38, 38)\"",
                                        "\"string\"",
                                        "\"binary\"",
                                        "\"date\"",
                                        "\"time\"",
                                        "\"timestamp\"",
                                        "\"timestamptz\"",
                                        "\"uuid\"",
                                        "\"fixed[16]\"",
                                        "\"timestamp_ns\"",
                                        "\"timestamptz_ns\"",
                                        "\"variant\"",
                                        "\"unknown\"",
                                        "\"geometry(srid:4326)\"",
                                        "\"geography\"",
                                        "{\"type\":\"map\",\"key-id\":8,\"key\":\"int\",\"value-id\":9,\"value\":"
                                        "\"long\",\"value-required\":false}",
                                        "{\"type\":\"map\",\"key-id\":8,\"key\":\"string\",\"value-id\":12,\"value\":"
                                        "\"long\",\"value-required\":false}"};
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        char json[512];
        (void)snprintf(json, sizeof(json),
                       "{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":false,"
                       "\"type\":%s,\"hue\":[1, {}]}],\"more\":null}",
                       TYPES[i]);
        same(json);
    }
}

TEST(iceberg_schema_that_is_wrong_is_refused_with_its_place) {
    refused("[]", "schema: is to be an object, not a list");
    refused("{\"type\":\"struct\"", "schema: at byte 16");
    refused("{\"type\":\"struct\"}", "schema: fields is missing");
    refused("{\"type\":\"list\",\"element-id\":1,\"element\":\"int\",\"element-required\":true}", "is to be struct");
    refused("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true}]}",
            "schema: fields[0]: type is missing");
    refused("{\"type\":\"struct\",\"fields\":[{\"id\":99999999999,\"name\":\"a\",\"required\":true,\"type\":\"int\"}]}",
            "schema: fields[0].id: is 99999999999, which is not between");
    refused("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"blob\"}]}",
            "schema: fields[0].type: unknown type 'blob'");
    refused("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"int\"}]}",
            "schema: fields[0].id: comes twice");
    refused("{\"type\":\"struct\",\"fields\":[],\"x\":1,\"x\":2}", "schema: x: comes twice");
    refused(
        "{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"decimal(39, 1)\"}]}",
        "no such decimal");
    refused("{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"int\"},"
            "{\"id\":1,\"name\":\"b\",\"required\":true,\"type\":\"int\"}]}",
            "two columns have the id 1");
    refused("{\"type\":\"struct\",\"identifier-field-ids\":[1],\"fields\":[{\"id\":1,\"name\":\"a\",\"required\":true,"
            "\"type\":\"float\"}]}",
            "must not be float");
    refused("{\"type\":\"struct\",\"identifier-field-ids\":[2],\"fields\":[]}", "field does not exist");
    refused("{\"type\":\"struct\",\"fields\":[]} x", "schema: at byte 30");
    char deep[4096] = "{\"type\":\"struct\",\"fields\":";
    size_t size = strlen(deep);
    memset(deep + size, '[', 1000);
    refused(deep, "is to be an object, not a list");
    memcpy(deep, "{\"x\":", 5);
    memset(deep + 5, '[', 1000);
    refused(deep, "nesting depth");
}

TEST(iceberg_schema_ids_are_numbered_as_java_does) {
    arena_init(arena, "test", 0);
    TableSchema schema;
    const char *json =
        "{\"type\":\"struct\",\"identifier-field-ids\":[40],\"fields\":["
        "{\"id\":40,\"name\":\"id\",\"required\":true,\"type\":\"long\"},"
        "{\"id\":50,\"name\":\"l\",\"required\":false,\"type\":{\"type\":\"list\",\"element-id\":51,\"element\":"
        "{\"type\":\"struct\",\"fields\":[{\"id\":52,\"name\":\"x\",\"required\":true,\"type\":\"int\"}]},"
        "\"element-required\":true}},"
        "{\"id\":60,\"name\":\"m\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":61,\"key\":\"string\","
        "\"value-id\":62,\"value\":\"int\",\"value-required\":true}},"
        "{\"id\":70,\"name\":\"f\",\"required\":false,\"type\":{\"type\":\"map\",\"key-id\":71,\"key\":\"int\","
        "\"value-id\":72,\"value\":\"int\",\"value-required\":true}}]}";
    CHECK_OK(table_schema_parse(slice_of(json), arena, &schema, err));
    CHECK_INT(shape_highest_id(schema.shape), 72);
    CHECK(shape_by_id(schema.shape, 52)->kind == SHAPE_INT32);
    CHECK(shape_by_id(schema.shape, 61)->kind == SHAPE_STRING);
    CHECK(shape_by_id(schema.shape, 62)->kind == SHAPE_INT32);
    CHECK(shape_by_id(schema.shape, 63) == NULL);
    PartitionField field = {.source_id = 52, .name = SLICE("p"), .transform_text = SLICE("identity")};
    PartitionSpec spec = {.fields = &field, .field_count = 1};
    SortField sort = {.source_id = 40, .transform_text = SLICE("identity")};
    SortOrder order = {.fields = &sort, .field_count = 1};
    CHECK_OK(table_number(arena, &schema, &spec, &order, err));
    const Shape *shape = schema.shape;
    CHECK_INT(shape->fields[0].shape.id, 1);
    CHECK_INT(shape->fields[3].shape.id, 4);
    CHECK_INT(shape->fields[1].shape.element_id, 5);
    CHECK_INT(shape->fields[1].shape.element->fields[0].shape.id, 6);
    CHECK_INT(shape->fields[2].shape.element_id, 8); // the key is 7
    CHECK_TEXT(
        shape_note(&shape->fields[3].shape, ICEBERG_NOTE_TYPE),
        "{\"type\":\"map\",\"key-id\":9,\"key\":\"int\",\"value-id\":10,\"value\":\"int\",\"value-required\":true}");
    CHECK_INT(schema.identifier_ids[0], 1);
    CHECK_INT(spec.fields[0].source_id, 6);
    CHECK_INT(spec.fields[0].field_id, 1000);
    CHECK_INT(order.fields[0].source_id, 1);
    CHECK_INT(shape_highest_id(shape), 10);
    field.source_id = 99;
    spec.fields = &field;
    CHECK_FAILS(table_number(arena, &schema, &spec, &order, err), ERR_VALUE);
    arena_release(arena);
}

TEST(iceberg_types_are_promoted_where_the_specification_allows) {
    const Shape i = {.kind = SHAPE_INT32}, l = {.kind = SHAPE_INT64}, f = {.kind = SHAPE_FLOAT32},
                d = {.kind = SHAPE_FLOAT64}, date = {.kind = SHAPE_DATE}, ts = {.kind = SHAPE_TIMESTAMP},
                tz = {.kind = SHAPE_TIMESTAMPTZ}, small = {.kind = SHAPE_DECIMAL, .precision = 5, .scale = 2},
                big = {.kind = SHAPE_DECIMAL, .precision = 9, .scale = 2},
                other = {.kind = SHAPE_DECIMAL, .precision = 9, .scale = 3};
    CHECK(iceberg_promotes(&i, &l, 2) && !iceberg_promotes(&l, &i, 3) && iceberg_promotes(&l, &l, 2));
    CHECK(iceberg_promotes(&f, &d, 2) && !iceberg_promotes(&d, &f, 2) && !iceberg_promotes(&i, &d, 3));
    CHECK(iceberg_promotes(&date, &ts, 3) && !iceberg_promotes(&date, &ts, 2) && !iceberg_promotes(&date, &tz, 3));
    CHECK(iceberg_promotes(&small, &big, 2) && !iceberg_promotes(&big, &small, 2));
    CHECK(!iceberg_promotes(&small, &other, 2));
}
