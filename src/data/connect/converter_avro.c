// SPDX-License-Identifier: Apache-2.0
// io.confluent.connect.avro.AvroConverter, and Apicurio's in Confluent's form: a zero byte, the schema's id in a
// registry (4 bytes, big-endian), the value in Avro's binary encoding. Compiled once a shape, registered once a shape
// and subject.
#include "data/connect/avro_schema_of.h"
#include "data/connect/converter_class.h"
#include "data/connect/notes.h"
#include "data/connect/smt.h"
#include "data/format/avro/avro.h"

typedef enum SubjectStrategy { SUBJECT_TOPIC, SUBJECT_RECORD, SUBJECT_TOPIC_RECORD } SubjectStrategy;

typedef struct AvroConverter {
    const SchemaRegistrar *registrar;
    AvroSchemaOptions schema;
    SubjectStrategy strategy;
    bool ignore_defaults;
} AvroConverter;

typedef struct Registered Registered;
struct Registered {
    Slice topic;
    uint32_t frame_id; // big-endian
    Registered *next;
};

typedef struct Plan {
    const AvroEncoder *encoder;
    Slice schema;
    Registered *registered; // the one used last comes first
} Plan;

// --- options ---------------------------------------------------------------------------------------------------

static bool strategy_choose(Converter *converter, AvroConverter *state, Err *err) {
    static const char *const NAMES[] = {"TopicNameStrategy", "RecordNameStrategy", "TopicRecordNameStrategy"};
    const char *option = converter->is_key ? "key.subject.name.strategy" : "value.subject.name.strategy";
    Slice name = converter_option(converter, option, NAMES[0]);
    size_t simple = name.size;
    while (simple > 0 && name.data[simple - 1] != '.') {
        simple--;
    }
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (slice_is(slice_from(name, simple), NAMES[i])) {
            state->strategy = (SubjectStrategy)i;
            return true;
        }
    }
    return FAIL(err, ERR_OPTION, "%s%s: \"%.*s\" is none of %s, %s, %s", converter->prefix, option,
                (int)MIN(name.size, 80), (const char *)name.data, NAMES[0], NAMES[1], NAMES[2]);
}

static bool avro_compile(Converter *converter, const SchemaRegistrar *registrar, Err *err) {
    AvroConverter *state = converter->state = ARENA_NEW(converter->arena, AvroConverter);
    if (registrar == NULL) {
        FAIL(err, ERR_OPTION, "%sschema.registry.url: AvroConverter needs a schema registry", converter->prefix);
        return err_hint(err, "leat server has one of its own, on listen.registry");
    }
    state->registrar = registrar;
    TRY(strategy_choose(converter, state, err));
    TRY(converter_option_bool(converter, "connect.meta.data", true, &state->schema.connect_meta_data, err));
    TRY(converter_option_bool(converter, "scrub.invalid.names", false, &state->schema.scrub_names, err));
    TRY(converter_option_bool(converter, "ignore.default.for.nullables", false, &state->ignore_defaults, err));
    bool ignored = false; // names in unions and enums of Avro's own; Connect schemas of leat have neither
    TRY(converter_option_bool(converter, "enhanced.avro.schema.support", false, &ignored, err));
    bool framed = true;
    TRY(converter_option_bool(converter, "apicurio.registry.headers.enabled", false, &framed, err));
    return !framed || FAIL(err, ERR_OPTION, "%sapicurio.registry.headers.enabled: ids stand in front of the value only",
                           converter->prefix);
}

// --- compiling -------------------------------------------------------------------------------------------------

// A field's default stands for null, as Connect's Struct.get has it.
static Value default_of(Arena *arena, const Shape *shape) {
    return shape->kind == SHAPE_STRUCT ? (Value){.kind = VALUE_NULL}
                                       : smt_json_value(arena, shape, connect_note(shape, "connect.default"));
}

