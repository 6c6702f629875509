// SPDX-License-Identifier: Apache-2.0
// The objects sink: each table's changes as a family of files, complete or absent, exactly once. See
// docs/sinks/objects.md for what a user sees; names.h for the names, plan.h for what is remembered, files.h for files
// under way.
#ifndef LEAT_FLOW_SINK_OBJECTS_OBJECTS_H
#define LEAT_FLOW_SINK_OBJECTS_OBJECTS_H

#include "flow/sink/sink.h"

typedef struct ObjectsOptions {
    int64_t rotate_bytes;
    int64_t rotate_interval_ms;
    const char *format;    // json
    const char *decimals;  // string | number
    const char *documents; // string | embedded
} ObjectsOptions;

extern const OptionTable OBJECTS_OPTIONS;
extern const SinkDriver OBJECTS_SINK;

#endif
