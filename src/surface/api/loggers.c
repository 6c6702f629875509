// SPDX-License-Identifier: Apache-2.0
#include "surface/api/loggers.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/config/properties.h"
#include "core/sys/clock.h"

#include <pthread.h>

enum { LOGGERS_MAX = 4096, NAME_BYTES_MAX = 512 };

typedef struct Logger {
    char *name;
    char level[8];       // "" = none of its own
    int64_t modified_ms; // 0 = never
} Logger;

typedef struct Loggers {
    Front *front;
    pthread_mutex_t mutex;
    Logger *at; // sorted by name
    size_t count;
} Loggers;

// What names of the original's stand for.
static const struct {
    const char *prefix, *ours;
} STAND_INS[] = {{"io.debezium", "leat.source"},
                 {"io.confluent.connect", "leat.sink"},
                 {"org.apache.kafka.connect", "leat.pipeline"}};

// The name itself, or one below it: "io.debezium" covers "io.debezium.config".
static bool covers(const char *logger, const char *name) {
    size_t size = strlen(logger);
    return strcmp(logger, "root") == 0 ||
           (strncmp(logger, name, size) == 0 && (name[size] == '\0' || name[size] == '.'));
}

// ---- the list; under the lock

static Logger *find(const Loggers *loggers, const char *name) {
    for (size_t i = 0; i < loggers->count; i++) {
        if (strcmp(loggers->at[i].name, name) == 0) {
            return &loggers->at[i];
        }
    }
    return NULL;
}

// The one that exists, or a new one; NULL when there are too many.
static Logger *add(Loggers *loggers, const char *name) {
    Logger *found = find(loggers, name);
    if (found != NULL || loggers->count == LOGGERS_MAX) {
        return found;
    }
    size_t size = strlen(name) + 1, at = loggers->count;
    char *copy = calloc(1, size);
    if (copy == NULL) {
        panic("out of memory for a logger");
    }
    memcpy(copy, name, size);
    while (at > 0 && strcmp(loggers->at[at - 1].name, name) > 0) {
        loggers->at[at] = loggers->at[at - 1];
        at--;
    }
    loggers->at[at] = (Logger){.name = copy};
    loggers->count++;
    return &loggers->at[at];
}

static void forget(Loggers *loggers, const char *name) {
    Logger *found = find(loggers, name);
    if (found != NULL) {
        free(found->name);
        size_t at = (size_t)(found - loggers->at);
        memmove(found, found + 1, (loggers->count - at - 1) * sizeof(*found));
        loggers->count--;
    }
}

// Its own level, or that of the nearest one above it that has one.
static const char *level_of(const Loggers *loggers, const Logger *logger) {
    const Logger *nearest = NULL;
    for (size_t i = 0; i < loggers->count; i++) {
        const Logger *at = &loggers->at[i];
        bool closer = nearest == NULL || strcmp(nearest->name, "root") == 0 ||
                      (strcmp(at->name, "root") != 0 && strlen(at->name) > strlen(nearest->name));
        if (at->level[0] != '\0' && covers(at->name, logger->name) && closer) {
            nearest = at;
        }
    }
    return nearest != NULL ? nearest->level : "INFO";
}

// Sets it, and those below it, as Connect does. The names of those that had another level go to `changed`.
static void set(Loggers *loggers, const char *name, const char *level, Buf *changed) {
    bool differs[LOGGERS_MAX];
    Logger *own = add(loggers, name);
    int64_t now = clock_wall_us() / 1000;
    for (size_t i = 0; i < loggers->count; i++) {
        const Logger *at = &loggers->at[i];
        differs[i] = covers(name, at->name) && strcmp(level_of(loggers, at), level) != 0;
    }
    for (size_t i = 0; i < loggers->count; i++) {
        Logger *at = &loggers->at[i];
        if (differs[i] || at == own) {
            snprintf(at->level, sizeof(at->level), "%s", level);
        }
        if (differs[i]) {
            at->modified_ms = now;
            if (changed != NULL) {
                buf_text(changed, changed->size > 1 ? "," : "");
                json_quote(changed, slice_of(at->name));
            }
        }
    }
}

