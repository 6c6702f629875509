// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/generate_server.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/config/properties.h"
#include "core/sys/clock.h"
#include "surface/api/api_http.h"
#include "surface/api/openapi.h"

#include <pthread.h>

enum { TICK_US = 100000 };

typedef enum SeederState { SEEDER_IDLE, SEEDER_FILLING, SEEDER_RUNNING, SEEDER_STOPPING, SEEDER_FAILED } SeederState;

typedef struct Seeder {
    pthread_mutex_t mutex;
    pthread_cond_t ended;
    const StorefrontOptions *defaults;
    Arena order; // the options of what runs
    StorefrontOptions options;
    SeederState state;
    pthread_t thread;
    bool started; // and not yet joined
    volatile bool stop;
    StorefrontReport report; // of what runs, or ran last
    Err trouble;
} Seeder;

static const char *state_name(SeederState state) {
    static const char *const NAMES[] = {"idle", "filling", "running", "stopping", "failed"};
    return NAMES[state];
}

// --- what runs -------------------------------------------------------------------------------------------------

static void told(void *context, const StorefrontReport *report) {
    Seeder *seeder = context;
    pthread_mutex_lock(&seeder->mutex);
    seeder->report = *report;
    if (seeder->state == SEEDER_FILLING && seeder->options.rate > 0) {
        seeder->state = SEEDER_RUNNING;
    }
    pthread_mutex_unlock(&seeder->mutex);
}

static void *work(void *context) {
    Seeder *seeder = context;
    Err err[1] = {{0}};
    StorefrontReport report;
    bool ok = storefront_run(&seeder->options, &report, err);
    pthread_mutex_lock(&seeder->mutex);
    seeder->report = report;
    seeder->state = ok ? SEEDER_IDLE : SEEDER_FAILED;
    seeder->trouble = *err;
    pthread_cond_broadcast(&seeder->ended);
    pthread_mutex_unlock(&seeder->mutex);
    if (!ok) {
        log_warn(LOG_CLI, "the storefront stopped", LOG_TEXT("reason", err->message), LOG_TEXT("hint", err->hint));
    }
    return NULL;
}

static bool busy(const Seeder *seeder) {
    return seeder->state == SEEDER_FILLING || seeder->state == SEEDER_RUNNING || seeder->state == SEEDER_STOPPING;
}

// With the mutex held. Waits until nothing runs.
static void stop_and_wait(Seeder *seeder) {
    if (busy(seeder)) {
        seeder->stop = true;
        seeder->state = SEEDER_STOPPING;
    }
    while (busy(seeder)) {
        pthread_cond_wait(&seeder->ended, &seeder->mutex);
    }
    if (seeder->started) {
        pthread_join(seeder->thread, NULL);
        seeder->started = false;
    }
}

// With the mutex held, while nothing runs.
static void begin(Seeder *seeder) {
    if (seeder->started) {
        pthread_join(seeder->thread, NULL);
    }
    seeder->stop = false;
    seeder->state = SEEDER_FILLING;
    seeder->report = (StorefrontReport){0};
    err_clear(&seeder->trouble);
    seeder->started = pthread_create(&seeder->thread, NULL, work, seeder) == 0;
    if (!seeder->started) {
        seeder->state = SEEDER_FAILED;
        FAIL(&seeder->trouble, ERR_MEMORY, "no thread can be made");
    }
}

// --- orders ----------------------------------------------------------------------------------------------------

static void status_put(const Seeder *seeder, Buf *out) {
    buf_text(out, "{");
    json_field_text(out, "state", state_name(seeder->state));
    json_field_int(out, "rows_loaded", seeder->report.rows_loaded);
    json_field_int(out, "changes", seeder->report.changes);
    json_field_int(out, "transactions", seeder->report.transactions);
    json_field_int(out, "rollbacks", seeder->report.rollbacks);
    json_field_int(out, "rate", seeder->options.rate);
    json_field_int(out, "scale", seeder->options.scale);
    json_field_text(out, "error", seeder->trouble.code != ERR_NONE ? seeder->trouble.message : NULL);
    buf_text(out, "}");
}

static bool order_read(Seeder *seeder, const ApiRequest *request, bool traffic, Err *err) {
    Properties wanted = {0};
    arena_reset(&seeder->order);
    seeder->options = *seeder->defaults;
    seeder->options.told = told;
    seeder->options.context = seeder;
    seeder->options.stop = &seeder->stop;
    if (!traffic) {
        seeder->options.rate = 0;
    }
    if (request->body.size > 0) {
        TRY(properties_parse(request->arena, request->body, &wanted, err));
    }
    for (size_t i = 0; i < wanted.count; i++) {
        const char *name = arena_text(request->arena, wanted.at[i].name);
        const char *value = arena_text(request->arena, wanted.at[i].value);
        if (strcmp(name, "to") == 0 || (!traffic && strcmp(name, "rate") == 0)) {
            return FAIL(err, ERR_OPTION, "\"%s\" cannot be ordered here", name);
        }
        TRY(option_set(&STOREFRONT_OPTIONS, &seeder->options, name, value, &seeder->order, err));
    }
    return true;
}

static void order(Seeder *seeder, const ApiRequest *request, ApiAnswer *answer, bool traffic) {
    Err err[1] = {{0}};
    pthread_mutex_lock(&seeder->mutex);
    if (busy(seeder)) {
        api_error(answer, 409, "the storefront is %s: POST /seed/stop first", state_name(seeder->state));
    } else if (!order_read(seeder, request, traffic, err)) {
        api_error(answer, 400, "%s", err->message);
    } else {
        begin(seeder);
        answer->status = 202;
        status_put(seeder, &answer->body);
    }
    pthread_mutex_unlock(&seeder->mutex);
}

