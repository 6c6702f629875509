// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"
#include "core/base/version.h"
#include "core/sys/clock.h"
#include "engine/control/control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define GREET_US (30 * 1000000LL) // a child that has not said HELLO by then hangs
#define STEP_US  (5 * 1000000LL)  // from SIGTERM to SIGKILL, and from a channel's end to it; at most stop.timeout

#define SLEPT_US (1000000LL) // later than this the loop comes only when this process did not run

static const char *const KIND_NAMES[] = {"front", "worker", "call", "member"};

static int64_t step_us(const Supervisor *supervisor) {
    return MIN(STEP_US, supervisor->options->stop_timeout_ms * 1000);
}

static Slice child_title(const Child *child) {
    return child->managed != NULL ? managed_connector(child->managed)
           : child->call != NULL  ? buf_slice(&child->call->name)
                                  : (Slice){0};
}

// --- start and stop --------------------------------------------------------------------------------------------

static void watch(const Supervisor *supervisor, Child *child, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (child->watched_out ? (uint32_t)EPOLLOUT : 0), .data.ptr = child};
    if (epoll_ctl(supervisor->epoll, operation, child->process.channel.fd, &event) != 0) {
        panic("epoll_ctl: %s", strerror(errno));
    }
}

Child *child_start(Supervisor *supervisor, ChildKind kind, Slice title, Err *err) {
    char text[200];
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(title));
    Child *child = calloc(1, sizeof(*child));
    ASSERT(child != NULL);
    child->kind = kind;
    bool works = kind == CHILD_WORKER || kind == CHILD_CALL;
    bool limited = works && cgroup_new(&supervisor->cgroup, supervisor->options->worker_memory_max, child->cgroup);
    ProcessStart how = {.role = works ? "worker" : KIND_NAMES[kind],
                        .title = title.size > 0 ? text : NULL,
                        .memory_bytes_max = works ? supervisor->options->worker_memory_max : 0,
                        .cgroup = limited ? child->cgroup : NULL};
    if (!process_start(&child->process, &how, err)) {
        if (child->process.pid == 0) { // else it ends by itself, and is waited for
            cgroup_remove(child->cgroup);
            free(child);
            return NULL;
        }
        child->unwatched = true;
    }
    child->began_us = clock_monotonic_us();
    child->began_wall_ms = clock_wall_us() / 1000;
    child->deadline_us = child->began_us + GREET_US;
    child->next = supervisor->children;
    supervisor->children = child;
    if (!child->unwatched) {
        watch(supervisor, child, EPOLL_CTL_ADD);
    }
    return child;
}

static void unwatch(const Supervisor *supervisor, Child *child) {
    if (!child->unwatched) {
        epoll_ctl(supervisor->epoll, EPOLL_CTL_DEL, child->process.channel.fd, NULL);
        child->unwatched = true;
    }
}

// The channel is of no more use: the process ends, or is ended.
static void broken(Supervisor *supervisor, Child *child) {
    unwatch(supervisor, child);
    if (child->stop < STOP_TERMED) {
        child->stop = STOP_TERMED;
        child->deadline_us = clock_monotonic_us() + step_us(supervisor);
    }
}

void child_put(Supervisor *supervisor, Child *child, const Message *message) {
    Err err[1] = {{0}};
    if (child->unwatched) {
        return;
    }
    if (!channel_put(&child->process.channel, message, err)) {
        log_err(LOG_SERVER, "a message cannot be sent", err);
    } else if (!channel_flush(&child->process.channel, err)) {
        broken(supervisor, child);
    }
}

void child_kill(Child *child) {
    process_signal(&child->process, SIGKILL);
    child->stop = STOP_KILLED;
    child->deadline_us = 0;
}

void child_stop(Supervisor *supervisor, Child *child) {
    if (child->stop != STOP_NONE) {
        return;
    }
    child->stop = STOP_ASKED;
    child->asked = true;
    child->deadline_us = clock_monotonic_us() + supervisor->options->stop_timeout_ms * 1000;
    child_put(supervisor, child, &(Message){.type = MESSAGE_STOP});
}

