// SPDX-License-Identifier: Apache-2.0
// Routes, configuration, errors, and how a request gets a catalog to work with.
#include "surface/api/catalog.h"

#include "core/base/log.h"
#include "core/sys/file.h"
#include "core/sys/random.h"
#include "surface/api/catalog_common.h"
#include "surface/api/openapi.h"

#include <xxhash.h>

enum { KEY_BYTES_MAX = 128, STORE_BODY_BYTES_MAX = 64 << 10 };

// ---- errors

static const char *type_of_status(int status) {
    switch (status) {
    case 400:
        return "BadRequestException";
    case 401:
        return "NotAuthorizedException";
    case 403:
        return "ForbiddenException";
    case 404:
        return "NotFoundException";
    case 405:
    case 406:
        return "UnsupportedOperationException";
    case 409:
        return "CommitFailedException";
    case 422:
        return "UnprocessableEntityException";
    case 503:
        return "ServiceUnavailableException";
    default:
        return status < 500 ? "BadRequestException" : "InternalServerError";
    }
}

void catalog_error(ApiAnswer *answer, int status, const char *type, Slice message) {
    buf_reset(&answer->body);
    answer->status = status;
    answer->content_type = NULL;
    buf_text(&answer->body, "{\"error\":{\"message\":");
    json_quote(&answer->body, message);
    json_field_text(&answer->body, "type", type);
    json_field_int(&answer->body, "code", status);
    buf_text(&answer->body, "}}");
}

static void router_error(ApiAnswer *answer, int code, const char *message) {
    catalog_error(answer, code, type_of_status(code), slice_of(message));
}

static bool begins(const Err *err, const char *with) {
    return strncmp(err->message, with, strlen(with)) == 0;
}

// Clients look at the status first, then at the type.
void catalog_fail(ApiAnswer *answer, const Err *err) {
    int status = 500;
    const char *type = NULL;
    switch ((int)err->code) {
    case ERR_NOT_FOUND:
        status = 404;
        type = begins(err, "Namespace does not exist") ? "NoSuchNamespaceException"
               : begins(err, "Table does not exist")   ? "NoSuchTableException"
               : begins(err, "Warehouse not found")    ? "NoSuchWarehouseException"
                                                       : "NotFoundException";
        break;
    case ERR_EXISTS:
        status = 409;
        type = "AlreadyExistsException";
        break;
    case ERR_CHANGED:
        status = 409;
        type = begins(err, "Namespace is not empty") ? "NamespaceNotEmptyException" : "CommitFailedException";
        break;
    case ERR_VALUE:
    case ERR_OPTION:
    case ERR_FORMAT_NEWER:
        status = 400;
        break;
    case ERR_NET_PERMISSION:
        status = 403;
        break;
    default:
        status = err_class(err->code) == ERR_CLASS_TRANSIENT ? 503 : 500;
        break;
    }
    if (status >= 500) {
        log_err(LOG_API, "the catalog cannot answer", err);
    }
    catalog_error(answer, status, type != NULL ? type : type_of_status(status), slice_of(err->message));
    answer->header_count = 0;
    if (status == 503) {
        api_header(answer, "Retry-After", "1");
    }
}

// ---- seats

static bool seat_open(CatalogRoom *room, int number, CatalogSeat **opened, Err *err) {
    CatalogSeat *seat = calloc(1, sizeof(*seat));
    if (seat == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for a catalog");
    }
    // Nobody else's, in whatever process: what two stage must not have one name.
    snprintf(seat->owner, sizeof(seat->owner), "catalog-%d-%016" PRIx64, number, random_number());
    snprintf(seat->staging, sizeof(seat->staging), "%s/%d", room->staging, number);
    const LakeIoContext context = {.warehouse = room->warehouse,
                                   .owner = seat->owner,
                                   .staging_directory = seat->staging,
                                   .s3_options = room->serving.s3_options};
    bool good = lake_io_open(&context, &seat->io, err);
    const CatalogContext how = {.url = room->database, .io = seat->io, .options = &room->options};
    good = good && catalog_open(&EMBEDDED_CATALOG, &how, &seat->catalog, err);
    if (!good) {
        lake_io_close(seat->io);
        free(seat);
        return err_frame(err, __FILE__, __LINE__);
    }
    *opened = seat;
    return true;
}

