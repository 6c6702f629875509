// SPDX-License-Identifier: Apache-2.0
#include "data/connect/schemaless.h"

#include "core/base/buf.h"
#include "core/base/map.h"

enum { OUTLINES_MAX = 65536, DEPTH_MAX = 64 };

struct Schemaless {
    Arena *arena;
    Map shapes; // an outline's text to its Shape
};

Schemaless *schemaless_new(Arena *arena) {
    Schemaless *made = ARENA_NEW(arena, Schemaless);
    made->arena = arena;
    return made;
}

void schemaless_release(Schemaless *schemaless) {
    map_release(&schemaless->shapes);
    schemaless->shapes = (Map){0};
}

// NULL has no type, and text is what JSON has for all others.
static ShapeKind kind_of(const Value *value) {
    static const uint8_t KINDS[VALUE_KIND_COUNT] = {
        [VALUE_FALSE] = SHAPE_BOOL,      [VALUE_TRUE] = SHAPE_BOOL,       [VALUE_INT] = SHAPE_INT64,
        [VALUE_FLOAT32] = SHAPE_FLOAT32, [VALUE_FLOAT64] = SHAPE_FLOAT64, [VALUE_BYTES] = SHAPE_BYTES,
        [VALUE_LIST] = SHAPE_LIST,       [VALUE_MAP] = SHAPE_STRUCT};
    bool boolean = value->kind == VALUE_FALSE || value->kind == VALUE_TRUE;
    return boolean || KINDS[value->kind] != SHAPE_BOOL ? (ShapeKind)KINDS[value->kind] : SHAPE_STRING;
}

static bool outline(Buf *buf, const Value *map, int depth) {
    if (depth == 0) {
        return false;
    }
    for (size_t i = 0; i + 1 < map->items.count; i += 2) {
        const Value *value = &map->items.at[i + 1];
        buf_slice_sized(buf, map->items.at[i].bytes);
        buf_u8(buf, (uint8_t)kind_of(value));
        if (value->kind == VALUE_MAP && !outline(buf, value, depth - 1)) {
            return false;
        }
    }
    buf_u8(buf, 0);
    buf_u8(buf, 0xff);
    return true;
}

static Shape shape_of(Arena *arena, const Value *map) {
    static const Shape ANY = {.kind = SHAPE_STRING, .optional = true};
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, map->items.count / 2);
    for (size_t i = 0; i + 1 < map->items.count; i += 2) {
        const Value *value = &map->items.at[i + 1];
        ShapeField *field = &fields[i / 2];
        *field = (ShapeField){.name = arena_slice(arena, map->items.at[i].bytes), .default_json = SLICE("null")};
        field->shape = value->kind == VALUE_MAP ? shape_of(arena, value) : (Shape){.kind = kind_of(value)};
        field->shape.optional = true;
        field->shape.element = field->shape.kind == SHAPE_LIST ? &ANY : NULL;
    }
    return (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = (uint32_t)(map->items.count / 2)};
}

static Value struct_of(Arena *scratch, const Value *map) {
    size_t count = map->items.count / 2;
    Value *items = ARENA_ARRAY(scratch, Value, count);
    for (size_t i = 0; i < count; i++) {
        const Value *value = &map->items.at[2 * i + 1];
        items[i] = value->kind == VALUE_MAP ? struct_of(scratch, value) : *value;
    }
    return (Value){.kind = VALUE_STRUCT, .items = {items, count}};
}

bool schemaless_import(Schemaless *schemaless, Arena *scratch, const Shape **shape, const Value **value, Err *err) {
    Buf text;
    buf_init(&text, 0);
    bool fits = outline(&text, *value, DEPTH_MAX);
    Shape *known = fits ? map_find(&schemaless->shapes, buf_slice(&text)) : NULL;
    bool full = schemaless->shapes.count >= OUTLINES_MAX;
    if (fits && known == NULL && !full) {
        known = ARENA_NEW(schemaless->arena, Shape);
        *known = shape_of(schemaless->arena, *value);
        map_put(&schemaless->shapes, buf_slice(&text), known);
    }
    buf_release(&text);
    if (known == NULL) {
        return !fits
                   ? FAIL(err, ERR_VALUE, "a value without schema is nested more than %d deep", DEPTH_MAX)
                   : FAIL(err, ERR_MEMORY, "values without schema have more than %d different outlines", OUTLINES_MAX);
    }
    Value *made = ARENA_NEW(scratch, Value);
    *made = struct_of(scratch, *value);
    *shape = known;
    *value = made;
    return true;
}

static Value map_of(Arena *scratch, const Shape *shape, const Value *value) {
    if (value->kind != VALUE_STRUCT || shape->kind != SHAPE_STRUCT) {
        return *value;
    }
    Value *items = ARENA_ARRAY(scratch, Value, 2 * value->items.count);
    for (size_t i = 0; i < value->items.count; i++) {
        items[2 * i] = value_bytes(VALUE_STRING, shape->fields[i].name);
        items[2 * i + 1] = map_of(scratch, &shape->fields[i].shape, &value->items.at[i]);
    }
    return (Value){.kind = VALUE_MAP, .items = {items, 2 * value->items.count}};
}

void schemaless_export(Arena *scratch, const Shape **shape, const Value **value) {
    if (*value != NULL && *shape != NULL && (*value)->kind == VALUE_STRUCT) {
        Value *made = ARENA_NEW(scratch, Value);
        *made = map_of(scratch, *shape, *value);
        *value = made;
    }
    *shape = NULL;
}
