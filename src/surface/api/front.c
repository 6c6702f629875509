// SPDX-License-Identifier: Apache-2.0
#include "surface/api/front.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/version.h"
#include "core/sys/clock.h"
#include "core/sys/memory.h"
#include "core/sys/thread.h"
#include "engine/ipc/channel.h"
#include "engine/ipc/level.h"
#include "surface/api/audit.h"
#include "surface/api/front_http.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

enum { POOL_THREADS = 16, POOL_HEAPS = 2 };

// A thread that waits for the supervisor's answer; on its stack.
typedef struct Asked Asked;
struct Asked {
    uint32_t id;
    bool answered;
    int64_t number;
    Buf text;
    pthread_cond_t come;
    Asked *next;
};

struct Front {
    Channel channel;
    pthread_mutex_t sending; // the channel's writing half
    pthread_mutex_t asking;  // the list of who waits
    Asked *asked;
    uint32_t last_id;
    bool gone; // no supervisor any more
    Arena arena;
    ServerOptions options;
    const char *data_directory;
    char worker_id[320];
    Security *security;
    Audit *audit;
    HttpServer *server;
    ApiSurface surfaces[FRONT_SURFACES_MAX];
    size_t surfaces_open;
    FrontDoor doors[FRONT_LISTENERS];
    int ports[FRONT_LISTENERS];
};

static const char *const LISTENER_NAMES[FRONT_LISTENERS] = {"connect", "registry", "metrics", "catalog"};

const char *front_data_directory(const Front *front) {
    return front->data_directory;
}

const ServerOptions *front_options(const Front *front) {
    return &front->options;
}

const char *front_worker_id(const Front *front) {
    return front->worker_id;
}

const ApiSurface *front_surface(const Front *front, FrontListener listener, size_t i) {
    const FrontDoor *door = &front->doors[listener];
    return i < door->surface_count ? door->surfaces[i] : NULL;
}

Audit *front_audit(const Front *front) {
    return front->audit;
}

struct Security *front_security(const Front *front) {
    return front->security;
}

FrontCounts front_counts(const Front *front) {
    FrontCounts counts = {.connections = http_server_connections(front->server)};
    for (size_t i = 0; i < FRONT_LISTENERS; i++) {
        const FrontDoor *door = &front->doors[i];
        counts.refused += atomic_load_explicit(&door->refused, memory_order_relaxed);
        for (size_t class = 0; class < ARRAY_LEN(counts.requests); class ++) {
            counts.requests[class] += atomic_load_explicit(&door->requests[class], memory_order_relaxed);
        }
    }
    return counts;
}

// ---- the supervisor

static bool tell(Front *front, const Message *message, Err *err) {
    pthread_mutex_lock(&front->sending);
    bool sent = channel_send(&front->channel, message, err);
    pthread_mutex_unlock(&front->sending);
    return sent;
}

static void forget(Front *front, const Asked *asked) {
    for (Asked **at = &front->asked; *at != NULL; at = &(*at)->next) {
        if (*at == asked) {
            *at = asked->next;
            return;
        }
    }
}

// Until the answer is there or the time is over; under the lock.
static void wait_for(Front *front, Asked *asked) {
    struct timespec until = thread_until(FRONT_ASK_MS * INT64_C(1000));
    int code = 0;
    while (!asked->answered && !front->gone && code != ETIMEDOUT) {
        code = pthread_cond_timedwait(&asked->come, &front->asking, &until);
    }
}

bool front_ask(Front *front, const char *verb, Slice name, Slice text, Arena *arena, Slice *answer, Err *err) {
    Asked asked = {0};
    thread_cond_init(&asked.come);
    pthread_mutex_lock(&front->asking);
    front->last_id += front->last_id == UINT32_MAX ? 2 : 1; // 0 means: no answer is wanted
    asked.id = front->last_id;
    asked.next = front->asked;
    front->asked = &asked;
    pthread_mutex_unlock(&front->asking);
    Message message = {.type = MESSAGE_ASK, .id = asked.id, .name = name, .verb = slice_of(verb), .text = text};
    bool sent = tell(front, &message, err);
    pthread_mutex_lock(&front->asking);
    if (sent) {
        wait_for(front, &asked);
    }
    forget(front, &asked);
    bool gone = front->gone;
    pthread_mutex_unlock(&front->asking);
    pthread_cond_destroy(&asked.come);
    bool done = false;
    if (!sent) {
        err_frame(err, __FILE__, __LINE__);
    } else if (!asked.answered) {
        FAIL(err, gone ? ERR_INTERRUPTED : ERR_NET_BUSY, gone ? "the server stops" : "Request timed out");
    } else if (asked.number != 0) {
        FAIL(err, (ErrCode)asked.number, "%.*s", (int)MIN(asked.text.size, sizeof(err->message) - 1),
             asked.text.size > 0 ? (const char *)asked.text.data : "");
    } else {
        done = true;
        if (answer != NULL) {
            *answer = arena_slice(arena, buf_slice(&asked.text));
        }
    }
    buf_release(&asked.text);
    return done;
}

