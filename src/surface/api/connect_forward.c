// SPDX-License-Identifier: Apache-2.0
// What only the node that has a connector can do is asked of that node, under its advertised URL, with the caller's own
// credentials: it decides again whether they may.
#include "core/net/http.h"
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

static bool send(const ConnectApi *api, const ApiRequest *request, const char *node, HttpAnswer *answer, Err *err) {
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
                                   .url = url_of(request, node),
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

bool connect_forwarded(const ConnectApi *api, const ApiRequest *request, ApiAnswer *answer) {
    FleetConnector connector;
    HttpAnswer theirs = {0};
    Err err[1] = {{0}};
    if (api->node == NULL || !fleet_find(api->fleet, request->parts[0], request->arena, &connector)) {
        return false;
    }
    const char *after = connector.url != NULL ? strstr(connector.url, "://") : NULL;
    if (after != NULL && strcmp(after + 3, api->node) == 0) {
        return false;
    }
    if (after == NULL || (request->forwarded != NULL && request->forwarded[0] != '\0')) {
        api_error(answer, 409, MOVING); // nobody has it now, or each thinks that the other does
        return true;
    }
    if (!send(api, request, connector.url, &theirs, err)) {
        api_error(answer, 500, "The node that has the connector does not answer: %s", err->message);
    } else {
        answer->status = theirs.status;
        buf_put(&answer->body, buf_slice(&theirs.body));
        answer->content_type = theirs.body.size > 0 ? "application/json" : "";
    }
    http_answer_release(&theirs);
    return true;
}
