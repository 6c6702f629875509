// SPDX-License-Identifier: Apache-2.0
// Journal records of the orders table into wire bytes, on one core: decode, Debezium's program, transforms, converters
// of key and value. The events are made and encoded in memory first; nothing is read or written.
//
//     leat_wire [json|json-schemas|avro|transforms|all [SECONDS]]
//
// It prints {"what":…,"records":…,"cpu_seconds":…,"records_per_second":…,"bytes_per_record":…} for each.
#include "core/base/log.h"
#include "data/connect/converter.h"
#include "data/connect/program.h"
#include "data/event/event_codec.h"

#include "../micro/rows.h"

enum { ROWS = 10000, ROUND_RESET = 64 };

static const struct {
    const char *what, *config;
} CASES[] = {
    {"json", "{\"key.converter\":\"JsonConverter\",\"value.converter\":\"JsonConverter\","
             "\"key.converter.schemas.enable\":\"false\",\"value.converter.schemas.enable\":\"false\","},
    {"json-schemas", "{\"key.converter\":\"JsonConverter\",\"value.converter\":\"JsonConverter\","},
    {"avro", "{\"key.converter\":\"AvroConverter\",\"value.converter\":\"AvroConverter\","},
    {"transforms",
     "{\"key.converter.schemas.enable\":\"false\",\"value.converter.schemas.enable\":\"false\","
     "\"transforms\":\"route,rename,stamp\","
     "\"transforms.route.type\":\"org.apache.kafka.connect.transforms.RegexRouter\","
     "\"transforms.route.regex\":\"([^.]+)\\\\.([^.]+)\\\\.([^.]+)\",\"transforms.route.replacement\":\"$3\","
     "\"transforms.rename.type\":\"org.apache.kafka.connect.transforms.ReplaceField$Value\","
     "\"transforms.rename.renames\":\"ts_ms:at\","
     "\"transforms.stamp.type\":\"org.apache.kafka.connect.transforms.InsertField$Value\","
     "\"transforms.stamp.static.field\":\"origin\",\"transforms.stamp.static.value\":\"shop\","
     "\"transforms.stamp.topic.field\":\"topic\","},
    {"unwrap", "{\"key.converter.schemas.enable\":\"false\",\"value.converter.schemas.enable\":\"false\","
               "\"transforms\":\"unwrap,key,route\","
               "\"transforms.unwrap.type\":\"io.debezium.transforms.ExtractNewRecordState\","
               "\"transforms.unwrap.add.fields\":\"op,source.ts_ms,lsn\","
               "\"transforms.key.type\":\"org.apache.kafka.connect.transforms.ExtractField$Key\","
               "\"transforms.key.field\":\"id\","
               "\"transforms.route.type\":\"org.apache.kafka.connect.transforms.RegexRouter\","
               "\"transforms.route.regex\":\"(.*)\",\"transforms.route.replacement\":\"cdc.$1\","},
};

static const char COMMON[] = "\"topic.prefix\":\"shop\",\"database.dbname\":\"shop\",\"plugin.name\":\"pgoutput\","
                             "\"database.hostname\":\"h\",\"database.user\":\"u\",\"name\":\"shop\"}";

typedef struct Wire {
    Arena run, scratch;
    Schema schema;
    EventBase base;
    Buf events, out;
    ConnectProgram *program;
    Converter *key, *value;
    uint64_t records, bytes;
} Wire;

static bool register_any(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    *id = 1;
    return true;
}

// As many creates as updates, each with the row as it is now.
static void events_encode(Wire *wire) {
    wire->base = (EventBase){.commit_lsn = 1 << 30, .source_us = 1700000000000000};
    for (int64_t i = 0; i < ROWS; i++) {
        Event event = {.op = i % 2 == 0 ? OP_CREATE : OP_UPDATE,
                       .column_count = ARRAY_LEN(ORDERS),
                       .commit_lsn = wire->base.commit_lsn + (uint64_t)i * 200,
                       .ordinal = 1,
                       .lsn = wire->base.commit_lsn + (uint64_t)i * 200 - 48,
                       .transaction_id = 700 + (uint64_t)i,
                       .source_us = wire->base.source_us + i * 37,
                       .capture_us = wire->base.source_us + i * 37 + 5000,
                       .after = orders_row(&wire->scratch, i)};
        event_encode(&wire->events, &wire->base, &event);
    }
}

