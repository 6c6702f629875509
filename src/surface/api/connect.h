// SPDX-License-Identifier: Apache-2.0
// Kafka Connect's REST API, with the semantics of its 4.x, over the connectors of this server. Reads are answered from
// the fleet (fleet.h); changes go to the supervisor. What is served, and what differs: docs/reference/connect-rest.md.
#ifndef LEAT_SURFACE_API_CONNECT_H
#define LEAT_SURFACE_API_CONNECT_H

#include "surface/api/front.h"

bool connect_open(Front *front, ApiSurface *surface, Err *err);
void connect_message(void *context, const Message *message);
void connect_close(void *context);

#endif
