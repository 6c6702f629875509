// SPDX-License-Identifier: Apache-2.0
#include "surface/api/health.h"

#include "core/base/json.h"

#include <pthread.h>

#define MEMBER "\"member\":true" // of MESSAGE_CLUSTER

typedef struct Health {
    bool clustered;
    pthread_mutex_t mutex;
    Buf cluster; // what the member says; empty = there is none now
} Health;

static void cluster(Health *health, ApiAnswer *answer) {
    pthread_mutex_lock(&health->mutex);
    Slice said = buf_slice(&health->cluster);
    bool member = said.size > 0 && memmem(said.data, said.size, MEMBER, strlen(MEMBER)) != NULL;
    if (!member) {
        answer->status = 503;
        buf_text(&answer->body, "{\"status\":\"unhealthy\",\"message\":\"This node is no member of its cluster now: it "
                                "joins, or Kafka cannot be reached.\"");
    } else {
        buf_text(&answer->body,
                 "{\"status\":\"healthy\",\"message\":\"Worker has completed startup and is ready to handle "
                 "requests.\"");
    }
    buf_text(&answer->body, ",\"cluster\":");
    buf_put(&answer->body, said.size > 0 ? said : SLICE("null"));
    buf_u8(&answer->body, '}');
    pthread_mutex_unlock(&health->mutex);
}

// The supervisor answers through the channel; when it is gone this process is too. So whoever can be asked is healthy.
static void health(void *context, const ApiRequest *request, ApiAnswer *answer) {
    Health *health = context;
    if (health->clustered) {
        cluster(health, answer);
        return;
    }
    buf_text(&answer->body,
             "{\"status\":\"healthy\",\"message\":\"Worker has completed startup and is ready to handle requests.\"}");
}

static const ApiRoute ROUTES[] = {
    {.method = "GET",
     .pattern = "/health",
     .role = ROLE_NONE,
     .handler = health,
     .summary = "Whether the server works",
     .answer_schema =
         "{\"type\":\"object\",\"properties\":{\"status\":{\"type\":\"string\",\"enum\":[\"healthy\","
         "\"starting\",\"unhealthy\"]},\"message\":{\"type\":\"string\"},\"cluster\":{\"type\":[\"object\",\"null\"],"
         "\"properties\":{\"group\":{\"type\":\"string\"},\"id\":{\"type\":\"string\"},\"member\":{\"type\":"
         "\"boolean\"}"
         ",\"slots\":{\"type\":\"integer\"},\"nodes\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}}}",
     .flags = ROUTE_FAST},
};

bool health_open(Front *front, ApiSurface *surface, Err *err) {
    Health *health = calloc(1, sizeof(*health));
    ASSERT(health != NULL);
    health->clustered = server_options_cluster(front_options(front));
    pthread_mutex_init(&health->mutex, NULL);
    *surface = (ApiSurface){.name = "Health",
                            .routes = ROUTES,
                            .route_count = ARRAY_LEN(ROUTES),
                            .context = health,
                            .produces = "application/json"};
    return true;
}

void health_message(void *context, const Message *message) {
    Health *health = context;
    if (message->type == MESSAGE_CLUSTER) {
        pthread_mutex_lock(&health->mutex);
        buf_reset(&health->cluster);
        buf_put(&health->cluster, message->text);
        pthread_mutex_unlock(&health->mutex);
    }
}

void health_close(void *context) {
    Health *health = context;
    buf_release(&health->cluster);
    pthread_mutex_destroy(&health->mutex);
    free(health);
}