static bool seat_take(CatalogRoom *room, CatalogSeat **seat, Err *err) {
    pthread_mutex_lock(&room->lock);
    *seat = room->free;
    if (*seat != NULL) {
        room->free = (*seat)->next;
    }
    int number = *seat == NULL ? room->seats++ : 0;
    pthread_mutex_unlock(&room->lock);
    return *seat != NULL || seat_open(room, number, seat, err) || err_frame(err, __FILE__, __LINE__);
}

static void seat_give(CatalogRoom *room, CatalogSeat *seat) {
    pthread_mutex_lock(&room->lock);
    seat->next = room->free;
    room->free = seat;
    pthread_mutex_unlock(&room->lock);
}

// ---- requests with a key

static Slice request_digest(const ApiRequest *request) {
    XXH3_state_t *state = XXH3_createState();
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, request->method, strlen(request->method) + 1);
    XXH3_128bits_update(state, request->path.data, request->path.size);
    for (size_t i = 0; i < request->query_count; i++) {
        XXH3_128bits_update(state, "?", 1);
        XXH3_128bits_update(state, request->query[i].name.data, request->query[i].name.size);
        XXH3_128bits_update(state, "=", 1);
        XXH3_128bits_update(state, request->query[i].value.data, request->query[i].value.size);
    }
    XXH3_128bits_update(state, "\n", 1);
    XXH3_128bits_update(state, request->body.data, request->body.size);
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    return slice_of(arena_printf(request->arena, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64));
}

static bool key_is_fine(const char *key) {
    size_t size = strlen(key);
    for (const char *at = key; *at != '\0'; at++) {
        if (*at <= ' ' || *at > '~') {
            return false;
        }
    }
    return size > 0 && size <= KEY_BYTES_MAX;
}

// False: another request with this key runs right now.
static bool key_enter(CatalogRoom *room, Slice key) {
    pthread_mutex_lock(&room->lock);
    bool mine = map_find(&room->under_way, key) == NULL;
    if (mine) {
        map_put(&room->under_way, key, room);
    }
    pthread_mutex_unlock(&room->lock);
    return mine;
}

static void key_leave(CatalogRoom *room, Slice key) {
    pthread_mutex_lock(&room->lock);
    map_remove(&room->under_way, key);
    pthread_mutex_unlock(&room->lock);
}

static void call_function(CatalogCall *call, CatalogFunction function, Err *err) {
    if (!function(call, err)) {
        catalog_fail(call->answer, err);
    }
}

// *done = the answer is written, from what is remembered.
static bool recall(CatalogCall *call, const EmbeddedKey *key, unsigned flags, bool *done, Err *err) {
    EmbeddedKey before = {.key = key->key};
    bool found = false;
    TRY(embedded_recall(call->state, &before, call->arena, &found, err));
    *done = false;
    if (found && !slice_equal(before.request, key->request)) {
        catalog_error(call->answer, 422, "UnprocessableEntityException",
                      SLICE("The Idempotency-Key was used for another request"));
        *done = true;
    } else if (found && before.status < 400 && (flags & CATALOG_REPLAY) != 0) {
        call->replay = true;
    } else if (found) {
        call->answer->status = before.status;
        buf_put(&call->answer->body, before.body);
        *done = true;
    }
    return true;
}

