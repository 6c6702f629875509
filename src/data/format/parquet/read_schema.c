// SPDX-License-Identifier: Apache-2.0
#include "data/format/parquet/read_schema.h"

typedef struct Walk {
    Arena *arena;
    const SchemaElement *elements;
    uint32_t count;
    uint32_t at; // the next element
    Leaf *leaves;
    uint32_t leaf_count;
    uint32_t definition, repetition; // of what has been entered
    uint32_t depth;
    Buf path;
    Err *err;
} Walk;

static bool has(const SchemaElement *element, int id) {
    return (element->has & THRIFT_HAS(id)) != 0;
}

static int32_t logical_kind(const SchemaElement *element) {
    return has(element, SCHEMA_LOGICAL) ? element->logical.kind : LOGICAL_NONE;
}

static int32_t converted(const SchemaElement *element) {
    return has(element, SCHEMA_CONVERTED) ? element->converted : -1;
}

static bool is_group(const SchemaElement *element) {
    return !has(element, SCHEMA_TYPE);
}

static int32_t element_id(const SchemaElement *element) {
    return has(element, SCHEMA_FIELD_ID) && element->field_id > 0 ? element->field_id : 0;
}

#define REFUSE(walk, ...) FAIL((walk)->err, ERR_VALUE, __VA_ARGS__)

// --- leaves ----------------------------------------------------------------------------------------------------

static bool decimal_leaf(Walk *walk, const SchemaElement *element, Leaf *leaf) {
    bool logical = logical_kind(element) == LOGICAL_DECIMAL;
    leaf->precision = logical ? element->logical.precision : element->precision;
    leaf->scale = logical ? element->logical.scale : element->scale;
    leaf->kind = SHAPE_DECIMAL;
    if (leaf->precision < 1 || leaf->precision > 38 || leaf->scale < 0 || leaf->scale > leaf->precision) {
        return REFUSE(walk, "a decimal of precision %d and scale %d; at most 38 digits can be read", leaf->precision,
                      leaf->scale);
    }
    switch (leaf->form.type) {
    case PHYSICAL_INT32:
    case PHYSICAL_INT64:
        leaf->conversion = CONVERT_DECIMAL_INTEGER;
        return true;
    case PHYSICAL_BYTE_ARRAY:
    case PHYSICAL_FIXED:
        leaf->conversion = CONVERT_DECIMAL_BYTES;
        return true;
    case PHYSICAL_BOOLEAN:
    case PHYSICAL_INT96:
    case PHYSICAL_FLOAT:
    case PHYSICAL_DOUBLE:
    case PHYSICAL_COUNT:
        break;
    }
    return REFUSE(walk, "a decimal of type %s", physical_type_name((int32_t)leaf->form.type));
}

static void leaf_is(Leaf *leaf, ShapeKind kind, Conversion conversion) {
    leaf->kind = kind;
    leaf->conversion = conversion;
}

static void time_leaf(Leaf *leaf, Conversion conversion, TimeUnit unit, bool utc) {
    leaf->unit = unit;
    leaf->conversion = conversion;
    leaf->kind = conversion == CONVERT_TIME ? SHAPE_TIME : utc ? SHAPE_TIMESTAMPTZ : SHAPE_TIMESTAMP;
}

static void integer_leaf(const SchemaElement *element, Leaf *leaf) {
    bool wide = leaf->form.type == PHYSICAL_INT64;
    int32_t kind = logical_kind(element), old = converted(element);
    leaf_is(leaf, wide ? SHAPE_INT64 : SHAPE_INT32, CONVERT_INTEGER);
    if (kind == LOGICAL_INTEGER) {
        bool is_signed = element->logical.is_signed;
        if (!is_signed && (wide || element->logical.bit_width >= 32)) {
            old = wide ? CONVERTED_UINT_64 : CONVERTED_UINT_32;
        } else {
            return;
        }
    }
    if (kind == LOGICAL_TIME && (element->logical.unit == UNIT_MILLIS) == !wide) {
        time_leaf(leaf, CONVERT_TIME, (TimeUnit)element->logical.unit, element->logical.utc);
    } else if (kind == LOGICAL_TIMESTAMP && wide) {
        time_leaf(leaf, CONVERT_TIMESTAMP, (TimeUnit)element->logical.unit, element->logical.utc);
    } else if (!wide && (kind == LOGICAL_DATE || old == CONVERTED_DATE)) {
        leaf_is(leaf, SHAPE_DATE, CONVERT_DATE);
    } else if (old == CONVERTED_UINT_64 && wide) {
        leaf_is(leaf, SHAPE_DECIMAL, CONVERT_UINT64);
        leaf->precision = 20;
    } else if (old == CONVERTED_UINT_32 && !wide) {
        leaf_is(leaf, SHAPE_INT64, CONVERT_UINT32);
    } else if (old == CONVERTED_TIME_MILLIS && !wide) {
        time_leaf(leaf, CONVERT_TIME, UNIT_MILLIS, true);
    } else if (old == CONVERTED_TIME_MICROS && wide) {
        time_leaf(leaf, CONVERT_TIME, UNIT_MICROS, true);
    } else if (old == CONVERTED_TIMESTAMP_MILLIS && wide) {
        time_leaf(leaf, CONVERT_TIMESTAMP, UNIT_MILLIS, true);
    } else if (old == CONVERTED_TIMESTAMP_MICROS && wide) {
        time_leaf(leaf, CONVERT_TIMESTAMP, UNIT_MICROS, true);
    }
}

