// SPDX-License-Identifier: Apache-2.0
#include "data/registry/avsc.h"

#include "core/base/json.h"
#include "core/base/map.h"

#include <math.h>

static const char *const TYPE_NAMES[] = {
    [AVSC_NULL] = "null",     [AVSC_BOOLEAN] = "boolean", [AVSC_INT] = "int",     [AVSC_LONG] = "long",
    [AVSC_FLOAT] = "float",   [AVSC_DOUBLE] = "double",   [AVSC_BYTES] = "bytes", [AVSC_STRING] = "string",
    [AVSC_FIXED] = "fixed",   [AVSC_ENUM] = "enum",       [AVSC_ARRAY] = "array", [AVSC_MAP] = "map",
    [AVSC_RECORD] = "record", [AVSC_UNION] = "union"};

typedef struct Parser {
    Arena *arena;
    Map *names; // full name to AvscSchema
    Slice space;
    bool referenced;
    const char *place; // the named type and field that is read, for errors
    Err *err;
} Parser;

const char *avsc_type_name(AvscType type) {
    return TYPE_NAMES[type];
}

static AvscSchema *wrong(Parser *parser, const char *format, ...) PRINTF_LIKE(2, 3);
static AvscSchema *wrong(Parser *parser, const char *format, ...) {
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    FAIL(parser->err, ERR_VALUE, "%s%s%s", what, parser->place[0] != '\0' ? ", in " : "", parser->place);
    return NULL;
}

// A text for a message, not longer than needed.
#define SHOWN(slice) (int)MIN((slice).size, (size_t)120), (const char *)(slice).data

static AvscSchema *parse_schema(Parser *parser, const JsonNode *json, int depth);

// --- names -----------------------------------------------------------------------------------------------------

static bool name_valid(Slice name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return name.size > 0;
}

static Slice join(Arena *arena, Slice space, Slice name) {
    if (space.size == 0) {
        return name;
    }
    return slice_of(arena_printf(arena, "%.*s.%.*s", SLICE_ARG(space), SLICE_ARG(name)));
}

// Splits at the last dot: what is before it is the namespace.
static bool split(Slice text, Slice *space, Slice *name) {
    const uint8_t *dot = text.size > 0 ? memrchr(text.data, '.', text.size) : NULL;
    if (dot == NULL) {
        *name = text;
        return false;
    }
    *space = (Slice){text.data, (size_t)(dot - text.data)};
    *name = slice_from(text, space->size + 1);
    return true;
}

static bool parse_name(Parser *parser, const JsonNode *json, AvscSchema *schema) {
    Slice name = json_tree_text(json, "name"), space = json_tree_text(json, "namespace");
    const char *type = TYPE_NAMES[schema->type];
    if (name.data == NULL) {
        return wrong(parser, "a %s without a name", type) != NULL;
    }
    if (!split(name, &schema->space, &schema->name)) {
        schema->space = space.data != NULL ? space : parser->space;
    }
    if (!name_valid(schema->name)) {
        return wrong(parser, "the name '%.*s' of a %s is not valid", SHOWN(name), type) != NULL;
    }
    schema->full = join(parser->arena, schema->space, schema->name);
    for (size_t i = 0; i < ARRAY_LEN(TYPE_NAMES) && schema->space.size == 0; i++) {
        if (i < AVSC_FIXED && slice_is(schema->name, TYPE_NAMES[i])) {
            return wrong(parser, "the name '%s' is a type of Avro's own", TYPE_NAMES[i]) != NULL;
        }
    }
    if (map_find(parser->names, schema->full) != NULL) {
        if (!parser->referenced) {
            return wrong(parser, "the name '%.*s' is defined twice", SHOWN(schema->full)) != NULL;
        }
    } else {
        map_put(parser->names, schema->full, schema);
    }
    schema->referenced = parser->referenced;
    return true;
}