static void run_keyed(CatalogCall *call, CatalogFunction function, unsigned flags, Err *err) {
    const ApiRequest *request = call->request;
    EmbeddedKey key = {
        .key = slice_of(arena_printf(call->arena, "%s %s", request->actor, request->idempotency_key)),
        .request = request_digest(request),
        .status = 204,
    };
    bool done = false;
    if (!key_enter(call->room, key.key)) {
        catalog_error(call->answer, 503, "ServiceUnavailableException",
                      SLICE("A request with this Idempotency-Key is under way"));
        api_header(call->answer, "Retry-After", "1");
        return;
    }
    if (!recall(call, &key, flags, &done, err)) {
        catalog_fail(call->answer, err);
    } else if (!done) {
        call->key = &key;
        embedded_expect(call->state, call->replay ? NULL : &key);
        call_function(call, function, err);
        embedded_expect(call->state, NULL);
        key.status = call->answer->status;
        key.body = buf_slice(&call->answer->body);
        // What the request itself is to blame for will be so again.
        if (!call->replay && key.status >= 400 && key.status < 500 && key.body.size <= STORE_BODY_BYTES_MAX) {
            Err ignored[1] = {{0}};
            if (!embedded_remember(call->state, &key, ignored)) {
                log_err(LOG_API, "a request's key cannot be remembered", ignored);
            }
        }
    }
    key_leave(call->room, key.key);
}

static bool read_body(CatalogCall *call, unsigned flags, Err *err) {
    if (call->request->body.size == 0) {
        return (flags & CATALOG_BODY) == 0 || FAIL(err, ERR_VALUE, "The request has no body");
    }
    if ((flags & CATALOG_BODY) == 0) {
        return true;
    }
    TRY(json_tree_parse(call->arena, call->request->body, &call->body, err));
    return call->body->kind == TREE_OBJECT || FAIL(err, ERR_VALUE, "The body is no JSON object");
}

void catalog_run(CatalogRoom *room, const ApiRequest *request, ApiAnswer *answer, CatalogFunction function,
                 unsigned flags) {
    Err err[1] = {{0}};
    CatalogSeat *seat = NULL;
    CatalogCall call = {
        .room = room, .request = request, .answer = answer, .arena = request->arena, .driver = &EMBEDDED_CATALOG};
    const char *key = request->idempotency_key;
    bool keyed = (flags & CATALOG_KEYED) != 0 && key != NULL && key[0] != '\0';
    if (keyed && !key_is_fine(key)) {
        catalog_error(answer, 400, "BadRequestException", SLICE("The Idempotency-Key cannot be used"));
        return;
    }
    if (!read_body(&call, flags, err) || !seat_take(room, &seat, err)) {
        catalog_fail(answer, err);
        return;
    }
    call.state = catalog_state(seat->catalog);
    if (keyed) {
        run_keyed(&call, function, flags, err);
    } else {
        call_function(&call, function, err);
    }
    seat_give(room, seat);
}

// ---- configuration

static const char ENDPOINTS[] = "\"GET /v1/{prefix}/namespaces\",\"POST /v1/{prefix}/namespaces\","
                                "\"GET /v1/{prefix}/namespaces/{namespace}\","
                                "\"HEAD /v1/{prefix}/namespaces/{namespace}\","
                                "\"DELETE /v1/{prefix}/namespaces/{namespace}\","
                                "\"POST /v1/{prefix}/namespaces/{namespace}/properties\","
                                "\"GET /v1/{prefix}/namespaces/{namespace}/tables\","
                                "\"POST /v1/{prefix}/namespaces/{namespace}/tables\","
                                "\"GET /v1/{prefix}/namespaces/{namespace}/tables/{table}\","
                                "\"HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}\","
                                "\"POST /v1/{prefix}/namespaces/{namespace}/tables/{table}\","
                                "\"DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}\","
                                "\"POST /v1/{prefix}/namespaces/{namespace}/register\","
                                "\"POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics\","
                                "\"POST /v1/{prefix}/tables/rename\",\"POST /v1/{prefix}/transactions/commit\"";

// By its name, or by where it is.
static bool is_warehouse(const CatalogRoom *room, Slice asked) {
    Arena scratch[1];
    arena_init(scratch, "scratch", 0);
    while (asked.size > 1 && asked.data[asked.size - 1] == '/') {
        asked.size--;
    }
    Slice here = lake_uri_normal(slice_of(room->warehouse), scratch);
    bool same = asked.size == 0 || slice_equal(asked, slice_of(room->serving.name)) ||
                slice_equal(lake_uri_normal(asked, scratch), here);
    arena_release(scratch);
    return same;
}

