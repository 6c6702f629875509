// SPDX-License-Identifier: Apache-2.0
#include "surface/api/front_http.h"

#include "surface/api/api_http.h"

enum { UNAUTHORIZED = 401, FORBIDDEN = 403, CONTENT_TOO_LARGE = 413 };

// Of one request, between its headers and its answer; in the request's arena.
typedef struct Visit {
    ApiRequest api;
    const ApiSurface *surface;
    const ApiRoute *route;
} Visit;

static void count(FrontDoor *door, int status) {
    size_t class = (size_t)(status / 100);
    atomic_fetch_add_explicit(&door->requests[class < 6 ? class : 5], 1, memory_order_relaxed);
}

static bool is_change(const Visit *visit) {
    const char *method = visit->api.method;
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && strcmp(method, "OPTIONS") != 0 &&
           (visit->route == NULL || (visit->route->flags & ROUTE_HARMLESS) == 0);
}

static void say_error(const ApiSurface *surface, ApiAnswer *answer, int code, const char *message) {
    if (surface != NULL && surface->error != NULL) {
        surface->error(answer, code, message);
    } else {
        api_error(answer, code, "%s", message);
    }
}

// Finds surface and row. False: the answer is written.
static bool find(FrontDoor *door, Visit *visit, ApiAnswer *answer) {
    for (size_t i = 0; i < door->surface_count; i++) {
        visit->surface = door->surfaces[i];
        visit->route = api_find(visit->surface, &visit->api, answer);
        if (visit->route != NULL || answer->status != 0) {
            return visit->route != NULL;
        }
    }
    visit->surface = door->surfaces[0];
    api_not_found(visit->surface, answer);
    return false;
}

// Nobody learns without a token which paths there are.
static bool admit(FrontDoor *door, Visit *visit, const char *authorization, ApiAnswer *answer) {
    bool known = security_check(door->security, authorization, visit->api.arena, &visit->api.actor, &visit->api.role);
    bool found = find(door, visit, answer);
    ApiRole needed = found ? visit->route->role : ROLE_READER;
    if (visit->api.role >= needed) {
        return found;
    }
    atomic_fetch_add_explicit(&door->refused, 1, memory_order_relaxed);
    buf_reset(&answer->body);
    Buf body = answer->body;
    *answer = (ApiAnswer){.body = body};
    if (known) {
        say_error(visit->surface, answer, FORBIDDEN, "HTTP 403 Forbidden");
    } else {
        say_error(visit->surface, answer, UNAUTHORIZED, "HTTP 401 Unauthorized");
        api_header(answer, "WWW-Authenticate", "Basic realm=\"leat\", Bearer");
    }
    return false;
}

static HttpServerVerdict begin(void *context, HttpServerRequest *request, HttpServerAnswer *http) {
    FrontDoor *door = context;
    Visit *visit = ARENA_NEW(request->arena, Visit);
    request->user = visit;
    visit->api = api_http_request(request);
    ApiAnswer answer = {.body = http->body};
    if (!api_target(&visit->api, request->target)) {
        visit->surface = door->surfaces[0];
        say_error(visit->surface, &answer, 400, "The query has a broken escape, is not UTF-8, or is too long");
    } else if (admit(door, visit, http_server_header(request, "Authorization"), &answer)) {
        bool fast = (visit->route->flags & ROUTE_FAST) != 0 && visit->surface->ready == NULL;
        return fast ? HTTP_FAST : HTTP_SLOW;
    }
    if (door->changed != NULL && answer.status == FORBIDDEN && is_change(visit)) {
        door->changed(door->context, &visit->api, answer.status);
    }
    count(door, answer.status);
    api_http_answer(&answer, http);
    return HTTP_ANSWERED;
}

static void run(void *context, HttpServerRequest *request, HttpServerAnswer *http) {
    FrontDoor *door = context;
    Visit *visit = request->user;
    visit->api.body = request->body;
    ApiAnswer answer = {.body = http->body};
    api_run(visit->surface, visit->route, &visit->api, &answer);
    if (door->changed != NULL && is_change(visit)) {
        door->changed(door->context, &visit->api, answer.status);
    }
    count(door, answer.status);
    api_http_answer(&answer, http);
}

static void refuse(void *context, HttpServerRequest *request, HttpServerAnswer *http, int status) {
    FrontDoor *door = context;
    const Visit *visit = request->user;
    ApiAnswer answer = {.body = http->body};
    say_error(visit != NULL ? visit->surface : NULL, &answer, status,
              status == CONTENT_TOO_LARGE ? "HTTP 413 Request Entity Too Large" : "HTTP 503 Service Unavailable");
    answer.status = status;
    count(door, status);
    api_http_answer(&answer, http);
}

HttpHandler front_http_handler(FrontDoor *door) {
    return (HttpHandler){.begin = begin, .run = run, .refuse = refuse, .context = door};
}
