// SPDX-License-Identifier: Apache-2.0
// JsonToMapTransform, of Iceberg's sink connectors: a text that is a JSON object becomes a struct. Numbers, texts,
// booleans and lists of one kind of them are fields of their types, what is inside of an object is a map of texts,
// lists of different things are lists of texts. Nulls, empty objects and empty lists have no field. With json.root=true
// all is one map of texts, `payload`.
//
//     INT32, INT64, or Decimal(0) past that · FLOAT64 · BOOLEAN · STRING · MAP(STRING, STRING) · ARRAY of these
//
// Lists of lists follow the same rules as long as all inner ones have one type.
#include "core/base/decimal.h"
#include "data/connect/json_tree.h"
#include "data/connect/notes.h"
#include "data/connect/smt.h"

enum { DECIMAL_DIGITS = 38 };

typedef struct JsonMap {
    bool root;
    Map shapes; // by their schemas' text
} JsonMap;

static const Shape MAP_OF_TEXTS = {.kind = SHAPE_MAP, .optional = true, .element = &SMT_STRING};
static const Shape MAP_OF_OPTIONAL_TEXTS = {.kind = SHAPE_MAP, .optional = true, .element = &SMT_STRING_OPTIONAL};
static const Shape LIST_OF_TEXTS = {.kind = SHAPE_LIST, .optional = true, .element = &SMT_STRING_OPTIONAL};

static bool json_map_compile(Smt *smt, Err *err) {
    JsonMap *state = smt->state = ARENA_NEW(smt->arena, JsonMap);
    return smt_bool(smt, "json.root", false, &state->root, err);
}

// --- shapes ----------------------------------------------------------------------------------------------------

typedef enum JsonKind { // Jackson's classes of nodes
    KIND_NULL,
    KIND_BOOL,
    KIND_TEXT,
    KIND_INT,
    KIND_LONG,
    KIND_BIG,
    KIND_REAL,
    KIND_LIST,
    KIND_OBJECT,
} JsonKind;

static JsonKind kind_of(const JsonNode *node) {
    int64_t integer = 0;
    if (node->kind != TOKEN_NUMBER) {
        return node->kind == TOKEN_OBJECT  ? KIND_OBJECT
               : node->kind == TOKEN_ARRAY ? KIND_LIST
               : node->kind == TOKEN_TEXT  ? KIND_TEXT
               : node->kind == TOKEN_NULL  ? KIND_NULL
                                           : KIND_BOOL;
    }
    return !json_node_integer(node)           ? KIND_REAL
           : !json_node_int64(node, &integer) ? KIND_BIG
           : integer == (int32_t)integer      ? KIND_INT
                                              : KIND_LONG;
}

static Shape scalar_shape(Arena *arena, JsonKind kind) {
    static const uint8_t KINDS[] = {
        [KIND_NULL] = SHAPE_STRING, [KIND_BOOL] = SHAPE_BOOL,   [KIND_TEXT] = SHAPE_STRING, [KIND_INT] = SHAPE_INT32,
        [KIND_LONG] = SHAPE_INT64,  [KIND_BIG] = SHAPE_DECIMAL, [KIND_REAL] = SHAPE_FLOAT64};
    Shape shape = {.kind = (ShapeKind)KINDS[kind], .optional = true};
    if (kind == KIND_BIG) {
        shape.precision = DECIMAL_DIGITS;
        connect_describe(arena, &shape, "org.apache.kafka.connect.data.Decimal", 1, "{\"scale\":\"0\"}", NULL);
    }
    return shape;
}

static bool infer(Arena *arena, const JsonNode *node, Shape *shape);

// The one shape that all inner lists have; `mixed` where they differ. False: none of them has any.
static bool infer_inner(Arena *arena, const JsonNode *list, Shape *shape, bool *mixed) {
    bool any = infer(arena, list->first, shape);
    *mixed = false;
    for (const JsonNode *item = list->first->next; item != NULL && !*mixed; item = item->next) {
        Shape one = {0};
        bool has = infer(arena, item, &one);
        *mixed = has != any || (has && !shape_equal(&one, shape));
    }
    return any || *mixed;
}

