// SPDX-License-Identifier: Apache-2.0
#include "surface/api/registry.h"

#include "core/base/version.h"
#include "surface/api/registry_common.h"
#include "surface/api/registry_kafka.h"

// --- what is asked for -------------------------------------------------------------------------------------------

bool registry_subject_name(const ApiRequest *request, size_t part, Slice *name, ApiAnswer *answer) {
    *name = request->parts[part];
    if (name->size >= 3 && memcmp(name->data, ":.:", 3) == 0) {
        *name = slice_from(*name, 3);
    }
    bool good = name->size > 0 && !(name->size >= 2 && memcmp(name->data, ":.", 2) == 0);
    for (size_t i = 0; i < name->size && good; i++) {
        good = name->data[i] >= 0x20 && name->data[i] != 0x7f;
    }
    if (!good) {
        api_error(answer, INVALID_SUBJECT, "The specified subject '%.*s' is not a valid.",
                  SLICE_ARG(request->parts[part]));
    }
    return good;
}

bool registry_has_versions(const RegistryStore *store, const KeptSubject *subject, bool deleted) {
    for (size_t i = 0; subject != NULL && i < subject->count; i++) {
        const KeptVersion *version = subject->versions[i];
        if (registry_store_visible(store, version) && (deleted || !version->deleted)) {
            return true;
        }
    }
    return false;
}

const KeptVersion *registry_version_of(const RegistryStore *store, const KeptSubject *subject, int32_t number,
                                       bool deleted) {
    for (size_t i = subject != NULL ? subject->count : 0; i > 0; i--) {
        const KeptVersion *version = subject->versions[i - 1];
        if (registry_store_visible(store, version) && (deleted || !version->deleted) &&
            (number == 0 || version->version == number)) {
            return version;
        }
    }
    return NULL;
}

bool registry_version_number(Slice text, int32_t *number, ApiAnswer *answer) {
    *number = 0;
    if (slice_is(text, "-1") || (text.size == 6 && strncasecmp((const char *)text.data, "latest", 6) == 0)) {
        return true;
    }
    int64_t value = text.size > 0 && text.size <= 10 ? 0 : -1;
    for (size_t i = 0; i < text.size && value >= 0; i++) {
        uint8_t c = text.data[i];
        value = c >= '0' && c <= '9' ? 10 * value + (c - '0') : -1;
    }
    if (value <= 0 || value > INT32_MAX) {
        api_error(answer, INVALID_VERSION,
                  "The specified version '%.*s' is not a valid version id. Allowed values are between [1, 2^31-1] and "
                  "the string \"latest\"",
                  SLICE_ARG(text));
        return false;
    }
    *number = (int32_t)value;
    return true;
}

const KeptVersion *registry_find_version(const RegistryStore *store, Slice subject, Slice version, bool deleted,
                                         ApiAnswer *answer) {
    int32_t number;
    if (!registry_version_number(version, &number, answer)) {
        return NULL;
    }
    const KeptSubject *known = registry_store_subject(store, subject);
    const KeptVersion *found = registry_version_of(store, known, number, deleted);
    if (found == NULL && !registry_has_versions(store, known, deleted)) {
        api_error(answer, NO_SUBJECT, "Subject '%.*s' not found.", SLICE_ARG(subject));
    } else if (found == NULL) {
        api_error(answer, NO_VERSION, "Version %d not found.", number);
    }
    return found;
}

static int64_t query_number(const ApiRequest *request, const char *name, int64_t otherwise) {
    Slice text = api_query(request, name);
    int64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i >= 10) {
            return otherwise;
        }
        value = 10 * value + (text.data[i] - '0');
    }
    return text.size > 0 ? value : otherwise;
}

RegistryPage registry_page(const ApiRequest *request) {
    return (RegistryPage){query_number(request, "offset", 0), query_number(request, "limit", -1)};
}

bool registry_on_page(RegistryPage *page) {
    if (page->offset > 0) {
        page->offset--;
        return false;
    }
    if (page->limit > 0) {
        page->limit--;
        return true;
    }
    return page->limit < 0;
}

const JsonNode *registry_body(const ApiRequest *request, ApiAnswer *answer) {
    Err err[1] = {{0}};
    const JsonNode *root = NULL;
    if (!json_tree_parse(request->arena, request->body, &root, err)) {
        api_error(answer, 400, "%s", err->message);
        return NULL;
    }
    if (root->kind != TREE_OBJECT) {
        api_error(answer, 400, "the request is no JSON object");
        return NULL;
    }
    return root;
}

