// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/slot.h"

#include "core/base/log.h"
#include "core/sys/clock.h"

#include <errno.h>
#include <poll.h>

enum {
    POLL_MS = 200,
    IDLE_LOOK_US = 50000,     // at a slot that somebody holds
    BLOCKERS_AFTER_MS = 1000, // when to begin asking who is in the way
    BLOCKERS_EVERY_MS = 5000,
};

static void copy_text(char *to, size_t size, Slice text) {
    size_t count = MIN(text.size, size - 1);
    if (count > 0) {
        memcpy(to, text.data, count);
    }
    to[count] = 0;
}

static bool name_check(const char *name, Err *err) {
    size_t size = strlen(name);
    if (size == 0 || size > 63 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != size) {
        (void)FAIL(err, ERR_OPTION, "slot \"%.80s\": not a name that PostgreSQL accepts", name);
        return err_hint(err, "a slot's name has 1 to 63 characters out of a-z, 0-9 and _");
    }
    return true;
}

bool pg_slot_read(PgConn *sql, const char *name, PgSlot *slot, Err *err) {
    static const char QUERY[] =
        "SELECT s.active, s.active_pid, s.slot_type = 'logical' AND s.plugin = 'pgoutput' AND s.database = "
        "current_database(), s.plugin, s.database, s.restart_lsn, s.confirmed_flush_lsn, s.wal_status, "
        "to_jsonb(s) ->> 'invalidation_reason', " // 17+
        "pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, "
        "s.restart_lsn)::bigint, s.safe_wal_size FROM pg_replication_slots s WHERE s.slot_name = $1";
    *slot = (PgSlot){.safe_bytes = -1};
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(sql, &rows, QUERY, &name, 1, err));
    if (rows.count == 0) {
        return true;
    }
    slot->exists = true;
    slot->active = pg_bool(&rows, 0, 0);
    slot->active_pid = (int)pg_int(&rows, 0, 1);
    slot->ours = pg_bool(&rows, 0, 2);
    copy_text(slot->plugin, sizeof(slot->plugin), pg_slice(&rows, 0, 3));
    copy_text(slot->database, sizeof(slot->database), pg_slice(&rows, 0, 4));
    slot->restart_lsn = pg_lsn(&rows, 0, 5);
    slot->confirmed_flush_lsn = pg_lsn(&rows, 0, 6);
    copy_text(slot->wal_status, sizeof(slot->wal_status), pg_slice(&rows, 0, 7));
    copy_text(slot->invalidation, sizeof(slot->invalidation), pg_slice(&rows, 0, 8));
    slot->retained_bytes = pg_int(&rows, 0, 9);
    slot->safe_bytes = pg_null(&rows, 0, 10) ? -1 : pg_int(&rows, 0, 10);
    return true;
}

bool pg_slot_read_idle(PgConn *sql, const char *name, int64_t timeout_us, const volatile bool *stop, PgSlot *slot,
                       Err *err) {
    for (int64_t deadline = clock_monotonic_us() + timeout_us;;) {
        TRY(pg_slot_read(sql, name, slot, err));
        if (!slot->exists || !slot->active) {
            return true;
        }
        if (clock_monotonic_us() > deadline || (stop != NULL && *stop)) {
            return FAIL(err, ERR_SLOT_BUSY, "replication slot %s is in use (pid %d)", name, slot->active_pid);
        }
        clock_sleep_us(IDLE_LOOK_US);
    }
}

// --- creation --------------------------------------------------------------------------------------------------

typedef struct Creation {
    PgConn *replication;
    PgConn sql; // opened when there is something to ask
    const char *url;
    const PgSlotCreate *create;
    char blockers[256]; // "pid 12, idle in transaction for 40 s, UPDATE orders SET"; "" = none known
} Creation;

static void creation_release(Creation *creation) {
    pg_conn_close(&creation->sql);
}

// Who blocks: the transactions that the walsender waits for; a prepared one has no process. Of a query only the first
// words are taken, up to anything that could be a value.
static const char BLOCKERS_SQL[] =
    "SELECT format('pid %s (%s%s), %s for %s s, query: %s', a.pid, a.usename, nullif(', ' || a.application_name, ', "
    "'), "
    "coalesce(a.state, 'running'), round(extract(epoch FROM clock_timestamp() - a.xact_start)), "
    "coalesce(substring(a.query FROM '^\\s*(\\w+(?:\\s+[\\w.\"]+){0,3})'), '?')), a.xact_start "
    "FROM pg_stat_activity a WHERE a.pid = ANY (pg_blocking_pids($1::int)) UNION ALL "
    "SELECT format('prepared transaction %L of %s', p.gid, p.owner), p.prepared FROM pg_prepared_xacts p "
    "WHERE 0 = ANY (pg_blocking_pids($1::int)) ORDER BY 2 LIMIT 3";

