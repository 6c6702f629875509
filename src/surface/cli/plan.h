// SPDX-License-Identifier: Apache-2.0
// What a run is going to do, said before anything is created; and what it has done.
#ifndef LEAT_SURFACE_CLI_PLAN_H
#define LEAT_SURFACE_CLI_PLAN_H

#include "core/base/buf.h"
#include "flow/pipeline/pipeline.h"

void plan_text(Buf *out, const PipelineConfig *config, SourceMode mode, const PipelinePlan *plan);
void plan_json(Buf *out, const PipelineConfig *config, SourceMode mode, const PipelinePlan *plan);
const char *source_mode_name(SourceMode mode);

typedef struct Summary {
    const PipelineConfig *config;
    const PipelinePlan *plan;
    const PipelineReport *last;
    SourceMode mode;
    uint64_t rows; // read by the snapshot in this run
    int64_t elapsed_ms;
    bool stopped; // by a signal, before its goal
} Summary;
void summary_text(Buf *out, const Summary *summary);
void summary_json(Buf *out, const Summary *summary);

#endif
