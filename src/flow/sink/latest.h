// SPDX-License-Identifier: Apache-2.0
// The newest row of each key, out of changes in any order, in bounded memory: for the comparison of what holds every
// change with what a source holds.
//
// Changes are divided by their keys into parts of one spill file, which has no name: it is gone with the process. Then
// part after part, in as many pieces as the memory makes necessary, is sorted by key and order.
#ifndef LEAT_FLOW_SINK_LATEST_H
#define LEAT_FLOW_SINK_LATEST_H

#include "core/base/err.h"
#include "data/event/value.h"

typedef struct LatestKey {
    uint64_t a, b; // a keyed hash (flow/verify/row_hash.h)
} LatestKey;

typedef struct LatestChange {
    LatestKey key;
    uint64_t lsn, ordinal; // the order of changes
    uint64_t file;         // where it stands
    uint64_t position;
    bool deleted;        // the row is gone from here on; `values` is not looked at
    bool moved;          // it was under the key `before` until now: values that did not travel are there
    LatestKey before;    // moved
    const Value *values; // VALUE_UNCHANGED: as it was in the change before
} LatestChange;

typedef struct Latest Latest;
// The spill file's folder is made. memory_bytes_max 0 = 64 MiB; beside it some 16 MiB are held while changes are added.
CHECKED bool latest_new(const char *directory, size_t value_count, size_t memory_bytes_max, Latest **latest, Err *err);
CHECKED bool latest_add(Latest *latest, const LatestChange *change, Err *err);
// All rows are gone that changes before this one have made.
void latest_truncate(Latest *latest, uint64_t lsn, uint64_t ordinal);
// Gives the newest change of each key whose row is there, with all its values; any number of times. A value that no
// change has is VALUE_UNCHANGED still.
CHECKED bool latest_each(Latest *latest, bool (*row)(void *context, const LatestChange *change, Err *err),
                         void *context, Err *err);
void latest_free(Latest *latest); // NULL is fine

#endif
