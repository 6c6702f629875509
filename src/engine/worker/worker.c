// SPDX-License-Identifier: Apache-2.0
// Two threads: the first works (connector_run), the second has the channel, so that neither a slow supervisor holds
// the work up, nor a long step of the work an answer, a STOP or the end of the channel.
#include "engine/worker/worker.h"

#include "core/base/log.h"
#include "core/base/version.h"
#include "core/sys/clock.h"
#include "core/sys/memory.h"
#include "engine/ipc/channel.h"
#include "engine/ipc/level.h"
#include "engine/worker/document_config.h"
#include "flow/pipeline/connector.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STATUS_FAILED = 1, STATUS_ORPHAN = 3, THREAD_STACK_BYTES = 1 << 20 };

#define READY_US      1000000
#define SETTLE_US     INT64_C(5000000)
#define SETTLE_MAX_US INT64_C(3600000000)

typedef struct Worker {
    const WorkerSetup *setup;
    Arena arena;
    Channel channel;
    Slice name, verb;
    DocumentConfig document;
    bool anew;     // others ran it since this node did
    Slice request; // of a call
    uint32_t ask;
    pthread_t thread;
    int wake; // eventfd: there is something to send
    pthread_mutex_t mutex;
    int64_t ready_us;  // when it is READY even without a report; 0 = it has said so
    int64_t settle_us; // when what was needed for once is given back next; 0 = it is not ready
    int64_t settle_after_us;
    Buf report;  // the newest that is not sent; under the mutex
    bool finish; // send what there is, then end; under the mutex
} Worker;

// Whoever works looks at the one, whoever waits for a source at the other.
static volatile bool worker_stop;
static atomic_bool worker_stop_waiting;

static void stop(void) {
    worker_stop = true;
    atomic_store(&worker_stop_waiting, true);
}

static void on_signal(int number) {
    stop();
}

static void signals_set(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGINT, SIG_IGN); // of a terminal, it goes to the whole group: the supervisor says STOP
    signal(SIGPIPE, SIG_IGN);
}

// --- the channel's thread --------------------------------------------------------------------------------------

static void message_take(const Worker *worker, const Message *message) {
    Err err[1] = {{0}};
    if (message->type == MESSAGE_STOP) {
        stop();
    } else if (message->type == MESSAGE_ASK && slice_is(message->verb, "level")) {
        if (!level_apply(message->text, worker->name, err)) {
            log_warn(LOG_SERVER, "a level cannot be set", LOG_TEXT("reason", err->message));
        }
    }
}

// Without its supervisor there is nobody who would know what it does.
NORETURN static void orphaned(const char *why) {
    log_error(LOG_SERVER, "the channel to the supervisor is lost: the worker ends", LOG_TEXT("reason", why));
    _exit(STATUS_ORPHAN);
}

static void messages_take(Worker *worker) {
    Err err[1] = {{0}};
    Message message;
    bool got = true;
    if (!channel_fill(&worker->channel, err)) {
        orphaned(err->message);
    }
    while (got) {
        if (!channel_next(&worker->channel, &message, &got, err)) {
            orphaned(err->message);
        }
        if (got) {
            message_take(worker, &message);
        }
    }
    if (worker->channel.ended) {
        orphaned("it was closed");
    }
}

// It works: there is a report, or it has not failed for a while. Before that, a supervisor that is told would take an
// error that was there all the time for a new one.
static bool ready_take(Worker *worker, bool reported) {
    if (worker->ready_us != 0 && (reported || clock_monotonic_us() >= worker->ready_us)) {
        Err err[1] = {{0}};
        worker->ready_us = 0;
        worker->settle_after_us = SETTLE_US; // what connecting needed
        worker->settle_us = clock_monotonic_us() + worker->settle_after_us;
        memory_settle();
        return channel_put(&worker->channel, &(Message){.type = MESSAGE_READY, .name = worker->name}, err);
    }
    return true;
}

// Ever more rarely: the first rows of a table, a change of it, a lost connection need much that streaming does not.
static void settle_when_due(Worker *worker) {
    if (worker->settle_us != 0 && clock_monotonic_us() >= worker->settle_us) {
        worker->settle_after_us = MIN(worker->settle_after_us * 4, SETTLE_MAX_US);
        worker->settle_us = clock_monotonic_us() + worker->settle_after_us;
        memory_settle();
    }
}

