// SPDX-License-Identifier: Apache-2.0
// Work on one table that was asked for by hand (`leat table rewrite-data-files | expire-snapshots |
// remove-orphan-files`): how it is done, and how it is handed to the process that writes the table.
//
// Files in the sink's state directory, hand/:
//
//     lock           locked by who asks (A), as long as it lives; the owner (O) looks whether it is
//     ask.json       what A asks: {"id":"…","do":"rewrite","namespace":"…","table":"…",…}
//     answer.json    what O says to it: {"id":"…","state":"taken"}, later "done" with what was done, or "failed"
//
// A gone without a word: O sees the lock free, stops after what it is at and removes the files; so does the next O. O
// gone: A sees that nobody runs the pipeline. An O whose sink is opened again begins anew: what was done stays done.
#ifndef LEAT_FLOW_SINK_ICEBERG_HAND_H
#define LEAT_FLOW_SINK_ICEBERG_HAND_H

#include "lake/catalog/catalog.h"
#include "lake/iceberg/commit.h"
#include "lake/iceberg/expire.h"

typedef enum HandVerb { HAND_REWRITE, HAND_EXPIRE, HAND_ORPHANS } HandVerb;

typedef struct HandWork {
    HandVerb verb;
    TableName name;
    // Rewriting: as compact_plan_whole has them.
    size_t files_min;
    int64_t target_bytes;
    // Snapshots, orphans:
    int64_t before_ms; // what is younger stays
    size_t keep;       // snapshots of each branch; at least 1
    bool dry_run;      // not handed over: it changes nothing
} HandWork;

typedef struct HandFile {
    Slice uri;
    uint64_t size;
} HandFile;

typedef struct HandDone {
    uint64_t files_before, files_made, rows_dropped, deletes_before, deletes_made, commits; // rewriting
    uint64_t snapshots_before, snapshots_expired, refs_expired;                             // expiry
    uint64_t files, bytes;                                                                  // removed
    const HandFile *removed;                                                                // orphans, in the arena
    size_t removed_count;
} HandDone;

// --- doing it --------------------------------------------------------------------------------------------------

typedef struct HandPlace {
    LakeIo *io;
    Catalog *catalog;
    // Asked every thousand rows or so; false stops with its error. NULL = never.
    bool (*pace)(void *context, Err *err);
    void *context;
} HandPlace;

// *done is in the arena. Rewriting is right where nobody else has the table open for writing: each group of files is
// one commit, so what is done stays done; ERR_CHANGED: somebody else was faster. The others are right beside whoever
// writes: snapshots go by a commit that moves no branch, orphans are older than any commit that is under way.
CHECKED bool hand_do(const HandPlace *place, const HandWork *work, Arena *arena, HandDone *done, Err *err);
// Rewrites a table that is open already (hand_rewrite.c). NULL deletes are loaded.
CHECKED bool hand_rewrite(const HandPlace *place, const HandWork *work, Table *table, Arena *arena, HandDone *done,
                          Err *err);

// Snapshots go, in a commit that keeps what has been tagged meanwhile: every branch and tag but main must still be
// where the choice has seen it, and the embedded catalog refuses to remove what any points to. ERR_CHANGED: choose
// again.
CHECKED bool lake_expire_commit(Catalog *catalog, TableName name, const TableMetadata *metadata,
                                const SnapshotChoice *choice, Arena *arena, Err *err);

// --- asking for it (A) -----------------------------------------------------------------------------------------

typedef struct HandAsk {
    const char *state_directory;    // the sink's
    const char *owner_lock;         // locked as long as O lives
    const char *owner;              // its name, for messages
    void (*waiting)(void *context); // once, when it takes longer than some seconds; NULL = nothing
    void *context;
    const volatile bool *stop; // NULL = never
} HandAsk;

// *lost: O has gone, and what it has done of the work is not known. ERR_LOCKED: another command is at it, or O does not
// answer.
CHECKED bool hand_ask(const HandAsk *ask, const HandWork *work, Arena *arena, HandDone *done, bool *lost, Err *err);

// --- being asked (O) -------------------------------------------------------------------------------------------

enum { HAND_ID_BYTES = 40 };

typedef struct Handed {
    char id[HAND_ID_BYTES];
    HandWork work; // in the arena
} Handed;

// *there false: nothing is asked. Files of an A that has gone are removed.
CHECKED bool hand_look(const char *state_directory, Arena *arena, Handed *handed, bool *there, Err *err);
// Is the one that asked this still there?
bool hand_waits(const char *state_directory);
CHECKED bool hand_take(const char *state_directory, const Handed *handed, Err *err);
// `why` NULL: it was done.
CHECKED bool hand_answer(const char *state_directory, const Handed *handed, const HandDone *done, const Err *why,
                         Err *err);

#endif