// It does what no process of ours does.
static void child_condemn(Child *child, const char *why) {
    if (child->failed == ERR_NONE) {
        child->failed = ERR_INTERNAL;
        buf_text(&child->failed_text, why);
    }
    child_kill(child);
}

// What the supervisor itself slept through says nothing of the member: it gets another term.
static void member_overdue(Supervisor *supervisor, Child *member, int64_t now_us) {
    if (now_us - member->deadline_us > SLEPT_US) {
        member->deadline_us = now_us + supervisor->options->cluster_session_ms * 1000 / 2;
        return;
    }
    cluster_hangs(supervisor);
    child_condemn(member, "it has said nothing for half of cluster.session.timeout\n"
                          "was it paused, or is the machine overloaded?");
}

static void child_overdue(Supervisor *supervisor, Child *child, int64_t now_us) {
    if (child->stop == STOP_NONE && child->kind == CHILD_MEMBER && child->greeted) {
        member_overdue(supervisor, child, now_us);
        return;
    }
    if (child->stop == STOP_NONE) {
        child_condemn(child, child->greeted ? "it did not answer in time\nraise call.timeout, or see the log"
                                            : "it did not greet within 30 seconds\nis the machine overloaded?");
        return;
    }
    log_warn(LOG_SERVER, "a process does not end when asked", LOG_TEXT("role", KIND_NAMES[child->kind]),
             LOG_SLICE("connector", child_title(child)), LOG_INT("pid", child->process.pid),
             LOG_TEXT("signal", child->stop == STOP_ASKED ? "SIGTERM" : "SIGKILL"));
    if (child->stop == STOP_ASKED) {
        process_signal(&child->process, SIGTERM);
        child->stop = STOP_TERMED;
        child->deadline_us = now_us + step_us(supervisor);
    } else {
        child_kill(child);
    }
}

int64_t children_tend(Supervisor *supervisor, int64_t now_us) {
    int64_t next_us = INT64_MAX;
    for (Child *child = supervisor->children; child != NULL; child = child->next) {
        if (child->deadline_us != 0 && child->deadline_us <= now_us) {
            child_overdue(supervisor, child, now_us);
        }
        if (child->deadline_us != 0) {
            next_us = MIN(next_us, child->deadline_us);
        }
        bool out = !child->unwatched && (channel_events(&child->process.channel) & POLLOUT) != 0;
        if (!child->unwatched && out != child->watched_out) {
            child->watched_out = out;
            watch(supervisor, child, EPOLL_CTL_MOD);
        }
    }
    return next_us;
}

// --- messages --------------------------------------------------------------------------------------------------

static void greeted(Supervisor *supervisor, Child *child, const Message *message) {
    if (child->greeted || !slice_is(message->text, LEAT_VERSION)) {
        child_condemn(child, "it greets twice, or is of another version than the supervisor");
        return;
    }
    child->greeted = true;
    child->deadline_us = 0;
    levels_send(supervisor, child);
    switch (child->kind) {
    case CHILD_FRONT:
        front_greet(supervisor, child);
        break;
    case CHILD_WORKER: {
        const Managed *managed = child->managed;
        DEFER(buf_release) Buf document = {0};
        server_options_document(&document, supervisor->options, &managed->share, buf_slice(&managed->document));
        supervisor->starting--;
        child_put(supervisor, child,
                  &(Message){.type = MESSAGE_START,
                             .number = managed->anew,
                             .name = managed_connector(managed),
                             .verb = slice_of(managed->kind),
                             .text = buf_slice(&document)});
        break;
    }
    case CHILD_CALL:
        child->deadline_us = clock_monotonic_us() + supervisor->options->call_timeout_ms * 1000;
        call_greeted(supervisor, child->call);
        break;
    case CHILD_MEMBER:
        cluster_greet(supervisor, child);
        break;
    }
}

