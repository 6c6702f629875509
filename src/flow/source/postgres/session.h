// SPDX-License-Identifier: Apache-2.0
// What the parts of one run share: stream.c (changes), snapshot.c (rows), drain.c (spool into journal), run.c (the
// loop).
#ifndef LEAT_FLOW_SOURCE_POSTGRES_SESSION_H
#define LEAT_FLOW_SOURCE_POSTGRES_SESSION_H

#include "flow/source/postgres/capture.h"
#include "flow/source/postgres/codec.h"
#include "flow/source/postgres/pgoutput.h"
#include "flow/source/postgres/position.h"
#include "flow/source/postgres/slot.h"

typedef struct PgConnector PgConnector; // connector.h
typedef struct PgSignals PgSignals;     // signals.h

typedef struct PgSession {
    const SourceContext *context;
    PgConnector *connector; // NULL = a pipeline of `leat sync`
    PgSignals *signals;     // NULL = neither signals nor notifications
    PgServer server;
    PgConn sql; // catalog look-ups and the watch over the slot
    PgTypes *types;
    PgCapture capture;
    Journal *journal;
    Journal *spool;            // NULL while no leaf is held
    uint64_t spool_lsn;        // what the spool held when this run began: held changes below it are in it already
    uint32_t spool_generation; // grows when a new spool is opened
    const char *slot;
    const char *publications; // for START_REPLICATION
    SourceReport report;
    int64_t snapshot_us; // when the round's snapshot was taken, microseconds since 1970
    bool reading;        // a snapshot round is under way: tables and leaves stay as they are
    bool refresh_wanted; // the catalog must be looked at again at the next transaction boundary
    bool fatal;          // the error at hand is no table's: a route, the journal
    Map resync;          // table oid -> PgCaptured: to be read again, from the next transaction boundary on
} PgSession;

#define PG_EPOCH_US 946684800000000 // 2000-01-01 in microseconds since 1970

// A row that could not be decoded, with its reason, into topic leat.dead_letters; `event` says when and which.
CHECKED bool dead_letter_append(PgSession *session, const char *table, const Err *why, const Event *event, Slice raw,
                                Err *err);
// What pg_logical_emit_message wrote, into topic leat.messages.
CHECKED bool logical_message_append(PgSession *session, const PgMessage *message, const Event *event, Err *err);

#endif
