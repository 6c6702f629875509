// SPDX-License-Identifier: Apache-2.0
// GET and PUT /admin/loggers: log levels of all processes at run time, in Kafka Connect's form. leat's own loggers are
// "root", "leat.source", "leat.sink", … and "leat.connector.NAME"; those of the original that somebody may have in a
// runbook ("io.debezium", …) stand for one of them, any other is remembered and without effect.
#ifndef LEAT_SURFACE_API_LOGGERS_H
#define LEAT_SURFACE_API_LOGGERS_H

#include "surface/api/front.h"

CHECKED bool loggers_open(Front *front, ApiSurface *surface, Err *err);
void loggers_message(void *context, const Message *message);
void loggers_close(void *context);

#endif
