// SPDX-License-Identifier: Apache-2.0
// What other processes ask of a pipeline, seen by the one that runs it. See request.c (writing) and request_take.c.
#ifndef LEAT_FLOW_PIPELINE_REQUEST_H
#define LEAT_FLOW_PIPELINE_REQUEST_H

#include "flow/pipeline/pipeline.h"

// The table patterns of all resync requests, comma-separated, or "*" when one of them asks for everything; NULL = none.
char *pipeline_resync_wanted(const PipelineConfig *config, Arena *arena);
// Removes the requests that the last pipeline_resync_wanted saw.
void pipeline_resync_taken(const PipelineConfig *config);

typedef struct VerifyRequest {
    const char *file; // NULL = nobody has asked
    const char *id;
    const char *tables; // patterns; "" = all
} VerifyRequest;
// The oldest request for a verification, in the arena. False: there is none.
bool pipeline_verify_wanted(const PipelineConfig *config, Arena *arena, VerifyRequest *request);
void pipeline_verify_taken(const VerifyRequest *request); // removes its file, if it has one

#endif
