// SPDX-License-Identifier: Apache-2.0
// connectors.dir: a directory of connectors as files (core/config/wanted.h), which the server makes true by itself, as
// `leat apply` does: what is missing is created, what differs is changed, a state that a file names is set. It is
// looked at every two seconds; a `.env` in it gives variables. What no file asks for (any more) stays, and is told in
// the log.
#ifndef LEAT_SURFACE_API_WATCH_H
#define LEAT_SURFACE_API_WATCH_H

#include "surface/api/front.h"

bool watch_open(Front *front, ApiSurface *surface, Err *err);
void watch_close(void *context);

#endif
