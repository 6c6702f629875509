// SPDX-License-Identifier: Apache-2.0
// Transforms that take a part of a part, or change what its schema is called: ExtractField, ValueToKey,
// SetSchemaMetadata; and Filter.
#include "data/connect/column.h"
#include "data/connect/smt.h"

// --- ExtractField ----------------------------------------------------------------------------------------------

typedef struct ExtractField {
    Slice *path;
    size_t depth;
    bool replace_null, skip;
} ExtractField;

typedef struct ExtractPlan {
    const uint32_t *places; // NULL: there is no such field
    const Shape *shape;
} ExtractPlan;

// "a.b.`c.d`": names between dots, in backticks where they hold one; "\`" is a backtick in them.
static bool path_parse(Smt *smt, Slice text, ExtractField *extract, Err *err) {
    extract->path = ARENA_ARRAY(smt->arena, Slice, text.size + 1);
    for (size_t at = 0; at <= text.size; at++) {
        uint8_t *name = arena_alloc(smt->arena, text.size + 1);
        size_t size = 0;
        bool ticks = at < text.size && text.data[at] == '`';
        for (at += ticks; at < text.size && text.data[at] != (ticks ? '`' : '.'); at++) {
            if (ticks && text.data[at] == '\\' && at + 1 < text.size && text.data[at + 1] == '`') {
                at++;
            }
            name[size++] = text.data[at];
        }
        if (ticks && (at == text.size || (at + 1 < text.size && text.data[at + 1] != '.'))) {
            return smt_option_failed(smt, "field", err, "a backtick is not closed, or no dot follows it");
        }
        at += ticks;
        if (size == 0) {
            return smt_option_failed(smt, "field", err, "a name in the path is empty");
        }
        extract->path[extract->depth++] = (Slice){name, size};
    }
    return true;
}

static bool extract_compile(Smt *smt, Err *err) {
    ExtractField *extract = smt->state = ARENA_NEW(smt->arena, ExtractField);
    Slice field = {0};
    int syntax = 0;
    TRY(smt_required(smt, "field", &field, err));
    TRY(smt_choice(smt, "field.syntax.version", "V1", "V1,V2", &syntax, err));
    TRY(smt_bool(smt, "replace.null.with.default", true, &extract->replace_null, err));
    TRY(smt_bool(smt, "skip.missing.or.null", false, &extract->skip, err));
    if (syntax == 1) {
        return path_parse(smt, field, extract, err);
    }
    extract->path = ARENA_NEW(smt->arena, Slice);
    *extract->path = field;
    extract->depth = 1;
    return true;
}

static ExtractPlan *extract_plan(Smt *smt, const ExtractField *extract, const Shape *shape) {
    ExtractPlan *plan = ARENA_NEW(smt->arena, ExtractPlan);
    uint32_t *places = ARENA_ARRAY(smt->arena, uint32_t, extract->depth);
    smt_plan_keep(smt, shape, plan);
    for (size_t i = 0; i < extract->depth; i++) {
        int32_t at = shape->kind == SHAPE_STRUCT ? shape_find(shape, extract->path[i]) : -1;
        if (at < 0) {
            return plan;
        }
        places[i] = (uint32_t)at;
        shape = &shape->fields[at].shape;
    }
    plan->places = places;
    plan->shape = shape;
    return plan;
}

static bool extract_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const ExtractField *extract = smt->state;
    const Shape *shape = smt_shape(smt, record);
    const Value *value = smt_value(smt, record);
    if (shape == NULL && value == NULL) {
        return true;
    }
    if (shape == NULL || shape->kind != SHAPE_STRUCT) {
        return smt_require_struct(smt, record, "extracting a field", err);
    }
    const ExtractPlan *plan = smt_plan(smt, shape);
    plan = plan != NULL ? plan : extract_plan(smt, extract, shape);
    bool schemaless = smt->schemaless[smt->on_key];
    if (plan->places == NULL && !extract->skip && !schemaless) {
        return FAIL(err, ERR_VALUE, "the %s has no field %.*s", smt->on_key ? "key" : "value",
                    SLICE_ARG(extract->path[extract->depth - 1]));
    }
    const Shape *within = shape;
    for (size_t i = 0; i < extract->depth && plan->places != NULL && value != NULL; i++) {
        within = &within->fields[plan->places[i]].shape;
        value = value->kind == VALUE_STRUCT ? &value->items.at[plan->places[i]] : NULL;
    }
    Value found = value == NULL || plan->places == NULL
                      ? (Value){.kind = VALUE_NULL}
                      : smt_or_default(scratch, plan->shape, value, extract->replace_null);
    if (extract->skip && found.kind == VALUE_NULL) {
        return true;
    }
    smt_put(smt, record, plan->shape, found.kind == VALUE_NULL ? NULL : smt_value_new(scratch, found));
    return true;
}

const SmtClass SMT_EXTRACT_FIELD = {
    .name = "org.apache.kafka.connect.transforms.ExtractField",
    .parts = true,
    .compile = extract_compile,
    .apply = extract_apply,
};

// --- ValueToKey ------------------------------------------------------------------------------------------------

typedef struct ValueToKey {
    SmtList fields;
    bool replace_null;
} ValueToKey;