static bool parse_aliases(Parser *parser, const JsonNode *json, const AvscSchema *of, Slice **aliases, size_t *count) {
    const JsonNode *list = json_tree_member(json, "aliases");
    if (list == NULL) {
        return true;
    }
    if (list->kind != TREE_LIST) {
        return wrong(parser, "aliases that are no array") != NULL;
    }
    *aliases = ARENA_ARRAY(parser->arena, Slice, list->count);
    for (const JsonNode *item = list->first; item != NULL; item = item->next) {
        if (item->kind != TREE_TEXT) {
            return wrong(parser, "an alias that is no text") != NULL;
        }
        Slice space = {0}, name;
        bool full = split(item->text, &space, &name);
        (*aliases)[(*count)++] = full || of == NULL ? item->text : join(parser->arena, of->space, item->text);
    }
    return true;
}

static void keep_properties(Parser *parser, const JsonNode *json, const char *const *own, const JsonNode ***properties,
                            size_t *count) {
    *properties = ARENA_ARRAY(parser->arena, const JsonNode *, json->count);
    for (const JsonNode *member = json->first; member != NULL; member = member->next) {
        bool known = false;
        for (size_t i = 0; own[i] != NULL && !known; i++) {
            known = slice_is(member->name, own[i]);
        }
        if (!known) {
            (*properties)[(*count)++] = member;
        }
    }
}

// --- types -----------------------------------------------------------------------------------------------------

static int by_field_name(const void *a, const void *b) {
    return slice_compare((*(const AvscField *const *)a)->name, (*(const AvscField *const *)b)->name);
}

const AvscField *avsc_field(const AvscSchema *record, Slice name) {
    AvscField wanted = {.name = name};
    const AvscField *key = &wanted;
    const AvscField *const *found =
        record->field_count > 0 ? bsearch(&key, record->by_name, record->field_count, sizeof(key), by_field_name)
                                : NULL;
    return found != NULL ? *found : NULL;
}

static bool parse_field(Parser *parser, const JsonNode *json, const AvscSchema *record, AvscField *field, int depth) {
    static const char *const OWN[] = {"default", "doc", "name", "order", "type", "aliases", NULL};
    const char *outside = parser->place;
    field->name = json_tree_text(json, "name");
    if (json->kind != TREE_OBJECT || field->name.data == NULL) {
        return wrong(parser, "a field without a name in record '%.*s'", SHOWN(record->full)) != NULL;
    }
    parser->place = arena_printf(parser->arena, "field '%.*s' of '%.*s'", SHOWN(field->name), SHOWN(record->full));
    if (!name_valid(field->name)) {
        return wrong(parser, "the name is not valid") != NULL;
    }
    const JsonNode *type = json_tree_member(json, "type");
    if (type == NULL) {
        return wrong(parser, "no type") != NULL;
    }
    field->schema = parse_schema(parser, type, depth + 1);
    if (field->schema == NULL) {
        return false;
    }
    field->documentation = json_tree_text(json, "doc");
    field->default_value = json_tree_member(json, "default");
    if (field->default_value != NULL && !parser->referenced &&
        !avsc_default_fits(field->schema, field->default_value)) {
        return wrong(parser, "the default does not fit the type '%s'", TYPE_NAMES[field->schema->type]) != NULL;
    }
    const JsonNode *order = json_tree_member(json, "order");
    field->order = order == NULL ? SLICE("ascending") : order->text;
    if (!slice_is(field->order, "ascending") && !slice_is(field->order, "descending") &&
        !slice_is(field->order, "ignore")) {
        return wrong(parser, "the order is not ascending, descending or ignore") != NULL;
    }
    if (!parse_aliases(parser, json, NULL, &field->aliases, &field->alias_count)) {
        return false;
    }
    keep_properties(parser, json, OWN, &field->properties, &field->property_count);
    parser->place = outside;
    return true;
}

