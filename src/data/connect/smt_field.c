// SPDX-License-Identifier: Apache-2.0
// Transforms that add, choose, mask and wrap fields: InsertField, ReplaceField, MaskField, HoistField.
#include "data/connect/column.h"
#include "data/connect/smt.h"

#include "core/base/decimal.h"

// --- InsertField -----------------------------------------------------------------------------------------------

enum { INSERT_TOPIC, INSERT_PARTITION, INSERT_OFFSET, INSERT_TIMESTAMP, INSERT_STATIC, INSERT_COUNT };

typedef struct InsertField {
    struct {
        Slice name; // data NULL: not asked for
        bool required;
    } fields[INSERT_COUNT];
    Slice text;
    bool replace_null;
} InsertField;

static bool insert_compile(Smt *smt, Err *err) {
    static const char *const OPTIONS[INSERT_COUNT] = {"topic.field", "partition.field", "offset.field",
                                                      "timestamp.field", "static.field"};
    InsertField *insert = smt->state = ARENA_NEW(smt->arena, InsertField);
    bool any = false;
    for (size_t i = 0; i < INSERT_COUNT; i++) {
        Slice name = smt_text(smt, OPTIONS[i], NULL);
        uint8_t last = name.size > 0 ? name.data[name.size - 1] : 0;
        insert->fields[i].required = last == '!';
        name.size -= last == '!' || last == '?';
        insert->fields[i].name = name.size > 0 ? name : (Slice){0};
        any |= name.size > 0;
    }
    if (!any) {
        return smt_option_failed(smt, "type", err,
                                 "no field is to be inserted: give topic.field, partition.field, "
                                 "offset.field, timestamp.field or static.field");
    }
    if (insert->fields[INSERT_STATIC].name.data != NULL) {
        TRY(smt_required(smt, "static.value", &insert->text, err));
    }
    return smt_bool(smt, "replace.null.with.default", true, &insert->replace_null, err);
}

static const Shape *insert_shape(Smt *smt, const InsertField *insert, const Shape *from) {
    static const Shape KINDS[INSERT_COUNT] = {{.kind = SHAPE_STRING},
                                              {.kind = SHAPE_INT32},
                                              {.kind = SHAPE_INT64},
                                              {.kind = SHAPE_INT64},
                                              {.kind = SHAPE_STRING}};
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count + INSERT_COUNT);
    uint32_t count = from->field_count;
    memcpy(fields, from->fields, count * sizeof(*fields));
    for (size_t i = 0; i < INSERT_COUNT; i++) {
        if (insert->fields[i].name.data != NULL) {
            Shape shape = KINDS[i];
            shape.optional = !insert->fields[i].required;
            if (i == INSERT_TIMESTAMP) {
                connect_describe(smt->arena, &shape, "org.apache.kafka.connect.data.Timestamp", 1, NULL, NULL);
            }
            fields[count++] = smt_field(insert->fields[i].name, &shape);
        }
    }
    return smt_shape_keep(smt->arena, smt_basics_with(smt->arena, from, fields, count));
}

static Value insert_value(const InsertField *insert, const ConnectRecord *record, size_t which) {
    switch (which) {
    case INSERT_TOPIC:
        return value_bytes(VALUE_STRING, record->topic);
    case INSERT_PARTITION:
        return record->partition < 0 ? (Value){.kind = VALUE_NULL} : value_int(record->partition);
    case INSERT_OFFSET:
        return value_int((int64_t)record->offset);
    case INSERT_TIMESTAMP:
        return record->timestamp_ms < 0 ? (Value){.kind = VALUE_NULL} : value_int(record->timestamp_ms);
    default:
        return value_bytes(VALUE_STRING, insert->text);
    }
}

