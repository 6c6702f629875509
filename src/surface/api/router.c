// SPDX-License-Identifier: Apache-2.0
#include "surface/api/router.h"

#include "core/base/json.h"

#include <strings.h>

enum {
    MESSAGE_BYTES_MAX = 16 << 10,
    UNSUPPORTED_MEDIA_TYPE = 415,
    NOT_ACCEPTABLE = 406,
    METHOD_NOT_ALLOWED = 405,
    NOT_FOUND = 404
};

// ---- answers

Slice api_query(const ApiRequest *request, const char *name) {
    Slice wanted = slice_of(name);
    for (size_t i = 0; i < request->query_count; i++) {
        if (slice_equal(request->query[i].name, wanted)) {
            return request->query[i].value;
        }
    }
    return (Slice){0};
}

bool api_query_bool(const ApiRequest *request, const char *name, bool otherwise) {
    Slice value = api_query(request, name);
    if (value.data == NULL) {
        return otherwise;
    }
    return value.size == 4 && strncasecmp((const char *)value.data, "true", 4) == 0;
}

void api_error(ApiAnswer *answer, int code, const char *format, ...) {
    answer->status = code;
    while (answer->status > 999) {
        answer->status /= 10;
    }
    DEFER(buf_release) Buf message = {0};
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size = MIN(size, MESSAGE_BYTES_MAX);
    uint8_t *room = size >= 0 ? buf_room(&message, (size_t)size + 1) : NULL;
    if (room != NULL) {
        va_start(arguments, format);
        vsnprintf((char *)room, (size_t)size + 1, format, arguments);
        va_end(arguments);
        buf_advance(&message, (size_t)size);
    }
    buf_reset(&answer->body);
    buf_printf(&answer->body, "{\"error_code\":%d,\"message\":", code);
    json_quote(&answer->body, buf_slice(&message));
    buf_u8(&answer->body, '}');
}

void api_header(ApiAnswer *answer, const char *name, const char *value) {
    ASSERT(answer->header_count < API_HEADERS_MAX);
    answer->headers[answer->header_count].name = name;
    answer->headers[answer->header_count].value = value;
    answer->header_count++;
}

// The router's own errors: as JAX-RS words them, and without a Content-Type, as the original answers them.
static void plain_error(const ApiSurface *surface, ApiAnswer *answer, int code, const char *reason) {
    char message[64];
    snprintf(message, sizeof(message), "HTTP %d %s", code, reason);
    if (surface->error != NULL) {
        surface->error(answer, code, message);
    } else {
        api_error(answer, code, "%s", message);
    }
    answer->content_type = "";
}

void api_not_found(const ApiSurface *surface, ApiAnswer *answer) {
    plain_error(surface, answer, NOT_FOUND, "Not Found");
}

static void bad_request(const ApiSurface *surface, ApiAnswer *answer, const char *message) {
    if (surface->error != NULL) {
        surface->error(answer, 400, message);
    } else {
        api_error(answer, 400, "%s", message);
    }
}

// ---- decoding

// With a NUL behind it. False: a broken escape, a NUL, or no UTF-8.
static bool decode(Arena *arena, Slice text, bool plus_is_blank, Slice *decoded) {
    uint8_t *to = arena_alloc(arena, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte == '%') {
            int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            byte = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (byte == '+' && plus_is_blank) {
            byte = ' ';
        }
        if (byte == 0) {
            return false;
        }
        to[size++] = byte;
    }
    *decoded = (Slice){to, size};
    return json_utf8_valid(*decoded);
}

static const uint8_t *find_byte(const uint8_t *at, const uint8_t *end, char byte) {
    const uint8_t *found = at < end ? memchr(at, byte, (size_t)(end - at)) : NULL;
    return found != NULL ? found : end;
}

static bool parse_query(ApiRequest *request, Slice text) {
    ApiParameter *parameters = NULL;
    const uint8_t *at = text.data, *end = text.data + text.size;
    while (at < end) {
        const uint8_t *stop = find_byte(at, end, '&');
        const uint8_t *equal = find_byte(at, stop, '=');
        if (stop > at) {
            if (request->query_count == API_QUERY_MAX) {
                return false;
            }
            if (parameters == NULL) {
                parameters = ARENA_ARRAY(request->arena, ApiParameter, API_QUERY_MAX);
            }
            ApiParameter *parameter = &parameters[request->query_count];
            Slice value = {equal + 1, equal < stop ? (size_t)(stop - equal - 1) : 0};
            value.data = equal < stop ? value.data : equal;
            if (!decode(request->arena, (Slice){at, (size_t)(equal - at)}, true, &parameter->name) ||
                !decode(request->arena, value, true, &parameter->value)) {
                return false;
            }
            request->query_count++;
        }
        at = stop + 1;
    }
    request->query = parameters;
    return true;
}

