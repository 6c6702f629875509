// SPDX-License-Identifier: Apache-2.0
#include "data/connect/smt_outbox.c"

#include "data/connect/smt_testing.h"

#define OUTBOX ONE("io.debezium.transforms.outbox.EventRouter")

enum { OUTBOX_COUNT = 6 };

static const Shape *outbox_shape(void) {
    ShapeField *row = ARENA_ARRAY(&run, ShapeField, OUTBOX_COUNT), *top = ARENA_ARRAY(&run, ShapeField, 4);
    row[0] = field("id", SHAPE_STRING, false);
    row[1] = field("aggregatetype", SHAPE_STRING, false);
    row[2] = field("aggregateid", SHAPE_STRING, false);
    row[3] = field("payload", SHAPE_STRING, true);
    row[4] = field("at", SHAPE_INT64, true);
    connect_describe(&run, &row[4].shape, "io.debezium.time.MicroTimestamp", 1, NULL, NULL);
    row[5] = field("part", SHAPE_INT32, true);
    Shape value = structure("p.public.outbox.Value", row, OUTBOX_COUNT);
    value.optional = true;
    top[0] = smt_field(SLICE("before"), &value);
    top[1] = smt_field(SLICE("after"), &value);
    top[2] = field("op", SHAPE_STRING, false);
    top[3] = field("ts_ms", SHAPE_INT64, true);
    return smt_shape_keep(&run, structure("p.public.outbox.Envelope", top, 4));
}

static ConnectRecord outbox(const Shape *shape, const char *op, const char *payload) {
    Value *items = ARENA_ARRAY(&scratch, Value, 4 + OUTBOX_COUNT);
    items[4] = value_bytes(VALUE_STRING, SLICE("uuid-1"));
    items[5] = value_bytes(VALUE_STRING, SLICE("Order"));
    items[6] = value_bytes(VALUE_STRING, SLICE("7"));
    items[7] = payload == NULL ? (Value){0} : value_bytes(VALUE_STRING, slice_of(payload));
    items[8] = value_int(1700000000123456);
    items[9] = value_int(3);
    items[1] = *op == 't' ? (Value){0} : (Value){.kind = VALUE_STRUCT, .items = {&items[4], OUTBOX_COUNT}};
    items[2] = value_bytes(VALUE_STRING, slice_of(op));
    items[3] = value_int(99);
    ConnectRecord record = {.topic = SLICE("p.public.outbox"), .value_shape = shape, .partition = -1};
    record.value = smt_value_new(&scratch, (Value){.kind = VALUE_STRUCT, .items = {items, 4}});
    return record;
}

TEST(outbox_routes_events) {
    setup();
    const Shape *shape = outbox_shape();
    TransformChain *chain = chain_of(OUTBOX "}");
    CHECK(transform_chain_dynamic(chain));
    ConnectRecord record = outbox(shape, "c", "{\"a\":1}");
    apply(chain, &record);
    CHECK_TEXT(record.topic, "outbox.event.Order");
    CHECK_TEXT(text_of(record.key_shape, record.key), "\"7\"");
    CHECK_TEXT(text_of(record.value_shape, record.value), "\"{\\\"a\\\":1}\"");
    CHECK_INT(record.timestamp_ms, 99);
    CHECK_TEXT(record.headers[0].name, "id");
    Err err[1] = {{0}};
    bool keep = true;
    static const char *const DROPPED[] = {"u", "d", "t"};
    for (size_t i = 0; i < ARRAY_LEN(DROPPED); i++) {
        record = outbox(shape, DROPPED[i], "x");
        CHECK_OK(transform_chain_apply(chain, &scratch, &record, &keep, err));
        CHECK(!keep);
    }
    record = (ConnectRecord){.topic = SLICE("x")};
    CHECK_OK(transform_chain_apply(chain, &scratch, &record, &keep, err));
    CHECK(!keep);
    record = plain(1, "no envelope");
    apply(chain, &record);
    CHECK_TEXT(record.topic, "p.public.orders");
    transform_chain_release(chain);
    fails(OUTBOX ",\"transforms.t.table.op.invalid.behavior\":\"fatal\"}", outbox(shape, "u", "x"), "was updated");
    fails(OUTBOX ",\"transforms.t.table.field.event.payload\":\"nope\"}", outbox(shape, "c", "x"), "no column nope");
    fails(OUTBOX ",\"transforms.t.table.fields.additional.placement\":\"nope:header\"}", outbox(shape, "c", "x"),
          "no column nope");
    refused(OUTBOX ",\"transforms.t.table.fields.additional.placement\":\"a:b\"}", "FIELD:header");
}

