// SPDX-License-Identifier: Apache-2.0
#include "surface/api/connect_room.h"

static void set_target(ConnectApi *api, const ApiRequest *request, ApiAnswer *answer, const char *target, int status) {
    Slice name = request->parts[0];
    FleetConnector connector;
    Err err[1] = {{0}};
    if (!fleet_find(api->fleet, name, request->arena, &connector)) {
        api_error(answer, 404, "Unknown connector %.*s", SLICE_ARG(name));
        return;
    }
    pthread_mutex_lock(&api->changes);
    bool ok = api->ask(api->front, "target", name, slice_of(target), request->arena, NULL, err);
    if (ok) {
        fleet_target(api->fleet, name, target);
    }
    pthread_mutex_unlock(&api->changes);
    if (ok) {
        connect_accepted(answer, status);
    } else if (err->code == ERR_NOT_FOUND) {
        api_error(answer, 404, "Unknown connector %.*s", SLICE_ARG(name));
    } else {
        connect_ask_error(answer, err);
    }
}

void connect_pause(void *context, const ApiRequest *request, ApiAnswer *answer) {
    set_target(context, request, answer, "PAUSED", 202);
}

void connect_resume(void *context, const ApiRequest *request, ApiAnswer *answer) {
    set_target(context, request, answer, "RUNNING", 202);
}

void connect_stop(void *context, const ApiRequest *request, ApiAnswer *answer) {
    set_target(context, request, answer, "STOPPED", 204);
}

// --- restart ---------------------------------------------------------------------------------------------------

static bool ask_restart(ConnectApi *api, const ApiRequest *request, bool connector, bool tasks, ApiAnswer *answer) {
    Err err[1] = {{0}};
    const char *text = arena_printf(request->arena, "{\"connector\":%s,\"tasks\":%s}", connector ? "true" : "false",
                                    tasks ? "true" : "false");
    if (api->ask(api->front, "restart", request->parts[0], slice_of(text), request->arena, NULL, err)) {
        return true;
    }
    connect_ask_error(answer, err);
    return false;
}

static bool known_for_restart(ConnectApi *api, const ApiRequest *request, ApiAnswer *answer,
                              FleetConnector *connector) {
    if (fleet_find(api->fleet, request->parts[0], request->arena, connector)) {
        return true;
    }
    api_error(answer, 404, "Unknown connector: %.*s", SLICE_ARG(request->parts[0]));
    return false;
}

static bool failed(const char *state) {
    return state != NULL && strcmp(state, "FAILED") == 0;
}

static const bool *tasks_wanted(Arena *arena, const FleetConnector *connector, bool only_failed) {
    bool *wanted = ARENA_ARRAY(arena, bool, connector->task_count);
    for (uint32_t i = 0; i < connector->task_count; i++) {
        const char *state = connector->tasks[i].state;
        wanted[i] = state != NULL && (!only_failed || failed(state));
    }
    return wanted;
}

void connect_restart(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    bool tasks = api_query_bool(request, "includeTasks", false);
    bool only_failed = api_query_bool(request, "onlyFailed", false);
    if (connect_forwarded(api, request, answer)) {
        return;
    }
    if (!known_for_restart(api, request, answer, &connector)) {
        return;
    }
    if (!tasks && !only_failed) {
        if (ask_restart(api, request, true, false, answer)) {
            connect_accepted(answer, 204);
        }
        return;
    }
    const FleetRestart restart = {!only_failed || failed(connector.state),
                                  tasks_wanted(request->arena, &connector, only_failed),
                                  tasks ? connector.task_count : 0};
    bool first = restart.task_count > 0 && restart.tasks[0];
    if ((restart.connector || first) && !ask_restart(api, request, restart.connector, first, answer)) {
        return;
    }
    for (uint32_t i = 1; i < restart.task_count; i++) {
        if (restart.tasks[i] && !connect_task_restarted(api, request, i, answer)) {
            return;
        }
    }
    buf_reset(&answer->body);
    fleet_worker(api->fleet, api->worker_id(api->front));
    if (!fleet_status_restarting(api->fleet, request->parts[0], &restart, &answer->body)) {
        api_error(answer, 404, "Unknown connector: %.*s", SLICE_ARG(request->parts[0]));
        return;
    }
    answer->status = 202;
}

void connect_restart_task(void *context, const ApiRequest *request, ApiAnswer *answer) {
    ConnectApi *api = context;
    FleetConnector connector;
    uint32_t task = 0;
    if (!connect_task_number(request->parts[1], &task)) {
        connect_plain_not_found(answer);
        return;
    }
    if (connect_task_forwarded(api, request, task, answer)) {
        return;
    }
    if (!known_for_restart(api, request, answer, &connector)) {
        return;
    }
    if (task >= connector.task_count || connector.tasks[task].state == NULL) {
        api_error(answer, 404, "Unknown task: %.*s-%.*s", SLICE_ARG(request->parts[0]), SLICE_ARG(request->parts[1]));
    } else if (connect_task_restarted(api, request, task, answer)) {
        connect_accepted(answer, 204);
    }
}
