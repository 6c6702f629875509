// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/topic_records.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "data/connect/json_converter.h"
#include "data/connect/transform.h"
#include "flow/pipeline/connector_config.h"
#include "flow/source/kafka/decode.h"

#include <stdatomic.h>

// A converter of keys or of values.
typedef struct Part {
    DecodeFormat format;
    Decoder decoder;
    const char *class_name; // as Connect has it
} Part;

struct TopicRecords {
    const Properties *config;
    DeadLetters *letters;
    TransformChain *chain;
    bool plain; // no transforms
    bool tolerant, files;
    Part value, key;
    const KafkaFetched *record;
    Buf text;
    SinkRecords seam;
    _Atomic uint64_t records, dropped, failed;
};

// --- converters ------------------------------------------------------------------------------------------------

static bool part_open(Arena *arena, const Properties *config, bool is_key, Part *part, Err *err) {
    static const struct {
        const char *name, *package;
        DecodeFormat format;
    } CONVERTERS[] = {
        {"JsonConverter", "org.apache.kafka.connect.json.", DECODE_JSON_SCHEMA},
        {"AvroConverter", "io.confluent.connect.avro.", DECODE_AVRO},
        {"JsonSchemaConverter", "io.confluent.connect.json.", DECODE_AVRO}, // the same frame
        {"StringConverter", "org.apache.kafka.connect.storage.", DECODE_STRING},
        {"ByteArrayConverter", "org.apache.kafka.connect.converters.", DECODE_BYTES},
    };
    const char *kind = is_key ? "key" : "value";
    Slice name = connector_converter(config, is_key);
    size_t i = 0;
    while (i < ARRAY_LEN(CONVERTERS) && !slice_is(name, CONVERTERS[i].name)) {
        i++;
    }
    if (i == ARRAY_LEN(CONVERTERS)) {
        FAIL(err, ERR_OPTION, "%s.converter: leat does not read topics with %.*s", kind, SLICE_ARG(name));
        return err_hint(
            err, "it does with JsonConverter, AvroConverter, JsonSchemaConverter, StringConverter, ByteArrayConverter");
    }
    const char *schemas = arena_printf(arena, "%s.converter.schemas.enable", kind);
    part->format = CONVERTERS[i].format;
    if (part->format == DECODE_JSON_SCHEMA && !connector_true(config, schemas, true)) {
        part->format = DECODE_JSON;
    }
    part->class_name = arena_printf(arena, "%s%s", CONVERTERS[i].package, CONVERTERS[i].name);
    decoder_init(&part->decoder);
    part->decoder.connect = true;
    part->decoder.json_schemas = slice_is(name, "JsonSchemaConverter");
    part->decoder.optional_unrequired =
        connector_true(config, arena_printf(arena, "%s.converter.use.optional.for.nonrequired", kind), false);
    if (part->format == DECODE_AVRO) {
        TRY(registrar_new(config, is_key, &part->decoder.registrar, err));
        if (part->decoder.registrar == NULL) {
            return FAIL(err, ERR_OPTION, "%s.converter.schema.registry.url is not set", kind);
        }
    }
    return true;
}

static void part_close(Part *part) {
    registrar_close(part->decoder.registrar);
    decoder_release(&part->decoder);
}

static void put_free(Buf *out, const Value *value) {
    bool map = value->kind == VALUE_MAP;
    if (map || value->kind == VALUE_LIST) {
        buf_u8(out, map ? '{' : '[');
        for (size_t i = 0; i < value->items.count; i++) {
            buf_text(out, i == 0 ? "" : map && i % 2 == 1 ? ":" : ",");
            put_free(out, &value->items.at[i]);
        }
        buf_u8(out, map ? '}' : ']');
    } else if (value_is_absent(value)) {
        buf_text(out, "null");
    } else if (value->kind == VALUE_STRING) {
        json_quote(out, value->bytes);
    } else {
        const Shape shape = {.kind = value->kind == VALUE_INT       ? SHAPE_INT64
                                     : value->kind == VALUE_FLOAT64 ? SHAPE_FLOAT64
                                     : value->kind == VALUE_FLOAT32 ? SHAPE_FLOAT32
                                     : value->kind == VALUE_BYTES   ? SHAPE_BYTES
                                                                    : SHAPE_BOOL};
        json_converter_value(out, &shape, value);
    }
}

