// SPDX-License-Identifier: Apache-2.0
// How a run goes on: a block that is redrawn on a terminal, JSON lines about once a second in a pipe. Log lines are
// put above the block.
#ifndef LEAT_SURFACE_CLI_PROGRESS_H
#define LEAT_SURFACE_CLI_PROGRESS_H

#include "core/base/arena.h"
#include "flow/pipeline/pipeline.h"

typedef struct Progress Progress;
Progress *progress_begin(Arena *arena, const char *pipeline);
void progress_report(void *progress, const PipelineReport *report); // a PipelineRun.report
// Takes the block away, lets the log go to stderr again.
void progress_end(Progress *progress);
uint64_t progress_rows(const Progress *progress); // snapshot rows of all tables, as last reported

#endif
