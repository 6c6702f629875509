// SPDX-License-Identifier: Apache-2.0
// Making, changing and showing a PipelineConfig; loading and saving are in pipeline.h.
//
// config.json, format 1:
//     {"format_version": 1, "name": "shop_lake", "source": {"url": "postgres://ann@db/shop"},
//      "sink": {"driver": "objects", "url": "/lake"}, "format": "json",
//      "options": {"tables": "public.*", "file.rotate.interval": "5s"}}
// Options that have their default are left out. A password in clear is never in it: see source_url.h.
#ifndef LEAT_FLOW_PIPELINE_CONFIG_H
#define LEAT_FLOW_PIPELINE_CONFIG_H

#include "core/base/buf.h"
#include "core/config/data_directory.h"
#include "flow/pipeline/pipeline.h"

enum { CONFIG_FORMAT = 1 };

// A new one with every default: name, directory, drivers and options. The format decides between the sinks that a place
// can have. ERR_OPTION for a bad name, source, sink or format.
CHECKED bool pipeline_config_init(PipelineConfig *config, const char *data_directory, const char *name,
                                  const char *source_url, const char *sink_url, const char *format,
                                  const PipelineDrivers *drivers, Arena *arena, Err *err);
size_t pipeline_sink_options_bytes(const SinkDriver *sink); // of its option struct
// An option of the pipeline or of its sink, by name. An unknown one: ERR_OPTION.
CHECKED bool pipeline_config_set(PipelineConfig *config, const char *name, const char *value, Arena *arena, Err *err);
bool pipeline_exists(const char *data_directory, const char *name, Arena *arena);
// The names of all pipelines, in order.
CHECKED bool pipeline_list(const char *data_directory, Arena *arena, const char ***names, size_t *count, Err *err);
// Every option with its value, one `visit` each.
void pipeline_config_each(const PipelineConfig *config,
                          void (*visit)(void *context, const OptionSpec *spec, const char *value), void *context);

#endif
