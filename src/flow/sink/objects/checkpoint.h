// SPDX-License-Identifier: Apache-2.0
// What the objects sink leaves beside its files: TARGET/_leat/PIPELINE.checkpoint, replaced as a whole. It says how far
// the target is, so that a data directory that was lost, or restored from an older copy, neither writes rows twice nor
// puts other rows under a name that is taken.
//
// Around each publication it is written twice: first with the names about to be published, then with the new offsets
// and without the names. A reader of the first kind knows that files of those names may be there. With ack.policy=sink
// their rows will be sent again, so its offsets are still the old ones; else they are the new ones, to go on above.
// Each write is conditional on the one before, so a second process that writes the same pipeline's files is found out;
// one that takes the target over gives it a new owner before it takes files away.
//
// The object (v = LEB128 varint, s = v size and bytes):
//     "leat checkpoint\n", u32le version = 1, u32le CRC-32C of all that follows,
//     s a state as in plan.h: `start` is the last cut that is published, topics are as of it, items are being
//     published, v size of the journal's state, s that as one zstd frame (0 and nothing: the target is not complete up
//     to a cut)
// Of a task that shares topics with others (share.h) the state's `removed` are not names of files: as many as there are
// items say whose topic each is of ("?": not known); what follows are topics that are being moved here: layout.h.
#ifndef LEAT_FLOW_SINK_OBJECTS_CHECKPOINT_H
#define LEAT_FLOW_SINK_OBJECTS_CHECKPOINT_H

#include "flow/sink/objects/plan.h"
#include "storage/store/store.h"

typedef struct Checkpoint {
    Plan plan;   // start.position means nothing here
    Slice state; // of the journal at that cut; empty unless all rows up to it are published
} Checkpoint;

CHECKED bool checkpoint_encode(Buf *buf, const Checkpoint *checkpoint, Err *err);
// ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
CHECKED bool checkpoint_decode(Slice bytes, Arena *arena, Checkpoint *checkpoint, Err *err);

// *found false: there is none, and tag is "".
CHECKED bool checkpoint_load(Store *store, const char *pipeline, Arena *arena, bool *found, Checkpoint *checkpoint,
                             char tag[STORE_TAG_BYTES_MAX], Err *err);
// Replaces the one of that tag ("": there must be none) by an encoded one and gives the new tag. ERR_LOCKED when
// somebody else has written.
CHECKED bool checkpoint_put(Store *store, const char *pipeline, Slice bytes, char tag[STORE_TAG_BYTES_MAX], Err *err);
CHECKED bool checkpoint_remove(Store *store, const char *pipeline, Err *err);
// Does the target know of more than the state directory (NULL = there is no state)?
bool checkpoint_ahead(const Checkpoint *checkpoint, const Plan *local);

#endif
