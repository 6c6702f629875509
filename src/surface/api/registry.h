// SPDX-License-Identifier: Apache-2.0
// The Schema Registry's REST API, as Confluent's 7.x and 8.x answer it, for Avro and JSON Schema: paths, codes and
// messages of its reference ("Schema Registry API"). Everything is in one context, ".".
#ifndef LEAT_SURFACE_API_REGISTRY_H
#define LEAT_SURFACE_API_REGISTRY_H

#include "engine/state/registry_store.h"
#include "surface/api/front.h"

// The front's: opens DATA/registry.db or, with journals in Kafka, the topic beside them. Its context is the store.
CHECKED bool registry_open(Front *front, ApiSurface *surface, Err *err);
void registry_close(void *context);
// The same over a store that is open.
void registry_surface(RegistryStore *store, ApiSurface *surface);

#endif
