// SPDX-License-Identifier: Apache-2.0
#include "surface/api/loggers.c"

#include "core/base/test.h"

static void level_is(const ApiSurface *surface, const char *logger, const char *level) {
    const Loggers *loggers = surface->context;
    const Logger *found = find(loggers, logger);
    CHECK(found != NULL);
    CHECK_TEXT(slice_of(level_of(loggers, found)), level);
}

static void setting(const ApiSurface *surface, const char *logger, const char *level, const char *changed) {
    Buf out = {0};
    buf_u8(&out, '[');
    set(surface->context, logger, level, &out);
    CHECK_TEXT(buf_slice(&out), changed);
    buf_release(&out);
}

TEST(loggers_change_what_is_below) {
    Err err[1] = {{0}};
    ApiSurface surface;
    CHECK_OK(loggers_open(NULL, &surface, err));
    setting(&surface, "io.debezium.config", "DEBUG", "[\"io.debezium.config\"");
    setting(&surface, "io.debezium", "WARN", "[\"io.debezium\",\"io.debezium.config\"");
    setting(&surface, "io.debezium", "WARN", "[");
    setting(&surface, "io.debeziumx", "INFO", "[");
    level_is(&surface, "io.debezium.config", "WARN");
    level_is(&surface, "leat.sink", "INFO");
    setting(&surface, "root", "ERROR",
            "[\"io.debezium\",\"io.debezium.config\",\"io.debeziumx\",\"leat.api\",\"leat.journal\",\"leat.pipeline\","
            "\"leat.server\",\"leat.sink\",\"leat.source\",\"root\"");
    level_is(&surface, "leat.sink", "ERROR");
    setting(&surface, "root", "ERROR", "[");
    loggers_close(surface.context);
}

TEST(loggers_follow_the_supervisor) {
    Err err[1] = {{0}};
    ApiSurface surface;
    CHECK_OK(loggers_open(NULL, &surface, err));
    Message document = {.type = MESSAGE_DOCUMENT, .name = slice_of("a/b"), .text = slice_of("{}")};
    loggers_message(surface.context, &document);
    loggers_message(surface.context,
                    &(Message){.type = MESSAGE_ASK, .text = slice_of("{\"logger\":\"leat\",\"level\":\"debug\"}")});
    level_is(&surface, "leat.connector.a/b", "DEBUG");
    level_is(&surface, "root", "INFO");
    document.text = (Slice){0};
    loggers_message(surface.context, &document);
    CHECK(find(surface.context, "leat.connector.a/b") == NULL);
    ApiRequest request = {.method = "GET"};
    request.parts[0] = slice_of("no.such.logger");
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "test", 0);
    request.arena = &arena;
    ApiAnswer answer = {0};
    show(surface.context, &request, &answer);
    CHECK_TEXT(buf_slice(&answer.body), "{\"error_code\":404,\"message\":\"Logger no.such.logger not found.\"}");
    static const struct {
        const char *body, *answer;
    } wrong[] = {
        {"",
         "{\"error_code\":500,\"message\":\"Cannot invoke \\\"java.util.Map.get(Object)\\\" because \\\"levelMap\\\" "
         "is null\"}"},
        {"{}", "{\"error_code\":400,\"message\":\"Desired 'level' parameter was not specified in request.\"}"},
        {"{\"level\":\"LOUD\"}", "{\"error_code\":404,\"message\":\"invalid log level 'LOUD'.\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        request.body = slice_of(wrong[i].body);
        change(surface.context, &request, &answer);
        CHECK_TEXT(buf_slice(&answer.body), wrong[i].answer);
    }
    buf_release(&answer.body);
    loggers_close(surface.context);
}
