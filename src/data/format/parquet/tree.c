// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/tree.h"

#include "core/base/buf.h"
#include "data/event/value.h"

enum { DEPTH_MAX = 60, DECIMAL_PRECISION_MAX = 38 };
#define EPOCH_DAYS INT64_C(10957) // from 1970-01-01 to 2000-01-01
#define EPOCH_US   INT64_C(946684800000000)

typedef struct Compiler {
    Arena *arena;
    const char *bloom_columns;
    SchemaElement *elements;
    uint32_t element_count;
    TreeLeaf *leaves;
    uint32_t leaf_count;
    Slice path[DEPTH_MAX * 3];
    uint32_t depth; // of the path
    uint8_t definition;
    uint8_t repetition;
    Err *err;
} Compiler;

// --- sizes -----------------------------------------------------------------------------------------------------

static bool is_nested(const Shape *shape) {
    return shape->kind == SHAPE_LIST || shape->kind == SHAPE_STRUCT || shape->kind == SHAPE_MAP;
}

// Adds up elements and leaves; false when the nesting is too deep.
static bool shape_count(const Shape *shape, uint32_t depth, uint32_t *elements, uint32_t *leaves) {
    if (depth > DEPTH_MAX) {
        return false;
    }
    *elements += shape->kind == SHAPE_LIST ? 2 : shape->kind == SHAPE_MAP ? 3 : 1;
    *leaves += is_nested(shape) ? shape->kind == SHAPE_MAP : 1;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        if (!shape_count(&shape->fields[i].shape, depth + 1, elements, leaves)) {
            return false;
        }
    }
    return shape->element == NULL || shape_count(shape->element, depth + 1, elements, leaves);
}

static Int128 decimal_end(int32_t precision) {
    Int128 units = 1;
    for (int32_t i = 0; i < precision; i++) {
        units *= 10;
    }
    return units;
}

// Bytes that hold every decimal of that precision, two's complement (as Iceberg wants it: the least).
static uint32_t decimal_bytes(int32_t precision) {
    uint32_t bytes = 1;
    while (bytes < 16 && decimal_end(precision) > (Int128)1 << (bytes * 8 - 1)) {
        bytes++;
    }
    return bytes;
}

// --- leaves ----------------------------------------------------------------------------------------------------

typedef struct LeafRow {
    PhysicalType physical;
    uint32_t value_size;
    BoundsOrder order;
    ValueKind value_kind;
    int64_t epoch;
    int32_t converted; // -1 = none
    LogicalType logical;
} LeafRow;

#define TIME_MICROS(logical_kind, is_utc) \
    { .kind = (logical_kind), .unit = UNIT_MICROS, .utc = (is_utc) }
