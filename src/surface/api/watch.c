// SPDX-License-Identifier: Apache-2.0
#include "surface/api/watch.h"

#include "core/base/log.h"
#include "core/config/template.h"
#include "core/config/wanted.h"
#include "core/net/http.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "core/sys/thread.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/stat.h>
#include <xxhash.h>

enum { LOOK_MS = 2000, AGAIN_US = 60 * 1000000 };

typedef struct Watch {
    Front *front;
    const char *directory;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stop;
    uint64_t seen; // of the files that were applied last
    int64_t again_at;
} Watch;

// --- asking our own API ----------------------------------------------------------------------------------------

static int ask(Watch *watch, Arena *arena, const char *method, const char *target, Slice body, Slice *answer) {
    const ApiSurface *connect = front_surface(watch->front, FRONT_CONNECT, 0);
    ApiRequest request = {.method = method,
                          .content_type = body.data != NULL ? "application/json" : "",
                          .body = body,
                          .actor = "connectors.dir",
                          .role = ROLE_ADMIN,
                          .arena = arena,
                          .accept = ""};
    ApiAnswer said = {0};
    buf_init(&said.body, 0);
    if (api_target(&request, slice_of(target))) {
        api_dispatch(connect, &request, &said);
    }
    if (answer != NULL) {
        *answer = arena_slice(arena, buf_slice(&said.body));
    }
    buf_release(&said.body);
    return said.status != 0 ? said.status : 200;
}

static const char *target(Arena *arena, Slice name, const char *behind) {
    DEFER(buf_release) Buf text = {0};
    buf_text(&text, "/connectors/");
    http_encode(&text, name, false);
    buf_text(&text, behind);
    return arena_text(arena, buf_slice(&text));
}

static bool refused(const Wanted *wanted, int status, Slice answer, Err *err) {
    return FAIL(err, ERR_OPTION, "%s: the server answers %d: %.*s", wanted->path, status, (int)MIN(answer.size, 300),
                (const char *)answer.data);
}

// --- making it true --------------------------------------------------------------------------------------------

static void difference(void *context, char sign, Slice name, Slice value) {
}

static bool state_set(Watch *watch, Arena *arena, const Wanted *wanted, Err *err) {
    Slice answer;
    bool runs = strcmp(wanted->target, "RUNNING") == 0, paused = strcmp(wanted->target, "PAUSED") == 0;
    const char *quoted = arena_printf(arena, "\"state\":\"%s\"", wanted->target);
    int status = ask(watch, arena, "GET", target(arena, wanted->name, "/status"), (Slice){0}, &answer);
    const char *text = arena_text(arena, answer);
    bool rests = strstr(text, "\"state\":\"PAUSED\"") != NULL || strstr(text, "\"state\":\"STOPPED\"") != NULL;
    if (status != 200 || (runs ? !rests : strstr(text, quoted) != NULL)) {
        return true;
    }
    status = ask(watch, arena, "PUT",
                 target(arena, wanted->name,
                        runs     ? "/resume"
                        : paused ? "/pause"
                                 : "/stop"),
                 (Slice){0}, &answer);
    log_info(LOG_API, "connectors.dir: state set", LOG_TEXT("connector", arena_text(arena, wanted->name)),
             LOG_TEXT("state", wanted->target));
    return status < 400 || refused(wanted, status, answer, err);
}

static bool make_true(Watch *watch, Arena *arena, const Wanted *wanted, Err *err) {
    Slice answer;
    Properties there = {0};
    DEFER(buf_release) Buf body = {0};
    int status = ask(watch, arena, "GET", target(arena, wanted->name, "/config"), (Slice){0}, &answer);
    const char *what = NULL;
    if (status == 404) {
        wanted_body(wanted, &body);
        status = ask(watch, arena, "POST", "/connectors", buf_slice(&body), &answer);
        what = "connectors.dir: created";
    } else if (status == 200) {
        TRY(properties_parse(arena, answer, &there, err));
        if (wanted_differs(wanted, &there, difference, NULL) > 0) {
            properties_json(&body, &wanted->config);
            status = ask(watch, arena, "PUT", target(arena, wanted->name, "/config"), buf_slice(&body), &answer);
            what = "connectors.dir: changed";
        }
    }
    if (status >= 400) {
        return refused(wanted, status, answer, err);
    }
    if (what != NULL) {
        log_info(LOG_API, what, LOG_TEXT("connector", arena_text(arena, wanted->name)), LOG_TEXT("file", wanted->path));
    }
    return wanted->target == NULL || state_set(watch, arena, wanted, err);
}

