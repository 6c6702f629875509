// SPDX-License-Identifier: Apache-2.0
// Replication slots and snapshots: what leat makes on a source, looks at, and removes again.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_SLOT_H
#define LEAT_FLOW_SOURCE_POSTGRES_SLOT_H

#include "flow/source/postgres/publication.h"

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
// The same once nobody holds it: a server lets go of it a moment after its client has gone, and moves it on until then,
// or still makes it. After so long, or when *stop (NULL = never), ERR_SLOT_BUSY names the pid.
CHECKED bool pg_slot_read_idle(PgConn *sql, const char *name, int64_t timeout_us, const volatile bool *stop,
                               PgSlot *slot, Err *err);

// CREATE_REPLICATION_SLOT on a replication connection. While it waits for open writing transactions, `sql` is asked who
// blocks it (pid, age, query's first words) and that is logged; after timeout_ms the wait is given up (ERR_SOURCE_SETUP
// naming the pid; no slot is left). With `export`, `snapshot` is the exported snapshot's name, alive until the next
// command on `replication`; `lsn` its consistent point. Names are checked ([a-z0-9_], at most 63). A slot of
// that name is ERR_SOURCE_CLOSED: who calls this has seen that there is none.
typedef struct PgSlotCreate {
    const char *name;
    bool temporary;
    bool export_snapshot;
    bool failover; // 17+
    int timeout_ms;
    const volatile bool *stop; // NULL = only when the process is told to (pg_stopped)
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

#endif