static bool parse_record(Parser *parser, const JsonNode *json, AvscSchema *schema, int depth) {
    const JsonNode *fields = json_tree_member(json, "fields");
    if (fields == NULL || fields->kind != TREE_LIST) {
        return wrong(parser, "the record '%.*s' has no array of fields", SHOWN(schema->full)) != NULL;
    }
    Slice outside = parser->space;
    parser->space = schema->space;
    schema->fields = ARENA_ARRAY(parser->arena, AvscField, fields->count);
    const AvscField **by_name = ARENA_ARRAY(parser->arena, const AvscField *, fields->count);
    size_t count = 0;
    for (const JsonNode *item = fields->first; item != NULL; item = item->next, count++) {
        if (!parse_field(parser, item, schema, &schema->fields[count], depth)) {
            return false;
        }
        schema->fields[count].at = count;
        by_name[count] = &schema->fields[count];
    }
    qsort(by_name, count, sizeof(*by_name), by_field_name);
    for (size_t i = 1; i < count; i++) {
        if (slice_equal(by_name[i - 1]->name, by_name[i]->name)) {
            return wrong(parser, "the field '%.*s' is there twice in record '%.*s'", SHOWN(by_name[i]->name),
                         SHOWN(schema->full)) != NULL;
        }
    }
    schema->by_name = by_name;
    schema->field_count = count;
    parser->space = outside;
    return true;
}

static int by_text(const void *a, const void *b) {
    return slice_compare(*(const Slice *)a, *(const Slice *)b);
}

static bool symbols_differ(Parser *parser, const AvscSchema *schema) {
    Slice *sorted = ARENA_ARRAY(parser->arena, Slice, schema->symbol_count);
    memcpy(sorted, schema->symbols, schema->symbol_count * sizeof(*sorted));
    qsort(sorted, schema->symbol_count, sizeof(*sorted), by_text);
    for (size_t i = 1; i < schema->symbol_count; i++) {
        if (slice_equal(sorted[i - 1], sorted[i])) {
            return wrong(parser, "the enum '%.*s' has the symbol '%.*s' twice", SHOWN(schema->full),
                         SHOWN(sorted[i])) != NULL;
        }
    }
    return true;
}

static bool parse_enum(Parser *parser, const JsonNode *json, AvscSchema *schema) {
    const JsonNode *symbols = json_tree_member(json, "symbols");
    if (symbols == NULL || symbols->kind != TREE_LIST) {
        return wrong(parser, "the enum '%.*s' has no array of symbols", SHOWN(schema->full)) != NULL;
    }
    schema->symbols = ARENA_ARRAY(parser->arena, Slice, symbols->count);
    schema->enum_default = json_tree_text(json, "default");
    bool has_default = schema->enum_default.data == NULL;
    for (const JsonNode *item = symbols->first; item != NULL; item = item->next) {
        if (item->kind != TREE_TEXT || !name_valid(item->text)) {
            return wrong(parser, "the enum '%.*s' has a symbol that is no name", SHOWN(schema->full)) != NULL;
        }
        has_default = has_default || slice_equal(item->text, schema->enum_default);
        schema->symbols[schema->symbol_count++] = item->text;
    }
    if (!has_default) {
        return wrong(parser, "the default of the enum '%.*s' is not one of its symbols", SHOWN(schema->full)) != NULL;
    }
    return symbols_differ(parser, schema);
}

static bool parse_parts(Parser *parser, const JsonNode *json, AvscSchema *schema, int depth) {
    const char *key = schema->type == AVSC_MAP ? "values" : "items";
    const JsonNode *items = NULL;
    switch ((int)schema->type) {
    case AVSC_ARRAY:
    case AVSC_MAP:
        items = json_tree_member(json, key);
        if (items == NULL) {
            return wrong(parser, "a %s without %s", TYPE_NAMES[schema->type], key) != NULL;
        }
        schema->items = parse_schema(parser, items, depth + 1);
        return schema->items != NULL;
    case AVSC_RECORD:
        return parse_record(parser, json, schema, depth);
    case AVSC_ENUM:
        return parse_enum(parser, json, schema);
    case AVSC_FIXED:
        if (!json_tree_int(json_tree_member(json, "size"), &schema->size) || schema->size < 0 ||
            schema->size > INT32_MAX) {
            return wrong(parser, "the size of the fixed '%.*s' is no size", SHOWN(schema->full)) != NULL;
        }
        return true;
    default:
        return true;
    }
}

