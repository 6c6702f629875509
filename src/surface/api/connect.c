// SPDX-License-Identifier: Apache-2.0
#include "surface/api/connect.h"

#include "core/net/http.h"
#include "core/base/json.h"
#include "core/config/seal.h"
#include "core/sys/file.h"
#include "surface/api/connect_room.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

enum { CLUSTER_ID_BYTES = 16, CLUSTER_ID_TEXT = 22, CLUSTER_FILE_MAX = 256 };

// --- answers ---------------------------------------------------------------------------------------------------

void connect_not_found(ApiAnswer *answer, Slice name) {
    api_error(answer, 404, "Connector %.*s not found", SLICE_ARG(name));
}

bool connect_known(ConnectApi *api, const ApiRequest *request, ApiAnswer *answer, FleetConnector *connector) {
    if (fleet_find(api->fleet, request->parts[0], request->arena, connector)) {
        return true;
    }
    connect_not_found(answer, request->parts[0]);
    return false;
}

// What the original's parser says is a 500 there; what leat refuses beyond that is the client's error.
void connect_body_error(ApiAnswer *answer, const Err *err) {
    bool parser = strstr(err->message, "\n at [Source") != NULL;
    api_error(answer, parser ? 500 : 400, "%s", err->message);
}

void connect_ask_error(ApiAnswer *answer, const Err *err) {
    const char *separator = err->hint[0] != '\0' ? ": " : "";
    int code = err->code == ERR_NOT_FOUND ? 404 : err->code == ERR_EXISTS ? 409 : err->code == ERR_OPTION ? 400 : 500;
    api_error(answer, code, "%s%s%s", err->message, separator, err->hint);
}

void connect_plain_not_found(ApiAnswer *answer) {
    api_error(answer, 404, "HTTP 404 Not Found");
}

void connect_accepted(ApiAnswer *answer, int status) {
    answer->status = status;
    answer->content_type = "";
}

const char *connect_location(ConnectApi *api, const ApiRequest *request, Slice name) {
    DEFER(buf_release) Buf text = {0};
    buf_printf(&text, "%s://%s/connectors/", api->tls ? "https" : "http", api->worker_id(api->front));
    http_encode(&text, name, false);
    return arena_text(request->arena, buf_slice(&text));
}

static void root(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    buf_text(&answer->body, "{\"version\":\"" CONNECT_VERSION "\",\"commit\":\"" CONNECT_COMMIT "\"");
    buf_text(&answer->body, ",\"kafka_cluster_id\":");
    json_quote(&answer->body, buf_slice(&api->cluster_id));
    buf_text(&answer->body, "}");
}

// --- routes ----------------------------------------------------------------------------------------------------

#define NAME_SCHEMA   "{\"type\":\"string\"}"
#define CONFIG_SCHEMA "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}"
#define TASK_ID_SCHEMA \
    "{\"type\":\"object\",\"properties\":{\"connector\":{\"type\":\"string\"},\"task\":{\"type\":\"integer\"}}}"
#define INFO_SCHEMA                                                                                        \
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"config\":" CONFIG_SCHEMA        \
    ",\"tasks\":{\"type\":\"array\",\"items\":" TASK_ID_SCHEMA "},\"type\":{\"type\":\"string\",\"enum\":" \
    "[\"source\",\"sink\",\"unknown\"]}}}"
#define ONE_STATE_MEMBERS                                                                                    \
    "\"state\":{\"type\":\"string\"},\"worker_id\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"}," \
    "\"trace\":{\"type\":\"string\"}"
#define TASK_SCHEMA "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"}," ONE_STATE_MEMBERS "}}"
#define STATUS_SCHEMA                                                                                                \
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"connector\":{\"type\":\"object\","        \
    "\"properties\":{" ONE_STATE_MEMBERS "}},\"tasks\":{\"type\":\"array\",\"items\":" TASK_SCHEMA                   \
    "},\"type\":{\"type\":\"string\"},\"warnings\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"            \
    "\"quarantined\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"table\":{\"type\":"        \
    "\"string\"},\"reason\":{\"type\":\"string\"},\"lsn\":{\"type\":\"string\"}}}},\"sink_behind_bytes\":{\"type\":" \
    "\"integer\"},\"sink_behind_records\":{\"type\":\"integer\"},\"retention_share\":{\"type\":\"number\"},"         \
    "\"retention_of\":{\"type\":\"string\"}}}"
#define CREATE_SCHEMA                                                                                         \
    "{\"type\":\"object\",\"required\":[\"name\",\"config\"],\"properties\":{\"name\":{\"type\":\"string\"}," \
    "\"config\":" CONFIG_SCHEMA ",\"initial_state\":{\"type\":\"string\",\"enum\":[\"RUNNING\",\"PAUSED\","   \
    "\"STOPPED\"]}}}"
#define OFFSETS_SCHEMA                                                                                     \
    "{\"type\":\"object\",\"properties\":{\"offsets\":{\"type\":\"array\",\"items\":{\"type\":\"object\"," \
    "\"properties\":{\"partition\":{\"type\":\"object\"},\"offset\":{\"type\":[\"object\",\"null\"]}}}}}}"
