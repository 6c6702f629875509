// SPDX-License-Identifier: Apache-2.0
#include "data/format/json_lines.c"

#include "core/base/decimal.h"
#include "core/base/test.h"

// Its json_string, which is not used here, has the name of ours.
#define json_string jansson_string
#include <jansson.h>
#undef json_string

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define META "\"__commit_lsn\":7,\"__ordinal\":2,\"__source_ts_ms\":-1,\"__deleted\":"

static const JsonOptions PLAIN = {0};
static const JsonOptions OTHER = {JSON_DECIMALS_NUMBER, JSON_DOCUMENTS_EMBEDDED};

static Value string(const char *text) {
    return value_bytes(VALUE_STRING, slice_of(text));
}

static Value decimal(Arena *arena, const char *text) {
    Slice bytes;
    ASSERT(decimal_from_text(arena, slice_of(text), &bytes));
    return value_bytes(VALUE_DECIMAL, bytes);
}

static Value items(ValueKind kind, const Value *at, size_t count) {
    return (Value){.kind = (uint8_t)kind, .items = {at, count}};
}

static void check_value(const JsonOptions *options, Type type, Value value, const char *want) {
    Buf buf;
    buf_init(&buf, 0);
    write_value(&buf, options, &type, &value);
    CHECK_TEXT(buf_slice(&buf), want);
    size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL;
    json_t *parsed = json_loadb((const char *)buf.data, buf.size, flags, NULL);
    CHECK(parsed != NULL);
    json_decref(parsed);
    buf_release(&buf);
}

#define KIND(kind_) ((Type){.kind = (kind_)})

TEST(json_values_have_one_form_each) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    const JsonOptions *p = &PLAIN, *o = &OTHER;
    check_value(p, KIND(TYPE_BOOL), value_bool(true), "true");
    check_value(p, KIND(TYPE_INT64), value_int(INT64_MIN), "-9223372036854775808");
    check_value(p, KIND(TYPE_UINT64), (Value){.kind = VALUE_UINT64, .integer = -1}, "18446744073709551615");
    check_value(p, KIND(TYPE_FLOAT64), (Value){.kind = VALUE_FLOAT64, .real = 0.1}, "0.1");
    check_value(p, KIND(TYPE_FLOAT64), (Value){.kind = VALUE_FLOAT64, .real = 1e300}, "1e+300");
    check_value(p, KIND(TYPE_FLOAT64), (Value){.kind = VALUE_FLOAT64, .real = -0.0}, "-0");
    check_value(p, KIND(TYPE_FLOAT32), (Value){.kind = VALUE_FLOAT32, .real = (double)0.1F}, "0.1");
    check_value(p, KIND(TYPE_FLOAT64), (Value){.kind = VALUE_FLOAT64, .real = NAN}, "\"NaN\"");
    check_value(o, KIND(TYPE_FLOAT32), (Value){.kind = VALUE_FLOAT32, .real = -INFINITY}, "\"-Infinity\"");
    check_value(p, KIND(TYPE_DECIMAL), decimal(&arena, "-12.340"), "\"-12.340\"");
    check_value(o, KIND(TYPE_DECIMAL), decimal(&arena, "-12.340"), "-12.340");
    check_value(o, KIND(TYPE_DECIMAL), decimal(&arena, "0"), "0");
    check_value(o, KIND(TYPE_DECIMAL), decimal(&arena, "NaN"), "\"NaN\"");
    check_value(o, KIND(TYPE_DECIMAL), decimal(&arena, "-Infinity"), "\"-Infinity\"");
    check_value(p, KIND(TYPE_BYTES), value_bytes(VALUE_BYTES, SLICE("")), "\"\"");
    check_value(p, KIND(TYPE_BYTES), value_bytes(VALUE_BYTES, SLICE("f")), "\"Zg==\"");
    check_value(p, KIND(TYPE_BYTES), value_bytes(VALUE_BYTES, SLICE("fo")), "\"Zm8=\"");
    check_value(p, KIND(TYPE_BYTES), value_bytes(VALUE_BYTES, SLICE("foo\xff\xfe\xfd")), "\"Zm9v//79\"");
    check_value(p, KIND(TYPE_DATE), (Value){.kind = VALUE_DATE, .integer = 0}, "\"2000-01-01\"");
    check_value(p, KIND(TYPE_TIMESTAMPTZ), (Value){.kind = VALUE_TIMESTAMPTZ, .integer = 1500000},
                "\"2000-01-01T00:00:01.5Z\"");
    check_value(p, KIND(TYPE_TIMESTAMP), (Value){.kind = VALUE_TIMESTAMP, .integer = INT64_MAX}, "\"infinity\"");
    check_value(p, KIND(TYPE_BITS), (Value){.kind = VALUE_BITS, .aux = 3, .bytes = SLICE("\xa0")}, "\"101\"");
    check_value(p, KIND(TYPE_JSON), string("{\"a\":\n1}"), "\"{\\\"a\\\":\\n1}\"");
    check_value(o, KIND(TYPE_JSON), string("{\"a\":\n\t1}\r\n"), "{\"a\":  1}  ");
    check_value(o, KIND(TYPE_JSON), string("{\"a\":1"), "\"{\\\"a\\\":1\"");
    check_value(o, KIND(TYPE_STRING), string("null"), "\"null\"");
    check_value(p, KIND(TYPE_ENUM), string("happy"), "\"happy\"");
    arena_release(&arena);
}

