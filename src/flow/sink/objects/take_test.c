// SPDX-License-Identifier: Apache-2.0
// Which records go into which files: rotation, partitions, names. A made-up journal of one table is fed to the whole
// sink; what is in the target is compared by name and by the ids of its rows.
#include "flow/sink/objects/take.c"

#include "flow/sink/objects/objects_testing.h"

#include <jansson.h>

static Column COLUMNS[] = {
    {.name = {(const uint8_t *)"id", 2},
     .type = {.kind = TYPE_INT64},
     .flags = COLUMN_KEY | COLUMN_PRIMARY,
     .key_ordinal = 1},
    {.name = {(const uint8_t *)"land", 4}, .type = {.kind = TYPE_STRING}},
    {.name = {(const uint8_t *)"seen", 4}, .type = {.kind = TYPE_TIMESTAMPTZ, .precision = 6}},
};
static Schema SCHEMA = {1, {(const uint8_t *)"shop", 4}, {(const uint8_t *)"orders", 6}, {0}, IDENTITY_KEY, COLUMNS, 3};
static JournalTopic TOPIC = {1, {(const uint8_t *)"shop.orders", 11}};

static void begin(Road *road, const char *options) {
    Err err[1] = {{0}};
    road_open(road, options);
    CHECK_OK(road_start(road, err));
}

static bool event_take(Road *road, EventOp op, const char *land, int64_t unix_s, Err *err) {
    Value row[3] = {value_int((int64_t)road->offset),
                    land != NULL ? value_bytes(VALUE_STRING, slice_of(land)) : (Value){0},
                    {.kind = VALUE_TIMESTAMPTZ, .integer = (unix_s - 946684800) * 1000000}};
    Value key[3] = {row[0], {0}, {0}};
    Event event = {.op = op, .offset_span = 1, .column_count = 3, .source_us = unix_s * 1000000};
    event.before = op == OP_DELETE ? key : NULL;
    event.after = op == OP_CREATE ? row : NULL;
    return road_take(road, &TOPIC, &SCHEMA, &event, err);
}

static void event_of(Road *road, EventOp op, const char *land, int64_t unix_s) {
    Err err[1] = {{0}};
    CHECK_OK(event_take(road, op, land, unix_s, err));
}

static void row(Road *road, const char *land, int64_t unix_s) {
    event_of(road, OP_CREATE, land, unix_s);
}

// "NAME: ids;"
static void show(Buf *out, const char *name, Slice bytes) {
    buf_printf(out, "%s:", name);
    const char *at = (const char *)bytes.data, *end = at + bytes.size;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        CHECK(stop != NULL);
        json_t *line = json_loadb(at, (size_t)(stop - at), 0, NULL);
        CHECK(line != NULL);
        buf_printf(out, " %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(line, "id")));
        json_decref(line);
        at = stop + 1;
    }
    buf_text(out, "\n");
}

static void check_files(Road *road, const char *want) {
    road_files(road, show, want);
}

static void end(Road *road) {
    Err err[1] = {{0}};
    sink_close(road->sink);
    SinkContext context = road_context(road);
    CHECK_OK(OBJECTS_SINK.remove(&context, true, err)); // purges all of it, and nothing else
    check_files(road, "");
    road_remove(road);
}

#define CONFLUENT "layout=confluent;file.rotate.interval=0;file.rotate.bytes=0;"

TEST(objects_flush_size_counts_records_over_all_partitions) {
    Road road[1];
    begin(road, CONFLUENT "partitioner=field;partition.field.name=land;flush.size=3");
    row(road, "de", 0);
    row(road, "fr", 0);
    cut(road);
    check_files(road, "");
    row(road, "de", 0);
    row(road, "de", 0); // 3: of the next files
    row(road, NULL, 0);
    cut(road);
    check_files(road, "topics/shop.orders/land=de/shop.orders+0+0000000000.json: 0 2\n"
                      "topics/shop.orders/land=fr/shop.orders+0+0000000001.json: 1\n");
    row(road, "a/b", 0);
    cut(road);
    check_files(road, "topics/shop.orders/land=a%2Fb/shop.orders+0+0000000005.json: 5\n"
                      "topics/shop.orders/land=de/shop.orders+0+0000000000.json: 0 2\n"
                      "topics/shop.orders/land=de/shop.orders+0+0000000003.json: 3\n"
                      "topics/shop.orders/land=fr/shop.orders+0+0000000001.json: 1\n"
                      "topics/shop.orders/land=null/shop.orders+0+0000000004.json: 4\n");
    end(road);
}

