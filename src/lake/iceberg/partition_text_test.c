// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/partition_text.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

// SLICE is no constant.
#define BYTES(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const ShapeField NESTED[] = {{.name = BYTES("b"), .shape = {.kind = SHAPE_INT64, .id = 21}}};
static const ShapeField COLUMNS[] = {
    {.name = BYTES("id"), .shape = {.kind = SHAPE_INT64, .id = 1}},
    {.name = BYTES("created_at"), .shape = {.kind = SHAPE_TIMESTAMPTZ, .id = 2}},
    {.name = BYTES("country"), .shape = {.kind = SHAPE_STRING, .id = 3}},
    {.name = BYTES("a, \"b\" (c)"), .shape = {.kind = SHAPE_STRING, .id = 4}},
    {.name = BYTES("a"), .shape = {.kind = SHAPE_STRUCT, .id = 5, .fields = NESTED, .field_count = 1}},
    {.name = BYTES("day"), .shape = {.kind = SHAPE_DATE, .id = 6}},
    {.name = BYTES("day_day"), .shape = {.kind = SHAPE_DATE, .id = 7}},
    {.name = BYTES("at"), .shape = {.kind = SHAPE_TIME, .id = 8}},
    {.name = BYTES("raw"), .shape = {.kind = SHAPE_BYTES, .id = 9}},
    {.name = BYTES("price"), .shape = {.kind = SHAPE_DECIMAL, .precision = 9, .scale = 2, .id = 10}},
    {.name = BYTES("uuid"), .shape = {.kind = SHAPE_UUID, .id = 11}},
    {.name = BYTES("flag"), .shape = {.kind = SHAPE_BOOL, .id = 12}},
    {.name = BYTES("local"), .shape = {.kind = SHAPE_TIMESTAMP, .id = 13}},
};
static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = COLUMNS, .field_count = ARRAY_LEN(COLUMNS)};
static const TableSchema SCHEMA = {.shape = &SHAPE};

static void spec_is(const char *text, const char *wanted) {
    arena_init(arena, "test", 0);
    int32_t last = 999;
    PartitionSpec spec;
    CHECK_OK(partition_spec_of_text(text, &SCHEMA, &last, arena, &spec, err));
    Buf out;
    buf_init(&out, 0);
    partition_fields_write(&spec, &out);
    CHECK_TEXT(buf_slice(&out), wanted);
    CHECK_INT(last, 999 + (int64_t)spec.field_count);
    buf_release(&out);
    arena_release(arena);
}

TEST(partition_spec_is_read_of_text) {
    spec_is("", "[]");
    spec_is(" country ", "[{\"name\":\"country\",\"transform\":\"identity\",\"source-id\":3,\"field-id\":1000}]");
    spec_is("day(created_at), bucket(16, id), country",
            "[{\"name\":\"created_at_day\",\"transform\":\"day\",\"source-id\":2,\"field-id\":1000},"
            "{\"name\":\"id_bucket\",\"transform\":\"bucket[16]\",\"source-id\":1,\"field-id\":1001},"
            "{\"name\":\"country\",\"transform\":\"identity\",\"source-id\":3,\"field-id\":1002}]");
    spec_is("DAYS(created_at),truncate( country , 4)",
            "[{\"name\":\"created_at_day\",\"transform\":\"day\",\"source-id\":2,\"field-id\":1000},"
            "{\"name\":\"country_trunc\",\"transform\":\"truncate[4]\",\"source-id\":3,\"field-id\":1001}]");
    spec_is("\"a, \"\"b\"\" (c)\",a.b,void(id)",
            "[{\"name\":\"a, \\\"b\\\" (c)\",\"transform\":\"identity\",\"source-id\":4,\"field-id\":1000},"
            "{\"name\":\"a.b\",\"transform\":\"identity\",\"source-id\":21,\"field-id\":1001},"
            "{\"name\":\"id_null\",\"transform\":\"void\",\"source-id\":1,\"field-id\":1002}]");
    spec_is("month(\"day\")", "[{\"name\":\"day_month\",\"transform\":\"month\",\"source-id\":6,\"field-id\":1000}]");
}

