// SPDX-License-Identifier: Apache-2.0
// Rounds of reading tables: all PENDING leaves under one exported snapshot, large ones in ctid ranges over parallel
// connections, COPY (FORMAT binary) into the journal.
//
// A holder transaction keeps the snapshot alive for the round. A reader's connection may die: its range is read again
// on a new one, and the rows that were already appended are passed over (a ctid range scan under one snapshot gives the
// same rows in the same order). When the holder dies the run fails, and the next one reads the unfinished tables again.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_SNAPSHOT_H
#define LEAT_FLOW_SOURCE_POSTGRES_SNAPSHOT_H

#include "flow/source/postgres/relation.h"
#include "flow/source/postgres/session.h"
#include "flow/source/postgres/wire.h"

#include <poll.h>

enum { PG_READERS_MAX = 16 };

typedef struct PgLeafRead PgLeafRead;

typedef struct PgReader {
    PgConn conn;
    PgWire wire;
    bool copying;
    bool users_path;  // the connection has the user's search_path
    PgLeafRead *read; // the leaf under way
    uint32_t range;   // of that leaf
    uint64_t rows;    // of the range, appended
    uint64_t skip;    // of the range, still to be passed over after a reconnect
    bool header_seen;
    int failures; // of this range
} PgReader;

typedef struct PgSnapshot {
    PgSession *session;
    bool active;
    uint64_t lsn;
    uint64_t transaction_id; // of a connector's rows: the first that the snapshot does not hold; else 0
    PgConn holder;
    char held[64];
    PgReader readers[PG_READERS_MAX];
    int reader_count;
    PgLeafRead *first, *last; // leaves that still have ranges to hand out
    size_t unfinished;        // leaves not READ yet
    Buf names;                // of the round's tables, for notifications
    // Of connectors: rows carry where they stand in the snapshot, so the last of each table waits for what follows.
    PgLeafRead *candidate; // read to its end; its last row waits: maybe the last of all
    uint32_t order;        // leaves of the round so far
    PgLeafRead *at;        // whose rows are being worked on
    Arena scratch;         // one row
} PgSnapshot;

// Starts a round over every PENDING leaf. `exported` is a snapshot that a slot's creation has just exported at `lsn`;
// NULL: a temporary slot is made for it, which may wait `timeout_ms` (then ERR_SOURCE_SETUP).
CHECKED bool pg_snapshot_begin(PgSnapshot *snapshot, PgSession *session, const char *exported, uint64_t lsn,
                               int timeout_ms, Err *err);
// Descriptors to poll, at most PG_READERS_MAX.
int pg_snapshot_poll(const PgSnapshot *snapshot, struct pollfd *fds);
// Works off what has arrived, starts what can be started. Clears `active` when every leaf of the round is READ.
CHECKED bool pg_snapshot_pump(PgSnapshot *snapshot, bool *more, Err *err);
void pg_snapshot_close(PgSnapshot *snapshot);
// The shape of a table's rows as the catalog has it, generated columns left out as in the stream; *columns are those of
// a SELECT (binary form, ::text where leat knows none), in the relation's arena.
CHECKED bool pg_snapshot_relation(PgSession *session, Arena *arena, PgLeaf *leaf, const PgTable *table,
                                  PgRelation *relation, char **columns, Err *err);

#endif
