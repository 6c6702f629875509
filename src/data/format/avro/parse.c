// SPDX-License-Identifier: Apache-2.0
#include "data/format/avro/parse.h"

#include "core/base/json.h"
#include "core/base/map.h"
#include "data/format/avro/avro_schema.h"

#include <jansson.h>

enum {
    // Shapes are walked as trees: a schema that refers to one name often and deeply would never end.
    NODES_MAX = 200000,
    DECIMAL_DIGITS_MAX = 38,
};

typedef struct Parser {
    Arena *arena;
    bool plain;
    Map names; // full name to AvroType
    Err *err;
} Parser;

static const char *const PRIMITIVES[] = {
    [AVRO_NULL] = "null",   [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",     [AVRO_LONG] = "long",
    [AVRO_FLOAT] = "float", [AVRO_DOUBLE] = "double",   [AVRO_BYTES] = "bytes", [AVRO_STRING] = "string"};
static const char *const COMPLEX[] = {[AVRO_FIXED] = "fixed", [AVRO_ENUM] = "enum",     [AVRO_ARRAY] = "array",
                                      [AVRO_MAP] = "map",     [AVRO_RECORD] = "record", [AVRO_UNION] = "error"};

static AvroType *parse_type(Parser *parser, const json_t *json, Slice space, int depth);

static AvroType *wrong(Parser *parser, const char *what, Slice where) {
    FAIL(parser->err, ERR_VALUE, "the Avro schema is wrong: %s%s%.*s", what, where.size > 0 ? " in " : "",
         (int)MIN(where.size, 200), (const char *)where.data);
    return NULL;
}

static Slice text_of(const json_t *json) {
    return json_is_string(json) ? (Slice){(const uint8_t *)json_string_value(json), json_string_length(json)}
                                : (Slice){0};
}

static Slice member(Parser *parser, const json_t *json, const char *key) {
    return arena_slice(parser->arena, text_of(json_object_get(json, key)));
}

static Slice dump(Parser *parser, const json_t *json) {
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17));
    Slice copy = arena_slice(parser->arena, slice_of(text));
    free(text);
    return copy;
}

// --- attributes ------------------------------------------------------------------------------------------------

static bool one_of(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *const TYPE_OWN[] = {"type",    "name",        "namespace", "doc",      "fields",
                                       "items",   "values",      "symbols",   "size",     "aliases",
                                       "default", "element-id",  "key-id",    "value-id", AVRO_NAME_NOTE,
                                       "order",   "logicalType", "precision", "scale"};
static const char *const FIELD_OWN[] = {"type",        "name",         "namespace",  "doc",       "fields",
                                        "items",       "values",       "symbols",    "size",      "aliases",
                                        "default",     "order",        "field-id",   "precision", "scale",
                                        "logicalType", AVRO_NAME_NOTE, "element-id", "key-id",    "value-id"};

// What the shape does not say itself is kept: beside the notes that are there already.
static void keep_notes(Parser *parser, const json_t *json, const char *const *own, size_t own_count, Shape *shape) {
    ShapeNote *notes = ARENA_ARRAY(parser->arena, ShapeNote, shape->note_count + json_object_size(json));
    if (shape->note_count > 0) {
        memcpy(notes, shape->notes, shape->note_count * sizeof(*notes));
    }
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        if (!one_of(key, own, own_count)) {
            notes[shape->note_count++] = (ShapeNote){arena_slice(parser->arena, slice_of(key)), dump(parser, value)};
        }
    }
    shape->notes = notes;
}

static int32_t number(const json_t *json, const char *key) {
    json_int_t value = json_integer_value(json_object_get(json, key)); // 0 when it is none
    return value >= 0 && value <= INT32_MAX ? (int32_t)value : -1;
}