static void get_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const CatalogRoom *room = context;
    Slice asked = api_query(request, "warehouse");
    if (asked.size > 0 && !is_warehouse(room, asked)) {
        char text[512];
        snprintf(text, sizeof(text), "Warehouse not found: %.*s", SLICE_ARG(asked));
        catalog_error(answer, 404, "NoSuchWarehouseException", slice_of(text));
        return;
    }
    buf_text(&answer->body, "{\"defaults\":");
    catalog_write_properties(&answer->body, room->client_options, room->client_option_count);
    buf_printf(&answer->body, ",\"overrides\":{},\"endpoints\":[%s],\"idempotency-key-lifetime\":\"PT%dM\"}", ENDPOINTS,
               EMBEDDED_KEY_MS / 60000);
}

// ---- routes

#define HANDLER(function, flags)                                                                  \
    static void function##_handler(void *context, const ApiRequest *request, ApiAnswer *answer) { \
        catalog_run(context, request, answer, function, (flags));                                 \
    }
HANDLER(catalog_list_spaces, 0)
HANDLER(catalog_create_space, CATALOG_BODY | CATALOG_KEYED | CATALOG_REPLAY)
HANDLER(catalog_load_space, 0)
HANDLER(catalog_drop_space, CATALOG_KEYED)
HANDLER(catalog_set_space, CATALOG_BODY | CATALOG_KEYED)
HANDLER(catalog_list_tables, 0)
HANDLER(catalog_create_table, CATALOG_BODY | CATALOG_KEYED | CATALOG_REPLAY)
HANDLER(catalog_load_table, 0)
HANDLER(catalog_commit_table, CATALOG_BODY | CATALOG_KEYED | CATALOG_REPLAY)
HANDLER(catalog_drop_table, CATALOG_KEYED)
HANDLER(catalog_register_table, CATALOG_BODY | CATALOG_KEYED | CATALOG_REPLAY)
HANDLER(catalog_report, 0)
HANDLER(catalog_rename_table, CATALOG_BODY | CATALOG_KEYED)
HANDLER(catalog_commit_tables, CATALOG_BODY | CATALOG_KEYED)

static void get_openapi(void *context, const ApiRequest *request, ApiAnswer *answer);

#define OBJECT     "{\"type\":\"object\"}"
#define SPACE_BODY "{\"type\":\"object\",\"properties\":{\"namespace\":" TEXTS ",\"properties\":" OBJECT "}}"
#define TEXTS      "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
#define SET_BODY   "{\"type\":\"object\",\"properties\":{\"removals\":" TEXTS ",\"updates\":" OBJECT "}}"
#define SET_ANSWER \
    "{\"type\":\"object\",\"properties\":{\"updated\":" TEXTS ",\"removed\":" TEXTS ",\"missing\":" TEXTS "}}"
#define TABLE_ANSWER                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"metadata-location\":{\"type\":\"string\"},\"metadata\":" OBJECT \
    ",\"config\""                                                                                           \
    ":" OBJECT "}}"
#define CREATE_BODY                                                                                           \
    "{\"type\":\"object\",\"required\":[\"name\",\"schema\"],\"properties\":{\"name\":{\"type\":\"string\"}," \
    "\"location\""                                                                                            \
    ":{\"type\":\"string\"},\"schema\":" OBJECT ",\"partition-spec\":" OBJECT ",\"write-order\":" OBJECT      \
    ",\"stage-create\":{\"type\":\"boolean\"},\"properties\":" OBJECT "}}"
#define COMMIT_BODY                                                                                                 \
    "{\"type\":\"object\",\"required\":[\"requirements\",\"updates\"],\"properties\":{\"identifier\":" OBJECT       \
    ",\"requirements\":{\"type\":\"array\",\"items\":" OBJECT "},\"updates\":{\"type\":\"array\",\"items\":" OBJECT \
    "}}}"
