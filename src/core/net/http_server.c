// SPDX-License-Identifier: Apache-2.0
#include "core/net/http_server.h"

#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum {
    LISTENERS_MAX = 8,
    POOL_MAX = 64,
    STACK_BYTES = 1 << 20,
    KEPT_BYTES = 16 << 10,          // of a connection's buffers between requests
    ANSWER_BYTES_SECOND = 16 << 10, // the slowest that an answer may be taken
    LOOK_MS = 250,                  // at connections that are past their time
    ANSWER_MS = 30 * 1000,          // and what is added to that
    SMALL_ANSWER_BYTES = 64 << 10,  // is always sent
    LARGE_BODY_BYTES = 256 << 10,
    CONTENT_TOO_LARGE = 413,
    SERVICE_UNAVAILABLE = 503,
};

typedef enum Stage { STAGE_LINE, STAGE_BODY, STAGE_DISCARD, STAGE_POOL, STAGE_DONE, STAGE_SENT } Stage;

typedef struct Listener Listener;

// A connection and its request of now: MHD takes the requests of a connection one after the other.
typedef struct Exchange Exchange;
struct Exchange {
    Listener *listener;
    struct MHD_Connection *connection;
    int fd;
    _Atomic int64_t deadline_ms; // INT64_MAX = none
    Exchange *older, *newer;     // of the listener's; under its mutex
    Exchange *behind;            // in the pool's queue
    Stage stage;
    bool wants_pool;
    uint64_t discarded;
    size_t answer_counted;
    Arena arena;
    Buf body;
    char peer[64];
    HttpServerRequest request;
    HttpServerAnswer answer;
};

struct Listener {
    HttpServer *server;
    struct MHD_Daemon *daemon;
    int fd; // once nothing more is accepted
    HttpHandler handler;
    pthread_mutex_t mutex;
    Exchange *newest;
};

typedef struct Queue {
    Exchange *first, *last;
} Queue;

struct HttpServer {
    HttpServerOptions options;
    Listener listeners[LISTENERS_MAX];
    size_t listener_count;
    _Atomic int64_t connections;
    _Atomic size_t bodies_bytes, answers_bytes;
    pthread_mutex_t mutex; // of the queue
    pthread_cond_t work, stop;
    Queue queue, large_queue;
    size_t large_bytes; // of the large bodies that are being handled
    bool stopping;
    pthread_t pool[POOL_MAX];
    int pool_threads;
    pthread_t watcher;
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void deadline(Exchange *exchange, int64_t ms) {
    atomic_store_explicit(&exchange->deadline_ms, ms == INT64_MAX ? ms : now_ms() + ms, memory_order_relaxed);
}

// ---- the life of a connection

static void exchange_reset(Exchange *exchange) {
    HttpServer *server = exchange->listener->server;
    atomic_fetch_sub_explicit(&server->bodies_bytes, exchange->body.size, memory_order_relaxed);
    atomic_fetch_sub_explicit(&server->answers_bytes, exchange->answer_counted, memory_order_relaxed);
    exchange->answer_counted = 0;
    exchange->discarded = 0;
    exchange->wants_pool = false;
    buf_reset_keep(&exchange->body, KEPT_BYTES);
    Buf kept = exchange->answer.body;
    buf_reset_keep(&kept, KEPT_BYTES);
    exchange->answer = (HttpServerAnswer){.body = kept};
    exchange->request = (HttpServerRequest){.exchange = exchange, .arena = &exchange->arena};
    if (exchange->arena.used > KEPT_BYTES) {
        arena_release(&exchange->arena);
        arena_init_small(&exchange->arena, "request", 2048);
    } else {
        arena_reset(&exchange->arena);
    }
    exchange->stage = STAGE_LINE;
}

static void peer_text(struct MHD_Connection *connection, char *to, size_t size) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) {
        return;
    }
    if (info->client_addr->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, info->client_addr, sizeof(v4));
        inet_ntop(AF_INET, &v4.sin_addr, to, (socklen_t)size);
    } else if (info->client_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, info->client_addr, sizeof(v6));
        inet_ntop(AF_INET6, &v6.sin6_addr, to, (socklen_t)size);
    }
}