// A value without schema as files of JSON have it.
static void document_make(TopicRecords *maker, Arena *scratch, const Shape **shape, const Value **value) {
    static const ShapeNote NOTE = {{(const uint8_t *)SHAPE_NOTE_JSON, sizeof(SHAPE_NOTE_JSON) - 1},
                                   {(const uint8_t *)"true", 4}};
    static const Shape DOCUMENT = {.kind = SHAPE_STRING, .notes = &NOTE, .note_count = 1};
    if (*shape != NULL || *value == NULL) {
        return;
    }
    buf_reset(&maker->text);
    put_free(&maker->text, *value);
    Value *made = ARENA_NEW(scratch, Value);
    *made = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&maker->text)));
    *shape = &DOCUMENT;
    *value = made;
}

static bool part_read(Part *part, Arena *scratch, Slice bytes, const Shape **shape, const Value **value, Err *err) {
    Decoded decoded = {0};
    TRY(decode(&part->decoder, part->format, scratch, bytes, &decoded, err));
    bool null = decoded.value == NULL || value_is_absent(decoded.value);
    *shape = decoded.shape;
    *value = null ? NULL : decoded.value;
    return true;
}

static void headers_read(const KafkaFetched *from, Arena *scratch, ConnectRecord *to) {
    static const Shape TEXT = {.kind = SHAPE_STRING}, BYTES = {.kind = SHAPE_BYTES};
    ConnectHeader *headers = ARENA_ARRAY(scratch, ConnectHeader, from->header_count);
    for (size_t i = 0; i < from->header_count; i++) {
        const KafkaHeader *header = &from->headers[i];
        bool text = header->value.data == NULL || json_utf8_valid(header->value);
        Value *value = ARENA_NEW(scratch, Value);
        *value = value_bytes(text ? VALUE_STRING : VALUE_BYTES, header->value);
        headers[i] = (ConnectHeader){header->name, text ? &TEXT : &BYTES, header->value.data != NULL ? value : NULL};
    }
    to->headers = headers;
    to->header_count = from->header_count;
}

// --- records ---------------------------------------------------------------------------------------------------

typedef struct Failure {
    const char *stage, *class_name;
} Failure;

// False: it stops the connector.
static bool tolerated(TopicRecords *maker, const Failure *failure, Err *err) {
    const KafkaFetched *record = maker->record;
    bool of_record = err_class(err->code) == ERR_CLASS_DATA;
    if (!of_record || !maker->tolerant) {
        return of_record ? err_prefix(err, "Tolerance exceeded in error handler: %s-%d@%" PRId64, record->topic,
                                      record->partition, record->offset)
                         : false;
    }
    log_warn(LOG_SINK, "a record is set aside", LOG_TEXT("topic", record->topic),
             LOG_INT("partition", record->partition), LOG_INT("offset", record->offset),
             LOG_TEXT("stage", failure->stage), LOG_TEXT("reason", err->message));
    Err cause = *err;
    err_clear(err);
    maker->failed++;
    DeadLetter letter = {.topic = slice_of(record->topic),
                         .partition = record->partition,
                         .offset = (uint64_t)record->offset,
                         .timestamp_ms = record->timestamp_ms,
                         .key = record->key.data != NULL ? &record->key : NULL,
                         .value = record->value.data != NULL ? &record->value : NULL,
                         .headers = record->headers,
                         .header_count = record->header_count,
                         .stage = failure->stage,
                         .class_name = failure->class_name,
                         .cause = &cause};
    return maker->letters == NULL || dead_letters_put(maker->letters, &letter, err);
}