typedef struct KeyPlan {
    const Shape *shape;
    const int32_t *places; // -1: null, of a value without schema
} KeyPlan;

static bool key_compile(Smt *smt, Err *err) {
    ValueToKey *state = smt->state = ARENA_NEW(smt->arena, ValueToKey);
    state->fields = smt_list(smt, "fields");
    if (state->fields.count == 0) {
        return smt_option_failed(smt, "fields", err, "it must name the fields of the key");
    }
    return smt_bool(smt, "replace.null.with.default", true, &state->replace_null, err);
}

static bool key_plan(Smt *smt, const ValueToKey *state, const Shape *from, KeyPlan **made, Err *err) {
    KeyPlan *plan = ARENA_NEW(smt->arena, KeyPlan);
    ShapeField *fields = ARENA_ARRAY(smt->arena, ShapeField, state->fields.count);
    int32_t *places = ARENA_ARRAY(smt->arena, int32_t, state->fields.count);
    for (size_t i = 0; i < state->fields.count; i++) {
        Slice name = state->fields.at[i];
        places[i] = shape_find(from, name);
        if (places[i] < 0 && !smt->schemaless[0]) {
            return FAIL(err, ERR_VALUE, "the value has no field %.*s", SLICE_ARG(name));
        }
        fields[i] = places[i] < 0 ? smt_field(name, &SMT_STRING_OPTIONAL) : from->fields[places[i]];
    }
    plan->places = places;
    plan->shape = smt_shape_keep(
        smt->arena, (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = (uint32_t)state->fields.count});
    smt_plan_keep(smt, from, plan);
    *made = plan;
    return true;
}

static bool key_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const ValueToKey *state = smt->state;
    if (!smt_require_struct(smt, record, "copying fields into the key", err)) {
        if (record->value == NULL) {
            err_hint(err, "keep tombstones from it with a predicate RecordIsTombstone and negate=true");
        }
        return false;
    }
    KeyPlan *plan = smt_plan(smt, record->value_shape);
    if (plan == NULL) {
        TRY(key_plan(smt, state, record->value_shape, &plan, err));
    }
    Value *items = NULL;
    Value *key = smt_struct_new(scratch, plan->shape, &items);
    for (uint32_t i = 0; i < plan->shape->field_count; i++) {
        if (plan->places[i] >= 0) {
            items[i] = smt_or_default(scratch, &plan->shape->fields[i].shape, &record->value->items.at[plan->places[i]],
                                      state->replace_null);
        }
    }
    record->key = key;
    record->key_shape = plan->shape;
    smt->schemaless[1] = smt->schemaless[0];
    return true;
}

const SmtClass SMT_VALUE_TO_KEY = {
    .name = "org.apache.kafka.connect.transforms.ValueToKey",
    .compile = key_compile,
    .apply = key_apply,
};

// --- SetSchemaMetadata -----------------------------------------------------------------------------------------

typedef struct SetSchema {
    Slice name;
    Slice version;
} SetSchema;

static bool set_compile(Smt *smt, Err *err) {
    SetSchema *set = smt->state = ARENA_NEW(smt->arena, SetSchema);
    set->name = smt_text(smt, "schema.name", NULL);
    set->version = smt_text(smt, "schema.version", NULL);
    if (set->name.data == NULL && set->version.data == NULL) {
        return smt_option_failed(smt, "schema.name", err, "neither it nor schema.version is given");
    }
    for (size_t i = 0; i < set->version.size; i++) {
        uint8_t c = set->version.data[i];
        if (set->version.size > 9 || c < '0' || c > '9' || (c == '0' && i == 0 && set->version.size > 1)) {
            return smt_option_failed(smt, "schema.version", err, "\"%.*s\" is no number",
                                     (int)MIN(set->version.size, 40), (const char *)set->version.data);
        }
    }
    return true;
}

static bool set_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const SetSchema *set = smt->state;
    const Shape *from = smt_shape(smt, record), *made = smt_plan(smt, from);
    const Value *value = smt->on_key ? record->key : record->value;
    if (from == NULL || smt->schemaless[smt->on_key]) {
        return value == NULL || FAIL(err, ERR_VALUE, "the %s has no schema", smt->on_key ? "key" : "value");
    }
    if (UNLIKELY(made == NULL)) {
        Shape shape = *from;
        if (set->name.data != NULL) {
            smt_name_set(smt->arena, &shape, set->name);
        }
        if (set->version.size > 0) {
            smt_note_set(smt->arena, &shape, "connect.version", set->version);
        }
        made = smt_shape_keep(smt->arena, shape);
        smt_plan_keep(smt, from, (void *)(uintptr_t)made);
    }
    smt_put(smt, record, made, value);
    return true;
}

const SmtClass SMT_SET_SCHEMA_METADATA = {
    .name = "org.apache.kafka.connect.transforms.SetSchemaMetadata",
    .parts = true,
    .compile = set_compile,
    .apply = set_apply,
};

// --- Filter ----------------------------------------------------------------------------------------------------

static bool filter_compile(Smt *smt, Err *err) {
    return true;
}

static bool filter_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    *keep = false;
    return true;
}

const SmtClass SMT_FILTER = {
    .name = "org.apache.kafka.connect.transforms.Filter",
    .compile = filter_compile,
    .apply = filter_apply,
};