static void take_answer(Front *front, const Message *message) {
    pthread_mutex_lock(&front->asking);
    for (Asked *at = front->asked; at != NULL; at = at->next) {
        if (at->id == message->id && !at->answered) {
            at->answered = true;
            at->number = message->number;
            buf_put(&at->text, message->text);
            pthread_cond_signal(&at->come);
        }
    }
    pthread_mutex_unlock(&front->asking);
}

// What surfaces follow: documents, states, and levels, which are this process's own too.
static bool is_news(const Message *message) {
    return message->type == MESSAGE_DOCUMENT || message->type == MESSAGE_STATE || message->type == MESSAGE_CLUSTER ||
           (message->type == MESSAGE_ASK && slice_equal(message->verb, slice_of("level")));
}

static void take_news(Front *front, const Message *message) {
    Err err[1] = {{0}};
    if (message->type == MESSAGE_ASK && !level_apply(message->text, (Slice){0}, err)) {
        log_err(LOG_API, "a level of logging cannot be set", err);
    }
    for (size_t i = 0; i < front->surfaces_open; i++) {
        if (FRONT_SURFACES[i].message != NULL) {
            FRONT_SURFACES[i].message(front->surfaces[i].context, message);
        }
    }
}

// ---- start and end

// What came before START, in its order.
typedef struct Early Early;
struct Early {
    Message message;
    Early *next;
};

// HELLO, then everything up to START, whose options are taken over.
static bool await_start(Front *front, Arena *early_arena, Early **first, Err *err) {
    TRY(tell(front, &(Message){.type = MESSAGE_HELLO, .text = slice_of(LEAT_VERSION)}, err));
    Early **last = first;
    for (;;) {
        Message message;
        bool got = false;
        TRY(channel_receive(&front->channel, -1, &message, &got, err));
        if (got && message.type == MESSAGE_START) {
            return server_options_parse(message.text, &front->arena, &front->options, &front->data_directory, err);
        }
        if (got && message.type == MESSAGE_STOP) {
            return FAIL(err, ERR_INTERRUPTED, "stopped before it was started");
        }
        if (got && is_news(&message)) {
            Early *early = ARENA_NEW(early_arena, Early);
            early->message = (Message){.type = message.type,
                                       .number = message.number,
                                       .name = arena_slice(early_arena, message.name),
                                       .verb = arena_slice(early_arena, message.verb),
                                       .text = arena_slice(early_arena, message.text)};
            *last = early;
            last = &early->next;
        }
    }
}

static bool open_surfaces(Front *front, Err *err) {
    ASSERT(FRONT_SURFACE_COUNT <= FRONT_SURFACES_MAX);
    for (size_t i = 0; i < FRONT_SURFACE_COUNT; i++) {
        TRY(FRONT_SURFACES[i].open(front, &front->surfaces[i], err));
        front->surfaces_open++;
        for (size_t listener = 0; listener < FRONT_LISTENERS; listener++) {
            if ((FRONT_SURFACES[i].listeners & 1u << listener) != 0) {
                FrontDoor *door = &front->doors[listener];
                door->surfaces[door->surface_count++] = &front->surfaces[i];
            }
        }
    }
    return true;
}

static const char *listen_text(const Front *front, FrontListener listener) {
    const char *texts[FRONT_LISTENERS] = {front->options.listen_connect, front->options.listen_registry,
                                          front->options.listen_metrics, front->options.listen_catalog};
    return texts[listener];
}

static bool insecure(const Front *front) {
    const char *text = getenv("LEAT_INSECURE");
    return front->options.insecure || (text != NULL && (strcmp(text, "1") == 0 || strcmp(text, "true") == 0));
}

static bool open_listener(Front *front, FrontListener listener, Err *err) {
    const char *text = listen_text(front, listener);
    FrontDoor *door = &front->doors[listener];
    if (text == NULL || text[0] == '\0' || door->surface_count == 0) {
        return true;
    }
    HttpAddress address;
    TRY(http_address_parse(text, &address, err));
    TRY(security_may_listen(front->security, &address, insecure(front), err));
    bool tls = front->options.tls_certificate != NULL && front->options.tls_certificate[0] != '\0';
    HttpListen listen = {.address = &address,
                         .certificate_file = tls ? front->options.tls_certificate : NULL,
                         .key_file = tls ? front->options.tls_key : NULL,
                         .handler = front_http_handler(door)};
    TRY(http_server_listen(front->server, &listen, &front->ports[listener], err));
    if (listener == FRONT_CONNECT && server_options_cluster(&front->options)) {
        snprintf(front->worker_id, sizeof(front->worker_id), "%s", server_options_node(&front->options));
    } else if (listener == FRONT_CONNECT) {
        const char *colon = strrchr(text, ':');
        snprintf(front->worker_id, sizeof(front->worker_id), "%.*s:%d", (int)(colon - text), text,
                 front->ports[listener]);
    }
    log_info(LOG_API, "listens", LOG_TEXT("for", LISTENER_NAMES[listener]), LOG_TEXT("address", text),
             LOG_INT("port", front->ports[listener]), LOG_TEXT("tls", tls ? "yes" : "no"),
             LOG_TEXT("auth", security_has_tokens(front->security) ? "tokens"
                              : address.loopback                   ? "none, loopback only"
                                                                   : "none: open to the network"));
    return true;
}

