// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/rows.c"

#include "core/base/decimal.h"
#include "core/base/test.h"
#include "data/connect/decimal_bytes.h"
#include "data/format/text.h"
#include "flow/source/kafka/json_schema_shape.h"

static Arena arena;
static Decoder decoder;

static void setup(void) {
    arena_init(&arena, "scratch", 0);
    decoder_init(&decoder);
}

static KafkaFetched record_of(const char *key, const char *value) {
    return (KafkaFetched){.offset = 7,
                          .timestamp_ms = 1000,
                          .key = key != NULL ? slice_of(key) : (Slice){0},
                          .value = value != NULL ? slice_of(value) : (Slice){0}};
}

static Event event_of(const KafkaFetched *record, bool upsert, RowsPlan **plan) {
    Err err[1] = {{0}};
    Decoded key, value;
    Event event;
    bool none = false;
    RowsOptions options = {.space = SLICE("shop"), .table = SLICE("t"), .upsert = upsert};
    CHECK_OK(decode(&decoder, DECODE_AUTO, &arena, record->value, &value, err));
    CHECK_OK(decode_key(&decoder, DECODE_AUTO, &arena, record->key, &key, err));
    CHECK_OK(rows_plan_new(&arena, &options, &key, &value, plan, err));
    CHECK_OK(rows_event(*plan, &arena, record, &key, &value, &event, &none, err));
    CHECK(!none);
    return event;
}

static void check_column(const RowsPlan *plan, const Value *row, uint32_t at, TypeKind kind, const char *text) {
    DEFER(buf_release) Buf buf = {0};
    CHECK_INT(plan->schema.columns[at].type.kind, kind);
    value_text(&buf, &plan->schema.columns[at].type, &row[at]);
    CHECK_TEXT(buf_slice(&buf), text);
}

#define ID_KEY \
    "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"id\"}]},\"payload\":{\"id\":5}}"
#define ROW                                                                                                          \
    "{\"type\":\"struct\",\"optional\":true,\"fields\":[{\"type\":\"int32\",\"field\":\"id\"},{\"type\":\"int32\","  \
    "\"name\":\"io.debezium.time.Date\",\"field\":\"d\"},{\"type\":\"string\",\"optional\":true,\"field\":\"big\"}," \
    "{\"type\":\"bytes\",\"name\":\"io.debezium.data.Bits\",\"parameters\":{\"length\":\"12\"},\"field\":\"b\"},"    \
    "{\"type\":\"struct\",\"name\":\"io.debezium.data.VariableScaleDecimal\",\"fields\":[{\"type\":\"int32\","       \
    "\"field\":\"scale\"},{\"type\":\"bytes\",\"field\":\"value\"}],\"field\":\"v\"},{\"type\":\"string\",\"name\":" \
    "\"io.debezium.time.ZonedTimestamp\",\"field\":\"z\"}]"
#define ENVELOPE                                                                                                       \
    "{\"schema\":{\"type\":\"struct\",\"fields\":[" ROW ",\"field\":\"before\"}," ROW ",\"field\":\"after\"},"         \
    "{\"type\":\"struct\",\"fields\":[{\"type\":\"int64\",\"field\":\"ts_ms\"},{\"type\":\"int64\",\"field\":\"lsn\"}" \
    "],\"field\":\"source\"},{\"type\":\"string\",\"field\":\"op\"}]},\"payload\":"

