// SPDX-License-Identifier: Apache-2.0
// (jansson's names and those of core/base/json.h collide: this file uses jansson only.)
#include "engine/control/document.h"

#include "core/base/log.h"
#include "core/config/folder.h"
#include "core/sys/file.h"

#include <jansson.h>
#include <limits.h>
#include <strings.h>

#define SYNC_CLASS "leat.Sync"

static const char *const TARGETS[] = {"RUNNING", "PAUSED", "STOPPED"};
static const char *const KINDS[] = {"source", "sink", "sync"};

const char *document_target_name(DocumentTarget target) {
    return TARGETS[target];
}

bool document_target_find(Slice name, DocumentTarget *target) {
    for (size_t i = 0; i < ARRAY_LEN(TARGETS); i++) {
        if (slice_is(name, TARGETS[i])) {
            *target = (DocumentTarget)i;
            return true;
        }
    }
    return false;
}

// --- one document ----------------------------------------------------------------------------------------------

static bool load(Slice json, json_t **root, Err *err) {
    json_error_t where;
    *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &where);
    if (*root == NULL) {
        return FAIL(err, ERR_OPTION, "a connector's document is no JSON: line %d: %.200s", where.line, where.text);
    }
    if (!json_is_object(*root)) {
        json_decref(*root);
        return FAIL(err, ERR_OPTION, "a connector's document is no JSON object");
    }
    return true;
}

static Slice text_of(const json_t *root, const char *name) {
    const json_t *value = json_object_get(root, name);
    return json_is_string(value) ? (Slice){(const uint8_t *)json_string_value(value), json_string_length(value)}
                                 : (Slice){0};
}

static bool fields_in(const json_t *root, Arena *arena, Document *document, Err *err) {
    json_int_t version = json_integer_value(json_object_get(root, "format_version"));
    if (version > DOCUMENT_FORMAT) {
        FAIL(err, ERR_FORMAT_NEWER, "a connector's document has format %d; this leat knows up to %d", (int)version,
             DOCUMENT_FORMAT);
        return err_hint(err, "use the leat that wrote it, or a newer one");
    }
    if (version < 1) {
        return FAIL(err, ERR_OPTION, "a connector's document has no format_version");
    }
    Slice name = text_of(root, "name"), kind = text_of(root, "kind");
    if (name.size == 0) {
        return FAIL(err, ERR_OPTION, "a connector's document has no name");
    }
    *document = (Document){.name = arena_slice(arena, name), .removed = json_is_true(json_object_get(root, "removed"))};
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        document->kind = slice_is(kind, KINDS[i]) ? KINDS[i] : document->kind;
    }
    if (document->kind == NULL) {
        return FAIL(err, ERR_OPTION, "the document of connector %.*s has no kind: source, sink or sync",
                    SLICE_ARG(name));
    }
    if (!document_target_find(text_of(root, "target"), &document->target)) {
        return FAIL(err, ERR_OPTION, "the document of connector %.*s has no target: RUNNING, PAUSED or STOPPED",
                    SLICE_ARG(name));
    }
    if (!json_is_object(json_object_get(root, "config"))) {
        return FAIL(err, ERR_OPTION, "the document of connector %.*s has no config", SLICE_ARG(name));
    }
    return true;
}

bool document_parse(Slice json, Arena *arena, Document *document, Err *err) {
    json_t *root;
    TRY(load(json, &root, err));
    bool ok = fields_in(root, arena, document, err);
    json_decref(root);
    return ok;
}

static int dump_part(const char *bytes, size_t size, void *context) {
    buf_bytes(context, bytes, size);
    return 0;
}

static bool dump(json_t *root, Buf *out, Err *err) {
    int failed = json_dump_callback(root, dump_part, out, JSON_INDENT(1));
    json_decref(root);
    return failed == 0 || FAIL(err, ERR_INTERNAL, "a connector's document cannot be written as JSON");
}

bool document_set_target(Slice json, DocumentTarget target, Buf *out, Err *err) {
    json_t *root;
    TRY(load(json, &root, err));
    json_object_set_new(root, "target", json_string(TARGETS[target]));
    return dump(root, out, err);
}

