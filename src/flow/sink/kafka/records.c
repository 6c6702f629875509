// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/kafka/records.h"

#include "core/base/map.h"
#include "core/config/secret.h"
#include "core/sys/random.h"
#include "data/connect/converter.h"
#include "data/connect/headers.h"
#include "data/connect/names.h"
#include "data/connect/program.h"
#include "data/format/avro/avro.h"
#include "data/format/flat.h"
#include "data/format/json_lines.h"
#include "data/format/shape_json.h"
#include "storage/kafka/registrar.h"

enum { SCRATCH_KEPT = 1 << 20 };

// One side of flat records as Avro.
typedef struct FlatAvro {
    const AvroEncoder *encoder;
    uint32_t frame_id; // big-endian
} FlatAvro;

// Of one version of one table.
typedef struct FlatPlan {
    Slice topic;
    RecordPlan *record;
    const JsonLines *lines; // NULL: Avro
    FlatAvro avro[2];       // of values, of keys
} FlatPlan;

struct KafkaRecords {
    Arena run[1], scratch[1];
    const KafkaSinkOptions *options;
    const SinkRecords *maker; // of a connector; NULL = what follows
    Properties config;        // references resolved
    bool avro, flat;
    ConnectProgram *program;  // Debezium's
    Converter *converters[2]; // of values, of keys
    Registrar *registrars[2];
    TopicNames *names; // flat
    EnvelopeOptions envelope;
    JsonOptions json;
    Map plans; // by the address of the schema, which stays as long as its reader
    Buf keys[CONNECT_RECORDS_MAX], value[CONNECT_RECORDS_MAX];
};

// --- opening -----------------------------------------------------------------------------------------------------

static bool debezium_open(KafkaRecords *records, const SinkContext *context, Err *err) {
    char run_id[37];
    random_uuid(run_id);
    ProgramContext program = {.connector = slice_of(context->pipeline != NULL ? context->pipeline : ""),
                              .database = slice_of(context->database != NULL ? context->database : ""),
                              .run_id = slice_of(arena_printf(records->run, "%s", run_id))};
    TRY(connect_program_new(records->run, &records->config, &program, &records->program, err));
    for (int is_key = 0; is_key < 2; is_key++) {
        const SchemaRegistrar *contract =
            records->registrars[is_key] != NULL ? registrar_contract(records->registrars[is_key]) : NULL;
        TRY(converter_new(records->run, &records->config, is_key, contract, &records->converters[is_key], err));
    }
    return true;
}

static bool flat_open(KafkaRecords *records, const SinkContext *context, Err *err) {
    const KafkaSinkOptions *options = records->options;
    TRY(topic_names_new(records->run, &records->config, &records->names, err));
    records->envelope = (EnvelopeOptions){.connector = topic_names_prefix(records->names),
                                          .fail_on_inexact = strcmp(options->inexact, "fail") == 0,
                                          .exact_text = strcmp(options->inexact, "text") == 0};
    records->json = (JsonOptions){
        .decimals = strcmp(options->decimals, "number") == 0 ? JSON_DECIMALS_NUMBER : JSON_DECIMALS_STRING,
        .documents = strcmp(options->documents, "embedded") == 0 ? JSON_DOCUMENTS_EMBEDDED : JSON_DOCUMENTS_STRING};
    if (options->json_schemas) {
        FAIL(err, ERR_OPTION, "json.schemas.enable is for envelope=debezium");
        return err_hint(err, "set envelope=debezium too, or format=avro");
    }
    return true;
}

static bool records_open(KafkaRecords *records, const SinkContext *context, Err *err) {
    Properties config;
    const char *name = context->pipeline != NULL ? context->pipeline : "leat"; // NULL: a probe
    TRY(kafka_sink_config(records->options, name, records->run, &config, err));
    TRY(secret_resolve_all(records->run, &config, &records->config, err));
    for (int is_key = 0; is_key < 2 && records->avro; is_key++) {
        TRY(registrar_new(&records->config, is_key, &records->registrars[is_key], err));
    }
    return records->flat ? flat_open(records, context, err) : debezium_open(records, context, err);
}

