// SPDX-License-Identifier: Apache-2.0
// org.apache.kafka.connect.transforms.Flatten: structs within structs become fields of the outermost.
#include "data/connect/smt.h"

enum { DEPTH_MAX = 64 };

typedef struct Flatten {
    Slice delimiter;
} Flatten;

typedef struct FlatPlan {
    const Shape *shape;
} FlatPlan;

typedef struct Flattening {
    Smt *smt;
    const Flatten *flatten;
    ShapeField *fields;
    uint32_t count, room;
} Flattening;

static bool flatten_compile(Smt *smt, Err *err) {
    Flatten *flatten = smt->state = ARENA_NEW(smt->arena, Flatten);
    flatten->delimiter = smt_text(smt, "delimiter", ".");
    return true;
}

static uint32_t leaves(const Shape *shape, int depth) {
    if (shape->kind != SHAPE_STRUCT || depth == 0) {
        return 1;
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        count += leaves(&shape->fields[i].shape, depth - 1);
    }
    return count;
}

// A field is optional where anything around it is.
static bool flatten_fields(Flattening *work, const Shape *shape, Slice prefix, bool optional, int depth, Err *err) {
    Arena *arena = work->smt->arena;
    if (depth == 0) {
        return FAIL(err, ERR_VALUE, "field %.*s: structs are nested more than %d deep", SLICE_ARG(prefix), DEPTH_MAX);
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        Slice name = prefix.data == NULL
                         ? field->name
                         : slice_of(arena_printf(arena, "%.*s%.*s%.*s", SLICE_ARG(prefix),
                                                 SLICE_ARG(work->flatten->delimiter), SLICE_ARG(field->name)));
        bool may_be_null = optional || field->shape.optional;
        if (field->shape.kind == SHAPE_STRUCT) {
            TRY(flatten_fields(work, &field->shape, name, may_be_null, depth - 1, err));
        } else {
            Shape leaf = field->shape;
            leaf.optional = may_be_null;
            work->fields[work->count++] = smt_field(name, &leaf);
        }
    }
    return true;
}

static bool flatten_plan(Smt *smt, const Shape *from, FlatPlan **made, Err *err) {
    FlatPlan *plan = ARENA_NEW(smt->arena, FlatPlan);
    uint32_t room = leaves(from, DEPTH_MAX);
    Flattening work = {smt, smt->state, ARENA_ARRAY(smt->arena, ShapeField, room), 0, room};
    TRY(flatten_fields(&work, from, (Slice){0}, from->optional, DEPTH_MAX, err));
    Shape shape = *from; // optional and a default stay
    shape.fields = work.fields;
    shape.field_count = work.count;
    plan->shape = smt_shape_keep(smt->arena, shape);
    smt_plan_keep(smt, from, plan);
    *made = plan;
    return true;
}

static Value *flatten_values(const Shape *shape, const Value *value, Value *to) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const Shape *field = &shape->fields[i].shape;
        const Value *item = value != NULL ? &value->items.at[i] : NULL;
        if (field->kind == SHAPE_STRUCT) {
            to = flatten_values(field, item != NULL && item->kind == VALUE_STRUCT ? item : NULL, to);
        } else {
            *to++ = item != NULL ? *item : (Value){.kind = VALUE_NULL};
        }
    }
    return to;
}

static bool flatten_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    TRY(smt_require_struct(smt, record, "flattening", err));
    const Shape *from = smt_shape(smt, record);
    FlatPlan *plan = smt_plan(smt, from);
    if (plan == NULL) {
        TRY(flatten_plan(smt, from, &plan, err));
    }
    Value *items = NULL;
    Value *made = smt_struct_new(scratch, plan->shape, &items);
    Value *end = flatten_values(from, value, items);
    ASSERT(end == items + plan->shape->field_count);
    smt_put(smt, record, plan->shape, made);
    return true;
}

const SmtClass SMT_FLATTEN = {
    .name = "org.apache.kafka.connect.transforms.Flatten",
    .parts = true,
    .compile = flatten_compile,
    .apply = flatten_apply,
};