static bool record_make(TopicRecords *maker, Failure *failure, Arena *scratch, ConnectRecord *to, bool *keep,
                        Err *err) {
    const KafkaFetched *from = maker->record;
    *to = (ConnectRecord){.topic = slice_of(from->topic),
                          .timestamp_ms = from->timestamp_ms,
                          .offset = (uint64_t)from->offset,
                          .partition = from->partition};
    *keep = true;
    *failure = (Failure){"KEY_CONVERTER", maker->key.class_name};
    if (!part_read(&maker->key, scratch, from->key, &to->key_shape, &to->key, err)) {
        return err_prefix(err, "the key");
    }
    *failure = (Failure){"VALUE_CONVERTER", maker->value.class_name};
    TRY(part_read(&maker->value, scratch, from->value, &to->value_shape, &to->value, err));
    headers_read(from, scratch, to);
    *failure = (Failure){"TRANSFORMATION", "org.apache.kafka.connect.runtime.TransformationChain"};
    TRY(maker->plain || transform_chain_apply(maker->chain, scratch, to, keep, err));
    if (maker->files && *keep) {
        document_make(maker, scratch, &to->value_shape, &to->value);
        document_make(maker, scratch, &to->key_shape, &to->key);
    }
    return true;
}

static bool make(void *context, Arena *scratch, const JournalEntry *entry, ConnectRecord *records, size_t *count,
                 Err *err) {
    TopicRecords *maker = context;
    Failure failure = {0};
    bool keep = false;
    *count = 0;
    if (maker->record == NULL) {
        return true;
    }
    if (!record_make(maker, &failure, scratch, records, &keep, err)) {
        return tolerated(maker, &failure, err);
    }
    *count = keep;
    atomic_fetch_add_explicit(keep ? &maker->records : &maker->dropped, 1, memory_order_relaxed);
    return true;
}

static bool reject(void *context, Arena *scratch, const JournalEntry *entry, const ConnectRecord *record, Err *err) {
    const Failure failure = {"TASK_PUT", "org.apache.kafka.connect.sink.SinkTask"};
    return tolerated(context, &failure, err);
}

// --- life ------------------------------------------------------------------------------------------------------

bool topic_records_new(Arena *arena, const TopicRecordsSpec *spec, TopicRecords **maker, Err *err) {
    const Properties *config = spec->config;
    TopicRecords *made = ARENA_NEW(arena, TopicRecords);
    *made = (TopicRecords){.config = config, .letters = spec->letters, .files = spec->files};
    *maker = made; // releases what there is
    const Property *tolerance = properties_find(config, SLICE("errors.tolerance"));
    made->tolerant = tolerance != NULL && slice_is(tolerance->value, "all");
    TRY(part_open(arena, config, true, &made->key, err) && part_open(arena, config, false, &made->value, err));
    if (made->files && made->value.format == DECODE_JSON &&
        strstr(properties_text(arena, config, "format.class", ""), "JsonFormat") == NULL) {
        FAIL(err, ERR_OPTION, "format.class: values without schema go into files of JSON only");
        return err_hint(err, "set value.converter.schemas.enable=true where the records have schemas");
    }
    // Without schemas there is none that could change.
    made->seam =
        (SinkRecords){.make = make, .reject = reject, .context = made, .schemas = made->value.format != DECODE_JSON};
    TRY(transform_chain_new(arena, config, &made->chain, err));
    made->plain = transform_chain_empty(made->chain);
    return true;
}

void topic_records_release(TopicRecords *maker) {
    if (maker != NULL) {
        if (maker->chain != NULL) {
            transform_chain_release(maker->chain);
        }
        part_close(&maker->key);
        part_close(&maker->value);
        buf_release(&maker->text);
    }
}

void topic_records_set(TopicRecords *maker, const KafkaFetched *record) {
    maker->record = record;
}

const SinkRecords *topic_records_seam(TopicRecords *maker) {
    return &maker->seam;
}

void topic_records_stats(const TopicRecords *maker, SinkRecordStats *stats) {
    *stats = (SinkRecordStats){maker->records, maker->dropped, maker->failed};
}