static void upper(const char *level, char *to, size_t size) {
    size_t i = 0;
    for (; level[i] != '\0' && i + 1 < size; i++) {
        to[i] = (char)(level[i] >= 'a' && level[i] <= 'z' ? level[i] - 32 : level[i]);
    }
    to[i] = '\0';
}

// ---- what comes from the supervisor

void loggers_message(void *context, const Message *message) {
    Loggers *loggers = context;
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    pthread_mutex_lock(&loggers->mutex);
    if (message->type == MESSAGE_DOCUMENT) {
        const char *name = arena_printf(&scratch, "leat.connector.%.*s", SLICE_ARG(message->name));
        if (message->text.size == 0) {
            forget(loggers, name);
        } else {
            (void)add(loggers, name);
        }
    } else if (message->type == MESSAGE_ASK) { // levels that were set before this front began
        Properties given;
        Err err[1] = {{0}};
        if (properties_parse(&scratch, message->text, &given, err)) {
            char level[8];
            const char *logger = properties_text(&scratch, &given, "logger", NULL);
            upper(properties_text(&scratch, &given, "level", "INFO"), level, sizeof(level));
            const Logger *known = logger != NULL ? find(loggers, logger) : NULL;
            if (logger != NULL && (known == NULL || strcmp(known->level, level) != 0)) {
                set(loggers, logger, level, NULL);
            }
        }
    }
    pthread_mutex_unlock(&loggers->mutex);
}

// ---- the routes

static void logger_json(const Loggers *loggers, const Logger *logger, Buf *out) {
    buf_u8(out, '{');
    json_field_text(out, "level", level_of(loggers, logger));
    json_key(out, "last_modified");
    if (logger->modified_ms != 0) {
        buf_int(out, logger->modified_ms);
    } else {
        buf_text(out, "null");
    }
    buf_u8(out, '}');
}

static void list(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Loggers *loggers = context;
    pthread_mutex_lock(&loggers->mutex);
    buf_u8(&answer->body, '{');
    for (size_t i = 0; i < loggers->count; i++) {
        buf_text(&answer->body, i > 0 ? "," : "");
        json_quote(&answer->body, slice_of(loggers->at[i].name));
        buf_u8(&answer->body, ':');
        logger_json(loggers, &loggers->at[i], &answer->body);
    }
    buf_u8(&answer->body, '}');
    pthread_mutex_unlock(&loggers->mutex);
}

static void show(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Loggers *loggers = context;
    const char *name = arena_text(request->arena, request->parts[0]);
    pthread_mutex_lock(&loggers->mutex);
    const Logger *found = find(loggers, name);
    if (found != NULL) {
        logger_json(loggers, found, &answer->body);
    }
    pthread_mutex_unlock(&loggers->mutex);
    if (found == NULL) {
        api_error(answer, 404, "Logger %s not found.", name);
    }
}

