// SPDX-License-Identifier: Apache-2.0
#include "data/event/type.h"

const char *type_kind_name(TypeKind kind) {
    static const char *const NAMES[] = {
#define X(kind, name) [kind] = name,
        TYPE_KINDS(X)
#undef X
    };
    ASSERT((size_t)kind < ARRAY_LEN(NAMES));
    return NAMES[kind];
}

bool type_equal(const Type *a, const Type *b) {
    if (a->kind != b->kind || a->precision != b->precision || a->scale != b->scale ||
        !slice_equal(a->source_name, b->source_name) || a->field_count != b->field_count ||
        a->label_count != b->label_count || (a->element == NULL) != (b->element == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < a->field_count; i++) {
        if (!slice_equal(a->fields[i].name, b->fields[i].name) || !type_equal(&a->fields[i].type, &b->fields[i].type)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < a->label_count; i++) {
        if (!slice_equal(a->labels[i], b->labels[i])) {
            return false;
        }
    }
    return a->element == NULL || type_equal(a->element, b->element);
}

Type type_copy(Arena *arena, const Type *type) {
    Type copy = *type;
    copy.source_name = arena_slice(arena, type->source_name);
    if (type->element != NULL) {
        Type *element = ARENA_NEW(arena, Type);
        *element = type_copy(arena, type->element);
        copy.element = element;
    }
    Field *fields = ARENA_ARRAY(arena, Field, type->field_count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        fields[i] = (Field){arena_slice(arena, type->fields[i].name), type_copy(arena, &type->fields[i].type)};
    }
    copy.fields = fields;
    Slice *labels = ARENA_ARRAY(arena, Slice, type->label_count);
    for (uint32_t i = 0; i < type->label_count; i++) {
        labels[i] = arena_slice(arena, type->labels[i]);
    }
    copy.labels = labels;
    return copy;
}
