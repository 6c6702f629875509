// SPDX-License-Identifier: Apache-2.0
// What a real server's values become is in tests/integration/test_envelope.py; here is what it does not hold.
#include "data/connect/column.c"

#include "core/base/test.h"
#include "data/connect/json_converter.h"

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define KIND(kind_)         ((Type){.kind = (kind_)})
#define NAMED(kind_, name_) ((Type){.kind = (kind_), .source_name = NAME(name_)})

static Arena arena[1];

static Value string(const char *text) {
    return value_bytes(VALUE_STRING, slice_of(text));
}
static Value integer(ValueKind kind, int64_t v) {
    return (Value){.kind = (uint8_t)kind, .integer = v};
}
static Value decimal(const char *text) {
    Slice bytes;
    ASSERT(decimal_from_text(arena, slice_of(text), &bytes));
    return value_bytes(VALUE_DECIMAL, bytes);
}

static void check(Type type, Value value, uint64_t lost, const char *want) {
    Err err[1] = {{0}};
    ConnectColumn column;
    CHECK(connect_column(arena, &COLUMN_DEFAULTS, &type, true, &column));
    Value made;
    uint64_t inexact = 0;
    CHECK_OK(connect_value(&column, arena, &value, &inexact, &made, err));
    CHECK_INT(inexact, lost);
    Buf json;
    buf_init(&json, 0);
    json_converter_value(&json, &column.shape, &made);
    CHECK_TEXT(buf_slice(&json), want);
    buf_release(&json);
}

static void check_refused(Type type, Value value) {
    Err err[1] = {{0}};
    ConnectColumn column;
    CHECK(connect_column(arena, &COLUMN_DEFAULTS, &type, true, &column));
    Value made;
    uint64_t inexact = 0;
    CHECK_FAILS(connect_value(&column, arena, &value, &inexact, &made, err), ERR_VALUE);
}

static Type numeric(int32_t precision, int32_t scale) {
    return (Type){.kind = TYPE_DECIMAL, .precision = precision, .scale = scale};
}

TEST(connect_numbers_and_times_at_their_edges) {
    arena_init(arena, "scratch", 0);
    check(numeric(0, 0), decimal("NaN"), 1, "null");
    check(numeric(0, 0), decimal("1.500"), 0, "{\"scale\":1,\"value\":\"Dw==\"}");
    check(numeric(5, 2), decimal("-Infinity"), 1, "null");
    check(numeric(5, 2), decimal("1000"), 1, "null");
    check(numeric(3, -2), decimal("100"), 0, "\"ZA==\"");
    check(numeric(3, 5), decimal("0.00001"), 0, "\"AQ==\"");
    check(numeric(40, 0), decimal("10000000000000000000000000000000000000000"), 0, "\"HWMp8cNcpL+rufVhAAAAAAA=\"");
    check(KIND(TYPE_DATE), integer(VALUE_DATE, INT32_MAX), 1, "null");
    check(KIND(TYPE_DATE), integer(VALUE_DATE, CALENDAR_DAY_MIN), 0, "-2440588");
    Type ms = {.kind = TYPE_TIMESTAMP, .precision = 3}, us = {.kind = TYPE_TIMESTAMP, .precision = 6};
    check(ms, integer(VALUE_TIMESTAMP, INT64_MAX), 0, "9223372036825200000");
    check(us, integer(VALUE_TIMESTAMP, INT64_MIN), 0, "-9223372036832400000");
    check(us, integer(VALUE_TIMESTAMP, CALENDAR_TIMESTAMP_END - 1), 1, "null");
    check(ms, integer(VALUE_TIMESTAMP, CALENDAR_TIMESTAMP_END - 1), 0, "9224318015999999");
    check(ms, integer(VALUE_TIMESTAMP, -1), 0, "946684799999");
    Type zoned = {.kind = TYPE_TIMESTAMPTZ, .precision = 0};
    check(zoned, integer(VALUE_TIMESTAMPTZ, INT64_MAX), 0, "\"infinity\"");
    check(zoned, integer(VALUE_TIMESTAMPTZ, CALENDAR_TIMESTAMP_MIN), 0, "\"-4713-11-24T00:00:00Z\"");
    check(zoned, integer(VALUE_TIMESTAMPTZ, CALENDAR_TIMESTAMP_END - 1), 0, "\"+294276-12-31T23:59:59Z\"");
    Value half = {.kind = VALUE_TIMETZ, .aux = -3600, .integer = 500000};
    check(KIND(TYPE_TIMETZ), half, 0, "\"01:00:00.5Z\"");
    Value month = {.kind = VALUE_INTERVAL, .interval = {1, -1, 1}};
    check(KIND(TYPE_INTERVAL), month, 0, "2543400000001");
    check_refused(us, integer(VALUE_TIMESTAMP, INT64_MAX - 1));
    check_refused(zoned, integer(VALUE_TIMESTAMPTZ, INT64_MIN + 1));
    check_refused(KIND(TYPE_DATE), integer(VALUE_DATE, INT64_MAX));
    check_refused(KIND(TYPE_TIME), integer(VALUE_TIME, -1));
    check_refused(KIND(TYPE_INT16), value_int(INT64_MAX));
    check_refused(KIND(TYPE_TIMETZ), (Value){.kind = VALUE_TIMETZ, .aux = INT32_MIN});
    check_refused(numeric(5, 2), value_bytes(VALUE_DECIMAL, SLICE("\0\1")));
    arena_release(arena);
}

