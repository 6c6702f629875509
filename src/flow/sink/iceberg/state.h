// SPDX-License-Identifier: Apache-2.0
// The sink's state file: where in the journal all that is below is in the tables.
#ifndef LEAT_FLOW_SINK_ICEBERG_STATE_H
#define LEAT_FLOW_SINK_ICEBERG_STATE_H

#include "core/base/arena.h"
#include "storage/journal/journal.h"

enum { LAKE_OWNER_BYTES = 16 };

typedef struct LakeState {
    LogPosition log;
    uint64_t sequence; // of the cut that ends there; 0 = not known
    uint64_t epoch;    // of the journal: no table has a commit of a later one, unless this is an older copy
    // Whose tables these are: a random name of this state, which each table has as a property. A data directory that
    // was lost does not come back as another one of the same name.
    char owner[LAKE_OWNER_BYTES + 1];
} LakeState;

// Zero where there is none. ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
CHECKED bool lake_state_load(const char *directory, LakeState *state, bool *found, Err *err);
CHECKED bool lake_state_save(const char *directory, const LakeState *state, Err *err);

#endif
