// SPDX-License-Identifier: Apache-2.0
#include "data/registry/json_schema.h"

#include "core/base/map.h"

enum { PARTS_MAX = 16 };

typedef struct Document {
    const JsonNode *root;
    Slice name; // of a reference; empty: the schema itself
    Map marks;  // "$id" and "#anchor" to JsonNode
} Document;

// A reference whose target is still to be read: they wait in a list, so that long chains of them need no stack.
typedef struct Pending {
    JsonSchema *schema;
    const JsonNode *node;
    size_t document;
    struct Pending *next;
} Pending;

typedef struct Parser {
    Arena *arena;
    Document *documents; // the schema, then its references
    size_t document_count;
    size_t at;   // of the document that is read
    Map schemas; // JsonNode to JsonSchema: what is referred to is read once
    Pending *pending;
    int depth;
    Err *err;
} Parser;

static JsonSchema *parse_schema(Parser *parser, const JsonNode *json);

static JsonSchema *wrong(Parser *parser, const char *format, ...) PRINTF_LIKE(2, 3);
static JsonSchema *wrong(Parser *parser, const char *format, ...) {
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    FAIL(parser->err, ERR_VALUE, "%s", what);
    return NULL;
}

#define SHOWN(slice) (int)MIN((slice).size, (size_t)120), (const char *)(slice).data

// --- references ------------------------------------------------------------------------------------------------

// "$id" and "$anchor" of every part.
static void collect_marks(Arena *arena, Document *document, const JsonNode *node) {
    static const char *const NAMES[] = {"$id", "id", "$anchor"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES) && node->kind == TREE_OBJECT; i++) {
        Slice mark = json_tree_text(node, NAMES[i]);
        if (mark.size > 0 && i == 2) {
            mark = slice_of(arena_printf(arena, "#%.*s", SLICE_ARG(mark)));
        }
        if (mark.size > 0 && map_find(&document->marks, mark) == NULL) {
            map_put(&document->marks, mark, (void *)(uintptr_t)node);
        }
    }
    for (const JsonNode *part = node->first; part != NULL; part = part->next) {
        collect_marks(arena, document, part);
    }
}

// One part of a pointer: percent-escapes, then ~1 and ~0.
static Slice pointer_part(Arena *arena, Slice part) {
    uint8_t *text = arena_alloc(arena, part.size);
    size_t size = 0;
    for (size_t i = 0; i < part.size; i++) {
        uint8_t c = part.data[i];
        if (c == '%' && i + 2 < part.size && hex_digit(part.data[i + 1]) >= 0 && hex_digit(part.data[i + 2]) >= 0) {
            c = (uint8_t)(hex_digit(part.data[i + 1]) * 16 + hex_digit(part.data[i + 2]));
            i += 2;
        } else if (c == '~' && i + 1 < part.size && (part.data[i + 1] == '0' || part.data[i + 1] == '1')) {
            c = part.data[++i] == '1' ? '/' : '~';
        }
        text[size++] = c;
    }
    return (Slice){text, size};
}

static const JsonNode *item_at(const JsonNode *list, Slice number) {
    size_t at = 0;
    for (size_t i = 0; i < number.size && i < 9; i++) {
        if (number.data[i] < '0' || number.data[i] > '9') {
            return NULL;
        }
        at = at * 10 + (size_t)(number.data[i] - '0');
    }
    const JsonNode *node = list->first;
    for (; node != NULL && at > 0; at--) {
        node = node->next;
    }
    return node;
}

// "/definitions/address"; the text begins with '/' or is empty.
static const JsonNode *follow(Parser *parser, const JsonNode *node, Slice pointer) {
    while (node != NULL && pointer.size > 0) {
        Slice rest = slice_from(pointer, 1);
        const uint8_t *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
        Slice raw = {rest.data, slash != NULL ? (size_t)(slash - rest.data) : rest.size};
        Slice part = pointer_part(parser->arena, raw);
        node = node->kind == TREE_LIST ? item_at(node, part) : json_tree_find(node, part);
        pointer = slice_from(rest, raw.size);
    }
    return node;
}

static bool ends_with(Slice text, Slice end) {
    return end.size > 0 && text.size > end.size && text.data[text.size - end.size - 1] == '/' &&
           memcmp(text.data + text.size - end.size, end.data, end.size) == 0;
}