static bool infer_list(Arena *arena, const JsonNode *list, Shape *shape) {
    if (list->count == 0) {
        return false;
    }
    JsonKind kind = kind_of(list->first);
    bool mixed = kind == KIND_NULL;
    for (const JsonNode *item = list->first->next; item != NULL && !mixed; item = item->next) {
        mixed = kind_of(item) != kind;
    }
    Shape *element = ARENA_NEW(arena, Shape);
    *shape = (Shape){.kind = SHAPE_LIST, .optional = true, .element = element};
    if (mixed) {
        *shape = LIST_OF_TEXTS;
    } else if (kind == KIND_OBJECT) {
        *element = MAP_OF_OPTIONAL_TEXTS;
    } else if (kind == KIND_LIST) {
        if (!infer_inner(arena, list, element, &mixed)) {
            return false;
        }
        *element = mixed ? LIST_OF_TEXTS : *element;
    } else {
        *element = scalar_shape(arena, kind);
    }
    return true;
}

// False: it has no field.
static bool infer(Arena *arena, const JsonNode *node, Shape *shape) {
    JsonKind kind = kind_of(node);
    if (kind == KIND_LIST) {
        return infer_list(arena, node, shape);
    }
    *shape = kind == KIND_OBJECT ? MAP_OF_TEXTS : scalar_shape(arena, kind);
    return kind == KIND_OBJECT ? node->count > 0 : kind != KIND_NULL;
}

// --- values ----------------------------------------------------------------------------------------------------

static Value text_value(Arena *scratch, const JsonNode *node) {
    if (node->kind == TOKEN_TEXT) {
        return value_bytes(VALUE_STRING, node->text);
    }
    Buf text;
    buf_init(&text, 0);
    json_node_write(&text, node);
    Value value = value_bytes(VALUE_STRING, arena_slice(scratch, buf_slice(&text)));
    buf_release(&text);
    return value;
}

static Value map_value(Arena *scratch, const JsonNode *object) {
    Value *items = ARENA_ARRAY(scratch, Value, 2 * object->count), *at = items;
    for (const JsonNode *member = object->first; member != NULL; member = member->next) {
        *at++ = value_bytes(VALUE_STRING, member->name);
        *at++ = text_value(scratch, member);
    }
    return (Value){.kind = VALUE_MAP, .items = {items, 2 * object->count}};
}

static bool decimal_value(Arena *scratch, const JsonNode *node, Value *value, Err *err) {
    Slice decimal = {0};
    Int128 units = 0;
    if (!decimal_from_text(scratch, node->text, &decimal) || !decimal_to_int128(decimal, 0, &units)) {
        return FAIL(err, ERR_VALUE, "an integer has more than %d digits", DECIMAL_DIGITS);
    }
    *value = value_bytes(VALUE_DECIMAL, decimal);
    return true;
}

// The shape was made from it, so it fits.
static bool fill(Arena *scratch, const Shape *shape, const JsonNode *node, Value *value, Err *err) {
    int64_t integer = 0;
    if (shape->kind == SHAPE_LIST) {
        Value *items = ARENA_ARRAY(scratch, Value, node->count), *at = items;
        for (const JsonNode *item = node->first; item != NULL; item = item->next) {
            TRY(fill(scratch, shape->element, item, at++, err));
        }
        *value = (Value){.kind = VALUE_LIST, .items = {items, node->count}};
    } else if (shape->kind == SHAPE_DECIMAL) {
        return decimal_value(scratch, node, value, err);
    } else if (shape->kind == SHAPE_STRING) {
        *value = text_value(scratch, node);
    } else if (shape->kind == SHAPE_MAP) {
        *value = map_value(scratch, node);
    } else if (shape->kind == SHAPE_BOOL) {
        *value = value_bool(node->kind == TOKEN_TRUE);
    } else if (shape->kind == SHAPE_FLOAT64) {
        *value = (Value){.kind = VALUE_FLOAT64, .real = json_node_real(node)};
    } else {
        bool fits = json_node_int64(node, &integer);
        ASSERT(fits);
        *value = value_int(integer);
    }
    return true;
}

