// SPDX-License-Identifier: Apache-2.0
// A JSON text's shape and value, as Debezium's outbox makes them: objects are structs of optional fields, numbers are
// int32, int64 or float64, lists have items of one type. What does not fit that is not expanded.
#include "data/connect/smt.h"

#include <jansson.h>

enum { DEPTH_MAX = 64 };

typedef enum Found { FOUND_SHAPE, FOUND_NONE, FOUND_MISFIT } Found; // NONE: the field is left out

typedef struct Inference {
    Arena *arena;
    bool nulls_are_bytes;
} Inference;

static Found infer(Inference *work, Slice name, json_t *json, int depth, Shape *shape);

static Found merge_objects(Inference *work, Slice name, json_t *list, int depth, Shape *shape);

static bool same_shape(const Shape *a, const Shape *b) {
    return a->kind == b->kind && shape_equal(a, b);
}

// All items that are not null have one shape; objects together make one struct.
static Found infer_list(Inference *work, Slice name, json_t *list, int depth, Shape *shape) {
    json_t *first = NULL;
    size_t count = json_array_size(list);
    for (size_t i = 0; i < count && first == NULL; i++) {
        json_t *item = json_array_get(list, i);
        first = json_is_null(item) ? NULL : item;
    }
    Shape *element = ARENA_NEW(work->arena, Shape);
    *shape = (Shape){.kind = SHAPE_LIST, .optional = true, .element = element};
    if (count == 0) {
        return FOUND_NONE;
    }
    if (first == NULL) {
        *element = SMT_BYTES_OPTIONAL;
        return work->nulls_are_bytes ? FOUND_SHAPE : FOUND_MISFIT;
    }
    if (json_is_object(first)) {
        return merge_objects(work, name, list, depth, element);
    }
    for (size_t i = 0, seen = 0; i < count; i++) {
        json_t *item = json_array_get(list, i);
        Shape one = {0};
        if (json_is_null(item)) {
            continue;
        }
        if (infer(work, (Slice){0}, item, depth - 1, &one) != FOUND_SHAPE || (seen > 0 && !same_shape(element, &one))) {
            return FOUND_MISFIT;
        }
        *element = one;
        seen++;
    }
    return FOUND_SHAPE;
}

static void field_add(Shape *shape, ShapeField *fields, Slice name, const Shape *of) {
    fields[shape->field_count++] = smt_field(name, of);
}

static Found infer_object(Inference *work, Slice name, json_t *object, int depth, Shape *shape) {
    ShapeField *fields = ARENA_ARRAY(work->arena, ShapeField, json_object_size(object));
    *shape = (Shape){.kind = SHAPE_STRUCT, .optional = true, .fields = fields};
    if (name.size > 0) {
        smt_name_set(work->arena, shape, name);
    }
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        Slice key = arena_slice(work->arena, slice_of(json_object_iter_key(at)));
        Slice inner =
            name.size == 0 ? key : slice_of(arena_printf(work->arena, "%.*s.%.*s", SLICE_ARG(name), SLICE_ARG(key)));
        Shape field = {0};
        Found found = infer(work, inner, json_object_iter_value(at), depth - 1, &field);
        if (found == FOUND_MISFIT) {
            return found;
        }
        if (found == FOUND_SHAPE) {
            field_add(shape, fields, key, &field);
        }
    }
    return FOUND_SHAPE;
}

