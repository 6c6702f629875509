// SPDX-License-Identifier: Apache-2.0
// What the files of the maintenance share.
#ifndef LEAT_FLOW_SINK_ICEBERG_MAINTAIN_PARTS_H
#define LEAT_FLOW_SINK_ICEBERG_MAINTAIN_PARTS_H

#include "flow/sink/iceberg/hand.h"
#include "flow/sink/iceberg/maintain.h"
#include "flow/sink/iceberg/rewrite.h"
#include "lake/iceberg/expire.h"

#include <pthread.h>
#include <stdatomic.h>

enum { JOBS_MAX = 16, KEYS_BATCH = 16384 };

typedef enum JobState {
    JOB_FREE,
    JOB_WANTED,      // by the sink; from here on it is the thread's
    JOB_WRITTEN,     // the sink's again
    JOB_NOTHING,     // likewise: there was nothing to be done, or it failed
    JOB_HANDED,      // likewise: it is in the commit
    JOB_KEYS_WANTED, // the thread's
    JOB_KEYS_READY,  // the sink's
    JOB_VOID,        // the thread's: what it has written is to be removed
} JobState;

typedef struct JobHeavy { // a file with many deleted rows
    Slice path;
    int64_t deleted;
} JobHeavy;

// Of one table: one rewrite of data files, one merge of delete files, or both.
typedef struct Job {
    JobState state;   // under the mutex; whoever it says owns all of the rest
    LakeTable *table; // NULL: it was closed
    Arena arena[1];
    TableName name;
    int64_t snapshot_id; // that it is made from
    MetadataHeld *held;
    uint64_t truncations;
    const JobHeavy *heavy;
    size_t heavy_count;
    bool largest; // of all groups, in place of the cheapest
    bool rest;    // nobody has changed it for a while: what is rewritten now stays, so less is reason enough
    int64_t changed_us;
    bool hand;     // asked for by hand: see Hand
    Mapping keyed; // of the key's columns alone
    const int32_t *key_ids;
    size_t key_count;
    // Found out:
    bool failed;
    Err error;
    RewriteGroup group;     // count 0: no data files
    RewriteDeletes deletes; // made and removed
    // Keys of the made file:
    uint32_t number;
    TableMetadata metadata; // in the arena
    LakeRows *rows;         // the thread's
    LakeRead read;
    KeyHash *keys;
    size_t batch; // how many; 0 = all are told
    uint32_t row; // of the first
} Job;

// Work by hand (hand.h). A table that the sink has open is rewritten by jobs, one after another, of files that it had
// at first; all else the thread does alone.
typedef enum HandState {
    HAND_NONE,
    HAND_ASKED,  // the sink's: is the table open?
    HAND_AT_JOB, // a job of it is under way
    HAND_ALONE,  // the thread's: it is to be done
    HAND_ENDED,  // likewise: to be answered
} HandState;

typedef struct Hand {
    HandState state; // under the mutex
    Arena arena[1];
    Handed handed;
    HandDone done;
    Err error;
    bool failed, gone; // gone: who asked is there no more
    int tries;         // jobs that came to nothing because others were faster
    int64_t look_us;   // when next
    // The thread's, while a job is under way:
    Map files; // that were there at first, by path
    bool begun, last;
} Hand;

// A table that the thread looks after.
typedef struct Kept {
    TableName name;
    Arena arena[1];
    int64_t expire_us, orphans_us; // when next
    // Snapshots whose files have not been looked for yet:
    Arena expired_arena[1];
    Buf expired;        // Snapshot: id and list
    int64_t expired_us; // since when
} Kept;

struct Maintain {
    MaintainContext context;
    Arena run[1];
    LakeIo *io;
    Catalog *catalog;
    pthread_t thread;
    bool started;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    _Atomic bool stop, hurry;
    Job jobs[JOBS_MAX];
    Map kept;     // by name; entries are made under the mutex, and the thread's then
    bool looking; // the thread is at something that is no job
    uint64_t rounds;
    Map moved; // by namespace, 0x1f, name: tables whose metadata the thread has changed; under the mutex
    Hand hand;
    bool at_once; // the thread is at what was asked for by hand: without regard to the share
    // The share of the core:
    int64_t cpu_us, began_us;
    int64_t trash_us; // when it is looked through next
};

// --- maintain.c ------------------------------------------------------------------------------------------------

// Waits for as long as the share of the core asks for. ERR_INTERRUPTED: the sink stops.
CHECKED bool maintain_pace(void *maintain, Err *err);
CHECKED bool maintain_load(Maintain *maintain, TableName name, Arena *arena, Table **table, Err *err);
void maintain_note(Maintain *maintain, TableName name);    // the thread has changed its metadata
CHECKED bool maintain_reach(Maintain *maintain, Err *err); // its places, in the thread
// Under the mutex, in the sink's thread: a job for it, if one is free. NULL: there is none.
Job *maintain_job(Maintain *maintain, LakeTable *table);

// --- maintain_job.c: in the thread -----------------------------------------------------------------------------

CHECKED bool job_work(Maintain *maintain, Job *job, Err *err);
CHECKED bool job_keys(Maintain *maintain, Job *job, Err *err);
void job_void(Maintain *maintain, const Job *job); // removes what it has written
void job_release(Job *job);

// --- maintain_hand.c -------------------------------------------------------------------------------------------

// In the thread. Looks, about once a second, whether something is asked.
void hand_turn(Maintain *maintain);
// Is there something for the thread to do? Under the mutex; then, without it, hand_do_next.
bool hand_next(const Maintain *maintain);
void hand_do_next(Maintain *maintain);
// Which of the table's files the next job takes; *chosen NULL: none are left.
void hand_choose(Maintain *maintain, CompactFile *files, size_t count, Arena *arena, const CompactGroup **chosen);
// In the sink's thread, under the mutex: what has come of a job.
void hand_nothing(Maintain *maintain, const Job *job);
void hand_void(Maintain *maintain, const Job *job);
void hand_handed(Maintain *maintain, const Job *job);
void hand_ended(Maintain *maintain, const Job *job); // the table may be taken again

// --- maintain_expire.c: likewise -------------------------------------------------------------------------------

CHECKED bool keep_table(Maintain *maintain, Kept *kept, Err *err);
CHECKED bool trash_empty(Maintain *maintain, Err *err);

#endif
