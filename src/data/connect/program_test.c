// SPDX-License-Identifier: Apache-2.0
#include "data/connect/program.c"

#include "core/base/test.h"
#include "data/connect/headers.h"
#include "data/connect/json_converter.h"

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Column COLUMNS[] = {
    {.name = NAME("id"), .type = {.kind = TYPE_INT32}, .flags = COLUMN_KEY | COLUMN_PRIMARY, .key_ordinal = 1},
    {.name = NAME("v"), .type = {.kind = TYPE_STRING, .source_name = NAME("text")}},
};
static const Schema TABLE = {1, NAME("public"), NAME("t"), {0}, IDENTITY_KEY, COLUMNS, ARRAY_LEN(COLUMNS)};

static Arena run[1], scratch[1];

static ConnectProgram *program_of(const char *config) {
    Err err[1] = {{0}};
    Properties properties;
    ProgramContext context = {.connector = SLICE("c"), .database = SLICE("db"), .run_id = SLICE("run")};
    ConnectProgram *program = NULL;
    CHECK_OK(properties_parse(run, slice_of(config), &properties, err));
    CHECK_OK(connect_program_new(run, &properties, &context, &program, err));
    return program;
}

static void fails(const char *config, const char *want) {
    Err err[1] = {{0}};
    Properties properties;
    ProgramContext context = {.connector = SLICE("c")};
    ConnectProgram *program = NULL;
    CHECK_OK(properties_parse(run, slice_of(config), &properties, err));
    CHECK(!connect_program_new(run, &properties, &context, &program, err));
    CHECK_INT(err->code, ERR_OPTION);
    CHECK_TEXT(slice_of(err->message), want);
}

// Each record: topic, key, before, after, op or "null", and the headers' names.
static void check(ConnectProgram *program, const Schema *schema, Event event, const char *want) {
    Err err[1] = {{0}};
    ConnectRecord records[CONNECT_RECORDS_MAX];
    size_t count;
    Buf text;
    buf_init(&text, 0);
    event.column_count = schema->column_count;
    CHECK_OK(connect_program_make(program, scratch, schema, &event, records, &count, err));
    for (size_t i = 0; i < count; i++) {
        const ConnectRecord *record = &records[i];
        buf_put(&text, record->topic);
        buf_u8(&text, ' ');
        record->key == NULL ? buf_text(&text, "-") : json_converter_value(&text, record->key_shape, record->key);
        for (int n = TOP_BEFORE; n <= TOP_AFTER && record->value != NULL; n++) {
            buf_u8(&text, ' ');
            json_converter_value(&text, &record->value_shape->fields[n].shape, &record->value->items.at[n]);
        }
        buf_u8(&text, ' ');
        buf_put(&text, record->value == NULL ? SLICE("null") : record->value->items.at[TOP_OP].bytes);
        for (size_t n = 0; n < record->header_count; n++) {
            const ConnectHeader *header = &record->headers[n];
            buf_u8(&text, ' ');
            buf_put(&text, slice_from(header->name, sizeof("__debezium.") - 1));
            if (header->shape->kind == SHAPE_STRUCT) {
                connect_key_text(&text, header->shape, header->value->items.at);
            }
        }
        buf_u8(&text, '\n');
    }
    CHECK_TEXT(buf_slice(&text), want);
    buf_release(&text);
    arena_reset(scratch);
}

static void route_of(ConnectProgram *program, const Schema *schema, const char *topic, bool dynamic, const char *span) {
    Err err[1] = {{0}};
    ConnectRoute route;
    CHECK_OK(connect_program_route(program, schema, &route, err));
    CHECK_TEXT(route.topic, topic);
    CHECK(route.dynamic == dynamic);
    for (int i = 0; i < ROUTE_KINDS; i++) {
        CHECK_INT(route.span[i], span[i] - '0');
    }
}

static Value text(const char *literal) {
    return value_bytes(VALUE_STRING, slice_of(literal));
}