static bool files_read(const Watch *watch, Arena *arena, WantedList *list, Err *err) {
    Properties variables = {0};
    DEFER(buf_release) Buf missing = {0};
    const char *env = arena_printf(arena, "%s/.env", watch->directory);
    if (file_exists(env)) {
        TRY(env_file_read(arena, env, &variables, err));
    }
    TRY(wanted_read(arena, watch->directory, &variables, list, &missing, err));
    if (missing.size > 0) {
        buf_u8(&missing, '\0');
        log_warn(LOG_API, "connectors.dir: variables without a value", LOG_TEXT("names", (const char *)missing.data));
    }
    return true;
}

// One that cannot be made true does not keep the others from it.
static bool apply(Watch *watch) {
    Err err[1] = {{0}};
    Arena arena;
    WantedList list = {0};
    arena_init(&arena, "batch", 0);
    bool ok = files_read(watch, &arena, &list, err);
    if (!ok) {
        log_warn(LOG_API, "connectors.dir cannot be applied", LOG_TEXT("reason", err->message),
                 LOG_TEXT("hint", err->hint));
    }
    for (size_t i = 0; ok && i < list.count; i++) {
        Err one[1] = {{0}};
        if (!make_true(watch, &arena, &list.at[i], one)) {
            log_warn(LOG_API, "connectors.dir: a connector cannot be applied", LOG_TEXT("reason", one->message),
                     LOG_TEXT("hint", one->hint));
            ok = false;
        }
    }
    arena_release(&arena);
    return ok;
}

// --- looking ---------------------------------------------------------------------------------------------------

typedef struct Look {
    const char *directory;
    XXH64_hash_t sum;
} Look;

static bool look_at(void *context, const char *name) {
    Look *look = context;
    char path[PATH_MAX];
    struct stat is;
    if (snprintf(path, sizeof(path), "%s/%s", look->directory, name) < (int)sizeof(path) && stat(path, &is) == 0) {
        const int64_t facts[] = {(int64_t)is.st_mtim.tv_sec, (int64_t)is.st_mtim.tv_nsec, (int64_t)is.st_size,
                                 (int64_t)is.st_ino};
        look->sum = XXH64(name, strlen(name), look->sum);
        look->sum = XXH64(facts, sizeof(facts), look->sum);
    }
    return true;
}

static void turn(Watch *watch) {
    Err err[1] = {{0}};
    Look look = {watch->directory, 1};
    int64_t now = clock_monotonic_us();
    if (!file_list(watch->directory, look_at, &look, err)) {
        look.sum = 1; // it may come
    }
    if (look.sum == watch->seen && (watch->again_at == 0 || now < watch->again_at)) {
        return;
    }
    if (err->code != ERR_NONE) {
        log_warn(LOG_API, "connectors.dir cannot be read", LOG_TEXT("reason", err->message));
    }
    watch->seen = look.sum;
    watch->again_at = err->code == ERR_NONE && apply(watch) ? 0 : now + AGAIN_US;
}

static void *work(void *context) {
    Watch *watch = context;
    pthread_mutex_lock(&watch->mutex);
    while (!watch->stop) {
        struct timespec until = thread_until(LOOK_MS * INT64_C(1000));
        if (pthread_cond_timedwait(&watch->wake, &watch->mutex, &until) == ETIMEDOUT && !watch->stop) {
            pthread_mutex_unlock(&watch->mutex);
            turn(watch);
            pthread_mutex_lock(&watch->mutex);
        }
    }
    pthread_mutex_unlock(&watch->mutex);
    return NULL;
}

bool watch_open(Front *front, ApiSurface *surface, Err *err) {
    const char *directory = front_options(front)->connectors_directory;
    *surface = (ApiSurface){.name = "Files"};
    if (directory == NULL || directory[0] == '\0') {
        return true;
    }
    Watch *watch = calloc(1, sizeof(*watch));
    ASSERT(watch != NULL);
    *watch = (Watch){.front = front, .directory = directory, .mutex = PTHREAD_MUTEX_INITIALIZER};
    thread_cond_init(&watch->wake);
    if (pthread_create(&watch->thread, NULL, work, watch) != 0) {
        free(watch);
        return FAIL(err, ERR_MEMORY, "no thread for connectors.dir can be made");
    }
    surface->context = watch;
    return true;
}

void watch_close(void *context) {
    Watch *watch = context;
    if (watch == NULL) {
        return;
    }
    pthread_mutex_lock(&watch->mutex);
    watch->stop = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->mutex);
    pthread_join(watch->thread, NULL);
    free(watch);
}