bool api_target(ApiRequest *request, Slice target) {
    const uint8_t *at = target.data, *end = target.data + target.size;
    if (target.size > 0 && *at != '/') { // "http://host/path", as a proxy is asked
        const uint8_t *scheme = memmem(at, target.size, "://", 3);
        if (scheme != NULL) {
            at = find_byte(scheme + 3, end, '/');
        }
    }
    end = find_byte(at, end, '#');
    const uint8_t *question = find_byte(at, end, '?');
    request->path = (Slice){at, (size_t)(question - at)};
    request->query = NULL;
    request->query_count = 0;
    return question == end || parse_query(request, (Slice){question + 1, (size_t)(end - question - 1)});
}

// ---- matching

// The next segment of a path, moving *at behind it; false at the end.
static bool segment(const uint8_t **at, const uint8_t *end, Slice *found) {
    while (*at < end && **at == '/') {
        (*at)++;
        if (*at < end && **at == '/') { // an empty name
            *found = (Slice){*at, 0};
            return true;
        }
    }
    if (*at >= end) {
        return false;
    }
    const uint8_t *stop = find_byte(*at, end, '/');
    *found = (Slice){*at, (size_t)(stop - *at)};
    *at = stop;
    return true;
}

// `parts`: as sent, of what the {…} stand for.
static bool matches(const char *pattern, Slice path, Slice *parts) {
    Slice wanted_text = slice_of(pattern), wanted, got;
    const uint8_t *want = wanted_text.data, *want_end = want + wanted_text.size;
    const uint8_t *at = path.data, *end = path.data + path.size;
    size_t part = 0;
    while (segment(&want, want_end, &wanted)) {
        if (!segment(&at, end, &got)) {
            return false;
        }
        if (wanted.size > 0 && wanted.data[0] == '{') {
            if (got.size == 0) {
                return false;
            }
            ASSERT(part < API_PARTS_MAX);
            parts[part++] = got;
        } else if (!slice_equal(wanted, got)) {
            return false;
        }
    }
    while (at < end && *at == '/') {
        at++;
    }
    return at == end;
}

static void append_allowed(char *to, size_t size, const char *method, const char *between) {
    size_t used = strlen(to);
    if (strstr(to, method) == NULL) { // no method's name is part of another's
        snprintf(to + used, size - used, "%s%s", used > 0 ? between : "", method);
    }
}

static void allowed_methods(const ApiSurface *surface, Slice path, const char *between, char *to, size_t size) {
    Slice parts[API_PARTS_MAX];
    to[0] = '\0';
    for (size_t i = 0; i < surface->route_count; i++) {
        if (matches(surface->routes[i].pattern, path, parts)) {
            if (strcmp(surface->routes[i].method, "GET") == 0) {
                append_allowed(to, size, "HEAD", between);
            }
            append_allowed(to, size, surface->routes[i].method, between);
        }
    }
    append_allowed(to, size, "OPTIONS", between);
}

static void other_method(const ApiSurface *surface, const ApiRequest *request, ApiAnswer *answer) {
    char allowed[128];
    allowed_methods(surface, request->path, ",", allowed, sizeof(allowed));
    const char *header = arena_printf(request->arena, "%s", allowed);
    if (strcmp(request->method, "OPTIONS") == 0) {
        allowed_methods(surface, request->path, ", ", allowed, sizeof(allowed));
        answer->status = 200;
        answer->content_type = "text/plain";
        buf_text(&answer->body, allowed);
    } else {
        plain_error(surface, answer, METHOD_NOT_ALLOWED, "Method Not Allowed");
    }
    api_header(answer, "Allow", header);
}

// One media type of a comma-separated list, without its parameters and blanks; false at the end.
static bool media_type(Slice *list, Slice *type) {
    if (list->size == 0) {
        return false;
    }
    const uint8_t *end = list->data + list->size;
    const uint8_t *comma = find_byte(list->data, end, ',');
    const uint8_t *stop = find_byte(list->data, comma, ';');
    const uint8_t *at = list->data;
    while (at < stop && (*at == ' ' || *at == '\t')) {
        at++;
    }
    while (stop > at && (stop[-1] == ' ' || stop[-1] == '\t')) {
        stop--;
    }
    *type = (Slice){at, (size_t)(stop - at)};
    list->data = comma < end ? comma + 1 : end;
    list->size = (size_t)(end - list->data);
    return true;
}

