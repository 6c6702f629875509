// SPDX-License-Identifier: Apache-2.0
// GET /metrics in Prometheus' text form (0.0.4): the newest STATE of every connector, the processes, the front itself.
// Names and meanings: docs/operations/monitoring.md, from the same tables.
//
// Tables are many: at most METRICS_TABLES_MAX get series of their own, connectors and tables in the order of their
// names; leat_tables_omitted says how many did not.
#ifndef LEAT_SURFACE_API_METRICS_H
#define LEAT_SURFACE_API_METRICS_H

#include "surface/api/front.h"

enum { METRICS_TABLES_MAX = 2000 };

CHECKED bool metrics_open(Front *front, ApiSurface *surface, Err *err);
void metrics_message(void *context, const Message *message);
void metrics_close(void *context);

#endif