TEST(kafka_changes_of_debezium_have_their_types) {
    setup();
    RowsPlan *plan = NULL;
    KafkaFetched record = record_of(
        ID_KEY, ENVELOPE "{\"before\":null,\"after\":{\"id\":5,\"d\":-1,\"big\":\"__debezium_unavailable_value\","
                         "\"b\":\"BQg=\",\"v\":{\"scale\":3,\"value\":\"+y4=\"},\"z\":\"2024-02-29T11:14:15.5Z\"},"
                         "\"source\":{\"ts_ms\":2000,\"lsn\":99},\"op\":\"u\"}}");
    Event event = event_of(&record, false, &plan);
    CHECK_INT(event.op, OP_UPDATE);
    CHECK_INT(event.source_us, 2000000);
    CHECK_INT(event.lsn, 99);
    CHECK_INT(plan->schema.identity, IDENTITY_KEY);
    CHECK_INT(plan->schema.columns[0].flags & COLUMN_PRIMARY, COLUMN_PRIMARY);
    check_column(plan, event.after, 0, TYPE_INT32, "5");
    check_column(plan, event.after, 1, TYPE_DATE, "1969-12-31");
    CHECK_INT(event.after[2].kind, VALUE_UNCHANGED);
    check_column(plan, event.after, 3, TYPE_BITS, "100000000101");
    check_column(plan, event.after, 4, TYPE_DECIMAL, "-1.234");
    check_column(plan, event.after, 5, TYPE_TIMESTAMPTZ, "2024-02-29T11:14:15.5Z");
}

#define LISTS                                                                                                       \
    "{\"type\":\"struct\",\"optional\":true,\"fields\":[{\"type\":\"int32\",\"field\":\"id\"},{\"type\":\"array\"," \
    "\"optional\":true,\"items\":{\"type\":\"string\"},\"field\":\"t\"},{\"type\":\"array\",\"optional\":true,"     \
    "\"items\":{"                                                                                                   \
    "\"type\":\"int32\"},\"field\":\"i\"},{\"type\":\"map\",\"optional\":true,\"keys\":{\"type\":\"string\"},"      \
    "\"values\":{"                                                                                                  \
    "\"type\":\"string\"},\"field\":\"m\"},{\"type\":\"array\",\"optional\":true,\"items\":{\"type\":\"string\","   \
    "\"name\":"                                                                                                     \
    "\"io.debezium.data.Uuid\"},\"field\":\"u\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"field\":"    \
    "\"two\"}]"
#define LISTS_ENVELOPE                                                                                             \
    "{\"schema\":{\"type\":\"struct\",\"fields\":[" LISTS ",\"field\":\"before\"}," LISTS ",\"field\":\"after\"}," \
    "{\"type\":\"struct\",\"fields\":[],\"field\":\"source\"},{\"type\":\"string\",\"field\":\"op\"}]},\"payload\":"

// Debezium has forms of its own for them (unavailable.value.placeholder); a list that only has it is a list.
TEST(kafka_lists_and_maps_may_be_unchanged_too) {
    setup();
    RowsPlan *plan = NULL;
    KafkaFetched record = record_of(
        ID_KEY, LISTS_ENVELOPE
        "{\"before\":null,\"after\":{\"id\":5,\"t\":[\"__debezium_unavailable_value\"],\"i\":[95,95,100,101,98,101,122,"
        "105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,97,108,117,101],\"m\":{"
        "\"__debezium_unavailable_value\":\"__debezium_unavailable_value\"},\"u\":["
        "\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"],\"two\":[\"a\",\"__debezium_unavailable_value\"]},\"source\":{},"
        "\"op\":\"u\"}}");
    Event event = event_of(&record, false, &plan);
    for (size_t i = 1; i < 5; i++) {
        CHECK_INT(event.after[i].kind, VALUE_UNCHANGED);
    }
    CHECK_INT(event.after[5].kind, VALUE_LIST);
    CHECK_INT(event.after[5].items.at[1].kind, VALUE_STRING);
}

