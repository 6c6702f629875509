// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/registrar.h"

#include "core/base/json.h"
#include "core/base/map.h"
#include "core/net/http.h"
#include "data/registry/avsc_compare.h"

#include <strings.h>

enum { URLS_MAX = 16, CONNECT_MS = 10 * 1000, READ_MS = 30 * 1000 };

#define MEDIA_TYPE "application/vnd.schemaregistry.v1+json"

struct Registrar {
    Arena arena[1]; // its life
    const char *prefix;
    SchemaRegistrar contract;
    const char *urls[URLS_MAX]; // without user and trailing slash
    const char *url_authorization[URLS_MAX];
    size_t url_count, current;
    const char *authorization; // for all; NULL = none
    bool register_schemas, latest, normalize;
    HttpClient *client;
    HttpAnswer answer;
    Map ids; // subject, 0, schema to id + 1
};

// --- options -----------------------------------------------------------------------------------------------------

static const char *option(Registrar *registrar, const Properties *config, const char *name, const char *otherwise) {
    return properties_text(registrar->arena, config, arena_printf(registrar->arena, "%s%s", registrar->prefix, name),
                           otherwise);
}

static bool wrong(const Registrar *registrar, const char *name, const char *what, Err *err) {
    return FAIL(err, ERR_OPTION, "%s%s: %s", registrar->prefix, name, what);
}

static bool flag(Registrar *registrar, const Properties *config, const char *name, bool otherwise, bool *value,
                 Err *err) {
    const char *text = option(registrar, config, name, otherwise ? "true" : "false");
    *value = strcasecmp(text, "true") == 0;
    return *value || strcasecmp(text, "false") == 0 || wrong(registrar, name, "neither true nor false", err);
}

static bool number(Registrar *registrar, const Properties *config, const char *name, int64_t otherwise, int64_t *value,
                   Err *err) {
    const char *text = option(registrar, config, name, NULL);
    *value = otherwise;
    if (text == NULL || text[0] == '\0') {
        return true;
    }
    char *end = NULL;
    *value = strtoll(text, &end, 10);
    return (*end == '\0' && *value > 0 && *value <= INT32_MAX) || wrong(registrar, name, "no number above 0", err);
}

static const char *basic(Arena *arena, Slice user_info) {
    DEFER(buf_release) Buf text = {0};
    buf_init(&text, 0);
    json_base64(&text, user_info);
    return arena_printf(arena, "Basic %.*s", (int)text.size - 2, (const char *)text.data + 1); // without the quotes
}

static bool read_url(Registrar *registrar, Slice item, bool take_user, Err *err) {
    char *url = arena_text(registrar->arena, item);
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0) {
        return wrong(registrar, "schema.registry.url", "a URL begins with http:// or https://", err);
    }
    if (registrar->url_count == URLS_MAX) {
        return wrong(registrar, "schema.registry.url", "more than 16 URLs", err);
    }
    size_t host_size = strcspn(url + scheme, "/?#");
    const char *at = memrchr(url + scheme, '@', host_size);
    if (at != NULL) {
        Slice user = arena_percent_decoded(registrar->arena,
                                           (Slice){(const uint8_t *)url + scheme, (size_t)(at - url) - scheme});
        registrar->url_authorization[registrar->url_count] = take_user ? basic(registrar->arena, user) : NULL;
        url = arena_printf(registrar->arena, "%.*s%s", (int)scheme, url, at + 1);
    }
    for (size_t size = strlen(url); size > 0 && url[size - 1] == '/'; size--) {
        url[size - 1] = '\0';
    }
    registrar->urls[registrar->url_count++] = url;
    return true;
}

static bool read_auth(Registrar *registrar, const Properties *config, bool *take_user, Err *err) {
    const char *source = option(registrar, config, "basic.auth.credentials.source", "URL");
    const char *bearer = option(registrar, config, "bearer.auth.credentials.source", NULL);
    *take_user = strcasecmp(source, "URL") == 0;
    if (strcasecmp(source, "USER_INFO") == 0) {
        const char *user = option(registrar, config, "basic.auth.user.info", NULL);
        user = user != NULL ? user : option(registrar, config, "schema.registry.basic.auth.user.info", NULL);
        if (user == NULL || strchr(user, ':') == NULL) {
            return wrong(registrar, "basic.auth.user.info", "must be user:password", err);
        }
        registrar->authorization = basic(registrar->arena, slice_of(user));
    } else if (!*take_user) {
        return wrong(registrar, "basic.auth.credentials.source", "must be URL or USER_INFO", err);
    }
    if (bearer == NULL || bearer[0] == '\0') {
        return true;
    }
    const char *token = option(registrar, config, "bearer.auth.token", NULL);
    if (strcasecmp(bearer, "STATIC_TOKEN") != 0) {
        return wrong(registrar, "bearer.auth.credentials.source", "must be STATIC_TOKEN", err);
    }
    if (token == NULL || token[0] == '\0') {
        return wrong(registrar, "bearer.auth.token", "is missing", err);
    }
    registrar->authorization = arena_printf(registrar->arena, "Bearer %s", token);
    return true;
}