static int type_of(Slice name) {
    for (int i = 0; i < AVSC_UNION; i++) {
        if (slice_is(name, TYPE_NAMES[i])) {
            return i;
        }
    }
    return slice_is(name, "error") ? AVSC_RECORD : -1;
}

static AvscSchema *parse_reference(Parser *parser, Slice name) {
    int type = type_of(name);
    if (type >= 0 && type < AVSC_FIXED) {
        AvscSchema *schema = ARENA_NEW(parser->arena, AvscSchema);
        schema->type = (AvscType)type;
        return schema;
    }
    Slice space = {0}, last;
    bool full = split(name, &space, &last);
    AvscSchema *found = map_find(parser->names, full ? name : join(parser->arena, parser->space, name));
    if (found == NULL) {
        found = map_find(parser->names, name);
    }
    return found != NULL ? found : wrong(parser, "the name '%.*s' is not defined", SHOWN(name));
}

static AvscSchema *parse_object(Parser *parser, const JsonNode *json, int depth) {
    static const char *const OWN[] = {"doc",     "fields", "items", "name",    "namespace", "size",
                                      "symbols", "values", "type",  "aliases", NULL,        NULL};
    static const char *const ENUM_OWN[] = {"doc",     "fields", "items", "name",    "namespace", "size",
                                           "symbols", "values", "type",  "aliases", "default",   NULL};
    const JsonNode *name = json_tree_member(json, "type");
    if (name == NULL) {
        return wrong(parser, "a schema without a type");
    }
    if (name->kind != TREE_TEXT) { // {"type":{"type":…}}
        return parse_schema(parser, name, depth + 1);
    }
    int type = type_of(name->text);
    if (type < 0) {
        return parse_reference(parser, name->text);
    }
    AvscSchema *schema = ARENA_NEW(parser->arena, AvscSchema);
    schema->type = (AvscType)type;
    schema->error = slice_is(name->text, "error");
    if (type == AVSC_RECORD || type == AVSC_ENUM || type == AVSC_FIXED) {
        schema->documentation = json_tree_text(json, "doc");
        if (!parse_name(parser, json, schema) ||
            !parse_aliases(parser, json, schema, &schema->aliases, &schema->alias_count)) {
            return NULL;
        }
    }
    if (!parse_parts(parser, json, schema, depth)) {
        return NULL;
    }
    keep_properties(parser, json, type == AVSC_ENUM ? ENUM_OWN : OWN, &schema->properties, &schema->property_count);
    return schema;
}

// Not two branches of one type; of named types, not of one name.
static bool branches_differ(Parser *parser, const AvscSchema *schema) {
    bool seen[AVSC_UNION + 1] = {0};
    Map names = {0};
    bool good = true;
    for (size_t i = 0; i < schema->branch_count && good; i++) {
        AvscSchema *branch = schema->branches[i];
        bool named = branch->full.size > 0;
        good = named ? map_find(&names, branch->full) == NULL : !seen[branch->type];
        if (named) {
            map_put(&names, branch->full, branch);
        } else {
            seen[branch->type] = true;
        }
        if (!good) {
            wrong(parser, "a union has '%.*s' twice", SHOWN(named ? branch->full : slice_of(TYPE_NAMES[branch->type])));
        }
    }
    map_release(&names);
    return good;
}

static AvscSchema *parse_union(Parser *parser, const JsonNode *json, int depth) {
    AvscSchema *schema = ARENA_NEW(parser->arena, AvscSchema);
    schema->type = AVSC_UNION;
    schema->branches = ARENA_ARRAY(parser->arena, AvscSchema *, json->count);
    for (const JsonNode *item = json->first; item != NULL; item = item->next) {
        AvscSchema *branch = parse_schema(parser, item, depth + 1);
        if (branch == NULL) {
            return NULL;
        }
        if (branch->type == AVSC_UNION) {
            return wrong(parser, "a union within a union");
        }
        schema->branches[schema->branch_count++] = branch;
    }
    return branches_differ(parser, schema) ? schema : NULL;
}