static const LeafRow LEAF_ROWS[] = {
    [SHAPE_BOOL] = {PHYSICAL_BOOLEAN, 1, BOUNDS_BOOL, VALUE_TRUE, 0, -1, {0}},
    [SHAPE_INT32] = {PHYSICAL_INT32, 4, BOUNDS_INT32, VALUE_INT, 0, -1, {0}},
    [SHAPE_INT64] = {PHYSICAL_INT64, 8, BOUNDS_INT64, VALUE_INT, 0, -1, {0}},
    [SHAPE_FLOAT32] = {PHYSICAL_FLOAT, 4, BOUNDS_FLOAT, VALUE_FLOAT32, 0, -1, {0}},
    [SHAPE_FLOAT64] = {PHYSICAL_DOUBLE, 8, BOUNDS_DOUBLE, VALUE_FLOAT64, 0, -1, {0}},
    [SHAPE_DECIMAL] = {0, 0, 0, VALUE_DECIMAL, 0, CONVERTED_DECIMAL, {.kind = LOGICAL_DECIMAL}},
    [SHAPE_STRING] = {PHYSICAL_BYTE_ARRAY, 0, BOUNDS_TEXT, VALUE_STRING, 0, CONVERTED_UTF8, {.kind = LOGICAL_STRING}},
    [SHAPE_BYTES] = {PHYSICAL_BYTE_ARRAY, 0, BOUNDS_BYTES, VALUE_BYTES, 0, -1, {0}},
    [SHAPE_DATE] = {PHYSICAL_INT32, 4, BOUNDS_INT32, VALUE_DATE, EPOCH_DAYS, CONVERTED_DATE, {.kind = LOGICAL_DATE}},
    // The converted types of time say UTC (LogicalTypes.md): local times have the logical type only.
    [SHAPE_TIME] = {PHYSICAL_INT64, 8, BOUNDS_INT64, VALUE_TIME, 0, -1, TIME_MICROS(LOGICAL_TIME, false)},
    [SHAPE_TIMESTAMP] = {PHYSICAL_INT64, 8, BOUNDS_INT64, VALUE_TIMESTAMP, EPOCH_US, -1,
                         TIME_MICROS(LOGICAL_TIMESTAMP, false)},
    [SHAPE_TIMESTAMPTZ] = {PHYSICAL_INT64, 8, BOUNDS_INT64, VALUE_TIMESTAMPTZ, EPOCH_US, CONVERTED_TIMESTAMP_MICROS,
                           TIME_MICROS(LOGICAL_TIMESTAMP, true)},
    [SHAPE_UUID] = {PHYSICAL_FIXED, 16, BOUNDS_FIXED, VALUE_UUID, 0, -1, {.kind = LOGICAL_UUID}},
};

static LeafRow leaf_row(const Shape *shape) {
    LeafRow row = LEAF_ROWS[shape->kind];
    if (shape->kind == SHAPE_DECIMAL) {
        int32_t precision = shape->precision;
        row.physical = precision <= 9 ? PHYSICAL_INT32 : precision <= 18 ? PHYSICAL_INT64 : PHYSICAL_FIXED;
        row.value_size = precision <= 9 ? 4 : precision <= 18 ? 8 : decimal_bytes(precision);
        row.order = precision <= 9 ? BOUNDS_INT32 : precision <= 18 ? BOUNDS_INT64 : BOUNDS_FIXED_DECIMAL;
        row.logical.precision = precision;
        row.logical.scale = shape->scale;
    }
    return row;
}

static bool bloom_wanted(const Compiler *compiler) {
    if (compiler->bloom_columns == NULL) {
        return false;
    }
    Buf path = {0};
    for (uint32_t i = 0; i < compiler->depth; i++) {
        buf_text(&path, i > 0 ? "." : "");
        buf_put(&path, compiler->path[i]);
    }
    bool wanted = false;
    Slice left = slice_of(compiler->bloom_columns);
    while (left.size > 0 && !wanted) {
        const uint8_t *comma = memchr(left.data, ',', left.size);
        Slice name = {left.data, comma != NULL ? (size_t)(comma - left.data) : left.size};
        left = slice_from(left, MIN(name.size + 1, left.size));
        name = slice_trim(name, " ");
        wanted = slice_is(name, "*") || slice_equal(name, compiler->path[0]) || slice_equal(name, buf_slice(&path));
    }
    buf_release(&path);
    return wanted;
}

