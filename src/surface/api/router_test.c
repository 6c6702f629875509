// SPDX-License-Identifier: Apache-2.0
#include "surface/api/router.c"

#include "core/base/test.h"

static void echo(void *context, const ApiRequest *request, ApiAnswer *answer) {
    buf_printf(&answer->body, "%s", (const char *)context);
    for (size_t i = 0; i < API_PARTS_MAX && request->parts[i].data != NULL; i++) {
        buf_printf(&answer->body, "|%.*s", SLICE_ARG(request->parts[i]));
    }
    for (size_t i = 0; i < request->query_count; i++) {
        buf_printf(&answer->body, "|%.*s=%.*s", SLICE_ARG(request->query[i].name), SLICE_ARG(request->query[i].value));
    }
    answer->status = request->body.size == 7 ? 204 : 0;
}

static const ApiRoute ROUTES[] = {
    {.method = "GET", .pattern = "/", .handler = echo},
    {.method = "GET", .pattern = "/connectors", .handler = echo},
    {.method = "POST", .pattern = "/connectors", .handler = echo},
    {.method = "GET", .pattern = "/connectors/{connector}/tasks/{task}/status", .handler = echo},
    {.method = "GET", .pattern = "/subjects/{subject}/versions/latest", .handler = echo},
    {.method = "GET", .pattern = "/subjects/{subject}/versions/{version}", .handler = echo},
};
static const ApiSurface SURFACE = {.name = "test",
                                   .routes = ROUTES,
                                   .route_count = ARRAY_LEN(ROUTES),
                                   .context = (void *)(uintptr_t) "ok",
                                   .consumes = "application/json",
                                   .produces = "application/json"};

static ApiAnswer ask(Arena *arena, const char *method, const char *target, ApiRequest request) {
    ApiAnswer answer = {0};
    request.method = method;
    request.arena = arena;
    if (!api_target(&request, slice_of(target))) {
        answer.status = 400;
        return answer;
    }
    api_dispatch(&SURFACE, &request, &answer);
    return answer;
}

static void check(const char *method, const char *target, int status, const char *body) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "test", 0);
    ApiAnswer answer = ask(&arena, method, target, (ApiRequest){0});
    CHECK_INT(answer.status, status);
    CHECK_TEXT(buf_slice(&answer.body), body);
    buf_release(&answer.body);
}

TEST(router_finds_rows_and_decodes) {
    check("GET", "/", 200, "ok");
    check("GET", "/connectors", 200, "ok");
    check("GET", "/connectors/", 200, "ok");
    check("HEAD", "/connectors//", 200, "ok");
    check("GET", "http://host:1/connectors?a=b", 200, "ok|a=b");
    check("GET", "/connectors/a%2Fb/tasks/0/status", 200, "ok|a/b|0");
    check("GET", "/connectors/%C3%A9%20%22+/tasks/0/status/", 200, "ok|\xc3\xa9 \"+|0");
    check("GET", "/connectors?expand=status&expand=info&x&=&&y=a+b%26%3d", 200,
          "ok|expand=status|expand=info|x=|=|y=a b&=");
    check("GET", "/subjects/latest/versions/latest", 200, "ok|latest");
    check("GET", "/subjects/s/versions/7#fragment", 200, "ok|s|7");
}

