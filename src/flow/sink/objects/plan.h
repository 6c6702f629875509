// SPDX-License-Identifier: Apache-2.0
// What the objects sink remembers: STATE_DIRECTORY/state, replaced as a whole, so it is complete or the one before.
//
// Publishing is: stage the files, write the state with the new offsets *and* the plan (which staged bytes go under
// which name), publish each, write the state again without the plan. From the moment that the plan is written its
// files count as published: recovery finishes the plan before anything else.
//
// The file (v = LEB128 varint, s = v size and bytes):
//     "leat objects sink state\n", u32le version = 4, u32le CRC-32C of all that follows,
//     s owner, v start.position, v start.sequence, v start.epoch,
//     v bytes of the list of names that count,
//     v count of topics, each: s name, v committed, v epoch, v count of patterns, each: s pattern (names.h),
//         v single_from, v count of points, each: v above the one before,
//     v count of planned files, each: s token, s name,
//     v count of files to be removed, each: s name,
//     s checkpoint
// Version 3 had neither single_from, points nor files to be removed. Versions 1 and 2 had no list of names, and each
// topic s name, s family (what its names began with), v committed, v epoch; version 1 had no checkpoint.
//
// STATE_DIRECTORY/names lists the names that were planned and that no pattern and offset tells of (those with a
// message-id), so that they can be purged. It is appended to and made durable before the plan that holds its length:
//     each name: v bytes that it shares with the one before, s the rest
#ifndef LEAT_FLOW_SINK_OBJECTS_PLAN_H
#define LEAT_FLOW_SINK_OBJECTS_PLAN_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "storage/journal/journal.h"

enum { OWNER_BYTES = 16, POINTS_MAX = 32 };

// A cut from behind which the journal is read: what it was, to recognise the journal again.
typedef struct Mark {
    LogPosition position; // 0 = the journal's beginning
    uint64_t sequence;
    uint64_t epoch;
} Mark;

typedef struct PlanTopic {
    Slice name;
    const Slice *patterns; // of its files' names, see names.h; to find them when they are to be purged
    size_t pattern_count;
    uint64_t committed; // offsets below are published, or in the plan
    uint64_t epoch;     // of the cut that ended what was last published
    // Offsets that no file has records on both sides of, so that it can be read again from there: where a file begins,
    // from `single_from` on, and the points, which rise; of old ones few are kept.
    uint64_t single_from;
    const uint64_t *points;
    size_t point_count;
} PlanTopic;

typedef struct PlanItem {
    Slice token;
    Slice name;
    Slice topic; // in memory only, see checkpoint.h; size 0 = not known
} PlanItem;

typedef struct Plan {
    Slice owner;          // of the staged bytes in the store
    Mark start;           // where to read the journal from
    uint64_t names_bytes; // of the list of names
    const PlanTopic *topics;
    size_t topic_count;
    const PlanItem *items; // none: the plan is done
    size_t item_count;
    const Slice *removed; // names to be removed: their rows will be read again
    size_t removed_count;
    Slice checkpoint; // what is put into the target when the items are published, see checkpoint.h; empty: it is there
} Plan;

void plan_encode(Buf *buf, const Plan *plan);
// Borrows from `bytes`. ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
CHECKED bool plan_decode(Slice bytes, Arena *arena, Plan *plan, Err *err);

// Appends to the list of names behind `size` bytes, what else is there is dropped; durable on return.
CHECKED bool plan_names_append(const char *state_directory, uint64_t *size, const Slice *names, size_t count, Err *err);
// Calls `visit` with each of the names in the first `size` bytes; it returns false to stop.
CHECKED bool plan_names_each(const char *state_directory, uint64_t size,
                             bool (*visit)(void *context, Slice name, Err *err), void *context, Err *err);

// ERR_NOT_FOUND when there is none.
CHECKED bool plan_load(const char *state_directory, Arena *arena, Plan *plan, Err *err);
CHECKED bool plan_save(const char *state_directory, const Plan *plan, Err *err);
CHECKED bool plan_remove(const char *state_directory, Err *err);

#endif