void registry_store_error(ApiAnswer *answer, const char *what, const Err *err) {
    api_error(answer, STORE_FAILED, "%s: %s", what, err->message);
}

// --- settings ----------------------------------------------------------------------------------------------------

static const char *const MODES[] = {[MODE_READWRITE] = "READWRITE",
                                    [MODE_READONLY] = "READONLY",
                                    [MODE_READONLY_OVERRIDE] = "READONLY_OVERRIDE",
                                    [MODE_IMPORT] = "IMPORT"};

const char *registry_mode_name(RegistryMode mode) {
    return MODES[mode];
}

static RegistryMode mode_named(Slice name) {
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++) {
        if (slice_is(name, MODES[i])) {
            return (RegistryMode)i;
        }
    }
    return MODE_READWRITE;
}

RegistryMode registry_mode_of(const RegistryStore *store, const KeptSubject *subject) {
    RegistryMode global = mode_named(registry_store_global(store)->mode);
    if (global == MODE_READONLY_OVERRIDE || subject == NULL || subject->mode.data == NULL) {
        return global;
    }
    return mode_named(subject->mode);
}

bool registry_is_readonly(const RegistryStore *store, const KeptSubject *subject) {
    RegistryMode mode = registry_mode_of(store, subject);
    return mode == MODE_READONLY || mode == MODE_READONLY_OVERRIDE;
}

RegistryLevel registry_level_in_scope(const RegistryStore *store, const KeptSubject *subject) {
    const KeptSubject *global = registry_store_global(store);
    RegistryLevel level = LEVEL_BACKWARD;
    Slice name = subject != NULL && subject->level.data != NULL ? subject->level : global->level;
    return registry_level_of(name, &level) ? level : LEVEL_BACKWARD;
}

bool registry_normalizes(const RegistryStore *store, const KeptSubject *subject) {
    int own = subject != NULL ? subject->normalize : -1;
    return (own >= 0 ? own : registry_store_global(store)->normalize) == 1;
}

// --- what is answered --------------------------------------------------------------------------------------------

static void write_field(Buf *out, const char *name, Slice text) {
    json_key(out, name);
    json_quote(out, text);
}

void registry_write_references(Buf *out, const KeptSchema *schema) {
    for (size_t i = 0; i < schema->reference_count; i++) {
        const KeptReference *reference = &schema->references[i];
        if (i == 0) {
            json_key(out, "references");
        }
        buf_text(out, i == 0 ? "[{" : ",{");
        write_field(out, "name", reference->name);
        write_field(out, "subject", reference->subject);
        json_field_int(out, "version", reference->version);
        buf_u8(out, '}');
    }
    if (schema->reference_count > 0) {
        buf_u8(out, ']');
    }
}

void registry_write_version(Buf *out, const KeptVersion *version) {
    buf_u8(out, '{');
    write_field(out, "subject", version->subject->name);
    json_field_int(out, "version", version->version);
    json_field_int(out, "id", version->schema->id);
    write_field(out, "schemaType", version->schema->type);
    registry_write_references(out, version->schema);
    write_field(out, "schema", version->schema->text);
    if (version->deleted) {
        json_field_bool(out, "deleted", true);
    }
    buf_u8(out, '}');
}

static void get_root(void *context, const ApiRequest *request, ApiAnswer *answer) {
    buf_text(&answer->body, "{}");
}

static void get_types(void *context, const ApiRequest *request, ApiAnswer *answer) {
    buf_text(&answer->body, "[\"JSON\",\"AVRO\"]");
}

static void get_contexts(void *context, const ApiRequest *request, ApiAnswer *answer) {
    buf_text(&answer->body, "[\".\"]");
}

static void get_metadata_id(void *context, const ApiRequest *request, ApiAnswer *answer) {
    buf_text(&answer->body, "{\"scope\":{\"path\":[],\"clusters\":{\"kafka-cluster\":\"leat\","
                            "\"schema-registry-cluster\":\"schema-registry\"}},\"id\":\"\"}");
}

static void get_metadata_version(void *context, const ApiRequest *request, ApiAnswer *answer) {
    buf_text(&answer->body, "{\"version\":\"" LEAT_VERSION "\",\"commitId\":\"\"}");
}