static void connection_opened(Listener *listener, struct MHD_Connection *connection, void **context) {
    Exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        panic("out of memory for a connection");
    }
    exchange->listener = listener;
    exchange->connection = connection;
    exchange->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    arena_init_small(&exchange->arena, "request", 2048);
    buf_init(&exchange->body, 0);
    buf_init(&exchange->answer.body, 0);
    peer_text(connection, exchange->peer, sizeof(exchange->peer));
    exchange_reset(exchange);
    deadline(exchange, listener->server->options.request_ms);
    pthread_mutex_lock(&listener->mutex);
    exchange->older = listener->newest;
    if (listener->newest != NULL) {
        listener->newest->newer = exchange;
    }
    listener->newest = exchange;
    pthread_mutex_unlock(&listener->mutex);
    atomic_fetch_add(&listener->server->connections, 1);
    *context = exchange;
}

static void connection_closed(Listener *listener, Exchange *exchange) {
    pthread_mutex_lock(&listener->mutex);
    if (exchange->newer != NULL) {
        exchange->newer->older = exchange->older;
    } else {
        listener->newest = exchange->older;
    }
    if (exchange->older != NULL) {
        exchange->older->newer = exchange->newer;
    }
    pthread_mutex_unlock(&listener->mutex);
    atomic_fetch_sub(&listener->server->connections, 1);
    exchange_reset(exchange);
    arena_release(&exchange->arena);
    buf_release(&exchange->body);
    buf_release(&exchange->answer.body);
    free(exchange);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_opened(context, connection, socket_context);
    } else if (*socket_context != NULL) {
        connection_closed(context, *socket_context);
        *socket_context = NULL;
    }
}

