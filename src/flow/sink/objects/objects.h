// SPDX-License-Identifier: Apache-2.0
// The objects sink: each table's changes as files in a store, complete or absent, exactly once. See
// docs/sinks/objects.md for what a user sees; options.h for the options and what they come to, names.h for the names,
// partition.h for folders, files.h for files under way, publish.h for how they are published, plan.h for what is
// remembered.
#ifndef LEAT_FLOW_SINK_OBJECTS_OBJECTS_H
#define LEAT_FLOW_SINK_OBJECTS_OBJECTS_H

#include "flow/sink/objects/options.h"
#include "flow/sink/sink.h"

extern const SinkDriver OBJECTS_SINK;

#endif