static bool open_client(Registrar *registrar, const Properties *config, Err *err) {
    HttpClientOptions options = {.connections_max = 1};
    TRY(number(registrar, config, "http.connect.timeout.ms", CONNECT_MS, &options.connect_ms, err));
    TRY(number(registrar, config, "http.read.timeout.ms", READ_MS, &options.stalled_ms, err));
    const char *store = option(registrar, config, "schema.registry.ssl.truststore.location", NULL);
    const char *type = option(registrar, config, "schema.registry.ssl.truststore.type", "JKS");
    if (store != NULL && store[0] != '\0') {
        if (strcasecmp(type, "PEM") != 0) {
            wrong(registrar, "schema.registry.ssl.truststore.type", "only PEM files can be read", err);
            return err_hint(err, "export the certificates: keytool -exportcert -rfc -keystore %s", store);
        }
        options.ca_file = store;
    }
    if (option(registrar, config, "schema.registry.ssl.keystore.location", NULL) != NULL) {
        return wrong(registrar, "schema.registry.ssl.keystore.location", "client certificates are not supported", err);
    }
    const char *host = option(registrar, config, "proxy.host", NULL);
    if (host != NULL && host[0] != '\0') {
        options.proxy =
            arena_printf(registrar->arena, "http://%s:%s", host, option(registrar, config, "proxy.port", "3128"));
    }
    return http_client_open(&options, &registrar->client, err);
}

static bool read_options(Registrar *registrar, const Properties *config, const char *urls, Err *err) {
    bool take_user = false;
    size_t count = 0;
    TRY(read_auth(registrar, config, &take_user, err));
    Slice *items = properties_list(registrar->arena, slice_of(urls), &count);
    for (size_t i = 0; i < count; i++) {
        TRY(read_url(registrar, items[i], take_user, err));
    }
    if (count == 0) {
        return wrong(registrar, "schema.registry.url", "is empty", err);
    }
    TRY(flag(registrar, config, "auto.register.schemas", true, &registrar->register_schemas, err));
    TRY(flag(registrar, config, "use.latest.version", false, &registrar->latest, err));
    TRY(flag(registrar, config, "normalize.schemas", false, &registrar->normalize, err));
    const char *id = option(registrar, config, "use.schema.id", "-1");
    if (strcmp(id, "-1") != 0) {
        return wrong(registrar, "use.schema.id", "is not supported: use.latest.version is", err);
    }
    return open_client(registrar, config, err);
}

// --- asking ------------------------------------------------------------------------------------------------------

static bool send_to(Registrar *registrar, size_t at, const char *method, const char *path, Slice body, Err *err) {
    const char *authorization =
        registrar->authorization != NULL ? registrar->authorization : registrar->url_authorization[at];
    HttpHeader headers[] = {
        {"Accept", MEDIA_TYPE ", application/json"}, {"Content-Type", MEDIA_TYPE}, {"Authorization", authorization}};
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 1024);
    HttpRequest request = {.method = method,
                           .url = arena_printf(scratch, "%s%s", registrar->urls[at], path),
                           .headers = headers,
                           .header_count = authorization != NULL ? 3 : 2,
                           .body = body,
                           .file = -1};
    bool good = http_send(registrar->client, &request, &registrar->answer, err);
    if (good && (registrar->answer.status >= 500 || registrar->answer.status == 429)) {
        good =
            FAIL(err, ERR_NET_BUSY, "the schema registry %s answers %d", registrar->urls[at], registrar->answer.status);
    }
    arena_release(scratch);
    return good;
}

