// SPDX-License-Identifier: Apache-2.0
// Several parts of the key index, newest first, become one segment: the tables in memory when they are written out,
// neighbouring segments when there are too many. In steps of bounded work.
#ifndef LEAT_LAKE_INDEX_MERGE_H
#define LEAT_LAKE_INDEX_MERGE_H

#include "lake/index/segment.h"
#include "lake/index/table.h"

enum { MERGE_SOURCES_MAX = 80 };

typedef struct MergeOptions {
    const char *directory;
    uint64_t number; // of the segment that comes out
    size_t buffer_bytes;
    bool exact;
    bool bottom; // nothing is older: keys that are gone leave no trace
} MergeOptions;

typedef struct Merge Merge;
CHECKED bool key_merge_segments(const MergeOptions *options, Segment *const *inputs, size_t count, Merge **merge,
                                Err *err);
// Nothing may be put into the tables meanwhile.
CHECKED bool key_merge_tables(const MergeOptions *options, const KeyTable *const *tables, size_t count, Merge **merge,
                              Err *err);
// Takes up to `entries` from the inputs, and that off it. *done: all were taken.
CHECKED bool key_merge_step(Merge *merge, uint64_t *entries, bool *done, Err *err);
// When done: *segment, durable but for its name in the folder; NULL when nothing is left, then there is no file.
CHECKED bool key_merge_finish(Merge *merge, Segment **segment, Err *err);
void key_merge_release(Merge *merge); // NULL is fine; at any time
Segment *const *key_merge_inputs(const Merge *merge, size_t *count);
bool key_merge_is_bottom(const Merge *merge);
size_t key_merge_memory_bytes(const Merge *merge);

#endif