static void leaf_compile(Compiler *compiler, const Shape *shape, SchemaElement *element) {
    LeafRow row = leaf_row(shape);
    element->has |= THRIFT_HAS(SCHEMA_TYPE);
    element->type = (int32_t)row.physical;
    if (row.physical == PHYSICAL_FIXED) {
        element->has |= THRIFT_HAS(SCHEMA_TYPE_LENGTH);
        element->type_length = (int32_t)row.value_size;
    }
    if (row.converted >= 0) {
        element->has |= THRIFT_HAS(SCHEMA_CONVERTED);
        element->converted = row.converted;
    }
    if (shape->kind == SHAPE_DECIMAL) {
        element->has |= THRIFT_HAS(SCHEMA_PRECISION) | THRIFT_HAS(SCHEMA_SCALE);
        element->precision = shape->precision;
        element->scale = shape->scale;
    }
    if (row.logical.kind != LOGICAL_NONE) {
        element->has |= THRIFT_HAS(SCHEMA_LOGICAL);
        element->logical = row.logical;
    }
    Slice *path = ARENA_ARRAY(compiler->arena, Slice, compiler->depth);
    memcpy(path, compiler->path, compiler->depth * sizeof(*path));
    compiler->leaves[compiler->leaf_count++] = (TreeLeaf){
        .shape = shape,
        .physical = row.physical,
        .value_size = row.value_size,
        .order = row.order,
        .value_kind = (uint8_t)row.value_kind,
        .decimal_end = decimal_end(shape->precision),
        .epoch = row.epoch,
        .max_definition = compiler->definition,
        .max_repetition = compiler->repetition,
        .flat = compiler->repetition == 0 && compiler->definition <= 1,
        .bloom = shape->kind != SHAPE_BOOL && bloom_wanted(compiler),
        .path_count = compiler->depth,
        .path = path,
    };
}

// --- nodes -----------------------------------------------------------------------------------------------------

static SchemaElement *element_add(Compiler *compiler, Slice name, Repetition repetition, int32_t id) {
    SchemaElement *element = &compiler->elements[compiler->element_count++];
    element->name = name;
    element->repetition = (int32_t)repetition;
    element->field_id = id;
    element->has = THRIFT_HAS(SCHEMA_REPETITION) | (id != 0 ? THRIFT_HAS(SCHEMA_FIELD_ID) : 0);
    return element;
}

static void element_group(SchemaElement *element, uint32_t child_count, LogicalKind logical, ConvertedType converted) {
    element->has |= THRIFT_HAS(SCHEMA_CHILD_COUNT);
    element->child_count = (int32_t)child_count;
    if (logical != LOGICAL_NONE) {
        element->has |= THRIFT_HAS(SCHEMA_LOGICAL) | THRIFT_HAS(SCHEMA_CONVERTED);
        element->logical.kind = (int32_t)logical;
        element->converted = (int32_t)converted;
    }
}

static bool node_compile(Compiler *compiler, TreeNode *node, Slice name, const Shape *shape, int32_t id);

static bool struct_compile(Compiler *compiler, TreeNode *node, Slice name, const Shape *shape) {
    if (shape->field_count == 0) {
        FAIL(compiler->err, ERR_TABLE, "column %.*s: a struct without fields has no form in Parquet", SLICE_ARG(name));
        return err_hint(compiler->err, "write this pipeline's files in another format (--format avro, --format json)");
    }
    TreeNode *children = ARENA_ARRAY(compiler->arena, TreeNode, shape->field_count);
    node->children = children;
    node->child_count = shape->field_count;
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const ShapeField *field = &shape->fields[i];
        if (!node_compile(compiler, &children[i], field->name, &field->shape, field->shape.id)) {
            return false;
        }
    }
    return true;
}

// The repeated group in the middle of LIST and MAP, then what is in it.
static bool repeated_compile(Compiler *compiler, TreeNode *node, const Shape *shape) {
    static const Shape KEY = {.kind = SHAPE_STRING};
    bool is_map = shape->kind == SHAPE_MAP;
    Slice middle = is_map ? SLICE("key_value") : SLICE("list");
    element_group(element_add(compiler, middle, REPETITION_REPEATED, 0), is_map ? 2 : 1, LOGICAL_NONE, 0);
    compiler->path[compiler->depth++] = middle;
    compiler->definition++;
    compiler->repetition++;
    node->repetition = compiler->repetition;
    TreeNode *children = ARENA_ARRAY(compiler->arena, TreeNode, is_map ? 2 : 1);
    node->children = children;
    node->child_count = is_map ? 2 : 1;
    int32_t id = shape->element_id != 0 ? shape->element_id : shape->element->id;
    bool done = true;
    if (is_map) {
        done = node_compile(compiler, children, SLICE("key"), &KEY, id != 0 ? id - 1 : 0);
    }
    done = done && node_compile(compiler, &children[node->child_count - 1], is_map ? SLICE("value") : SLICE("element"),
                                shape->element, id);
    compiler->definition--;
    compiler->repetition--;
    compiler->depth--;
    return done;
}