static bool plan_make(Converter *converter, const Shape *shape, Plan **made, Err *err) {
    const AvroConverter *state = converter->state;
    AvroDefaults defaults = {default_of, state->ignore_defaults};
    Plan *plan = ARENA_NEW(converter->arena, Plan);
    Buf json;
    buf_init(&json, 0);
    bool done = avro_schema_of(shape, &state->schema, &json, err);
    plan->schema = done ? arena_slice(converter->arena, buf_slice(&json)) : (Slice){0};
    buf_release(&json);
    TRY(done);
    TRY(avro_value_encoder_new(converter->arena, shape, &defaults, &plan->encoder, err));
    converter_plan_keep(converter, shape, plan);
    *made = plan;
    return true;
}

static bool subject_of(Converter *converter, Slice topic, const Shape *shape, Slice *subject, Err *err) {
    const AvroConverter *state = converter->state;
    Arena *arena = converter->arena;
    if (state->strategy == SUBJECT_TOPIC) {
        *subject = slice_of(arena_printf(arena, "%.*s-%s", SLICE_ARG(topic), converter->is_key ? "key" : "value"));
        return true;
    }
    Slice name = avro_record_name(arena, shape, &state->schema);
    if (name.size == 0) {
        FAIL(err, ERR_VALUE, "a subject cannot be named after a record: the schema is none");
        return err_hint(err, "use %s%s.subject.name.strategy=TopicNameStrategy", converter->prefix,
                        converter->is_key ? "key" : "value");
    }
    *subject = state->strategy == SUBJECT_RECORD
                   ? name
                   : slice_of(arena_printf(arena, "%.*s-%.*s", SLICE_ARG(topic), SLICE_ARG(name)));
    return true;
}

static bool plan_register(Converter *converter, Slice topic, const Shape *shape, Plan *plan, Err *err) {
    const AvroConverter *state = converter->state;
    Registered **at = &plan->registered;
    while (*at != NULL && !slice_equal((*at)->topic, topic)) {
        at = &(*at)->next;
    }
    Registered *found = *at;
    if (found != NULL) {
        *at = found->next;
    } else {
        Slice subject = {0};
        int32_t id = 0;
        TRY(subject_of(converter, topic, shape, &subject, err));
        TRY(state->registrar->register_schema(state->registrar->context, subject, plan->schema, &id, err));
        found = ARENA_NEW(converter->arena, Registered);
        found->topic = arena_slice(converter->arena, topic);
        found->frame_id = __builtin_bswap32((uint32_t)id);
    }
    found->next = plan->registered;
    plan->registered = found;
    return true;
}

static bool plan_of(Converter *converter, Slice topic, const Shape *shape, Plan **made, Err *err) {
    Plan *plan = converter_plan(converter, shape);
    if (UNLIKELY(plan == NULL)) {
        TRY(plan_make(converter, shape, &plan, err));
    }
    if (UNLIKELY(plan->registered == NULL || !slice_equal(plan->registered->topic, topic))) {
        TRY(plan_register(converter, topic, shape, plan, err));
    }
    *made = plan;
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

static bool avro_write(Converter *converter, Slice topic, const Shape *shape, const Value *value, Buf *out, Err *err) {
    Plan *plan = NULL;
    if (UNLIKELY(shape == NULL)) {
        return FAIL(err, ERR_VALUE, "a value without schema cannot be written by AvroConverter");
    }
    TRY(plan_of(converter, topic, shape, &plan, err));
    uint8_t *frame = buf_room(out, 5);
    if (UNLIKELY(frame == NULL)) {
        return true; // the writer sees the overflow
    }
    frame[0] = 0;
    memcpy(frame + 1, &plan->registered->frame_id, 4);
    out->size += 5;
    return avro_encode_value(plan->encoder, value, out, err);
}

static bool avro_prepare(Converter *converter, Slice topic, const Shape *shape, Err *err) {
    Plan *plan = NULL;
    return plan_of(converter, topic, shape, &plan, err);
}

const ConverterClass CONVERTER_AVRO = {
    .names = {"io.confluent.connect.avro.AvroConverter", "io.apicurio.registry.utils.converter.AvroConverter"},
    .compile = avro_compile,
    .write = avro_write,
    .prepare = avro_prepare,
    .yield = YIELD_SCHEMA,
};