static bool insert_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const InsertField *insert = smt->state;
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "inserting a field", err));
    const Shape *from = smt_shape(smt, record), *shape = smt_plan(smt, from);
    if (UNLIKELY(shape == NULL)) {
        shape = insert_shape(smt, insert, from);
        smt_plan_keep(smt, from, (void *)(uintptr_t)shape);
    }
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, shape, &items);
    uint32_t count = from->field_count;
    memcpy(items, value->items.at, count * sizeof(*items));
    for (size_t i = 0; i < INSERT_COUNT; i++) {
        if (insert->fields[i].name.data != NULL) {
            items[count] = insert_value(insert, record, i);
            if (items[count].kind == VALUE_NULL && insert->fields[i].required) {
                return FAIL(err, ERR_VALUE, "field %.*s must have a value, and the record has no %s",
                            SLICE_ARG(insert->fields[i].name), i == INSERT_PARTITION ? "partition" : "timestamp");
            }
            count++;
        }
    }
    smt_put(smt, record, shape, made);
    return true;
}

const SmtClass SMT_INSERT_FIELD = {
    .name = "org.apache.kafka.connect.transforms.InsertField",
    .parts = true,
    .compile = insert_compile,
    .apply = insert_apply,
};

// --- ReplaceField ----------------------------------------------------------------------------------------------

typedef struct ReplaceField {
    SmtList include, exclude;
    SmtList from, to; // renames
    bool replace_null;
} ReplaceField;

typedef struct ReplacePlan {
    const Shape *shape;
    const uint32_t *places;
} ReplacePlan;

static bool replace_compile(Smt *smt, Err *err) {
    ReplaceField *replace = smt->state = ARENA_NEW(smt->arena, ReplaceField);
    bool old_include = smt_text(smt, "include", NULL).data == NULL;
    bool old_exclude = smt_text(smt, "exclude", NULL).data == NULL;
    replace->include = smt_list(smt, old_include ? "whitelist" : "include");
    replace->exclude = smt_list(smt, old_exclude ? "blacklist" : "exclude");
    SmtList renames = smt_list(smt, "renames");
    replace->from.at = ARENA_ARRAY(smt->arena, Slice, renames.count);
    replace->to.at = ARENA_ARRAY(smt->arena, Slice, renames.count);
    for (size_t i = 0; i < renames.count; i++) {
        Slice item = renames.at[i];
        const uint8_t *colon = memchr(item.data, ':', item.size);
        size_t size = colon == NULL ? 0 : (size_t)(colon - item.data);
        if (size == 0 || size + 1 == item.size || memchr(colon + 1, ':', item.size - size - 1) != NULL) {
            return smt_option_failed(smt, "renames", err, "\"%.*s\" is no OLD:NEW", (int)MIN(item.size, 60),
                                     (const char *)item.data);
        }
        replace->from.at[i] = (Slice){item.data, size};
        replace->to.at[i] = slice_from(item, size + 1);
        replace->from.count++;
        replace->to.count++;
    }
    return smt_bool(smt, "replace.null.with.default", true, &replace->replace_null, err);
}

static ReplacePlan *replace_plan(Smt *smt, const ReplaceField *replace, const Shape *from) {
    ReplacePlan *plan = ARENA_NEW(smt->arena, ReplacePlan);
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, from->field_count);
    uint32_t *places = ARENA_ARRAY(smt->arena, uint32_t, from->field_count), count = 0;
    for (uint32_t i = 0; i < from->field_count; i++) {
        Slice name = from->fields[i].name;
        if (smt_list_has(&replace->exclude, name) ||
            (replace->include.count > 0 && !smt_list_has(&replace->include, name))) {
            continue;
        }
        fields[count] = from->fields[i];
        places[count] = i;
        for (size_t j = 0; j < replace->from.count; j++) {
            if (slice_equal(name, replace->from.at[j])) {
                fields[count].name = replace->to.at[j];
            }
        }
        count++;
    }
    plan->places = places;
    plan->shape = smt_shape_keep(smt->arena, smt_basics_with(smt->arena, from, fields, count));
    smt_plan_keep(smt, from, plan);
    return plan;
}

