// SPDX-License-Identifier: Apache-2.0
// O's side of a hold (hold.h), in the sink's thread.
#ifndef LEAT_FLOW_PIPELINE_HOLD_SERVE_H
#define LEAT_FLOW_PIPELINE_HOLD_SERVE_H

#include "flow/pipeline/hold.h"

typedef enum HoldState {
    HOLD_NONE,
    HOLD_HELD,      // no entries are taken
    HOLD_ARMED,     // until the moment
    HOLD_COMMITTED, // of the moment; V compares
} HoldState;

typedef struct HoldServe HoldServe;

// `directory` is the pipeline's; `reached` the source's.
HoldServe *hold_serve_new(const char *directory, bool (*reached)(const Position *cut, const SourceMoment *moment));
void hold_serve_free(HoldServe *serve); // NULL is fine
HoldState hold_serve_state(const HoldServe *serve);
// True while V waits for the commit. Any thread.
bool hold_serve_hurried(const HoldServe *serve);
// How the tables are captured now. Any thread, a few times a second.
// The sink does not take what comes of that table.
void hold_serve_doubt(HoldServe *serve, Slice table, const char *reason);
void hold_serve_tables(HoldServe *serve, const TableReport *tables, size_t count);

// The sink was opened, maybe again.
CHECKED bool hold_serve_opened(HoldServe *serve, Sink *sink, Err *err);
// Looks what is asked, at most a few times a second, and does it.
CHECKED bool hold_serve_turn(HoldServe *serve, Sink *sink, Err *err);
// Where the group is that is being taken: behind the last cut, and so many events of it were given.
typedef struct HoldGroup {
    LogPosition at;
    uint64_t events;
} HoldGroup;
// Before an event is given to the sink, in every state but NONE and HELD. *skip: it was given already.
CHECKED bool hold_serve_event(HoldServe *serve, Sink *sink, const JournalEntry *entry, HoldGroup group, bool *skip,
                              Err *err);
// …and behind a cut that it was given.
CHECKED bool hold_serve_cut(HoldServe *serve, Sink *sink, const Position *position, Err *err);
// The run ends: what is held is let go.
CHECKED bool hold_serve_end(HoldServe *serve, Sink *sink, Err *err);

#endif
