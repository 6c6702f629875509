// SPDX-License-Identifier: Apache-2.0
// GET /health, as Kafka Connect's workers answer it since 3.9: 200 once the server is up. Nobody is asked for a token.
// A node that is no member of its cluster is unhealthy: 503.
#ifndef LEAT_SURFACE_API_HEALTH_H
#define LEAT_SURFACE_API_HEALTH_H

#include "surface/api/front.h"

CHECKED bool health_open(Front *front, ApiSurface *surface, Err *err);
void health_message(void *context, const Message *message);
void health_close(void *context);

#endif