// Ends connections that are past their time. MHD's own time-out only sees those that are silent: not a request that
// comes a byte at a time.
static void *watch(void *context) {
    HttpServer *server = context;
    pthread_mutex_lock(&server->mutex);
    while (!server->stopping) {
        struct timespec until = thread_until(LOOK_MS * INT64_C(1000));
        pthread_cond_timedwait(&server->stop, &server->mutex, &until);
        size_t count = server->listener_count;
        pthread_mutex_unlock(&server->mutex);
        int64_t now = now_ms();
        for (size_t i = 0; i < count; i++) {
            Listener *listener = &server->listeners[i];
            pthread_mutex_lock(&listener->mutex); // a connection's socket is closed after it left the list
            for (Exchange *at = listener->newest; at != NULL; at = at->older) {
                if (atomic_load_explicit(&at->deadline_ms, memory_order_relaxed) < now) {
                    shutdown(at->fd, SHUT_RDWR);
                }
            }
            pthread_mutex_unlock(&listener->mutex);
        }
        pthread_mutex_lock(&server->mutex);
    }
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

// ---- the pool

static void run_handler(Exchange *exchange) {
    const HttpHandler *handler = &exchange->listener->handler;
    exchange->request.body = buf_slice(&exchange->body);
    handler->run(handler->context, &exchange->request, &exchange->answer);
    exchange->stage = STAGE_DONE;
}

static void refuse(Exchange *exchange, int status) {
    const HttpHandler *handler = &exchange->listener->handler;
    buf_reset_keep(&exchange->answer.body, KEPT_BYTES);
    Buf body = exchange->answer.body;
    exchange->answer = (HttpServerAnswer){.body = body, .status = status};
    if (status == SERVICE_UNAVAILABLE) {
        http_server_answer_header(&exchange->answer, "Retry-After", "1");
    }
    if (handler->refuse != NULL) {
        handler->refuse(handler->context, &exchange->request, &exchange->answer, status);
    }
}

static bool is_large(const Exchange *exchange) {
    return exchange->body.size > LARGE_BODY_BYTES;
}

static void enqueue(Queue *queue, Exchange *exchange) {
    exchange->behind = NULL;
    if (queue->first == NULL) {
        queue->first = exchange;
    } else {
        queue->last->behind = exchange;
    }
    queue->last = exchange;
}

// What a handler makes of a large body is several times as large: they are handled one after the other, as far as
// they do not fit together. NULL: nothing may be handled now. Under the lock.
static Exchange *dequeue(HttpServer *server) {
    Queue *queue = &server->queue;
    if (queue->first == NULL) {
        queue = &server->large_queue;
        const Exchange *next = queue->first;
        if (next != NULL && server->large_bytes > 0 &&
            server->large_bytes + next->body.size > server->options.body_bytes_max) {
            return NULL;
        }
    }
    Exchange *exchange = queue->first;
    if (exchange != NULL) {
        queue->first = exchange->behind;
        server->large_bytes += is_large(exchange) ? exchange->body.size : 0;
    }
    return exchange;
}

static void *pool_thread(void *context) {
    HttpServer *server = context;
    pthread_mutex_lock(&server->mutex);
    for (;;) {
        Exchange *exchange = dequeue(server);
        if (exchange == NULL && server->stopping && server->large_queue.first == NULL) {
            break;
        }
        if (exchange == NULL) {
            pthread_cond_wait(&server->work, &server->mutex);
            continue;
        }
        bool stopping = server->stopping;
        size_t large = is_large(exchange) ? exchange->body.size : 0;
        pthread_mutex_unlock(&server->mutex);
        if (stopping) {
            refuse(exchange, SERVICE_UNAVAILABLE);
            exchange->stage = STAGE_DONE;
        } else {
            run_handler(exchange);
        }
        MHD_resume_connection(exchange->connection); // from here on it is its listener's again
        pthread_mutex_lock(&server->mutex);
        if (large > 0) {
            server->large_bytes -= large;
            pthread_cond_broadcast(&server->work);
        }
    }
    pthread_mutex_unlock(&server->mutex);
    return NULL;
}

static void to_pool(Exchange *exchange) {
    HttpServer *server = exchange->listener->server;
    exchange->stage = STAGE_POOL;
    MHD_suspend_connection(exchange->connection);
    pthread_mutex_lock(&server->mutex);
    enqueue(is_large(exchange) ? &server->large_queue : &server->queue, exchange);
    pthread_cond_signal(&server->work);
    pthread_mutex_unlock(&server->mutex);
}

// ---- one request

static enum MHD_Result send_answer(Exchange *exchange) {
    HttpServer *server = exchange->listener->server;
    HttpServerAnswer *answer = &exchange->answer;
    size_t size = answer->body.size;
    size_t held = atomic_fetch_add_explicit(&server->answers_bytes, size, memory_order_relaxed) + size;
    exchange->answer_counted = size;
    if (held > server->options.answers_bytes_max && size > SMALL_ANSWER_BYTES) {
        refuse(exchange, SERVICE_UNAVAILABLE);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body.size, answer->body.data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        return MHD_NO;
    }
    if (answer->content_type != NULL) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    }
    for (size_t i = 0; i < answer->header_count; i++) {
        MHD_add_response_header(response, answer->headers[i].name, answer->headers[i].value);
    }
    deadline(exchange, ANSWER_MS + (int64_t)answer->body.size * 1000 / ANSWER_BYTES_SECOND);
    exchange->stage = STAGE_SENT;
    enum MHD_Result result =
        MHD_queue_response(exchange->connection, (unsigned)(answer->status != 0 ? answer->status : 200), response);
    MHD_destroy_response(response);
    return result;
}

