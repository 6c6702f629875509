// SPDX-License-Identifier: Apache-2.0
#include "data/connect/envelope.c"

#include "core/base/decimal.h"
#include "core/base/test.h"
#include "data/connect/debezium.h"
#include "data/connect/json_converter.h"

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Type INT32_TYPE = {.kind = TYPE_INT32};

static const Column COLUMNS[] = {
    {.name = NAME("b"), .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY, .key_ordinal = 2},
    {.name = NAME("a"),
     .type = {.kind = TYPE_STRING, .source_name = NAME("text")},
     .flags = COLUMN_KEY | COLUMN_PRIMARY,
     .key_ordinal = 1},
    {.name = NAME("u"), .type = {.kind = TYPE_TIMESTAMPTZ, .precision = 3}, .flags = COLUMN_NOT_NULL},
    {.name = NAME("left_out"), .type = {.kind = TYPE_MULTIRANGE, .element = &INT32_TYPE}},
    {.name = NAME("n"), .type = {.kind = TYPE_DECIMAL, .precision = 5, .scale = 2}},
};
enum { COUNT = ARRAY_LEN(COLUMNS) };

static Arena arena[1];

static RecordPlan *compile(Identity identity, const Column *columns) {
    Err err[1] = {{0}};
    Schema schema = {1, NAME("public"), NAME("t"), {0}, identity, columns, COUNT};
    EnvelopeOptions options = {.connector = SLICE("shop"), .database = SLICE("db")};
    RecordPlan *plan;
    CHECK_OK(DEBEZIUM_ENVELOPE.compile(arena, &schema, &options, &plan, err));
    return plan;
}

// Key, before, after and op, as JSON.
static void check(RecordPlan *plan, Event event, const char *want) {
    Err err[1] = {{0}};
    Record record = {0};
    event.column_count = COUNT;
    CHECK_OK(DEBEZIUM_ENVELOPE.make(plan, arena, &event, &record, err));
    Buf json;
    buf_init(&json, 0);
    if (record.skipped) {
        buf_text(&json, "skipped");
    } else {
        json_converter_fields(&json, plan->key, record.key);
        for (int i = TOP_BEFORE; i <= TOP_AFTER; i++) {
            buf_u8(&json, ' ');
            json_converter_value(&json, &plan->value->fields[i].shape, &record.value[i]);
        }
        buf_u8(&json, ' ');
        buf_put(&json, record.value[TOP_OP].bytes);
    }
    CHECK_TEXT(buf_slice(&json), want);
    buf_release(&json);
}

static Value text(const char *literal) {
    return value_bytes(VALUE_STRING, slice_of(literal));
}

TEST(debezium_rows_keys_and_operations) {
    arena_init(arena, "scratch", 0);
    RecordPlan *plan = compile(IDENTITY_KEY, COLUMNS);
    Slice cents = decimal_from_int64(arena, 1234, 2);
    Value row[COUNT] = {
        value_int(1), text("x"), {.kind = VALUE_TIMESTAMPTZ}, {.kind = VALUE_NULL}, value_bytes(VALUE_DECIMAL, cents)};
    Value key[COUNT] = {value_int(9), text("y")};
    check(plan, (Event){.op = OP_READ, .after = row},
          "{\"a\":\"x\",\"b\":1} null {\"b\":1,\"a\":\"x\",\"u\":\"2000-01-01T00:00:00.000Z\",\"n\":\"BNI=\"} r");
    // NOT NULL columns that the source did not send.
    check(plan, (Event){.op = OP_DELETE, .before = key},
          "{\"a\":\"y\",\"b\":9} {\"b\":9,\"a\":\"y\",\"u\":\"1970-01-01T00:00:00.000Z\",\"n\":null} null d");
    check(plan, (Event){.op = OP_CREATE, .flags = EVENT_KEY_CHANGE, .before = key, .after = row},
          "{\"a\":\"x\",\"b\":1} null {\"b\":1,\"a\":\"x\",\"u\":\"2000-01-01T00:00:00.000Z\",\"n\":\"BNI=\"} c");
    check(plan, (Event){.op = OP_TRUNCATE}, "null null null t");
    row[1].kind = VALUE_UNCHANGED;
    row[4] = value_bytes(VALUE_DECIMAL, SLICE("\0\0\0\0\xc0\0\0\0"));
    check(plan, (Event){.op = OP_UPDATE, .after = row},
          "{\"a\":\"__debezium_unavailable_value\",\"b\":1} null {\"b\":1,\"a\":\"__debezium_unavailable_value\","
          "\"u\":\"2000-01-01T00:00:00.000Z\",\"n\":null} u");
    CHECK_INT(plan->inexact, 1); // NaN
    arena_release(arena);
}