static bool node_compile(Compiler *compiler, TreeNode *node, Slice name, const Shape *shape, int32_t id) {
    Repetition repetition = shape->optional ? REPETITION_OPTIONAL : REPETITION_REQUIRED;
    SchemaElement *element = element_add(compiler, name, repetition, id);
    compiler->path[compiler->depth++] = name;
    compiler->definition = (uint8_t)(compiler->definition + shape->optional);
    *node = (TreeNode){
        .kind = shape->kind,
        .optional = shape->optional,
        .definition = compiler->definition,
        .leaf_first = compiler->leaf_count,
        .name = name,
    };
    bool done = true;
    if (shape->kind == SHAPE_STRUCT) {
        element_group(element, shape->field_count, LOGICAL_NONE, 0);
        done = struct_compile(compiler, node, name, shape);
    } else if (shape->kind == SHAPE_LIST) {
        element_group(element, 1, LOGICAL_LIST, CONVERTED_LIST);
        done = repeated_compile(compiler, node, shape);
    } else if (shape->kind == SHAPE_MAP) {
        element_group(element, 1, LOGICAL_MAP, CONVERTED_MAP);
        done = repeated_compile(compiler, node, shape);
    } else if (shape->kind == SHAPE_DECIMAL && (shape->precision < 1 || shape->precision > DECIMAL_PRECISION_MAX ||
                                                shape->scale < 0 || shape->scale > shape->precision)) {
        done = FAIL(compiler->err, ERR_TABLE, "column %.*s: decimal(%d,%d) has no form in Parquet", SLICE_ARG(name),
                    shape->precision, shape->scale);
    } else {
        leaf_compile(compiler, shape, element);
    }
    node->leaf_end = compiler->leaf_count;
    compiler->definition = (uint8_t)(compiler->definition - shape->optional);
    compiler->depth--;
    return done;
}

bool tree_compile(Arena *arena, const Shape *shape, const char *bloom_columns, const Tree **tree, Err *err) {
    ASSERT(shape->kind == SHAPE_STRUCT);
    uint32_t element_count = 0, leaf_count = 0;
    if (!shape_count(shape, 0, &element_count, &leaf_count)) {
        return FAIL(err, ERR_TABLE, "columns are nested more than %d deep", DEPTH_MAX);
    }
    Compiler *compiler = ARENA_NEW(arena, Compiler);
    *compiler = (Compiler){
        .arena = arena,
        .bloom_columns = bloom_columns,
        .elements = ARENA_ARRAY(arena, SchemaElement, element_count),
        .leaves = ARENA_ARRAY(arena, TreeLeaf, leaf_count),
        .err = err,
    };
    TreeNode *root = ARENA_NEW(arena, TreeNode);
    SchemaElement *element = element_add(compiler, SLICE("schema"), REPETITION_REQUIRED, 0);
    element->has = 0; // the root has no repetition
    element_group(element, shape->field_count, LOGICAL_NONE, 0);
    if (!struct_compile(compiler, root, SLICE("(all)"), shape)) {
        return err_frame(err, __FILE__, __LINE__);
    }
    ASSERT(compiler->element_count == element_count && compiler->leaf_count == leaf_count);
    Tree *compiled = ARENA_NEW(arena, Tree);
    *compiled = (Tree){
        .flat = true,
        .nodes = root->children,
        .node_count = root->child_count,
        .leaves = compiler->leaves,
        .leaf_count = leaf_count,
        .elements = compiler->elements,
        .element_count = element_count,
    };
    for (uint32_t i = 0; i < shape->field_count; i++) {
        compiled->flat &= !is_nested(&shape->fields[i].shape);
    }
    *tree = compiled;
    return true;
}
