// SPDX-License-Identifier: Apache-2.0
// A worker process of `leat server`: one connector's work, or one answer to a call. Its supervisor is at the other end
// of CHANNEL_FD; the data directory is LEAT_DATA_DIR in its environment.
#ifndef LEAT_ENGINE_WORKER_WORKER_H
#define LEAT_ENGINE_WORKER_WORKER_H

#include "flow/pipeline/pipeline.h"

#include <stdatomic.h>

typedef struct WorkerSetup {
    const PipelineDrivers *drivers;
    void (*stop_watch)(atomic_bool *stop); // told once, for whoever waits without a `stop` of his own
} WorkerSetup;

// The process's exit status.
int worker_main(const WorkerSetup *setup);

#endif