static ErrCode err_code_find(Slice name) {
#define X(code, class, code_name, text) \
    if (slice_is(name, code_name)) {    \
        return code;                    \
    }
    ERR_CODES(X)
#undef X
    return ERR_INTERNAL;
}

static void failed(Child *child, const Message *message) {
    if (child->failed == ERR_NONE) {
        child->failed = err_code_find(message->verb);
        buf_put(&child->failed_text, message->text);
    }
}

static void ready(Supervisor *supervisor, Child *child, const Message *message) {
    if (child->ready) {
        return;
    }
    child->ready = true;
    if (child->kind == CHILD_FRONT) {
        supervisor_front_ready(supervisor, message->number);
    } else if (child->kind == CHILD_WORKER) {
        managed_ready(child->managed);
    } else if (child->kind == CHILD_MEMBER) {
        cluster_ready(supervisor);
    }
}

static void message_take(Supervisor *supervisor, Child *child, const Message *message) {
    switch (message->type) {
    case MESSAGE_HELLO:
        greeted(supervisor, child, message);
        return;
    case MESSAGE_READY:
        ready(supervisor, child, message);
        return;
    case MESSAGE_REPORT:
        if (child->kind == CHILD_WORKER) {
            managed_reported(child->managed, message->text);
        }
        return;
    case MESSAGE_FAILED:
        failed(child, message);
        return;
    case MESSAGE_DONE:
        child->done = true;
        return;
    case MESSAGE_ASK:
        if (child->kind == CHILD_FRONT) {
            ask_serve(supervisor, message);
        }
        return;
    case MESSAGE_ANSWER:
        if (child->kind == CHILD_CALL) {
            call_answered(supervisor, child->call, message);
        } else if (child->kind == CHILD_MEMBER) {
            cluster_message(supervisor, message);
        }
        return;
    case MESSAGE_STATE:
    case MESSAGE_DOCUMENT:
    case MESSAGE_ASSIGN:
    case MESSAGE_CLUSTER:
        if (child->kind == CHILD_MEMBER) {
            cluster_message(supervisor, message);
            return;
        }
        break;
    case MESSAGE_BEAT:
        if (child->kind == CHILD_MEMBER && child->stop == STOP_NONE) {
            child->deadline_us = clock_monotonic_us() + MAX(message->number, 1) * 1000;
        }
        return;
    case MESSAGE_START:
    case MESSAGE_STOP:
        break;
    }
    child_condemn(child, "it sends what only the supervisor may");
}

static void messages_take(Supervisor *supervisor, Child *child) {
    Err err[1] = {{0}};
    for (;;) {
        Message message;
        bool got;
        if (!channel_next(&child->process.channel, &message, &got, err)) {
            child_condemn(child, err->message);
            broken(supervisor, child);
            return;
        }
        if (!got) {
            return;
        }
        message_take(supervisor, child, &message);
    }
}

void child_input(Supervisor *supervisor, Child *child) {
    Err err[1] = {{0}};
    if (child->unwatched) {
        return;
    }
    if (!channel_flush(&child->process.channel, err) || !channel_fill(&child->process.channel, err)) {
        broken(supervisor, child);
        return;
    }
    messages_take(supervisor, child);
    if (child->process.channel.ended) {
        broken(supervisor, child);
    }
}

// --- ends ------------------------------------------------------------------------------------------------------

