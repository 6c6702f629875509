// SPDX-License-Identifier: Apache-2.0
// REST surfaces as tables: a row is a method, a path, who may, and a function. The same rows make /openapi.json, the
// audit, and 404 and 405.
//
// Handlers run on the front's threads, many at once; they may wait. All they need of a request is decoded and checked
// for its limits (body, depth of JSON, UTF-8) before they run.
#ifndef LEAT_SURFACE_API_ROUTER_H
#define LEAT_SURFACE_API_ROUTER_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef enum ApiRole { ROLE_NONE, ROLE_READER, ROLE_OPERATOR, ROLE_ADMIN } ApiRole;

enum { API_PARTS_MAX = 6, API_HEADERS_MAX = 4 };

#define API_FORWARDED "X-Leat-Forwarded" // a request that a node of a cluster hands on; which one

typedef struct ApiParameter {
    Slice name, value;
} ApiParameter;

typedef struct ApiRequest {
    const char *method;
    Slice path;                 // as sent, without the query
    Slice parts[API_PARTS_MAX]; // what the {…} of the pattern stand for, percent-decoded, UTF-8
    const ApiParameter *query;  // decoded
    size_t query_count;
    const char *content_type; // "" = none
    Slice body;
    const char *actor; // who asks: the token's name, "anonymous" without tokens
    ApiRole role;
    Arena *arena;              // lives as long as the request
    const char *accept;        // "" = none; so are the three below, or NULL
    const char *authorization; // for /v1/oauth/tokens, and for another node: everybody else has actor and role
    const char *if_none_match;
    const char *idempotency_key;
    const char *forwarded; // by a node of the cluster
} ApiRequest;

typedef struct ApiAnswer {
    int status;               // 200 unless set
    const char *content_type; // application/json unless set; "" = none is said
    Buf body;
    struct {
        const char *name, *value;
    } headers[API_HEADERS_MAX];
    size_t header_count;
} ApiAnswer;

typedef void (*ApiHandler)(void *context, const ApiRequest *request, ApiAnswer *answer);

enum {
    ROUTE_FAST = 1,     // looks something up in memory and never waits: it runs on the listener's own thread
    ROUTE_HARMLESS = 2, // no GET and yet no change (validate, compatibility, a look-up by POST): not in the audit
};

typedef struct ApiRoute {
    const char *method;
    const char *pattern; // "/connectors/{connector}/status"; a trailing slash of a request does not count
    ApiRole role;        // the least that may
    ApiHandler handler;
    const char *summary;                        // for the OpenAPI page
    const char *request_schema, *answer_schema; // JSON schemas for the OpenAPI page; NULL = none
    unsigned flags;                             // ROUTE_…
} ApiRoute;

// One surface: its routes, and how it says errors ({"error_code":…,"message":…} with Connect's or the registry's
// codes).
typedef struct ApiSurface {
    const char *name; // "Kafka Connect"
    const ApiRoute *routes;
    size_t route_count;
    void *context; // given to the handlers
    void (*error)(ApiAnswer *answer, int code, const char *message);
    const char *content_type; // of answers; NULL = application/json
    const char *consumes;     // media types of bodies, comma-separated; another one is answered 415. NULL = any
    const char *produces;     // media types of answers: an Accept that has none of them is answered 406. NULL = any
    // Asked before each handler; false: the answer is written. Where it is set no row is fast. NULL = always ready
    bool (*ready)(void *context, ApiAnswer *answer);
} ApiSurface;

enum { API_JSON_DEPTH_MAX = 128, API_JSON_VALUES_MAX = 100 * 1000, API_QUERY_MAX = 64 };

// Absent: data NULL.
Slice api_query(const ApiRequest *request, const char *name);
// As Java's Boolean.parseBoolean: "true" in any case; `otherwise` when absent.
bool api_query_bool(const ApiRequest *request, const char *name, bool otherwise);
// {"error_code":code,"message":…}; the HTTP status is the code's first three digits.
void api_error(ApiAnswer *answer, int code, const char *format, ...) PRINTF_LIKE(3, 4);
void api_header(ApiAnswer *answer, const char *name, const char *value); // both outlive the answer (arena)

// Takes path and query out of a target as it was sent ("/a%2Fb?c=d", or with scheme and host). False: its escapes are
// broken or not UTF-8, or it has too many parameters.
CHECKED bool api_target(ApiRequest *request, Slice target);
// The first row of the table that fits method and path: a row with a literal stands before the row with a {…} in its
// place. Trailing slashes do not count; HEAD is GET. NULL with status 0: the surface has no such path. NULL with a
// status: the answer is written (400, 405, 406, and OPTIONS).
const ApiRoute *api_find(const ApiSurface *surface, ApiRequest *request, ApiAnswer *answer);
// Checks the body (its type, and JSON's limits), then runs the row.
void api_run(const ApiSurface *surface, const ApiRoute *route, const ApiRequest *request, ApiAnswer *answer);
// Both; 404 where there is no such path. Neither role nor audit: that is the front's.
void api_dispatch(const ApiSurface *surface, const ApiRequest *request, ApiAnswer *answer);
void api_not_found(const ApiSurface *surface, ApiAnswer *answer);
// NULL, or what is wrong: not UTF-8, too deep, too many values. Whoever parses JSON out of a JSON string (a schema)
// asks this first. Looks only at what bounds memory and stack; whether it is JSON is the parser's to say.
const char *api_json_excess(Slice text);

#endif