bool document_set_removed(Slice json, Buf *out, Err *err) {
    json_t *root;
    TRY(load(json, &root, err));
    json_object_set_new(root, "removed", json_true());
    return dump(root, out, err);
}

// --- the files -------------------------------------------------------------------------------------------------

static bool path_of(const char *data_directory, Slice name, char path[PATH_MAX], Err *err) {
    Arena arena;
    arena_init_small(&arena, "scratch", KIB);
    int size = snprintf(path, PATH_MAX, "%s/connectors/%s.json", data_directory, connector_folder(&arena, name));
    arena_release(&arena);
    return size < PATH_MAX || FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
}

bool document_write(const char *data_directory, Slice name, Slice json, Err *err) {
    char path[PATH_MAX], directory[PATH_MAX];
    TRY(path_of(data_directory, name, path, err));
    snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
    TRY(file_make_directories(directory, err));
    return file_replace(path, json, err);
}

bool document_erase(const char *data_directory, Slice name, Err *err) {
    char path[PATH_MAX], directory[PATH_MAX];
    TRY(path_of(data_directory, name, path, err));
    snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
    TRY(file_remove(path, err));
    return file_sync_directory(directory, err);
}

typedef struct Visit {
    const char *directory;
    bool (*visit)(void *context, const Document *document, Slice json, Err *err);
    void *context;
    Err *err;
} Visit;

static bool visit_file(void *context, const char *name) {
    Visit *visit = context;
    size_t size = strlen(name);
    if (size < 5 || strcmp(name + size - 5, ".json") != 0) {
        return true;
    }
    Arena arena;
    Err err[1] = {{0}};
    Slice json;
    Document document;
    arena_init_small(&arena, "scratch", 8 * KIB);
    const char *path = arena_printf(&arena, "%s/%s", visit->directory, name);
    bool read =
        file_read_all(path, DOCUMENT_BYTES_MAX, &arena, &json, err) && document_parse(json, &arena, &document, err);
    bool more = true;
    if (read) {
        more = visit->visit(visit->context, &document, json, visit->err);
    } else if (err->code == ERR_FORMAT_NEWER) {
        *visit->err = *err;
        more = err_prefix(visit->err, "%s", path);
    } else {
        err_prefix(err, "%s", path);
        log_err(LOG_SERVER, "a connector is left out: its document is damaged", err);
    }
    arena_release(&arena);
    return more;
}

bool document_each(const char *data_directory,
                   bool (*visit)(void *context, const Document *document, Slice json, Err *err), void *context,
                   Err *err) {
    char directory[PATH_MAX];
    snprintf(directory, sizeof(directory), "%s/connectors", data_directory);
    if (!file_exists(directory)) {
        return true;
    }
    Visit all = {directory, visit, context, err};
    TRY(file_list(directory, visit_file, &all, err));
    return err->code == ERR_NONE;
}

// --- pipelines of leat sync ------------------------------------------------------------------------------------

static void flatten(json_t *config, const json_t *from) {
    static const char *const NESTED[] = {"source", "sink"};
    for (size_t i = 0; i < ARRAY_LEN(NESTED); i++) {
        const json_t *url = json_object_get(json_object_get(from, NESTED[i]), "url");
        char name[32];
        snprintf(name, sizeof(name), "%s.url", NESTED[i]);
        if (json_is_string(url)) {
            json_object_set_new(config, name, json_string(json_string_value(url)));
        }
    }
    const json_t *format = json_object_get(from, "format");
    if (json_is_string(format)) {
        json_object_set_new(config, "format", json_string(json_string_value(format)));
    }
    json_object_update(config, json_object_get(from, "options"));
}

