// SPDX-License-Identifier: Apache-2.0
#include "data/format/shape.c" // NOLINT

#include "core/base/test.h"

static Shape tags_of(const Shape *element) {
    return (Shape){.kind = SHAPE_LIST, .optional = true, .id = 2, .element_id = 3, .element = element};
}

TEST(shape_copy_is_equal_and_its_own) {
    char name[] = "tags";
    ShapeNote note = {SLICE("connect.name"), SLICE("\"io.debezium.time.Date\"")};
    Shape element = {.kind = SHAPE_DECIMAL, .precision = 12, .scale = 2, .optional = true};
    ShapeField fields[] = {
        {SLICE("id"), {.kind = SHAPE_INT64, .id = 1}, SLICE("0")},
        {slice_of(name), tags_of(&element), {0}},
        {SLICE("at"), {.kind = SHAPE_DATE, .notes = &note, .note_count = 1, .doc = SLICE("the day")}, {0}},
    };
    Shape shape = {.kind = SHAPE_STRUCT, .fields = fields, .field_count = 3, .name = SLICE("shop.orders.Value")};
    Arena arena[1];
    arena_init(arena, "test", 0);
    Shape copy = shape_copy(arena, &shape);
    CHECK(shape_equal(&shape, &copy));
    name[0] = 'b'; // the copy has bytes of its own
    CHECK(!shape_equal(&shape, &copy));
    CHECK_INT(shape_find(&copy, SLICE("tags")), 1);
    CHECK_INT(shape_find(&copy, SLICE("bags")), -1);
    CHECK_TEXT(slice_of(shape_kind_name(copy.fields[1].shape.element->kind)), "decimal");
    arena_release(arena);
}

TEST(shapes_differ_by_each_of_their_parts) {
    Shape element = {.kind = SHAPE_INT32}, other_element = {.kind = SHAPE_INT32, .optional = true};
    ShapeNote note = {SLICE("a"), SLICE("1")}, other_note = {SLICE("a"), SLICE("2")};
    ShapeField field = {SLICE("a"), {.kind = SHAPE_BOOL}, {0}}, other_field = {SLICE("b"), {.kind = SHAPE_BOOL}, {0}};
    ShapeField defaulted = {SLICE("a"), {.kind = SHAPE_BOOL}, SLICE("true")};
    const Shape shapes[] = {
        {.kind = SHAPE_DECIMAL, .precision = 4, .scale = 2},
        {.kind = SHAPE_DECIMAL, .precision = 4, .scale = 3},
        {.kind = SHAPE_DECIMAL, .precision = 5, .scale = 2},
        {.kind = SHAPE_DECIMAL, .precision = 4, .scale = 2, .optional = true},
        {.kind = SHAPE_DECIMAL, .precision = 4, .scale = 2, .id = 1},
        {.kind = SHAPE_DECIMAL, .precision = 4, .scale = 2, .doc = SLICE("price")},
        {.kind = SHAPE_DECIMAL, .precision = 4, .scale = 2, .notes = &note, .note_count = 1},
        {.kind = SHAPE_DECIMAL, .precision = 4, .scale = 2, .notes = &other_note, .note_count = 1},
        {.kind = SHAPE_LIST, .element = &element},
        {.kind = SHAPE_LIST, .element = &other_element},
        {.kind = SHAPE_LIST, .element = &element, .element_id = 1},
        {.kind = SHAPE_STRUCT},
        {.kind = SHAPE_STRUCT, .fields = &field, .field_count = 1},
        {.kind = SHAPE_STRUCT, .fields = &other_field, .field_count = 1},
        {.kind = SHAPE_STRUCT, .fields = &defaulted, .field_count = 1},
        {.kind = SHAPE_STRUCT, .fields = &field, .field_count = 1, .name = SLICE("Value")},
    };
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        for (size_t j = 0; j < ARRAY_LEN(shapes); j++) {
            CHECK_INT(shape_equal(&shapes[i], &shapes[j]), i == j);
        }
    }
}
