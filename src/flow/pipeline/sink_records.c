// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/sink_records.h"

#include "core/base/log.h"
#include "data/connect/transform.h"
#include "flow/pipeline/connector_config.h"

#include <stdatomic.h>

typedef enum Yield { YIELDS_SCHEMA, YIELDS_TEXT, YIELDS_BYTES } Yield;

// Programs whose converters were compared with the sink's.
typedef struct Compared {
    const WireProgram *program;
    Yield yields[2]; // of values, of keys
    struct Compared *next;
} Compared;

struct SinkRecordMaker {
    Arena *arena;
    Slice connector;
    const Properties *config;
    Wire *wire;
    DeadLetters *letters;
    TransformChain *chain;
    bool plain; // no transforms
    bool tolerant;
    Compared *compared;
    Buf bytes;
    ConnectRecord made[CONNECT_RECORDS_MAX]; // of the entry that was made last, as the source made them
    size_t made_count;
    SinkRecords seam;
    _Atomic uint64_t records, dropped, failed;
};

static const Shape TEXT = {.kind = SHAPE_STRING};
static const Shape BYTES = {.kind = SHAPE_BYTES};

// --- converters ------------------------------------------------------------------------------------------------

static bool schemas_enabled(const Properties *config, bool is_key) {
    return connector_true(config, is_key ? "key.converter.schemas.enable" : "value.converter.schemas.enable", true);
}

static bool is_avro(Slice name) {
    return slice_is(name, "AvroConverter");
}

static bool compare(const Properties *written, const Properties *reading, bool is_key, Yield *yield, Err *err) {
    Slice writes = connector_converter(written, is_key), reads = connector_converter(reading, is_key);
    const char *part = is_key ? "key" : "value";
    *yield = slice_is(reads, "StringConverter")      ? YIELDS_TEXT
             : slice_is(reads, "ByteArrayConverter") ? YIELDS_BYTES
                                                     : YIELDS_SCHEMA;
    if (*yield != YIELDS_SCHEMA) {
        return true;
    }
    if (!slice_equal(writes, reads)) {
        FAIL(err, ERR_OPTION, "%s.converter: %.*s cannot read what the source's %.*s has written", part,
             SLICE_ARG(reads), SLICE_ARG(writes));
        return err_hint(err, "give source and sink the same %s.converter", part);
    }
    if (!is_avro(reads) && slice_is(reads, "JsonConverter") &&
        schemas_enabled(written, is_key) != schemas_enabled(reading, is_key)) {
        FAIL(err, ERR_OPTION, "%s.converter.schemas.enable is %s here and %s at the source", part,
             schemas_enabled(reading, is_key) ? "true" : "false", schemas_enabled(written, is_key) ? "true" : "false");
        return err_hint(err, "give source and sink the same %s.converter.schemas.enable", part);
    }
    return true;
}

static bool compared_find(SinkRecordMaker *maker, const WireProgram *program, const Compared **found, Err *err) {
    for (Compared *at = maker->compared; at != NULL; at = at->next) {
        if (LIKELY(at->program == program)) {
            *found = at;
            return true;
        }
    }
    Compared *added = ARENA_NEW(maker->arena, Compared);
    *added = (Compared){.program = program, .next = maker->compared};
    for (int is_key = 0; is_key < 2; is_key++) {
        TRY(compare(wire_config(program), maker->config, is_key, &added->yields[is_key], err));
    }
    *found = maker->compared = added;
    return true;
}