static bool bytes_leaf(Walk *walk, const SchemaElement *element, Leaf *leaf) {
    int32_t kind = logical_kind(element), old = converted(element);
    bool fixed = leaf->form.type == PHYSICAL_FIXED;
    leaf_is(leaf, SHAPE_BYTES, CONVERT_BYTES);
    if (fixed) {
        if (!has(element, SCHEMA_TYPE_LENGTH) || element->type_length < 1) {
            return REFUSE(walk, "values of a fixed length of %d bytes", element->type_length);
        }
        leaf->form.width = (uint32_t)element->type_length;
        if (kind == LOGICAL_UUID && element->type_length == 16) {
            leaf_is(leaf, SHAPE_UUID, CONVERT_UUID);
        } else if (kind == LOGICAL_FLOAT16 && element->type_length == 2) {
            leaf_is(leaf, SHAPE_FLOAT32, CONVERT_FLOAT16);
        }
        return true;
    }
    if (kind == LOGICAL_STRING || kind == LOGICAL_ENUM || kind == LOGICAL_JSON ||
        (kind == LOGICAL_NONE && (old == CONVERTED_UTF8 || old == CONVERTED_ENUM || old == CONVERTED_JSON))) {
        leaf_is(leaf, SHAPE_STRING, CONVERT_STRING);
    }
    return true;
}

static bool fill_leaf(Walk *walk, const SchemaElement *element, Leaf *leaf) {
    static const uint32_t WIDTHS[] = {[PHYSICAL_INT32] = 4, [PHYSICAL_INT64] = 8,  [PHYSICAL_INT96] = 12,
                                      [PHYSICAL_FLOAT] = 4, [PHYSICAL_DOUBLE] = 8, [PHYSICAL_COUNT] = 0};
    if (element->type < 0 || element->type >= PHYSICAL_COUNT) {
        return REFUSE(walk, "type %d is not known", element->type);
    }
    leaf->form = (ValueForm){(PhysicalType)element->type, WIDTHS[element->type]};
    bool decimal = logical_kind(element) == LOGICAL_DECIMAL ||
                   (logical_kind(element) == LOGICAL_NONE && converted(element) == CONVERTED_DECIMAL);
    switch (leaf->form.type) {
    case PHYSICAL_BOOLEAN:
        leaf_is(leaf, SHAPE_BOOL, CONVERT_BOOL);
        break;
    case PHYSICAL_INT32:
    case PHYSICAL_INT64:
        integer_leaf(element, leaf);
        if ((leaf->kind == SHAPE_TIME || leaf->kind == SHAPE_TIMESTAMP || leaf->kind == SHAPE_TIMESTAMPTZ) &&
            (leaf->unit < UNIT_MILLIS || leaf->unit > UNIT_NANOS)) {
            return REFUSE(walk, "times in a unit (%d) that is not known", (int)leaf->unit);
        }
        break;
    case PHYSICAL_INT96:
        leaf_is(leaf, SHAPE_TIMESTAMP, CONVERT_INT96);
        break;
    case PHYSICAL_FLOAT:
        leaf_is(leaf, SHAPE_FLOAT32, CONVERT_FLOAT32);
        break;
    case PHYSICAL_DOUBLE:
        leaf_is(leaf, SHAPE_FLOAT64, CONVERT_FLOAT64);
        break;
    case PHYSICAL_BYTE_ARRAY:
    case PHYSICAL_FIXED:
        if (!bytes_leaf(walk, element, leaf)) {
            return false;
        }
        break;
    case PHYSICAL_COUNT:
        UNREACHABLE();
    }
    return !decimal || decimal_leaf(walk, element, leaf);
}

// For errors: a hostile schema's paths could be long.
static Slice path_shown(const Walk *walk) {
    return (Slice){walk->path.data, MIN(walk->path.size, 200)};
}