// Records after the first have their schema known by its bytes; what only begins alike is read as a whole.
TEST(kafka_a_schema_that_is_known_is_not_parsed_again) {
    static const char *const LATER[] = {"7}", " 8 } \n", "9,\"schema\":1}", "\"x\"}"};
    static const char BEGIN[] = "{\"schema\":{\"type\":\"int32\"},\"payload\":";
    char text[200];
    Decoded first, later;
    Err err[1] = {{0}};
    setup();
    snprintf(text, sizeof(text), "%s6}", BEGIN);
    CHECK_OK(decode(&decoder, DECODE_AUTO, &arena, slice_of(text), &first, err));
    CHECK_INT(decoder.frame_count, 1);
    for (size_t i = 0; i < ARRAY_LEN(LATER); i++) {
        snprintf(text, sizeof(text), "%s%s", BEGIN, LATER[i]);
        bool good = decode(&decoder, DECODE_AUTO, &arena, slice_of(text), &later, err);
        CHECK_INT(good, i < 2);
        CHECK(!good || (later.shape == first.shape && later.value->integer == (int64_t)i + 7));
    }
    CHECK_OK(decode_key(&decoder, DECODE_AUTO, &arena, slice_of("{\"schema\":{\"type\":\"int32\"},\"payload\":5}"),
                        &later, err));
    CHECK(later.shape == first.shape && later.value->integer == 5);
    CHECK_INT(decoder.frame_count, 1);
}

TEST(kafka_a_key_change_names_the_other_key) {
    setup();
    RowsPlan *plan = NULL;
    KafkaHeader header = {SLICE("__debezium.newkey"), SLICE("{\"id\":6}")};
    KafkaFetched record =
        record_of(ID_KEY, ENVELOPE "{\"before\":null,\"after\":null,\"source\":{\"ts_ms\":1,\"lsn\":1},"
                                   "\"op\":\"d\"}}");
    record.headers = &header;
    record.header_count = 1;
    Event event = event_of(&record, false, &plan);
    CHECK_INT(event.op, OP_DELETE);
    CHECK_INT(event.flags, EVENT_KEY_CHANGE);
    CHECK_INT(event.before[0].integer, 5);
    CHECK_INT(event.after[0].integer, 6);
}

static const char JSON_SCHEMA[] =
    "{\"type\":\"object\",\"title\":\"Row\",\"properties\":{\"b\":{\"oneOf\":[{\"type\":\"null\"},{\"type\":"
    "\"integer\","
    "\"connect.type\":\"int16\"}],\"connect.index\":1},\"a\":{\"type\":\"number\",\"title\":"
    "\"org.apache.kafka.connect.data.Decimal\",\"connect.type\":\"bytes\",\"connect.parameters\":{\"scale\":\"2\","
    "\"connect.decimal.precision\":\"9\"},\"connect.index\":0},\"item\":{\"$ref\":\"#/definitions/"
    "Item\",\"connect.index\":"
    "2},\"any\":{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}],\"connect.index\":3},\"m\":{\"type\":"
    "\"object\","
    "\"additionalProperties\":{\"type\":\"boolean\"},\"connect.type\":\"map\",\"connect.index\":4}},\"definitions\":{"
    "\"Item\":"
    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":[\"string\",\"null\"]},\"again\":{\"$ref\":\"#/definitions/"
    "Item\"}},"
    "\"required\":[\"n\"]}}}";

TEST(kafka_json_schemas_of_the_registry_are_read) {
    setup();
    Err err[1] = {{0}};
    Shape shape;
    RowsPlan *plan = NULL;
    CHECK_OK(json_schema_shape(&arena, slice_of(JSON_SCHEMA), &(JsonSchemaRules){0}, &shape, err));
    Framed framed = {.json = &shape};
    map_put_u64(&decoder.framed, 7, &framed);
    static const char VALUE[] =
        "\0\0\0\0\7{\"a\":12.34,\"b\":null,\"item\":{\"n\":\"x\",\"again\":{\"n\":null}},\"any\":\"t\","
        "\"m\":{\"k\":true}}";
    KafkaFetched record = record_of("k", NULL);
    record.value = (Slice){(const uint8_t *)VALUE, sizeof(VALUE) - 1};
    Event event = event_of(&record, true, &plan);
    check_column(plan, event.after, 1, TYPE_DECIMAL, "12.34");
    CHECK_TEXT(plan->schema.columns[1].name, "a");
    CHECK_INT(plan->schema.columns[2].type.kind, TYPE_INT16);
    CHECK_INT(event.after[2].kind, VALUE_NULL);
    CHECK_INT(plan->schema.columns[3].type.kind, TYPE_STRUCT);
    CHECK_TEXT(event.after[3].items.at[1].bytes, "{\"n\":null}");
    check_column(plan, event.after, 4, TYPE_JSON, "\"t\"");
    CHECK_INT(plan->schema.columns[5].type.kind, TYPE_MAP);
    CHECK(!json_schema_shape(&arena, slice_of("{\"$ref\":\"other.json\"}"), &(JsonSchemaRules){0}, &shape, err));
    CHECK(strstr(err->message, "refers to other.json") != NULL);
}

