// SPDX-License-Identifier: Apache-2.0
// A connection to PostgreSQL over libpq: connect, ask, tell. Every error is classified (unreachable, refused user,
// missing permission, refused statement) and says which host and what to do; no password ever reaches a message.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CONN_H
#define LEAT_FLOW_SOURCE_POSTGRES_CONN_H

#include "core/base/arena.h"
#include "core/base/err.h"

#include <libpq-fe.h>
#include <stdatomic.h>

typedef enum PgConnKind {
    PG_CONN_SQL,         // an ordinary session, its settings pinned (DateStyle, TimeZone, row_security=off, …)
    PG_CONN_REPLICATION, // replication=database: replication commands and simple queries
} PgConnKind;

typedef struct PgConn {
    PGconn *handle; // NULL = closed
    PgConnKind kind;
    int version; // 150018
} PgConn;

// How long a statement waits for the lock of a table. What holds one may itself wait for a lock of another of leat's
// sessions, which no server sees: so no wait is for ever, and whoever gave up tries again with all sessions closed.
#define PG_LOCK_TIMEOUT "10s"

// `url` is a libpq URI or conninfo, several hosts and target_session_attrs included; ${env:NAME} and ${file:/path} in
// it are resolved anew at each connect. application_name is "leat" unless the URL has one; connect_timeout 10 s unless
// given.
CHECKED bool pg_conn_open(PgConn *conn, const char *url, PgConnKind kind, Err *err);
void pg_conn_close(PgConn *conn); // closed or zero is fine
// From now on, whatever waits for a source looks at *stop a few times a second and gives up with ERR_INTERRUPTED. NULL:
// waits end by their timeouts alone.
void pg_stop_watch(atomic_bool *stop);
bool pg_stopped(Err *err); // true, and err set, when asked to stop
// The URL without password and other secrets, for people. Lives in the arena.
char *pg_url_masked(Arena *arena, const char *url);
// ERR_OPTION naming the place when the URL cannot be parsed; no connection is made.
CHECKED bool pg_url_check(const char *url, Err *err);

typedef struct PgRows {
    PGresult *result;
    int count;
} PgRows;

// A statement with text parameters ($1, …; NULL = SQL NULL). On replication connections no parameters are possible.
// `sql` is also what an error names, without values.
CHECKED bool pg_query(PgConn *conn, PgRows *rows, const char *sql, const char *const *params, int param_count,
                      Err *err);
CHECKED bool pg_exec(PgConn *conn, const char *sql, Err *err); // no result wanted
// A statement that changes tables, or a publication of them, as the catalog had them just before. A table that is gone
// by now makes ERR_SOURCE_CLOSED: who begins again does not see it.
CHECKED bool pg_exec_on_tables(PgConn *conn, const char *sql, Err *err);
void pg_rows_release(PgRows *rows); // zero is fine; for DEFER
bool pg_null(const PgRows *rows, int row, int column);
Slice pg_slice(const PgRows *rows, int row, int column);
int64_t pg_int(const PgRows *rows, int row, int column);
bool pg_bool(const PgRows *rows, int row, int column);
uint64_t pg_lsn(const PgRows *rows, int row, int column); // "16/B374D848"; 0 when NULL
bool pg_lsn_parse(Slice text, uint64_t *lsn);

// Quoted for SQL: "na""me", 'it''s'. Live in the arena.
char *pg_identifier(Arena *arena, Slice name);
char *pg_literal(Arena *arena, Slice text);
// The class of an SQLSTATE, and the text and hint of a server's ErrorResponse, as an Err. Used by conn and wire.
bool pg_fail(Err *err, const char *file, int line, const char *what, const char *sqlstate, const char *message,
             const char *detail, const char *hint);
// The same for a failed result of libpq (NULL: none came); names the server. Returns false.
bool pg_result_fail(PgConn *conn, const PGresult *result, const char *sql, Err *err);

#endif
