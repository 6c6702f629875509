// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"
#include "surface/api/connect_room.h"

#define NO_CONFIG "Cannot invoke \"java.util.Map.get(Object)\" because \"connectorConfig\" is null"

typedef struct Change {
    ConnectApi *api;
    const ApiRequest *request;
    ApiAnswer *answer;
    Slice name;
    Properties config; // as given, masks resolved
    const char *initial_state;
    bool create_only;
    bool existed;
    FleetConnector old; // when it existed
} Change;

static bool refuse_invalid(Change *change, const Validation *validation) {
    if (validation->errors == 0) {
        return true;
    }
    DEFER(buf_release) Buf text = {0};
    buf_printf(&text,
               "Connector configuration is invalid and contains the following %zu error(s):", validation->errors);
    for (size_t i = 0; i < validation->count; i++) {
        const DefinitionValue *value = &validation->values[i];
        for (size_t e = 0; e < value->error_count; e++) {
            buf_printf(&text, "\n%s", value->errors[e]);
        }
    }
    buf_text(&text, "\nYou can also find the above list of errors at the endpoint "
                    "`/connector-plugins/{connectorType}/config/validate`");
    api_error(change->answer, 400, "%.*s", SLICE_ARG(buf_slice(&text)));
    return false;
}

// `name` in the configuration is the connector's, or is put there.
static bool settle_name(Change *change) {
    const Property *named = properties_find(&change->config, SLICE("name"));
    if (named == NULL) {
        properties_set(change->request->arena, &change->config, SLICE("name"), change->name);
    } else if (named->value.data != NULL && !slice_equal(named->value, change->name)) {
        api_error(change->answer, 400,
                  "Connector name configuration (%.*s) doesn't match connector name in the URL (%.*s)",
                  SLICE_ARG(named->value), SLICE_ARG(change->name));
        return false;
    }
    return true;
}

// `leat sync` owns what it has made.
static bool is_sync(const Change *change) {
    const Property *class = properties_find(&change->config, SLICE("connector.class"));
    const Plugin *plugin = class == NULL || class->value.data == NULL ? NULL : plugin_connector(class->value);
    return (plugin != NULL && strcmp(plugin->class_name, "leat.Sync") == 0) ||
           (change->existed && strcmp(change->old.document.kind, "sync") == 0);
}

static bool check_config(Change *change, ConnectCheck *check) {
    if (is_sync(change)) {
        api_error(change->answer, 400, "Connectors of class leat.Sync are made and changed by `leat sync`");
        return false;
    }
    connect_check(change->api, change->request, change->name, &change->config, true, check);
    if (check->problem != NULL) {
        api_error(change->answer, 400, "%s", check->problem);
        return false;
    }
    if (check->untried != NULL) {
        api_error(change->answer, 500, "%s", check->untried);
        return false;
    }
    return refuse_invalid(change, &check->validation);
}

// The document is written before this returns. With the lock of changes held.
static bool apply(Change *change, const ConnectCheck *check) {
    ConnectApi *api = change->api;
    Arena *arena = change->request->arena;
    DEFER(buf_release) Buf json = {0};
    Err err[1] = {{0}};
    FleetConnector now;
    change->existed = fleet_find(api->fleet, change->name, arena, &now);
    if (change->existed && change->create_only) {
        api_error(change->answer, 409, "Connector %.*s already exists", SLICE_ARG(change->name));
        return false;
    }
    const char *target = change->initial_state != NULL ? change->initial_state : "RUNNING";
    ConnectDocument document = {.name = change->name,
                                .kind = plugin_type_name(check->plugin->type),
                                .target = change->existed ? now.document.target : target};
    const Properties *old = change->existed ? &now.document.config : NULL;
    if (!connect_config_sealed(arena, &check->validation, &change->config, old, &document.config, err)) {
        connect_ask_error(change->answer, err);
        return false;
    }
    if (change->existed && connect_config_equal(&document.config, old)) {
        return true;
    }
    connect_document_json(&json, &document);
    if (!api->ask(api->front, "apply", change->name, buf_slice(&json), arena, NULL, err)) {
        connect_ask_error(change->answer, err);
        return false;
    }
    fleet_put(api->fleet, change->name, buf_slice(&json));
    return true;
}