// Best effort: without an answer the wait goes on all the same.
static void creation_blockers(Creation *creation) {
    Err err[1] = {{0}};
    if (creation->sql.handle == NULL && !pg_conn_open(&creation->sql, creation->url, PG_CONN_SQL, err)) {
        return;
    }
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", PQbackendPID(creation->replication->handle));
    const char *params[] = {pid};
    DEFER(pg_rows_release) PgRows rows = {0};
    if (!pg_query(&creation->sql, &rows, BLOCKERS_SQL, params, 1, err) || rows.count == 0) {
        return;
    }
    copy_text(creation->blockers, sizeof(creation->blockers), pg_slice(&rows, 0, 0));
    for (int i = 0; i < rows.count; i++) {
        log_warn(LOG_SOURCE, "the slot waits for an open transaction to end", LOG_TEXT("slot", creation->create->name),
                 LOG_SLICE("blocked by", pg_slice(&rows, i, 0)));
    }
}

static char *creation_command(Arena *arena, const PgSlotCreate *create, int version) {
    const char *temporary = create->temporary ? " TEMPORARY" : "";
    if (version < 150000) {
        return arena_printf(arena, "CREATE_REPLICATION_SLOT %s%s LOGICAL pgoutput %s", create->name, temporary,
                            create->export_snapshot ? "EXPORT_SNAPSHOT" : "NOEXPORT_SNAPSHOT");
    }
    return arena_printf(arena, "CREATE_REPLICATION_SLOT %s%s LOGICAL pgoutput (SNAPSHOT '%s'%s)", create->name,
                        temporary, create->export_snapshot ? "export" : "nothing",
                        create->failover && version >= 170000 ? ", FAILOVER" : "");
}

static bool creation_stopped(const Creation *creation, Err *err) {
    const volatile bool *stop = creation->create->stop;
    if (stop != NULL && *stop) {
        (void)FAIL(err, ERR_INTERRUPTED, "stopped while a slot is created");
        return true;
    }
    return pg_stopped(err);
}

// Waits until the answer is there; *late when the time is up first.
static bool creation_wait(Creation *creation, int64_t deadline_us, bool ask, bool *late, Err *err) {
    PGconn *handle = creation->replication->handle;
    int64_t ask_us = clock_monotonic_us() + BLOCKERS_AFTER_MS * 1000;
    *late = false;
    while (PQisBusy(handle)) {
        int64_t now_us = clock_monotonic_us();
        if (now_us >= deadline_us || (ask && creation_stopped(creation, err))) {
            *late = true;
            return true;
        }
        if (ask && now_us >= ask_us) {
            creation_blockers(creation);
            ask_us = now_us + BLOCKERS_EVERY_MS * 1000;
        }
        struct pollfd fd = {.fd = PQsocket(handle), .events = POLLIN};
        int ready = poll(&fd, 1, POLL_MS);
        if (ready < 0 && errno != EINTR) {
            return FAIL_ERRNO(err, "poll");
        }
        if (ready > 0 && PQconsumeInput(handle) == 0) {
            return pg_result_fail(creation->replication, NULL, "CREATE_REPLICATION_SLOT", err);
        }
    }
    return true;
}

static void cancel(PGconn *handle) {
    char ignored[256];
    PGcancel *request = PQgetCancel(handle);
    if (request != NULL) {
        (void)PQcancel(request, ignored, sizeof(ignored));
        PQfreeCancel(request);
    }
}

// Gives up: cancels, and where that is not heard, ends the server's process. Either way the server drops a slot that
// is not complete. When the slot was made in the same moment, that is fine: then there is a result after all.
static bool creation_cancel(Creation *creation, Err *err) {
    bool late = false;
    Err ignored[1] = {{0}};
    cancel(creation->replication->handle);
    if (creation_wait(creation, clock_monotonic_us() + 5000000, false, &late, ignored) && !late) {
        return true;
    }
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", PQbackendPID(creation->replication->handle));
    const char *params[] = {pid};
    DEFER(pg_rows_release) PgRows rows = {0};
    if (creation->sql.handle != NULL || pg_conn_open(&creation->sql, creation->url, PG_CONN_SQL, ignored)) {
        (void)!pg_query(&creation->sql, &rows, "SELECT pg_terminate_backend($1::int)", params, 1, ignored);
    }
    pg_conn_close(creation->replication);
    return false;
}

