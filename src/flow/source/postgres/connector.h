// SPDX-License-Identifier: Apache-2.0
// What a run of a connector (SourceContext.properties) has beside that of a pipeline: Debezium's rules of which tables
// are captured, how the publication comes about, and where a start begins.
//
// Differences from a pipeline of `leat sync`:
//   - Partitions are tables of their own, or (publish.via.partition.root) their root is one table. A root without that
//     option is read in snapshots under its own name, as Debezium does, while changes come under its partitions' names.
//   - A table that appears is captured from its first change on; its older rows are not read. Nor is a table read again
//     because its columns, name or identity changed.
//   - The publication is made or altered at the start alone, as its mode says.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_H
#define LEAT_FLOW_SOURCE_POSTGRES_CONNECTOR_H

#include "flow/source/postgres/connector_options.h"
#include "flow/source/postgres/relation.h"
#include "flow/source/postgres/resume.h"
#include "flow/source/postgres/route.h"
#include "flow/source/postgres/session.h"
#include "flow/source/postgres/setup.h"

typedef enum PgSide { PG_SIDE_MESSAGE, PG_SIDE_HEARTBEAT, PG_SIDE_TRANSACTION, PG_SIDE_NOTIFICATION } PgSide;

// In the journal's state: initial_only has begun to read.
#define PG_ROWS_KEY SLICE("snapshot_begun")

// Of the newest event, for the offset in Debezium's form.
typedef struct PgNewest {
    uint64_t lsn, transaction_id;
    int64_t source_us;
    uint8_t op;
    bool unput; // the journal's state does not have it yet
} PgNewest;

struct PgConnector {
    Arena arena;
    PgConnectorOptions options;
    SourceContext context; // the given one, filled in from the properties

    PgRoute sides[PG_SIDE_NOTIFICATION + 1];
    PgConn action; // of heartbeat.action.query
    int64_t heartbeat_at;
    PgNewest newest;
    PgResume resume; // of the connection

    // Table oid → the SELECT of a blocking snapshot with a condition, until the table is read; in `arena`.
    Map once;

    // Of the transaction that is under way.
    uint64_t total_order;
    Buf touched; // PgCaptured *: with counted changes, in order
};

// Before anything else of a run: reads the properties; *context becomes the one to go on with. Without properties
// nothing happens.
CHECKED bool pg_connector_open(PgConnector **connector, const SourceContext **context, Err *err);
void pg_connector_close(PgConnector *connector); // NULL is fine

// --- which tables ----------------------------------------------------------------------------------------------

// The captured tables, as the catalog has them now.
CHECKED bool pg_session_tables(PgSession *session, Arena *arena, PgTables *tables, Err *err);
// One table by oid, as the session sees it.
CHECKED bool pg_session_table(PgSession *session, Arena *arena, uint32_t oid, PgTable *table, bool *found, Err *err);
// An SQL session, with the configuration's initial statements run.
CHECKED bool pg_session_connect(const PgSession *session, PgConn *conn, Err *err);
// A user's statements may name tables without their schema; leat's own never see a user's search_path.
CHECKED bool pg_search_path_users(PgConn *conn, Err *err);
CHECKED bool pg_search_path_own(PgConn *conn, Err *err);
// The leaf of a relation that the stream describes: known, renamed or new; NULL when it is not wanted.
CHECKED bool pg_connector_leaf(PgSession *session, const PgMessage *message, const PgTable *table, bool found,
                               PgLeaf **leaf, Err *err);

// --- quarantine ------------------------------------------------------------------------------------------------

// True when the error is of one table's data, and such tables are put aside.
bool pg_session_quarantines(const PgSession *session, const Err *err);
// Puts the table aside, with the next cut; clears the error.
void pg_session_quarantine(PgSession *session, PgCaptured *table, uint64_t lsn, Err *err);

// --- the start -------------------------------------------------------------------------------------------------

// Makes or alters the publication as the mode says, and replica identities; puts its name into the session.
CHECKED bool pg_connector_publish(PgSetup *setup, const PgTables *tables, Err *err);
// From slot, position and snapshot mode to where the stream starts and which tables are to be read.
CHECKED bool pg_connector_start(PgSetup *setup, const PgPosition *position, bool known, Err *err);
// slot.drop.on.stop, when the stream is closed.
CHECKED bool pg_connector_stopped(PgSetup *setup, Err *err);

#endif