// The document that a reference's text before its '#' means: by name, by $id, and relative to a base as its last part.
static bool find_document(const Parser *parser, Slice url, size_t *at, const JsonNode **root) {
    for (int exact = 1; exact >= 0; exact--) {
        for (size_t i = 0; i < parser->document_count; i++) {
            const Document *document = &parser->documents[i];
            Slice id = json_tree_text(document->root, "$id");
            id = id.data != NULL ? id : json_tree_text(document->root, "id");
            if (exact ? slice_equal(document->name, url) || slice_equal(id, url)
                      : ends_with(url, document->name) || ends_with(id, url)) {
                *at = i;
                *root = document->root;
                return true;
            }
        }
    }
    const JsonNode *marked = map_find(&parser->documents[parser->at].marks, url);
    *at = parser->at;
    *root = marked;
    return marked != NULL;
}

static JsonSchema *parse_reference(Parser *parser, const JsonNode *json, Slice text) {
    const uint8_t *hash = text.size > 0 ? memchr(text.data, '#', text.size) : NULL;
    Slice url = {text.data, hash != NULL ? (size_t)(hash - text.data) : text.size};
    Slice fragment = hash != NULL ? slice_from(text, url.size) : (Slice){0}; // with its '#'
    size_t at = parser->at;
    const JsonNode *node = parser->documents[at].root;
    JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
    *schema = (JsonSchema){.type = SCHEMA_REFERENCE, .json = json};
    if (url.size > 0 && !find_document(parser, url, &at, &node)) {
        bool meta = url.size > 16 && memmem(url.data, url.size, "json-schema.org/", 16) != NULL;
        if (meta) { // a schema of schemas: any
            schema->type = SCHEMA_ANY;
            return schema;
        }
        return wrong(parser, "the reference '%.*s' is not known: name its subject and version in 'references'",
                     SHOWN(text));
    }
    if (fragment.size > 1) {
        const JsonNode *marked = map_find(&parser->documents[at].marks, fragment);
        node = marked != NULL ? marked : fragment.data[1] == '/' ? follow(parser, node, slice_from(fragment, 1)) : NULL;
    }
    if (node == NULL) {
        return wrong(parser, "the reference '%.*s' leads nowhere", SHOWN(text));
    }
    Pending *pending = ARENA_NEW(parser->arena, Pending);
    *pending = (Pending){.schema = schema, .node = node, .document = at, .next = parser->pending};
    parser->pending = pending;
    return schema;
}

// --- lists of parts --------------------------------------------------------------------------------------------

static int by_name(const void *a, const void *b) {
    return slice_compare(((const JsonProperty *)a)->name, ((const JsonProperty *)b)->name);
}

const JsonProperty *json_property(const JsonProperties *properties, Slice name) {
    JsonProperty wanted = {.name = name};
    return properties->count > 0 ? bsearch(&wanted, properties->at, properties->count, sizeof(wanted), by_name) : NULL;
}

static bool parse_properties(Parser *parser, const JsonNode *json, const char *key, JsonProperties *properties) {
    const JsonNode *object = json_tree_member(json, key);
    if (object == NULL) {
        return true;
    }
    if (object->kind != TREE_OBJECT) {
        return wrong(parser, "'%s' is no object", key) != NULL;
    }
    properties->at = ARENA_ARRAY(parser->arena, JsonProperty, object->count);
    for (const JsonNode *member = object->first; member != NULL; member = member->next) {
        JsonSchema *schema = parse_schema(parser, member);
        if (schema == NULL) {
            return false;
        }
        properties->at[properties->count++] = (JsonProperty){.name = member->name, .schema = schema};
    }
    qsort(properties->at, properties->count, sizeof(*properties->at), by_name);
    return true;
}

static bool parse_required(Parser *parser, const JsonNode *json, JsonProperties *required) {
    const JsonNode *list = json_tree_member(json, "required");
    if (list == NULL || list->kind == TREE_TRUE || list->kind == TREE_FALSE) { // draft 3 had a boolean
        return true;
    }
    if (list->kind != TREE_LIST) {
        return wrong(parser, "'required' is no array") != NULL;
    }
    required->at = ARENA_ARRAY(parser->arena, JsonProperty, list->count);
    for (const JsonNode *item = list->first; item != NULL; item = item->next) {
        if (item->kind != TREE_TEXT) {
            return wrong(parser, "'required' holds what is no text") != NULL;
        }
        required->at[required->count++] = (JsonProperty){.name = item->text};
    }
    qsort(required->at, required->count, sizeof(*required->at), by_name);
    return true;
}