TEST(debezium_a_table_without_a_key_has_updates) {
    arena_init(arena, "scratch", 0);
    Column columns[COUNT];
    memcpy(columns, COLUMNS, sizeof(COLUMNS));
    for (size_t i = 0; i < COUNT; i++) {
        columns[i].flags = COLUMN_KEY;
    }
    RecordPlan *plan = compile(IDENTITY_FULL, columns);
    CHECK(plan->key == NULL);
    Value old[COUNT] = {value_int(1)}, new[COUNT] = {value_int(2)};
    check(plan, (Event){.op = OP_DELETE, .flags = EVENT_KEY_CHANGE, .before = old}, "skipped");
    check(plan, (Event){.op = OP_CREATE, .flags = EVENT_KEY_CHANGE, .before = old, .after = new},
          "null {\"b\":1,\"a\":null,\"u\":null,\"n\":null} {\"b\":2,\"a\":null,\"u\":null,\"n\":null} u");
    check(plan, (Event){.op = OP_DELETE, .before = old}, "null {\"b\":1,\"a\":null,\"u\":null,\"n\":null} null d");
    arena_release(arena);
}

TEST(debezium_source_and_times) {
    arena_init(arena, "scratch", 0);
    Err err[1] = {{0}};
    RecordPlan *plan = compile(IDENTITY_KEY, COLUMNS);
    Value row[COUNT] = {value_int(1), text("x")};
    Event event = {.op = OP_CREATE,
                   .column_count = COUNT,
                   .commit_lsn = 90,
                   .lsn = 80,
                   .transaction_id = 7,
                   .source_us = 1700000000123456,
                   .capture_us = -1,
                   .after = row};
    Record record = {0};
    CHECK_OK(DEBEZIUM_ENVELOPE.make(plan, arena, &event, &record, err));
    Buf json;
    buf_init(&json, 0);
    for (int i = TOP_SOURCE; i < TOP_COUNT; i++) {
        json_converter_value(&json, &plan->value->fields[i].shape, &record.value[i]);
        buf_u8(&json, ' ');
    }
    CHECK_TEXT(
        buf_slice(&json),
        "{\"version\":\"3.7.0.Final\",\"connector\":\"postgresql\",\"name\":\"shop\",\"ts_ms\":1700000000123,"
        "\"snapshot\":\"false\",\"db\":\"db\",\"sequence\":\"[\\\"90\\\",\\\"80\\\"]\",\"ts_us\":1700000000123456,"
        "\"ts_ns\":1700000000123456000,\"schema\":\"public\",\"table\":\"t\",\"txId\":7,\"lsn\":80,\"xmin\":null,"
        "\"origin\":null,\"origin_lsn\":null} null \"c\" -1 -1 -1000 ");
    buf_release(&json);
    row[0] = text("1");
    CHECK(!DEBEZIUM_ENVELOPE.make(plan, arena, &event, &record, err));
    CHECK_TEXT(slice_of(err->message), "table public.t, column b, commit LSN 0/5A, change 0: its type is int64, its "
                                       "value is of another kind (9)");
    err_clear(err);
    event.column_count = 1;
    CHECK_FAILS(DEBEZIUM_ENVELOPE.make(plan, arena, &event, &record, err), ERR_VALUE);
    arena_release(arena);
}
