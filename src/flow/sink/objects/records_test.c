// SPDX-License-Identifier: Apache-2.0
// A connector's records in the whole sink: events that become none, one or two records, of shapes that change.
#include "flow/sink/objects/records.c" // NOLINT

#include "flow/sink/objects/objects_testing.h"

static Column COLUMNS[] = {{.name = {(const uint8_t *)"id", 2}, .type = {.kind = TYPE_INT64}}};
static Schema SCHEMA = {1, {(const uint8_t *)"shop", 4}, {(const uint8_t *)"orders", 6}, {0}, IDENTITY_KEY, COLUMNS, 1};
static JournalTopic TOPIC = {1, {(const uint8_t *)"w.orders", 8}};

#define ID_FIELD                                                            \
    {                                                                       \
        .name = {(const uint8_t *)"id", 2}, .shape = {.kind = SHAPE_INT64 } \
    }
static const ShapeField FIELDS[] = {
    ID_FIELD, {.name = {(const uint8_t *)"x", 1}, .shape = {.kind = SHAPE_STRING, .optional = true}}};
static const Shape ONE = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 1};
static const Shape ONE_AGAIN = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 1};
static const Shape TWO = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 2};
static const Shape TEXT = {.kind = SHAPE_STRING};

static const Shape *shape; // of the next records
static const char *topic;

// A create is one record, a delete is one and its tombstone, a truncate none.
static bool make(void *context, Arena *scratch, const JournalEntry *entry, ConnectRecord *records, size_t *count,
                 Err *err) {
    Value *id = ARENA_ARRAY(scratch, Value, 2);
    id[0] = value_int((int64_t)entry->offset);
    id[1] = value_bytes(VALUE_STRING, SLICE("y"));
    Value *value = ARENA_NEW(scratch, Value), *key = ARENA_NEW(scratch, Value);
    *value = shape == &TEXT ? id[1] : (Value){.kind = VALUE_STRUCT, .items = {id, shape->field_count}};
    *key = (Value){.kind = VALUE_STRUCT, .items = {id, 1}};
    *count = entry->event->op == OP_TRUNCATE ? 0 : entry->event->op == OP_DELETE ? 2 : 1;
    for (size_t i = 0; i < *count; i++) {
        records[i] = (ConnectRecord){.topic = slice_of(topic),
                                     .key_shape = &ONE,
                                     .key = key,
                                     .value_shape = i == 0 ? shape : NULL,
                                     .value = i == 0 ? value : NULL,
                                     .timestamp_ms = 1000,
                                     .offset = entry->offset + i};
    }
    return true;
}

static const SinkRecords RECORDS = {.make = make, .schemas = true};

#define BASE \
    "envelope=debezium;layout=confluent;file.rotate.interval=0;file.rotate.bytes=0;partitioner=default;topics.dir=;"

static void begin(Road *road, const char *options) {
    Err err[1] = {{0}};
    shape = &ONE;
    topic = "w.orders";
    road_open(road, options);
    road->records = &RECORDS;
    CHECK_OK(road_start(road, err));
}

static bool event_take(Road *road, EventOp op, uint32_t span, Err *err) {
    Value row[1] = {value_int((int64_t)road->offset)};
    Event event = {.op = op, .offset_span = span, .column_count = 1, .after = op == OP_CREATE ? row : NULL};
    event.before = op == OP_DELETE ? row : NULL;
    return road_take(road, &TOPIC, &SCHEMA, &event, err);
}

static void event_of(Road *road, EventOp op, uint32_t span) {
    Err err[1] = {{0}};
    CHECK_OK(event_take(road, op, span, err));
}

static void show(Buf *out, const char *name, Slice bytes) {
    buf_printf(out, "%s\n%.*s", name, SLICE_ARG(bytes));
}

static void check_files(Road *road, const char *want) {
    road_files(road, show, want);
}

static void end(Road *road) {
    sink_close(road->sink);
    road_remove(road);
}

TEST(records_of_one_event_may_be_none_one_or_two) {
    Road road[1];
    begin(road, BASE "flush.size=2;behavior.on.null.values=ignore");
    event_of(road, OP_TRUNCATE, 0); // not on the wire
    event_of(road, OP_CREATE, 1);
    event_of(road, OP_TRUNCATE, 1); // a sink's transform drops it
    event_of(road, OP_DELETE, 2);   // its tombstone is ignored, and not counted
    event_of(road, OP_CREATE, 1);
    event_of(road, OP_CREATE, 1);
    cut(road);
    check_files(road, "w.orders/partition=0/w.orders+0+0000000000.json\n{\"id\":0}\n{\"id\":2}\n"
                      "w.orders/partition=0/w.orders+0+0000000004.json\n{\"id\":4}\n{\"id\":5}\n");
    end(road);
}

TEST(records_tombstones_are_refused_or_written_with_their_keys) {
    Road road[1];
    Err err[1] = {{0}};
    begin(road, BASE "flush.size=2;behavior.on.null.values=fail");
    CHECK_FAILS(event_take(road, OP_DELETE, 2, err), ERR_VALUE);
    end(road);
    begin(road, BASE "flush.size=2;behavior.on.null.values=write;store.kafka.keys=true");
    event_of(road, OP_DELETE, 2);
    cut(road);
    check_files(road, "w.orders/partition=0/w.orders+0+0000000000.json\n{\"id\":0}\n"
                      "w.orders/partition=0/w.orders+0+0000000000.keys.json\n{\"id\":0}\n"
                      "w.orders/tombstone/w.orders+0+0000000001.keys.json\n{\"id\":0}\n");
    end(road);
}

TEST(records_of_another_shape_begin_files_those_of_an_equal_one_do_not) {
    Road road[1];
    begin(road, BASE "flush.size=3");
    event_of(road, OP_CREATE, 1);
    shape = &ONE_AGAIN;
    event_of(road, OP_CREATE, 1);
    shape = &TWO;
    event_of(road, OP_CREATE, 1);
    shape = &TEXT;
    event_of(road, OP_CREATE, 1);
    event_of(road, OP_CREATE, 1);
    event_of(road, OP_CREATE, 1);
    cut(road);
    check_files(road, "w.orders/partition=0/w.orders+0+0000000000.json\n{\"id\":0}\n{\"id\":1}\n"
                      "w.orders/partition=0/w.orders+0+0000000002.json\n{\"id\":2,\"x\":\"y\"}\n"
                      "w.orders/partition=0/w.orders+0+0000000003.json\n\"y\"\n\"y\"\n\"y\"\n");
    end(road);
}

TEST(records_topic_may_be_another_than_the_journals) {
    Road road[1];
    begin(road, BASE "flush.size=1");
    topic = "orders";
    event_of(road, OP_CREATE, 1);
    cut(road);
    topic = "other";
    event_of(road, OP_CREATE, 1);
    cut(road);
    check_files(road, "orders/partition=0/orders+0+0000000000.json\n{\"id\":0}\n"
                      "other/partition=0/other+0+0000000001.json\n{\"id\":1}\n");
    end(road);
}
