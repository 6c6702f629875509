// SPDX-License-Identifier: Apache-2.0
// A connector's life: from what it is to do (target) and what it does (phase) to what is done next.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "engine/control/control.h"

enum { STARTING_MAX = 8 }; // workers at once that have not greeted: a thousand need not start in one second

static void changed(Managed *managed) {
    managed->state_dirty = true;
}

static void phase_set(Managed *managed, ManagedPhase phase) {
    managed->phase = phase;
    changed(managed);
}

static void trouble_clear(Managed *managed) {
    managed->error = ERR_NONE;
    buf_reset(&managed->trace);
    changed(managed);
}

static void down(Managed *managed, bool run) {
    if (!run) {
        trouble_clear(managed);
    }
    phase_set(managed, MANAGED_DOWN);
}

static void copy(Buf *to, Slice from) {
    buf_reset(to);
    buf_put(to, from);
}

// --- the set of them -------------------------------------------------------------------------------------------

Managed *managed_find(const Supervisor *supervisor, Slice name) {
    Managed *managed = map_find(&supervisor->managed, name);
    return managed == NULL || managed->removing ? NULL : managed;
}

static Managed *managed_new(Supervisor *supervisor, Slice name) {
    Managed *managed = calloc(1, sizeof(*managed));
    ASSERT(managed != NULL);
    buf_put(&managed->name, name);
    managed->backoff = (Backoff){.min_us = supervisor->options->restart_backoff_min_ms * 1000,
                                 .max_us = supervisor->options->restart_backoff_max_ms * 1000};
    map_put(&supervisor->managed, managed_name(managed), managed);
    return managed;
}

void managed_free(Managed *managed) {
    buf_release(&managed->name);
    buf_release(&managed->document);
    buf_release(&managed->trace);
    buf_release(&managed->report);
    buf_release(&managed->elsewhere);
    free(managed);
}

void managed_forget(Supervisor *supervisor, Managed *managed) {
    ASSERT(managed->worker == NULL && managed->remove_call == NULL);
    map_remove(&supervisor->managed, managed_name(managed));
    managed_free(managed);
}

// An operator wants it to work anew: what went wrong before does not count.
static void begin_anew(Managed *managed) {
    trouble_clear(managed);
    backoff_reset(&managed->backoff);
    managed->crashes = 0;
    managed->restarts = 0;
    if (managed->worker != NULL) {
        managed->restart = true;
    } else {
        phase_set(managed, MANAGED_DOWN);
    }
}

bool managed_works(const Supervisor *supervisor, Slice connector) {
    for (MapEntry *at = NULL; (at = map_next(&supervisor->managed, at)) != NULL;) {
        const Managed *managed = at->value;
        if (managed->worker != NULL && !managed->removing && slice_equal(managed_connector(managed), connector)) {
            return true;
        }
    }
    return false;
}

Managed *managed_take(Supervisor *supervisor, const TaskShare *share, const Document *document, Slice json) {
    DEFER(buf_release) Buf key = {0};
    task_name(&key, document->name, share->task);
    Slice name = buf_slice(&key);
    Managed *managed = map_find(&supervisor->managed, name);
    bool fresh = managed == NULL;
    if (fresh) {
        managed = managed_new(supervisor, name);
    }
    managed->share = *share;
    managed->kind = document->kind;
    managed->target = document->target;
    managed->removing = document->removed;
    managed->remove_stuck = false;
    copy(&managed->document, json);
    managed->document_dirty = !document->removed;
    if (!fresh) {
        begin_anew(managed);
    }
    changed(managed);
    return managed;
}

void managed_target(Managed *managed, DocumentTarget target) {
    if (managed->target == target) {
        return;
    }
    managed->target = target;
    managed->document_dirty = true;
    changed(managed);
}

void managed_restart(Managed *managed) {
    begin_anew(managed);
    managed->restarting = true;
}

void managed_remove(Supervisor *supervisor, Managed *managed) {
    managed->removing = true;
    front_removed(supervisor, managed_name(managed));
}

// --- what is next ----------------------------------------------------------------------------------------------

