// SPDX-License-Identifier: Apache-2.0
// Taking published files away again: all of them, or those behind an offset that are to be written anew.
#ifndef LEAT_FLOW_SINK_OBJECTS_WITHDRAW_H
#define LEAT_FLOW_SINK_OBJECTS_WITHDRAW_H

#include "flow/sink/objects/plan.h"
#include "flow/sink/sink.h"
#include "storage/store/store.h"

// Removes everything that the state says was published.
CHECKED bool withdraw_all(Store *store, const char *state_directory, const Plan *plan, Err *err);

typedef struct Withdrawal {
    Arena *arena; // of the names
    Slice *names;
    size_t count, capacity;
    // Files with ids for names cannot be found by offset; with one record each they come out again as they were.
    bool ids_return;
} Withdrawal;

// Where the topic, which is `published` (NULL = nothing of it is), goes on when asked for `reset->to`: fills the rest
// of `reset`, and adds the names of the files that are behind it.
CHECKED bool withdraw_from(Store *store, const PlanTopic *published, SinkReset *reset, Withdrawal *withdrawal,
                           Err *err);

#endif
