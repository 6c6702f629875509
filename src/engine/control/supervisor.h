// SPDX-License-Identifier: Apache-2.0
// The supervisor of `leat server`: starts the front and one worker for each connector that is to run, watches them,
// starts them again, and owns the connectors' documents. It never listens, never connects out, and reads no bytes but
// those of its own files and children.
//
// What a worker's end leads to, by the class of its error:
//     transient  again, with backoff, for ever (a pipeline that another process holds, too)
//     config     the task is FAILED until an operator changes or restarts it
//     data       likewise
//     internal, a signal, an end without a word: again with backoff, a few times in a row, then FAILED: a crash loop
#ifndef LEAT_ENGINE_CONTROL_SUPERVISOR_H
#define LEAT_ENGINE_CONTROL_SUPERVISOR_H

#include "core/base/err.h"
#include "engine/ipc/server_options.h"

typedef struct SupervisorSetup {
    const char *data_directory; // absolute
    const ServerOptions *options;
    const char *log_level; // of all processes, as --log-level has it; NULL = theirs
} SupervisorSetup;

// Runs until SIGTERM or SIGINT, then stops every child at a checkpoint; a second signal ends all at once (and returns
// ERR_INTERRUPTED). ERR_LOCKED: another server has the data directory. An error of the front before it was ever ready
// (a port in use) ends the server with it.
CHECKED bool supervisor_run(const SupervisorSetup *setup, Err *err);

#endif