static bool walk_leaf(Walk *walk, const SchemaElement *element, Shape *shape, Node *node) {
    if (walk->leaf_count == READ_LEAVES_MAX) {
        return REFUSE(walk, "more than %d columns", READ_LEAVES_MAX);
    }
    Leaf *leaf = &walk->leaves[walk->leaf_count];
    *leaf = (Leaf){.path = arena_slice(walk->arena, path_shown(walk)),
                   .definition_max = walk->definition,
                   .repetition_max = walk->repetition};
    if (!fill_leaf(walk, element, leaf)) {
        return false;
    }
    *node = (Node){.kind = leaf->kind, .definition = walk->definition, .leaf = walk->leaf_count, .leaf_count = 1};
    shape->kind = leaf->kind;
    shape->precision = leaf->precision;
    shape->scale = leaf->scale;
    walk->leaf_count++;
    return true;
}

// --- groups ----------------------------------------------------------------------------------------------------

static bool walk_element(Walk *walk, Shape *shape, Slice *name, Node *node);
static bool walk_content(Walk *walk, const SchemaElement *element, Shape *shape, Node *node);

// The next element, which is not yet passed; NULL, with an error, when the list of elements ends.
static const SchemaElement *peek(Walk *walk, uint32_t ahead) {
    if (walk->count - walk->at <= ahead) {
        REFUSE(walk, "the schema's list of elements ends within a group");
        return NULL;
    }
    return &walk->elements[walk->at + ahead];
}

static bool walk_struct(Walk *walk, const SchemaElement *element, Shape *shape, Node *node) {
    uint32_t count = element->child_count > 0 ? (uint32_t)element->child_count : 0;
    if (count > walk->count - walk->at || (count == 0 && walk->depth > 1)) {
        return REFUSE(walk, "a group of %d fields", element->child_count);
    }
    ShapeField *fields = ARENA_ARRAY(walk->arena, ShapeField, count);
    Node *children = ARENA_ARRAY(walk->arena, Node, count);
    uint32_t first = walk->leaf_count, definition = walk->definition;
    for (uint32_t i = 0; i < count; i++) {
        if (!walk_element(walk, &fields[i].shape, &fields[i].name, &children[i])) {
            return false;
        }
    }
    shape->kind = SHAPE_STRUCT;
    shape->fields = fields;
    shape->field_count = count;
    *node = (Node){.kind = SHAPE_STRUCT,
                   .definition = definition,
                   .leaf = first,
                   .leaf_count = walk->leaf_count - first,
                   .children = children,
                   .child_count = count};
    return true;
}

// A list of what the repeated element holds; the walk stands behind that element. The element itself is the item
// (`whole`), or its only field is.
static bool walk_list(Walk *walk, const SchemaElement *repeated, bool whole, Shape *shape, Node *node) {
    Shape *item = ARENA_NEW(walk->arena, Shape);
    Node *child = ARENA_NEW(walk->arena, Node);
    Node list = {.kind = SHAPE_LIST, .definition = walk->definition, .leaf = walk->leaf_count};
    list.item_definition = ++walk->definition;
    list.repetition = ++walk->repetition;
    Slice name;
    bool good = whole ? walk_content(walk, repeated, item, child) : walk_element(walk, item, &name, child);
    walk->definition--;
    walk->repetition--;
    if (!good) {
        return false;
    }
    if (whole) {
        item->id = element_id(repeated);
        child->entered = list.item_definition;
    }
    list.children = child;
    list.child_count = 1;
    list.leaf_count = walk->leaf_count - list.leaf;
    shape->kind = SHAPE_LIST;
    shape->element = item;
    shape->element_id = item->id;
    *node = list;
    return true;
}

// The only field of a group, and it repeats; NULL otherwise.
static const SchemaElement *only_repeated(const Walk *walk, const SchemaElement *group) {
    if (group->child_count != 1 || walk->at >= walk->count) {
        return NULL;
    }
    const SchemaElement *child = &walk->elements[walk->at];
    return has(child, SCHEMA_REPETITION) && child->repetition == REPETITION_REPEATED ? child : NULL;
}

static bool name_ends(Slice name, const char *end) {
    size_t size = strlen(end);
    return name.size >= size && slice_is(slice_from(name, name.size - size), end);
}

// LogicalTypes.md, "Lists": whether the repeated element is the item itself.
static bool repeated_is_item(const Walk *walk, const SchemaElement *repeated) {
    if (!is_group(repeated) || repeated->child_count != 1 || slice_is(repeated->name, "array") ||
        name_ends(repeated->name, "_tuple")) {
        return true;
    }
    uint32_t below = walk->at + 1; // the repeated element's field
    return below < walk->count && has(&walk->elements[below], SCHEMA_REPETITION) &&
           walk->elements[below].repetition == REPETITION_REPEATED;
}

