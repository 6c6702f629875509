// SPDX-License-Identifier: Apache-2.0
// leat verify: does the sink hold what the source held at one moment? Asks the process that runs the pipeline for a
// commit of that moment (hold.h), or runs it meanwhile, compares table by table (flow/verify), repairs when wanted.
#ifndef LEAT_FLOW_PIPELINE_VERIFY_H
#define LEAT_FLOW_PIPELINE_VERIFY_H

#include "flow/pipeline/pipeline.h"
#include "flow/verify/verify.h"

typedef enum VerifyOutcome { VERIFY_EQUAL, VERIFY_DIFFERS, VERIFY_NOT_COMPARED } VerifyOutcome;
const char *verify_outcome_name(VerifyOutcome outcome); // "equal", "differs", "not_compared"

typedef struct VerifiedTable {
    Slice topic;
    VerifyOutcome outcome;
    Err why; // VERIFY_NOT_COMPARED
    VerifyResult result;
    size_t correction_files; // of what differs, where a repair is wanted
    bool repaired;           // it differed, corrections were made, and it was compared again: `result` is of then
    VerifyResult before;     // repaired: what was found first
} VerifiedTable;

typedef struct Verified {
    VerifyOutcome outcome; // DIFFERS if any table does, else NOT_COMPARED if any was not
    uint64_t lsn;          // of the moment; after a repair of the last one
    int64_t taken_us;      // microseconds since 1970
    VerifiedTable *tables;
    size_t count;
    bool repaired; // corrections were made
    SinkRepair repair;
    int64_t elapsed_ms;
} Verified;

typedef enum VerifyStep {
    VERIFY_STEP_RUN,     // nobody runs the pipeline: this process does until the end
    VERIFY_STEP_HOLD,    // the sink ends its commit
    VERIFY_STEP_MOMENT,  // the source's snapshot is taken
    VERIFY_STEP_COMMIT,  // the pipeline gets there
    VERIFY_STEP_COMPARE, // a table
    VERIFY_STEP_REPAIR,
} VerifyStep;

typedef struct VerifyHow {
    const char *tables;        // patterns; NULL or "" = all
    uint32_t sample;           // about one row in so many; 0 = all
    uint64_t bytes_per_second; // of each side; 0 = no limit
    const char *replica_url;   // a physical standby of the source to read from; NULL = the source
    bool repair;
    size_t differences_max;                                    // that are kept, in each table; 0 = 1,000
    size_t memory_bytes_max;                                   // see VerifyContext; 0 = its default
    const volatile bool *stop;                                 // ERR_INTERRUPTED
    void (*told)(void *context, VerifyStep step, Slice topic); // from the calling thread; may be NULL
    void *context;
} VerifyHow;

// Everything in *verified lives in the arena until pipeline_verify_end, which also lets the pipeline go.
typedef struct VerifyRun VerifyRun;
CHECKED bool pipeline_verify(const PipelineConfig *config, const VerifyHow *how, Arena *arena, VerifyRun **run,
                             Verified *verified, Err *err);
void pipeline_verify_end(VerifyRun *run); // NULL is fine

#endif
