// SPDX-License-Identifier: Apache-2.0
// Tasks of one connector share its topics (flow/sink/share.h): each has a checkpoint of its own in the target, and no
// other task of as many writes it. When there are more tasks or fewer, a partition moves from the checkpoint of one
// task to that of another, whose new owner does it before it does anything else:
//
//     1. its own checkpoint is there, then it looks for those of other numbers of tasks: of two tasks that begin at
//        once, one sees the other's
//     2. each of them gets the owner nobody: who had it cannot count any more what it publishes
//     3. objects of its partitions that those had announced and not counted are removed
//     4. its own checkpoint gets the partitions, marked: they are being moved
//     5. the others lose them
//     6. the marks go
// It may die between any two steps, any number of tasks may do this at once, and one that ran before may wake and do it
// in its turn. What holds throughout: of entries of one partition those without a mark are right, else the highest; for
// nobody publishes while its own are marked, and who had an entry was fenced before it was copied.
//
// A checkpoint that has lost all stays, a few hundred bytes: it says that nobody has it.
#ifndef LEAT_FLOW_SINK_OBJECTS_LAYOUT_H
#define LEAT_FLOW_SINK_OBJECTS_LAYOUT_H

#include "flow/sink/objects/work.h"

enum { OWNER_JOURNAL_BYTES = 8 }; // of the journal's name, in an owner's

// Is that owner one of the context's journal?
bool layout_of_journal(const SinkContext *context, Slice owner);
// The plan's items, and whose they are, go: marks stay.
void layout_items_drop(Plan *plan);
// Is there anything to be taken? `own` is what this task's checkpoint says.
CHECKED bool layout_look(const SinkContext *context, const Plan *own, Arena *arena, bool *moved, Err *err);
// Takes it, at the end of opening: the sink's own checkpoint is there, and nothing is being published.
CHECKED bool layout_take(Objects *sink, const SinkContext *context, const Plan *own, Arena *arena, Err *err);

#endif