// --- records ---------------------------------------------------------------------------------------------------

static bool root_make(Smt *smt, Arena *scratch, const JsonNode *object, ConnectRecord *record) {
    static const void *const KEY = "payload";
    const Shape *shape = smt_plan(smt, KEY);
    if (shape == NULL) {
        ShapeField *field = ARENA_NEW(smt->arena, ShapeField);
        *field = smt_field(SLICE("payload"), &MAP_OF_TEXTS);
        shape = smt_shape_keep(smt->arena, (Shape){.kind = SHAPE_STRUCT, .fields = field, .field_count = 1});
        smt_plan_keep(smt, KEY, (void *)(uintptr_t)shape);
    }
    Value *items = NULL, *made = smt_struct_new(scratch, shape, &items);
    *items = map_value(scratch, object);
    smt_put(smt, record, shape, made);
    return true;
}

static bool struct_make(Smt *smt, Arena *scratch, const JsonNode *object, ConnectRecord *record, Err *err) {
    JsonMap *state = smt->state;
    ShapeField *fields = ARENA_ARRAY(scratch, ShapeField, object->count);
    Shape made = {.kind = SHAPE_STRUCT, .fields = fields};
    for (const JsonNode *member = object->first; member != NULL; member = member->next) {
        Shape shape = {0};
        if (infer(scratch, member, &shape)) {
            fields[made.field_count++] = smt_field(member->name, &shape);
        }
    }
    const Shape *shape = NULL;
    TRY(smt_shape_shared(smt, &state->shapes, &made, &shape, err));
    Value *items = NULL, *value = smt_struct_new(scratch, shape, &items);
    uint32_t at = 0;
    for (const JsonNode *member = object->first; member != NULL; member = member->next) {
        if (at < shape->field_count && slice_equal(shape->fields[at].name, member->name)) {
            if (!fill(scratch, &shape->fields[at].shape, member, &items[at], err)) {
                return err_prefix(err, "%.*s", (int)MIN(member->name.size, 120), (const char *)member->name.data);
            }
            at++;
        }
    }
    smt_put(smt, record, shape, value);
    return true;
}

static bool json_map_apply(Smt *smt, Arena *scratch, ConnectRecord *record, bool *keep, Err *err) {
    const JsonMap *state = smt->state;
    const Value *value = smt_value(smt, record);
    if (value == NULL) {
        return true;
    }
    if (value->kind != VALUE_STRING) {
        FAIL(err, ERR_VALUE, "the record's value is no text");
        return err_hint(err, "give the connector value.converter=org.apache.kafka.connect.storage.StringConverter");
    }
    JsonNode *root = NULL;
    TRY(json_tree(scratch, value->bytes, &root, err));
    if (root->kind != TOKEN_OBJECT) {
        return FAIL(err, ERR_VALUE, "the record's value is no JSON object");
    }
    return state->root ? root_make(smt, scratch, root, record) : struct_make(smt, scratch, root, record, err);
}

static void json_map_release(Smt *smt) {
    JsonMap *state = smt->state;
    map_release(&state->shapes);
    state->shapes = (Map){0};
}

const SmtClass SMT_JSON_MAP_APACHE = {.name = "org.apache.iceberg.connect.transforms.JsonToMapTransform",
                                      .compile = json_map_compile,
                                      .apply = json_map_apply,
                                      .release = json_map_release};
const SmtClass SMT_JSON_MAP_TABULAR = {.name = "io.tabular.iceberg.connect.transforms.JsonToMapTransform",
                                       .compile = json_map_compile,
                                       .apply = json_map_apply,
                                       .release = json_map_release};
