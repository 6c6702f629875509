// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/sink.h"

#include <stdlib.h>

struct Sink {
    const SinkDriver *driver;
    void *state;
};

bool sink_open(const SinkDriver *driver, const SinkContext *context, Sink **sink, Err *err) {
    void *state = NULL;
    TRY(driver->open(context, &state, err));
    Sink *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL && state != NULL);
    *opened = (Sink){.driver = driver, .state = state};
    *sink = opened;
    return true;
}

void sink_close(Sink *sink) {
    if (sink != NULL) {
        sink->driver->close(sink->state);
        free(sink);
    }
}

LogPosition sink_start(Sink *sink) {
    return sink->driver->start(sink->state);
}

bool sink_take(Sink *sink, const JournalEntry *entry, Err *err) {
    ASSERT(entry->kind != JOURNAL_END);
    return sink->driver->take(sink->state, entry, err);
}

bool sink_flush(Sink *sink, Err *err) {
    return sink->driver->flush(sink->state, err);
}

bool sink_tick(Sink *sink, int64_t *next_ms, Err *err) {
    *next_ms = -1;
    return sink->driver->tick(sink->state, next_ms, err);
}

LogPosition sink_pin(Sink *sink) {
    return sink->driver->pin(sink->state);
}

void sink_stats(Sink *sink, SinkStats *stats) {
    *stats = (SinkStats){0};
    sink->driver->stats(sink->state, stats);
}

void sink_tables(Sink *sink, SinkTableVisit visit, void *context) {
    if (sink->driver->tables != NULL) {
        sink->driver->tables(sink->state, visit, context);
    }
}

// --- comparisons -----------------------------------------------------------------------------------------------

static bool compares(const Sink *sink, Err *err) {
    return sink->driver->hold != NULL ||
           FAIL(err, ERR_OPTION, "the %s sink cannot be compared with its source", sink->driver->name);
}

bool sink_hold(Sink *sink, Err *err) {
    return compares(sink, err) && sink->driver->hold(sink->state, err);
}

bool sink_commit_at(Sink *sink, const Position *at, const char *tag, bool *done, Err *err) {
    *done = false;
    return compares(sink, err) && sink->driver->commit_at(sink->state, at, tag, done, err);
}

bool sink_release(Sink *sink, const char *tag, Err *err) {
    return sink->driver->hold == NULL || sink->driver->release(sink->state, tag, err);
}

bool sink_repair(Sink *sink, const char *corrections, SinkRepair *repair, Err *err) {
    *repair = (SinkRepair){0};
    return (sink->driver->repair != NULL ||
            FAIL(err, ERR_OPTION, "the %s sink cannot be repaired", sink->driver->name)) &&
           sink->driver->repair(sink->state, corrections, repair, err);
}