bool kafka_records_new(const KafkaSinkOptions *options, const SinkContext *context, KafkaRecords **records, Err *err) {
    KafkaRecords *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init(made->run, "run", 0);
    arena_init(made->scratch, "scratch", 0);
    made->options = options;
    made->maker = context->records;
    made->avro = strcmp(options->format, "avro") == 0;
    made->flat = made->maker == NULL && strcmp(options->envelope, "flat") == 0;
    if (made->maker == NULL && !records_open(made, context, err)) {
        kafka_records_free(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *records = made;
    return true;
}

void kafka_records_free(KafkaRecords *records) {
    if (records == NULL) {
        return;
    }
    connect_program_release(records->program);
    topic_names_release(records->names);
    for (int i = 0; i < 2; i++) {
        converter_release(records->converters[i]);
        registrar_close(records->registrars[i]);
    }
    for (int i = 0; i < CONNECT_RECORDS_MAX; i++) {
        buf_release(&records->keys[i]);
        buf_release(&records->value[i]);
    }
    map_release(&records->plans);
    arena_release(records->scratch);
    arena_release(records->run);
    free(records);
}

bool kafka_records_probe(KafkaRecords *records, Err *err) {
    return records->registrars[0] == NULL || registrar_check(records->registrars[0], err);
}

// --- Debezium's --------------------------------------------------------------------------------------------------

static bool part_write(KafkaRecords *records, bool is_key, const ConnectRecord *from, Buf *buf, Slice *bytes,
                       Err *err) {
    bool null = false;
    buf_reset_keep(buf, SCRATCH_KEPT);
    if (records->maker != NULL) {
        TRY(records->maker->bytes(records->maker->context, is_key, from, buf, &null, err));
    } else {
        TRY(converter_write(records->converters[is_key], from->topic, is_key ? from->key_shape : from->value_shape,
                            is_key ? from->key : from->value, buf, &null, err));
    }
    static const uint8_t NOTHING[1];
    *bytes = null ? (Slice){0} : buf->size > 0 ? buf_slice(buf) : (Slice){NOTHING, 0};
    return true;
}

// As Connect's SimpleHeaderConverter has it; good as long as the record.
static Slice header_text(KafkaRecords *records, const ConnectHeader *header) {
    if (header->value == NULL || value_is_absent(header->value)) {
        return (Slice){0};
    }
    if (LIKELY(header->value->kind == VALUE_STRING)) {
        return header->value->bytes;
    }
    DEFER(buf_release) Buf text = {0};
    connect_header_text(&text, header);
    return arena_slice(records->scratch, buf_slice(&text));
}

static bool debezium_make(KafkaRecords *records, const JournalEntry *entry, KafkaRecord *made, size_t *count,
                          Err *err) {
    ConnectRecord from[CONNECT_RECORDS_MAX];
    const SinkRecords *maker = records->maker;
    TRY(maker != NULL
            ? maker->make(maker->context, records->scratch, entry, from, count, err)
            : connect_program_make(records->program, records->scratch, entry->schema, entry->event, from, count, err));
    for (size_t i = 0; i < *count; i++) {
        KafkaHeader *headers = ARENA_ARRAY(records->scratch, KafkaHeader, from[i].header_count);
        for (size_t j = 0; j < from[i].header_count; j++) {
            headers[j] = (KafkaHeader){from[i].headers[j].name, header_text(records, &from[i].headers[j])};
        }
        made[i] = (KafkaRecord){.topic = from[i].topic,
                                .message = {.timestamp_ms = from[i].timestamp_ms,
                                            .partition = from[i].partition,
                                            .headers = headers,
                                            .header_count = from[i].header_count}};
        TRY(part_write(records, true, &from[i], &records->keys[i], &made[i].message.key, err));
        TRY(part_write(records, false, &from[i], &records->value[i], &made[i].message.value, err));
    }
    return true;
}

// --- flat --------------------------------------------------------------------------------------------------------

static bool flat_avro(KafkaRecords *records, FlatPlan *plan, bool is_key, Err *err) {
    const Shape *shape = is_key ? plan->record->key : plan->record->value;
    DEFER(buf_release) Buf json = {0};
    int32_t id = 0;
    if (shape == NULL) {
        return true;
    }
    Slice subject =
        slice_of(arena_printf(records->scratch, "%.*s-%s", SLICE_ARG(plan->topic), is_key ? "key" : "value"));
    const SchemaRegistrar *contract = registrar_contract(records->registrars[is_key]);
    TRY(avro_schema_json(shape, shape->name, &json, err));
    TRY(contract->register_schema(contract->context, subject, buf_slice(&json), &id, err));
    plan->avro[is_key].frame_id = __builtin_bswap32((uint32_t)id);
    return avro_encoder_new(records->run, shape, &plan->avro[is_key].encoder, err);
}

static bool flat_plan(KafkaRecords *records, const Schema *schema, FlatPlan **plan, Err *err) {
    FlatPlan *found = map_find_u64(&records->plans, (uintptr_t)schema);
    if (LIKELY(found != NULL)) {
        *plan = found;
        return true;
    }
    found = ARENA_NEW(records->run, FlatPlan);
    found->topic = topic_names_table(records->names, records->run, schema->space, schema->table);
    TRY(FLAT_ENVELOPE.compile(records->run, schema, &records->envelope, &found->record, err));
    if (records->avro) {
        TRY(flat_avro(records, found, false, err) && flat_avro(records, found, true, err));
    } else {
        found->lines = json_lines_new(records->run, schema, &records->json);
    }
    map_put_u64(&records->plans, (uintptr_t)schema, found);
    *plan = found;
    return true;
}

static bool flat_bytes(const FlatPlan *plan, bool is_key, const Value *values, Buf *out, Err *err) {
    buf_u8(out, 0);
    buf_bytes(out, &plan->avro[is_key].frame_id, 4);
    return avro_encode(plan->avro[is_key].encoder, values, out, err);
}

static bool flat_key(const FlatPlan *plan, const Record *record, Buf *out, Err *err) {
    if (record->key == NULL) {
        return true;
    }
    if (plan->lines == NULL) {
        return flat_bytes(plan, true, record->key, out, err);
    }
    Value key = {.kind = VALUE_STRUCT, .items = {record->key, plan->record->key->field_count}};
    shape_value_json(out, plan->record->key, &key);
    return true;
}

static bool flat_make(KafkaRecords *records, const JournalEntry *entry, KafkaRecord *made, size_t *count, Err *err) {
    FlatPlan *plan = NULL;
    Record record = {.event = entry->event, .schema = entry->schema};
    Buf *key = &records->keys[0], *value = &records->value[0];
    *count = 0;
    TRY(flat_plan(records, entry->schema, &plan, err));
    TRY(FLAT_ENVELOPE.make(plan->record, records->scratch, entry->event, &record, err));
    buf_reset_keep(key, SCRATCH_KEPT);
    buf_reset_keep(value, SCRATCH_KEPT);
    TRY(flat_key(plan, &record, key, err));
    if (plan->lines != NULL) {
        json_lines_write(plan->lines, value, entry->event);
        value->size--; // its newline
    } else {
        TRY(flat_bytes(plan, false, record.value, value, err));
    }
    KafkaMessage message = {.partition = -1,
                            .key = record.key != NULL ? buf_slice(key) : (Slice){0},
                            .value = buf_slice(value),
                            .timestamp_ms = entry->event->source_us / 1000};
    made[(*count)++] = (KafkaRecord){plan->topic, message};
    if (entry->event->op == OP_DELETE && records->options->tombstones && record.key != NULL) {
        message.value = (Slice){0};
        made[(*count)++] = (KafkaRecord){plan->topic, message};
    }
    return true;
}

bool kafka_records_make(KafkaRecords *records, const JournalEntry *entry, KafkaRecord *made, size_t *count, Err *err) {
    arena_reset(records->scratch);
    return records->flat ? flat_make(records, entry, made, count, err)
                         : debezium_make(records, entry, made, count, err);
}
