// SPDX-License-Identifier: Apache-2.0
#include "surface/api/openapi.c"

#include "core/base/test.h"

#include <jansson.h>

TEST(openapi_shows_each_path_once) {
    static const ApiRoute first[] = {
        {.method = "GET", .pattern = "/a/{b}", .role = ROLE_READER, .summary = "Says \"b\"", .answer_schema = "{}"},
        {.method = "PUT", .pattern = "/a/{b}", .request_schema = "{\"type\":\"object\"}"},
        {.method = "GET", .pattern = "/"},
    };
    static const ApiRoute second[] = {{.method = "GET", .pattern = "/a/{b}"},
                                      {.method = "DELETE", .pattern = "/a/{b}"}};
    const ApiSurface surfaces[] = {
        {.name = "one", .routes = first, .route_count = 3, .consumes = "application/x,application/json"},
        {.name = "two", .routes = second, .route_count = 2}};
    const ApiSurface *const list[] = {&surfaces[0], &surfaces[1]};
    Buf out = {0};
    openapi_write(&out, "t", list, 2);
    json_error_t wrong;
    json_t *page = json_loadb((const char *)out.data, out.size, JSON_REJECT_DUPLICATES, &wrong);
    if (page == NULL) {
        test_fail(__FILE__, __LINE__, "%s at %d", wrong.text, wrong.position);
    }
    const json_t *paths = json_object_get(page, "paths");
    CHECK_INT(json_object_size(paths), 2);
    const json_t *item = json_object_get(paths, "/a/{b}");
    CHECK_INT(json_object_size(item), 3);
    const json_t *get = json_object_get(item, "get");
    CHECK_TEXT(slice_of(json_string_value(json_object_get(get, "operationId"))), "get_a_b");
    CHECK_TEXT(slice_of(json_string_value(json_object_get(get, "summary"))), "Says \"b\"");
    CHECK_INT(json_array_size(json_object_get(get, "parameters")), 1);
    const json_t *body = json_object_get(json_object_get(json_object_get(item, "put"), "requestBody"), "content");
    CHECK(json_object_get(body, "application/x") != NULL);
    json_decref(page);
    buf_release(&out);
}