// From whichever answers, the one that did last first.
static bool ask(Registrar *registrar, const char *method, const char *path, Slice body, Err *err) {
    Err first[1] = {{0}};
    for (size_t i = 0; i < registrar->url_count; i++) {
        Err failed[1] = {{0}};
        size_t at = (registrar->current + i) % registrar->url_count;
        if (send_to(registrar, at, method, path, body, failed)) {
            registrar->current = at;
            return true;
        }
        if (first->code == ERR_NONE) {
            *first = *failed;
        }
    }
    *err = *first;
    return err_frame(err, __FILE__, __LINE__);
}

// Of an answer that is no success: the registry's own words.
static bool refused(Registrar *registrar, Slice subject, Err *err) {
    const HttpAnswer *answer = &registrar->answer;
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 4096);
    Err ignored[1] = {{0}};
    const JsonNode *body = NULL;
    Slice message = {0};
    int64_t code = 0;
    if (json_tree_parse(scratch, buf_slice(&answer->body), &body, ignored)) {
        message = json_tree_text(body, "message");
        if (!json_tree_int(json_tree_member(body, "error_code"), &code)) {
            code = 0;
        }
    }
    const char *url = registrar->urls[registrar->current];
    int shown = (int)MIN(subject.size, (size_t)100), words = (int)MIN(message.size, (size_t)350);
    const char *name = (const char *)subject.data, *said = (const char *)message.data;
    if (answer->status == 401) {
        FAIL(err, ERR_NET_AUTH, "the schema registry %s refuses the credentials", url);
        err_hint(err, "see %sbasic.auth.credentials.source", registrar->prefix);
    } else if (answer->status == 403) {
        FAIL(err, ERR_NET_PERMISSION, "the schema registry %s denies '%.*s': %.*s", url, shown, name, words, said);
    } else if (answer->status == 409 || answer->status == 422 || (answer->status == 404 && code > 1000)) {
        FAIL(err, ERR_OPTION, "the schema registry refuses '%.*s': %.*s", shown, name, words, said);
        err_hint(err,
                 answer->status == 409 ? "undo the change of the table, or set the subject's compatibility level"
                                       : "register the schema, or set %sauto.register.schemas=true",
                 registrar->prefix);
    } else {
        FAIL(err, ERR_NET_SETUP, "%s is no schema registry: it answers %d", url, answer->status);
        err_hint(err, "of one that speaks this API below a path, the path belongs to the URL: Apicurio's is "
                      "/apis/ccompat/v7");
    }
    arena_release(scratch);
    return false;
}

static const char *subject_path(Arena *arena, Slice subject, const char *after) {
    DEFER(buf_release) Buf name = {0};
    buf_init(&name, 0);
    http_encode(&name, subject, false);
    return arena_printf(arena, "/subjects/%.*s%s", (int)name.size, (const char *)name.data, after);
}

// The answer's id and, when asked for, its schema.
static bool answered(Registrar *registrar, Arena *arena, Slice subject, int32_t *id, Slice *schema, Err *err) {
    if (registrar->answer.status != 200) {
        return refused(registrar, subject, err);
    }
    const JsonNode *body = NULL;
    int64_t number = 0;
    bool good = json_tree_parse(arena, buf_slice(&registrar->answer.body), &body, err) &&
                json_tree_int(json_tree_member(body, "id"), &number) && number >= 0 && number <= INT32_MAX;
    if (good && schema != NULL) {
        *schema = json_tree_text(body, "schema");
        good = schema->data != NULL;
    }
    if (!good) {
        err_clear(err);
        return FAIL(err, ERR_NET_PROTOCOL, "the schema registry %s answers without an id",
                    registrar->urls[registrar->current]);
    }
    *id = (int32_t)number;
    return true;
}

static bool from_latest(Registrar *registrar, Arena *arena, Slice subject, Slice schema, int32_t *id, Err *err) {
    Slice latest = {0};
    AvscSchema *ours = NULL, *theirs = NULL;
    TRY(ask(registrar, "GET", subject_path(arena, subject, "/versions/latest"), (Slice){0}, err));
    TRY(answered(registrar, arena, subject, id, &latest, err));
    TRY(avsc_parse(arena, schema, NULL, 0, &ours, err));
    if (!avsc_parse(arena, latest, NULL, 0, &theirs, err) || !avsc_same_bytes(ours, theirs)) {
        err_clear(err);
        FAIL(err, ERR_OPTION, "the latest version of '%.*s' is not the schema of these records", SLICE_ARG(subject));
        return err_hint(err, "register it, or set %sauto.register.schemas=true", registrar->prefix);
    }
    return true;
}