TEST(program_records_and_routes) {
    arena_init(run, "run", 0);
    arena_init(scratch, "scratch", 0);
    ConnectProgram *program = program_of("{\"topic.prefix\":\"p\",\"extended.headers.enabled\":false}");
    Value one[2] = {value_int(1), text("a")}, two[2] = {value_int(2), text("a")}, key[2] = {value_int(1)};
    Value other[2] = {value_int(2)};
    check(program, &TABLE, (Event){.op = OP_CREATE, .after = one},
          "p.public.t {\"id\":1} null {\"id\":1,\"v\":\"a\"} c\n");
    check(program, &TABLE, (Event){.op = OP_DELETE, .before = key},
          "p.public.t {\"id\":1} {\"id\":1,\"v\":null} null d\np.public.t {\"id\":1} null\n");
    check(program, &TABLE, (Event){.op = OP_DELETE, .flags = EVENT_KEY_CHANGE, .before = key, .after = other},
          "p.public.t {\"id\":1} {\"id\":1,\"v\":null} null d newkey{\"id\":2}\n"
          "p.public.t {\"id\":1} null newkey{\"id\":2}\n");
    check(program, &TABLE, (Event){.op = OP_CREATE, .flags = EVENT_KEY_CHANGE, .before = key, .after = two},
          "p.public.t {\"id\":2} null {\"id\":2,\"v\":\"a\"} c oldkey{\"id\":1}\n");
    check(program, &TABLE, (Event){.op = OP_TRUNCATE}, "");
    route_of(program, &TABLE, "p.public.t", false, "11120211");
    connect_program_release(program);

    program = program_of("{\"topic.prefix\":\"p\",\"tombstones.on.delete\":\"false\",\"skipped.operations\":\"u, r\"}");
    check(program, &TABLE, (Event){.op = OP_UPDATE, .after = one}, "");
    check(program, &TABLE, (Event){.op = OP_TRUNCATE},
          "p.public.t - null null t context.connectorLogicalName context.taskId context.connectorName "
          "context.runId\n");
    route_of(program, &TABLE, "p.public.t", false, "11011111");
    connect_program_release(program);
    arena_release(scratch);
    arena_release(run);
}

TEST(program_skips_updates_that_change_nothing) {
    arena_init(run, "run", 0);
    arena_init(scratch, "scratch", 0);
    ConnectProgram *program = program_of("{\"topic.prefix\":\"p\",\"skip.messages.without.change\":true}");
    Schema full = TABLE;
    full.identity = IDENTITY_FULL;
    route_of(program, &TABLE, "p.public.t", false, "11120211");
    route_of(program, &full, "p.public.t", true, "11120211");
    Value one[2] = {value_int(1), text("a")}, two[2] = {value_int(1), text("b")};
    Event event = {.op = OP_UPDATE, .before = one, .after = one, .column_count = 2};
    Slice topic;
    uint32_t span;
    Err err[1] = {{0}};
    CHECK_OK(connect_program_route_event(program, &full, &event, &topic, &span, err));
    CHECK_INT(span, 0);
    event.after = two;
    CHECK_OK(connect_program_route_event(program, &full, &event, &topic, &span, err));
    CHECK_INT(span, 1);
    CHECK_TEXT(topic, "p.public.t");
    connect_program_release(program);
    arena_release(scratch);
    arena_release(run);
}

TEST(program_keys_masks_and_columns_by_rules) {
    arena_init(run, "run", 0);
    arena_init(scratch, "scratch", 0);
    ConnectProgram *program = program_of("{\"topic.prefix\":\"p\",\"message.key.columns\":\"public.t:v,id\","
                                         "\"extended.headers.enabled\":\"false\"}");
    Schema full = TABLE, keyless = TABLE;
    full.identity = keyless.identity = IDENTITY_FULL;
    Column no_key[2] = {COLUMNS[0], COLUMNS[1]};
    no_key[0].flags = no_key[1].flags = COLUMN_KEY;
    keyless.columns = no_key;
    route_of(program, &full, "p.public.t", true, "11120211");
    Value one[2] = {value_int(1), text("a")}, two[2] = {value_int(1), text("b")};
    const char *split =
        "p.public.t {\"v\":\"a\",\"id\":1} {\"id\":1,\"v\":\"a\"} null d newkey{\"v\":\"b\",\"id\":1}\n"
        "p.public.t {\"v\":\"a\",\"id\":1} null newkey{\"v\":\"b\",\"id\":1}\n"
        "p.public.t {\"v\":\"b\",\"id\":1} null {\"id\":1,\"v\":\"b\"} c oldkey{\"v\":\"a\",\"id\":1}\n";
    check(program, &full, (Event){.op = OP_UPDATE, .before = one, .after = two}, split);
    check(program, &full, (Event){.op = OP_UPDATE, .before = one, .after = one},
          "p.public.t {\"v\":\"a\",\"id\":1} {\"id\":1,\"v\":\"a\"} {\"id\":1,\"v\":\"a\"} u\n");
    check(program, &keyless, (Event){.op = OP_DELETE, .flags = EVENT_KEY_CHANGE, .before = one, .after = two}, "");
    check(program, &keyless, (Event){.op = OP_CREATE, .flags = EVENT_KEY_CHANGE, .before = one, .after = two}, split);
    connect_program_release(program);

    program = program_of("{\"topic.prefix\":\"p\",\"column.mask.with.3.chars\":\"public.t.v\","
                         "\"column.exclude.list\":\".*\\\\.id\",\"extended.headers.enabled\":\"false\"}");
    check(program, &TABLE, (Event){.op = OP_CREATE, .after = one}, "p.public.t {\"id\":1} null {\"v\":\"***\"} c\n");
    connect_program_release(program);
    arena_release(scratch);
    arena_release(run);
}

