// SPDX-License-Identifier: Apache-2.0
#include "flow/source/kafka/connect_json.h"

#include "core/base/decimal.h"
#include "data/connect/decimal_bytes.h"
#include "data/connect/notes.h"
#include "data/connect/java_text.h"

enum { DEPTH_MAX = 64, FIELDS_MAX = 20000 };

// --- schemas -----------------------------------------------------------------------------------------------------

static const struct {
    const char *name;
    ShapeKind kind;
    const char *note; // of connect.type: Shapes have no such type
} TYPES[] = {
    {"int8", SHAPE_INT32, "\"int8\""}, {"int16", SHAPE_INT32, "\"int16\""}, {"int32", SHAPE_INT32, NULL},
    {"int64", SHAPE_INT64, NULL},      {"float", SHAPE_FLOAT32, NULL},      {"float32", SHAPE_FLOAT32, NULL},
    {"double", SHAPE_FLOAT64, NULL},   {"float64", SHAPE_FLOAT64, NULL},    {"boolean", SHAPE_BOOL, NULL},
    {"string", SHAPE_STRING, NULL},    {"bytes", SHAPE_BYTES, NULL},        {"array", SHAPE_LIST, NULL},
    {"map", SHAPE_MAP, NULL},          {"struct", SHAPE_STRUCT, NULL},
};

static bool schema_read(Arena *arena, const JsonNode *json, int depth, Shape *shape, Err *err);

void connect_json_note(Arena *arena, const JsonNode *json, const char *member, const char *note, Shape *shape) {
    const JsonNode *node = json_tree_member(json, member);
    if (node == NULL || node->kind == TREE_NULL) {
        return;
    }
    DEFER(buf_release) Buf text = {0};
    json_tree_write(&text, node, TREE_AS_WRITTEN);
    connect_note_add(arena, shape, note, arena_slice(arena, buf_slice(&text)));
}

static bool fields_read(Arena *arena, const JsonNode *json, int depth, Shape *shape, Err *err) {
    const JsonNode *list = json_tree_member(json, "fields");
    if (list == NULL || list->kind != TREE_LIST || list->count > FIELDS_MAX) {
        return FAIL(err, ERR_VALUE, "a schema of type struct has no list of fields");
    }
    ShapeField *fields = ARENA_ARRAY(arena, ShapeField, list->count);
    uint32_t count = 0;
    for (const JsonNode *node = list->first; node != NULL; node = node->next, count++) {
        Slice name = json_tree_text(node, "field");
        if (name.size == 0) {
            return FAIL(err, ERR_VALUE, "a field of a schema has no name");
        }
        fields[count].name = arena_slice(arena, name);
        if (!schema_read(arena, node, depth - 1, &fields[count].shape, err)) {
            return err_prefix(err, "field %.60s", arena_text(arena, name));
        }
        fields[count].default_json = connect_note(&fields[count].shape, "connect.default");
    }
    shape->fields = fields;
    shape->field_count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (shape_find(shape, fields[i].name) != (int32_t)i) {
            return FAIL(err, ERR_VALUE, "a schema has two fields %.60s", arena_text(arena, fields[i].name));
        }
    }
    return true;
}

static bool element_read(Arena *arena, const JsonNode *json, int depth, Shape *shape, Err *err) {
    Shape *element = ARENA_NEW(arena, Shape);
    const char *member = shape->kind == SHAPE_LIST ? "items" : "values";
    const JsonNode *node = json_tree_member(json, member);
    if (node == NULL) {
        return FAIL(err, ERR_VALUE, "a schema has no %s", member);
    }
    if (shape->kind == SHAPE_MAP && !slice_is(json_tree_text(json_tree_member(json, "keys"), "type"), "string")) {
        return FAIL(err, ERR_VALUE, "a map whose keys are no strings");
    }
    shape->element = element;
    return schema_read(arena, node, depth - 1, element, err);
}