TEST(json_nested_values_are_arrays_and_objects) {
    Type text = {.kind = TYPE_STRING}, number = {.kind = TYPE_INT32};
    Field fields[] = {{NAME("a\"b"), {.kind = TYPE_INT32}}, {NAME("t"), {.kind = TYPE_STRING}}};
    Type list = {.kind = TYPE_LIST, .element = &number};
    Type record = {.kind = TYPE_STRUCT, .fields = fields, .field_count = 2};
    Type map = {.kind = TYPE_MAP, .element = &text}, hstore = {.kind = TYPE_MAP};
    Type range = {.kind = TYPE_RANGE, .element = &text};
    Value numbers[] = {value_int(1), {.kind = VALUE_NULL}, value_int(3)};
    Value lists[] = {items(VALUE_LIST, numbers, 3), items(VALUE_LIST, numbers, 1)};
    Value record_items[] = {value_int(5), string("x\ny")};
    Value pairs[] = {string("k\t"), string("v"), string("n"), {.kind = VALUE_NULL}};
    Value bounds[] = {string("a\nb"), string("c")};
    check_value(&PLAIN, list, items(VALUE_LIST, numbers, 0), "[]");
    check_value(&PLAIN, list, items(VALUE_LIST, numbers, 3), "[1,null,3]");
    check_value(&PLAIN, list, items(VALUE_LIST, lists, 2), "[[1,null,3],[1]]");
    check_value(&PLAIN, record, items(VALUE_STRUCT, record_items, 2), "{\"a\\\"b\":5,\"t\":\"x\\ny\"}");
    check_value(&PLAIN, map, items(VALUE_MAP, pairs, 4), "{\"k\\t\":\"v\",\"n\":null}");
    check_value(&PLAIN, hstore, items(VALUE_MAP, pairs, 4), "{\"k\\t\":\"v\",\"n\":null}");
    Value span = items(VALUE_RANGE, bounds, 2);
    span.aux = RANGE_LOWER_INCLUSIVE;
    Buf buf;
    buf_init(&buf, 0);
    write_value(&buf, &PLAIN, &range, &span);
    CHECK(memchr(buf.data, '\n', buf.size) == NULL); // a bound's line break is escaped
    buf_release(&buf);
}