TEST(router_refuses_as_the_original_does) {
    check("GET", "/nope", 404, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
    check("GET", "/connectors//tasks/0/status", 404, "{\"error_code\":404,\"message\":\"HTTP 404 Not Found\"}");
    check("POST", "/", 405, "{\"error_code\":405,\"message\":\"HTTP 405 Method Not Allowed\"}");
    check("OPTIONS", "/", 200, "HEAD, GET, OPTIONS");
    check("OPTIONS", "/connectors", 200, "HEAD, GET, POST, OPTIONS");
    const char *bad[] = {"/connectors/%/tasks/0/status",   "/connectors/%4/tasks/0/status",
                         "/connectors/%zz/tasks/0/status", "/connectors/%00/tasks/0/status",
                         "/connectors/%ff/tasks/0/status", "/connectors/%C3/tasks/0/status"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check("GET", bad[i], 400, "{\"error_code\":400,\"message\":\"The path has a broken escape, or is not UTF-8\"}");
    }
    check("GET", "/connectors?a=%", 400, "");
    check("GET", "/connectors?%ff=1", 400, "");
}

TEST(router_looks_at_types) {
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "test", 0);
    ApiAnswer answer = ask(&arena, "GET", "/", (ApiRequest){.accept = "text/html"});
    CHECK_TEXT(buf_slice(&answer.body), "{\"error_code\":406,\"message\":\"HTTP 406 Not Acceptable\"}");
    CHECK_INT(strlen(answer.content_type), 0);
    buf_release(&answer.body);
    const char *fine[] = {"", "*/*", "text/html, application/*;q=0.5", "Application/JSON", "application/json; x=y"};
    for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
        answer = ask(&arena, "GET", "/", (ApiRequest){.accept = fine[i]});
        CHECK_INT(answer.status, 200);
        buf_release(&answer.body);
    }
    answer = ask(&arena, "POST", "/connectors", (ApiRequest){.content_type = "text/plain", .body = slice_of("{}")});
    CHECK_TEXT(buf_slice(&answer.body), "{\"error_code\":415,\"message\":\"HTTP 415 Unsupported Media Type\"}");
    buf_release(&answer.body);
    answer =
        ask(&arena, "POST", "/connectors", (ApiRequest){.content_type = "text/plain"}); // without a body: no matter
    CHECK_INT(answer.status, 200);
    CHECK_TEXT(slice_of(answer.content_type), "application/json");
    buf_release(&answer.body);
    answer = ask(&arena, "POST", "/connectors",
                 (ApiRequest){.content_type = "application/json;charset=utf-8", .body = slice_of("1234567")});
    CHECK_INT(answer.status, 204);
    CHECK_TEXT(slice_of(answer.content_type), "");
    buf_release(&answer.body);
}

TEST(router_bounds_json) {
    DEFER(buf_release) Buf deep = {0};
    for (int i = 0; i < API_JSON_DEPTH_MAX; i++) {
        buf_u8(&deep, '[');
    }
    CHECK(api_json_excess(buf_slice(&deep)) == NULL);
    buf_u8(&deep, '{');
    CHECK(api_json_excess(buf_slice(&deep)) != NULL);
    CHECK(api_json_excess(slice_of("\"[[[[\\\"[[[[\"")) == NULL);
    CHECK(api_json_excess(slice_of("\"\xff\"")) != NULL);
    CHECK(api_json_excess(slice_of("\"\\")) == NULL);
    buf_reset(&deep);
    for (int i = 0; i < API_JSON_VALUES_MAX; i++) {
        buf_u8(&deep, ',');
    }
    CHECK(api_json_excess(buf_slice(&deep)) == NULL);
    buf_u8(&deep, ',');
    CHECK(api_json_excess(buf_slice(&deep)) != NULL);
}

TEST(router_says_errors) {
    ApiAnswer answer = {0};
    api_error(&answer, 40401, "Subject '%s' not found.", "a\"b");
    CHECK_INT(answer.status, 404);
    CHECK_TEXT(buf_slice(&answer.body), "{\"error_code\":40401,\"message\":\"Subject 'a\\\"b' not found.\"}");
    buf_release(&answer.body);
    ApiParameter query[] = {{slice_of("a"), slice_of("TRUE")}, {slice_of("b"), slice_of("1")}};
    ApiRequest request = {.query = query, .query_count = 2};
    CHECK(api_query_bool(&request, "a", false));
    CHECK(!api_query_bool(&request, "b", true));
    CHECK(api_query_bool(&request, "c", true));
    CHECK(api_query(&request, "c").data == NULL);
}