// "dependencies" of either kind, and what it became: dependentRequired, dependentSchemas.
static bool parse_dependencies(Parser *parser, const JsonNode *json, JsonSchema *schema) {
    static const char *const KEYS[] = {"dependencies", "dependentRequired", "dependentSchemas"};
    size_t room = 0;
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        const JsonNode *object = json_tree_member(json, KEYS[i]);
        if (object != NULL && object->kind != TREE_OBJECT) {
            return wrong(parser, "'%s' is no object", KEYS[i]) != NULL;
        }
        room += object != NULL ? object->count : 0;
    }
    JsonProperties *lists = &schema->depend_on, *schemas = &schema->depend_on_schema;
    lists->at = ARENA_ARRAY(parser->arena, JsonProperty, room);
    schemas->at = ARENA_ARRAY(parser->arena, JsonProperty, room);
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        const JsonNode *object = json_tree_member(json, KEYS[i]);
        for (const JsonNode *member = object != NULL ? object->first : NULL; member != NULL; member = member->next) {
            if (member->kind == TREE_LIST) {
                lists->at[lists->count++] = (JsonProperty){.name = member->name, .list = member};
                continue;
            }
            JsonSchema *part = parse_schema(parser, member);
            if (part == NULL) {
                return false;
            }
            schemas->at[schemas->count++] = (JsonProperty){.name = member->name, .schema = part};
        }
    }
    qsort(lists->at, lists->count, sizeof(*lists->at), by_name);
    qsort(schemas->at, schemas->count, sizeof(*schemas->at), by_name);
    return true;
}

// What holds for all that the other keywords do not name: true, false or a schema.
static bool parse_additional(Parser *parser, const JsonNode *json, const char *key, JsonSchema *schema) {
    const JsonNode *rest = json_tree_member(json, key);
    if (rest == NULL || rest->kind == TREE_TRUE) {
        return true;
    }
    schema->closed = rest->kind == TREE_FALSE;
    if (!schema->closed) {
        schema->additional = parse_schema(parser, rest);
        return schema->additional != NULL;
    }
    return true;
}

static bool parse_unevaluated(Parser *parser, const JsonNode *json, const char *key, JsonSchema *schema) {
    const JsonNode *rest = json_tree_member(json, key);
    if (rest != NULL) {
        schema->unevaluated = parse_schema(parser, rest);
    }
    return rest == NULL || schema->unevaluated != NULL;
}

static JsonSchema *parse_object(Parser *parser, const JsonNode *json) {
    JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
    *schema = (JsonSchema){.type = SCHEMA_OBJECT, .json = json};
    bool good = parse_properties(parser, json, "properties", &schema->properties) &&
                parse_properties(parser, json, "patternProperties", &schema->patterns) &&
                parse_required(parser, json, &schema->required) && parse_dependencies(parser, json, schema) &&
                parse_additional(parser, json, "additionalProperties", schema) &&
                parse_unevaluated(parser, json, "unevaluatedProperties", schema);
    return good ? schema : NULL;
}

static bool parse_list(Parser *parser, const JsonNode *list, JsonSchema ***schemas, size_t *count) {
    *schemas = ARENA_ARRAY(parser->arena, JsonSchema *, list->count);
    for (const JsonNode *item = list->first; item != NULL; item = item->next) {
        (*schemas)[*count] = parse_schema(parser, item);
        if ((*schemas)[(*count)++] == NULL) {
            return false;
        }
    }
    return true;
}

// Since 2020-12 `prefixItems` are the items by place, and `items` is what follows them.
static JsonSchema *parse_array(Parser *parser, const JsonNode *json) {
    JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
    *schema = (JsonSchema){.type = SCHEMA_ARRAY, .json = json};
    const JsonNode *prefix = json_tree_member(json, "prefixItems"), *items = json_tree_member(json, "items");
    const JsonNode *by_place = prefix != NULL ? prefix : items != NULL && items->kind == TREE_LIST ? items : NULL;
    bool good = true;
    if (by_place != NULL) {
        if (by_place->kind != TREE_LIST) {
            return wrong(parser, "'prefixItems' is no array");
        }
        good = parse_list(parser, by_place, &schema->items, &schema->item_count) &&
               parse_additional(parser, json, prefix != NULL ? "items" : "additionalItems", schema);
    } else if (items != NULL) {
        schema->item = parse_schema(parser, items);
        good = schema->item != NULL;
    } else {
        good = parse_additional(parser, json, "additionalItems", schema);
    }
    return good && parse_unevaluated(parser, json, "unevaluatedItems", schema) ? schema : NULL;
}

// --- one schema ------------------------------------------------------------------------------------------------

