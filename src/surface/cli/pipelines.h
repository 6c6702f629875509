// SPDX-License-Identifier: Apache-2.0
// What several commands need of pipelines: where they are, which one is meant.
#ifndef LEAT_SURFACE_CLI_PIPELINES_H
#define LEAT_SURFACE_CLI_PIPELINES_H

#include "flow/pipeline/config.h"
#include "surface/cli/command.h"

const char *cli_data_directory(const Cli *cli);
CHECKED bool cli_pipeline_load(const Cli *cli, const char *name, PipelineConfig *config, Err *err);
// A path as it will be found again from another working directory; a URL as it is.
const char *cli_sink_url(Arena *arena, const char *given);
// True while another process runs the pipeline; *pid is then its process.
bool cli_pipeline_running(const Cli *cli, const PipelineConfig *config, int *pid);
// ERR_LOCKED names the process that runs it.
CHECKED bool cli_pipeline_stopped(const Cli *cli, const PipelineConfig *config, Err *err);
// Asks on a terminal, unless --yes was given.
bool cli_confirmed(const Cli *cli, const char *question);
// A source that refuses a stored URL: says that passwords given on the command line are not stored.
bool cli_stored_url_hint(Err *err);

#endif
