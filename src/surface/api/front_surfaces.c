// SPDX-License-Identifier: Apache-2.0
// What the front serves, and where. The first surface of a listener that has a path answers it.
#include "surface/api/audit.h"
#include "surface/api/catalog.h"
#include "surface/api/connect.h"
#include "surface/api/front.h"
#include "surface/api/health.h"
#include "surface/api/loggers.h"
#include "surface/api/metrics.h"
#include "surface/api/openapi.h"
#include "surface/api/registry.h"
#include "surface/api/watch.h"
#include "surface/api/webhook.h"

enum {
    ON_CONNECT = 1 << FRONT_CONNECT,
    ON_REGISTRY = 1 << FRONT_REGISTRY,
    ON_METRICS = 1 << FRONT_METRICS,
    ON_CATALOG = 1 << FRONT_CATALOG
};

const FrontSurface FRONT_SURFACES[] = {
    {.listeners = ON_CONNECT, .open = connect_open, .message = connect_message, .close = connect_close},
    {.listeners = ON_REGISTRY, .open = registry_open, .close = registry_close},
    {.listeners = ON_CATALOG, .open = catalog_front_open, .close = catalog_api_close},
    {.listeners = ON_CONNECT | ON_METRICS, .open = health_open, .message = health_message, .close = health_close},
    {.listeners = ON_CONNECT, .open = loggers_open, .message = loggers_message, .close = loggers_close},
    {.listeners = ON_CONNECT, .open = openapi_connect_open},
    {.listeners = ON_REGISTRY, .open = openapi_registry_open},
    {.listeners = ON_CONNECT | ON_METRICS, .open = audit_surface},
    {.listeners = ON_CONNECT | ON_METRICS, .open = metrics_open, .message = metrics_message, .close = metrics_close},
    {.listeners = ON_CONNECT, .open = watch_open, .close = watch_close},
    {.open = webhook_open, .message = webhook_message, .close = webhook_close},
};
const size_t FRONT_SURFACE_COUNT = ARRAY_LEN(FRONT_SURFACES);
