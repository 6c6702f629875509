// SPDX-License-Identifier: Apache-2.0
#include "engine/control/supervisor.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/config/data_directory.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/memory.h"
#include "core/sys/random.h"
#include "engine/control/control.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define FRONT_BACKOFF_US_MIN 100000
#define FRONT_BACKOFF_US_MAX 30000000
enum { FRONT_STARTS_MAX = 3, EVENTS_MAX = 64 };

uint32_t supervisor_random(void) {
    return (uint32_t)random_number();
}

// --- levels ----------------------------------------------------------------------------------------------------

void levels_send(Supervisor *supervisor, Child *child) {
    for (MapEntry *at = NULL; (at = map_next(&supervisor->levels, at)) != NULL;) {
        const Buf *text = at->value;
        child_put(supervisor, child, &(Message){.type = MESSAGE_ASK, .verb = SLICE("level"), .text = buf_slice(text)});
    }
}

static void level_begin(Supervisor *supervisor, const char *level) {
    if (level != NULL) {
        Buf *text = calloc(1, sizeof(*text));
        ASSERT(text != NULL);
        buf_u8(text, '{');
        json_field_text(text, "logger", "root");
        json_field_text(text, "level", level);
        buf_u8(text, '}');
        map_put(&supervisor->levels, SLICE("root"), text);
    }
}

// --- the front -------------------------------------------------------------------------------------------------

static void front_start(Supervisor *supervisor) {
    Err err[1] = {{0}};
    supervisor->front = child_start(supervisor, CHILD_FRONT, (Slice){0}, err);
    if (supervisor->front == NULL) {
        log_err(LOG_SERVER, "the front cannot be started", err);
        supervisor->front_next_us =
            clock_monotonic_us() + backoff_next(&supervisor->front_backoff, supervisor_random());
        return;
    }
    supervisor->front_number++;
}

void supervisor_front_ready(Supervisor *supervisor, int64_t port) {
    log_info(LOG_SERVER, supervisor->front_was_ready ? "the front is back" : "the server is ready",
             LOG_INT("pid", supervisor->front->process.pid), LOG_INT("port", port));
    if (!supervisor->front_was_ready) {
        memory_settle();
    }
    supervisor->front_was_ready = true;
    supervisor->workers_wanted = true;
}

void supervisor_front_ended(Supervisor *supervisor, const ChildEnd *end, bool was_ready) {
    bool healthy = was_ready && end->elapsed_us > supervisor->options->restart_healthy_ms * 1000;
    supervisor->front = NULL;
    if (supervisor->stopping) {
        return;
    }
    // What it says at the very first start is for whoever has just started the server: a port that is in use.
    bool said = end->code != ERR_NONE && strncmp(end->how, "signal", 6) != 0;
    supervisor->front_failures++;
    if (!supervisor->front_was_ready && (said || supervisor->front_failures >= FRONT_STARTS_MAX)) {
        const char *newline = strchr(end->text, '\n');
        size_t size = newline != NULL ? (size_t)(newline - end->text) : strlen(end->text);
        FAIL(&supervisor->fatal, end->code != ERR_NONE ? end->code : ERR_INTERNAL, "%.*s", (int)size, end->text);
        if (newline != NULL) {
            err_hint(&supervisor->fatal, "%s", newline + 1);
        }
        return;
    }
    if (healthy) {
        backoff_reset(&supervisor->front_backoff);
    }
    supervisor->front_next_us = clock_monotonic_us() + backoff_next(&supervisor->front_backoff, supervisor_random());
}

// --- connectors ------------------------------------------------------------------------------------------------

static bool take_document(void *context, const Document *document, Slice json, Err *err) {
    if (clustered(context)) {
        return cluster_share(context, document, json, err);
    }
    managed_take(context, &(TaskShare){0, 1}, document, json);
    return true;
}

static bool adopt(void *context, const char *name) {
    Supervisor *supervisor = context;
    DEFER(buf_release) Buf json = {0};
    Err err[1] = {{0}};
    Document document;
    if (map_find(&supervisor->managed, slice_of(name)) != NULL) {
        return true;
    }
    if (document_adopt(supervisor->data_directory, name, clustered(supervisor), &json, err) &&
        document_parse(buf_slice(&json), &supervisor->run, &document, err) && clustered(supervisor)) {
        if (!cluster_share(supervisor, &document, buf_slice(&json), err)) {
            log_err(LOG_SERVER, "a pipeline of leat sync stays out of the cluster", err);
        }
    } else if (err->code == ERR_NONE &&
               document_write(supervisor->data_directory, slice_of(name), buf_slice(&json), err)) {
        managed_take(supervisor, &(TaskShare){0, 1}, &document, buf_slice(&json));
        log_info(LOG_SERVER, "a pipeline of leat sync is adopted", LOG_TEXT("connector", name));
    } else {
        log_err(LOG_SERVER, "a pipeline of leat sync cannot be adopted", err);
    }
    return true;
}

static int64_t settle_all(Supervisor *supervisor, int64_t now_us) {
    int64_t next_us = INT64_MAX;
    bool gone = false;
    for (MapEntry *at = NULL; (at = map_next(&supervisor->managed, at)) != NULL;) {
        Managed *managed = at->value;
        if (!managed->gone) {
            int64_t when_us = managed_settle(supervisor, managed, now_us);
            next_us = MIN(next_us, when_us);
            front_push(supervisor, managed, false);
        }
        gone = gone || managed->gone;
    }
    while (gone) {
        Managed *found = NULL;
        for (MapEntry *at = NULL; found == NULL && (at = map_next(&supervisor->managed, at)) != NULL;) {
            const Managed *managed = at->value;
            found = managed->gone ? at->value : NULL;
        }
        gone = found != NULL;
        if (gone) {
            managed_forget(supervisor, found);
        }
    }
    return next_us;
}