static AvscSchema *parse_schema(Parser *parser, const JsonNode *json, int depth) {
    switch (json->kind) {
    case TREE_TEXT:
        return parse_reference(parser, json->text);
    case TREE_OBJECT:
        return parse_object(parser, json, depth);
    case TREE_LIST:
        return parse_union(parser, json, depth);
    case TREE_NULL:
    case TREE_FALSE:
    case TREE_TRUE:
    case TREE_NUMBER:
        break;
    }
    return wrong(parser, "a schema that is no name, object or array");
}

// A schema without quotes is no JSON, but "string" alone is what people mean by one: Avro's parser takes it too.
static bool tree_of(Arena *arena, Slice text, const JsonNode **root, Err *err) {
    if (name_valid(text) && type_of(text) >= 0 && type_of(text) < AVSC_FIXED) {
        JsonNode *node = ARENA_NEW(arena, JsonNode);
        *node = (JsonNode){.kind = TREE_TEXT, .text = text};
        *root = node;
        return true;
    }
    return json_tree_parse(arena, text, root, err);
}

bool avsc_parse(Arena *arena, Slice text, const Slice *references, size_t reference_count, AvscSchema **schema,
                Err *err) {
    Map names = {0};
    bool good = true;
    const JsonNode *root = NULL;
    *schema = NULL;
    for (size_t i = 0; i <= reference_count && good; i++) {
        Parser parser = {.arena = arena, .names = &names, .referenced = i < reference_count, .place = "", .err = err};
        good = tree_of(arena, i < reference_count ? references[i] : text, &root, err);
        if (good) {
            *schema = parse_schema(&parser, root, 1);
            good = *schema != NULL;
        }
    }
    map_release(&names);
    return good;
}

// --- defaults --------------------------------------------------------------------------------------------------

static bool whole_within(const JsonNode *value, double low, double high) {
    double number;
    return json_tree_number(value, &number) && floor(number) == number && number >= low && number <= high;
}

static bool record_default_fits(const AvscSchema *schema, const JsonNode *value) {
    if (value->kind != TREE_OBJECT) {
        return false;
    }
    for (size_t i = 0; i < schema->field_count; i++) {
        const AvscField *field = &schema->fields[i];
        const JsonNode *part = json_tree_find(value, field->name);
        bool fits = part != NULL ? avsc_default_fits(field->schema, part) : field->default_value != NULL;
        if (!fits) {
            return false;
        }
    }
    return true;
}

bool avsc_default_fits(const AvscSchema *schema, const JsonNode *value) {
    bool fits = false;
    switch (schema->type) {
    case AVSC_NULL:
        return value->kind == TREE_NULL;
    case AVSC_BOOLEAN:
        return value->kind == TREE_TRUE || value->kind == TREE_FALSE;
    case AVSC_INT:
        return whole_within(value, INT32_MIN, INT32_MAX);
    case AVSC_LONG:
        return whole_within(value, -0x1p63, 0x1p63);
    case AVSC_FLOAT:
    case AVSC_DOUBLE:
        return value->kind == TREE_NUMBER ||
               (value->kind == TREE_TEXT && (slice_is(value->text, "NaN") || slice_is(value->text, "Infinity") ||
                                             slice_is(value->text, "-Infinity")));
    case AVSC_BYTES:
    case AVSC_STRING:
    case AVSC_FIXED:
    case AVSC_ENUM:
        return value->kind == TREE_TEXT;
    case AVSC_ARRAY:
    case AVSC_MAP:
        fits = value->kind == (schema->type == AVSC_ARRAY ? TREE_LIST : TREE_OBJECT);
        for (const JsonNode *item = value->first; item != NULL && fits; item = item->next) {
            fits = avsc_default_fits(schema->items, item);
        }
        return fits;
    case AVSC_RECORD:
        return record_default_fits(schema, value);
    case AVSC_UNION:
        for (size_t i = 0; i < schema->branch_count && !fits; i++) {
            fits = avsc_default_fits(schema->branches[i], value);
        }
        return fits;
    }
    UNREACHABLE();
}
