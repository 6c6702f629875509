// SPDX-License-Identifier: Apache-2.0
// The key index as its own files see it.
//
// From the newest part to the oldest:
//
//     open        table: what was exchanged since the last commit
//     segments    the first open_count of them: the same, where it did not fit into memory
//     committed   table: what lazy commits left in memory; empty while there are open segments
//     segments    the others: durable, in CURRENT
//
// While `cleared`, what is committed is hidden, until a commit drops it or a rollback shows it again.
#ifndef LEAT_LAKE_INDEX_STATE_H
#define LEAT_LAKE_INDEX_STATE_H

#include "lake/index/current.h"
#include "lake/index/merge.h"

enum { SEGMENTS_MAX = 64, JOBS_MAX = 3 };
static_assert((int)SEGMENTS_MAX <= (int)MERGE_SOURCES_MAX, "a merge may take all");

struct KeyIndex {
    char directory[PATH_MAX];
    bool exact;
    int lock;
    uint64_t entries_max; // of both tables together
    size_t chunk;         // so many keys are sorted and looked up at a time
    size_t buffer_bytes;  // of a stream that is written

    KeyTable open, committed;
    Segment *segments[SEGMENTS_MAX + 2];
    size_t count, open_count;
    bool cleared;
    IndexState last;    // of the last commit
    IndexState durable; // of the last one that stands in CURRENT
    uint64_t next_number;

    bool loading;   // keys that nobody has come in, and nobody looks any up
    bool torn;      // an exchange failed half-way: only index_rollback helps
    ErrCode broken; // nothing helps but opening it again
    Merge *jobs[JOBS_MAX];
    uint32_t upkeep_rest; // so many more segments are written before the next merge is tried

    Probe *sorted; // of the call under way
    uint32_t *pending;
    uint64_t lookups, merges;
};

// --- persist.c -------------------------------------------------------------------------------------------------

// Room in the tables for so many more entries; older ones go to segments.
CHECKED bool index_persist_room(KeyIndex *index, size_t entries, Err *err);
// The open table as a segment, whatever its size.
CHECKED bool index_persist_spill(KeyIndex *index, Err *err);
// All that is committed or open becomes durable, under that state.
CHECKED bool index_persist_commit(KeyIndex *index, const IndexMark *mark, Slice files, Err *err);
// CURRENT, made of these segments and the durable state.
CHECKED bool index_persist_current(KeyIndex *index, Segment *const *segments, size_t count, const IndexState *state,
                                   Err *err);
void index_persist_remove(KeyIndex *index, Segment *segment); // closes it and removes its file
// Notes what an error makes of the index; returns false.
bool index_persist_failed(KeyIndex *index, Err *err);

// --- upkeep.c --------------------------------------------------------------------------------------------------

// Merges, as much as `entries` taken from segments.
CHECKED bool index_upkeep_step(KeyIndex *index, uint64_t entries, Err *err);
// Until one more segment can be taken.
CHECKED bool index_upkeep_room(KeyIndex *index, Err *err);
typedef enum UpkeepStop { UPKEEP_STOP_OPEN, UPKEEP_STOP_DURABLE, UPKEEP_STOP_ALL } UpkeepStop;
void index_upkeep_stop(KeyIndex *index, UpkeepStop what); // of these segments: merges are given up

#endif
