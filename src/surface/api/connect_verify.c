// SPDX-License-Identifier: Apache-2.0
// Verifications of pipelines (leat.Sync): their workers make them; what came of them is in their reports.
#include "core/base/json.h"
#include "surface/api/connect_room.h"

// Connectors of Connect's kinds have no one source to be compared with: whose changes a sink has is for its topics to
// say.
static bool pipeline_known(ConnectApi *api, const ApiRequest *request, ApiAnswer *answer, FleetConnector *connector) {
    if (!connect_known(api, request, answer, connector)) {
        return false;
    }
    if (strcmp(connector->document.kind, "sync") == 0) {
        return true;
    }
    api_error(answer, 400, "Connector %.*s is no pipeline of leat sync: only these are verified",
              SLICE_ARG(request->parts[0]));
    return false;
}

static bool task_runs(const FleetConnector *connector) {
    return connector->task != NULL && strcmp(connector->task, "RUNNING") == 0;
}

void connect_verify(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    Err err[1] = {{0}};
    Slice tables = {0}, said;
    if (connect_forwarded(api, request, answer)) {
        return;
    }
    if (!pipeline_known(api, request, answer, &connector)) {
        return;
    }
    if (request->body.size > 0 && !connect_body_member(request->arena, request->body, "tables", &tables, err)) {
        connect_body_error(answer, err);
        return;
    }
    if (tables.size > 0 && tables.data[0] != '"') {
        api_error(answer, 400, "\"tables\" is a text: patterns of names, separated by commas");
        return;
    }
    if (!task_runs(&connector)) {
        api_error(answer, 409, "Connector %.*s does not run: only one that does can be verified",
                  SLICE_ARG(request->parts[0]));
        return;
    }
    const char *text = arena_printf(request->arena, "{\"do\":\"verify\",\"tables\":%.*s}",
                                    SLICE_ARG(tables.size > 0 ? tables : SLICE("\"\"")));
    if (!api->ask(api->front, "call", request->parts[0], slice_of(text), request->arena, &said, err)) {
        connect_ask_error(answer, err);
        return;
    }
    buf_put(&answer->body, said);
    answer->status = 202;
}

// Of a worker that runs its report; else what is stored.
static bool known(ConnectApi *api, const ApiRequest *request, const FleetConnector *connector, Slice *state, Err *err) {
    DEFER(buf_release) Buf text = {0};
    if (!task_runs(connector) || !fleet_verify(api->fleet, request->parts[0], &text)) {
        return api->ask(api->front, "call", request->parts[0], SLICE("{\"do\":\"verified\"}"), request->arena, state,
                        err);
    }
    *state = arena_slice(request->arena, buf_slice(&text));
    return true;
}

static void member(Buf *out, const char *name, Slice json, const char *absent) {
    json_key(out, name);
    buf_put(out, json.data != NULL ? json : slice_of(absent));
}

void connect_verified(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    Err err[1] = {{0}};
    Slice state, running, last, tables;
    if (connect_forwarded(api, request, answer)) {
        return;
    }
    if (!pipeline_known(api, request, answer, &connector)) {
        return;
    }
    if (!known(api, request, &connector, &state, err) ||
        !connect_body_member(request->arena, state, "running", &running, err) ||
        !connect_body_member(request->arena, state, "last", &last, err) ||
        !connect_body_member(request->arena, state, "tables", &tables, err)) {
        connect_ask_error(answer, err);
        return;
    }
    bool runs = running.data != NULL;
    if (!runs && last.data == NULL) {
        api_error(answer, 404, "Connector %.*s has not been verified yet", SLICE_ARG(request->parts[0]));
        return;
    }
    buf_text(&answer->body, "{\"connector\":");
    json_quote(&answer->body, request->parts[0]);
    member(&answer->body, "running", running, "null");
    member(&answer->body, "last", last, "null");
    member(&answer->body, "tables", tables, "[]");
    buf_u8(&answer->body, '}');
    answer->status = runs ? 202 : 200;
}