static const struct {
    const char *name;
    AvroKind kind;
    AvroLogical logical;
    ShapeKind shape;
} LOGICALS[] = {
    {"date", AVRO_INT, AVRO_DATE, SHAPE_DATE},
    {"time-millis", AVRO_INT, AVRO_MILLIS, SHAPE_TIME},
    {"time-micros", AVRO_LONG, AVRO_MICROS, SHAPE_TIME},
    {"timestamp-millis", AVRO_LONG, AVRO_MILLIS, SHAPE_TIMESTAMPTZ},
    {"timestamp-micros", AVRO_LONG, AVRO_MICROS, SHAPE_TIMESTAMPTZ},
    {"local-timestamp-millis", AVRO_LONG, AVRO_MILLIS, SHAPE_TIMESTAMP},
    {"local-timestamp-micros", AVRO_LONG, AVRO_MICROS, SHAPE_TIMESTAMP},
    {"uuid", AVRO_STRING, AVRO_UUID, SHAPE_UUID},
    {"uuid", AVRO_FIXED, AVRO_UUID, SHAPE_UUID},
    {"decimal", AVRO_BYTES, AVRO_DECIMAL, SHAPE_DECIMAL},
    {"decimal", AVRO_FIXED, AVRO_DECIMAL, SHAPE_DECIMAL},
};

// A logical type that is not known, or not valid here, is an attribute like others: the specification wants it so.
static void logical_type(const Parser *parser, const json_t *json, AvroType *type) {
    Slice name = text_of(json_object_get(json, "logicalType"));
    for (size_t i = 0; i < ARRAY_LEN(LOGICALS); i++) {
        if (!slice_is(name, LOGICALS[i].name) || type->kind != LOGICALS[i].kind ||
            (parser->plain && LOGICALS[i].logical != AVRO_DECIMAL)) {
            continue;
        }
        int32_t precision = number(json, "precision"), scale = number(json, "scale");
        if (LOGICALS[i].logical == AVRO_DECIMAL) {
            if (precision < 1 || precision > DECIMAL_DIGITS_MAX || scale < 0 || scale > precision) {
                return;
            }
            type->shape.precision = precision;
            type->shape.scale = scale;
        }
        if (LOGICALS[i].logical == AVRO_UUID && type->kind == AVRO_FIXED && type->size != 16) {
            return;
        }
        type->logical = LOGICALS[i].logical;
        type->shape.kind = LOGICALS[i].shape;
        return;
    }
}

static void attributes(Parser *parser, const json_t *json, AvroType *type) {
    logical_type(parser, json, type);
    size_t own = ARRAY_LEN(TYPE_OWN) - (type->logical == AVRO_PLAIN ? 3 : 0);
    keep_notes(parser, json, TYPE_OWN, own, &type->shape);
}

// --- types -----------------------------------------------------------------------------------------------------

static AvroType *type_new(Parser *parser, AvroKind kind) {
    static const ShapeKind SHAPES[] = {
        [AVRO_NULL] = SHAPE_STRING,   [AVRO_BOOLEAN] = SHAPE_BOOL,  [AVRO_INT] = SHAPE_INT32,
        [AVRO_LONG] = SHAPE_INT64,    [AVRO_FLOAT] = SHAPE_FLOAT32, [AVRO_DOUBLE] = SHAPE_FLOAT64,
        [AVRO_BYTES] = SHAPE_BYTES,   [AVRO_STRING] = SHAPE_STRING, [AVRO_FIXED] = SHAPE_BYTES,
        [AVRO_ENUM] = SHAPE_STRING,   [AVRO_ARRAY] = SHAPE_LIST,    [AVRO_MAP] = SHAPE_MAP,
        [AVRO_RECORD] = SHAPE_STRUCT, [AVRO_UNION] = SHAPE_STRUCT,  [AVRO_AGAIN] = SHAPE_BYTES,
    };
    AvroType *type = ARENA_NEW(parser->arena, AvroType);
    type->kind = kind;
    type->nodes = 1;
    type->shape.kind = SHAPES[kind];
    type->shape.optional = kind == AVRO_NULL;
    return type;
}

static bool add_nodes(Parser *parser, AvroType *type, const AvroType *part) {
    type->nodes += part->nodes;
    return type->nodes <= NODES_MAX || wrong(parser, "too many types", type->name) != NULL;
}