// The headers are there.
static enum MHD_Result request_begins(Exchange *exchange, const char *method) {
    HttpServer *server = exchange->listener->server;
    const HttpHandler *handler = &exchange->listener->handler;
    exchange->request.method = method;
    HttpServerVerdict verdict = handler->begin(handler->context, &exchange->request, &exchange->answer);
    exchange->wants_pool = verdict == HTTP_SLOW;
    const char *length = http_server_header(&exchange->request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t size = length != NULL ? strtoull(length, NULL, 10) : 0;
    bool has_body = size > 0 || http_server_header(&exchange->request, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
    exchange->stage = STAGE_BODY;
    if (verdict == HTTP_ANSWERED) {
        exchange->stage = STAGE_DISCARD;
    } else if (size > server->options.body_bytes_max) {
        refuse(exchange, CONTENT_TOO_LARGE);
        exchange->stage = STAGE_DISCARD;
    }
    if (exchange->stage == STAGE_DISCARD && has_body &&
        (http_server_header(&exchange->request, MHD_HTTP_HEADER_EXPECT) != NULL ||
         size > server->options.discarded_bytes_max)) {
        return send_answer(exchange); // and MHD closes the connection
    }
    return MHD_YES;
}

static enum MHD_Result request_body(Exchange *exchange, const char *data, size_t *size) {
    HttpServer *server = exchange->listener->server;
    if (exchange->stage == STAGE_BODY) {
        size_t held = atomic_load_explicit(&server->bodies_bytes, memory_order_relaxed);
        if (exchange->body.size + *size > server->options.body_bytes_max) {
            refuse(exchange, CONTENT_TOO_LARGE);
            exchange->stage = STAGE_DISCARD;
        } else if (held + *size > server->options.bodies_bytes_max) {
            refuse(exchange, SERVICE_UNAVAILABLE);
            exchange->stage = STAGE_DISCARD;
        }
        if (exchange->stage == STAGE_DISCARD) {
            atomic_fetch_sub_explicit(&server->bodies_bytes, exchange->body.size, memory_order_relaxed);
            buf_reset_keep(&exchange->body, KEPT_BYTES);
        } else {
            buf_bytes(&exchange->body, data, *size);
            atomic_fetch_add_explicit(&server->bodies_bytes, *size, memory_order_relaxed);
        }
    }
    if (exchange->stage == STAGE_DISCARD) {
        exchange->discarded += *size;
        if (exchange->discarded > server->options.discarded_bytes_max) {
            return MHD_NO;
        }
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **request_context) {
    Exchange *exchange = *request_context;
    if (exchange == NULL) {
        return MHD_NO;
    }
    switch (exchange->stage) {
    case STAGE_LINE:
        return request_begins(exchange, method);
    case STAGE_BODY:
        if (*size > 0) {
            return request_body(exchange, data, size);
        }
        deadline(exchange, INT64_MAX);
        if (exchange->wants_pool || is_large(exchange)) {
            to_pool(exchange);
            return MHD_YES;
        }
        run_handler(exchange);
        return send_answer(exchange);
    case STAGE_DISCARD:
        return *size > 0 ? request_body(exchange, data, size) : send_answer(exchange);
    case STAGE_DONE:
        return send_answer(exchange);
    case STAGE_POOL:
    case STAGE_SENT:
        break;
    }
    return MHD_YES;
}

// The request line is there, as it was sent.
static void *on_line(void *context, const char *target, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    Exchange *exchange = info != NULL ? info->socket_context : NULL;
    if (exchange != NULL) {
        Slice text = slice_of(target);
        exchange->request.target = (Slice){(const uint8_t *)arena_text(&exchange->arena, text), text.size};
        deadline(exchange, exchange->listener->server->options.request_ms);
    }
    return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code) {
    Exchange *exchange = *request_context;
    if (exchange != NULL) {
        exchange_reset(exchange);
        deadline(exchange, exchange->listener->server->options.idle_ms);
    }
    *request_context = NULL;
}

// Paths and queries are decoded by who knows what they mean.
static size_t no_unescape(void *context, struct MHD_Connection *connection, char *text) {
    return strlen(text);
}

// What MHD has to say is about its clients' mistakes.
static void no_log(void *context, const char *format, va_list arguments) {
}

// ---- the server

static void options_complete(HttpServerOptions *options) {
    options->pool_threads = options->pool_threads != 0 ? MIN(options->pool_threads, POOL_MAX) : 8;
    options->connections_max = options->connections_max != 0 ? options->connections_max : 512;
    options->header_bytes_max = options->header_bytes_max != 0 ? options->header_bytes_max : 16 * KIB;
    options->body_bytes_max = options->body_bytes_max != 0 ? options->body_bytes_max : 8 * MIB;
    options->bodies_bytes_max = options->bodies_bytes_max != 0 ? options->bodies_bytes_max : 16 * MIB;
    options->answers_bytes_max = options->answers_bytes_max != 0 ? options->answers_bytes_max : 32 * MIB;
    options->request_ms = options->request_ms != 0 ? options->request_ms : 30 * 1000;
    options->idle_ms = options->idle_ms != 0 ? options->idle_ms : 75 * 1000;
    options->discarded_bytes_max = options->discarded_bytes_max != 0 ? options->discarded_bytes_max : 256 * MIB;
}

bool http_server_open(const HttpServerOptions *options, HttpServer **opened, Err *err) {
    HttpServer *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return FAIL(err, ERR_MEMORY, "no memory for an HTTP server");
    }
    server->options = *options;
    options_complete(&server->options);
    pthread_mutex_init(&server->mutex, NULL);
    pthread_cond_init(&server->work, NULL);
    thread_cond_init(&server->stop);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    int code = pthread_create(&server->watcher, &small, watch, server);
    if (code != 0) {
        pthread_attr_destroy(&small);
        free(server);
        return FAIL(err, ERR_IO_FAILED, "cannot start a thread of the HTTP server: %s", strerror(code));
    }
    while (code == 0 && server->pool_threads < server->options.pool_threads) {
        code = pthread_create(&server->pool[server->pool_threads], &small, pool_thread, server);
        server->pool_threads += code == 0;
    }
    pthread_attr_destroy(&small);
    if (code != 0) {
        http_server_close(server);
        return FAIL(err, ERR_IO_FAILED, "cannot start a thread of the HTTP server: %s", strerror(code));
    }
    *opened = server;
    return true;
}

static bool start(Listener *listener, int fd, const char *certificate, const char *key) {
    const HttpServerOptions *options = &listener->server->options;
    struct MHD_OptionItem items[16];
    size_t count = 0;
#define OPTION(name, number, pointer) items[count++] = (struct MHD_OptionItem){(name), (intptr_t)(number), (pointer)}
    OPTION(MHD_OPTION_LISTEN_SOCKET, fd, NULL);
    OPTION(MHD_OPTION_CONNECTION_LIMIT, options->connections_max, NULL);
    OPTION(MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->header_bytes_max + 8 * KIB, NULL);
    OPTION(MHD_OPTION_CONNECTION_TIMEOUT, (options->idle_ms + 999) / 1000, NULL);
    OPTION(MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, NULL);
    OPTION(MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, listener);
    OPTION(MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, listener);
    OPTION(MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)on_line, listener);
    OPTION(MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)no_unescape, NULL);
    if (certificate != NULL) {
        OPTION(MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate);
        OPTION(MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key);
        OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2");
    }
    OPTION(MHD_OPTION_END, 0, NULL);
#undef OPTION
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO | MHD_USE_ERROR_LOG |
                     (certificate != NULL ? MHD_USE_TLS : 0);
    listener->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, no_log,
                                        NULL, MHD_OPTION_ARRAY, items, MHD_OPTION_END);
    return listener->daemon != NULL;
}

