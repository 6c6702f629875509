// SPDX-License-Identifier: Apache-2.0
// Iceberg's sink connector (Apache's, and Tabular's before it) over the lake: its configuration as the lake's options
// and rules. data/connect/definitions/iceberg_sink.c says what each key is.
#ifndef LEAT_FLOW_PIPELINE_ICEBERG_SINK_H
#define LEAT_FLOW_PIPELINE_ICEBERG_SINK_H

#include "core/config/properties.h"
#include "flow/sink/sink.h"

bool iceberg_sink_class(Slice connector_class); // is it one of them?
// `config` has its references resolved, and outlives what is made. Gives the sink's option struct, its URL
// (iceberg+https://… of iceberg.catalog.type=rest, iceberg.catalog.warehouse of type=embedded) and the rules, which
// iceberg_sink_release frees. ERR_OPTION names the key.
CHECKED bool iceberg_sink_options(Arena *arena, const SinkDriver *sink, const Properties *config, void **options,
                                  const char **url, const RecordRules **rules, Err *err);
void iceberg_sink_release(const RecordRules *rules); // NULL is fine

#endif