TEST(objects_that_end_amid_a_transaction_go_on_where_they_ended) {
    Road road[1];
    Err err[1] = {{0}};
    begin(road, CONFLUENT "partitioner=default;flush.size=2");
    for (int i = 0; i < 5; i++) {
        row(road, "de", 0);
    }
    cut(road);
    const char *want = "topics/shop.orders/partition=0/shop.orders+0+0000000000.json: 0 1\n"
                       "topics/shop.orders/partition=0/shop.orders+0+0000000002.json: 2 3\n";
    check_files(road, want);
    sink_close(road->sink);
    CHECK_OK(road_start(road, err));
    CHECK_INT(sink_start(road->sink), 0); // row 4 is not published: the transaction is read again
    road->at = road->offset = road->sequence = 0;
    for (int i = 0; i < 5; i++) {
        row(road, "de", 0);
    }
    cut(road);
    check_files(road, want);
    row(road, "de", 0);
    cut(road);
    check_files(road, "topics/shop.orders/partition=0/shop.orders+0+0000000000.json: 0 1\n"
                      "topics/shop.orders/partition=0/shop.orders+0+0000000002.json: 2 3\n"
                      "topics/shop.orders/partition=0/shop.orders+0+0000000004.json: 4 5\n");
    end(road);
}

TEST(objects_of_hours_and_days_in_a_zone) {
    Road road[1];
    Err err[1] = {{0}};
    begin(road, CONFLUENT "partitioner=hourly;timestamp.extractor=record;timezone=Europe/Berlin");
    row(road, "de", 1711846799); // 01:59:59 CET
    row(road, "de", 1711846800); // 03:00:00 CEST: two does not come
    row(road, "de", 1711846000); // late
    cut(road);
    CHECK_OK(sink_flush(road->sink, err));
    check_files(road, "topics/shop.orders/year=2024/month=03/day=31/hour=01/shop.orders+0+0000000000.json: 0 2\n"
                      "topics/shop.orders/year=2024/month=03/day=31/hour=03/shop.orders+0+0000000001.json: 1\n");
    end(road);
    begin(road, "partitioner=daily;timestamp.extractor=recordfield;timestamp.field=seen");
    row(road, "de", 1709211845);
    row(road, "de", 1709164799);
    event_of(road, OP_DELETE, NULL, 1709211845); // has no `seen`: counts as of its commit
    cut(road);
    CHECK_OK(sink_flush(road->sink, err));
    check_files(road, "shop/orders/year=2024/month=02/day=28/shop.orders-0-00000000000000000001.json: 1\n"
                      "shop/orders/year=2024/month=02/day=29/shop.orders-0-00000000000000000000.json: 0 2\n");
    end(road);
    begin(road, "partitioner=time;timestamp.extractor=record;path.format='week'=xxxx-ww;partition.duration.ms=3600000");
    row(road, "de", 1735603200);
    cut(road);
    CHECK_OK(sink_flush(road->sink, err));
    check_files(road, "shop/orders/week=2025-01/shop.orders-0-00000000000000000000.json: 0\n");
    end(road);
}

TEST(objects_rotate_by_the_time_of_records_and_by_partition) {
    Road road[1];
    begin(road, CONFLUENT "partitioner=hourly;timestamp.extractor=record;rotate.interval.ms=600000");
    row(road, "de", 3600);
    row(road, "de", 4199);
    row(road, "de", 4200); // ten minutes after the first: ends its file
    row(road, "de", 7200); // another hour, less than ten minutes: too
    row(road, "de", 7201);
    cut(road);
    check_files(road, "topics/shop.orders/year=1970/month=01/day=01/hour=01/shop.orders+0+0000000000.json: 0 1\n"
                      "topics/shop.orders/year=1970/month=01/day=01/hour=01/shop.orders+0+0000000002.json: 2\n");
    end(road);
    begin(road, CONFLUENT "partitioner=hourly;timestamp.extractor=record;rotate.interval.ms=6000000;"
                          "rotate.file.on.partition.change=false");
    row(road, "de", 3600);
    row(road, "de", 7200);
    row(road, "de", 3601);
    row(road, "de", 9600); // a hundred minutes
    cut(road);
    check_files(road, "topics/shop.orders/year=1970/month=01/day=01/hour=01/shop.orders+0+0000000000.json: 0 2\n"
                      "topics/shop.orders/year=1970/month=01/day=01/hour=02/shop.orders+0+0000000001.json: 1\n");
    end(road);
    begin(road, CONFLUENT "partitioner=field;partition.field.name=id,land;partitioner.max.open.files=2");
    row(road, "de", 0);
    row(road, "de", 0);
    row(road, "de", 0); // the third partition ends the others
    cut(road);
    check_files(road, "topics/shop.orders/id=0/land=de/shop.orders+0+0000000000.json: 0\n"
                      "topics/shop.orders/id=1/land=de/shop.orders+0+0000000001.json: 1\n");
    end(road);
}

TEST(objects_keys_have_files_beside_those_of_values) {
    Road road[1];
    Err err[1] = {{0}};
    begin(road, CONFLUENT "partitioner=default;store.kafka.keys=true");
    row(road, "de", 0);
    row(road, "de", 0);
    event_of(road, OP_TRUNCATE, NULL, 0); // has no key: ends the pair, so that their lines stay side by side
    row(road, "de", 0);
    cut(road);
    CHECK_OK(sink_flush(road->sink, err));
    check_files(road, "topics/shop.orders/partition=0/shop.orders+0+0000000000.json: 0 1\n"
                      "topics/shop.orders/partition=0/shop.orders+0+0000000000.keys.json: 0 1\n"
                      "topics/shop.orders/partition=0/shop.orders+0+0000000002.json: 0\n"
                      "topics/shop.orders/partition=0/shop.orders+0+0000000003.json: 3\n"
                      "topics/shop.orders/partition=0/shop.orders+0+0000000003.keys.json: 3\n");
    end(road);
}