static bool read_pem(const HttpListen *listen, Arena *arena, const char **certificate, const char **key, Err *err) {
    if (listen->certificate_file == NULL) {
        return true;
    }
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        FAIL(err, ERR_OPTION, "TLS for %s: this libmicrohttpd was built without it", listen->address->text);
        return err_hint(err, "use Debian's libmicrohttpd12, or end TLS in a proxy");
    }
    if (listen->key_file == NULL) {
        return FAIL(err, ERR_OPTION, "TLS for %s: a certificate, but no key", listen->address->text);
    }
    Slice bytes;
    TRY(file_read_all(listen->certificate_file, MIB, arena, &bytes, err));
    *certificate = arena_text(arena, bytes);
    TRY(file_read_all(listen->key_file, MIB, arena, &bytes, err));
    *key = arena_text(arena, bytes);
    return true;
}

bool http_server_listen(HttpServer *server, const HttpListen *listen, int *port, Err *err) {
    if (server->listener_count == LISTENERS_MAX) {
        return FAIL(err, ERR_OPTION, "more than %d listeners", LISTENERS_MAX);
    }
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    const char *certificate = NULL, *key = NULL;
    TRY(read_pem(listen, &scratch, &certificate, &key, err));
    int fd = -1;
    TRY(http_address_listen(listen->address, &fd, port, err));
    Listener *listener = &server->listeners[server->listener_count];
    *listener = (Listener){.server = server, .handler = listen->handler};
    pthread_mutex_init(&listener->mutex, NULL);
    if (!start(listener, fd, certificate, key)) {
        file_close(&fd);
        pthread_mutex_destroy(&listener->mutex);
        if (certificate != NULL) {
            FAIL(err, ERR_OPTION, "TLS for %s: %s and %s cannot be used", listen->address->text,
                 listen->certificate_file, listen->key_file);
            return err_hint(err, "both must be PEM, the key without a password, and belong together");
        }
        return FAIL(err, ERR_IO_FAILED, "cannot serve %s: %s", listen->address->text, strerror(errno));
    }
    pthread_mutex_lock(&server->mutex);
    server->listener_count++;
    pthread_mutex_unlock(&server->mutex);
    return true;
}

