// SPDX-License-Identifier: Apache-2.0
// The lake kept in order by its writer: small files and files with many deleted rows become new ones, position delete
// files are merged, snapshots thinned and expired, files that nobody reaches removed.
//
// A thread of its own reads and writes, with its own places, within a share of one core. What it has written is handed
// over in the sink's thread at a moment when nothing is pending in any table: rows deleted since it began are marked
// in the new file, and a snapshot "replace" puts it in the place of the old ones. Their keys are told to the index
// afterwards, some thousand at a time (moved.h): so a hand-over costs a commit, however large the files. Snapshots are
// expired by the thread alone: that needs no moment.
//
// A crash anywhere leaves orphans at the most: files that no snapshot names, which are found and removed days later.
#ifndef LEAT_FLOW_SINK_ICEBERG_MAINTAIN_H
#define LEAT_FLOW_SINK_ICEBERG_MAINTAIN_H

#include "flow/sink/iceberg/memory.h"
#include "flow/sink/iceberg/places.h"
#include "flow/sink/iceberg/table.h"

typedef struct Maintain Maintain;

typedef struct MaintainContext {
    LakePlaces places; // the sink's, with an owner and a staging directory of its own
    const LakeOptions *options;
    const char *state_directory;
    size_t memory_bytes_max;
    int64_t interval_us; // between the sink's commits
    bool by_itself;      // else only what is asked for by hand (hand.h) is done
} MaintainContext;

// What the context points to stays. The thread begins at once.
CHECKED bool maintain_start(const MaintainContext *context, Maintain **maintain, Err *err);
void maintain_stop(Maintain *maintain); // before the tables are closed; NULL is fine

// --- in the sink's thread --------------------------------------------------------------------------------------

// Nothing is pending in the table: is there something to be done? From now on the table is known to the maintenance.
void maintain_offer(Maintain *maintain, LakeTable *table);
// (A table that nobody has changed for a while is taken more care of: maintain_parts.h, Job.)
// Likewise in all: what is asked for by hand is begun, if its table is among these or need not be open.
void maintain_hand(Maintain *maintain, const Map *tables);
// Likewise in all: marks those whose new files are ready. True: they are to be committed now, then maintain_handed.
bool maintain_ready(Maintain *maintain);
void maintain_handed(Maintain *maintain);
// The table is about to be closed: what was begun for it comes to nothing. NULL is fine.
void maintain_forget(Maintain *maintain, const LakeTable *table);
// Tells the indexes of what was handed over: one batch of keys each, at a moment between transactions.
CHECKED bool maintain_keys(Maintain *maintain, Err *err);
// What was begun is ended without regard to the share of the core, and nothing else begun, until maintain_calm: before
// the sink stops.
void maintain_hurry(Maintain *maintain);
void maintain_calm(Maintain *maintain);
// Notes where the metadata is of the tables that the thread has changed by itself since: older files are removed in the
// end. *some: there were any.
CHECKED bool maintain_note_moved(Maintain *maintain, Lake *lake, LakeMemory *memory, bool *some, Err *err);
typedef enum MaintainState {
    MAINTAIN_IDLE,
    MAINTAIN_AT_WORK, // the thread is; look again soon
    MAINTAIN_WAITS,   // for the sink: maintain_ready or maintain_keys
} MaintainState;
MaintainState maintain_state(Maintain *maintain);

#endif
