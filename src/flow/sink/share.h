// SPDX-License-Identifier: Apache-2.0
// Which task of a sink connector has which partition of its topics, and what the target knows each task by. A share is
// fixed by the partition's name and the number of tasks alone: whatever topics come or go, no other partition moves.
#ifndef LEAT_FLOW_SINK_SHARE_H
#define LEAT_FLOW_SINK_SHARE_H

#include "core/base/arena.h"
#include "core/base/bytes.h"

// One task of several that write the same target.
typedef struct SinkShare {
    const char *pipeline; // what the target knows a sole task by
    uint32_t task, tasks; // 0 … tasks - 1, of so many
} SinkShare;

// The task of a partition.
uint32_t share_task(Slice topic, int32_t partition, uint32_t tasks);
// The same of a sink's topic, "TOPIC/PARTITION"; what has no partition is task 0's.
bool share_has(const SinkShare *share, Slice topic);
// TOPIC and PARTITION of a sink's topic; false: it has none.
bool topic_name_split(Slice name, Slice *topic, int32_t *partition);

// What the target knows a task by: PIPELINE, or of several "PIPELINE@@1-of-3".
const char *share_pipeline(Arena *arena, const SinkShare *share);
// Is `name` that of a task of another number of tasks? *task: which.
bool share_is_other(const SinkShare *share, Slice name, uint32_t *task);

#endif