TEST(outbox_places_columns) {
    setup();
    const Shape *shape = outbox_shape();
    TransformChain *chain =
        chain_of(OUTBOX ",\"transforms.t.table.fields.additional.placement\":\"aggregatetype:header:kind,"
                        "aggregateid:envelope:aid,part:partition\",\"transforms.t.table.field.event.timestamp\":\"at\","
                        "\"transforms.t.table.field.event.schema.version\":\"part\","
                        "\"transforms.t.route.topic.replacement\":\"ev.${routedByValue}\"}");
    for (int i = 0; i < 2; i++) {
        ConnectRecord record = outbox(shape, "r", "x");
        apply(chain, &record);
        CHECK_TEXT(record.topic, "ev.Order");
        CHECK_INT(record.partition, 3);
        CHECK_INT(record.timestamp_ms, 1700000000123);
        CHECK_TEXT(text_of(record.value_shape, record.value), "{\"payload\":\"x\",\"aid\":\"7\"}");
        CHECK(contains(schema_of(record.value_shape), "\"name\":\"p.public.outbox.Order.Value\",\"version\":3"));
        CHECK_TEXT(record.headers[1].name, "kind");
    }
    transform_chain_release(chain);
}

TEST(outbox_expands_payloads_and_makes_tombstones) {
    setup();
    const Shape *shape = outbox_shape();
    TransformChain *chain = chain_of(OUTBOX ",\"transforms.t.table.expand.json.payload\":\"true\","
                                            "\"transforms.t.route.tombstone.on.empty.payload\":\"true\"}");
    ConnectRecord record = outbox(shape, "c", "{\"a\":1,\"b\":[{\"c\":1.5},{\"d\":\"x\"}],\"n\":null,\"e\":[]}");
    apply(chain, &record);
    const Shape *first = record.value_shape;
    CHECK_TEXT(text_of(record.value_shape, record.value),
               "{\"a\":1,\"b\":[{\"c\":1.5,\"d\":null},{\"c\":null,\"d\":\"x\"}]}");
    CHECK(contains(schema_of(first), "\"name\":\"payload.b\""));
    record = outbox(shape, "c", "{\"a\":2,\"b\":[{\"c\":2.5,\"d\":\"y\"}]}");
    apply(chain, &record);
    CHECK(record.value_shape == first); // equal shapes are one
    static const char *const AS_TEXT[] = {"no json", "{\"a\":[1,\"x\"]}", "{\"a\":99999999999999999999}", "[1,2.5]"};
    for (size_t i = 0; i < ARRAY_LEN(AS_TEXT); i++) {
        record = outbox(shape, "c", AS_TEXT[i]);
        apply(chain, &record);
        CHECK_TEXT(record.value->bytes, AS_TEXT[i]);
    }
    record = outbox(shape, "c", " \n");
    apply(chain, &record);
    CHECK(record.value == NULL && record.value_shape == NULL && record.key != NULL);
    record = outbox(shape, "c", NULL);
    apply(chain, &record);
    CHECK(record.value == NULL && record.value_shape == NULL);
    transform_chain_release(chain);
    chain = chain_of(OUTBOX ",\"transforms.t.table.expand.json.payload\":\"true\","
                            "\"transforms.t.table.json.payload.null.behavior\":\"optional_bytes\"}");
    record = outbox(shape, "c", "{\"n\":null,\"l\":[null]}");
    apply(chain, &record);
    CHECK_TEXT(text_of(record.value_shape, record.value), "{\"n\":null,\"l\":[null]}");
    transform_chain_release(chain);
}