TEST(objects_of_one_message_each_in_harbors_layout) {
    Road road[1];
    begin(road, "layout=harbor;tenant=42;flush.size=1;timestamp.extractor=record");
    row(road, "de", 1709211845);
    row(road, "de", 1709211845);
    cut(road);
    uint8_t id[16];
    Buf want;
    buf_init(&want, 0);
    const char *names[2];
    for (uint64_t i = 0; i < 2; i++) {
        Buf name;
        buf_init(&name, 0);
        name_id(id, 1709211845000, SLICE("shop"), SLICE("shop.orders"), i);
        name_fill(&name, SLICE("tenant-42/raw/cdc.shop.orders/\x03/\x04/\x05/\x06/\x07.json"),
                  &(NameFill){.local_s = 1709211845,
                              .id = {id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10],
                                     id[11], id[12], id[13], id[14], id[15]}});
        names[i] = arena_text(&road->arena, buf_slice(&name));
        buf_release(&name);
    }
    bool ordered = strcmp(names[0], names[1]) < 0;
    buf_printf(&want, "%s: %d\n%s: %d\n", names[ordered ? 0 : 1], ordered ? 0 : 1, names[ordered ? 1 : 0],
               ordered ? 1 : 0);
    buf_u8(&want, 0);
    check_files(road, (const char *)want.data);
    buf_release(&want);
    end(road);
}

TEST(objects_scheduled_rotation_is_aligned_in_the_zone) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Err err[1] = {{0}};
    static Objects sink;
    sink.options.schedule_interval_ms = 3600000;
    CHECK_OK(zone_load(&arena, "Asia/Kolkata", &sink.rules.zone, err)); // +05:30
    CHECK_INT(objects_schedule_next(&sink, 1709211845000), 1709213400000);
    sink.options.schedule_interval_ms = 5 * 3600000; // midnight comes before the fifth multiple
    CHECK_INT(objects_schedule_next(&sink, 1709229600000 - 3600000 * 2), 1709229600000 + 1800000);
    CHECK_OK(zone_load(&arena, "Europe/Berlin", &sink.rules.zone, err));
    sink.options.schedule_interval_ms = 86400000; // the day that has 23 hours
    CHECK_INT(objects_schedule_next(&sink, 1711846800000), 1711922400000);
    arena_release(&arena);
}

TEST(objects_scheduled_rotation_follows_a_clock_that_was_wrong) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    Err err[1] = {{0}};
    Objects sink = {.options.schedule_interval_ms = 3600000};
    CHECK_OK(zone_load(&arena, "UTC", &sink.rules.zone, err));
    sink.partitioner.now_ms = INT64_C(4070908800000); // 2099, until the clock is set
    sink.next_schedule_ms = objects_schedule_next(&sink, sink.partitioner.now_ms);
    sink.partitioner.now_ms = 1709211845000;
    objects_mark_old(&sink);
    CHECK_INT(sink.next_schedule_ms, 1709215200000);
    arena_release(&arena);
}

TEST(objects_refuse_options_that_do_not_go_together) {
    static const char *const BAD[] = {
        "partitioner=field",
        "partitioner=time",
        "partitioner=time;path.format=YYYY",
        "partitioner=time;path.format=bbb;partition.duration.ms=1000",
        "partitioner=daily;timezone=Mars/Olympus",
        "partitioner=daily;locale=de",
        "rotate.interval.ms=1000",
        "store.kafka.headers=true",
        "behavior.on.null.values=write",
        "layout=harbor",
        "layout=template",
        "layout=template;file.name.template={table}/{offset}",
        "file.name.template={topic}/{offset}",
        "file.compression=zstd",
        "format=parquet;file.compression=deflate",
        "layout=confluent;topics.dir=../x",
        "layout=confluent;directory.delim=",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        Road road[1];
        Err err[1] = {{0}};
        road_open(road, BAD[i]);
        CHECK_FAILS(road_start(road, err), ERR_OPTION);
        CHECK(!file_exists(road->target)); // nothing was done
        SinkContext context = {.name = "main", .url = road->target, .options = &road->options};
        err_clear(err);
        CHECK_FAILS(OBJECTS_SINK.probe(&context, err), ERR_OPTION);
        CHECK_OK(file_remove_tree(road->directory, (err_clear(err), err)));
        arena_release(&road->arena);
    }
}

TEST(objects_that_a_format_cannot_hold_are_refused_by_name) {
    Err err[1] = {{0}};
    Road road[1];
    begin(road, "format=bytes");
    CHECK(!event_take(road, OP_CREATE, NULL, 0, err));
    CHECK_INT(err->code, ERR_TABLE);
    CHECK(strstr(err->message, "shop.orders") != NULL);
    sink_close(road->sink);
    CHECK_OK(file_remove_tree(road->directory, (err_clear(err), err)));
    arena_release(&road->arena);
}