// Dots in a name say its space; else the attribute does, else the place.
static Slice full_name(Parser *parser, Slice name, const Slice *own_space, Slice space) {
    space = own_space != NULL ? *own_space : space;
    if (space.size == 0 || memchr(name.data, '.', name.size) != NULL) {
        return arena_slice(parser->arena, name);
    }
    Slice full = {arena_alloc(parser->arena, space.size + 1 + name.size), space.size + 1 + name.size};
    uint8_t *at = (uint8_t *)(uintptr_t)full.data;
    memcpy(at, space.data, space.size);
    at[space.size] = '.';
    memcpy(at + space.size + 1, name.data, name.size);
    return full;
}

static Slice space_of(Slice full) {
    size_t size = full.size;
    while (size > 0 && full.data[size - 1] != '.') {
        size--;
    }
    return (Slice){full.data, size > 0 ? size - 1 : 0};
}

static AvroType *reference(Parser *parser, Slice name, Slice space) {
    if (name.size == 0) {
        return wrong(parser, "a type is missing", space);
    }
    AvroType *named = map_find(&parser->names, full_name(parser, name, NULL, space));
    named = named != NULL ? named : map_find(&parser->names, name);
    if (named == NULL) {
        return wrong(parser, "an unknown type", name);
    }
    if (!named->open) {
        return named;
    }
    AvroType *again = type_new(parser, AVRO_AGAIN);
    again->name = named->name;
    again->parts = ARENA_ARRAY(parser->arena, const AvroType *, 1);
    again->parts[0] = named;
    again->part_count = 1;
    return again;
}

static bool name_type(Parser *parser, const json_t *json, Slice space, AvroType *type) {
    Slice name = text_of(json_object_get(json, "name")), own = text_of(json_object_get(json, "namespace"));
    if (name.size == 0) {
        return wrong(parser, "a type has no name", space) != NULL;
    }
    type->name = full_name(parser, name, json_is_string(json_object_get(json, "namespace")) ? &own : NULL, space);
    if (map_find(&parser->names, type->name) != NULL) {
        return wrong(parser, "two types of one name", type->name) != NULL;
    }
    map_put(&parser->names, type->name, type);
    return true;
}

// A field's shape: its type's, and what the field adds.
static bool parse_field(Parser *parser, const json_t *json, Slice space, int depth, AvroType *record,
                        ShapeField *field) {
    Slice name = member(parser, json, "name"), original = member(parser, json, AVRO_NAME_NOTE);
    if (name.size == 0) {
        return wrong(parser, "a field has no name", record->name) != NULL;
    }
    const AvroType *type = parse_type(parser, json_object_get(json, "type"), space, depth);
    if (type == NULL) {
        return false;
    }
    record->parts[record->part_count++] = type;
    field->name = original.size > 0 ? original : name;
    field->shape = type->shape;
    keep_notes(parser, json, FIELD_OWN, ARRAY_LEN(FIELD_OWN), &field->shape);
    field->shape.id = MAX(number(json, "field-id"), 0);
    if (field->shape.doc.size == 0) {
        field->shape.doc = member(parser, json, "doc");
    }
    const json_t *value = json_object_get(json, "default");
    if (value != NULL) {
        field->default_json = dump(parser, value);
    }
    return add_nodes(parser, record, type);
}

AvroField avro_field(const AvroType *type, bool left_out) {
    AvroField field = {.leaf = AVRO_AGAIN, .null = AVRO_NO_UNION, .left_out = left_out};
    if (type->kind == AVRO_UNION && type->part_count == 2) {
        bool second = type->parts[1]->kind == AVRO_NULL;
        if (!second && type->parts[0]->kind != AVRO_NULL) {
            return field;
        }
        field.null = second ? 2 : 0;
        type = type->parts[second ? 0 : 1];
    }
    bool leaf = type->kind == AVRO_NULL || type->kind == AVRO_INT || type->kind == AVRO_LONG ||
                type->kind == AVRO_BYTES || type->kind == AVRO_STRING;
    if (leaf && (left_out || type->logical == AVRO_PLAIN)) {
        field.leaf = (uint8_t)type->kind;
    }
    return field;
}