static void end_of(const Child *child, int status, const struct rusage *usage, ChildEnd *end) {
    *end = (ChildEnd){.elapsed_us = clock_monotonic_us() - child->began_us,
                      .cpu_us = (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000LL +
                                usage->ru_utime.tv_usec + usage->ru_stime.tv_usec,
                      .memory_bytes_max = usage->ru_maxrss * 1024LL};
    if (child->failed != ERR_NONE) {
        end->code = child->failed;
        snprintf(end->how, sizeof(end->how), "%s", err_name(end->code));
        snprintf(end->text, sizeof(end->text), "%.*s", SLICE_ARG(buf_slice(&child->failed_text)));
    } else if (WIFSIGNALED(status) && !child->done && !child->asked) {
        int number = WTERMSIG(status);
        end->code = ERR_INTERNAL;
        snprintf(end->how, sizeof(end->how), "signal %d", number);
        if (cgroup_ran_out(child->cgroup)) {
            snprintf(end->text, sizeof(end->text),
                     "the %s process used more memory than it may\nraise "
                     "worker.memory.max, or lower what the connector may buffer",
                     KIND_NAMES[child->kind]);
            return;
        }
        snprintf(end->text, sizeof(end->text), "the %s process was ended by signal %d (%s)\n%s",
                 KIND_NAMES[child->kind], number, strsignal(number),
                 number == SIGKILL ? "kill -9, or the kernel for want of memory: dmesg tells which"
                                   : "its last lines in the log say why");
    } else if (child->done || child->asked) {
        snprintf(end->how, sizeof(end->how), "%s", child->asked ? "stopped" : "done");
        if (WIFSIGNALED(status)) {
            snprintf(end->how, sizeof(end->how), "stopped by signal %d", WTERMSIG(status));
        }
    } else {
        end->code = ERR_INTERNAL;
        snprintf(end->how, sizeof(end->how), "exit status %d", WEXITSTATUS(status));
        snprintf(end->text, sizeof(end->text),
                 "the %s process ended with status %d and said nothing\n"
                 "its last lines in the log may say why",
                 KIND_NAMES[child->kind], WEXITSTATUS(status));
    }
}

static void unlink_child(Supervisor *supervisor, const Child *child) {
    for (Child **at = &supervisor->children; *at != NULL; at = &(*at)->next) {
        if (*at == child) {
            *at = child->next;
            return;
        }
    }
}

static void last_words(Supervisor *supervisor, Child *child) {
    Err err[1] = {{0}};
    Channel *channel = &child->process.channel;
    for (size_t before = SIZE_MAX; !child->unwatched && !channel->ended && before != channel->in.size;) {
        before = channel->in.size;
        if (!channel_fill(channel, err)) {
            return;
        }
        messages_take(supervisor, child);
    }
}

static void ended(Supervisor *supervisor, Child *child, int status, const struct rusage *usage) {
    last_words(supervisor, child);
    ChildEnd end;
    end_of(child, status, usage, &end);
    log_fields(end.code == ERR_NONE ? LOG_INFO : LOG_WARN, LOG_SERVER, "a process has ended",
               (const LogField[]){LOG_TEXT("role", KIND_NAMES[child->kind]), LOG_SLICE("connector", child_title(child)),
                                  LOG_INT("pid", child->process.pid), LOG_TEXT("end", end.how),
                                  LOG_TEXT("reason", end.text), LOG_INT("elapsed_ms", end.elapsed_us / 1000),
                                  LOG_INT("cpu_ms", end.cpu_us / 1000),
                                  LOG_INT("memory_bytes_max", end.memory_bytes_max), LOG_END});
    unwatch(supervisor, child);
    unlink_child(supervisor, child);
    if (child->kind == CHILD_FRONT) {
        supervisor_front_ended(supervisor, &end, child->ready);
    } else if (child->kind == CHILD_WORKER) {
        supervisor->starting -= !child->greeted;
        managed_ended(supervisor, child->managed, &end);
    } else if (child->kind == CHILD_MEMBER) {
        cluster_ended(supervisor, &end);
    } else {
        call_ended(supervisor, child->call, &end);
    }
    process_release(&child->process);
    cgroup_remove(child->cgroup);
    buf_release(&child->failed_text);
    free(child);
}

void children_reap(Supervisor *supervisor) {
    int status;
    struct rusage usage;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        for (Child *child = supervisor->children; child != NULL; child = child->next) {
            if (child->process.pid == pid) {
                ended(supervisor, child, status, &usage);
                break;
            }
        }
    }
}