TEST(connect_nested_values) {
    arena_init(arena, "scratch", 0);
    static const Slice LABELS[] = {NAME("a"), NAME("b,c")};
    Type label = {.kind = TYPE_ENUM, .labels = LABELS, .label_count = 2};
    Type labels = {.kind = TYPE_LIST, .element = &label};
    Value some[] = {string("a"), {.kind = VALUE_NULL}};
    check(labels, (Value){.kind = VALUE_LIST, .items = {some, 1}}, 0, "[\"a\"]");
    check(labels, (Value){.kind = VALUE_LIST, .items = {some, 2}}, 1, "null");
    Type stamp = {.kind = TYPE_TIMESTAMPTZ, .precision = 6}, span = {.kind = TYPE_RANGE, .element = &stamp};
    Value bounds[] = {integer(VALUE_TIMESTAMPTZ, CALENDAR_TIMESTAMP_MIN), integer(VALUE_TIMESTAMPTZ, INT64_MAX)};
    check(span, (Value){.kind = VALUE_RANGE, .aux = RANGE_LOWER_INCLUSIVE, .items = {bounds, 2}}, 0,
          "\"[\\\"4714-11-24 00:00:00+00 BC\\\",infinity)\"");
    Value bits = {.kind = VALUE_BITS, .aux = 9, .bytes = SLICE("\x80\x80")};
    check(KIND(TYPE_BITS), bits, 0, "\"AQE=\"");
    bits.aux = 17;
    check_refused(KIND(TYPE_BITS), bits);
    check(NAMED(TYPE_STRING, "public.vector"), string("[1,-2.5]"), 0, "[1.0,-2.5]");
    check_refused(NAMED(TYPE_STRING, "vector"), string("[1,x]"));
    check(NAMED(TYPE_STRING, "geometry"), string("0101000020E6100000000000000000F03F0000000000000040"), 0,
          "{\"wkb\":\"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==\",\"srid\":4326,\"extensions\":null}");
    check_refused(NAMED(TYPE_STRING, "geometry"), string("0101000020E610"));
    check_refused(NAMED(TYPE_STRING, "geometry"), string("01010000zz"));
    check_refused(NAMED(TYPE_STRING, "point"), string("(1,2,3)"));
    check_refused(NAMED(TYPE_STRING, "polygon"), string("((1,2),3)"));
    check_refused(NAMED(TYPE_STRING, "circle"), string(""));
    arena_release(arena);
}

TEST(connect_unchanged_values_have_their_stand_ins) {
    arena_init(arena, "scratch", 0);
    Value unchanged = {.kind = VALUE_UNCHANGED};
    static const Type int16 = {.kind = TYPE_INT16}, uuid = {.kind = TYPE_UUID};
    const Type text = NAMED(TYPE_STRING, "text");
    check(text, unchanged, 0, "\"__debezium_unavailable_value\"");
    check(KIND(TYPE_JSON), unchanged, 0, "\"__debezium_unavailable_value\"");
    check(KIND(TYPE_BYTES), unchanged, 0, "\"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==\"");
    check(KIND(TYPE_MAP), unchanged, 0,
          "\"{\\\"__debezium_unavailable_value\\\":\\\"__debezium_unavailable_value\\\"}\"");
    check((Type){.kind = TYPE_LIST, .element = &text}, unchanged, 0, "[\"__debezium_unavailable_value\"]");
    check((Type){.kind = TYPE_LIST, .element = &uuid}, unchanged, 0, "[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]");
    check((Type){.kind = TYPE_LIST, .element = &int16}, unchanged, 0,
          "[95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101]");
    check(numeric(0, 0), unchanged, 0, "null");
    arena_release(arena);
}

TEST(connect_leaves_out_what_debezium_does_not_know) {
    arena_init(arena, "scratch", 0);
    const Type name_type = NAMED(TYPE_STRING, "name"), money = NAMED(TYPE_DECIMAL, "money");
    const Type interval = {.kind = TYPE_INTERVAL}, list = {.kind = TYPE_LIST, .element = &name_type};
    const Type out[] = {
        NAMED(TYPE_STRING, "tsquery"),
        NAMED(TYPE_STRING, "pg_lsn"),
        NAMED(TYPE_UINT32, "xid"),
        KIND(TYPE_UINT64),
        KIND(TYPE_STRUCT),
        KIND(TYPE_MULTIRANGE),
        KIND(TYPE_LIST),
        KIND(TYPE_RANGE),
        KIND(TYPE_KIND_COUNT),
        {.kind = TYPE_LIST, .element = &name_type},
        {.kind = TYPE_LIST, .element = &money},
        {.kind = TYPE_LIST, .element = &interval},
        {.kind = TYPE_LIST, .element = &list},
    };
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        ConnectColumn column;
        CHECK(!connect_column(arena, &COLUMN_DEFAULTS, &out[i], true, &column));
    }
    arena_release(arena);
}
