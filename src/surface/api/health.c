// SPDX-License-Identifier: Apache-2.0
#include "surface/api/health.h"

#include "core/base/json.h"

// The supervisor answers through the channel; when it is gone this process is too. So whoever can be asked is healthy.
static void health(void *context, const ApiRequest *request, ApiAnswer *answer) {
    buf_text(&answer->body,
             "{\"status\":\"healthy\",\"message\":\"Worker has completed startup and is ready to handle requests.\"}");
}

static const ApiRoute ROUTES[] = {
    {.method = "GET",
     .pattern = "/health",
     .role = ROLE_NONE,
     .handler = health,
     .summary = "Whether the server works",
     .answer_schema = "{\"type\":\"object\",\"properties\":{\"status\":{\"type\":\"string\",\"enum\":[\"healthy\","
                      "\"starting\",\"unhealthy\"]},\"message\":{\"type\":\"string\"}}}",
     .flags = ROUTE_FAST},
};

bool health_open(Front *front, ApiSurface *surface, Err *err) {
    *surface = (ApiSurface){.name = "Health",
                            .routes = ROUTES,
                            .route_count = ARRAY_LEN(ROUTES),
                            .context = front,
                            .produces = "application/json"};
    return true;
}
