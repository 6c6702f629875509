// SPDX-License-Identifier: Apache-2.0
#include "core/config/wanted.h"

#include "core/config/template.h"
#include "core/sys/file.h"

#include <jansson.h>
#include <strings.h>
#include <sys/stat.h>
#include <yaml.h>

enum { WANTED_BYTES_MAX = 4 << 20, WANTED_DEPTH_MAX = 16, WANTED_PATH_BYTES = 4096 };

static bool ends_with(const char *path, const char *end) {
    size_t size = strlen(path), tail = strlen(end);
    return size > tail && strcasecmp(path + size - tail, end) == 0;
}

static bool add(Arena *arena, WantedList *list, const Wanted *wanted, Err *err) {
    if (wanted->name.size == 0) {
        FAIL(err, ERR_OPTION, "%s: the connector has no name", wanted->path);
        return err_hint(err, "write {\"name\": …, \"config\": {…}}");
    }
    for (size_t i = 0; i < list->count; i++) {
        if (slice_equal(list->at[i].name, wanted->name)) {
            return FAIL(err, ERR_OPTION, "connector \"%.*s\" is in %s and in %s", SLICE_ARG(wanted->name),
                        list->at[i].path, wanted->path);
        }
    }
    Wanted *more = ARENA_ARRAY(arena, Wanted, list->count + 1);
    if (list->count > 0) {
        memcpy(more, list->at, list->count * sizeof(*more));
    }
    more[list->count] = *wanted;
    *list = (WantedList){more, list->count + 1};
    return true;
}

// --- JSON ------------------------------------------------------------------------------------------------------

static bool config_take(Arena *arena, const json_t *object, Wanted *wanted, Err *err) {
    char *text = json_dumps(object, JSON_COMPACT);
    ASSERT(text != NULL);
    bool ok = properties_parse(arena, slice_of(text), &wanted->config, err) || err_prefix(err, "%s", wanted->path);
    free(text);
    return ok;
}

static bool state_take(Arena *arena, const char *text, Wanted *wanted, Err *err) {
    static const char *const STATES[] = {"RUNNING", "PAUSED", "STOPPED"};
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++) {
        if (strcasecmp(text, STATES[i]) == 0) {
            wanted->target = STATES[i];
            return true;
        }
    }
    return FAIL(err, ERR_OPTION, "%s: the state is running, paused or stopped, not \"%.40s\"", wanted->path, text);
}

static bool json_take(Arena *arena, const json_t *root, Wanted *wanted, Err *err) {
    const json_t *config = json_object_get(root, "config");
    const char *name = json_string_value(json_object_get(root, "name"));
    const char *state = json_string_value(json_object_get(root, "initial_state"));
    TRY(config_take(arena, json_is_object(config) ? config : root, wanted, err));
    if (state != NULL && json_is_object(config)) {
        TRY(state_take(arena, state, wanted, err));
    }
    const Property *own = properties_find(&wanted->config, SLICE("name"));
    wanted->name = name != NULL ? arena_slice(arena, slice_of(name)) : own != NULL ? own->value : (Slice){0};
    properties_remove(&wanted->config, SLICE("name"));
    return true;
}

// --- YAML ------------------------------------------------------------------------------------------------------

static json_t *yaml_json(yaml_document_t *document, const yaml_node_t *node, int depth);

static json_t *scalar_json(const yaml_node_t *node) {
    const char *text = (const char *)node->data.scalar.value;
    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (strcmp(text, "null") == 0 || strcmp(text, "~") == 0 || text[0] == '\0') {
            return json_null();
        }
    }
    return json_stringn(text, node->data.scalar.length); // numbers and booleans are texts in a configuration
}

