// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/json_schema_shape.h"

#include "data/connect/notes.h"
#include "flow/source/kafka/connect_json.h"

#include <stdlib.h>

enum { DEPTH_MAX = 64, NODES_MAX = 20000 };

// The schemas that the one being read stands in.
typedef struct Open Open;
struct Open {
    const JsonNode *schema;
    const Open *outer;
    int depth;
};

typedef struct Reading {
    Arena *arena;
    const JsonNode *root;
    const JsonSchemaRules *rules;
    size_t nodes;
} Reading;

static bool schema_read(Reading *reading, const JsonNode *json, const Open *outer, Shape *shape, Err *err);

// --- parts -------------------------------------------------------------------------------------------------------

static bool is_type(const JsonNode *json, const char *type) {
    return slice_is(json_tree_text(json, "type"), type);
}

// "#/definitions/Item", "#/$defs/Item", "#"; NULL: it is not there.
static const JsonNode *referred(const Reading *reading, Slice reference) {
    const JsonNode *found = reading->root;
    if (reference.size == 0 || reference.data[0] != '#') {
        return NULL;
    }
    Slice rest = slice_from(reference, 1);
    while (rest.size > 0 && found != NULL) {
        rest = slice_from(rest, 1);
        const uint8_t *slash = memchr(rest.data, '/', rest.size);
        size_t size = slash != NULL ? (size_t)(slash - rest.data) : rest.size;
        found = json_tree_find(found, (Slice){rest.data, size});
        rest = slice_from(rest, size);
    }
    return found;
}

// Of a union of null and another: the other. NULL: it is another union.
static const JsonNode *nullable(const JsonNode *list, bool *optional) {
    const JsonNode *other = NULL;
    size_t others = 0;
    for (const JsonNode *node = list->first; node != NULL; node = node->next) {
        bool null = is_type(node, "null") || (node->kind == TREE_TEXT && slice_is(node->text, "null"));
        *optional = *optional || null;
        other = null ? other : node;
        others += !null;
    }
    return others == 1 ? other : NULL;
}

static bool document(const Reading *reading, Shape *shape, Err *err) {
    if (reading->rules->connect) {
        return FAIL(err, ERR_VALUE,
                    "a JSON Schema of no type that leat makes Connect's records of: a union, an object "
                    "without properties, or one within itself");
    }
    *shape = (Shape){.kind = SHAPE_STRING, .optional = true};
    connect_note_add(reading->arena, shape, "connect.name", SLICE("\"io.debezium.data.Json\""));
    connect_note_add(reading->arena, shape, CONNECT_JSON_DOCUMENT, SLICE("true"));
    return true;
}

// --- objects and arrays ------------------------------------------------------------------------------------------

typedef struct Property {
    const JsonNode *schema;
    int64_t index;
} Property;

static int by_index(const void *a, const void *b) {
    const Property *left = a, *right = b;
    return left->index < right->index ? -1 : left->index > right->index;
}

static bool is_required(const JsonNode *json, Slice name) {
    const JsonNode *list = json_tree_member(json, "required");
    for (const JsonNode *node = list != NULL ? list->first : NULL; node != NULL; node = node->next) {
        if (slice_equal(node->text, name)) {
            return true;
        }
    }
    return false;
}

// Connect's own schemas name nothing as required: what may be null says so.
static bool struct_read(Reading *reading, const JsonNode *json, const JsonNode *properties, const Open *open,
                        Shape *shape, Err *err) {
    Property *order = ARENA_ARRAY(reading->arena, Property, properties->count);
    ShapeField *fields = ARENA_ARRAY(reading->arena, ShapeField, properties->count);
    uint32_t count = 0;
    bool indexed = true;
    for (const JsonNode *node = properties->first; node != NULL; node = node->next) {
        order[count] = (Property){.schema = node};
        indexed = json_tree_int(json_tree_member(node, "connect.index"), &order[count].index) && indexed;
        count++;
    }
    if (indexed) {
        qsort(order, count, sizeof(*order), by_index);
    }
    for (uint32_t i = 0; i < count; i++) {
        const JsonNode *node = order[i].schema;
        fields[i].name = arena_slice(reading->arena, node->name);
        if (!schema_read(reading, node, open, &fields[i].shape, err)) {
            return err_prefix(err, "property %.60s", arena_text(reading->arena, node->name));
        }
        bool open_ended = !indexed || reading->rules->connect;
        fields[i].shape.optional |= open_ended && !reading->rules->required && !is_required(json, node->name);
        fields[i].default_json = connect_note(&fields[i].shape, "connect.default");
    }
    shape->kind = SHAPE_STRUCT;
    shape->fields = fields;
    shape->field_count = count;
    return true;
}

// False with *done unset: it is a document.
static bool nested_read(Reading *reading, const JsonNode *json, const Open *open, Shape *shape, bool *done, Err *err) {
    bool object = !is_type(json, "array"), map = slice_is(json_tree_text(json, "connect.type"), "map");
    const JsonNode *properties = json_tree_member(json, "properties");
    const JsonNode *element = json_tree_member(json, object ? "additionalProperties" : "items");
    bool plain = !map && object && reading->rules->connect; // not taken for a map
    bool members = properties != NULL && properties->kind == TREE_OBJECT && properties->count > 0;
    *done = true;
    if (object && members && !map) {
        return struct_read(reading, json, properties, open, shape, err);
    }
    if (element == NULL || element->kind != TREE_OBJECT || (!object && map) || plain) {
        *done = false;
        return true;
    }
    Shape *made = ARENA_NEW(reading->arena, Shape);
    shape->kind = object ? SHAPE_MAP : SHAPE_LIST;
    shape->element = made;
    return schema_read(reading, element, open, made, err);
}