static void spec_fails(const char *text, const char *what) {
    arena_init(arena, "test", 0);
    int32_t last = 999;
    PartitionSpec spec;
    if (partition_spec_of_text(text, &SCHEMA, &last, arena, &spec, err) || err->code != ERR_OPTION ||
        strstr(err->message, what) == NULL || err->hint[0] == '\0') {
        test_fail(__FILE__, __LINE__, "%s: '%s', not '%s'", text, err->message, what);
    }
    err_clear(err);
    arena_release(arena);
}

TEST(partition_spec_of_text_says_which_part_is_wrong) {
    spec_fails("id, nobody", "partition 'nobody': the table has no column nobody");
    spec_fails("week(created_at)", "partition 'week(created_at)': there is no transform week");
    spec_fails("day(country)", "does not take a column of type string");
    spec_fails("bucket(id)", "bucket takes a number and a column");
    spec_fails("bucket(0, id)", "0 is no number from 1");
    spec_fails("bucket(99999999999999999999, id)", "is no number from 1");
    spec_fails("bucket(4, 5)", "has no column 5");
    spec_fails("bucket(4, id", "')' is missing");
    spec_fails("day()", "a column is missing");
    spec_fails("day(created_at", "')' is missing");
    spec_fails("id,", "nothing stands behind the comma");
    spec_fails(",id", "a column is missing");
    spec_fails("id country", "'country' makes no sense there");
    spec_fails("\"id", "a quote is not closed");
    spec_fails("day(created_at), hour(created_at)",
               "partition 'hour(created_at)': it says no more than created_at_day");
    spec_fails("id, id", "comes twice");
    spec_fails("day(\"day\")", "there is a column day_day");
    spec_fails("a", "does not take a column of type struct");
}

static void path_is(const char *text, const Value *values, const char *wanted) {
    int32_t last = 999;
    PartitionSpec spec;
    CHECK_OK(partition_spec_of_text(text, &SCHEMA, &last, arena, &spec, err));
    Buf out;
    buf_init(&out, 0);
    CHECK_OK(partition_path(&SCHEMA, &spec, values, &out, err));
    CHECK_TEXT(buf_slice(&out), wanted);
    buf_release(&out);
}

TEST(partition_path_is_what_java_makes_of_it) {
    arena_init(arena, "test", 0);
    path_is("", NULL, "");
    const Value two[] = {{.kind = VALUE_DATE, .integer = 6529}, value_bytes(VALUE_STRING, SLICE("C H/\xc3\xa4+~*"))};
    path_is("day(created_at), country", two, "created_at_day=2017-11-16/country=C+H%2F%C3%A4%2B%7E*");
    const Value nulls[] = {{.kind = VALUE_NULL}, value_int(3)};
    path_is("\"a, \"\"b\"\" (c)\", bucket(4, id)", nulls, "a%2C+%22b%22+%28c%29=null/id_bucket=3");
    const Value months[] = {value_int(-1)};
    path_is("month(created_at)", months, "created_at_month=1969-12");
    path_is("year(created_at)", months, "created_at_year=1969");
    path_is("hour(created_at)", months, "created_at_hour=1969-12-31-23");
    const Value times[] = {{.kind = VALUE_TIME, .integer = INT64_C(36900000000)}};
    path_is("at", times, "at=10%3A15");
    const Value millis[] = {{.kind = VALUE_TIME, .integer = INT64_C(36900120000)}};
    path_is("at", millis, "at=10%3A15%3A00.120");
    const Value stamps[] = {{.kind = VALUE_TIMESTAMPTZ, .integer = INT64_C(564186668120000)}};
    path_is("created_at", stamps, "created_at=2017-11-16T22%3A31%3A08.12%2B00%3A00");
    const Value locals[] = {{.kind = VALUE_TIMESTAMP, .integer = INT64_C(564186668000001)}};
    path_is("local", locals, "local=2017-11-16T22%3A31%3A08.000001");
    const Value bytes[] = {value_bytes(VALUE_BYTES, SLICE("\x01\xff"))};
    path_is("raw", bytes, "raw=Af8%3D");
    const Value price[] = {value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, -1420, 2))};
    path_is("price", price, "price=-14.20");
    const Value uuid[] = {value_bytes(VALUE_UUID, SLICE("\xf7\x9c>\tg|K\xbd\xa4y?4\x9c\xb7\x85\xe7"))};
    path_is("uuid", uuid, "uuid=f79c3e09-677c-4bbd-a479-3f349cb785e7");
    const Value flag[] = {value_bool(true)};
    path_is("flag", flag, "flag=true");
    arena_release(arena);
}
