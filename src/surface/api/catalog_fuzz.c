// SPDX-License-Identifier: Apache-2.0
// Bodies of the catalog's requests. The first byte chooses the route; what is made by one input the next one meets.
#include "surface/api/catalog.h"

#include "core/base/log.h"
#include "core/sys/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ApiSurface surface;
static char place[] = "/tmp/leat-catalog-fuzz-XXXXXX";

static void end(void) {
    Err err[1] = {{0}};
    catalog_api_close(surface.context);
    ASSERT(file_remove_tree(place, err));
}

static void ask(const char *method, const char *target, Slice body) {
    Arena arena[1];
    arena_init(arena, "request", 0);
    ApiRequest request = {
        .method = method, .content_type = "", .body = body, .actor = "a", .role = ROLE_ADMIN, .arena = arena};
    ApiAnswer answer = {0};
    ASSERT(api_target(&request, slice_of(target)));
    api_dispatch(&surface, &request, &answer);
    ASSERT(answer.status >= 200 && answer.status < 500);
    buf_release(&answer.body);
    arena_release(arena);
}

static void begin(void) {
    static CatalogServing serving = {.data_directory = place, .name = "w"};
    Err err[1] = {{0}};
    log_level_set(LOG_SILENT);
    ASSERT(mkdtemp(place) != NULL && security_open(NULL, &serving.security, err));
    ASSERT(catalog_api_open(&serving, &surface, err));
    ASSERT(atexit(end) == 0);
    ask("POST", "/v1/namespaces", SLICE("{\"namespace\":[\"s\"]}"));
    ask("POST", "/v1/namespaces/s/tables",
        SLICE("{\"name\":\"t\",\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"i\",\"required\":false,"
              "\"type\":\"long\"}]}}"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const TARGETS[] = {
        "/v1/namespaces",    "/v1/namespaces/s/tables",    "/v1/namespaces/s/tables/t",
        "/v1/tables/rename", "/v1/transactions/commit",    "/v1/namespaces/s/register",
        "/v1/oauth/tokens",  "/v1/namespaces/s/properties"};
    if (surface.context == NULL) {
        begin();
    }
    if (size > 0) {
        ask("POST", TARGETS[data[0] % ARRAY_LEN(TARGETS)], (Slice){data + 1, size - 1});
    }
    return 0;
}