static bool replace_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const ReplaceField *replace = smt->state;
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "replacing fields", err));
    const Shape *from = smt_shape(smt, record);
    const ReplacePlan *plan = smt_plan(smt, from);
    plan = plan != NULL ? plan : replace_plan(smt, replace, from);
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, plan->shape, &items);
    for (uint32_t i = 0; i < plan->shape->field_count; i++) {
        items[i] = value->items.at[plan->places[i]];
    }
    smt_put(smt, record, plan->shape, made);
    return true;
}

const SmtClass SMT_REPLACE_FIELD = {
    .name = "org.apache.kafka.connect.transforms.ReplaceField",
    .parts = true,
    .compile = replace_compile,
    .apply = replace_apply,
};

// --- MaskField -------------------------------------------------------------------------------------------------

typedef struct MaskField {
    SmtList fields;
    Slice replacement; // data NULL: what is empty of the type
    bool replace_null;
} MaskField;

// A field's value in place of those that are not null; VALUE_NULL: the field stays.
typedef struct MaskPlan {
    const Value *masks;
} MaskPlan;

static bool mask_compile(Smt *smt, Err *err) {
    MaskField *mask = smt->state = ARENA_NEW(smt->arena, MaskField);
    mask->fields = smt_list(smt, "fields");
    if (mask->fields.count == 0) {
        return smt_option_failed(smt, "fields", err, "it must name the fields to mask");
    }
    mask->replacement = smt_text(smt, "replacement", NULL);
    if (mask->replacement.data != NULL && mask->replacement.size == 0) {
        return smt_option_failed(smt, "replacement", err, "it is empty");
    }
    return smt_bool(smt, "replace.null.with.default", true, &mask->replace_null, err);
}

static bool mask_number(Smt *smt, const MaskField *mask, const Shape *shape, Value *value) {
    char text[64];
    char *end = NULL;
    if (mask->replacement.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, mask->replacement.data, mask->replacement.size);
    text[mask->replacement.size] = '\0';
    if (shape->kind == SHAPE_FLOAT32 || shape->kind == SHAPE_FLOAT64) {
        value->real = strtod(text, &end);
        value->real = shape->kind == SHAPE_FLOAT32 ? (double)(float)value->real : value->real;
        return *end == '\0';
    }
    if (shape->kind == SHAPE_DECIMAL) {
        Int128 units = 0;
        return decimal_from_text(smt->arena, mask->replacement, &value->bytes) &&
               decimal_to_int128(value->bytes, shape->scale, &units);
    }
    value->integer = strtoll(text, &end, 10);
    int bits = shape->kind == SHAPE_INT64 ? 64 : smt_int_bits(shape);
    bool fits =
        bits == 64 || (value->integer >= -(INT64_C(1) << (bits - 1)) && value->integer < INT64_C(1) << (bits - 1));
    return *end == '\0' && fits;
}

static bool mask_value(Smt *smt, const MaskField *mask, const ShapeField *field, Value *value, Err *err) {
    const Shape *shape = &field->shape;
    static const Value EMPTY[] = {
        [SHAPE_BOOL] = {.kind = VALUE_FALSE},      [SHAPE_INT32] = {.kind = VALUE_INT},
        [SHAPE_INT64] = {.kind = VALUE_INT},       [SHAPE_FLOAT32] = {.kind = VALUE_FLOAT32},
        [SHAPE_FLOAT64] = {.kind = VALUE_FLOAT64}, [SHAPE_DECIMAL] = {.kind = VALUE_DECIMAL},
        [SHAPE_STRING] = {.kind = VALUE_STRING},   [SHAPE_LIST] = {.kind = VALUE_LIST},
        [SHAPE_MAP] = {.kind = VALUE_MAP},
    };
    bool decimal = shape->kind == SHAPE_BYTES && smt_named(shape, "org.apache.kafka.connect.data.Decimal");
    *value = shape->kind < ARRAY_LEN(EMPTY) ? EMPTY[shape->kind] : (Value){.kind = VALUE_NULL};
    if (shape->kind == SHAPE_DECIMAL) {
        value->bytes = decimal_from_int64(smt->arena, 0, (uint32_t)MIN(shape->scale, 18));
    } else if (decimal && mask->replacement.data == NULL) {
        *value = value_bytes(VALUE_BYTES, SLICE("\0"));
        return true;
    }
    bool known = shape->kind == SHAPE_BOOL || value->kind != VALUE_NULL;
    if (known && mask->replacement.data == NULL) {
        return true;
    }
    bool number = value->kind == VALUE_INT || value->kind == VALUE_FLOAT32 || value->kind == VALUE_FLOAT64 ||
                  value->kind == VALUE_DECIMAL;
    if (shape->kind == SHAPE_STRING) {
        value->bytes = mask->replacement;
        return true;
    }
    if (number) {
        return mask_number(smt, mask, shape, value) ||
               FAIL(err, ERR_VALUE, "field %.*s: \"%.*s\" is no %s", SLICE_ARG(field->name),
                    (int)MIN(mask->replacement.size, 40), (const char *)mask->replacement.data,
                    shape_kind_name(shape->kind));
    }
    return FAIL(err, ERR_VALUE, "field %.*s is %s, which cannot be masked%s", SLICE_ARG(field->name),
                shape_kind_name(shape->kind), mask->replacement.data != NULL ? " with a replacement" : "");
}