static bool schema_read(Arena *arena, const JsonNode *json, int depth, Shape *shape, Err *err) {
    Slice type = json_tree_text(json, "type");
    size_t i = 0;
    while (i < ARRAY_LEN(TYPES) && !slice_is(type, TYPES[i].name)) {
        i++;
    }
    if (i == ARRAY_LEN(TYPES) || depth == 0) {
        return FAIL(err, ERR_VALUE, depth == 0 ? "a schema is nested too deep" : "a schema of no type that there is");
    }
    const JsonNode *optional = json_tree_member(json, "optional");
    *shape = (Shape){.kind = TYPES[i].kind, .optional = optional != NULL && optional->kind == TREE_TRUE};
    if (TYPES[i].note != NULL) {
        connect_note_add(arena, shape, "connect.type", slice_of(TYPES[i].note));
    }
    connect_json_note(arena, json, "doc", "connect.doc", shape);
    connect_json_note(arena, json, "version", "connect.version", shape);
    connect_json_note(arena, json, "parameters", "connect.parameters", shape);
    connect_json_note(arena, json, "default", "connect.default", shape);
    connect_json_note(arena, json, "name", "connect.name", shape);
    shape->name = arena_slice(arena, json_tree_text(json, "name"));
    if (shape->kind == SHAPE_STRUCT) {
        return fields_read(arena, json, depth, shape, err);
    }
    bool nests = shape->kind == SHAPE_LIST || shape->kind == SHAPE_MAP;
    return !nests || element_read(arena, json, depth, shape, err);
}

bool connect_json_schema(Arena *arena, const JsonNode *json, Shape *shape, Err *err) {
    return schema_read(arena, json, DEPTH_MAX, shape, err);
}

// --- values ------------------------------------------------------------------------------------------------------

static bool wrong(const JsonNode *json, const Shape *shape, Err *err) {
    static const char *const KINDS[] = {"null", "false", "true", "a number", "a text", "a list", "an object"};
    return FAIL(err, ERR_VALUE, "%s where the schema says %s", KINDS[json->kind], shape_kind_name(shape->kind));
}

static bool list_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    Value *items = ARENA_ARRAY(scratch, Value, json->count);
    size_t count = 0;
    for (const JsonNode *node = json->first; node != NULL; node = node->next, count++) {
        TRY(connect_json_value(scratch, shape->element, node, &items[count], err));
    }
    *value = (Value){.kind = VALUE_LIST, .items = {items, count}};
    return true;
}

static bool map_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    Value *items = ARENA_ARRAY(scratch, Value, json->count * 2);
    size_t count = 0;
    for (const JsonNode *node = json->first; node != NULL; node = node->next, count += 2) {
        items[count] = value_bytes(VALUE_STRING, node->name);
        TRY(connect_json_value(scratch, shape->element, node, &items[count + 1], err));
    }
    *value = (Value){.kind = VALUE_MAP, .items = {items, count}};
    return true;
}

static bool struct_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    static const JsonNode ABSENT = {.kind = TREE_NULL};
    Value *items = ARENA_ARRAY(scratch, Value, shape->field_count);
    size_t found = 0;
    const JsonNode *next = json->first; // writers keep the schema's order
    for (uint32_t i = 0; i < shape->field_count; i++) {
        bool here = next != NULL && slice_equal(next->name, shape->fields[i].name);
        const JsonNode *node = here ? next : json_tree_find(json, shape->fields[i].name);
        next = node != NULL ? node->next : next;
        found += node != NULL;
        if (!connect_json_value(scratch, &shape->fields[i].shape, node != NULL ? node : &ABSENT, &items[i], err)) {
            return err_prefix(err, "%.60s", arena_text(scratch, shape->fields[i].name));
        }
    }
    if (found != json->count) { // a column would be lost in silence
        return FAIL(err, ERR_VALUE, "an object with members that its schema has not");
    }
    *value = (Value){.kind = VALUE_STRUCT, .items = {items, shape->field_count}};
    return true;
}

static bool integer_value(const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    int64_t number = 0;
    if (!json_tree_int(json, &number) || (shape->kind == SHAPE_INT32 && number != (int32_t)number)) {
        return wrong(json, shape, err);
    }
    value->kind = VALUE_INT; // member by member: a copied struct waits for the stores that made it
    value->integer = number;
    return true;
}

static bool real_value(const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    double number = 0;
    bool word = json->kind == TREE_TEXT &&
                (slice_is(json->text, "NaN") || slice_is(json->text, "Infinity") || slice_is(json->text, "-Infinity"));
    if (!(word ? text_real(json->text, &number) : json_tree_number(json, &number))) {
        return wrong(json, shape, err);
    }
    bool single = shape->kind == SHAPE_FLOAT32;
    *value = (Value){.kind = single ? VALUE_FLOAT32 : VALUE_FLOAT64, .real = single ? (double)(float)number : number};
    return true;
}

// A number: decimal.format=NUMERIC, of a Decimal alone.
static bool bytes_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    Slice bytes = {0};
    if (json->kind == TREE_NUMBER &&
        slice_is(connect_note(shape, "connect.name"), "\"org.apache.kafka.connect.data.Decimal\"")) {
        *value = (Value){.kind = VALUE_DECIMAL};
        return decimal_from_text(scratch, json->text, &value->bytes) || wrong(json, shape, err);
    }
    if (json->kind != TREE_TEXT || !text_base64(scratch, json->text, &bytes)) {
        return wrong(json, shape, err);
    }
    *value = value_bytes(VALUE_BYTES, bytes);
    return true;
}

