// SPDX-License-Identifier: Apache-2.0
// From HTTP to a surface's row and back: who asks, which row, may they, the audit.
#ifndef LEAT_SURFACE_API_FRONT_HTTP_H
#define LEAT_SURFACE_API_FRONT_HTTP_H

#include "core/net/http_server.h"
#include "surface/api/front.h"
#include "surface/api/security.h"

#include <stdatomic.h>

enum { FRONT_SURFACES_MAX = 16 };

// What one listener serves.
typedef struct FrontDoor {
    Security *security;
    const ApiSurface *surfaces[FRONT_SURFACES_MAX];
    size_t surface_count;
    // Every change (no GET, HEAD, OPTIONS; no row that changes nothing) after its answer. NULL: nobody asks.
    void (*changed)(void *context, const ApiRequest *request, int status);
    void *context;
    _Atomic uint64_t requests[6], refused;
} FrontDoor;

HttpHandler front_http_handler(FrontDoor *door);

#endif