static bool creation_late(Creation *creation, const char *command, Err *err) {
    (void)FAIL(err, ERR_SOURCE_SETUP, "slot \"%s\" could not be created within %d s: %s%s", creation->create->name,
               creation->create->timeout_ms / 1000,
               creation->blockers[0] != 0 ? "an open transaction is in the way: " : "open transactions are in the way",
               creation->blockers);
    return err_hint(err, "let it end, or end it with SELECT pg_terminate_backend(PID); then start again");
}

// The answer, and whatever follows it, so that the connection is idle again.
static PGresult *result_take(PGconn *handle) {
    PGresult *result = PQgetResult(handle);
    for (PGresult *more = NULL; (more = PQgetResult(handle)) != NULL;) {
        PQclear(more);
    }
    return result;
}

bool pg_slot_create(PgConn *replication, const char *url, const PgSlotCreate *create, uint64_t *lsn, char snapshot[64],
                    Err *err) {
    ASSERT(replication->kind == PG_CONN_REPLICATION);
    TRY(name_check(create->name, err));
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", MIB);
    DEFER(creation_release) Creation creation = {.replication = replication, .url = url, .create = create};
    const char *command = creation_command(&scratch, create, replication->version);
    if (PQsendQuery(replication->handle, command) == 0) {
        return pg_result_fail(replication, NULL, command, err);
    }
    bool late = false;
    TRY(creation_wait(&creation, clock_monotonic_us() + (int64_t)create->timeout_ms * 1000, true, &late, err));
    if (late && creation.blockers[0] == 0 && err->code == ERR_NONE) { // nobody was asked in time
        creation_blockers(&creation);
    }
    if (late && !creation_cancel(&creation, err)) {
        return creation_late(&creation, command, err);
    }
    DEFER(pg_rows_release) PgRows rows = {.result = result_take(replication->handle)};
    if (PQresultStatus(rows.result) != PGRES_TUPLES_OK) {
        return late ? creation_late(&creation, command, err) : pg_result_fail(replication, rows.result, command, err);
    }
    if (PQntuples(rows.result) != 1 || PQnfields(rows.result) < 3) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "CREATE_REPLICATION_SLOT: not the answer that was expected");
    }
    err_clear(err); // a stop that came too late
    *lsn = pg_lsn(&rows, 0, 1);
    copy_text(snapshot, 64, pg_slice(&rows, 0, 2));
    return true;
}

bool pg_slot_drop(PgConn *sql, const char *name, int timeout_ms, Err *err) {
    static const char QUERY[] = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                                "WHERE slot_name = $1";
    int64_t deadline_us = clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    for (;;) {
        DEFER(pg_rows_release) PgRows rows = {0};
        if (pg_query(sql, &rows, QUERY, &name, 1, err)) {
            return true;
        }
        if (err->code == ERR_SLOT_LOST) { // dropped by someone else in the same moment
            err_clear(err);
            return true;
        }
        if (err->code != ERR_SLOT_BUSY || clock_monotonic_us() >= deadline_us) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        if (pg_stopped(err)) {
            return false;
        }
        clock_sleep_us(POLL_MS * 1000);
    }
}

// --- snapshots -------------------------------------------------------------------------------------------------

bool pg_snapshot_use(PgConn *sql, const char *held, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", MIB);
    TRY(pg_exec(sql, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", err));
    const char *set = arena_printf(&scratch, "SET TRANSACTION SNAPSHOT %s", pg_literal(&scratch, slice_of(held)));
    if (!pg_exec(sql, set, err)) {
        Err ignored[1] = {{0}};
        (void)!pg_exec(sql, "ROLLBACK", ignored);
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

bool pg_snapshot_hold(PgConn *sql, const char *snapshot, char held[64], Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_snapshot_use(sql, snapshot, err));
    TRY(pg_query(sql, &rows, "SELECT pg_export_snapshot()", NULL, 0, err));
    copy_text(held, 64, pg_slice(&rows, 0, 0));
    return true;
}