static bool part_yield(SinkRecordMaker *maker, WireProgram *program, Yield yield, bool is_key,
                       const ConnectRecord *from, Arena *scratch, ConnectRecord *to, Err *err) {
    bool null = false;
    if (LIKELY(yield == YIELDS_SCHEMA)) {
        return true;
    }
    buf_reset(&maker->bytes);
    TRY(wire_bytes(program, is_key, from, &maker->bytes, &null, err));
    Value *value = NULL;
    if (!null) {
        value = ARENA_NEW(scratch, Value);
        *value = value_bytes(yield == YIELDS_TEXT ? VALUE_STRING : VALUE_BYTES,
                             arena_slice(scratch, buf_slice(&maker->bytes)));
    }
    const Shape *shape = yield == YIELDS_TEXT ? &TEXT : &BYTES;
    if (is_key) {
        to->key = value;
        to->key_shape = shape;
    } else {
        to->value = value;
        to->value_shape = shape;
    }
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

// What stands in Kafka; NULL where null, or where that cannot be made either.
static const Slice *bytes_of(SinkRecordMaker *maker, WireProgram *program, bool is_key, const ConnectRecord *record,
                             Arena *scratch) {
    Err err[1] = {{0}};
    bool null = false;
    buf_reset(&maker->bytes);
    if (record == NULL || !wire_bytes(program, is_key, record, &maker->bytes, &null, err) || null) {
        return NULL;
    }
    Slice *bytes = ARENA_NEW(scratch, Slice);
    *bytes = arena_slice(scratch, buf_slice(&maker->bytes));
    return bytes;
}

typedef struct Failure {
    WireProgram *program;
    const ConnectRecord *record; // as the source made it; NULL: it could not
    const char *stage, *class_name;
} Failure;

// False: it stops the connector.
static bool tolerated(SinkRecordMaker *maker, const Failure *failure, const JournalEntry *entry, Arena *scratch,
                      Err *err) {
    bool of_record = err_class(err->code) == ERR_CLASS_DATA;
    uint64_t offset = failure->record != NULL ? failure->record->offset : entry->offset;
    if (!of_record || !maker->tolerant) {
        return of_record ? err_prefix(err, "Tolerance exceeded in error handler: topic %.*s, offset %" PRIu64,
                                      SLICE_ARG(entry->topic->name), offset)
                         : false;
    }
    log_warn(LOG_SINK, "a record is set aside", LOG_SLICE("topic", entry->topic->name), LOG_UINT("offset", offset),
             LOG_TEXT("stage", failure->stage), LOG_TEXT("reason", err->message));
    Err cause = *err;
    err_clear(err);
    maker->failed++;
    if (maker->letters == NULL) {
        return true;
    }
    DeadLetter letter = {.topic = entry->topic->name,
                         .offset = offset,
                         .timestamp_ms = failure->record != NULL ? failure->record->timestamp_ms : -1,
                         .key = bytes_of(maker, failure->program, true, failure->record, scratch),
                         .value = bytes_of(maker, failure->program, false, failure->record, scratch),
                         .stage = failure->stage,
                         .class_name = failure->class_name,
                         .cause = &cause};
    return dead_letters_put(maker->letters, &letter, err);
}

static bool record_make(SinkRecordMaker *maker, const Compared *compared, Failure *failure, const ConnectRecord *from,
                        Arena *scratch, ConnectRecord *to, bool *keep, Err *err) {
    *to = *from;
    *keep = true;
    failure->stage = "VALUE_CONVERTER";
    failure->class_name = "org.apache.kafka.connect.storage.Converter";
    for (int is_key = 0; is_key < 2; is_key++) {
        TRY(part_yield(maker, failure->program, compared->yields[is_key], is_key, from, scratch, to, err));
    }
    failure->stage = "TRANSFORMATION";
    failure->class_name = "org.apache.kafka.connect.runtime.TransformationChain";
    return maker->plain || transform_chain_apply(maker->chain, scratch, to, keep, err);
}

static bool make(void *context, Arena *scratch, const JournalEntry *entry, ConnectRecord *records, size_t *count,
                 Err *err) {
    SinkRecordMaker *maker = context;
    ConnectRecord *made = maker->made;
    const Compared *compared = NULL;
    size_t source_count = 0;
    maker->made_count = 0;
    Failure failure = {.stage = "VALUE_CONVERTER", .class_name = "io.debezium.connector.postgresql.PostgresConnector"};
    *count = 0;
    TRY(wire_program(maker->wire, entry, &failure.program, err));
    TRY(compared_find(maker, failure.program, &compared, err));
    if (!wire_records(failure.program, scratch, entry, made, &source_count, err)) {
        return tolerated(maker, &failure, entry, scratch, err);
    }
    maker->made_count = source_count;
    for (size_t i = 0; i < source_count; i++) {
        bool keep = false;
        failure.record = &made[i];
        made[i].partition = 0; // the only one that a topic of the journal has
        if (!record_make(maker, compared, &failure, &made[i], scratch, &records[*count], &keep, err)) {
            TRY(tolerated(maker, &failure, entry, scratch, err));
            continue;
        }
        *count += keep;
        atomic_fetch_add_explicit(keep ? &maker->records : &maker->dropped, 1, memory_order_relaxed);
    }
    return true;
}

static bool reject(void *context, Arena *scratch, const JournalEntry *entry, const ConnectRecord *record, Err *err) {
    SinkRecordMaker *maker = context;
    Failure failure = {.stage = "TASK_PUT", .class_name = "org.apache.kafka.connect.sink.SinkTask"};
    Err cause = *err;
    err_clear(err);
    TRY(wire_program(maker->wire, entry, &failure.program, err));
    *err = cause;
    for (size_t i = 0; i < maker->made_count; i++) {
        failure.record = maker->made[i].offset == record->offset ? &maker->made[i] : failure.record;
    }
    return tolerated(maker, &failure, entry, scratch, err);
}

// --- life ------------------------------------------------------------------------------------------------------

bool sink_records_new(Arena *arena, Slice connector, const Properties *config, Wire *wire, DeadLetters *letters,
                      SinkRecordMaker **maker, Err *err) {
    SinkRecordMaker *made = ARENA_NEW(arena, SinkRecordMaker);
    made->arena = arena;
    made->connector = connector;
    made->config = config;
    made->wire = wire;
    made->letters = letters;
    const Property *tolerance = properties_find(config, SLICE("errors.tolerance"));
    made->tolerant = tolerance != NULL && slice_is(tolerance->value, "all");
    made->seam = (SinkRecords){.make = make, .reject = reject, .context = made, .schemas = true};
    // Without schemas there is none that could change.
    Slice converter = connector_converter(config, false);
    if (slice_is(converter, "JsonConverter") && !schemas_enabled(config, false)) {
        made->seam.schemas = false;
    }
    TRY(transform_chain_new(arena, config, &made->chain, err));
    made->plain = transform_chain_empty(made->chain);
    *maker = made;
    return true;
}

void sink_records_release(SinkRecordMaker *maker) {
    if (maker != NULL) {
        transform_chain_release(maker->chain);
        buf_release(&maker->bytes);
    }
}

const SinkRecords *sink_records_seam(SinkRecordMaker *maker) {
    return &maker->seam;
}

void sink_records_stats(const SinkRecordMaker *maker, SinkRecordStats *stats) {
    *stats = (SinkRecordStats){maker->records, maker->dropped, maker->failed};
}
