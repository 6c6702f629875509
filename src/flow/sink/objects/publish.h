// SPDX-License-Identifier: Apache-2.0
// Publishing of the objects sink: plan, then publish; recovery. See plan.h.
#ifndef LEAT_FLOW_SINK_OBJECTS_PUBLISH_H
#define LEAT_FLOW_SINK_OBJECTS_PUBLISH_H

#include "flow/sink/objects/work.h"

// From where the journal is needed when nothing more is published.
Mark publish_start(const Objects *sink);
// Publishes the tables that are due and that a cut stands behind.
CHECKED bool publish_due(Objects *sink, Err *err);
// The start moves on although nothing is published, so that the journal can be trimmed.
CHECKED bool publish_advance(Objects *sink, int64_t age_min_ms, Err *err);
CHECKED bool publish_state_save(Objects *sink, Mark start, const PlanItem *items, size_t item_count, Err *err);
// Finishes the plan that a crash left, if any.
CHECKED bool publish_recover(Objects *sink, const Plan *plan, Arena *scratch, Err *err);
// Takes over what the target's checkpoint says is published.
void publish_recall(Objects *sink, const Checkpoint *checkpoint);
// The target's checkpoint is written anew while nothing is being published: with the topics that are being moved here.
CHECKED bool publish_share(Objects *sink, const Slice *moving, size_t count, Err *err);
// Names that another process was publishing when the target was taken from it, and which were withdrawn then: a request
// of its may still be under way. They are kept in the state, and withdrawn again before this one publishes: for a
// while.
void publish_withdrawn(Objects *sink, const Slice *names, size_t count);
// The tables' offsets were set anew: makes that durable, removes these files, and has the journal read from its
// beginning.
CHECKED bool publish_reset(Objects *sink, const Slice *removed, size_t removed_count, Err *err);

#endif