static bool text_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    if (connect_note(shape, CONNECT_JSON_DOCUMENT).size > 0) {
        DEFER(buf_release) Buf text = {0};
        json_tree_write(&text, json, TREE_AS_WRITTEN);
        *value = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&text)));
        return true;
    }
    value->kind = VALUE_STRING;
    value->bytes.data = json->text.data;
    value->bytes.size = json->text.size;
    return json->kind == TREE_TEXT || wrong(json, shape, err);
}

// As bytes_value, of a shape that says the digits.
static bool decimal_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    Slice bytes = {0};
    *value = (Value){.kind = VALUE_DECIMAL};
    bool ok = json->kind == TREE_NUMBER ? decimal_from_text(scratch, json->text, &value->bytes)
                                        : json->kind == TREE_TEXT && text_base64(scratch, json->text, &bytes) &&
                                              decimal_from_unscaled(scratch, bytes, shape->scale, &value->bytes);
    Int128 units = 0;
    return (ok && decimal_to_int128(value->bytes, shape->scale, &units)) || wrong(json, shape, err);
}

// A whole number past 64 bits is a double, as is one with a point.
static bool number_free(const JsonNode *json, Value *value, Err *err) {
    int64_t whole = 0;
    double real = 0;
    if (json_tree_int(json, &whole)) {
        *value = value_int(whole);
        return true;
    }
    bool ok = json_tree_number(json, &real);
    *value = (Value){.kind = VALUE_FLOAT64, .real = real};
    return ok || FAIL(err, ERR_VALUE, "a number that a double cannot hold");
}

bool connect_json_free(Arena *scratch, const JsonNode *json, Value *value, Err *err) {
    *value = (Value){0};
    bool object = json->kind == TREE_OBJECT;
    if (json->kind == TREE_NUMBER) {
        return number_free(json, value, err);
    }
    if (json->kind == TREE_TEXT) {
        *value = value_bytes(VALUE_STRING, json->text);
    } else if (json->kind == TREE_TRUE || json->kind == TREE_FALSE) {
        *value = value_bool(json->kind == TREE_TRUE);
    } else if (json->kind == TREE_LIST || object) {
        Value *items = ARENA_ARRAY(scratch, Value, json->count * (object ? 2 : 1));
        size_t count = 0;
        for (const JsonNode *node = json->first; node != NULL; node = node->next) {
            if (object) {
                items[count++] = value_bytes(VALUE_STRING, node->name);
            }
            TRY(connect_json_free(scratch, node, &items[count++], err));
        }
        *value = (Value){.kind = object ? VALUE_MAP : VALUE_LIST, .items = {items, count}};
    }
    return true;
}

bool connect_json_value(Arena *scratch, const Shape *shape, const JsonNode *json, Value *value, Err *err) {
    *value = (Value){0};
    if (json->kind == TREE_NULL) {
        return shape->optional || wrong(json, shape, err);
    }
    switch (shape->kind) {
    case SHAPE_BOOL:
        *value = value_bool(json->kind == TREE_TRUE);
        return json->kind == TREE_TRUE || json->kind == TREE_FALSE || wrong(json, shape, err);
    case SHAPE_INT32:
    case SHAPE_INT64:
        return integer_value(shape, json, value, err);
    case SHAPE_FLOAT32:
    case SHAPE_FLOAT64:
        return real_value(shape, json, value, err);
    case SHAPE_STRING:
        return text_value(scratch, shape, json, value, err);
    case SHAPE_BYTES:
        return bytes_value(scratch, shape, json, value, err);
    case SHAPE_LIST:
        return json->kind == TREE_LIST ? list_value(scratch, shape, json, value, err) : wrong(json, shape, err);
    case SHAPE_MAP:
        return json->kind == TREE_OBJECT ? map_value(scratch, shape, json, value, err) : wrong(json, shape, err);
    case SHAPE_STRUCT:
        return json->kind == TREE_OBJECT ? struct_value(scratch, shape, json, value, err) : wrong(json, shape, err);
    case SHAPE_DECIMAL:
        return decimal_value(scratch, shape, json, value, err);
    case SHAPE_DATE:
    case SHAPE_TIME:
    case SHAPE_TIMESTAMP:
    case SHAPE_TIMESTAMPTZ:
    case SHAPE_UUID:
        break; // no schema of Connect's is read as one of these
    }
    return wrong(json, shape, err);
}
