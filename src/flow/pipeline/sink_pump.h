// SPDX-License-Identifier: Apache-2.0
// The sink's half of a pipeline, in a thread of its own: reads the journal, hands it to the sink, moves the pin.
// Transient errors (a full disk) are tried again with backoff; others end the pipeline.
#ifndef LEAT_FLOW_PIPELINE_SINK_PUMP_H
#define LEAT_FLOW_PIPELINE_SINK_PUMP_H

#include "flow/pipeline/pipeline.h"

typedef struct SinkPump SinkPump;

typedef struct SinkPumpLook {
    SinkStats stats;
    uint64_t behind_bytes;
    LogPosition pin;   // what lies below is published; 0 before the sink was opened
    bool failed;       // see sink_pump_join
    char trouble[512]; // what the sink cannot get past for now; "" = nothing
} SinkPumpLook;

// The journal must have been opened once, so that its directory is there. `compared`: see SinkContext.
CHECKED bool sink_pump_start(const PipelineConfig *config, bool compared, SinkPump **pump, Err *err);
void sink_pump_look(SinkPump *pump, SinkPumpLook *look);
// The newest position whose cut, and everything before it, is published. False when there is none yet.
bool sink_pump_published(SinkPump *pump, Position *position);
// Ends the thread, after everything durable in the journal is published. False: err says why that could not be. `pump`
// is freed either way.
CHECKED bool sink_pump_finish(SinkPump *pump, SinkStats *stats, Err *err);

#endif
