// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json: what a listener serves, in OpenAPI 3.1, made from the route tables that serve it.
#ifndef LEAT_SURFACE_API_OPENAPI_H
#define LEAT_SURFACE_API_OPENAPI_H

#include "surface/api/front.h"

CHECKED bool openapi_connect_open(Front *front, ApiSurface *surface, Err *err);
CHECKED bool openapi_registry_open(Front *front, ApiSurface *surface, Err *err);

// The document of these surfaces.
void openapi_write(Buf *out, const char *title, const ApiSurface *const *surfaces, size_t count);

#endif