TEST(kafka_json_without_a_schema_is_a_document) {
    setup();
    RowsPlan *plan = NULL;
    KafkaFetched record = record_of("k1", "{\"n\":1.50}");
    Event event = event_of(&record, false, &plan);
    CHECK_INT(event.op, OP_CREATE);
    CHECK_INT(plan->schema.identity, IDENTITY_NOTHING);
    CHECK_TEXT(plan->schema.columns[0].name, "key");
    check_column(plan, event.after, 1, TYPE_JSON, "{\"n\":1.50}");
    event = event_of(&record, true, &plan);
    CHECK_INT(plan->schema.identity, IDENTITY_KEY);
    CHECK_INT(event.op, OP_UPDATE);
}

TEST(kafka_bad_records_say_what_is_wrong) {
    static const struct {
        const char *value, *says;
    } BAD[] = {
        {"{broken", "no JSON"},
        {"{\"schema\":{\"type\":\"int99\"},\"payload\":1}", "no type that there is"},
        {"{\"schema\":{\"type\":\"int32\"},\"payload\":\"x\"}", "a text where the schema says"},
        {"{\"schema\":{\"type\":\"int32\"},\"payload\":3000000000}", "a number where the schema says"},
        {"{\"schema\":{\"type\":\"struct\",\"fields\":[]},\"payload\":{\"more\":1}}", "that its schema has not"},
        {"{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":\"a\"}]},\"payload\":{}}",
         "null where"},
    };
    setup();
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Err err[1] = {{0}};
        Decoded value;
        CHECK(!decode(&decoder, DECODE_AUTO, &arena, slice_of(BAD[i].value), &value, err));
        CHECK_INT(err->code, ERR_VALUE);
        if (strstr(err->message, BAD[i].says) == NULL) {
            test_fail(__FILE__, __LINE__, "'%s' is not in '%s'", BAD[i].says, err->message);
        }
    }
    Err err[1] = {{0}};
    Decoded value;
    CHECK(!decode(&decoder, DECODE_AUTO, &arena, (Slice){(const uint8_t *)"\0\0\0\0\7x", 6}, &value, err));
    CHECK(strstr(err->message, "no schema registry is named") != NULL);
}

TEST(decimals_come_back_from_their_unscaled_bytes) {
    static const char *const NUMBERS[] = {"0",
                                          "-1",
                                          "127",
                                          "-128",
                                          "12345678901234567890123456789012345678901234567890",
                                          "-99999999999999999999999999999999999999999999.99",
                                          "0.001",
                                          "92233720368547758.07",
                                          "-9.223372036854775808",
                                          "9223372036854775808"};
    setup();
    for (size_t i = 0; i < ARRAY_LEN(NUMBERS); i++) {
        Slice decimal, bytes, again;
        CHECK(decimal_from_text(&arena, slice_of(NUMBERS[i]), &decimal));
        int32_t scale = decimal_scale_needed(decimal);
        CHECK(decimal_unscaled(&arena, decimal, scale, &bytes));
        CHECK(decimal_from_unscaled(&arena, bytes, scale, &again));
        CHECK(slice_equal(decimal, again));
    }
}
