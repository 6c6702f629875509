// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/record_shape.h"

#include "data/connect/smt.h"

enum { DECIMAL_DIGITS = 38, DEPTH_MAX = 64 };

#define LOGICAL "org.apache.kafka.connect.data."

// --- classes ---------------------------------------------------------------------------------------------------

static bool is_decimal(const Shape *shape) {
    return shape->kind == SHAPE_DECIMAL || (shape->kind == SHAPE_BYTES && smt_named(shape, LOGICAL "Decimal"));
}

static RecordClass number_class(const Shape *shape) {
    if (shape->note_count == 0) {
        return RECORD_INT;
    }
    return smt_named(shape, LOGICAL "Date")        ? RECORD_DATE
           : smt_named(shape, LOGICAL "Time")      ? RECORD_TIME
           : smt_named(shape, LOGICAL "Timestamp") ? RECORD_TIMESTAMP
                                                   : RECORD_INT;
}

static RecordClass shape_class(const Shape *shape) {
    static const uint8_t CLASSES[] = {
        [SHAPE_BOOL] = RECORD_BOOL,    [SHAPE_INT32] = RECORD_INT,      [SHAPE_INT64] = RECORD_INT,
        [SHAPE_FLOAT32] = RECORD_REAL, [SHAPE_FLOAT64] = RECORD_REAL,   [SHAPE_DECIMAL] = RECORD_DECIMAL,
        [SHAPE_STRING] = RECORD_TEXT,  [SHAPE_BYTES] = RECORD_BYTES,    [SHAPE_DATE] = RECORD_NONE,
        [SHAPE_TIME] = RECORD_NONE,    [SHAPE_TIMESTAMP] = RECORD_NONE, [SHAPE_TIMESTAMPTZ] = RECORD_NONE,
        [SHAPE_UUID] = RECORD_NONE,    [SHAPE_LIST] = RECORD_LIST,      [SHAPE_STRUCT] = RECORD_STRUCT,
        [SHAPE_MAP] = RECORD_MAP};
    RecordClass class = (RecordClass)CLASSES[shape->kind];
    return class == RECORD_INT ? number_class(shape) : is_decimal(shape) ? RECORD_DECIMAL : class;
}

static RecordClass value_class(const Value *value) {
    static const uint8_t CLASSES[VALUE_KIND_COUNT] = {
        [VALUE_FALSE] = RECORD_BOOL,    [VALUE_TRUE] = RECORD_BOOL,    [VALUE_INT] = RECORD_INT,
        [VALUE_FLOAT32] = RECORD_REAL,  [VALUE_FLOAT64] = RECORD_REAL, [VALUE_DECIMAL] = RECORD_DECIMAL,
        [VALUE_STRING] = RECORD_TEXT,   [VALUE_BYTES] = RECORD_BYTES,  [VALUE_LIST] = RECORD_LIST,
        [VALUE_STRUCT] = RECORD_STRUCT, [VALUE_MAP] = RECORD_MAP};
    return (RecordClass)CLASSES[value->kind];
}

// JSON has no dates, bytes and decimals: they are numbers and texts.
static RecordClass plain_class(const RecordRules *rules, RecordClass class) {
    if (class == RECORD_DATE || class == RECORD_TIME || class == RECORD_TIMESTAMP) {
        return RECORD_INT;
    }
    bool number = class == RECORD_DECIMAL && rules->decimal_numbers;
    return number ? RECORD_REAL : class == RECORD_BYTES || class == RECORD_DECIMAL ? RECORD_TEXT : class;
}

RecordClass record_class(const RecordRules *rules, const Shape *shape, const Value *value) {
    RecordClass class = shape != NULL && smt_fits(shape, value) ? shape_class(shape) : value_class(value);
    return rules->schemaless ? plain_class(rules, class) : class;
}

const char *record_class_name(RecordClass class) {
    static const char *const NAMES[] = {"nothing", "boolean", "integer",   "number", "decimal", "string", "bytes",
                                        "date",    "time",    "timestamp", "list",   "map",     "struct"};
    return NAMES[class];
}

// --- types -----------------------------------------------------------------------------------------------------

static const Shape *shape_kept(Arena *arena, Shape shape) {
    Shape *kept = ARENA_NEW(arena, Shape);
    *kept = shape;
    return kept;
}

