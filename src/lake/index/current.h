// SPDX-License-Identifier: Apache-2.0
// CURRENT: which segments make the key index, how far it goes, and the caller's bytes. Replaced as a whole.
#ifndef LEAT_LAKE_INDEX_CURRENT_H
#define LEAT_LAKE_INDEX_CURRENT_H

#include "core/base/buf.h"
#include "lake/index/segment.h"

typedef struct IndexState {
    IndexMark mark;
    Buf files;
} IndexState;

void index_state_set(IndexState *state, const IndexMark *mark, Slice files);

typedef struct CurrentSegment {
    uint64_t number;
    uint32_t header_crc;
} CurrentSegment;

typedef struct Current {
    IndexMark mark;
    Slice files;
    uint64_t next_number; // of the next segment
    CurrentSegment *segments;
    size_t count;
} Current;

// False: these are not the bytes of a CURRENT of this version and kind. What it yields lives as long as the arena.
CHECKED bool index_current_decode(Slice bytes, bool exact, Arena *arena, Current *current);
void index_current_encode(Buf *buf, bool exact, const IndexState *state, Segment *const *segments, size_t count,
                          uint64_t next_number);

#endif
