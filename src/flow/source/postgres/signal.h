// SPDX-License-Identifier: Apache-2.0
// What Debezium's signals say: rows of the signal table (id, type, data), or lines of the signal file. Read here, acted
// upon in signals.c.
//
//     log                {"message":"…"}                        {} in it is the position
//     execute-snapshot   {"type":"incremental"|"blocking","data-collections":["regex",…],
//                         "additional-conditions":[{"data-collection":"regex","filter":"…"}],"surrogate-key":"column"}
//     stop-snapshot      {"type":"incremental","data-collections":["regex",…]}   without a list: all
//     pause-snapshot, resume-snapshot
//     snapshot-window-open, snapshot-window-close               our own watermarks
#ifndef LEAT_FLOW_SOURCE_POSTGRES_SIGNAL_H
#define LEAT_FLOW_SOURCE_POSTGRES_SIGNAL_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/config/regex.h"

typedef enum PgSignalKind {
    PG_SIGNAL_OTHER, // of a type that leat does not know: passed over, with a warning
    PG_SIGNAL_LOG,
    PG_SIGNAL_EXECUTE,
    PG_SIGNAL_STOP,
    PG_SIGNAL_PAUSE,
    PG_SIGNAL_RESUME,
    PG_SIGNAL_WINDOW_OPEN,
    PG_SIGNAL_WINDOW_CLOSE,
} PgSignalKind;

typedef struct PgSignalCondition {
    Slice collection; // a regex
    Slice filter;     // incremental: a predicate; blocking: a whole SELECT
} PgSignalCondition;

typedef struct PgSignal {
    PgSignalKind kind;
    Slice id;
    bool blocking;
    bool all;           // STOP without a list
    Slice message;      // LOG
    Slice *collections; // regexes of schema.table
    size_t collection_count;
    PgSignalCondition *conditions;
    size_t condition_count;
    Slice surrogate_key; // empty = none
} PgSignal;

// Copies into the arena. ERR_VALUE: the data is not what the type asks for; nothing else is wrong with a source then.
CHECKED bool pg_signal_parse(Arena *arena, Slice id, Slice type, Slice data, PgSignal *signal, Err *err);
// One line of the signal file: {"id":…,"type":…,"data":{…}}.
CHECKED bool pg_signal_line(Arena *arena, Slice line, PgSignal *signal, Err *err);
// Whether a name (schema.table) is what one of its regexes says; whether it is among the signal's collections.
// ERR_OPTION: a regex is none.
CHECKED bool pg_signal_covers(Arena *arena, Slice regex, Slice name, bool *yes, Err *err);
CHECKED bool pg_signal_wants(Arena *arena, const PgSignal *signal, Slice name, bool *yes, Err *err);
// The filter of the first condition that covers a name, of either kind of snapshot; empty = all rows. ERR_OPTION as
// above.
CHECKED bool pg_signal_filter(Arena *arena, const PgSignal *signal, Slice name, Slice *filter, Err *err);

#endif
