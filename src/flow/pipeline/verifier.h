// SPDX-License-Identifier: Apache-2.0
// The verifications of a pipeline that runs for good, beside it, in a thread of their own (verify.h): one each
// verify.interval, counted from the end of the one before, also over restarts, and one whenever somebody asks
// (pipeline_verify_request). What came of them is in verify.json (verify_state.h). Their trouble is never the
// pipeline's.
//
// All functions are for one thread, that of the run's reports.
#ifndef LEAT_FLOW_PIPELINE_VERIFIER_H
#define LEAT_FLOW_PIPELINE_VERIFIER_H

#include "flow/pipeline/pipeline.h"

typedef struct Verifier Verifier;

// One that did not come to its end when the process before ended is known as that from now on. NULL: what is known of
// earlier ones is of a newer leat, and said in the log.
Verifier *verifier_new(const PipelineConfig *config);
// Some times a second: takes over what has ended, begins what is due. `streaming`: the pipeline has caught up; nothing
// begins by the clock before.
void verifier_turn(Verifier *verifier, bool streaming);
// What is known, as verify_state_json writes it; good until the next call.
Slice verifier_json(Verifier *verifier);
// One that runs is stopped, and begins anew with the next run of the pipeline. NULL is fine.
void verifier_end(Verifier *verifier);

#endif