static void changed(void *context, const ApiRequest *request, int status) {
    const Front *front = context;
    audit_add(front->audit, request->actor, request->role, request->method, request->path, status);
}

static bool open_all(Front *front, const Early *early, Err *err) {
    TRY(security_open(front->options.token_file, &front->security, err));
    TRY(audit_open(front->data_directory, &front->audit, err));
    TRY(http_server_open(&(HttpServerOptions){.pool_threads = POOL_THREADS}, &front->server, err));
    snprintf(front->worker_id, sizeof(front->worker_id), "%s", front->options.listen_connect);
    for (size_t i = 0; i < FRONT_LISTENERS; i++) {
        front->doors[i].security = front->security;
        front->doors[i].changed = changed;
        front->doors[i].context = front;
    }
    TRY(open_surfaces(front, err));
    for (; early != NULL; early = early->next) {
        take_news(front, &early->message);
    }
    for (FrontListener listener = 0; listener < FRONT_LISTENERS; listener++) {
        TRY(open_listener(front, listener, err));
    }
    DEFER(buf_release) Buf ports = {0};
    int first = 0;
    buf_u8(&ports, '{');
    for (size_t i = 0; i < FRONT_LISTENERS; i++) {
        if (front->ports[i] != 0) {
            json_field_int(&ports, LISTENER_NAMES[i], front->ports[i]);
            first = first != 0 ? first : front->ports[i];
        }
    }
    buf_u8(&ports, '}');
    return tell(front, &(Message){.type = MESSAGE_READY, .number = first, .text = buf_slice(&ports)}, err);
}

// Until STOP, or the supervisor is gone.
static bool serve(Front *front, Err *err) {
    for (;;) {
        Message message;
        bool got = false;
        TRY(channel_receive(&front->channel, -1, &message, &got, err));
        if (!got) {
            continue;
        }
        if (message.type == MESSAGE_STOP) {
            return true;
        }
        if (message.type == MESSAGE_ANSWER) {
            take_answer(front, &message);
        } else if (is_news(&message)) {
            take_news(front, &message);
        }
    }
}

// Nobody waits any longer; then listeners, then what they stood on.
static void close_all(Front *front) {
    pthread_mutex_lock(&front->asking);
    front->gone = true;
    for (Asked *at = front->asked; at != NULL; at = at->next) {
        pthread_cond_signal(&at->come);
    }
    pthread_mutex_unlock(&front->asking);
    http_server_close(front->server);
    while (front->surfaces_open > 0) {
        size_t i = --front->surfaces_open;
        if (FRONT_SURFACES[i].close != NULL) {
            FRONT_SURFACES[i].close(front->surfaces[i].context);
        }
    }
    audit_close(front->audit);
    security_close(front->security);
}

static void say_failed(Front *front, const Err *failed) {
    DEFER(buf_release) Buf text = {0};
    Err ignored[1] = {{0}};
    buf_printf(&text, "%s%s%s", failed->message, failed->hint[0] != '\0' ? "\n" : "", failed->hint);
    Message message = {.type = MESSAGE_FAILED,
                       .number = err_class(failed->code),
                       .verb = slice_of(err_name(failed->code)),
                       .text = buf_slice(&text)};
    (void)tell(front, &message, ignored);
}

bool front_run(int channel_fd, Err *err) {
    memory_bound(POOL_HEAPS);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); // of a terminal: the supervisor says when it is over
    Front *front = calloc(1, sizeof(*front));
    if (front == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for the front");
    }
    arena_init(&front->arena, "run", 0);
    pthread_mutex_init(&front->sending, NULL);
    pthread_mutex_init(&front->asking, NULL);
    Arena early_arena;
    arena_init(&early_arena, "start", 0);
    Early *early = NULL;
    bool good = channel_open(&front->channel, channel_fd, err) && await_start(front, &early_arena, &early, err);
    bool opened = good && open_all(front, early, err);
    arena_release(&early_arena);
    if (good && !opened) {
        say_failed(front, err);
    }
    good = opened && serve(front, err);
    close_all(front);
    if (good) {
        good = tell(front, &(Message){.type = MESSAGE_DONE}, err);
    }
    channel_close(&front->channel);
    arena_release(&front->arena);
    free(front);
    return good;
}