#define MESSAGE_SCHEMA "{\"type\":\"object\",\"properties\":{\"message\":{\"type\":\"string\"}}}"
#define LIST_SCHEMA                                                                                              \
    "{\"oneOf\":[{\"type\":\"array\",\"items\":" NAME_SCHEMA "},{\"type\":\"object\",\"additionalProperties\":{" \
    "\"type\":\"object\"}}]}"
#define OBJECTS_SCHEMA "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}"
#define OBJECT_SCHEMA  "{\"type\":\"object\"}"

#define VERIFY_RESULT_MEMBERS                                                                                   \
    "\"result\":{\"type\":\"string\",\"enum\":[\"equal\",\"differs\",\"not_compared\"]},\"lsn\":{\"type\":"     \
    "\"string\"},\"taken_at\":{\"type\":\"string\"},\"elapsed_ms\":{\"type\":\"integer\"},\"error\":{\"type\":" \
    "\"string\"},\"message\":{\"type\":\"string\"},\"hint\":{\"type\":\"string\"}"
#define VERIFY_SCHEMA                                                                                                \
    "{\"type\":\"object\",\"properties\":{\"connector\":{\"type\":\"string\"},\"running\":{\"type\":[\"object\","    \
    "\"null\"],\"properties\":{\"id\":{\"type\":\"string\"},\"asked\":{\"type\":\"string\"},\"began_ms\":{\"type\":" \
    "\"integer\"},\"step\":{\"type\":\"string\"},\"table\":{\"type\":\"string\"}}},\"last\":{\"type\":[\"object\","  \
    "\"null\"],\"properties\":{\"id\":{\"type\":\"string\"},\"began_ms\":{\"type\":\"integer\"},\"ended_ms\":{"      \
    "\"type\":"                                                                                                      \
    "\"integer\"}," VERIFY_RESULT_MEMBERS "}},\"tables\":{\"type\":\"array\",\"items\":{\"type\":\"object\","        \
    "\"properties\":{\"table\":{\"type\":\"string\"},\"taken_ms\":{\"type\":\"integer\"},\"source_rows\":{\"type\":" \
    "\"integer\"},\"sink_rows\":{\"type\":\"integer\"},\"missing\":{\"type\":\"integer\"},\"extra\":{\"type\":"      \
    "\"integer\"},"                                                                                                  \
    "\"different\":{\"type\":\"integer\"},\"duplicate\":{\"type\":\"integer\"}," VERIFY_RESULT_MEMBERS "}}}}}"

#define GET_FAST(path, function, text, answers) \
    { "GET", (path), ROLE_READER, (function), (text), NULL, (answers), ROUTE_FAST }
#define PUT_EMPTY(path, function, text) \
    { "PUT", (path), ROLE_OPERATOR, (function), (text), NULL, NULL, 0 }

static const ApiRoute ROUTES[] = {
    GET_FAST("/", root, "The server's version", OBJECT_SCHEMA),
    GET_FAST("/connectors", connect_list, "All connectors; expand=info, expand=status for more than names",
             LIST_SCHEMA),
    {"POST", "/connectors", ROLE_ADMIN, connect_create, "Creates a connector", CREATE_SCHEMA, INFO_SCHEMA, 0},
    GET_FAST("/connectors/{connector}", connect_info, "One connector", INFO_SCHEMA),
    {"DELETE", "/connectors/{connector}", ROLE_ADMIN, connect_delete, "Removes a connector", NULL, NULL, 0},
    GET_FAST("/connectors/{connector}/config", connect_config, "Its configuration, secrets masked", CONFIG_SCHEMA),
    {"PUT", "/connectors/{connector}/config", ROLE_ADMIN, connect_put_config, "Creates or configures a connector",
     CONFIG_SCHEMA, INFO_SCHEMA, 0},
    {"PATCH", "/connectors/{connector}/config", ROLE_ADMIN, connect_patch_config,
     "Changes keys of its configuration; null removes one", CONFIG_SCHEMA, INFO_SCHEMA, 0},
    GET_FAST("/connectors/{connector}/status", connect_status, "The states of a connector and its task", STATUS_SCHEMA),
    PUT_EMPTY("/connectors/{connector}/pause", connect_pause, "Pauses a connector"),
    PUT_EMPTY("/connectors/{connector}/resume", connect_resume, "Lets a connector run"),
    PUT_EMPTY("/connectors/{connector}/stop", connect_stop, "Stops a connector: it has no task then"),
    {"POST", "/connectors/{connector}/restart", ROLE_OPERATOR, connect_restart,
     "Restarts a connector; includeTasks, onlyFailed", NULL, STATUS_SCHEMA, 0},
    GET_FAST("/connectors/{connector}/tasks", connect_tasks, "Its tasks and their configurations", OBJECTS_SCHEMA),
    GET_FAST("/connectors/{connector}/tasks-config", connect_tasks_config, "Its tasks' configurations by name",
             OBJECT_SCHEMA),
    GET_FAST("/connectors/{connector}/tasks/{task}/status", connect_task_status, "The state of a task", TASK_SCHEMA),
    {"POST", "/connectors/{connector}/tasks/{task}/restart", ROLE_OPERATOR, connect_restart_task, "Restarts a task",
     NULL, NULL, 0},
    GET_FAST("/connectors/{connector}/topics", connect_topics, "The topics that it uses", OBJECT_SCHEMA),
    PUT_EMPTY("/connectors/{connector}/topics/reset", connect_topics_reset, "Forgets the topics that it used"),
    {"GET", "/connectors/{connector}/offsets", ROLE_READER, connect_offsets, "Its offsets", NULL, OFFSETS_SCHEMA, 0},
    {"PATCH", "/connectors/{connector}/offsets", ROLE_OPERATOR, connect_offsets_alter,
     "Changes offsets of a stopped connector", OFFSETS_SCHEMA, MESSAGE_SCHEMA, 0},
    {"DELETE", "/connectors/{connector}/offsets", ROLE_OPERATOR, connect_offsets_reset,
     "Resets the offsets of a stopped connector", NULL, MESSAGE_SCHEMA, 0},
    {"GET", "/connectors/{connector}/verify", ROLE_READER, connect_verified,
     "What came of the last verifications of a pipeline, by table; 202 while one is under way", NULL, VERIFY_SCHEMA, 0},
    {"POST", "/connectors/{connector}/verify", ROLE_OPERATOR, connect_verify,
     "Begins a verification: do source and target of a pipeline hold the same rows?",
     "{\"type\":\"object\",\"properties\":{\"tables\":{\"type\":\"string\"}}}",
     "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"}}}", 0},
    GET_FAST("/connector-plugins", connect_plugins, "What there is by class; connectorsOnly=false for all",
             OBJECTS_SCHEMA),
    GET_FAST("/connector-plugins/{plugin}/config", connect_plugin_config, "The keys that a class takes",
             OBJECTS_SCHEMA),
    {"PUT", "/connector-plugins/{plugin}/config/validate", ROLE_READER, connect_plugin_validate,
     "Checks a configuration", CONFIG_SCHEMA, OBJECT_SCHEMA, 0},
};

