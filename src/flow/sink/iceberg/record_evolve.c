// SPDX-License-Identifier: Apache-2.0
// How a table's columns change with the records that come.
#include "flow/sink/iceberg/record_shape.h"

#include "lake/iceberg/metadata.h"

#include <strings.h>

static const Shape *shape_kept(Arena *arena, Shape shape) {
    Shape *kept = ARENA_NEW(arena, Shape);
    *kept = shape;
    return kept;
}

int32_t record_field(const RecordRules *rules, const Shape *shape, Slice name) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        Slice its = shape->fields[i].name;
        if (slice_equal(its, name) || (rules->ignore_case && its.size == name.size &&
                                       strncasecmp((const char *)its.data, (const char *)name.data, name.size) == 0)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static Shape field_evolve(Arena *arena, const RecordRules *rules, const Shape *table, const Shape *from, int32_t *last,
                          bool *changed) {
    Shape shape = *table;
    bool wider = (table->kind == SHAPE_INT32 && from->kind == SHAPE_INT64) ||
                 (table->kind == SHAPE_FLOAT32 && from->kind == SHAPE_FLOAT64);
    // A value without a schema says nothing of its width.
    if (wider && !rules->schemaless) {
        shape.kind = from->kind;
        *changed = true;
    }
    if (!table->optional && from->optional && !rules->schemaless) {
        shape.optional = true;
        *changed = true;
    }
    if (table->kind != from->kind) {
        return shape;
    }
    if (table->kind == SHAPE_STRUCT) {
        bool optional = shape.optional;
        shape = record_evolve(arena, rules, table, from, last, changed);
        shape.optional = optional;
    } else if ((table->kind == SHAPE_LIST || table->kind == SHAPE_MAP) && table->element->kind == SHAPE_STRUCT &&
               from->element->kind == SHAPE_STRUCT) {
        bool inner = false;
        Shape element = record_evolve(arena, rules, table->element, from->element, last, &inner);
        element.optional = table->element->optional;
        shape.element = inner ? shape_kept(arena, element) : table->element;
        *changed |= inner;
    }
    return shape;
}

Shape record_evolve(Arena *arena, const RecordRules *rules, const Shape *table, const Shape *from, int32_t *last,
                    bool *changed) {
    Shape shape = *table;
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, table->field_count + from->field_count);
    uint32_t count = table->field_count;
    if (count > 0) {
        memcpy(fields, table->fields, count * sizeof(*fields));
    }
    shape.fields = fields;
    for (uint32_t i = 0; i < from->field_count; i++) {
        shape.field_count = count;
        int32_t at = record_field(rules, &shape, from->fields[i].name);
        if (at >= 0) {
            fields[at].shape = field_evolve(arena, rules, &fields[at].shape, &from->fields[i].shape, last, changed);
            continue;
        }
        int32_t id = ++*last;
        Shape added = shape_number(arena, &from->fields[i].shape, last);
        added.id = id;
        added.optional = true; // rows that are there have none
        fields[count++] = (ShapeField){.name = arena_slice(arena, from->fields[i].name), .shape = added};
        *changed = true;
    }
    shape.field_count = count;
    return shape;
}
