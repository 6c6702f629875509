// SPDX-License-Identifier: Apache-2.0
// The sink's half of a pipeline, in a thread of its own: reads the journal, hands it to the sink, moves the pin.
// Transient errors (a full disk) are tried again with backoff; others end the pipeline.
#ifndef LEAT_FLOW_PIPELINE_SINK_PUMP_H
#define LEAT_FLOW_PIPELINE_SINK_PUMP_H

#include "flow/pipeline/hold_serve.h"

typedef struct SinkPump SinkPump;

// Entries from elsewhere than a journal: their positions and cuts grow from one opening to the next. Calls are of the
// pump's thread, but `wake`.
typedef struct SinkFeed {
    // Behind the sink, which is then asked where it stands.
    bool (*open)(void *owner, Err *err);
    void (*close)(void *owner);                               // while the sink is open, if nothing has failed
    bool (*next)(void *owner, JournalEntry *entry, Err *err); // as journal_reader_next
    bool (*wait)(void *owner, int timeout_ms, Err *err);
    void (*wake)(void *owner);
} SinkFeed;

// What it works with lives as long as the pump.
typedef struct SinkPumpSpec {
    const SinkDriver *sink;
    SinkContext context;
    const SinkFeed *feed; // in place of a journal; NULL = none
    void *feed_owner;
    const char *journal; // its directory
    const char *pin;     // the pin's name in it
    LogPosition first;   // where it begins
    bool flush;          // what there is when the run ends is published, else only what is due
    // Of connectors; all but `owner` may be NULL.
    bool (*begin)(void *owner, SinkContext *context, Err *err);  // before each attempt: what is found out anew
    void (*end)(void *owner);                                    // after one that has begun, whatever came of it
    bool (*wants)(void *owner, const JournalEntry *entry);       // events that are not for the sink are left out
    bool (*cut)(void *owner, const JournalEntry *cut, Err *err); // before a cut is given to the sink
    HoldServe *hold;                                             // comparisons (hold.h)
    void *owner;
} SinkPumpSpec;

typedef struct SinkPumpLook {
    SinkStats stats;
    uint64_t behind_bytes;
    LogPosition pin;   // what lies below is published; 0 before the sink was opened
    bool failed;       // see sink_pump_join
    char trouble[512]; // what the sink cannot get past for now; "" = nothing
    uint64_t tries;    // failed since it last got on
    int64_t away_ms;   // since the first of them
} SinkPumpLook;

// A sink pins the journal from its creation on, also when it cannot be opened yet.
CHECKED bool sink_pump_pin(const SinkPumpSpec *spec, Err *err);
// The journal must have been opened once, so that its directory is there.
CHECKED bool sink_pump_start(const SinkPumpSpec *spec, SinkPump **pump, Err *err);
void sink_pump_look(SinkPump *pump, SinkPumpLook *look);
// What the sink knew of its tables about a second ago, or when it ended; copied into the arena.
void sink_pump_tables(SinkPump *pump, Arena *arena, SinkTable **tables, size_t *count);
// The newest position whose cut, and everything before it, is published. False when there is none yet.
bool sink_pump_published(SinkPump *pump, Position *position);
// Ends the thread, with `flush` after everything durable in the journal is published. False: err says why that could
// not be. `pump` is freed either way.
typedef struct SinkPumpLast {
    bool flush;   // as the spec's, where it was not known then
    bool stopped; // somebody asked for the end: what is away is not waited for for long
    SinkStats stats;
    Arena *arena; // for `tables`; NULL = these are not wanted
    SinkTable *tables;
    size_t table_count;
} SinkPumpLast;
CHECKED bool sink_pump_finish(SinkPump *pump, SinkPumpLast *last, Err *err);
// Says so and does not wait: several that are told first and finished then share one bound. `last` as to finish.
void sink_pump_tell(SinkPump *pump, const SinkPumpLast *last);

#endif
