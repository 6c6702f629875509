// SPDX-License-Identifier: Apache-2.0
// Paths, queries, media types and JSON's limits, from whatever a client sends: "METHOD\ntarget\naccept\nbody".
#include "core/base/json.h"
#include "surface/api/router.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(void *context, const ApiRequest *request, ApiAnswer *answer) {
    for (size_t i = 0; i < API_PARTS_MAX; i++) {
        ASSERT(request->parts[i].data == NULL || (json_utf8_valid(request->parts[i]) &&
                                                  memchr(request->parts[i].data, 0, request->parts[i].size) == NULL));
    }
    for (size_t i = 0; i < request->query_count; i++) {
        ASSERT(json_utf8_valid(request->query[i].name) && json_utf8_valid(request->query[i].value));
    }
}

static char *line(Arena *arena, const uint8_t **at, const uint8_t *end) {
    const uint8_t *stop = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
    stop = stop != NULL ? stop : end;
    char *text = arena_text(arena, (Slice){*at, (size_t)(stop - *at)});
    *at = stop < end ? stop + 1 : end;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const ApiRoute routes[] = {
        {.method = "GET", .pattern = "/", .handler = look},
        {.method = "PUT", .pattern = "/a/{b}/c/{d}", .handler = look},
        {.method = "GET", .pattern = "/{a}/{b}/{c}/{d}/{e}/{f}", .handler = look},
    };
    static const ApiSurface surface = {.routes = routes,
                                       .route_count = ARRAY_LEN(routes),
                                       .consumes = "application/json,application/vnd.x+json",
                                       .produces = "application/json,text/plain"};
    DEFER(arena_release) Arena arena;
    arena_init(&arena, "fuzz", 0);
    const uint8_t *at = data, *end = data + size;
    ApiRequest request = {.arena = &arena, .method = line(&arena, &at, end)};
    char *target = line(&arena, &at, end);
    request.accept = line(&arena, &at, end);
    request.content_type = request.accept;
    request.body = (Slice){at, (size_t)(end - at)};
    ApiAnswer answer = {0};
    if (api_target(&request, slice_of(target))) {
        api_dispatch(&surface, &request, &answer);
    }
    buf_release(&answer.body);
    return 0;
}