// A list of pairs is read as a MAP when its keys are strings and it has values.
static void list_becomes_map(Walk *walk, Shape *shape, Node *node) {
    const Shape *pair = shape->element;
    const Node *pair_node = node->children;
    if (pair->kind != SHAPE_STRUCT || pair->field_count != 2 || pair->fields[0].shape.kind != SHAPE_STRING) {
        return;
    }
    shape->kind = SHAPE_MAP;
    shape->element = &pair->fields[1].shape;
    shape->element_id = pair->fields[1].shape.id;
    node->kind = SHAPE_MAP;
    node->children = pair_node->children;
    node->child_count = 2;
}

static bool walk_group(Walk *walk, const SchemaElement *element, Shape *shape, Node *node) {
    int32_t kind = logical_kind(element), old = converted(element);
    const SchemaElement *repeated = only_repeated(walk, element);
    if (repeated != NULL && (kind == LOGICAL_LIST || (kind == LOGICAL_NONE && old == CONVERTED_LIST))) {
        bool whole = repeated_is_item(walk, repeated);
        walk->at++;
        return walk_list(walk, repeated, whole, shape, node);
    }
    if (repeated != NULL && is_group(repeated) &&
        (kind == LOGICAL_MAP || (kind == LOGICAL_NONE && (old == CONVERTED_MAP || old == CONVERTED_MAP_KEY_VALUE)))) {
        walk->at++;
        if (!walk_list(walk, repeated, true, shape, node)) {
            return false;
        }
        list_becomes_map(walk, shape, node);
        return true;
    }
    return walk_struct(walk, element, shape, node);
}

// What an element holds, without regard to how often it is there.
static bool walk_content(Walk *walk, const SchemaElement *element, Shape *shape, Node *node) {
    if (walk->depth >= READ_DEPTH_MAX) {
        return REFUSE(walk, "the schema is nested more than %d levels deep", READ_DEPTH_MAX);
    }
    walk->depth++;
    bool good = is_group(element) ? walk_group(walk, element, shape, node) : walk_leaf(walk, element, shape, node);
    walk->depth--;
    return good;
}

static bool walk_element(Walk *walk, Shape *shape, Slice *name, Node *node) {
    const SchemaElement *element = peek(walk, 0);
    if (element == NULL) {
        return false;
    }
    walk->at++;
    size_t path_size = walk->path.size;
    buf_put(&walk->path, path_size > 0 ? SLICE(".") : SLICE(""));
    buf_put(&walk->path, (Slice){element->name.data, MIN(element->name.size, 200)});
    *name = arena_slice(walk->arena, element->name);
    int32_t repetition = has(element, SCHEMA_REPETITION) ? element->repetition : REPETITION_REQUIRED;
    bool good = false;
    if (repetition == REPETITION_REPEATED) {
        good = walk_list(walk, element, true, shape, node);
    } else {
        uint32_t optional = repetition == REPETITION_OPTIONAL ? 1 : 0;
        walk->definition += optional;
        good = walk_content(walk, element, shape, node);
        walk->definition -= optional;
        shape->optional = optional != 0;
    }
    if (!good) {
        if (strncmp(walk->err->message, "column ", 7) != 0) {
            err_prefix(walk->err, "column %.*s", SLICE_ARG(path_shown(walk)));
        }
        return false;
    }
    shape->id = element_id(element);
    node->entered = walk->definition;
    walk->path.size = path_size;
    return true;
}

bool read_schema(Arena *arena, const SchemaElement *elements, uint32_t count, ReadSchema *schema, Err *err) {
    if (count == 0 || !is_group(&elements[0])) {
        return FAIL(err, ERR_VALUE, "the file's schema has no root");
    }
    Walk walk = {.arena = arena, .elements = elements, .count = count, .at = 1, .depth = 1, .err = err};
    walk.leaves = ARENA_ARRAY(arena, Leaf, MIN(count, READ_LEAVES_MAX));
    buf_init(&walk.path, 0);
    *schema = (ReadSchema){0};
    bool good = walk_struct(&walk, &elements[0], &schema->shape, &schema->root);
    buf_release(&walk.path);
    if (!good) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (walk.at != count) {
        return FAIL(err, ERR_VALUE, "the file's schema has %u elements, but its groups hold %u", count, walk.at);
    }
    schema->leaves = walk.leaves;
    schema->leaf_count = walk.leaf_count;
    return true;
}