static void fail(Managed *managed, ErrCode code, const char *text) {
    managed->error = code;
    copy(&managed->trace, SLICE("leat: "));
    buf_printf(&managed->trace, "%s (%s): %s", err_name(code), err_class_name(err_class(code)), text);
    phase_set(managed, MANAGED_FAILED);
    managed->restarting = false;
}

static void start(Supervisor *supervisor, Managed *managed) {
    Err err[1] = {{0}};
    managed->worker = child_start(supervisor, CHILD_WORKER, managed_connector(managed), err);
    if (managed->worker == NULL) {
        log_err(LOG_SERVER, "a worker cannot be started", err);
        managed->next_us = clock_monotonic_us() + backoff_next(&managed->backoff, supervisor_random());
        phase_set(managed, MANAGED_WAITING);
        return;
    }
    managed->worker->managed = managed;
    managed->restart = false;
    supervisor->starting++;
    phase_set(managed, MANAGED_STARTING);
}

static bool wanted(const Supervisor *supervisor, const Managed *managed) {
    return managed->target == TARGET_RUNNING && !managed->removing && !supervisor->stopping &&
           (managed->assigned || !clustered(supervisor));
}

static void stop(Supervisor *supervisor, Managed *managed) {
    child_stop(supervisor, managed->worker);
    phase_set(managed, MANAGED_STOPPING);
}

// The document goes last: until then a new supervisor goes on removing.
void managed_remove_end(Supervisor *supervisor, Managed *managed, const Err *failure) {
    Err err[1] = {{0}};
    managed->remove_call = NULL;
    bool sync = strcmp(managed->kind, "sync") == 0; // it would be adopted again
    if (failure != NULL) {
        *err = *failure;
    } else if (!sync || document_unlist(supervisor->data_directory, managed_name(managed), err)) {
        if (clustered(supervisor)) {
            managed->remove_stuck = true; // until the cluster says that it is erased
            cluster_erase(supervisor, managed);
            return;
        }
        managed->gone = document_erase(supervisor->data_directory, managed_name(managed), err);
    }
    if (err->code != ERR_NONE) { // the next server tries again, or whoever makes it anew
        managed->remove_stuck = true;
        log_err(LOG_SERVER, "what a connector left behind cannot be removed now", err);
    }
    if (front_is(supervisor, managed->remove_front)) {
        front_answer_err(supervisor, managed->remove_ask, err);
    }
    managed->remove_front = 0;
}

static void removal(Supervisor *supervisor, Managed *managed) {
    Err err[1] = {{0}};
    if (clustered(supervisor) && (managed->erased || !managed->assigned || managed->share.task > 0)) {
        managed->gone = managed->erased; // else its node sees to it
        return;
    }
    if (managed->remove_call != NULL || managed->remove_stuck || managed->gone || supervisor->stopping) {
        return;
    }
    if (strcmp(managed->kind, "sync") == 0) { // leat delete removes a pipeline
        managed_remove_end(supervisor, managed, NULL);
    } else if (!call_remove(supervisor, managed, err)) {
        managed_remove_end(supervisor, managed, err);
    }
}

int64_t managed_settle(Supervisor *supervisor, Managed *managed, int64_t now_us) {
    bool run = wanted(supervisor, managed);
    switch (managed->phase) {
    case MANAGED_STARTING:
    case MANAGED_UP:
        if (!run || managed->restart) {
            stop(supervisor, managed);
        }
        return INT64_MAX;
    case MANAGED_STOPPING:
        return INT64_MAX;
    case MANAGED_WAITING:
        if (run && managed->next_us > now_us) {
            return managed->next_us;
        }
        down(managed, run);
        break;
    case MANAGED_FAILED:
    case MANAGED_DONE:
        if (run) {
            return INT64_MAX;
        }
        down(managed, run);
        break;
    case MANAGED_DOWN:
        break;
    }
    cluster_left(supervisor, managed);
    if (managed->removing) {
        removal(supervisor, managed);
    } else if (!run) {
        managed->begun = managed->restarting = managed->restart = false;
    } else if (supervisor->workers_wanted && supervisor->starting < STARTING_MAX) {
        start(supervisor, managed);
    }
    return INT64_MAX;
}

