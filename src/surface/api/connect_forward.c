// SPDX-License-Identifier: Apache-2.0
// What only the node that has a connector can do is asked of that node, under its advertised URL, with the caller's own
// credentials: it decides again whether they may.
#include "core/net/http.h"
#include "engine/ipc/tasks.h"
#include "surface/api/connect_room.h"
#include "surface/api/front.h"

enum { CONNECT_MS = 5000, ANSWER_MS = FRONT_ASK_MS + 5000 };
#define MOVING "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"

static const char *url_of(const ApiRequest *request, const char *node) {
    DEFER(buf_release) Buf url = {0};
    buf_text(&url, node);
    buf_put(&url, request->path);
    for (size_t i = 0; i < request->query_count; i++) {
        buf_u8(&url, i == 0 ? '?' : '&');
        http_encode(&url, request->query[i].name, false);
        buf_u8(&url, '=');
        http_encode(&url, request->query[i].value, false);
    }
    return arena_text(request->arena, buf_slice(&url));
}

static bool send(const ConnectApi *api, const ApiRequest *request, const char *url, HttpAnswer *answer, Err *err) {
    HttpClient *client = NULL;
    HttpHeader headers[3] = {{API_FORWARDED, api->node}};
    size_t count = 1;
    if (request->authorization != NULL && request->authorization[0] != '\0') {
        headers[count++] = (HttpHeader){"Authorization", request->authorization};
    }
    if (request->content_type[0] != '\0') {
        headers[count++] = (HttpHeader){"Content-Type", request->content_type};
    }
    const HttpClientOptions options = {.connections_max = 1,
                                       .connect_ms = CONNECT_MS,
                                       .stalled_ms = ANSWER_MS,
                                       .ca_file = api->ca_file[0] != '\0' ? api->ca_file : NULL,
                                       .proxy = ""};
    const HttpRequest forwarded = {.method = request->method,
                                   .url = url,
                                   .headers = headers,
                                   .header_count = count,
                                   .body = request->body,
                                   .file = -1,
                                   .once = strcmp(request->method, "GET") != 0};
    TRY(http_client_open(&options, &client, err));
    bool ok = http_send(client, &forwarded, answer, err);
    http_client_close(client);
    return ok;
}

typedef enum Place { PLACE_HERE, PLACE_THERE, PLACE_NOWHERE } Place;

// Where a task runs; one that is not there is here, to be said so.
static Place place_of(const ConnectApi *api, const ApiRequest *request, uint32_t task, const char **url) {
    FleetConnector connector;
    if (api->node == NULL || !fleet_find(api->fleet, request->parts[0], request->arena, &connector) ||
        task >= connector.task_count) {
        return PLACE_HERE;
    }
    *url = connector.tasks[task].url;
    const char *after = *url != NULL ? strstr(*url, "://") : NULL;
    return after == NULL ? PLACE_NOWHERE : strcmp(after + 3, api->node) == 0 ? PLACE_HERE : PLACE_THERE;
}

static void pass_on(const ConnectApi *api, const ApiRequest *request, const char *url, ApiAnswer *answer) {
    HttpAnswer theirs = {0};
    Err err[1] = {{0}};
    if (!send(api, request, url, &theirs, err)) {
        api_error(answer, 500, "The node that has the connector does not answer: %s", err->message);
    } else {
        answer->status = theirs.status;
        buf_put(&answer->body, buf_slice(&theirs.body));
    }
    http_answer_release(&theirs);
}

bool connect_task_forwarded(const ConnectApi *api, const ApiRequest *request, uint32_t task, ApiAnswer *answer) {
    const char *node = NULL;
    Place place = place_of(api, request, task, &node);
    if (place == PLACE_HERE) {
        return false;
    }
    if (place == PLACE_NOWHERE || (request->forwarded != NULL && request->forwarded[0] != '\0')) {
        api_error(answer, 409, MOVING); // nobody has it now, or each thinks that the other does
        return true;
    }
    pass_on(api, request, url_of(request, node), answer);
    return true;
}

bool connect_forwarded(const ConnectApi *api, const ApiRequest *request, ApiAnswer *answer) {
    return connect_task_forwarded(api, request, 0, answer);
}

bool connect_task_restarted(ConnectApi *api, const ApiRequest *request, uint32_t task, ApiAnswer *answer) {
    const char *node = NULL;
    Err err[1] = {{0}};
    DEFER(buf_release) Buf text = {0};
    Place place = place_of(api, request, task, &node);
    if (place == PLACE_NOWHERE) {
        api_error(answer, 409, MOVING);
        return false;
    }
    if (place == PLACE_THERE) {
        buf_printf(&text, "%s/connectors/", node);
        http_encode(&text, request->parts[0], false);
        buf_printf(&text, "/tasks/%" PRIu32 "/restart", task);
        pass_on(api, request, arena_text(request->arena, buf_slice(&text)), answer);
        return answer->status < 300;
    }
    task_name(&text, request->parts[0], task);
    bool ok = api->ask(api->front, "restart", buf_slice(&text), SLICE("{\"connector\":false,\"tasks\":true}"),
                       request->arena, NULL, err);
    if (!ok) {
        connect_ask_error(answer, err);
    }
    return ok;
}