// --- any ---------------------------------------------------------------------------------------------------------

static bool scalar_kind(const JsonNode *json, Slice type, ShapeKind *kind, const char **note) {
    static const struct {
        const char *type, *connect; // connect "" = the type alone
        ShapeKind kind;
        const char *note;
    } KINDS[] = {
        {"boolean", "", SHAPE_BOOL, NULL},
        {"integer", "int8", SHAPE_INT32, "\"int8\""},
        {"integer", "int16", SHAPE_INT32, "\"int16\""},
        {"integer", "int32", SHAPE_INT32, NULL},
        {"integer", "", SHAPE_INT64, NULL},
        {"number", "float32", SHAPE_FLOAT32, NULL},
        {"number", "bytes", SHAPE_BYTES, NULL}, // a Decimal
        {"number", "", SHAPE_FLOAT64, NULL},
        {"string", "bytes", SHAPE_BYTES, NULL},
        {"string", "", SHAPE_STRING, NULL},
    };
    Slice connect = json_tree_text(json, "connect.type");
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        bool any = KINDS[i].connect[0] == '\0';
        if (slice_is(type, KINDS[i].type) && (any || slice_is(connect, KINDS[i].connect))) {
            *kind = KINDS[i].kind;
            *note = KINDS[i].note;
            return true;
        }
    }
    return false;
}

// Behind references and unions with null; *known unset: it has no type of its own.
static bool typed_read(Reading *reading, const JsonNode *json, const Open *open, Shape *shape, bool *known, Err *err) {
    const JsonNode *types = json_tree_member(json, "type"), *values = json_tree_member(json, "enum");
    const char *note = NULL;
    Slice type = {0};
    *shape = (Shape){0};
    if (types != NULL) {
        const JsonNode *one = types->kind == TREE_LIST ? nullable(types, &shape->optional) : types;
        type = one != NULL && one->kind == TREE_TEXT ? one->text : (Slice){0};
    } else if (json_tree_member(json, "properties") != NULL) {
        type = SLICE("object");
    } else if (values != NULL && values->kind == TREE_LIST) {
        bool texts = values->count > 0;
        for (const JsonNode *node = values->first; node != NULL; node = node->next) {
            texts = texts && node->kind == TREE_TEXT;
        }
        type = texts ? SLICE("string") : (Slice){0};
    }
    if (slice_is(type, "object") || slice_is(type, "array")) {
        TRY(nested_read(reading, json, open, shape, known, err));
    } else {
        *known = scalar_kind(json, type, &shape->kind, &note);
    }
    if (note != NULL) {
        connect_note_add(reading->arena, shape, "connect.type", slice_of(note));
    }
    connect_json_note(reading->arena, json, "title", "connect.name", shape);
    connect_json_note(reading->arena, json, "connect.parameters", "connect.parameters", shape);
    if (reading->rules->connect) {
        connect_json_note(reading->arena, json, "description", "connect.doc", shape);
        connect_json_note(reading->arena, json, "connect.version", "connect.version", shape);
        connect_json_note(reading->arena, json, "default", "connect.default", shape);
    }
    shape->name = arena_slice(reading->arena, json_tree_text(json, "title"));
    return true;
}

static bool schema_read(Reading *reading, const JsonNode *json, const Open *outer, Shape *shape, Err *err) {
    static const char *const UNIONS[] = {"oneOf", "anyOf", "allOf"};
    Open open = {json, outer, outer != NULL ? outer->depth + 1 : 1};
    bool known = false, optional = false;
    if (++reading->nodes > NODES_MAX || open.depth > DEPTH_MAX) {
        return FAIL(err, ERR_VALUE, "a JSON Schema that is too large, or nested too deep");
    }
    for (const Open *each = outer; each != NULL; each = each->outer) {
        if (each->schema == json) { // within itself
            return document(reading, shape, err);
        }
    }
    const JsonNode *inner = NULL;
    Slice reference = json_tree_text(json, "$ref");
    if (reference.size > 0) {
        inner = referred(reading, reference);
        if (inner == NULL) {
            return FAIL(err, ERR_VALUE, "a JSON Schema refers to %.*s, which is not in it",
                        (int)MIN(reference.size, 80), (const char *)reference.data);
        }
    }
    bool typed = json_tree_member(json, "type") != NULL;
    for (size_t i = 0; i < ARRAY_LEN(UNIONS) && inner == NULL && !typed; i++) {
        const JsonNode *list = json_tree_member(json, UNIONS[i]);
        inner = list != NULL && list->kind == TREE_LIST ? nullable(list, &optional) : NULL;
    }
    if (inner != NULL) {
        TRY(schema_read(reading, inner, &open, shape, err));
        shape->optional |= optional;
        return true;
    }
    TRY(typed_read(reading, json, &open, shape, &known, err));
    return known || document(reading, shape, err);
}

bool json_schema_shape(Arena *arena, Slice schema, const JsonSchemaRules *rules, Shape *shape, Err *err) {
    Reading reading = {.arena = arena, .rules = rules};
    TRY(json_tree_parse(arena, schema, &reading.root, err));
    return schema_read(&reading, reading.root, NULL, shape, err);
}