static void seed_full(void *context, const ApiRequest *request, ApiAnswer *answer) {
    order(context, request, answer, false);
}
static void seed_start(void *context, const ApiRequest *request, ApiAnswer *answer) {
    order(context, request, answer, true);
}

static void seed_stop(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Seeder *seeder = context;
    pthread_mutex_lock(&seeder->mutex);
    stop_and_wait(seeder);
    status_put(seeder, &answer->body);
    pthread_mutex_unlock(&seeder->mutex);
}

static void status(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Seeder *seeder = context;
    pthread_mutex_lock(&seeder->mutex);
    status_put(seeder, &answer->body);
    pthread_mutex_unlock(&seeder->mutex);
}

static void openapi(void *context, const ApiRequest *request, ApiAnswer *answer);

#define ORDER_SCHEMA                                                                                         \
    "{\"type\":\"object\",\"properties\":{\"scale\":{\"type\":\"integer\"},\"seed\":{\"type\":\"integer\"}," \
    "\"rate\":{\"type\":\"integer\"},\"duration\":{\"type\":\"string\"},\"migrations\":{\"type\":\"integer\"}}}"
#define STATUS_SCHEMA                                                                                                 \
    "{\"type\":\"object\",\"properties\":{\"state\":{\"type\":\"string\",\"enum\":[\"idle\",\"filling\",\"running\"," \
    "\"stopping\",\"failed\"]},\"rows_loaded\":{\"type\":\"integer\"},\"changes\":{\"type\":\"integer\"},"            \
    "\"transactions\":{\"type\":\"integer\"},\"rollbacks\":{\"type\":\"integer\"},\"rate\":{\"type\":\"integer\"},"   \
    "\"scale\":{\"type\":\"integer\"},\"error\":{\"type\":[\"string\",\"null\"]}}}"

static const ApiRoute ROUTES[] = {
    {"POST", "/seed/full", ROLE_NONE, seed_full, "Fill the tables", ORDER_SCHEMA, STATUS_SCHEMA, 0},
    {"POST", "/seed/start", ROLE_NONE, seed_start, "Make traffic, filling the tables first", ORDER_SCHEMA,
     STATUS_SCHEMA, 0},
    {"POST", "/seed/stop", ROLE_NONE, seed_stop, "End what runs", NULL, STATUS_SCHEMA, 0},
    {"GET", "/status", ROLE_NONE, status, "What runs, and how far it is", NULL, STATUS_SCHEMA, 0},
    {"GET", "/openapi.json", ROLE_NONE, openapi, "This page", NULL, NULL, 0},
};

static void openapi(void *context, const ApiRequest *request, ApiAnswer *answer) {
    const ApiSurface surface = {.name = "Storefront", .routes = ROUTES, .route_count = ARRAY_LEN(ROUTES)};
    const ApiSurface *surfaces[] = {&surface};
    openapi_write(&answer->body, "leat generate storefront", surfaces, 1);
}

// --- the listener ----------------------------------------------------------------------------------------------

static HttpServerVerdict request_begin(void *context, HttpServerRequest *request, HttpServerAnswer *answer) {
    return HTTP_SLOW;
}

static void request_run(void *context, HttpServerRequest *request, HttpServerAnswer *answer) {
    const ApiSurface *surface = context;
    ApiRequest asked = api_http_request(request);
    asked.body = request->body;
    asked.actor = "anonymous";
    asked.role = ROLE_ADMIN;
    ApiAnswer said = {.body = answer->body};
    if (api_target(&asked, request->target)) {
        api_dispatch(surface, &asked, &said);
    } else {
        api_error(&said, 400, "the path is not percent-encoded UTF-8");
    }
    api_http_answer(&said, answer);
}

static bool serve(Seeder *seeder, const HttpAddress *address, Err *err) {
    const HttpServerOptions limits = {.pool_threads = 2, .connections_max = 32, .body_bytes_max = 64 * KIB};
    const ApiSurface surface = {
        .name = "Storefront", .routes = ROUTES, .route_count = ARRAY_LEN(ROUTES), .context = seeder};
    HttpListen listen = {.address = address,
                         .handler = {request_begin, request_run, NULL, (void *)(uintptr_t)&surface}};
    HttpServer *server = NULL;
    int port = 0;
    TRY(http_server_open(&limits, &server, err));
    bool ok = http_server_listen(server, &listen, &port, err);
    if (ok) {
        printf("{\"event\":\"listening\",\"port\":%d}\n", port);
        fflush(stdout);
    }
    while (ok && !*seeder->defaults->stop) {
        clock_sleep_us(TICK_US);
    }
    pthread_mutex_lock(&seeder->mutex);
    stop_and_wait(seeder);
    pthread_mutex_unlock(&seeder->mutex);
    http_server_close(server);
    return ok;
}

bool generate_server(const char *text, const StorefrontOptions *options, Err *err) {
    HttpAddress address;
    Seeder seeder = {.mutex = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .defaults = options};
    TRY(http_address_parse(text, &address, err));
    arena_init(&seeder.order, "run", 0);
    seeder.options = *options;
    bool ok = serve(&seeder, &address, err);
    arena_release(&seeder.order);
    return ok;
}
