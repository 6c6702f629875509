// SPDX-License-Identifier: Apache-2.0
// KafkaMetadataTransform, of Iceberg's sink connectors: topic, partition, offset and time of a record as fields of it,
// in a struct of their own (nested=true) or with a common beginning of their names.
#include "data/connect/column.h"
#include "data/connect/smt.h"

enum { FIELD_TOPIC, FIELD_PARTITION, FIELD_OFFSET, FIELD_TIMESTAMP, FIELD_EXTERNAL, FIELDS };

typedef struct Metadata {
    Slice name;
    bool nested;
    Slice external, text; // external_field=NAME,TEXT; data NULL: none
} Metadata;

static bool metadata_compile(Smt *smt, Err *err) {
    Metadata *metadata = smt->state = ARENA_NEW(smt->arena, Metadata);
    metadata->name = smt_text(smt, "field_name", "_kafka_metadata");
    TRY(smt_bool(smt, "nested", false, &metadata->nested, err));
    Slice external = smt_text(smt, "external_field", NULL);
    if (external.data == NULL) {
        return true;
    }
    const uint8_t *comma = external.size > 0 ? memchr(external.data, ',', external.size) : NULL;
    size_t at = comma != NULL ? (size_t)(comma - external.data) : external.size;
    bool two = comma != NULL && at > 0 && memchr(comma + 1, ',', external.size - at - 1) == NULL;
    metadata->external = (Slice){external.data, at};
    metadata->text = two ? slice_from(external, at + 1) : (Slice){0};
    return two || smt_option_failed(smt, "external_field", err, "\"%.*s\" is no NAME,TEXT",
                                    (int)MIN(external.size, 100), (const char *)external.data);
}

static Slice name_of(Smt *smt, const Metadata *metadata, Slice name) {
    return metadata->nested
               ? name
               : slice_of(arena_printf(smt->arena, "%.*s_%.*s", SLICE_ARG(metadata->name), SLICE_ARG(name)));
}

static uint32_t fields_make(Smt *smt, const Metadata *metadata, ShapeField fields[FIELDS]) {
    static const Shape PARTITION = {.kind = SHAPE_INT32}, OFFSET = {.kind = SHAPE_INT64},
                       TIMESTAMP = {.kind = SHAPE_INT64, .optional = true};
    fields[FIELD_TOPIC] = smt_field(name_of(smt, metadata, SLICE("topic")), &SMT_STRING);
    fields[FIELD_PARTITION] = smt_field(name_of(smt, metadata, SLICE("partition")), &PARTITION);
    fields[FIELD_OFFSET] = smt_field(name_of(smt, metadata, SLICE("offset")), &OFFSET);
    fields[FIELD_TIMESTAMP] = smt_field(name_of(smt, metadata, SLICE("timestamp")), &TIMESTAMP);
    if (metadata->external.data == NULL) {
        return FIELD_EXTERNAL;
    }
    fields[FIELD_EXTERNAL] = smt_field(name_of(smt, metadata, metadata->external), &SMT_STRING);
    return FIELDS;
}

static const Shape *metadata_shape(Smt *smt, const Metadata *metadata, const Shape *from) {
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count + FIELDS);
    uint32_t count = from->field_count;
    memcpy(fields, from->fields, count * sizeof(*fields));
    if (metadata->nested) {
        ShapeField *inner = ARENA_ARRAY(smt->arena, ShapeField, FIELDS);
        Shape nested = {.kind = SHAPE_STRUCT, .fields = inner, .field_count = fields_make(smt, metadata, inner)};
        fields[count++] = smt_field(metadata->name, &nested);
    } else {
        count += fields_make(smt, metadata, fields + count);
    }
    return smt_shape_keep(smt->arena, smt_basics_with(smt->arena, from, fields, count));
}

static size_t values_make(const Metadata *metadata, const ConnectRecord *record, Value values[FIELDS]) {
    values[FIELD_TOPIC] = value_bytes(VALUE_STRING, record->topic);
    values[FIELD_PARTITION] = value_int(MAX(record->partition, 0));
    values[FIELD_OFFSET] = value_int((int64_t)record->offset);
    values[FIELD_TIMESTAMP] = record->timestamp_ms >= 0 ? value_int(record->timestamp_ms) : (Value){.kind = VALUE_NULL};
    if (metadata->external.data == NULL) {
        return FIELD_EXTERNAL;
    }
    values[FIELD_EXTERNAL] = value_bytes(VALUE_STRING, metadata->text);
    return FIELDS;
}

static bool metadata_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Metadata *metadata = smt->state;
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "KafkaMetadataTransform", err));
    const Shape *from = smt_shape(smt, record), *shape = smt_plan(smt, from);
    if (UNLIKELY(shape == NULL)) {
        shape = metadata_shape(smt, metadata, from);
        smt_plan_keep(smt, from, (void *)(uintptr_t)shape);
    }
    Value *items = NULL, *made = smt_struct_new(scratch, shape, &items);
    memcpy(items, value->items.at, value->items.count * sizeof(*items));
    items += value->items.count;
    if (metadata->nested) {
        Value *inner = ARENA_ARRAY(scratch, Value, FIELDS);
        *items = (Value){.kind = VALUE_STRUCT, .items = {inner, values_make(metadata, record, inner)}};
    } else {
        (void)values_make(metadata, record, items);
    }
    smt_put(smt, record, shape, made);
    return true;
}

const SmtClass SMT_METADATA_APACHE = {.name = "org.apache.iceberg.connect.transforms.KafkaMetadataTransform",
                                      .compile = metadata_compile,
                                      .apply = metadata_apply};
const SmtClass SMT_METADATA_TABULAR = {.name = "io.tabular.iceberg.connect.transforms.KafkaMetadataTransform",
                                       .compile = metadata_compile,
                                       .apply = metadata_apply};