static bool find_id(Registrar *registrar, Arena *arena, Slice subject, Slice schema, int32_t *id, Err *err) {
    if (!registrar->register_schemas && registrar->latest) {
        return from_latest(registrar, arena, subject, schema, id, err);
    }
    DEFER(buf_release) Buf body = {0};
    buf_init(&body, 0);
    buf_text(&body, "{\"schema\":");
    json_quote(&body, schema);
    buf_u8(&body, '}');
    const char *end = registrar->register_schemas ? "/versions" : "";
    const char *path = subject_path(
        arena, subject, arena_printf(arena, "%s?normalize=%s", end, registrar->normalize ? "true" : "false"));
    TRY(ask(registrar, "POST", path, buf_slice(&body), err));
    return answered(registrar, arena, subject, id, NULL, err);
}

static bool register_schema(void *context, Slice subject, Slice schema, int32_t *id, Err *err) {
    Registrar *registrar = context;
    DEFER(buf_release) Buf key = {0};
    buf_init(&key, 0);
    buf_put(&key, subject);
    buf_u8(&key, 0);
    buf_put(&key, schema);
    uintptr_t known = (uintptr_t)map_find(&registrar->ids, buf_slice(&key));
    if (known != 0) {
        *id = (int32_t)(known - 1);
        return true;
    }
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    bool good = find_id(registrar, scratch, subject, schema, id, err);
    arena_release(scratch);
    if (good) {
        map_put(&registrar->ids, buf_slice(&key),
                (void *)((uintptr_t)*id + 1)); // NOLINT: a number in place of an object
    }
    return good || err_frame(err, __FILE__, __LINE__);
}

bool registrar_schema(Registrar *registrar, int32_t id, Arena *arena, RegistrarSchema *schema, Err *err) {
    char path[64];
    snprintf(path, sizeof(path), "/schemas/ids/%d", id);
    TRY(ask(registrar, "GET", path, (Slice){0}, err));
    const char *url = registrar->urls[registrar->current];
    if (registrar->answer.status == 404) {
        return FAIL(err, ERR_VALUE, "the schema registry %s knows no schema %d", url, id);
    }
    if (registrar->answer.status != 200) {
        return refused(registrar, slice_of(path), err);
    }
    const JsonNode *body = NULL;
    if (!json_tree_parse(arena, buf_slice(&registrar->answer.body), &body, err) ||
        json_tree_text(body, "schema").data == NULL) {
        err_clear(err);
        return FAIL(err, ERR_NET_PROTOCOL, "the schema registry %s answers without a schema", url);
    }
    Slice type = json_tree_text(body, "schemaType");
    const JsonNode *references = json_tree_member(body, "references");
    schema->json = slice_is(type, "JSON");
    if ((type.size > 0 && !slice_is(type, "AVRO") && !schema->json) || (references != NULL && references->count > 0)) {
        return FAIL(err, ERR_VALUE, "schema %d of the registry %s %s", id, url,
                    references != NULL && references->count > 0 ? "refers to others, which leat does not read"
                                                                : "is of a type that leat does not read");
    }
    schema->text = arena_slice(arena, json_tree_text(body, "schema"));
    return true;
}

bool registrar_check(Registrar *registrar, Err *err) {
    TRY(ask(registrar, "GET", "/schemas/types", (Slice){0}, err));
    return registrar->answer.status == 200 || refused(registrar, SLICE("/schemas/types"), err);
}

const SchemaRegistrar *registrar_contract(Registrar *registrar) {
    return &registrar->contract;
}

bool registrar_new(const Properties *config, bool is_key, Registrar **registrar, Err *err) {
    Registrar *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init_small(made->arena, "run", 2048);
    made->prefix = is_key ? "key.converter." : "value.converter.";
    made->contract = (SchemaRegistrar){.register_schema = register_schema, .context = made};
    *registrar = NULL;
    const char *urls = option(made, config, "schema.registry.url", NULL);
    if (urls == NULL) {
        registrar_close(made);
        return true;
    }
    if (!read_options(made, config, urls, err)) {
        registrar_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *registrar = made;
    return true;
}

void registrar_close(Registrar *registrar) {
    if (registrar != NULL) {
        if (registrar->client != NULL) {
            http_client_close(registrar->client);
        }
        http_answer_release(&registrar->answer);
        map_release(&registrar->ids);
        arena_release(registrar->arena);
        free(registrar);
    }
}