// --- what its worker says --------------------------------------------------------------------------------------

void managed_ready(Managed *managed) {
    if (managed->phase == MANAGED_STARTING) {
        managed->begun = true;
        managed->anew = false;
        managed->restarting = false;
        trouble_clear(managed);
        phase_set(managed, MANAGED_UP);
    }
}

void managed_reported(Managed *managed, Slice json) {
    copy(&managed->report, json);
    changed(managed);
}

static void run_keep(Managed *managed, const ChildEnd *end, int64_t began_wall_ms) {
    memmove(&managed->runs[1], &managed->runs[0], sizeof(managed->runs) - sizeof(managed->runs[0]));
    managed->run_count = MIN(managed->run_count + 1, RUNS_MAX);
    Run *run = &managed->runs[0];
    *run = (Run){began_wall_ms, end->elapsed_us / 1000, end->cpu_us / 1000, end->memory_bytes_max, ""};
    snprintf(run->end, sizeof(run->end), "%s", end->how);
}

static void give_up(Managed *managed, ErrCode code, const char *text) {
    fail(managed, code, text);
    log_error(LOG_SERVER, "a connector's task has failed: it waits for an operator",
              LOG_SLICE("connector", managed_connector(managed)), LOG_UINT("task", managed->share.task),
              LOG_TEXT("error", err_name(code)), LOG_TEXT("reason", text));
}

static void try_again(Managed *managed, const ChildEnd *end) {
    fail(managed, end->code, end->text);
    int64_t wait_us = backoff_next(&managed->backoff, supervisor_random());
    managed->next_us = clock_monotonic_us() + wait_us;
    managed->restarts++;
    phase_set(managed, MANAGED_WAITING);
    log_info(LOG_SERVER, "a connector is tried again", LOG_SLICE("connector", managed_connector(managed)),
             LOG_UINT("task", managed->share.task), LOG_INT("in_ms", wait_us / 1000), LOG_TEXT("after", end->how));
}

static void crashed(Supervisor *supervisor, Managed *managed, const ChildEnd *end) {
    if (managed->crashes++ < supervisor->options->restart_crashes_max) {
        try_again(managed, end);
        return;
    }
    char text[1200];
    snprintf(text, sizeof(text), "crash loop: %d ends in a row, the last: %s", managed->crashes, end->text);
    give_up(managed, end->code, text);
}

static void failed(Supervisor *supervisor, Managed *managed, const ChildEnd *end) {
    if (end->elapsed_us >= supervisor->options->restart_healthy_ms * 1000) {
        backoff_reset(&managed->backoff);
        managed->crashes = 0;
    }
    if (end->code == ERR_LOCKED) { // another process works on it, and will end
        try_again(managed, end);
        return;
    }
    switch (err_class(end->code)) {
    case ERR_CLASS_TRANSIENT:
        try_again(managed, end);
        break;
    case ERR_CLASS_INTERNAL:
        crashed(supervisor, managed, end);
        break;
    case ERR_CLASS_CONFIG:
    case ERR_CLASS_DATA:
        give_up(managed, end->code, end->text);
        break;
    }
}

void managed_ended(Supervisor *supervisor, Managed *managed, const ChildEnd *end) {
    bool asked = managed->phase == MANAGED_STOPPING, done = managed->worker->done;
    run_keep(managed, end, managed->worker->began_wall_ms);
    managed->worker = NULL;
    if (asked || managed->restart || !wanted(supervisor, managed)) {
        down(managed, false); // also when it ended with an error just then: a next run will tell
    } else if (end->code != ERR_NONE) {
        failed(supervisor, managed, end);
    } else if (done) {
        phase_set(managed, MANAGED_DONE);
    } else {
        ChildEnd silent = *end;
        silent.code = ERR_INTERNAL;
        snprintf(silent.text, sizeof(silent.text), "the worker ended although nobody asked it to");
        failed(supervisor, managed, &silent);
    }
}