static JsonSchema *parse_named_type(Parser *parser, const JsonNode *json, const JsonNode *name) {
    static const struct {
        const char *name;
        JsonSchemaType type;
    } TYPES[] = {{"string", SCHEMA_STRING},   {"number", SCHEMA_NUMBER}, {"integer", SCHEMA_NUMBER},
                 {"boolean", SCHEMA_BOOLEAN}, {"null", SCHEMA_NULL},     {"object", SCHEMA_OBJECT},
                 {"array", SCHEMA_ARRAY}};
    for (size_t i = 0; i < ARRAY_LEN(TYPES) && name->kind == TREE_TEXT; i++) {
        if (!slice_is(name->text, TYPES[i].name)) {
            continue;
        }
        if (TYPES[i].type == SCHEMA_OBJECT || TYPES[i].type == SCHEMA_ARRAY) {
            return TYPES[i].type == SCHEMA_OBJECT ? parse_object(parser, json) : parse_array(parser, json);
        }
        JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
        *schema = (JsonSchema){.type = TYPES[i].type, .json = json, .integer = slice_is(name->text, "integer")};
        return schema;
    }
    if (name->kind == TREE_TEXT && slice_is(name->text, "any")) { // of draft 3
        JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
        *schema = (JsonSchema){.type = SCHEMA_ANY, .json = json};
        return schema;
    }
    return wrong(parser, "the type '%.*s' is not known", SHOWN(name->text));
}

static JsonSchema *combined(Parser *parser, const JsonNode *json, JsonCriterion criterion, JsonSchema **parts,
                            size_t count) {
    JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
    *schema = (JsonSchema){
        .type = SCHEMA_COMBINED, .json = json, .criterion = criterion, .parts = parts, .part_count = count};
    return schema;
}

static JsonSchema *parse_types(Parser *parser, const JsonNode *json, const JsonNode *types) {
    if (types->kind != TREE_LIST) {
        return parse_named_type(parser, json, types);
    }
    JsonSchema **parts = ARENA_ARRAY(parser->arena, JsonSchema *, types->count);
    size_t count = 0;
    if (types->count > 7) {
        return wrong(parser, "'type' has more than all types");
    }
    for (const JsonNode *item = types->first; item != NULL; item = item->next) {
        parts[count] = parse_named_type(parser, json, item);
        if (parts[count++] == NULL) {
            return NULL;
        }
    }
    return combined(parser, json, CRITERION_ANY, parts, count);
}

