// SPDX-License-Identifier: Apache-2.0
// Replication slots and publications: what leat makes on a source, looks at, and removes again.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_SLOT_H
#define LEAT_FLOW_SOURCE_POSTGRES_SLOT_H

#include "flow/source/postgres/catalog.h"

typedef struct PgSlot {
    bool exists;
    bool active;
    int active_pid;
    bool ours; // plugin pgoutput, logical, of this database
    char plugin[64], database[64];
    uint64_t restart_lsn, confirmed_flush_lsn;
    char wal_status[16];    // reserved, extended, unreserved, lost; "" = unknown
    char invalidation[64];  // 17+: invalidation_reason; "" = none
    int64_t retained_bytes; // WAL that it keeps on the server
    int64_t safe_bytes;     // until it would be invalidated; -1 = no cap
} PgSlot;
CHECKED bool pg_slot_read(PgConn *sql, const char *name, PgSlot *slot, Err *err);

// CREATE_REPLICATION_SLOT on a replication connection. While it waits for open writing transactions, `sql` is asked who
// blocks it (pid, age, query's first words) and that is logged; after timeout_ms the wait is given up (ERR_SOURCE_SETUP
// naming the pid; no slot is left). With `export`, `snapshot` is the exported snapshot's name, alive until the next
// command on `replication`; `lsn` its consistent point. Names are checked ([a-z0-9_], at most 63).
typedef struct PgSlotCreate {
    const char *name;
    bool temporary;
    bool export_snapshot;
    bool failover; // 17+
    int timeout_ms;
} PgSlotCreate;
CHECKED bool pg_slot_create(PgConn *replication, const char *url, const PgSlotCreate *create, uint64_t *lsn,
                            char snapshot[64], Err *err);
// Absent is fine. An active slot is retried until timeout_ms, then ERR_SLOT_BUSY names the pid.
CHECKED bool pg_slot_drop(PgConn *sql, const char *name, int timeout_ms, Err *err);
// The holder: imports `snapshot` into a REPEATABLE READ READ ONLY transaction on `sql` and exports it again under a
// name that lives as long as that transaction, for any number of readers.
CHECKED bool pg_snapshot_hold(PgConn *sql, const char *snapshot, char held[64], Err *err);
// BEGIN with that snapshot on a reader's connection.
CHECKED bool pg_snapshot_use(PgConn *sql, const char *held, Err *err);

// --- publications ----------------------------------------------------------------------------------------------
// Two unless configured otherwise: NAME for tables with a replica identity (all operations), NAME_inserts for the rest
// (publish = 'insert, truncate'), so that leat never makes a user's UPDATE or DELETE fail. Leaves are published, never
// the root (publish_via_partition_root = false).

typedef struct PgPublicationPlan {
    const char *name; // "leat_shop"; the second is "leat_shop_inserts"
    bool exists, inserts_exists;
    bool by_dba;            // the user named an existing publication: accepted, never altered
    const PgTable **tables; // for the first
    size_t table_count;
    const PgTable **inserts_tables;
    size_t inserts_table_count;
} PgPublicationPlan;
// Sorts the tables into the two. `dba_publication` NULL = make our own.
CHECKED bool pg_publication_plan(PgConn *sql, Arena *arena, const char *name, const char *dba_publication,
                                 const PgTables *tables, PgPublicationPlan *plan, Err *err);
// Creates what is missing and adds or drops tables where the sets differ. With a DBA's publication: checks that each
// table is in it with the needed operations (else ERR_SOURCE_SETUP with the ALTER PUBLICATION to run).
CHECKED bool pg_publication_apply(PgConn *sql, const PgPublicationPlan *plan, Err *err);
// "leat_shop,leat_shop_inserts", quoted for START_REPLICATION's publication_names. Lives in the arena.
char *pg_publication_names(Arena *arena, const PgPublicationPlan *plan);
CHECKED bool pg_publication_drop(PgConn *sql, const char *name, Err *err); // both; absent is fine

#endif
