// SPDX-License-Identifier: Apache-2.0
// Any schema and any event that the journal's decoders let through: made into Debezium's records and their JSON.
#include "data/connect/envelope.h"
#include "data/connect/json_converter.h"
#include "data/event/event_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_records(const Schema *schema, Slice bytes, Arena *arena) {
    Err err[1] = {{0}};
    RecordPlan *plan;
    EnvelopeOptions options = {.connector = SLICE("shop"), .headers = true, .run_id = SLICE("run")};
    if (!DEBEZIUM_ENVELOPE.compile(arena, schema, &options, &plan, err)) {
        return;
    }
    Buf json;
    buf_init(&json, 0);
    json_converter_schema(&json, plan->value);
    Reader reader = reader_of(bytes);
    EventBase base = {0};
    Event event;
    while (reader_left(&reader) > 0 && event_decode(&reader, &base, arena, &event, err)) {
        Record record = {0};
        if (DEBEZIUM_ENVELOPE.make(plan, arena, &event, &record, err)) {
            json_converter_fields(&json, plan->value, record.value);
            if (record.key != NULL) {
                json_converter_fields(&json, plan->key, record.key);
            }
        } else {
            err_clear(err);
        }
        buf_reset(&json);
    }
    buf_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    size_t schema_size = data[0] + (size_t)data[1] * 256;
    if (schema_size > size - 2) {
        return 0;
    }
    Arena arena;
    arena_init(&arena, "scratch", 256 * MIB);
    Err err[1] = {{0}};
    Schema schema;
    if (schema_decode((Slice){data + 2, schema_size}, &arena, &schema, err)) {
        try_records(&schema, (Slice){data + 2 + schema_size, size - 2 - schema_size}, &arena);
    }
    arena_release(&arena);
    return 0;
}