// --- the table ---------------------------------------------------------------------------------------------------

#define SCHEMA_REQUEST                                                                                                 \
    "{\"type\":\"object\",\"required\":[\"schema\"],\"properties\":{\"schema\":{\"type\":\"string\"},\"schemaType\":{" \
    "\"type\":\"string\",\"enum\":[\"AVRO\",\"JSON\"],\"default\":\"AVRO\"},\"references\":{\"type\":\"array\","       \
    "\"items\":{"                                                                                                      \
    "\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"subject\":{\"type\":\"string\"},"            \
    "\"version\":{"                                                                                                    \
    "\"type\":\"integer\"}}}},\"id\":{\"type\":\"integer\"},\"version\":{\"type\":\"integer\"}}}"
#define VERSION_ANSWER                                                                                            \
    "{\"type\":\"object\",\"properties\":{\"subject\":{\"type\":\"string\"},\"version\":{\"type\":\"integer\"},"  \
    "\"id\":{"                                                                                                    \
    "\"type\":\"integer\"},\"schemaType\":{\"type\":\"string\"},\"references\":{\"type\":\"array\"},\"schema\":{" \
    "\"type\":"                                                                                                   \
    "\"string\"}}}"
#define NUMBERS "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}"
#define TEXTS   "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define LEVEL_ANSWER                                                                                             \
    "{\"type\":\"object\",\"properties\":{\"compatibilityLevel\":{\"type\":\"string\"},\"normalize\":{\"type\":" \
    "\"boolean\"}}}"
#define LEVEL_REQUEST                                                                                       \
    "{\"type\":\"object\",\"properties\":{\"compatibility\":{\"type\":\"string\"},\"normalize\":{\"type\":" \
    "\"boolean\"}}}"
#define MODE_BODY "{\"type\":\"object\",\"properties\":{\"mode\":{\"type\":\"string\"}}}"
#define FITS                                                                                                          \
    "{\"type\":\"object\",\"properties\":{\"is_compatible\":{\"type\":\"boolean\"},\"messages\":{\"type\":\"array\"," \
    "\"items\":"                                                                                                      \
    "{\"type\":\"string\"}}}}"

#define GET(path, function, text, answers) \
    { "GET", path, ROLE_READER, function, text, NULL, answers, ROUTE_FAST }

