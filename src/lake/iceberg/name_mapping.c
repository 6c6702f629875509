// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/name_mapping.h"

#include "lake/iceberg/json_in.h"

static bool names_in(JsonIn *in, JsonToken first, void *target, Err *err);

static bool field_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    static const JsonMember MEMBERS[] = {
        {"field-id", MEMBER_INT32, .offset = offsetof(NameMapping, id)},
        {"names", MEMBER_LIST, .required = true, .offset = offsetof(NameMapping, names),
         .count_offset = offsetof(NameMapping, name_count), .item_size = sizeof(Slice), .read = json_in_text_item},
        {"fields", MEMBER_LIST, .offset = offsetof(NameMapping, fields),
         .count_offset = offsetof(NameMapping, field_count), .item_size = sizeof(NameMapping), .read = field_in},
    };
    ((NameMapping *)target)->id = -1;
    return json_in_struct(in, first, MEMBERS, ARRAY_LEN(MEMBERS), target, NULL, err);
}

static bool names_in(JsonIn *in, JsonToken first, void *target, Err *err) {
    NameMapping *mapping = target;
    void *fields = NULL;
    TRY(json_in_list(in, first, field_in, sizeof(NameMapping), &fields, &mapping->field_count, err));
    mapping->fields = fields;
    return true;
}

bool name_mapping_parse(Slice json, Arena *arena, NameMapping *mapping, Err *err) {
    JsonIn in;
    JsonToken first;
    *mapping = (NameMapping){.id = -1};
    json_in_init(&in, "schema.name-mapping.default", json, arena);
    return json_in_token(&in, &first, err) && names_in(&in, first, mapping, err) && json_in_end(&in, err);
}

static const NameMapping *find(const NameMapping *mapping, Slice name) {
    for (size_t i = 0; mapping != NULL && i < mapping->field_count; i++) {
        for (size_t j = 0; j < mapping->fields[i].name_count; j++) {
            if (slice_equal(mapping->fields[i].names[j], name)) {
                return &mapping->fields[i];
            }
        }
    }
    return NULL;
}

static int32_t id_of(const NameMapping *mapping) {
    return mapping != NULL && mapping->id > 0 ? mapping->id : 0;
}

Shape name_mapping_apply(const NameMapping *mapping, const Shape *shape, Arena *arena) {
    Shape made = *shape;
    if (shape->element != NULL) {
        const NameMapping *item = find(mapping, shape->kind == SHAPE_MAP ? SLICE("value") : SLICE("element"));
        Shape *element = ARENA_NEW(arena, Shape);
        *element = name_mapping_apply(item, shape->element, arena);
        made.element = element;
        made.element_id = id_of(item);
    }
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, shape->field_count);
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const NameMapping *field = find(mapping, shape->fields[i].name);
        fields[i] = shape->fields[i];
        fields[i].shape = name_mapping_apply(field, &shape->fields[i].shape, arena);
        fields[i].shape.id = id_of(field);
    }
    made.fields = shape->field_count > 0 ? fields : NULL;
    return made;
}

bool shape_has_ids(const Shape *shape) {
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].shape.id != 0) {
            return true;
        }
    }
    return false;
}