static AvroType *parse_record(Parser *parser, const json_t *json, Slice space, int depth) {
    AvroType *type = type_new(parser, AVRO_RECORD);
    const json_t *fields = json_object_get(json, "fields");
    if (!name_type(parser, json, space, type)) {
        return NULL;
    }
    if (!json_is_array(fields)) {
        return wrong(parser, "a record has no fields", type->name);
    }
    size_t count = json_array_size(fields);
    ShapeField *made = ARENA_ARRAY(parser->arena, ShapeField, count);
    type->parts = ARENA_ARRAY(parser->arena, const AvroType *, count);
    type->open = true;
    DEFER(map_release) Map names = {0};
    for (size_t i = 0; i < count; i++) {
        if (!parse_field(parser, json_array_get(fields, i), space_of(type->name), depth, type, &made[i])) {
            return NULL;
        }
        if (map_find(&names, made[i].name) != NULL) {
            return wrong(parser, "two fields of one name", type->name);
        }
        map_put(&names, made[i].name, type);
    }
    type->open = false;
    type->fields = ARENA_ARRAY(parser->arena, AvroField, count);
    for (size_t i = 0; i < count; i++) {
        type->fields[i] = avro_field(type->parts[i], false);
    }
    type->shape.fields = made;
    type->shape.field_count = (uint32_t)count;
    Slice original = member(parser, json, AVRO_NAME_NOTE);
    type->shape.name = original.size > 0 ? original : type->name;
    type->shape.doc = member(parser, json, "doc");
    attributes(parser, json, type);
    return type;
}

static AvroType *parse_enum(Parser *parser, const json_t *json, Slice space) {
    AvroType *type = type_new(parser, AVRO_ENUM);
    const json_t *symbols = json_object_get(json, "symbols");
    if (!name_type(parser, json, space, type)) {
        return NULL;
    }
    size_t count = json_array_size(symbols);
    Slice *texts = ARENA_ARRAY(parser->arena, Slice, count);
    for (size_t i = 0; i < count; i++) {
        texts[i] = arena_slice(parser->arena, text_of(json_array_get(symbols, i)));
        if (texts[i].size == 0) {
            return wrong(parser, "a symbol is no text", type->name);
        }
    }
    if (count == 0) {
        return wrong(parser, "an enum has no symbols", type->name);
    }
    type->symbols = texts;
    type->part_count = (uint32_t)count;
    attributes(parser, json, type);
    return type;
}

static AvroType *parse_fixed(Parser *parser, const json_t *json, Slice space) {
    AvroType *type = type_new(parser, AVRO_FIXED);
    int32_t size = number(json, "size");
    if (!name_type(parser, json, space, type)) {
        return NULL;
    }
    if (!json_is_integer(json_object_get(json, "size")) || size < 0) {
        return wrong(parser, "a fixed has no size", type->name);
    }
    type->size = (uint32_t)size;
    attributes(parser, json, type);
    return type;
}

static AvroType *parse_items(Parser *parser, const json_t *json, AvroKind kind, Slice space, int depth) {
    AvroType *type = type_new(parser, kind);
    const char *key = kind == AVRO_ARRAY ? "items" : "values";
    const AvroType *part = parse_type(parser, json_object_get(json, key), space, depth);
    if (part == NULL || !add_nodes(parser, type, part)) {
        return NULL;
    }
    type->parts = ARENA_ARRAY(parser->arena, const AvroType *, 1);
    type->parts[0] = part;
    type->part_count = 1;
    type->shape.element = &part->shape;
    type->shape.element_id = MAX(number(json, kind == AVRO_ARRAY ? "element-id" : "value-id"), 0);
    attributes(parser, json, type);
    return type;
}