#define CHANGES_BODY \
    "{\"type\":\"object\",\"properties\":{\"table-changes\":{\"type\":\"array\",\"items\":" COMMIT_BODY "}}}"
#define REGISTER_BODY                                                                                                  \
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"metadata-location\":{\"type\":\"string\"}," \
    "\"overwrite\":{\"type\":\"boolean\"}}}"
#define RENAME_BODY "{\"type\":\"object\",\"properties\":{\"source\":" OBJECT ",\"destination\":" OBJECT "}}"

#define SPACE "/v1/namespaces/{namespace}"
#define TABLE SPACE "/tables/{table}"

static const ApiRoute ROUTES[] = {
    {"GET", "/v1/config", ROLE_READER, get_config, "What is offered; ?warehouse=", NULL, OBJECT, ROUTE_FAST},
    {"POST", "/v1/oauth/tokens", ROLE_NONE, catalog_token, "A token for a client's name and secret", NULL, OBJECT,
     ROUTE_HARMLESS},
    {"GET", "/v1/namespaces", ROLE_READER, catalog_list_spaces_handler,
     "Namespaces; ?parent=, ?pageToken=, ?pageSize=", NULL, OBJECT, 0},
    {"POST", "/v1/namespaces", ROLE_OPERATOR, catalog_create_space_handler, "Create a namespace", SPACE_BODY,
     SPACE_BODY, 0},
    {"GET", SPACE, ROLE_READER, catalog_load_space_handler, "A namespace's properties", NULL, SPACE_BODY, 0},
    {"DELETE", SPACE, ROLE_OPERATOR, catalog_drop_space_handler, "Drop an empty namespace", NULL, NULL, 0},
    {"POST", SPACE "/properties", ROLE_OPERATOR, catalog_set_space_handler, "Set and remove its properties", SET_BODY,
     SET_ANSWER, 0},
    {"GET", SPACE "/tables", ROLE_READER, catalog_list_tables_handler, "Tables; ?pageToken=, ?pageSize=", NULL, OBJECT,
     0},
    {"POST", SPACE "/tables", ROLE_OPERATOR, catalog_create_table_handler, "Create a table, or prepare to", CREATE_BODY,
     TABLE_ANSWER, 0},
    {"POST", SPACE "/register", ROLE_OPERATOR, catalog_register_table_handler, "Register a metadata file as a table",
     REGISTER_BODY, TABLE_ANSWER, 0},
    {"GET", TABLE, ROLE_READER, catalog_load_table_handler, "A table's metadata; ?snapshots=all or refs", NULL,
     TABLE_ANSWER, 0},
    {"POST", TABLE, ROLE_OPERATOR, catalog_commit_table_handler, "Commit changes of a table", COMMIT_BODY, TABLE_ANSWER,
     0},
    {"DELETE", TABLE, ROLE_OPERATOR, catalog_drop_table_handler, "Drop a table; ?purgeRequested=true with its files",
     NULL, NULL, 0},
    {"POST", TABLE "/metrics", ROLE_READER, catalog_report_handler, "A client's report of a scan or commit", OBJECT,
     NULL, ROUTE_HARMLESS},
    {"POST", "/v1/tables/rename", ROLE_OPERATOR, catalog_rename_table_handler, "Rename a table", RENAME_BODY, NULL, 0},
    {"POST", "/v1/transactions/commit", ROLE_OPERATOR, catalog_commit_tables_handler,
     "Commit changes of several tables, all or none", CHANGES_BODY, NULL, 0},
    {"GET", "/openapi.json", ROLE_READER, get_openapi, "This page", NULL, OBJECT, ROUTE_FAST},
};

static ApiSurface surface_of(void *context) {
    return (ApiSurface){.name = "Iceberg REST catalog",
                        .routes = ROUTES,
                        .route_count = ARRAY_LEN(ROUTES),
                        .context = context,
                        .error = router_error};
}

static void get_openapi(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const ApiSurface surface = surface_of(context), *surfaces[] = {&surface};
    openapi_write(&answer->body, "leat: Iceberg REST catalog", surfaces, 1);
}