// The level asked for, in capitals; NULL: the answer is written.
static const char *asked_level(const ApiRequest *request, ApiAnswer *answer) {
    if (request->body.size == 0) {
        api_error(answer, 500, "Cannot invoke \"java.util.Map.get(Object)\" because \"levelMap\" is null");
        return NULL;
    }
    Properties given;
    Err err[1] = {{0}};
    if (!properties_parse(request->arena, request->body, &given, err)) {
        api_error(answer, 500, "%s", err->message);
        return NULL;
    }
    const char *text = properties_text(request->arena, &given, "level", NULL);
    LogLevel level;
    if (text == NULL) {
        api_error(answer, 400, "Desired 'level' parameter was not specified in request.");
        return NULL;
    }
    if (!log_level_parse(text, &level)) {
        api_error(answer, 404, "invalid log level '%s'.", text);
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *capitals = arena_alloc(request->arena, size);
    upper(text, capitals, size);
    return capitals;
}

static bool ask_level(const Loggers *loggers, const char *logger, const char *level, const ApiRequest *request,
                      ApiAnswer *answer) {
    DEFER(buf_release) Buf text = {0};
    Err err[1] = {{0}};
    buf_u8(&text, '{');
    json_field_text(&text, "logger", logger);
    json_field_text(&text, "level", level);
    buf_u8(&text, '}');
    if (!front_ask(loggers->front, "level", (Slice){0}, buf_slice(&text), request->arena, NULL, err)) {
        api_error(answer, 500, "%s", err->message);
        return false;
    }
    return true;
}

static void change(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Loggers *loggers = context;
    const char *name = arena_text(request->arena, request->parts[0]);
    const char *level = asked_level(request, answer);
    if (level == NULL) {
        return;
    }
    if (request->parts[0].size > NAME_BYTES_MAX) {
        api_error(answer, 400, "The logger's name is longer than %d bytes", NAME_BYTES_MAX);
        return;
    }
    DEFER(buf_release) Buf changed = {0};
    buf_u8(&changed, '[');
    pthread_mutex_lock(&loggers->mutex);
    set(loggers, name, level, &changed);
    pthread_mutex_unlock(&loggers->mutex);
    buf_u8(&changed, ']');
    for (size_t i = 0; i < ARRAY_LEN(STAND_INS); i++) {
        if (covers(STAND_INS[i].prefix, name) && !ask_level(loggers, STAND_INS[i].ours, level, request, answer)) {
            return;
        }
    }
    if (!ask_level(loggers, name, level, request, answer)) {
        return;
    }
    Slice scope = api_query(request, "scope");
    if (scope.data != NULL && slice_equal(scope, slice_of("cluster"))) {
        answer->status = 204;
    } else {
        buf_put(&answer->body, buf_slice(&changed));
    }
}

#define LEVEL_SCHEMA                                                                                                 \
    "{\"type\":\"object\",\"properties\":{\"level\":{\"type\":\"string\"},\"last_modified\":{\"type\":[\"integer\"," \
    "\"null\"]}}}"
static const ApiRoute ROUTES[] = {
    {.method = "GET",
     .pattern = "/admin/loggers",
     .role = ROLE_READER,
     .handler = list,
     .summary = "All loggers and their levels",
     .answer_schema = "{\"type\":\"object\",\"additionalProperties\":" LEVEL_SCHEMA "}"},
    {.method = "GET",
     .pattern = "/admin/loggers/{logger}",
     .role = ROLE_READER,
     .handler = show,
     .summary = "The level of one logger",
     .answer_schema = LEVEL_SCHEMA},
    {.method = "PUT",
     .pattern = "/admin/loggers/{logger}",
     .role = ROLE_ADMIN,
     .handler = change,
     .summary = "Set the level of a logger and those below it, in all processes (?scope=worker or cluster)",
     .request_schema = "{\"type\":\"object\",\"required\":[\"level\"],\"properties\":{\"level\":{\"type\":\"string\","
                       "\"enum\":[\"TRACE\",\"DEBUG\",\"INFO\",\"WARN\",\"ERROR\",\"FATAL\",\"OFF\"]}}}",
     .answer_schema = "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"},
};

bool loggers_open(Front *front, ApiSurface *surface, Err *err) {
    static const char *const own[] = {"root",        "leat.api",  "leat.journal", "leat.pipeline",
                                      "leat.server", "leat.sink", "leat.source"};
    Loggers *loggers = calloc(1, sizeof(*loggers));
    Logger *at = calloc(LOGGERS_MAX, sizeof(*at));
    if (loggers == NULL || at == NULL) {
        free(loggers);
        free(at);
        return FAIL(err, ERR_MEMORY, "no memory for loggers");
    }
    loggers->front = front;
    loggers->at = at;
    pthread_mutex_init(&loggers->mutex, NULL);
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        (void)add(loggers, own[i]);
    }
    *surface = (ApiSurface){.name = "Loggers",
                            .routes = ROUTES,
                            .route_count = ARRAY_LEN(ROUTES),
                            .context = loggers,
                            .consumes = "application/json",
                            .produces = "application/json"};
    return true;
}

void loggers_close(void *context) {
    Loggers *loggers = context;
    for (size_t i = 0; i < loggers->count; i++) {
        free(loggers->at[i].name);
    }
    free(loggers->at);
    pthread_mutex_destroy(&loggers->mutex);
    free(loggers);
}
