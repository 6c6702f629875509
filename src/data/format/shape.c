// SPDX-License-Identifier: Apache-2.0
#include "data/format/shape.h"

static bool notes_equal(const Shape *a, const Shape *b) {
    if (a->note_count != b->note_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->note_count; i++) {
        if (!slice_equal(a->notes[i].name, b->notes[i].name) || !slice_equal(a->notes[i].json, b->notes[i].json)) {
            return false;
        }
    }
    return true;
}

bool shape_equal(const Shape *a, const Shape *b) {
    if (a->kind != b->kind || a->optional != b->optional || a->precision != b->precision || a->scale != b->scale ||
        a->id != b->id || a->element_id != b->element_id || a->field_count != b->field_count ||
        !slice_equal(a->name, b->name) || !slice_equal(a->doc, b->doc) || !notes_equal(a, b) ||
        (a->element == NULL) != (b->element == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < a->field_count; i++) {
        const ShapeField *x = &a->fields[i], *y = &b->fields[i];
        if (!slice_equal(x->name, y->name) || !slice_equal(x->default_json, y->default_json) ||
            !shape_equal(&x->shape, &y->shape)) {
            return false;
        }
    }
    return a->element == NULL || shape_equal(a->element, b->element);
}

Shape shape_copy(Arena *arena, const Shape *shape) {
    Shape copy = *shape;
    copy.name = arena_slice(arena, shape->name);
    copy.doc = arena_slice(arena, shape->doc);
    if (shape->element != NULL) {
        Shape *element = ARENA_NEW(arena, Shape);
        *element = shape_copy(arena, shape->element);
        copy.element = element;
    }
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, shape->field_count);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        fields[i] = (ShapeField){arena_slice(arena, field->name), shape_copy(arena, &field->shape),
                                 arena_slice(arena, field->default_json)};
    }
    copy.fields = fields;
    ShapeNote *notes = ARENA_ARRAY(arena, ShapeNote, shape->note_count);
    for (uint32_t i = 0; i < shape->note_count; i++) {
        notes[i] = (ShapeNote){arena_slice(arena, shape->notes[i].name), arena_slice(arena, shape->notes[i].json)};
    }
    copy.notes = notes;
    return copy;
}

const char *shape_kind_name(ShapeKind kind) {
    static const char *const NAMES[] = {
        [SHAPE_BOOL] = "bool",       [SHAPE_INT32] = "int32",         [SHAPE_INT64] = "int64",
        [SHAPE_FLOAT32] = "float32", [SHAPE_FLOAT64] = "float64",     [SHAPE_DECIMAL] = "decimal",
        [SHAPE_STRING] = "string",   [SHAPE_BYTES] = "bytes",         [SHAPE_DATE] = "date",
        [SHAPE_TIME] = "time",       [SHAPE_TIMESTAMP] = "timestamp", [SHAPE_TIMESTAMPTZ] = "timestamptz",
        [SHAPE_UUID] = "uuid",       [SHAPE_LIST] = "list",           [SHAPE_STRUCT] = "struct",
        [SHAPE_MAP] = "map",
    };
    ASSERT((size_t)kind < ARRAY_LEN(NAMES));
    return NAMES[kind];
}

int32_t shape_find(const Shape *shape, Slice name) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (slice_equal(shape->fields[i].name, name)) {
            return (int32_t)i;
        }
    }
    return -1;
}