void http_server_close(HttpServer *server) {
    if (server == NULL) {
        return;
    }
    pthread_mutex_lock(&server->mutex);
    server->stopping = true;
    pthread_cond_broadcast(&server->work);
    pthread_cond_broadcast(&server->stop);
    pthread_mutex_unlock(&server->mutex);
    for (size_t i = 0; i < server->listener_count; i++) {
        server->listeners[i].fd = MHD_quiesce_daemon(server->listeners[i].daemon); // ours again
    }
    pthread_join(server->watcher, NULL);
    for (int i = 0; i < server->pool_threads; i++) {
        pthread_join(server->pool[i], NULL);
    }
    for (size_t i = 0; i < server->listener_count; i++) {
        MHD_stop_daemon(server->listeners[i].daemon);
        file_close(&server->listeners[i].fd);
        pthread_mutex_destroy(&server->listeners[i].mutex);
    }
    pthread_mutex_destroy(&server->mutex);
    pthread_cond_destroy(&server->work);
    pthread_cond_destroy(&server->stop);
    free(server);
}

const char *http_server_header(const HttpServerRequest *request, const char *name) {
    const Exchange *exchange = request->exchange;
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *http_server_peer(const HttpServerRequest *request) {
    const Exchange *exchange = request->exchange;
    return exchange->peer;
}

void http_server_answer_header(HttpServerAnswer *answer, const char *name, const char *value) {
    ASSERT(answer->header_count < HTTP_SERVER_HEADERS_MAX);
    answer->headers[answer->header_count].name = name;
    answer->headers[answer->header_count].value = value;
    answer->header_count++;
}

int64_t http_server_connections(const HttpServer *server) {
    return atomic_load(&server->connections);
}