bool document_adopt(const char *data_directory, const char *name, bool whole, Buf *out, Err *err) {
    Arena arena;
    Slice bytes;
    json_t *from = NULL;
    arena_init_small(&arena, "scratch", 8 * KIB);
    const char *path = arena_printf(&arena, "%s/pipelines/%s/config.json", data_directory, name);
    bool ok = file_read_all(path, DOCUMENT_BYTES_MAX, &arena, &bytes, err) && load(bytes, &from, err);
    arena_release(&arena);
    if (!ok) {
        return err_prefix(err, "pipeline %s", name);
    }
    json_t *config = json_object(), *root = json_object();
    json_object_set_new(config, "connector.class", json_string(SYNC_CLASS));
    json_object_set_new(config, "name", json_string(name));
    flatten(config, from);
    if (whole) {
        json_object_set(root, "pipeline", from);
    }
    json_decref(from);
    json_object_set_new(root, "format_version", json_integer(DOCUMENT_FORMAT));
    json_object_set_new(root, "name", json_string(name));
    json_object_set_new(root, "kind", json_string("sync"));
    json_object_set_new(root, "target", json_string(TARGETS[TARGET_RUNNING]));
    json_object_set_new(root, "config", config);
    return dump(root, out, err);
}

static const char *config_text(const json_t *root, const char *name) {
    const char *text = json_string_value(json_object_get(json_object_get(root, "config"), name));
    return text != NULL ? text : "";
}

// What the connector has on the disk of a node, and could do without; NULL: nothing.
static const char *own_disk(const json_t *root, const char *kind, const char *server_journal) {
    bool sync = strcmp(kind, "sync") == 0;
    if (strcmp(kind, "sink") == 0) {
        return strcasecmp(config_text(root, "iceberg.catalog.type"), "embedded") == 0
                   ? "give the connector a catalog that all nodes reach: iceberg.catalog.type=rest"
                   : NULL;
    }
    const json_t *own = json_object_get(json_object_get(root, "config"), sync ? "journal" : "leat.journal");
    const char *journal = json_is_string(own) ? json_string_value(own) : sync ? "" : server_journal;
    return strncmp(journal, "kafka://", 8) == 0 ? NULL
           : sync                               ? "make the pipeline with leat sync --journal kafka://…"
                                                : "give all nodes leat server --journal kafka://…";
}

bool document_shareable(Slice json, const char *journal, Err *err) {
    json_t *root;
    TRY(load(json, &root, err));
    const char *name = json_string_value(json_object_get(root, "name"));
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const char *hint = own_disk(root, kind != NULL ? kind : "", journal);
    if (hint != NULL) {
        FAIL(err, ERR_OPTION,
             "connector %.100s works with what is on the disk of one node: no other node could go on from it",
             name != NULL ? name : "");
        err_hint(err, "%s; or run it on a server without cluster.group", hint);
    }
    json_decref(root);
    return hint == NULL;
}

#define UNLISTED "unlisted"

bool document_unlist(const char *data_directory, Slice name, Err *err) {
    char path[PATH_MAX];
    Arena arena;
    arena_init_small(&arena, "scratch", KIB);
    int size = snprintf(path, sizeof(path), "%s/pipelines/%s/", data_directory, connector_folder(&arena, name));
    arena_release(&arena);
    if (size >= (int)(sizeof(path) - sizeof(UNLISTED))) {
        return FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    }
    if (!file_exists(path)) {
        return true;
    }
    snprintf(path + size, sizeof(path) - (size_t)size, UNLISTED);
    return file_replace(path, SLICE("taken out of the list of connectors\n"), err);
}

typedef struct Adoptable {
    const char *directory;
    bool (*visit)(void *context, const char *name);
    void *context;
} Adoptable;

static bool adoptable_folder(void *context, const char *name) {
    Adoptable *all = context;
    char config[PATH_MAX], unlisted[PATH_MAX];
    bool is = snprintf(config, sizeof(config), "%s/%s/config.json", all->directory, name) < (int)sizeof(config) &&
              snprintf(unlisted, sizeof(unlisted), "%s/%s/" UNLISTED, all->directory, name) < (int)sizeof(unlisted) &&
              file_exists(config) && !file_exists(unlisted);
    return !is || all->visit(all->context, name);
}

bool document_adoptable(const char *data_directory, bool (*visit)(void *context, const char *name), void *context,
                        Err *err) {
    char directory[PATH_MAX];
    snprintf(directory, sizeof(directory), "%s/pipelines", data_directory);
    Adoptable all = {directory, visit, context};
    return !file_exists(directory) || file_list(directory, adoptable_folder, &all, err);
}
