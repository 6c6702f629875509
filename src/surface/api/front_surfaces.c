// SPDX-License-Identifier: Apache-2.0
// What the front serves, and where. The first surface of a listener that has a path answers it.
#include "surface/api/audit.h"
#include "surface/api/front.h"
#include "surface/api/health.h"

enum { ON_CONNECT = 1 << FRONT_CONNECT, ON_REGISTRY = 1 << FRONT_REGISTRY, ON_METRICS = 1 << FRONT_METRICS };

const FrontSurface FRONT_SURFACES[] = {
    {.listeners = ON_CONNECT | ON_METRICS, .open = health_open},
    {.listeners = ON_CONNECT | ON_METRICS, .open = audit_surface},
};
const size_t FRONT_SURFACE_COUNT = ARRAY_LEN(FRONT_SURFACES);