TEST(program_exact_forms) {
    arena_init(run, "run", 0);
    arena_init(scratch, "scratch", 0);
    const Column columns[] = {
        {.name = NAME("id"), .type = {.kind = TYPE_INT32}, .flags = COLUMN_PRIMARY | COLUMN_NOT_NULL, .key_ordinal = 1},
        {.name = NAME("code"),
         .type = {.kind = TYPE_STRING, .source_name = NAME("text")},
         .flags = COLUMN_KEY | COLUMN_NOT_NULL},
        {.name = NAME("n"), .type = {.kind = TYPE_INT32}, .flags = COLUMN_NOT_NULL, .default_text = NAME("7")},
        {.name = NAME("d"), .type = {.kind = TYPE_DATE}},
        {.name = NAME("i"), .type = {.kind = TYPE_INTERVAL, .precision = 6}},
    };
    const Schema table = {1, NAME("public"), NAME("t"), {0}, IDENTITY_INDEX, columns, ARRAY_LEN(columns)};
    Value key[5] = {{.kind = VALUE_NULL}, text("x")};
    Value row[5] = {value_int(1), text("x"), value_int(2), {.kind = VALUE_DATE, .integer = INT32_MAX}};
    row[4] = (Value){.kind = VALUE_INTERVAL, .interval = {14, 3, 3661500000}};
    ConnectProgram *program = program_of("{\"topic.prefix\":\"p\",\"extended.headers.enabled\":false}");
    check(program, &table, (Event){.op = OP_DELETE, .before = key},
          "p.public.t {\"id\":0} {\"id\":0,\"code\":\"x\",\"n\":7,\"d\":null,\"i\":null} null d\n"
          "p.public.t {\"id\":0} null\n");
    connect_program_release(program);
    program = program_of("{\"topic.prefix\":\"p\",\"extended.headers.enabled\":false,\"leat.exact\":true,"
                         "\"time.precision.mode\":\"isostring\"}");
    check(program, &table, (Event){.op = OP_DELETE, .before = key},
          "p.public.t {\"code\":\"x\"} {\"id\":null,\"code\":\"x\",\"n\":null,\"d\":null,\"i\":null} null d\n"
          "p.public.t {\"code\":\"x\"} null\n");
    check(program, &table, (Event){.op = OP_CREATE, .after = row},
          "p.public.t {\"code\":\"x\"} null {\"id\":1,\"code\":\"x\",\"n\":2,\"d\":\"infinity\","
          "\"i\":\"P1Y2M3DT1H1M1.5S\"} c\n");
    connect_program_release(program);
    program = program_of("{\"topic.prefix\":\"p\",\"leat.exact\":true}");
    Err err[1] = {{0}};
    ConnectRecord records[CONNECT_RECORDS_MAX];
    size_t count;
    Event event = {.op = OP_CREATE, .after = row, .column_count = 5};
    CHECK_FAILS(connect_program_make(program, scratch, &table, &event, records, &count, err), ERR_VALUE);
    connect_program_release(program);
    arena_release(scratch);
    arena_release(run);
}

TEST(program_refuses_values_that_options_cannot_have) {
    arena_init(run, "run", 0);
    fails("{}", "topic.prefix: a value is required");
    fails("{\"topic.prefix\":\"p\",\"decimal.handling.mode\":\"exact\"}",
          "decimal.handling.mode: exact is not one of precise, double, string");
    fails("{\"topic.prefix\":\"p\",\"tombstones.on.delete\":\"yes\"}", "tombstones.on.delete: yes is not one of true, "
                                                                       "false");
    fails("{\"topic.prefix\":\"p\",\"skipped.operations\":\"c,x\"}",
          "skipped.operations: x is none of c (create), u (update), d (delete), t (truncate), and not \"none\" alone");
    fails("{\"topic.prefix\":\"p\",\"money.fraction.digits\":\"x\"}",
          "money.fraction.digits: x is not a number from 0 to 9");
    fails("{\"topic.prefix\":\"p\",\"unavailable.value.placeholder\":\"hex:0g\"}",
          "unavailable.value.placeholder: after \"hex:\" come pairs of hexadecimal digits");
    fails("{\"topic.prefix\":\"p\",\"message.key.columns\":\"a:b;c\"}",
          "message.key.columns: c is not TABLE:COLUMN[,COLUMN…]");
    fails("{\"topic.prefix\":\"p\",\"column.mask.hash.SHA-9.with.salt.x\":\"a\"}",
          "column.mask.hash: SHA-9 is no algorithm that is known here");
    fails("{\"topic.prefix\":\"p\",\"column.include.list\":\"a\",\"column.exclude.list\":\"b\"}",
          "column.include.list: give it or column.exclude.list, not both");
    fails("{\"topic.prefix\":\"p\",\"topic.naming.strategy\":\"a.B\"}",
          "topic.naming.strategy: a.B is none that leat has");
    arena_release(run);
}

