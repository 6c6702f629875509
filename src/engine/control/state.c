// SPDX-License-Identifier: Apache-2.0
// What the front is told: documents and states (message.h has their form).
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "engine/control/control.h"

#define WAITING_MAX (1 * MIB) // to a front that is slow: states are sent when it has caught up, the newest only

// --- states ----------------------------------------------------------------------------------------------------

static const char *connector_state(const Managed *managed) {
    if (managed->worker == NULL && managed->target != TARGET_RUNNING) {
        return document_target_name(managed->target);
    }
    if (managed->restarting && !managed->task_alone) {
        return "RESTARTING";
    }
    return managed->begun || managed->restarting || managed->phase == MANAGED_FAILED ? "RUNNING" : "UNASSIGNED";
}

// NULL: there is no task.
static const char *task_state(const Managed *managed) {
    if (managed->worker == NULL && managed->target != TARGET_RUNNING) {
        return managed->target == TARGET_PAUSED ? "PAUSED" : NULL;
    }
    switch (managed->phase) {
    case MANAGED_DOWN:
    case MANAGED_STARTING:
        return managed->begun || managed->restarting ? "RESTARTING" : "UNASSIGNED";
    case MANAGED_UP:
    case MANAGED_DONE:
        return "RUNNING";
    case MANAGED_STOPPING:
        return managed->restart ? "RESTARTING" : "RUNNING";
    case MANAGED_WAITING:
        return managed->error == ERR_LOCKED ? "UNASSIGNED" : "RESTARTING";
    case MANAGED_FAILED:
        return "FAILED";
    }
    UNREACHABLE();
}

static void error_json(Buf *out, const Managed *managed) {
    if (managed->error == ERR_NONE) {
        json_field_text(out, "trace", NULL);
        json_field_text(out, "error", NULL);
        return;
    }
    json_key(out, "trace");
    json_quote(out, buf_slice(&managed->trace));
    json_key(out, "error");
    buf_u8(out, '{');
    json_field_text(out, "code", err_name(managed->error));
    json_field_text(out, "class", err_class_name(err_class(managed->error)));
    buf_u8(out, '}');
}

static void runs_json(Buf *out, const Managed *managed) {
    json_key(out, "runs");
    buf_u8(out, '[');
    for (int i = 0; i < managed->run_count; i++) {
        const Run *run = &managed->runs[i];
        buf_text(out, i > 0 ? ",{" : "{");
        json_field_int(out, "started_ms", run->began_wall_ms);
        json_field_int(out, "elapsed_ms", run->elapsed_ms);
        json_field_int(out, "cpu_ms", run->cpu_ms);
        json_field_int(out, "memory_bytes_max", run->memory_bytes_max);
        json_field_text(out, "end", run->end);
        buf_u8(out, '}');
    }
    buf_u8(out, ']');
}

void state_json(Buf *out, const Supervisor *supervisor, const Managed *managed) {
    const Child *worker = managed->worker;
    buf_u8(out, '{');
    json_field_text(out, "state", connector_state(managed));
    if (clustered(supervisor)) {
        json_field_text(out, "worker", server_options_node(supervisor->options));
        json_field_text(out, "url", supervisor->options->cluster_url);
    } else {
        json_field_text(out, "worker", supervisor->options->listen_connect);
    }
    json_field_text(out, "task", task_state(managed));
    error_json(out, managed);
    json_field_uint(out, "restarts", managed->restarts);
    if (managed->phase == MANAGED_WAITING) {
        int64_t left_us = managed->next_us - clock_monotonic_us();
        json_field_int(out, "retry_in_ms", MAX(left_us, INT64_C(0)) / 1000);
    } else {
        json_field_text(out, "retry_in_ms", NULL);
    }
    if (worker != NULL) {
        json_field_int(out, "pid", worker->process.pid);
        json_field_int(out, "started_ms", worker->began_wall_ms);
    } else {
        json_field_text(out, "pid", NULL);
        json_field_text(out, "started_ms", NULL);
    }
    runs_json(out, managed);
    json_key(out, "report");
    if (managed->report.size > 0) {
        buf_put(out, buf_slice(&managed->report));
    } else {
        buf_text(out, "null");
    }
    buf_u8(out, '}');
}

// --- the front -------------------------------------------------------------------------------------------------

bool front_is(const Supervisor *supervisor, int64_t front) {
    return front != 0 && supervisor->front != NULL && supervisor->front_number == front;
}

void front_push(Supervisor *supervisor, Managed *managed, bool all) {
    Child *front = supervisor->front;
    if (clustered(supervisor) && managed->state_dirty && managed->assigned && !managed->removing) {
        DEFER(buf_release) Buf own = {0};
        state_json(&own, supervisor, managed);
        cluster_state(supervisor, managed, buf_slice(&own));
    }
    if (front == NULL || !front->greeted || managed->removing || !(managed->document_dirty || managed->state_dirty) ||
        (!all && channel_waiting_bytes(&front->process.channel) > WAITING_MAX)) {
        return;
    }
    if (managed->document_dirty && managed->share.task == 0) {
        child_put(
            supervisor, front,
            &(Message){.type = MESSAGE_DOCUMENT, .name = managed_name(managed), .text = buf_slice(&managed->document)});
    }
    DEFER(buf_release) Buf json = {0};
    bool away = clustered(supervisor) && !managed->assigned && managed->worker == NULL;
    if (away && managed->elsewhere.size > 0) {
        buf_put(&json, buf_slice(&managed->elsewhere));
    } else {
        state_json(&json, supervisor, managed);
    }
    child_put(
        supervisor, front,
        &(Message){.type = MESSAGE_STATE, .number = away, .name = managed_name(managed), .text = buf_slice(&json)});
    managed->document_dirty = managed->state_dirty = false;
}

void front_removed(Supervisor *supervisor, Slice name) {
    if (supervisor->front != NULL && supervisor->front->greeted) {
        child_put(supervisor, supervisor->front, &(Message){.type = MESSAGE_DOCUMENT, .name = name});
    }
}

void front_greet(Supervisor *supervisor, Child *front) {
    for (MapEntry *at = NULL; (at = map_next(&supervisor->managed, at)) != NULL;) {
        Managed *managed = at->value;
        managed->document_dirty = managed->state_dirty = true;
        front_push(supervisor, managed, true);
    }
    cluster_front_greet(supervisor);
    DEFER(buf_release) Buf options = {0};
    server_options_json(&options, supervisor->data_directory, supervisor->options);
    child_put(supervisor, front,
              &(Message){.type = MESSAGE_START, .verb = SLICE("front"), .text = buf_slice(&options)});
}

void front_answer(Supervisor *supervisor, uint32_t ask, ErrCode code, Slice text) {
    if (supervisor->front != NULL) {
        child_put(supervisor, supervisor->front,
                  &(Message){.type = MESSAGE_ANSWER, .id = ask, .number = (int64_t)code, .text = text});
    }
}

void front_answer_err(Supervisor *supervisor, uint32_t ask, const Err *err) {
    if (err->code == ERR_NONE) {
        front_answer(supervisor, ask, ERR_NONE, SLICE("{}"));
        return;
    }
    char text[sizeof(err->message) + sizeof(err->hint) + 2];
    snprintf(text, sizeof(text), "%s%s%s", err->message, err->hint[0] != '\0' ? "\n" : "", err->hint);
    front_answer(supervisor, ask, err->code, slice_of(text));
}
