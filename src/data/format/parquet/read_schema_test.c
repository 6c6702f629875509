// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/read_schema.c"

#include "core/base/test.h"

#define LEAF(text, of_type, how)                                                                                \
    (SchemaElement) {                                                                                           \
        .has = THRIFT_HAS(SCHEMA_TYPE) | THRIFT_HAS(SCHEMA_REPETITION), .name = SLICE(text), .type = (of_type), \
        .repetition = (how)                                                                                     \
    }
#define GROUP(text, count, how)                                                                     \
    (SchemaElement) {                                                                               \
        .has = THRIFT_HAS(SCHEMA_CHILD_COUNT) | THRIFT_HAS(SCHEMA_REPETITION), .name = SLICE(text), \
        .child_count = (count), .repetition = (how)                                                 \
    }

static Err err[1];
static Arena arena[1];
static ReadSchema schema;

static SchemaElement logical(SchemaElement element, LogicalType type) {
    element.has |= THRIFT_HAS(SCHEMA_LOGICAL);
    element.logical = type;
    return element;
}

static bool read_leaf(SchemaElement leaf) {
    SchemaElement elements[] = {GROUP("root", 1, 0), leaf};
    return read_schema(arena, elements, 2, &schema, err);
}

TEST(levels_of_a_list_in_a_struct) {
    LogicalType list = {.kind = LOGICAL_LIST};
    SchemaElement elements[] = {
        GROUP("root", 2, 0),
        LEAF("id", PHYSICAL_INT64, REPETITION_REQUIRED),
        GROUP("s", 1, REPETITION_OPTIONAL),
        logical(GROUP("l", 1, REPETITION_OPTIONAL), list),
        GROUP("list", 1, REPETITION_REPEATED),
        LEAF("element", PHYSICAL_INT32, REPETITION_OPTIONAL),
    };
    elements[5].has |= THRIFT_HAS(SCHEMA_FIELD_ID);
    elements[5].field_id = 12;
    CHECK_OK(read_schema(arena, elements, 6, &schema, err));
    CHECK_INT(schema.leaf_count, 2);
    CHECK_TEXT(schema.leaves[1].path, "s.l.element");
    CHECK_INT(schema.leaves[1].definition_max, 4);
    CHECK_INT(schema.leaves[1].repetition_max, 1);
    const Node *node = &schema.root.children[1].children[0];
    CHECK_INT(node->kind, SHAPE_LIST);
    CHECK_INT(node->definition, 2);
    CHECK_INT(node->item_definition, 3);
    CHECK_INT(node->children[0].entered, 3);
    CHECK_INT(schema.shape.fields[1].shape.fields[0].shape.element_id, 12);
    for (uint32_t count = 0; count < 6; count++) {
        CHECK_FAILS(read_schema(arena, elements, count, &schema, err), ERR_VALUE);
    }
    arena_release(arena);
}

TEST(schemas_that_cannot_be_read) {
    SchemaElement decimal = logical(LEAF("x", PHYSICAL_INT64, 1), (LogicalType){.kind = LOGICAL_DECIMAL});
    decimal.logical.precision = 39;
    CHECK(!read_leaf(decimal));
    CHECK_TEXT(slice_of(err->message),
               "column x: a decimal of precision 39 and scale 0; at most 38 digits can be read");
    err_clear(err);
    decimal.logical = (LogicalType){.kind = LOGICAL_DECIMAL, .precision = 5, .scale = 6};
    CHECK_FAILS(read_leaf(decimal), ERR_VALUE);
    decimal.logical.scale = 5;
    CHECK_OK(read_leaf(decimal));
    decimal.type = PHYSICAL_DOUBLE;
    CHECK_FAILS(read_leaf(decimal), ERR_VALUE);
    LogicalType time = {.kind = LOGICAL_TIMESTAMP, .unit = 4};
    CHECK_FAILS(read_leaf(logical(LEAF("x", PHYSICAL_INT64, 0), time)), ERR_VALUE);
    CHECK_FAILS(read_leaf(LEAF("x", 8, 0)), ERR_VALUE);
    CHECK_FAILS(read_leaf(LEAF("x", PHYSICAL_FIXED, 0)), ERR_VALUE); // without a length
    CHECK_FAILS(read_leaf(GROUP("x", 0, 0)), ERR_VALUE);
    CHECK_FAILS(read_leaf(GROUP("x", 1000000, 0)), ERR_VALUE);
    CHECK_FAILS(read_leaf(GROUP("x", -1, 0)), ERR_VALUE);
    SchemaElement deep[150];
    for (size_t i = 0; i < ARRAY_LEN(deep); i++) {
        deep[i] = GROUP("g", 1, REPETITION_REPEATED);
    }
    deep[149] = LEAF("x", PHYSICAL_INT32, 0);
    CHECK_FAILS(read_schema(arena, deep, ARRAY_LEN(deep), &schema, err), ERR_VALUE);
    arena_release(arena);
}

TEST(a_type_that_is_not_known_is_read_by_its_physical_type) {
    CHECK_OK(read_leaf(logical(LEAF("x", PHYSICAL_BYTE_ARRAY, 0), (LogicalType){.kind = 99})));
    CHECK_INT(schema.shape.fields[0].shape.kind, SHAPE_BYTES);
    CHECK_OK(read_leaf(logical(LEAF("x", PHYSICAL_INT32, 0), (LogicalType){.kind = LOGICAL_UNKNOWN})));
    CHECK_INT(schema.shape.fields[0].shape.kind, SHAPE_INT32);
    arena_release(arena);
}