// A side topic's record as JSON: topic, key, value.
static void check_side(ConnectProgram *program, const Schema *schema, Event event, const char *want) {
    Err err[1] = {{0}};
    ConnectRecord record[CONNECT_RECORDS_MAX];
    size_t count;
    Buf json;
    buf_init(&json, 0);
    event.column_count = schema->column_count;
    CHECK_OK(connect_program_make(program, scratch, schema, &event, record, &count, err));
    CHECK_INT(count, 1);
    buf_put(&json, record->topic);
    buf_u8(&json, ' ');
    json_converter_value(&json, record->key_shape, record->key);
    buf_u8(&json, ' ');
    json_converter_value(&json, record->value_shape, record->value);
    CHECK_TEXT(buf_slice(&json), want);
    CHECK_INT(record->header_count, 0);
    buf_release(&json);
}

TEST(program_side_topics) {
    arena_init(run, "run", 0);
    arena_init(scratch, "scratch", 0);
    ConnectProgram *program = program_of("{\"topic.prefix\":\"p\",\"notification.sink.topic.name\":\"n\"}");
    Schema heartbeat = {2, NAME("$heartbeat"), NAME(""), {0}, IDENTITY_NOTHING, NULL, 0};
    Event event = {.op = OP_CREATE, .capture_us = 5999, .source_us = 7000};
    check_side(program, &heartbeat, event, "__debezium-heartbeat.p {\"serverName\":\"p\"} {\"ts_ms\":5}");
    Column transaction[] = {{.name = NAME("status")},
                            {.name = NAME("id")},
                            {.name = NAME("event_count")},
                            {.name = NAME("data_collections")}};
    Schema schema = {3, NAME("$transaction"), NAME(""), {0}, IDENTITY_NOTHING, transaction, ARRAY_LEN(transaction)};
    Value row[] = {text("END"), text("1:2"), value_int(3),
                   text("[{\"data_collection\":\"public.t\",\"event_count\":3}]")};
    event.after = row;
    check_side(
        program, &schema, event,
        "p.transaction {\"id\":\"1:2\"} {\"status\":\"END\",\"id\":\"1:2\",\"event_count\":3,\"data_collections\""
        ":[{\"data_collection\":\"public.t\",\"event_count\":3}],\"ts_ms\":7}");
    Column notification[] = {{.name = NAME("id")},
                             {.name = NAME("aggregate_type")},
                             {.name = NAME("type")},
                             {.name = NAME("additional_data")},
                             {.name = NAME("timestamp")}};
    schema = (Schema){4, NAME("$notification"), NAME(""), {0}, IDENTITY_NOTHING, notification, ARRAY_LEN(notification)};
    Value told[] = {text("i"), text("Initial Snapshot"), text("STARTED"), text("{\"k\":\"v\"}"), value_int(9)};
    event.after = told;
    check_side(program, &schema, event,
               "n {\"id\":\"i\"} {\"id\":\"i\",\"type\":\"STARTED\",\"aggregate_type\":\"Initial Snapshot\","
               "\"additional_data\":{\"k\":\"v\"},\"timestamp\":9}");
    route_of(program, &schema, "n", false, "11111111");
    Column message[] = {{.name = NAME("prefix")}, {.name = NAME("content")}};
    schema = (Schema){5, NAME("$message"), NAME(""), {0}, IDENTITY_NOTHING, message, ARRAY_LEN(message)};
    Value said[] = {text("x"), value_bytes(VALUE_BYTES, SLICE("abc"))};
    event.after = said;
    check_side(program, &schema, event,
               "p.message {\"prefix\":\"x\"} {\"op\":\"m\",\"ts_ms\":5,\"source\":{\"version\":\"3.7.0.Final\","
               "\"connector\":\"postgresql\",\"name\":\"p\",\"ts_ms\":7,\"snapshot\":\"false\",\"db\":\"db\","
               "\"sequence\":\"[\\\"0\\\",\\\"0\\\"]\",\"ts_us\":7000,\"ts_ns\":7000000,\"schema\":\"\",\"table\":\"\","
               "\"txId\":null,\"lsn\":0,\"xmin\":null,\"origin\":null,\"origin_lsn\":null},\"transaction\":null,"
               "\"message\":{\"prefix\":\"x\",\"content\":\"YWJj\"}}");
    connect_program_release(program);
    arena_release(scratch);
    arena_release(run);
}