// --- the surface -----------------------------------------------------------------------------------------------

// 22 characters of base64url, as Kafka's own: made once for a data directory.
static bool cluster_id(const char *data_directory, Buf *id, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    const char *path = arena_printf(&scratch, "%s/cluster.id", data_directory);
    Slice text = {0};
    bool ok = true;
    if (file_exists(path)) {
        ok = file_read_all(path, CLUSTER_FILE_MAX, &scratch, &text, err);
    }
    if (ok && text.size < CLUSTER_ID_TEXT) {
        uint8_t bytes[CLUSTER_ID_BYTES], encoded[32];
        ok = RAND_bytes(bytes, sizeof(bytes)) == 1 || FAIL(err, ERR_INTERNAL, "the system has no random numbers");
        EVP_EncodeBlock(encoded, bytes, sizeof(bytes));
        for (size_t i = 0; i < CLUSTER_ID_TEXT; i++) {
            encoded[i] = encoded[i] == '+' ? '-' : encoded[i] == '/' ? '_' : encoded[i];
        }
        text = arena_slice(&scratch, (Slice){encoded, CLUSTER_ID_TEXT});
        ok = ok && file_replace(path, text, err);
    }
    if (ok) {
        buf_put(id, (Slice){text.data, CLUSTER_ID_TEXT});
    }
    arena_release(&scratch);
    return ok;
}

static bool ask_front(void *front, const char *verb, Slice name, Slice text, Arena *arena, Slice *answer, Err *err) {
    return front_ask(front, verb, name, text, arena, answer, err);
}

static const char *front_worker(void *front) {
    return front_worker_id(front);
}

static void surface_fill(ApiSurface *surface, ConnectApi *api) {
    *surface = (ApiSurface){.name = "Kafka Connect",
                            .routes = ROUTES,
                            .route_count = ARRAY_LEN(ROUTES),
                            .context = api,
                            .consumes = "application/json",
                            .produces = "application/json"};
}

bool connect_open(Front *front, ApiSurface *surface, Err *err) {
    ConnectApi *api = calloc(1, sizeof(*api));
    ASSERT(api != NULL);
    api->fleet = fleet_new();
    api->ask = ask_front;
    api->front = front;
    api->worker_id = front_worker;
    api->node = server_options_cluster(front_options(front)) ? server_options_node(front_options(front)) : NULL;
    api->ca_file = front_options(front)->cluster_ca;
    api->tls = front_options(front)->tls_certificate != NULL && *front_options(front)->tls_certificate != '\0';
    pthread_mutex_init(&api->changes, NULL);
    seal_home(front_data_directory(front));
    surface_fill(surface, api);
    if (!cluster_id(front_data_directory(front), &api->cluster_id, err)) {
        connect_close(api);
        return false;
    }
    return true;
}

void connect_message(void *context, const Message *message) {
    ConnectApi *api = context;
    fleet_message(api->fleet, message);
}

void connect_close(void *context) {
    ConnectApi *api = context;
    fleet_free(api->fleet);
    buf_release(&api->cluster_id);
    pthread_mutex_destroy(&api->changes);
    free(api);
}
