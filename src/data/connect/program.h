// SPDX-License-Identifier: Apache-2.0
// A source connector's configuration, compiled: what its events become on the wire. Debezium's envelope with its
// options (types, filters of columns, masks, names), then the transforms. The converter comes after it (converter.h).
//
// The journal keeps leat's exact events; the program runs where records leave: in a sink's worker, in `leat topic
// read`. Only what fixes topics and offsets is decided when an event is appended: ConnectRoute.
//
// Beside tables' events a journal of a connector has those of its side topics, told by Schema.space:
//     "$message"       one logical message (op m)                "$heartbeat"    a heartbeat
//     "$transaction"   BEGIN or END with counts per table        "$notification" a notification
// Their columns are listed in program.c, beside the code that makes their records, and in flow/source/postgres, which
// writes them.
#ifndef LEAT_DATA_CONNECT_PROGRAM_H
#define LEAT_DATA_CONNECT_PROGRAM_H

#include "core/base/err.h"
#include "data/connect/connect_record.h"
#include "data/event/event.h"
#include "data/event/schema.h"

typedef struct Properties Properties; // core/config/properties.h

typedef struct ConnectProgram ConnectProgram; // one thread at a time

typedef struct ProgramContext {
    Slice connector; // the connector's name
    Slice database;
    Slice run_id; // a UUID, for Debezium's headers
} ProgramContext;

// Lives in the arena. ERR_OPTION names the key, the value and what is allowed.
CHECKED bool connect_program_new(Arena *arena, const Properties *config, const ProgramContext *context,
                                 ConnectProgram **program, Err *err);
void connect_program_release(ConnectProgram *program); // what is not in the arena; NULL is fine

// Where events of a schema go, decided when they are appended. Most configurations decide it by the schema alone; where
// a row's content decides (outbox, route by field), `dynamic` says so and connect_program_route_event must be asked.
typedef struct ConnectRoute {
    Slice topic;              // of the wire, and of the journal
    bool dynamic;             //
    uint8_t span[8];          // wire records by ROUTE_*; 0: it stays in the journal, but no record leaves
    const Shape *key, *value; // of its records before the converter, for registration; NULL = none
} ConnectRoute;
enum {
    ROUTE_READ,
    ROUTE_CREATE,
    ROUTE_UPDATE,
    ROUTE_DELETE,
    ROUTE_TRUNCATE,
    ROUTE_KEY_DELETE,
    ROUTE_KEY_CREATE,
    ROUTE_OTHER
};
int connect_route_kind(const Event *event); // the index into span
CHECKED bool connect_program_route(ConnectProgram *program, const Schema *schema, ConnectRoute *route, Err *err);
CHECKED bool connect_program_route_event(ConnectProgram *program, const Schema *schema, const Event *event,
                                         Slice *topic, uint32_t *span, Err *err);

// The records of one event, at most CONNECT_RECORDS_MAX; good until `scratch` is reset or the next call. ERR_VALUE
// names table, column and place.
CHECKED bool connect_program_make(ConnectProgram *program, Arena *scratch, const Schema *schema, const Event *event,
                                  ConnectRecord *records, size_t *count, Err *err);

#endif