static Found merge_objects(Inference *work, Slice name, json_t *list, int depth, Shape *shape) {
    size_t count = json_array_size(list), room = 0;
    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(list, i);
        if (!json_is_object(item) && !json_is_null(item)) {
            return FOUND_MISFIT;
        }
        room += json_object_size(item);
    }
    ShapeField *fields = ARENA_ARRAY(work->arena, ShapeField, room);
    *shape = (Shape){.kind = SHAPE_STRUCT, .optional = true, .fields = fields};
    if (name.size > 0) {
        smt_name_set(work->arena, shape, name);
    }
    for (size_t i = 0; i < count; i++) {
        Shape one = {0};
        json_t *item = json_array_get(list, i);
        if (json_is_null(item)) {
            continue;
        }
        if (infer(work, name, item, depth - 1, &one) != FOUND_SHAPE) {
            return FOUND_MISFIT;
        }
        for (uint32_t j = 0; j < one.field_count; j++) {
            int32_t known = shape_find(shape, one.fields[j].name);
            if (known < 0) {
                field_add(shape, fields, one.fields[j].name, &one.fields[j].shape);
            } else if (fields[known].shape.kind == SHAPE_BYTES) { // a null so far
                fields[known] = one.fields[j];
            } else if (one.fields[j].shape.kind != SHAPE_BYTES &&
                       !same_shape(&fields[known].shape, &one.fields[j].shape)) {
                return FOUND_MISFIT;
            }
        }
    }
    return FOUND_SHAPE;
}

static Found infer(Inference *work, Slice name, json_t *json, int depth, Shape *shape) {
    *shape = (Shape){.optional = true};
    if (depth == 0) {
        return FOUND_MISFIT;
    }
    switch (json_typeof(json)) {
    case JSON_STRING:
        shape->kind = SHAPE_STRING;
        return FOUND_SHAPE;
    case JSON_TRUE:
    case JSON_FALSE:
        shape->kind = SHAPE_BOOL;
        return FOUND_SHAPE;
    case JSON_INTEGER:
        shape->kind = json_integer_value(json) == (int32_t)json_integer_value(json) ? SHAPE_INT32 : SHAPE_INT64;
        return FOUND_SHAPE;
    case JSON_REAL:
        shape->kind = SHAPE_FLOAT64;
        return FOUND_SHAPE;
    case JSON_NULL:
        shape->kind = SHAPE_BYTES;
        return work->nulls_are_bytes ? FOUND_SHAPE : FOUND_NONE;
    case JSON_ARRAY:
        return infer_list(work, name, json, depth, shape);
    case JSON_OBJECT:
        break;
    }
    return infer_object(work, name, json, depth, shape);
}

// The shape was made from it, so it fits.
static Value fill(Arena *arena, const Shape *shape, json_t *json) {
    Value *items = NULL;
    switch (json == NULL ? JSON_NULL : json_typeof(json)) {
    case JSON_STRING:
        return value_bytes(VALUE_STRING, arena_slice(arena, (Slice){(const uint8_t *)json_string_value(json),
                                                                    json_string_length(json)}));
    case JSON_TRUE:
    case JSON_FALSE:
        return value_bool(json_is_true(json));
    case JSON_INTEGER:
        return value_int(json_integer_value(json));
    case JSON_REAL:
        return (Value){.kind = VALUE_FLOAT64, .real = json_real_value(json)};
    case JSON_NULL:
        break;
    case JSON_ARRAY:
        items = ARENA_ARRAY(arena, Value, json_array_size(json));
        for (size_t i = 0; i < json_array_size(json); i++) {
            items[i] = fill(arena, shape->element, json_array_get(json, i));
        }
        return (Value){.kind = VALUE_LIST, .items = {items, json_array_size(json)}};
    case JSON_OBJECT:
        items = ARENA_ARRAY(arena, Value, shape->field_count);
        for (uint32_t i = 0; i < shape->field_count; i++) {
            items[i] =
                fill(arena, &shape->fields[i].shape, json_object_get(json, arena_text(arena, shape->fields[i].name)));
        }
        return (Value){.kind = VALUE_STRUCT, .items = {items, shape->field_count}};
    }
    return (Value){.kind = VALUE_NULL};
}

bool json_shape(Arena *arena, Slice json, const JsonShapeOptions *options, Shape *shape, Value *value) {
    json_t *root = json.size == 0 ? NULL : json_loadb((const char *)json.data, json.size, 0, NULL);
    Inference work = {arena, options->nulls_are_bytes};
    bool done = root != NULL && infer(&work, options->name, root, DEPTH_MAX, shape) == FOUND_SHAPE;
    if (done) {
        *value = fill(arena, shape, root);
    }
    json_decref(root);
    return done;
}