// --- the loop --------------------------------------------------------------------------------------------------

static void stop_all(Supervisor *supervisor) {
    supervisor->stopping = true;
    log_info(LOG_SERVER, "the server stops");
    for (Child *child = supervisor->children; child != NULL; child = child->next) {
        if (child->kind != CHILD_MEMBER) { // that one goes last
            child_stop(supervisor, child);
        }
    }
}

static void kill_all(Supervisor *supervisor) {
    for (Child *child = supervisor->children; child != NULL; child = child->next) {
        child_kill(child);
    }
}

static bool signals_take(Supervisor *supervisor) {
    struct signalfd_siginfo info;
    bool reap = false;
    while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            reap = true;
        } else if (supervisor->stop_signals++ == 0) {
            stop_all(supervisor);
        } else {
            kill_all(supervisor);
            FAIL(&supervisor->fatal, ERR_INTERRUPTED, "ended by a second signal before all work had stopped");
        }
    }
    return reap;
}

static int timeout_of(int64_t next_us, int64_t now_us) {
    if (next_us == INT64_MAX) {
        return -1;
    }
    int64_t ms = next_us <= now_us ? 0 : (next_us - now_us + 999) / 1000;
    return (int)MIN(ms, (int64_t)60000);
}

static bool finished(const Supervisor *supervisor) {
    return supervisor->fatal.code != ERR_NONE || (supervisor->stopping && supervisor->children == NULL);
}

static bool turn(Supervisor *supervisor, Err *err) {
    int64_t now_us = clock_monotonic_us(), next_us = INT64_MAX;
    if (supervisor->front == NULL && !supervisor->stopping) {
        if (supervisor->front_next_us <= now_us) {
            front_start(supervisor);
        } else {
            next_us = supervisor->front_next_us;
        }
    }
    int64_t connectors_us = settle_all(supervisor, now_us), children_us = children_tend(supervisor, now_us);
    int64_t cluster_us = cluster_tend(supervisor, now_us);
    next_us = MIN(MIN(next_us, cluster_us), MIN(connectors_us, children_us));
    if (finished(supervisor)) {
        return true;
    }
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(supervisor->epoll, events, EVENTS_MAX, timeout_of(next_us, clock_monotonic_us()));
    if (count < 0 && errno != EINTR) {
        return FAIL_ERRNO(err, "wait for events");
    }
    bool reap = false;
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL) {
            reap = signals_take(supervisor) || reap;
        } else {
            child_input(supervisor, events[i].data.ptr);
        }
    }
    if (reap) { // last: it frees what the events above are about
        children_reap(supervisor);
    }
    return true;
}

// --- begin and end ---------------------------------------------------------------------------------------------

// A channel for each child: a thousand are more than the usual limit allows.
static void descriptors_allow(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool open_all(Supervisor *supervisor, Err *err) {
    descriptors_allow();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (supervisor->signals < 0 || supervisor->epoll < 0 ||
        epoll_ctl(supervisor->epoll, EPOLL_CTL_ADD, supervisor->signals, &event) != 0) {
        return FAIL_ERRNO(err, "set up the supervisor");
    }
    char path[PATH_MAX];
    TRY(data_directory_ensure(supervisor->data_directory, &supervisor->run, err));
    snprintf(path, sizeof(path), "%s/server.lock", supervisor->data_directory);
    if (!file_lock(path, &supervisor->lock, err)) {
        return err_prefix(err, "a server works in %s already", supervisor->data_directory);
    }
    if (cgroup_find(path)) {
        cgroup_open(&supervisor->cgroup, path);
    }
    TRY(cluster_copies_clear(supervisor, err));
    TRY(document_each(supervisor->data_directory, take_document, supervisor, err));
    return document_adoptable(supervisor->data_directory, adopt, supervisor, err);
}

static void release(Supervisor *supervisor) {
    kill_all(supervisor);
    while (supervisor->children != NULL) { // killed: this does not take long
        children_reap(supervisor);
        clock_sleep_us(1000);
    }
    for (MapEntry *at = NULL; (at = map_next(&supervisor->managed, at)) != NULL;) {
        managed_free(at->value);
    }
    for (MapEntry *at = NULL; (at = map_next(&supervisor->levels, at)) != NULL;) {
        buf_release(at->value);
        free(at->value);
    }
    map_release(&supervisor->managed);
    map_release(&supervisor->levels);
    cluster_forget(supervisor);
    arena_release(&supervisor->run);
    file_close(&supervisor->epoll);
    file_close(&supervisor->signals);
    file_close(&supervisor->lock);
}

bool supervisor_run(const SupervisorSetup *setup, Err *err) {
    Supervisor supervisor = {.data_directory = setup->data_directory,
                             .options = setup->options,
                             .lock = -1,
                             .signals = -1,
                             .epoll = -1,
                             .front_backoff = {FRONT_BACKOFF_US_MIN, FRONT_BACKOFF_US_MAX, 0}};
    arena_init(&supervisor.run, "run", 0);
    level_begin(&supervisor, setup->log_level);
    bool ok = open_all(&supervisor, err);
    while (ok && !finished(&supervisor)) {
        ok = turn(&supervisor, err);
    }
    release(&supervisor);
    if (ok && supervisor.fatal.code != ERR_NONE) {
        *err = supervisor.fatal;
        ok = false;
    }
    if (ok) {
        log_info(LOG_SERVER, "the server has stopped");
    }
    return ok;
}