static bool type_fits(Slice type, Slice offered) {
    const uint8_t *slash = find_byte(offered.data, offered.data + offered.size, '/');
    size_t major = (size_t)(slash - offered.data) + 1;
    if (slice_equal(type, slice_of("*/*")) || slice_equal(type, slice_of("*"))) {
        return true;
    }
    if (type.size == major + 1 && type.data[major] == '*') {
        return strncasecmp((const char *)type.data, (const char *)offered.data, major) == 0;
    }
    return type.size == offered.size &&
           strncasecmp((const char *)type.data, (const char *)offered.data, type.size) == 0;
}

// Is one of `types` one of `offered`?
static bool types_meet(const char *types, const char *offered) {
    Slice list = slice_of(types), type;
    bool any = false;
    while (media_type(&list, &type)) {
        Slice offers = slice_of(offered), offer;
        any = any || type.size > 0;
        while (type.size > 0 && media_type(&offers, &offer)) {
            if (type_fits(type, offer)) {
                return true;
            }
        }
    }
    return !any; // nothing is asked for
}

static bool decode_parts(const ApiSurface *surface, ApiRequest *request, const Slice *parts, ApiAnswer *answer) {
    for (size_t i = 0; i < API_PARTS_MAX; i++) {
        request->parts[i] = (Slice){0};
        if (parts[i].data != NULL && !decode(request->arena, parts[i], false, &request->parts[i])) {
            bad_request(surface, answer, "The path has a broken escape, or is not UTF-8");
            return false;
        }
    }
    return true;
}

const ApiRoute *api_find(const ApiSurface *surface, ApiRequest *request, ApiAnswer *answer) {
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    bool path_known = false;
    for (size_t i = 0; i < surface->route_count; i++) {
        const ApiRoute *route = &surface->routes[i];
        Slice parts[API_PARTS_MAX] = {{0}};
        if (!matches(route->pattern, request->path, parts)) {
            continue;
        }
        path_known = true;
        if (strcmp(route->method, method) != 0) {
            continue;
        }
        if (surface->produces != NULL &&
            !types_meet(request->accept != NULL ? request->accept : "", surface->produces)) {
            plain_error(surface, answer, NOT_ACCEPTABLE, "Not Acceptable");
            return NULL;
        }
        return decode_parts(surface, request, parts, answer) ? route : NULL;
    }
    if (path_known) {
        other_method(surface, request, answer);
    }
    return NULL;
}

// ---- bodies

const char *api_json_excess(Slice text) {
    if (!json_utf8_valid(text)) {
        return "The text is not UTF-8";
    }
    size_t depth = 0, values = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (quoted) {
            i += byte == '\\';
            quoted = byte != '"';
        } else if (byte == '"') {
            quoted = true;
        } else if (byte == '[' || byte == '{') {
            depth++;
            values++;
            if (depth > API_JSON_DEPTH_MAX) {
                return "The JSON is nested too deeply";
            }
        } else if (byte == ']' || byte == '}') {
            depth -= depth > 0;
        } else if (byte == ',') {
            values++;
        }
        if (values > API_JSON_VALUES_MAX) {
            return "The JSON has too many values";
        }
    }
    return NULL;
}

static bool is_json(const char *content_type) {
    Slice list = slice_of(content_type), type;
    if (!media_type(&list, &type)) {
        return true; // none is said: the handler will take it for JSON
    }
    return type.size >= 4 && strncasecmp((const char *)type.data + type.size - 4, "json", 4) == 0;
}

void api_run(const ApiSurface *surface, const ApiRoute *route, const ApiRequest *request, ApiAnswer *answer) {
    const char *content_type = request->content_type != NULL ? request->content_type : "";
    if (request->body.size > 0) {
        if (surface->consumes != NULL && !types_meet(content_type, surface->consumes)) {
            plain_error(surface, answer, UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type");
            return;
        }
        const char *excess = is_json(content_type) ? api_json_excess(request->body) : NULL;
        if (excess != NULL) {
            bad_request(surface, answer, excess);
            return;
        }
    }
    if (surface->ready == NULL || surface->ready(surface->context, answer)) {
        route->handler(surface->context, request, answer);
    }
    if (answer->status == 0) {
        answer->status = 200;
    }
    if (answer->content_type == NULL) {
        answer->content_type = answer->status == 204           ? ""
                               : surface->content_type != NULL ? surface->content_type
                                                               : "application/json";
    }
}

void api_dispatch(const ApiSurface *surface, const ApiRequest *request, ApiAnswer *answer) {
    ApiRequest own = *request;
    const ApiRoute *route = api_find(surface, &own, answer);
    if (route != NULL) {
        api_run(surface, route, &own, answer);
    } else if (answer->status == 0) {
        api_not_found(surface, answer);
    }
}
