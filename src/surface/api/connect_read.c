// SPDX-License-Identifier: Apache-2.0
#include "core/base/json.h"
#include "surface/api/connect_room.h"

void connect_list(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    bool info = false, status = false, expand = false;
    fleet_worker(api->fleet, api->worker_id(api->front));
    for (size_t i = 0; i < request->query_count; i++) {
        if (slice_is(request->query[i].name, "expand")) {
            expand = true;
            info = info || slice_is(request->query[i].value, "info");
            status = status || slice_is(request->query[i].value, "status");
        }
    }
    if (expand) {
        fleet_list(api->fleet, info, status, &answer->body);
    } else {
        fleet_names(api->fleet, &answer->body);
    }
}

void connect_info(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    if (!fleet_info(api->fleet, request->parts[0], &answer->body)) {
        connect_not_found(answer, request->parts[0]);
    }
}

void connect_status(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    fleet_worker(api->fleet, api->worker_id(api->front));
    if (!fleet_status(api->fleet, request->parts[0], &answer->body)) {
        api_error(answer, 404, "No status found for connector %.*s", SLICE_ARG(request->parts[0]));
    }
}

void connect_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    FleetConnector connector;
    if (connect_known(context, request, answer, &connector)) {
        properties_json(&answer->body, &connector.shown);
    }
}

// --- tasks -----------------------------------------------------------------------------------------------------

// The class of a connector's task, by the original's habits: PostgresConnectorTask, but S3SinkTask.
static const char *task_class(Arena *arena, const Plugin *plugin) {
    const char *name = plugin->class_name;
    size_t size = strlen(name), cut = strlen("Connector");
    bool debezium = strncmp(name, "io.debezium.", 12) == 0;
    if (!debezium && size > cut && strcmp(name + size - cut, "Connector") == 0) {
        size -= cut;
    }
    return arena_printf(arena, "%.*sTask", (int)size, name);
}

static void put_task_config(const ApiRequest *request, const FleetConnector *connector, Buf *out) {
    Properties config = connector->shown;
    if (connector->plugin != NULL) {
        properties_set(request->arena, &config, SLICE("task.class"),
                       slice_of(task_class(request->arena, connector->plugin)));
    }
    properties_json(out, &config);
}

void connect_tasks(void *context, const ApiRequest *request, ApiAnswer *answer) {
    FleetConnector connector;
    if (!connect_known(context, request, answer, &connector)) {
        return;
    }
    buf_text(&answer->body, "[");
    for (uint32_t i = 0; i < connector.task_count; i++) {
        if (connector.tasks[i].state != NULL) {
            buf_text(&answer->body, answer->body.size > 1 ? ",{\"id\":{\"connector\":" : "{\"id\":{\"connector\":");
            json_quote(&answer->body, connector.document.name);
            buf_printf(&answer->body, ",\"task\":%" PRIu32 "},\"config\":", i);
            put_task_config(request, &connector, &answer->body);
            buf_text(&answer->body, "}");
        }
    }
    buf_text(&answer->body, "]");
}

void connect_tasks_config(void *context, const ApiRequest *request, ApiAnswer *answer) {
    FleetConnector connector;
    if (!connect_known(context, request, answer, &connector)) {
        return;
    }
    buf_text(&answer->body, "{");
    for (uint32_t i = 0; i < connector.task_count; i++) {
        if (connector.tasks[i].state != NULL) {
            buf_text(&answer->body, answer->body.size > 1 ? "," : "");
            json_quote(&answer->body,
                       slice_of(arena_printf(request->arena, "%.*s-%" PRIu32, SLICE_ARG(connector.document.name), i)));
            buf_text(&answer->body, ":");
            put_task_config(request, &connector, &answer->body);
        }
    }
    buf_text(&answer->body, "}");
}

bool connect_task_number(Slice text, uint32_t *task) {
    *task = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i >= 9) {
            return false;
        }
        *task = *task * 10 + (uint32_t)(text.data[i] - '0');
    }
    return text.size > 0;
}

void connect_task_status(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    uint32_t task = 0;
    if (!connect_task_number(request->parts[1], &task)) {
        connect_plain_not_found(answer);
    } else if (!fleet_task_status(api->fleet, request->parts[0], task, &answer->body)) {
        api_error(answer, 404, "No status found for task %.*s-%.*s", SLICE_ARG(request->parts[0]),
                  SLICE_ARG(request->parts[1]));
    }
}

// --- topics ----------------------------------------------------------------------------------------------------

void connect_topics(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    (void)fleet_find(api->fleet, request->parts[0], request->arena, &connector); // unknown: an empty list
    buf_text(&answer->body, "{");
    json_quote(&answer->body, request->parts[0]);
    buf_text(&answer->body, ":{\"topics\":[");
    for (size_t i = 0; i < connector.topic_count; i++) {
        buf_text(&answer->body, i > 0 ? "," : "");
        json_quote(&answer->body, connector.topics[i].name);
    }
    buf_text(&answer->body, "]}}");
}

void connect_topics_reset(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    fleet_topics_reset(api->fleet, request->parts[0]);
    connect_accepted(answer, 202);
}
