// SPDX-License-Identifier: Apache-2.0
// A hold: what a process that compares (V) asks of the one that runs the pipeline (O), so that the sink has a commit
// of one moment of the source.
//
//     V                                          O, in its sink's thread (sink_pump.c)
//     HOLD   ───────────────────────────────►    SinkDriver.hold; takes no more entries      ──► "held"
//     takes the moment at the source: above all that the sink has committed
//     COMMIT, the moment         ───────────►    takes entries again, until the first that is not of the moment (an
//                                                event above it, a cut that has it): there, between two entries,
//                                                SinkDriver.commit_at, then goes on as ever   ──► "committed"
//     compares
//     REPAIR, corrections  ─────────────────►    SinkDriver.repair, between two entries       ──► "repaired"
//     is done, or gone  ────────────────────►    SinkDriver.release drops the tag
//
// Files in DATA/pipelines/NAME/requests:
//
//     hold.lock         locked by V as long as it lives; O looks whether it is
//     hold.json         what V asks: {"id":"…","do":"commit","instance":"…","limit":"…","position":"…"}
//     hold.answer.json  what O says to it: {"id":"…","state":"done","instance":"…","tables":[…]}
//     corrections/      files that V makes and O reads (flow/sink/corrections.h); gone with V, or with the next one
//
// V gone without a word: O sees the lock free, ends the hold and removes the files; so does the next O. O gone: the
// next one has another `instance` and refuses what does not begin with HOLD ("lost"); V begins anew.
#ifndef LEAT_FLOW_PIPELINE_HOLD_H
#define LEAT_FLOW_PIPELINE_HOLD_H

#include "flow/pipeline/pipeline.h"

#define HOLD_TAG "leat-verify"

// --- V's side (hold_ask.c) -------------------------------------------------------------------------------------

// A table as O captures it.
typedef struct HoldTable {
    const char *name; // schema.table
    bool whole;       // all its changes up to the moment are in the commit; else `reason`
    const char *reason;
} HoldTable;

typedef struct HoldAnswer {
    bool lost;         // O is another one than before: begin with HOLD again
    HoldTable *tables; // "committed": as of then; hold_tables has the newest
    size_t table_count;
    SinkRepair repair; // "repaired"
} HoldAnswer;

typedef struct Hold Hold;

// ERR_LOCKED: another comparison of this pipeline is under way.
CHECKED bool hold_open(const PipelineConfig *config, Hold **hold, Err *err);
// Each waits for O's answer, up to timeout_ms (ERR_LOCKED), or *stop (ERR_INTERRUPTED), or until nobody runs the
// pipeline any more (answer->lost). `idle` (or NULL) is called about once a second meanwhile.
typedef struct HoldWait {
    int timeout_ms;
    const volatile bool *stop;
    bool (*idle)(void *context, Err *err);
    void *context;
} HoldWait;
CHECKED bool hold_hold(Hold *hold, const HoldWait *wait, HoldAnswer *answer, Err *err);
CHECKED bool hold_commit(Hold *hold, const SourceMoment *moment, const HoldWait *wait, HoldAnswer *answer, Err *err);
CHECKED bool hold_repair(Hold *hold, const char *corrections, const HoldWait *wait, HoldAnswer *answer, Err *err);
// What O knows now: a table may turn out not to be whole after the commit.
CHECKED bool hold_tables(Hold *hold, HoldAnswer *answer, Err *err);
// Where V may keep corrections: a folder, which may not be there. As long as the hold.
const char *hold_corrections(const Hold *hold);
// Ends it: O drops the tag and goes on. NULL is fine.
void hold_close(Hold *hold);

#endif