static const ApiRoute ROUTES[] = {
    GET("/", get_root, "Nothing, but from a registry", NULL),
    GET("/schemas/types", get_types, "The types of schemas that are taken", TEXTS),
    GET("/schemas/ids/{id}", registry_get_id, "A schema by its id", NULL),
    GET("/schemas/ids/{id}/schema", registry_get_id_schema, "Its text alone", NULL),
    GET("/schemas/ids/{id}/subjects", registry_get_id_subjects, "The subjects that use it", TEXTS),
    GET("/schemas/ids/{id}/versions", registry_get_id_versions, "The versions that are it", NULL),
    GET("/schemas", registry_get_schemas, "Versions of all subjects", NULL),
    GET("/subjects", registry_get_subjects, "Names of subjects", TEXTS),
    GET("/subjects/{subject}/versions", registry_get_versions, "A subject's versions", NUMBERS),
    GET("/subjects/{subject}/versions/{version}", registry_get_version, "One version; latest is one", VERSION_ANSWER),
    GET("/subjects/{subject}/versions/{version}/schema", registry_get_version_schema, "Its schema's text alone", NULL),
    GET("/subjects/{subject}/versions/{version}/referencedby", registry_get_referenced_by,
        "Ids of the schemas that refer to it", NUMBERS),
    {"POST", "/subjects/{subject}/versions", ROLE_OPERATOR, registry_post_version,
     "Register a schema, unless it is there", SCHEMA_REQUEST, NULL, 0},
    {"POST", "/subjects/{subject}", ROLE_READER, registry_post_lookup, "Which version is this schema?", SCHEMA_REQUEST,
     VERSION_ANSWER, ROUTE_HARMLESS},
    {"DELETE", "/subjects/{subject}", ROLE_OPERATOR, registry_delete_subject, "Delete a subject, softly at first", NULL,
     NUMBERS, 0},
    {"DELETE", "/subjects/{subject}/versions/{version}", ROLE_OPERATOR, registry_delete_version,
     "Delete a version, softly at first", NULL, "{\"type\":\"integer\"}", 0},
    {"POST", "/compatibility/subjects/{subject}/versions", ROLE_READER, registry_post_compatibility,
     "Would this schema be taken?", SCHEMA_REQUEST, FITS, ROUTE_HARMLESS},
    {"POST", "/compatibility/subjects/{subject}/versions/{version}", ROLE_READER, registry_post_compatibility_version,
     "Is this schema compatible with that version?", SCHEMA_REQUEST, FITS, ROUTE_HARMLESS},
    GET("/config", registry_get_config, "The compatibility level of all", LEVEL_ANSWER),
    GET("/config/{subject}", registry_get_config, "A subject's own level", LEVEL_ANSWER),
    {"PUT", "/config", ROLE_ADMIN, registry_put_config, "Set the level of all", LEVEL_REQUEST, LEVEL_REQUEST, 0},
    {"PUT", "/config/{subject}", ROLE_ADMIN, registry_put_config, "Set a subject's level", LEVEL_REQUEST, LEVEL_REQUEST,
     0},
    {"DELETE", "/config", ROLE_ADMIN, registry_delete_config, "Back to BACKWARD", NULL, LEVEL_ANSWER, 0},
    {"DELETE", "/config/{subject}", ROLE_ADMIN, registry_delete_config, "Back to the level of all", NULL, LEVEL_ANSWER,
     0},
    GET("/mode", registry_get_mode, "The mode of all", MODE_BODY),
    GET("/mode/{subject}", registry_get_mode, "A subject's own mode", MODE_BODY),
    {"PUT", "/mode", ROLE_ADMIN, registry_put_mode, "Set the mode of all", MODE_BODY, MODE_BODY, 0},
    {"PUT", "/mode/{subject}", ROLE_ADMIN, registry_put_mode, "Set a subject's mode", MODE_BODY, MODE_BODY, 0},
    {"DELETE", "/mode", ROLE_ADMIN, registry_delete_mode, "Back to READWRITE", NULL, MODE_BODY, 0},
    {"DELETE", "/mode/{subject}", ROLE_ADMIN, registry_delete_mode, "Back to the mode of all", NULL, MODE_BODY, 0},
    GET("/contexts", get_contexts, "The contexts: one", TEXTS),
    GET("/v1/metadata/id", get_metadata_id, "Which cluster this is", NULL),
    GET("/v1/metadata/version", get_metadata_version, "The registry's version", NULL),
};

static bool ready(void *context, ApiAnswer *answer) {
    Err err[1] = {{0}};
    if (!registry_store_ready(context, err)) {
        registry_store_error(answer, "The registry has not read its topic yet", err);
        return false;
    }
    return true;
}

void registry_surface(RegistryStore *store, ApiSurface *surface) {
    *surface = (ApiSurface){
        .name = "Schema Registry",
        .routes = ROUTES,
        .route_count = ARRAY_LEN(ROUTES),
        .context = store,
        .content_type = "application/vnd.schemaregistry.v1+json",
        .consumes = "application/vnd.schemaregistry.v1+json,application/vnd.schemaregistry+json,application/json,"
                    "application/octet-stream",
        .produces = "application/vnd.schemaregistry.v1+json,application/vnd.schemaregistry+json,application/json",
        .ready = registry_store_is_shared(store) ? ready : NULL,
    };
}

// Beside the journals: what is there is to be read when this machine is lost, by all nodes of a cluster alike.
static bool open_store(const Front *front, const char *path, RegistryStore **store, Err *err) {
    const ServerOptions *options = front_options(front);
    RegistryLog log;
    if (options->journal[0] == '\0' || options->listen_registry[0] == '\0') {
        return registry_store_open(path, store, err);
    }
    return registry_kafka_log(options->journal, &log, err) && registry_store_share(&log, path, store, err);
}

bool registry_open(Front *front, ApiSurface *surface, Err *err) {
    Arena arena[1];
    arena_init(arena, "scratch", 0);
    RegistryStore *store = NULL;
    bool good = open_store(front, arena_printf(arena, "%s/registry.db", front_data_directory(front)), &store, err);
    arena_release(arena);
    if (good) {
        registry_surface(store, surface);
    }
    return good || err_frame(err, __FILE__, __LINE__);
}

void registry_close(void *context) {
    registry_store_close(context);
}