static const Column COLUMNS[] = {
    {.name = NAME("id"), .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY},
    {.name = NAME("a\"\n"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("__op"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("___op"), .type = {.kind = TYPE_STRING}},
};

static void check_line(uint32_t columns, Event event, const char *want) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Schema schema = {1, NAME("public"), NAME("t"), {0}, IDENTITY_KEY, COLUMNS, columns};
    JsonLines *lines = json_lines_new(&arena, &schema, &PLAIN);
    event.column_count = columns;
    event.commit_lsn = 7;
    event.ordinal = 2;
    event.source_us = -1;
    Buf buf;
    buf_init(&buf, 0);
    json_lines_write(lines, &buf, &event);
    CHECK_TEXT(buf_slice(&buf), want);
    json_t *parsed = json_loadb((const char *)buf.data, buf.size, JSON_REJECT_DUPLICATES, NULL);
    CHECK(parsed != NULL);
    json_decref(parsed);
    buf_release(&buf);
    arena_release(&arena);
}

TEST(json_lines_carry_the_row_and_what_happened_to_it) {
    Value row[] = {value_int(1), string("x"), {.kind = VALUE_UNCHANGED}, {.kind = VALUE_UNCHANGED}};
    Value key[] = {value_int(9), {.kind = VALUE_NULL}, {.kind = VALUE_NULL}, {.kind = VALUE_NULL}};
    // A column named like one of ours gets underscores until its name is free.
    check_line(4, (Event){.op = OP_UPDATE, .after = row, .before = key},
               "{\"id\":1,\"a\\\"\\n\":\"x\",\"____op\":null,\"___op\":null,\"__op\":\"u\"," META
               "false,\"__unchanged\":[\"____op\",\"___op\"]}\n");
    check_line(2, (Event){.op = OP_DELETE, .before = key},
               "{\"id\":9,\"a\\\"\\n\":null,\"__op\":\"d\"," META "true,\"__unchanged\":[]}\n");
    check_line(2, (Event){.op = OP_TRUNCATE},
               "{\"id\":null,\"a\\\"\\n\":null,\"__op\":\"t\"," META "false,\"__unchanged\":[]}\n");
    check_line(2, (Event){.op = OP_CREATE, .flags = EVENT_KEY_CHANGE, .after = row, .before = key},
               "{\"id\":1,\"a\\\"\\n\":\"x\",\"__op\":\"c\"," META
               "false,\"__unchanged\":[],\"__key_before\":{\"id\":9}}\n");
    check_line(0, (Event){.op = OP_READ, .after = row}, "{\"__op\":\"r\"," META "false,\"__unchanged\":[]}\n");
}

TEST(json_lines_stay_one_valid_line_whatever_the_text) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Schema schema = {1, NAME("public"), NAME("t"), {0}, IDENTITY_KEY, COLUMNS, 2};
    JsonLines *lines = json_lines_new(&arena, &schema, &PLAIN);
    uint32_t random = 1;
    for (int round = 0; round < 3000; round++) {
        size_t size = round == 0 ? 3000000 : (size_t)round % 67;
        uint8_t *text = arena_alloc(&arena, size);
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525 + 1013904223;
            static const char NASTY[] = "\"\\\n\r\t\b\x01\x7f\xe2\x80\xa8\xf0\x9f\x98\x80\xc0\xed\xa0\xff/<";
            text[i] =
                (random >> 30) != 0 ? (uint8_t)NASTY[(random >> 16) % (sizeof(NASTY) - 1)] : (uint8_t)(random >> 8);
        }
        Value row[] = {value_int(round), value_bytes(VALUE_STRING, (Slice){text, size})};
        Event event = {.op = OP_CREATE, .column_count = 2, .after = row};
        Buf buf;
        buf_init(&buf, 0);
        json_lines_write(lines, &buf, &event);
        CHECK(memchr(buf.data, '\n', buf.size) == buf.data + buf.size - 1);
        json_t *parsed = json_loadb((const char *)buf.data, buf.size, JSON_ALLOW_NUL, NULL);
        CHECK(parsed != NULL);
        json_t *back = json_object_get(parsed, "a\"\n");
        if (json_utf8_valid((Slice){text, size})) {
            CHECK_INT(json_string_length(back), size);
            CHECK(memcmp(json_string_value(back), text, size) == 0);
        }
        json_decref(parsed);
        buf_release(&buf);
    }
    arena_release(&arena);
}