static Shape simple_shape(const Shape *from) {
    RecordClass class = shape_class(from);
    if (class == RECORD_DECIMAL) {
        return (Shape){.kind = SHAPE_DECIMAL, .precision = DECIMAL_DIGITS, .scale = MIN(MAX(from->scale, 0), 38)};
    }
    return (Shape){.kind = class == RECORD_DATE        ? SHAPE_DATE
                           : class == RECORD_TIME      ? SHAPE_TIME
                           : class == RECORD_TIMESTAMP ? SHAPE_TIMESTAMPTZ
                                                       : from->kind};
}

Shape record_shape(Arena *arena, const RecordRules *rules, const Shape *from) {
    Shape shape = {.kind = from->kind};
    if (from->kind == SHAPE_STRUCT) {
        ShapeField *fields = ARENA_ARRAY(arena, ShapeField, from->field_count);
        for (uint32_t i = 0; i < from->field_count; i++) {
            fields[i] = (ShapeField){.name = arena_slice(arena, from->fields[i].name),
                                     .shape = record_shape(arena, rules, &from->fields[i].shape)};
        }
        shape.fields = fields;
        shape.field_count = from->field_count;
    } else if (from->kind == SHAPE_LIST || from->kind == SHAPE_MAP) {
        shape.element = shape_kept(arena, record_shape(arena, rules, from->element));
    } else {
        shape = simple_shape(from);
    }
    shape.optional = from->optional || rules->force_optional;
    return shape;
}

// --- types of values -------------------------------------------------------------------------------------------

static bool infer(Arena *arena, const RecordRules *rules, const Shape *from, const Value *value, int depth,
                  Shape *shape);

static bool infer_fields(Arena *arena, const RecordRules *rules, const Shape *from, const Value *value, int depth,
                         Shape *shape) {
    bool map = value->kind == VALUE_MAP;
    size_t count = map ? value->items.count / 2 : value->items.count;
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, count);
    uint32_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const Value *item = &value->items.at[map ? 2 * i + 1 : i];
        const Shape *of = map ? (from != NULL ? from->element : NULL) : &from->fields[i].shape;
        Slice name = map ? value->items.at[2 * i].bytes : from->fields[i].name;
        if (infer(arena, rules, of, item, depth - 1, &fields[found].shape)) {
            fields[found++].name = arena_slice(arena, name);
        }
    }
    *shape = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = found};
    return found > 0;
}

static bool infer(Arena *arena, const RecordRules *rules, const Shape *from, const Value *value, int depth,
                  Shape *shape) {
    static const uint8_t KINDS[] = {
        [RECORD_NONE] = SHAPE_STRING,           [RECORD_BOOL] = SHAPE_BOOL,       [RECORD_INT] = SHAPE_INT64,
        [RECORD_REAL] = SHAPE_FLOAT64,          [RECORD_DECIMAL] = SHAPE_FLOAT64, [RECORD_TEXT] = SHAPE_STRING,
        [RECORD_BYTES] = SHAPE_BYTES,           [RECORD_DATE] = SHAPE_DATE,       [RECORD_TIME] = SHAPE_TIME,
        [RECORD_TIMESTAMP] = SHAPE_TIMESTAMPTZ, [RECORD_LIST] = SHAPE_LIST,       [RECORD_MAP] = SHAPE_STRUCT,
        [RECORD_STRUCT] = SHAPE_STRUCT};
    if (value_is_absent(value) || depth == 0) {
        return false;
    }
    RecordClass class = record_class(rules, from, value);
    bool typed = class != RECORD_NONE;
    if (class == RECORD_MAP || (class == RECORD_STRUCT && from != NULL)) {
        typed = infer_fields(arena, rules, from, value, depth, shape);
    } else if (class == RECORD_LIST) {
        Shape element;
        const Shape *of = from != NULL ? from->element : NULL;
        typed = value->items.count > 0 && infer(arena, rules, of, &value->items.at[0], depth - 1, &element);
        *shape = (Shape){.kind = SHAPE_LIST, .element = typed ? shape_kept(arena, element) : NULL};
    } else {
        *shape = (Shape){.kind = (ShapeKind)KINDS[class]};
    }
    shape->optional = true;
    return typed;
}

bool record_infer(Arena *arena, const RecordRules *rules, const Shape *from, const Value *value, Shape *shape) {
    return infer(arena, rules, from, value, DEPTH_MAX, shape);
}