// Without a type the keywords tell of what they speak.
static bool parse_sniffed(Parser *parser, const JsonNode *json, JsonSchema **parts, size_t *count) {
    static const struct {
        const char *type;
        const char *keys[14];
    } KINDS[] = {
        {"string", {"minLength", "maxLength", "pattern", "format"}},
        {"number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}},
        {"array",
         {"items", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains", "prefixItems",
          "unevaluatedItems"}},
        {"object",
         {"properties", "required", "minProperties", "maxProperties", "dependencies", "patternProperties",
          "additionalProperties", "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        bool found = false;
        for (size_t k = 0; KINDS[i].keys[k] != NULL && !found; k++) {
            found = json_tree_member(json, KINDS[i].keys[k]) != NULL;
        }
        if (found) {
            JsonNode *name = ARENA_NEW(parser->arena, JsonNode);
            *name = (JsonNode){.kind = TREE_TEXT, .text = slice_of(KINDS[i].type)};
            parts[*count] = parse_named_type(parser, json, name);
            if (parts[(*count)++] == NULL) {
                return false;
            }
        }
    }
    return true;
}

static bool parse_combinations(Parser *parser, const JsonNode *json, JsonSchema **parts, size_t *count) {
    static const char *const KEYS[] = {[CRITERION_ALL] = "allOf", [CRITERION_ANY] = "anyOf", [CRITERION_ONE] = "oneOf"};
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        const JsonNode *list = json_tree_member(json, KEYS[i]);
        if (list == NULL) {
            continue;
        }
        if (list->kind != TREE_LIST) {
            return wrong(parser, "'%s' is no array", KEYS[i]) != NULL;
        }
        JsonSchema *schema = combined(parser, json, (JsonCriterion)i, NULL, 0);
        if (!parse_list(parser, list, &schema->parts, &schema->part_count)) {
            return false;
        }
        parts[(*count)++] = schema;
    }
    return true;
}

static bool parse_others(Parser *parser, const JsonNode *json, JsonSchema **parts, size_t *count) {
    static const struct {
        const char *key;
        JsonSchemaType type;
    } KEYS[] = {{"enum", SCHEMA_ENUM}, {"const", SCHEMA_CONST}, {"if", SCHEMA_CONDITION}, {"not", SCHEMA_NOT}};
    for (size_t i = 0; i < ARRAY_LEN(KEYS); i++) {
        const JsonNode *member = json_tree_member(json, KEYS[i].key);
        if (member == NULL) {
            continue;
        }
        if (KEYS[i].type == SCHEMA_ENUM && member->kind != TREE_LIST) {
            return wrong(parser, "'enum' is no array") != NULL;
        }
        JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
        *schema = (JsonSchema){.type = KEYS[i].type, .json = json};
        if (KEYS[i].type == SCHEMA_NOT) {
            schema->parts = ARENA_ARRAY(parser->arena, JsonSchema *, 1);
            schema->part_count = 1;
            schema->parts[0] = parse_schema(parser, member);
            if (schema->parts[0] == NULL) {
                return false;
            }
        }
        parts[(*count)++] = schema;
    }
    return true;
}

static JsonSchema *parse_keywords(Parser *parser, const JsonNode *json) {
    JsonSchema *parts[PARTS_MAX];
    size_t count = 0;
    const JsonNode *type = json_tree_member(json, "type");
    if (json_tree_member(json, "$dynamicRef") != NULL || json_tree_member(json, "$recursiveRef") != NULL) {
        return wrong(parser, "$dynamicRef and $recursiveRef are not supported: use $ref");
    }
    if (type != NULL) {
        parts[count] = parse_types(parser, json, type);
        if (parts[count++] == NULL) {
            return NULL;
        }
    } else if (!parse_sniffed(parser, json, parts, &count)) {
        return NULL;
    }
    if (!parse_others(parser, json, parts, &count) || !parse_combinations(parser, json, parts, &count)) {
        return NULL;
    }
    if (count == 0) {
        JsonSchema *schema = ARENA_NEW(parser->arena, JsonSchema);
        *schema = (JsonSchema){.type = SCHEMA_ANY, .json = json};
        return schema;
    }
    if (count == 1) {
        return parts[0];
    }
    JsonSchema **kept = ARENA_ARRAY(parser->arena, JsonSchema *, count);
    memcpy(kept, parts, count * sizeof(*kept)); // NOLINT: pointers
    return combined(parser, json, CRITERION_ALL, kept, count);
}

static JsonSchema *parse_schema(Parser *parser, const JsonNode *json) {
    JsonSchema *schema = map_find_u64(&parser->schemas, (uint64_t)(uintptr_t)json);
    if (schema != NULL) {
        return schema;
    }
    if (json->kind == TREE_TRUE || json->kind == TREE_FALSE) {
        schema = ARENA_NEW(parser->arena, JsonSchema);
        *schema = (JsonSchema){.type = json->kind == TREE_TRUE ? SCHEMA_ANY : SCHEMA_NOTHING, .json = json};
        return schema;
    }
    if (json->kind != TREE_OBJECT) {
        return wrong(parser, "a schema that is no object, true or false");
    }
    if (++parser->depth > 2 * TREE_DEPTH_MAX) {
        return wrong(parser, "schemas are nested too deeply");
    }
    Slice reference = json_tree_text(json, "$ref");
    schema = reference.data != NULL ? parse_reference(parser, json, reference) : parse_keywords(parser, json);
    parser->depth--;
    if (schema != NULL) {
        map_put_u64(&parser->schemas, (uint64_t)(uintptr_t)json, schema);
    }
    return schema;
}

bool json_schema_parse(Arena *arena, Slice text, const JsonSchemaReference *references, size_t reference_count,
                       JsonSchema **schema, Err *err) {
    Parser parser = {.arena = arena, .document_count = reference_count + 1, .err = err};
    parser.documents = ARENA_ARRAY(arena, Document, parser.document_count);
    bool good = true;
    for (size_t i = 0; i < parser.document_count && good; i++) {
        Document *document = &parser.documents[i];
        document->name = i > 0 ? references[i - 1].name : (Slice){0};
        good = json_tree_parse(arena, i > 0 ? references[i - 1].text : text, &document->root, err);
        if (good) {
            collect_marks(arena, document, document->root);
        }
    }
    *schema = good ? parse_schema(&parser, parser.documents[0].root) : NULL;
    good = *schema != NULL;
    while (good && parser.pending != NULL) {
        Pending *pending = parser.pending;
        parser.pending = pending->next;
        parser.at = pending->document;
        pending->schema->target = parse_schema(&parser, pending->node);
        good = pending->schema->target != NULL;
    }
    for (size_t i = 0; i < parser.document_count; i++) {
        map_release(&parser.documents[i].marks);
    }
    map_release(&parser.schemas);
    return good;
}
