// SPDX-License-Identifier: Apache-2.0
// Payloads of an outbox, and specs and texts of Cast: a shape that is made has a value that fits it, in JSON and Avro.
#include "data/connect/avro_schema_of.h"
#include "data/connect/converter.h"
#include "data/connect/smt.h"
#include "data/connect/transform.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool register_any(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    *id = 1;
    return true;
}

static void write_all(Arena *arena, const Shape *shape, const Value *value) {
    static const SchemaRegistrar REGISTRAR = {register_any, NULL};
    static const char *const CONFIGS[] = {
        "{\"value.converter\":\"JsonConverter\"}",
        "{\"value.converter\":\"StringConverter\"}",
        "{\"value.converter\":\"AvroConverter\",\"value.converter.scrub.invalid.names\":\"true\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(CONFIGS); i++) {
        Err err[1] = {{0}};
        Properties config;
        Converter *converter = NULL;
        Buf out;
        bool null = false;
        buf_init(&out, 0);
        bool ok = properties_parse(arena, slice_of(CONFIGS[i]), &config, err) &&
                  converter_new(arena, &config, false, &REGISTRAR, &converter, err);
        ASSERT(ok);
        ok = converter_write(converter, SLICE("t"), shape, value, &out, &null, err);
        ASSERT(ok || i == 2); // Avro does not take every name
        converter_release(converter);
        buf_release(&out);
    }
}

static void cast(Arena *arena, Slice spec, Slice text) {
    Err err[1] = {{0}};
    Properties config = {0};
    TransformChain *chain = NULL;
    properties_set(arena, &config, SLICE("transforms"), SLICE("c"));
    properties_set(arena, &config, SLICE("transforms.c.type"), SLICE("Cast$Value"));
    properties_set(arena, &config, SLICE("transforms.c.spec"), spec);
    if (transform_chain_new(arena, &config, &chain, err)) {
        ShapeField field = {.name = SLICE("a"), .shape = {.kind = SHAPE_STRING}};
        Shape shape = {.kind = SHAPE_STRUCT, .fields = &field, .field_count = 1};
        Value item = value_bytes(VALUE_STRING, text);
        Value value = {.kind = VALUE_STRUCT, .items = {&item, 1}};
        ConnectRecord record = {.topic = SLICE("t"), .value_shape = &shape, .value = &value};
        bool keep = false;
        if (transform_chain_apply(chain, arena, &record, &keep, err)) {
            write_all(arena, record.value_shape, record.value);
        }
        transform_chain_release(chain);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    JsonShapeOptions options = {.name = SLICE("payload"), .nulls_are_bytes = (data[0] & 1) != 0};
    Slice rest = {data + 1, size - 1};
    Shape shape;
    Value value;
    if (json_shape(&arena, rest, &options, &shape, &value)) {
        write_all(&arena, &shape, &value);
    }
    size_t cut = MIN((size_t)data[0] >> 1, rest.size);
    cast(&arena, (Slice){rest.data, cut}, slice_from(rest, cut));
    arena_release(&arena);
    return 0;
}