// ---- opening

static bool take_client_options(CatalogRoom *room, Err *err) {
    const char *at = room->serving.client_options != NULL ? room->serving.client_options : "";
    size_t count = 0;
    for (const char *comma = at; *comma != '\0'; comma++) {
        count += *comma == ',';
    }
    Property *options = ARENA_ARRAY(&room->arena, Property, count + 1);
    while (*at != '\0') {
        size_t size = strcspn(at, ","), name = strcspn(at, "=");
        if (name == 0 || name >= size) {
            return FAIL(err, ERR_OPTION, "catalog.client.options must be NAME=VALUE, comma-separated");
        }
        options[room->client_option_count++] =
            (Property){.key = {(const uint8_t *)at, name}, .value = {(const uint8_t *)at + name + 1, size - name - 1}};
        at += size + (at[size] == ',');
    }
    room->client_options = options;
    return true;
}

// The places of its own: the warehouse, and what else is allowed.
static const char *locations_of(CatalogRoom *room, const LakeIo *io) {
    const char *more = room->serving.locations != NULL ? room->serving.locations : "";
    return arena_printf(&room->arena, "%.*s%s%s", SLICE_ARG(lake_io_warehouse(io)), more[0] != '\0' ? "," : "", more);
}

static bool room_open(CatalogRoom *room, Err *err) {
    const CatalogServing *serving = &room->serving;
    const char *data = serving->data_directory;
    bool given = serving->warehouse != NULL && serving->warehouse[0] != '\0';
    room->warehouse = given ? serving->warehouse : arena_printf(&room->arena, "%s/warehouse", data);
    room->database = arena_printf(&room->arena, "%s/catalog.db", data);
    room->staging = arena_printf(&room->arena, "%s/catalog", data);
    TRY(take_client_options(room, err));
    if (strstr(room->warehouse, "://") == NULL) {
        TRY(file_make_directories(room->warehouse, err));
    }
    CatalogSeat *seat = NULL;
    room->options.locations = ""; // only to learn how the warehouse is called as a URI
    TRY(seat_open(room, room->seats++, &seat, err));
    room->options.locations = locations_of(room, seat->io);
    room->warehouse = arena_text(&room->arena, lake_io_warehouse(seat->io));
    catalog_close(seat->catalog);
    lake_io_close(seat->io);
    free(seat);
    return true;
}

bool catalog_api_open(const CatalogServing *serving, ApiSurface *surface, Err *err) {
    CatalogRoom *room = calloc(1, sizeof(*room));
    if (room == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for the catalog");
    }
    room->serving = *serving;
    arena_init(&room->arena, "run", 0);
    pthread_mutex_init(&room->lock, NULL);
    if (!room_open(room, err)) {
        catalog_api_close(room);
        return err_frame(err, __FILE__, __LINE__);
    }
    *surface = surface_of(room);
    return true;
}

void catalog_api_close(void *context) {
    CatalogRoom *room = context;
    if (room == NULL) {
        return;
    }
    while (room->free != NULL) {
        CatalogSeat *seat = room->free;
        room->free = seat->next;
        catalog_close(seat->catalog);
        lake_io_close(seat->io);
        free(seat);
    }
    map_release(&room->under_way);
    pthread_mutex_destroy(&room->lock);
    arena_release(&room->arena);
    free(room);
}

bool catalog_front_open(Front *front, ApiSurface *surface, Err *err) {
    const ServerOptions *options = front_options(front);
    if (options->listen_catalog[0] == '\0') { // not served: nothing is opened, nothing made
        *surface = (ApiSurface){.name = "Iceberg REST catalog"};
        return true;
    }
    const CatalogServing serving = {.data_directory = front_data_directory(front),
                                    .warehouse = options->catalog_warehouse,
                                    .name = options->catalog_name,
                                    .locations = options->catalog_locations,
                                    .client_options = options->catalog_client_options,
                                    .security = front_security(front)};
    return catalog_api_open(&serving, surface, err) || err_frame(err, __FILE__, __LINE__);
}