static bool mask_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const MaskField *mask = smt->state;
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "masking fields", err));
    const Shape *shape = smt_shape(smt, record);
    MaskPlan *plan = smt_plan(smt, shape);
    if (UNLIKELY(plan == NULL)) {
        plan = ARENA_NEW(smt->arena, MaskPlan);
        Value *masks = ARENA_ARRAY(smt->arena, Value, shape->field_count);
        for (uint32_t i = 0; i < shape->field_count; i++) {
            if (smt_list_has(&mask->fields, shape->fields[i].name)) {
                TRY(mask_value(smt, mask, &shape->fields[i], &masks[i], err));
            }
        }
        plan->masks = masks;
        smt_plan_keep(smt, shape, plan);
    }
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, shape, &items);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        Value kept = plan->masks[i].kind == VALUE_NULL
                         ? value->items.at[i]
                         : smt_or_default(scratch, &shape->fields[i].shape, &value->items.at[i], mask->replace_null);
        items[i] = kept.kind == VALUE_NULL || plan->masks[i].kind == VALUE_NULL ? kept : plan->masks[i];
    }
    smt_put(smt, record, shape, made);
    return true;
}

const SmtClass SMT_MASK_FIELD = {
    .name = "org.apache.kafka.connect.transforms.MaskField",
    .parts = true,
    .compile = mask_compile,
    .apply = mask_apply,
};

// --- HoistField ------------------------------------------------------------------------------------------------

static bool hoist_compile(Smt *smt, Err *err) {
    Slice *name = smt->state = ARENA_NEW(smt->arena, Slice);
    return smt_required(smt, "field", name, err);
}

static bool hoist_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Slice *name = smt->state;
    const Value *value = smt->on_key ? record->key : record->value;
    const Shape *from = smt_shape(smt, record), *shape = smt_plan(smt, from);
    if (UNLIKELY(shape == NULL)) {
        ShapeField *field = ARENA_NEW(smt->arena, ShapeField);
        *field = smt_field(*name, from != NULL ? from : &SMT_STRING_OPTIONAL);
        shape = smt_shape_keep(smt->arena, (Shape){.kind = SHAPE_STRUCT, .fields = field, .field_count = 1});
        smt_plan_keep(smt, from, (void *)(uintptr_t)shape);
    }
    if (from == NULL) {
        smt->schemaless[smt->on_key] = true;
    }
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, shape, &items);
    items[0] = value != NULL ? *value : (Value){.kind = VALUE_NULL};
    smt_put(smt, record, shape, made);
    return true;
}

const SmtClass SMT_HOIST_FIELD = {
    .name = "org.apache.kafka.connect.transforms.HoistField",
    .parts = true,
    .compile = hoist_compile,
    .apply = hoist_apply,
};
