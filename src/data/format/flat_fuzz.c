// SPDX-License-Identifier: Apache-2.0
// Any schema and any event that the journal's decoders let through: made into flat records, never out of bounds.
#include "data/event/event_codec.h"
#include "data/format/flat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_records(const Schema *schema, Slice bytes, const EnvelopeOptions *options, Arena *arena) {
    Err err[1] = {{0}};
    RecordPlan *plan;
    if (!FLAT_ENVELOPE.compile(arena, schema, options, &plan, err)) {
        return;
    }
    Reader reader = reader_of(bytes);
    EventBase base = {0};
    Event event;
    while (reader_left(&reader) > 0 && event_decode(&reader, &base, arena, &event, err)) {
        Record record = {0};
        if (!FLAT_ENVELOPE.make(plan, arena, &event, &record, err)) {
            err_clear(err);
        }
    }
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
        Slice events = {data + 2 + schema_size, size - 2 - schema_size};
        try_records(&schema, events, &(EnvelopeOptions){0}, &arena);
        try_records(&schema, events, &(EnvelopeOptions){.exact_text = true}, &arena);
    }
    arena_release(&arena);
    return 0;
}