static bool round_run(Wire *wire, Err *err) {
    Reader reader = reader_of(buf_slice(&wire->events));
    while (reader_left(&reader) > 0) {
        Event event;
        ConnectRecord records[CONNECT_RECORDS_MAX];
        size_t count = 0;
        bool null = false;
        TRY(event_decode(&reader, &wire->base, &wire->scratch, &event, err));
        TRY(connect_program_make(wire->program, &wire->scratch, &wire->schema, &event, records, &count, err));
        for (size_t i = 0; i < count; i++) {
            const ConnectRecord *record = &records[i];
            TRY(converter_write(wire->key, record->topic, record->key_shape, record->key, &wire->out, &null, err));
            TRY(converter_write(wire->value, record->topic, record->value_shape, record->value, &wire->out, &null,
                                err));
            wire->records++;
        }
        if (wire->out.size > 256 * KIB) {
            wire->bytes += wire->out.size;
            buf_reset(&wire->out);
            arena_reset(&wire->scratch);
        }
    }
    return true;
}

static bool case_run(const char *what, const char *config, double seconds, Err *err) {
    static const SchemaRegistrar REGISTRAR = {register_any, NULL};
    Wire wire = {.schema = {.id = 1, .space = NAME("public"), .table = NAME("orders"), .identity = IDENTITY_KEY}};
    wire.schema.columns = ORDERS;
    wire.schema.column_count = ARRAY_LEN(ORDERS);
    arena_init(&wire.run, "run", 0);
    arena_init(&wire.scratch, "scratch", 0);
    buf_init(&wire.events, 0);
    buf_init(&wire.out, 0);
    events_encode(&wire);
    arena_reset(&wire.scratch);
    Properties properties;
    ProgramContext context = {SLICE("shop"), SLICE("shop"), SLICE("01a1fd34-7efe-7c41-aef0-3e5c925fa8d6")};
    TRY(properties_parse(&wire.run, slice_of(arena_printf(&wire.run, "%s%s", config, COMMON)), &properties, err));
    TRY(connect_program_new(&wire.run, &properties, &context, &wire.program, err));
    TRY(converter_new(&wire.run, &properties, true, &REGISTRAR, &wire.key, err));
    TRY(converter_new(&wire.run, &properties, false, &REGISTRAR, &wire.value, err));
    TRY(round_run(&wire, err));
    wire.records = wire.bytes = 0;
    int64_t start = cpu_ns(), spent = 0;
    do {
        TRY(round_run(&wire, err));
        spent = cpu_ns() - start;
    } while ((double)spent < seconds * 1e9);
    wire.bytes += wire.out.size;
    printf("{\"what\":\"%s\",\"records\":%" PRIu64 ",\"cpu_seconds\":%.3f,\"records_per_second\":%.0f,"
           "\"bytes_per_record\":%.1f}\n",
           what, wire.records, (double)spent / 1e9, (double)wire.records * 1e9 / (double)spent,
           (double)wire.bytes / (double)wire.records);
    converter_release(wire.key);
    converter_release(wire.value);
    connect_program_release(wire.program);
    buf_release(&wire.out);
    buf_release(&wire.events);
    arena_release(&wire.scratch);
    arena_release(&wire.run);
    return true;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "all";
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1.0;
    bool any = false;
    log_level_set(LOG_ERROR);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Err err[1] = {{0}};
        if (strcmp(what, "all") != 0 && strcmp(what, CASES[i].what) != 0) {
            continue;
        }
        any = true;
        if (!case_run(CASES[i].what, CASES[i].config, seconds, err)) {
            fprintf(stderr, "%s: %s\n", CASES[i].what, err->message);
            return 1;
        }
    }
    if (!any) {
        fprintf(stderr, "usage: leat_wire [json|json-schemas|avro|transforms|unwrap|all [SECONDS]]\n");
        return 2;
    }
    return 0;
}
