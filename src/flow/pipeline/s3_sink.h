// SPDX-License-Identifier: Apache-2.0
// Confluent's S3 sink connector over the objects sink: its configuration as that sink's options.
// data/connect/definitions/s3_sink.c says what each key is.
#ifndef LEAT_FLOW_PIPELINE_S3_SINK_H
#define LEAT_FLOW_PIPELINE_S3_SINK_H

#include "core/config/properties.h"
#include "flow/sink/sink.h"

// `config` has its references resolved. Gives the sink's option struct and its URL: s3://BUCKET, or with
// store.url=file:///DIRECTORY the path DIRECTORY/BUCKET. Options of the objects sink itself can be given under "leat.".
// ERR_OPTION names the key.
CHECKED bool s3_sink_options(Arena *arena, const SinkDriver *sink, const Properties *config, void **options,
                             const char **url, Err *err);

#endif