// What is neither a value or null, nor one type: a struct with a field for each branch, named by its type.
static AvroType *union_shape(Parser *parser, AvroType *type) {
    ShapeField *fields = ARENA_ARRAY(parser->arena, ShapeField, type->part_count);
    uint32_t count = 0;
    bool optional = false;
    DEFER(map_release) Map names = {0};
    for (uint32_t i = 0; i < type->part_count; i++) {
        const AvroType *part = type->parts[i];
        if (part->kind == AVRO_NULL) {
            optional = true;
            continue;
        }
        bool named = part->name.size > 0;
        Slice name =
            named ? part->name : slice_of(part->kind <= AVRO_STRING ? PRIMITIVES[part->kind] : COMPLEX[part->kind]);
        size_t space = named ? space_of(name).size : 0;
        Slice simple = slice_from(name, space > 0 ? space + 1 : 0);
        fields[count].name = map_find(&names, simple) == NULL ? simple : name;
        if (map_find(&names, fields[count].name) != NULL) {
            return wrong(parser, "a union names a type twice", name);
        }
        map_put(&names, fields[count].name, type);
        fields[count].shape = part->shape;
        fields[count].shape.optional = true;
        count++;
    }
    if (count == 1) {
        type->shape = fields[0].shape;
        type->shape.optional = optional;
    } else if (count == 0) {
        type->shape.kind = SHAPE_STRING;
        type->shape.optional = true;
    } else {
        type->shape.fields = fields;
        type->shape.field_count = count;
        type->shape.optional = optional;
    }
    return type;
}

static AvroType *parse_union(Parser *parser, const json_t *json, Slice space, int depth) {
    AvroType *type = type_new(parser, AVRO_UNION);
    size_t count = json_array_size(json);
    type->parts = ARENA_ARRAY(parser->arena, const AvroType *, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *branch = json_array_get(json, i);
        if (json_is_array(branch)) {
            return wrong(parser, "a union within a union", space);
        }
        const AvroType *part = parse_type(parser, branch, space, depth);
        if (part == NULL || !add_nodes(parser, type, part)) {
            return NULL;
        }
        type->parts[type->part_count++] = part;
    }
    return count > 0 ? union_shape(parser, type) : wrong(parser, "an empty union", space);
}

static AvroType *parse_text(Parser *parser, Slice text, Slice space) {
    for (size_t i = 0; i < ARRAY_LEN(PRIMITIVES); i++) {
        if (slice_is(text, PRIMITIVES[i])) {
            return type_new(parser, (AvroKind)i);
        }
    }
    return reference(parser, text, space);
}

static AvroType *parse_object(Parser *parser, const json_t *json, Slice space, int depth) {
    const json_t *inner = json_object_get(json, "type");
    Slice text = text_of(inner);
    for (size_t i = AVRO_FIXED; i < ARRAY_LEN(COMPLEX); i++) {
        if (!slice_is(text, COMPLEX[i])) {
            continue;
        }
        switch (i) {
        case AVRO_FIXED:
            return parse_fixed(parser, json, space);
        case AVRO_ENUM:
            return parse_enum(parser, json, space);
        case AVRO_ARRAY:
        case AVRO_MAP:
            return parse_items(parser, json, (AvroKind)i, space, depth);
        default:
            return parse_record(parser, json, space, depth);
        }
    }
    AvroType *type = parse_type(parser, inner, space, depth);
    if (type != NULL && json_is_string(inner) && type->kind <= AVRO_STRING) {
        attributes(parser, json, type);
    }
    return type;
}

static AvroType *parse_type(Parser *parser, const json_t *json, Slice space, int depth) {
    if (depth == 0) {
        return wrong(parser, "types are nested too deep", space);
    }
    if (json_is_string(json)) {
        return parse_text(parser, text_of(json), space);
    }
    if (json_is_array(json)) {
        return parse_union(parser, json, space, depth - 1);
    }
    if (json_is_object(json)) {
        return parse_object(parser, json, space, depth - 1);
    }
    return wrong(parser, "a type is missing", space);
}

bool avro_schema_parse(Arena *arena, Slice json, bool plain, const AvroType **type, Err *err) {
    json_error_t error;
    json_t *tree = json_loadb((const char *)json.data, json.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (tree == NULL) {
        return FAIL(err, ERR_VALUE, "the Avro schema is no JSON: byte %d: %.100s", error.position, error.text);
    }
    Parser parser = {.arena = arena, .plain = plain, .err = err};
    *type = parse_type(&parser, tree, (Slice){0}, AVRO_DEPTH_MAX * 3);
    json_decref(tree);
    map_release(&parser.names);
    return *type != NULL;
}