static void carry_out(Change *change) {
    ConnectCheck check;
    if (!settle_name(change) || !check_config(change, &check)) {
        return;
    }
    pthread_mutex_lock(&change->api->changes);
    bool ok = apply(change, &check);
    pthread_mutex_unlock(&change->api->changes);
    if (!ok) {
        return;
    }
    bool (*info)(Fleet *, Slice, Buf *) = change->existed ? fleet_info : fleet_info_new;
    if (!info(change->api->fleet, change->name, &change->answer->body)) {
        connect_not_found(change->answer, change->name); // removed again meanwhile
        return;
    }
    if (!change->existed) {
        change->answer->status = 201;
        api_header(change->answer, "Location", connect_location(change->api, change->request, change->name));
    }
}

static Slice trimmed(Slice text) {
    while (text.size > 0 && text.data[0] <= ' ') {
        text = slice_from(text, 1);
    }
    while (text.size > 0 && text.data[text.size - 1] <= ' ') {
        text.size--;
    }
    return text;
}

void connect_create(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectBody body;
    Err err[1] = {{0}};
    if (!connect_body_create(request->arena, request->body, &body, err)) {
        connect_body_error(answer, err);
        return;
    }
    if (body.absent || body.no_names) {
        api_error(answer, 500, "%s",
                  body.absent ? "Cannot invoke \"org.apache.kafka.connect.runtime.rest.entities."
                                "CreateConnectorRequest.name()\" because \"createRequest\" is null"
                              : NO_CONFIG);
        return;
    }
    Change change = {.api = context,
                     .request = request,
                     .answer = answer,
                     .name = body.name.data == NULL ? SLICE("") : trimmed(body.name),
                     .initial_state = body.initial_state,
                     .create_only = true};
    if (!connect_config_unmasked(request->arena, &body.config, NULL, &change.config, err)) {
        connect_ask_error(answer, err);
        return;
    }
    carry_out(&change);
}

static bool config_body(const ApiRequest *request, ApiAnswer *answer, ConnectBody *body) {
    Err err[1] = {{0}};
    if (!connect_body_config(request->arena, request->body, body, err)) {
        connect_body_error(answer, err);
        return false;
    }
    if (body->absent) {
        api_error(answer, 500, NO_CONFIG);
        return false;
    }
    return true;
}

void connect_put_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectBody body;
    Err err[1] = {{0}};
    if (!config_body(request, answer, &body)) {
        return;
    }
    Change change = {.api = context, .request = request, .answer = answer, .name = request->parts[0]};
    change.existed = fleet_find(change.api->fleet, change.name, request->arena, &change.old);
    const Properties *old = change.existed ? &change.old.document.config : NULL;
    if (!connect_config_unmasked(request->arena, &body.config, old, &change.config, err)) {
        connect_ask_error(answer, err);
        return;
    }
    carry_out(&change);
}

void connect_patch_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectBody body;
    Err err[1] = {{0}};
    if (!config_body(request, answer, &body)) {
        return;
    }
    Change change = {.api = context, .request = request, .answer = answer, .name = request->parts[0], .existed = true};
    Properties patch;
    if (!connect_known(context, request, answer, &change.old)) {
        return;
    }
    if (!connect_config_unmasked(request->arena, &body.config, &change.old.document.config, &patch, err)) {
        connect_ask_error(answer, err);
        return;
    }
    change.config = change.old.document.config;
    for (size_t i = 0; i < patch.count; i++) {
        if (patch.at[i].value.data == NULL) {
            properties_remove(&change.config, patch.at[i].name);
        } else {
            properties_set(request->arena, &change.config, patch.at[i].name, patch.at[i].value);
        }
    }
    carry_out(&change);
}

void connect_delete(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    Err err[1] = {{0}};
    if (!connect_known(api, request, answer, &connector)) {
        return;
    }
    pthread_mutex_lock(&api->changes);
    bool ok = api->ask(api->front, "remove", request->parts[0], (Slice){0}, request->arena, NULL, err);
    if (ok || err->code == ERR_NOT_FOUND) {
        fleet_remove(api->fleet, request->parts[0]);
    }
    pthread_mutex_unlock(&api->changes);
    if (ok) {
        connect_accepted(answer, 204);
    } else if (err->code == ERR_NOT_FOUND) {
        connect_not_found(answer, request->parts[0]);
    } else {
        connect_ask_error(answer, err);
    }
}