static json_t *mapping_json(yaml_document_t *document, const yaml_node_t *node, int depth) {
    json_t *object = json_object();
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        json_t *value = yaml_json(document, yaml_document_get_node(document, pair->value), depth + 1);
        bool fine = key != NULL && key->type == YAML_SCALAR_NODE && value != NULL &&
                    json_object_get(object, (const char *)key->data.scalar.value) == NULL &&
                    json_object_set(object, (const char *)key->data.scalar.value, value) == 0;
        json_decref(value);
        if (!fine) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

// NULL: too deep (an alias within itself), a key twice, no UTF-8.
static json_t *yaml_json(yaml_document_t *document, const yaml_node_t *node, int depth) {
    if (node == NULL || depth > WANTED_DEPTH_MAX) {
        return NULL;
    }
    if (node->type == YAML_SCALAR_NODE) {
        return scalar_json(node);
    }
    if (node->type == YAML_MAPPING_NODE) {
        return mapping_json(document, node, depth);
    }
    json_t *list = json_array();
    for (const yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
        json_t *value = yaml_json(document, yaml_document_get_node(document, *item), depth + 1);
        if (value == NULL || json_array_append_new(list, value) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void set_text(Arena *arena, Properties *config, const char *name, const json_t *value) {
    if (json_is_string(value)) {
        properties_set(arena, config, slice_of(name), slice_of(json_string_value(value)));
    }
}

// kind: KafkaConnector of kafka.strimzi.io: metadata.name; spec: class, tasksMax, pause or state, config.
static bool strimzi_take(Arena *arena, const json_t *root, Wanted *wanted, Err *err) {
    const json_t *spec = json_object_get(root, "spec");
    const json_t *config = json_object_get(spec, "config");
    const char *name = json_string_value(json_object_get(json_object_get(root, "metadata"), "name"));
    const char *state = json_string_value(json_object_get(spec, "state"));
    const char *pause = json_string_value(json_object_get(spec, "pause"));
    if (!json_is_object(spec) || name == NULL) {
        return FAIL(err, ERR_OPTION, "%s: a KafkaConnector needs metadata.name and spec", wanted->path);
    }
    if (json_is_object(config)) {
        TRY(config_take(arena, config, wanted, err));
    }
    set_text(arena, &wanted->config, "connector.class", json_object_get(spec, "class"));
    set_text(arena, &wanted->config, "tasks.max", json_object_get(spec, "tasksMax"));
    wanted->name = arena_slice(arena, slice_of(name));
    if (state != NULL) {
        return state_take(arena, state, wanted, err);
    }
    if (pause != NULL) {
        wanted->target = strcasecmp(pause, "true") == 0 ? "PAUSED" : "RUNNING";
    }
    return true;
}

static bool document_take(Arena *arena, const char *path, yaml_document_t *document, WantedList *list, Err *err) {
    yaml_node_t *node = yaml_document_get_root_node(document);
    json_t *root = yaml_json(document, node, 0);
    if (root == NULL) {
        FAIL(err, ERR_OPTION, "%s: a key comes twice, is no text, or it is nested too deep", path);
        return err_hint(err, "a resource is metadata and spec, its config a flat list of names and texts");
    }
    Wanted wanted = {.path = path};
    const char *kind = json_string_value(json_object_get(root, "kind"));
    bool ok = true;
    if (kind == NULL || strcmp(kind, "KafkaConnector") == 0) {
        ok = (kind == NULL ? json_take : strimzi_take)(arena, root, &wanted, err) && add(arena, list, &wanted, err);
    } // other resources (KafkaConnect, Secret, …) are for others
    json_decref(root);
    return ok;
}

static bool yaml_take(Arena *arena, const char *path, Slice text, WantedList *list, Err *err) {
    yaml_parser_t parser;
    bool ok = yaml_parser_initialize(&parser) != 0, more = ok;
    if (!ok) {
        return FAIL(err, ERR_INTERNAL, "no memory for a YAML parser");
    }
    yaml_parser_set_input_string(&parser, text.data != NULL ? text.data : (const uint8_t *)"", text.size);
    while (ok && more) {
        yaml_document_t document;
        if (yaml_parser_load(&parser, &document) == 0) {
            ok = FAIL(err, ERR_OPTION, "%s: no YAML: line %zu: %s", path, parser.problem_mark.line + 1,
                      parser.problem != NULL ? parser.problem : "not understood");
            break;
        }
        more = yaml_document_get_root_node(&document) != NULL;
        ok = !more || document_take(arena, path, &document, list, err);
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return ok;
}

bool wanted_parse(Arena *arena, const char *path, Slice text, WantedList *list, Err *err) {
    json_error_t where;
    Wanted wanted = {.path = path};
    if (ends_with(path, ".yaml") || ends_with(path, ".yml")) {
        return yaml_take(arena, path, text, list, err);
    }
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        FAIL(err, ERR_OPTION, "%s: no JSON: line %d, column %d: %.200s", path, where.line, where.column, where.text);
        return err_hint(err,
                        "a variable in quotes that is filled with a quote breaks the text: see the filled file with "
                        "leat apply --dry-run --output json");
    }
    bool ok = json_take(arena, root, &wanted, err) && add(arena, list, &wanted, err);
    json_decref(root);
    return ok;
}

// --- files -----------------------------------------------------------------------------------------------------

typedef struct Reading {
    Arena *arena;
    const Properties *variables;
    WantedList *list;
    Buf *missing;
    const char *directory;
    Err *err;
} Reading;

static bool file_take(Reading *reading, const char *path) {
    Err *err = reading->err;
    Slice text;
    DEFER(buf_release) Buf filled = {0};
    path = arena_text(reading->arena, slice_of(path));
    TRY(file_read_all(path, WANTED_BYTES_MAX, reading->arena, &text, err));
    template_fill(text, reading->variables, &filled, reading->missing);
    return wanted_parse(reading->arena, path, buf_slice(&filled), reading->list, err);
}

static bool directory_entry(void *context, const char *name) {
    Reading *reading = context;
    char path[WANTED_PATH_BYTES];
    if (name[0] == '.' || !(ends_with(name, ".json") || ends_with(name, ".yaml") || ends_with(name, ".yml"))) {
        return true;
    }
    snprintf(path, sizeof(path), "%s/%s", reading->directory, name);
    return file_take(reading, path);
}

bool wanted_read(Arena *arena, const char *path, const Properties *variables, WantedList *list, Buf *missing,
                 Err *err) {
    struct stat look;
    Reading reading = {arena, variables, list, missing, path, err};
    if (stat(path, &look) == 0 && S_ISDIR(look.st_mode)) {
        TRY(file_list(path, directory_entry, &reading, err));
        return err->code == ERR_NONE;
    }
    return file_take(&reading, path);
}
