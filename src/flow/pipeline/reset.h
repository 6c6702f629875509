// SPDX-License-Identifier: Apache-2.0
// A sink's offsets set anew: finds in the journal what was asked for, then has the sink do it. Nobody has it open.
#ifndef LEAT_FLOW_PIPELINE_RESET_H
#define LEAT_FLOW_PIPELINE_RESET_H

#include "flow/pipeline/pipeline.h"

typedef struct SinkResetSpec {
    const SinkDriver *sink;
    const SinkContext *context;
    const char *journal; // its directory
    const char *pin;
    bool dry_run;
    // False: the topic stays where it is. Else `to`, `offset` and `time_us` say where it goes on.
    bool (*wants)(void *owner, Slice topic, PipelineReset *how);
    bool (*checked)(void *owner, Err *err); // once every topic was asked for; NULL = nothing to say
    void *owner;
} SinkResetSpec;

// Gives each topic that was wanted, in the arena.
CHECKED bool sink_reset(const SinkResetSpec *spec, Arena *arena, SinkReset **topics, size_t *count, Err *err);

#endif
