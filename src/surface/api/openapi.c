// SPDX-License-Identifier: Apache-2.0
#include "surface/api/openapi.h"

#include "core/base/json.h"
#include "core/base/version.h"
#include "surface/api/front_http.h"
#include "surface/api/security.h"

enum { METHODS_MAX = 8 };

static const char COMPONENTS[] =
    "\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},\"basic\":{\"type\":"
    "\"http\",\"scheme\":\"basic\"}},\"schemas\":{\"Error\":{\"type\":\"object\",\"required\":[\"error_code\","
    "\"message\"],\"properties\":{\"error_code\":{\"type\":\"integer\"},\"message\":{\"type\":\"string\"}}}},"
    "\"responses\":{\"Error\":{\"description\":\"What is wrong\",\"content\":{\"application/json\":{\"schema\":{"
    "\"$ref\":\"#/components/schemas/Error\"}}}}}}";

// "get", of a method's name.
static void lower(Buf *out, const char *text) {
    for (; *text != '\0'; text++) {
        buf_u8(out, (uint8_t)(*text >= 'A' && *text <= 'Z' ? *text + 32 : *text));
    }
}

// get_connectors_connector_status: one a row.
static void operation_id(Buf *out, const ApiRoute *route) {
    buf_u8(out, '"');
    lower(out, route->method);
    bool gap = true;
    for (const char *at = route->pattern; *at != '\0'; at++) {
        bool word = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
        if (word) {
            buf_text(out, gap ? "_" : "");
            buf_u8(out, (uint8_t)*at);
        }
        gap = !word;
    }
    buf_u8(out, '"');
}

static void path_parameters(Buf *out, const char *pattern) {
    bool first = true;
    json_key(out, "parameters");
    buf_u8(out, '[');
    for (const char *at = pattern; (at = strchr(at, '{')) != NULL;) {
        const char *end = strchr(at, '}');
        if (end == NULL) {
            break;
        }
        buf_text(out, first ? "{\"name\":" : ",{\"name\":");
        json_quote(out, (Slice){(const uint8_t *)at + 1, (size_t)(end - at - 1)});
        buf_text(out, ",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"}}");
        first = false;
        at = end;
    }
    buf_u8(out, ']');
}

static void content(Buf *out, const char *types, const char *otherwise, const char *schema) {
    Slice list = slice_of(types != NULL ? types : otherwise);
    json_key(out, "content");
    buf_u8(out, '{');
    const uint8_t *comma = memchr(list.data, ',', list.size); // the first is the preferred one
    json_quote(out, (Slice){list.data, comma != NULL ? (size_t)(comma - list.data) : list.size});
    buf_printf(out, ":{\"schema\":%s}}", schema);
}

static void operation(Buf *out, const ApiSurface *surface, const ApiRoute *route) {
    buf_text(out, out->data[out->size - 1] == '{' ? "\"" : ",\"");
    lower(out, route->method);
    buf_text(out, "\":{\"operationId\":");
    operation_id(out, route);
    json_key(out, "tags");
    buf_u8(out, '[');
    json_quote(out, slice_of(surface->name));
    buf_u8(out, ']');
    json_field_text(out, "summary", route->summary != NULL ? route->summary : route->pattern);
    if (route->role != ROLE_NONE) {
        json_key(out, "description");
        buf_printf(out, "\"Needs the role %s where the server asks for tokens.\"", security_role_name(route->role));
    } else {
        buf_text(out, ",\"security\":[]");
    }
    path_parameters(out, route->pattern);
    if (route->request_schema != NULL) {
        json_key(out, "requestBody");
        buf_u8(out, '{');
        content(out, surface->consumes, "application/json", route->request_schema);
        buf_u8(out, '}');
    }
    buf_text(out, ",\"responses\":{\"2XX\":{\"description\":\"Done\"");
    if (route->answer_schema != NULL) {
        content(out, surface->content_type, "application/json", route->answer_schema);
    }
    buf_text(out, "},\"default\":{\"$ref\":\"#/components/responses/Error\"}}}");
}

// All rows of one pattern, each method once; rows of a pattern that came before write nothing.
static void path_item(Buf *out, const ApiSurface *const *surfaces, size_t count, size_t of, size_t row) {
    const char *pattern = surfaces[of]->routes[row].pattern;
    const char *methods[METHODS_MAX];
    size_t method_count = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < surfaces[i]->route_count; j++) {
            const ApiRoute *route = &surfaces[i]->routes[j];
            if (strcmp(route->pattern, pattern) != 0) {
                continue;
            }
            if (method_count == 0 && (i != of || j != row)) {
                return; // written with an earlier row
            }
            bool written = method_count == METHODS_MAX;
            for (size_t k = 0; k < method_count; k++) {
                written = written || strcmp(methods[k], route->method) == 0;
            }
            if (written) {
                continue;
            }
            if (method_count == 0) {
                buf_text(out, out->data[out->size - 1] == '{' ? "" : ",");
                json_quote(out, slice_of(pattern));
                buf_text(out, ":{");
            }
            methods[method_count++] = route->method;
            operation(out, surfaces[i], route);
        }
    }
    buf_u8(out, '}');
}

void openapi_write(Buf *out, const char *title, const ApiSurface *const *surfaces, size_t count) {
    buf_text(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":");
    json_quote(out, slice_of(title));
    buf_text(out, ",\"version\":\"" LEAT_VERSION "\",\"license\":{\"name\":\"Apache-2.0\",\"identifier\":"
                  "\"Apache-2.0\"}},\"servers\":[{\"url\":\"/\"}],\"security\":[{},{\"bearer\":[]},{\"basic\":[]}],"
                  "\"paths\":{");
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < surfaces[i]->route_count; j++) {
            path_item(out, surfaces, count, i, j);
        }
    }
    buf_text(out, "},");
    buf_text(out, COMPONENTS);
    buf_u8(out, '}');
}

static void show(const Front *front, FrontListener listener, const char *title, ApiAnswer *answer) {
    const ApiSurface *surfaces[FRONT_SURFACES_MAX];
    size_t count = 0;
    while (count < FRONT_SURFACES_MAX && (surfaces[count] = front_surface(front, listener, count)) != NULL) {
        count++;
    }
    openapi_write(&answer->body, title, surfaces, count);
}

static void show_connect(void *context, const ApiRequest *request, ApiAnswer *answer) {
    show(context, FRONT_CONNECT, "leat: Kafka Connect's API", answer);
}

static void show_registry(void *context, const ApiRequest *request, ApiAnswer *answer) {
    show(context, FRONT_REGISTRY, "leat: schema registry", answer);
}

#define OPENAPI_ROW(function)                                                                    \
    {                                                                                            \
        .method = "GET", .pattern = "/openapi.json", .role = ROLE_READER, .handler = (function), \
        .summary = "This page", .answer_schema = "{\"type\":\"object\"}"                         \
    }
static const ApiRoute CONNECT_ROUTES[] = {OPENAPI_ROW(show_connect)};
static const ApiRoute REGISTRY_ROUTES[] = {OPENAPI_ROW(show_registry)};

bool openapi_connect_open(Front *front, ApiSurface *surface, Err *err) {
    *surface = (ApiSurface){.name = "OpenAPI", .routes = CONNECT_ROUTES, .route_count = 1, .context = front};
    return true;
}

bool openapi_registry_open(Front *front, ApiSurface *surface, Err *err) {
    *surface = (ApiSurface){.name = "OpenAPI", .routes = REGISTRY_ROUTES, .route_count = 1, .context = front};
    return true;
}