static int timeout_ms(const Worker *worker) {
    int64_t next_us = worker->ready_us != 0 ? worker->ready_us : worker->settle_us;
    int64_t left_us = next_us - clock_monotonic_us();
    return next_us == 0 ? -1 : (int)(MAX(left_us, INT64_C(0)) / 1000 + 1);
}

// Puts the newest report into the channel once the one before is gone. True: that was all there will be.
static bool report_take(Worker *worker) {
    Err err[1] = {{0}};
    bool room = channel_waiting_bytes(&worker->channel) == 0, finish;
    pthread_mutex_lock(&worker->mutex);
    if (!ready_take(worker, worker->report.size > 0)) {
        orphaned("there is no room for a message");
    }
    if (room && worker->report.size > 0) {
        if (!channel_put(&worker->channel,
                         &(Message){.type = MESSAGE_REPORT, .name = worker->name, .text = buf_slice(&worker->report)},
                         err)) {
            log_err(LOG_SERVER, "a report cannot be sent", err);
        }
        buf_reset(&worker->report);
    }
    finish = worker->finish && worker->report.size == 0;
    pthread_mutex_unlock(&worker->mutex);
    return finish;
}

static void *channel_thread(void *context) {
    Worker *worker = context;
    for (;;) {
        Err err[1] = {{0}};
        bool finish = report_take(worker);
        settle_when_due(worker);
        if (!channel_flush(&worker->channel, err)) {
            orphaned(err->message);
        }
        if (finish && channel_waiting_bytes(&worker->channel) == 0) {
            return NULL;
        }
        struct pollfd at[] = {{worker->channel.fd, channel_events(&worker->channel), 0}, {worker->wake, POLLIN, 0}};
        if (poll(at, ARRAY_LEN(at), timeout_ms(worker)) < 0 && errno != EINTR) {
            orphaned(strerror(errno));
        }
        uint64_t count;
        if ((at[1].revents & POLLIN) != 0 && read(worker->wake, &count, sizeof(count)) < 0) {
            continue; // another wake-up is as good
        }
        if ((at[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
            messages_take(worker);
        }
    }
}

static void wake(const Worker *worker) {
    uint64_t one = 1;
    ssize_t wrote = write(worker->wake, &one, sizeof(one)); // fails only when it is awake already
    (void)wrote;
}

static bool thread_start(Worker *worker, Err *err) {
    worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->wake < 0) {
        return FAIL_ERRNO(err, "eventfd");
    }
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); // signals are the first thread's
    int errnum = pthread_create(&worker->thread, &attributes, channel_thread, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return errnum == 0 || err_errno(err, __FILE__, __LINE__, errnum, "start a thread");
}

static void thread_finish(Worker *worker) {
    pthread_mutex_lock(&worker->mutex);
    worker->finish = true;
    pthread_mutex_unlock(&worker->mutex);
    wake(worker);
    pthread_join(worker->thread, NULL);
}

// --- the work --------------------------------------------------------------------------------------------------

static void report(void *context, Slice json) {
    Worker *worker = context;
    pthread_mutex_lock(&worker->mutex);
    buf_reset(&worker->report);
    buf_put(&worker->report, json);
    pthread_mutex_unlock(&worker->mutex);
    wake(worker);
}

static bool start_take(Worker *worker, const Message *message, Err *err) {
    worker->name = arena_slice(&worker->arena, message->name);
    worker->verb = arena_slice(&worker->arena, message->verb);
    worker->anew = message->number != 0;
    log_stamp_set("connector", worker->name);
    return document_config(message->text, &worker->arena, &worker->document, err);
}

// HELLO, then whatever comes until there is a START, and, of a call, its ASK. False without an error: it was stopped
// before it began.
static bool greet(Worker *worker, Err *err) {
    TRY(channel_send(&worker->channel, &(Message){.type = MESSAGE_HELLO, .text = SLICE(LEAT_VERSION)}, err));
    for (bool started = false; !worker_stop;) {
        Message message;
        bool got;
        TRY(channel_receive(&worker->channel, -1, &message, &got, err));
        if (message.type == MESSAGE_START) {
            TRY(start_take(worker, &message, err));
            started = true;
            if (!slice_is(worker->verb, "call")) {
                return true;
            }
        } else if (started && message.type == MESSAGE_ASK && slice_is(message.verb, "call")) {
            worker->request = arena_slice(&worker->arena, message.text);
            worker->ask = message.id;
            return true;
        } else {
            message_take(worker, &message);
        }
    }
    return false;
}

static bool send_last(Worker *worker, const Message *message) {
    Err err[1] = {{0}};
    return channel_send(&worker->channel, message, err);
}

static void failed_send(Worker *worker, const Err *err) {
    char text[sizeof(err->message) + sizeof(err->hint) + 2];
    snprintf(text, sizeof(text), "%s%s%s", err->message, err->hint[0] != '\0' ? "\n" : "", err->hint);
    log_err(LOG_SERVER, "the connector ends", err);
    if (!send_last(worker, &(Message){.type = MESSAGE_FAILED,
                                      .name = worker->name,
                                      .verb = slice_of(err_name(err->code)),
                                      .number = (int64_t)err_class(err->code),
                                      .text = slice_of(text)})) {
        orphaned("a last word cannot be sent");
    }
}

static void answer_send(Worker *worker, bool ok, Slice answer, const Err *err) {
    char text[sizeof(err->message) + sizeof(err->hint) + 2];
    if (!ok) {
        snprintf(text, sizeof(text), "%s%s%s", err->message, err->hint[0] != '\0' ? "\n" : "", err->hint);
        answer = slice_of(text);
    }
    if (!send_last(worker, &(Message){.type = MESSAGE_ANSWER,
                                      .id = worker->ask,
                                      .name = worker->name,
                                      .number = ok ? 0 : (int64_t)err->code,
                                      .text = answer})) {
        orphaned("an answer cannot be sent");
    }
}

static bool work(Worker *worker, Err *err) {
    ConnectorRun run = {.data_directory = getenv("LEAT_DATA_DIR"),
                        .name = worker->name,
                        .kind = worker->document.kind,
                        .config = &worker->document.config,
                        .kafka = &worker->document.kafka,
                        .journal = worker->document.journal,
                        .pipeline = worker->document.pipeline,
                        .clustered = worker->document.clustered,
                        .task = worker->document.task,
                        .tasks = worker->document.tasks,
                        .anew = worker->anew,
                        .drivers = worker->setup->drivers,
                        .stop = &worker_stop,
                        .report = report,
                        .context = worker};
    if (run.data_directory == NULL) {
        return FAIL(err, ERR_INTERNAL, "LEAT_DATA_DIR is not set in a worker's environment");
    }
    worker->ready_us = clock_monotonic_us() + READY_US;
    TRY(thread_start(worker, err));
    bool ok;
    if (slice_is(worker->verb, "call")) {
        Slice answer = {0};
        ok = connector_call(&run, worker->request, &worker->arena, &answer, err);
        thread_finish(worker);
        answer_send(worker, ok, answer, err);
        return true;
    }
    ok = connector_run(&run, err);
    thread_finish(worker);
    // Asked to stop: that it could not go on meanwhile is of no interest.
    return ok || (worker_stop && err->code == ERR_INTERRUPTED) || err_frame(err, __FILE__, __LINE__);
}

int worker_main(const WorkerSetup *setup) {
    Err err[1] = {{0}};
    Worker worker = {.setup = setup, .wake = -1, .mutex = PTHREAD_MUTEX_INITIALIZER, .channel = {.fd = -1}};
    signals_set();
    setup->stop_watch(&worker_stop_waiting);
    arena_init(&worker.arena, "run", 0);
    if (!channel_open(&worker.channel, CHANNEL_FD, err)) {
        fprintf(stderr, "leat worker is started by leat server, not by hand\n");
        return STATUS_FAILED;
    }
    bool begun = greet(&worker, err);
    bool ok = begun ? work(&worker, err) : err->code == ERR_NONE;
    if (ok) {
        ok = send_last(&worker, &(Message){.type = MESSAGE_DONE, .name = worker.name});
    } else {
        failed_send(&worker, err);
    }
    channel_close(&worker.channel);
    buf_release(&worker.report);
    arena_release(&worker.arena);
    return ok ? 0 : STATUS_FAILED;
}
