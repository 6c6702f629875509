// SPDX-License-Identifier: Apache-2.0
// Log levels at run time: what ASK `level` says, applied in the process that gets it.
//     {"logger":"root","level":"DEBUG"}
// Loggers: "root" and "leat" are all of a process; "leat.source", "leat.sink", … one area (core/base/log.h);
// "leat.connector.NAME" the worker of one connector. Levels as log4j names them, in any case.
#ifndef LEAT_ENGINE_IPC_LEVEL_H
#define LEAT_ENGINE_IPC_LEVEL_H

#include "core/base/err.h"
#include "core/base/log.h"

// Does what it says, where it concerns this process: `connector` is a worker's, {NULL, 0} of others. ERR_OPTION: it is
// not of that form, or there is no such level; a logger that nobody has is none.
CHECKED bool level_apply(Slice json, Slice connector, Err *err);

#endif
