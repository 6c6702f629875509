// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/conn.h"

#include "core/sys/clock.h"
#include "flow/source/postgres/url.h"

#include <errno.h>
#include <poll.h>

enum { CONNECT_SECONDS = 10, POLL_MS = 200 };

static atomic_bool *stop_flag;

void pg_stop_watch(atomic_bool *stop) {
    stop_flag = stop;
}

bool pg_stopped(Err *err) {
    if (stop_flag != NULL && atomic_load_explicit(stop_flag, memory_order_relaxed)) {
        (void)FAIL(err, ERR_INTERRUPTED, "stopped while waiting for the source");
        return true;
    }
    return false;
}

// --- errors ----------------------------------------------------------------------------------------------------

typedef struct StateRule {
    const char *state; // a prefix of the SQLSTATE
    const char *text;  // NULL, or what the message must hold
    ErrCode code;
    const char *hint; // when the server sends none
} StateRule;

// The first match counts. Where a rule looks at the text, messages of other languages fall to the next rule.
static const StateRule STATE_RULES[] = {
    {"28", "pg_hba.conf", ERR_SOURCE_AUTH,
     "add a line to pg_hba.conf on the server and reload it: host DATABASE USER ADDRESS/32 scram-sha-256; the role "
     "needs LOGIN and REPLICATION"},
    {"28", NULL, ERR_SOURCE_AUTH, "check user and password in the source URL"},
    {"42501", "replication", ERR_SOURCE_PERMISSION,
     "let an administrator run: ALTER ROLE … REPLICATION (on Amazon RDS: GRANT rds_replication TO …)"},
    {"42501", "WAL sender", ERR_SOURCE_PERMISSION, // 16 and later
     "let an administrator run: ALTER ROLE … REPLICATION (on Amazon RDS: GRANT rds_replication TO …)"},
    {"42501", NULL, ERR_SOURCE_PERMISSION, "let the owner or an administrator grant it to the source's user"},
    {"3D000", NULL, ERR_NOT_FOUND, "check the database's name in the source URL"},
    {"53400", NULL, ERR_SOURCE_SETUP, "free or drop unused slots, or raise max_replication_slots and restart"},
    {"53300", "max_wal_senders", ERR_SOURCE_SETUP, "raise max_wal_senders on the server and restart it"},
    {"53300", NULL, ERR_SOURCE_UNREACHABLE, "the server has no free connection: leat tries again"},
    {"53", NULL, ERR_SOURCE_UNREACHABLE, "the server is out of a resource: see its log"},
    {"54000", "out of memory", ERR_TABLE,
     "a row is larger than the 1 GB that PostgreSQL can send: shorten it, or leave its table out (--exclude)"},
    {"54000", "string buffer", ERR_TABLE, // 17 and later
     "a row is larger than the 1 GB that PostgreSQL can send: shorten it, or leave its table out (--exclude)"},
    {"55006", NULL, ERR_SLOT_BUSY, "another client reads the slot; stop it, or wait until the server notices its end"},
    {"55000", "wal_level", ERR_SOURCE_SETUP, "set wal_level = logical in postgresql.conf and restart the server"},
    {"55000", "snapshot", ERR_SOURCE_CLOSED, NULL},
    {"22023", "snapshot", ERR_SOURCE_CLOSED, NULL},
    {"55000", "slot", ERR_SLOT_LOST, "the slot's WAL is gone: the tables must be read again"},
    {"58P01", "WAL segment", ERR_SLOT_LOST, "the slot's WAL is gone: the tables must be read again"},
    {"42704", "replication slot", ERR_SLOT_LOST, "the slot was dropped: the tables must be read again"},
    {"42704", "snapshot", ERR_SOURCE_CLOSED, NULL},
    {"42704", "is not part of the publication", ERR_SOURCE_CLOSED,
     "a table was dropped or renamed at this moment: leat looks again"},
    {"42704", "publication", ERR_SOURCE_SETUP, "create the publication again"},
    // Slots and publications are made only where a look has found none: the server was still at the last statement of a
    // process that was killed, say.
    {"42710", NULL, ERR_SOURCE_CLOSED, "it was made at this moment: leat looks again"},
    {"23505", "pg_publication", ERR_SOURCE_CLOSED, "it was made at this moment: leat looks again"},
    {"42P01", NULL, ERR_TABLE, NULL},
    {"3F000", NULL, ERR_TABLE, NULL}, // the table's schema
    {"25006", NULL, ERR_SOURCE_SETUP, "connect to the primary: a standby accepts no changes"},
    {"08P01", "replication", ERR_SOURCE_SETUP,
     "a connection pooler stands in front of the server: give leat a URL that goes to PostgreSQL directly"},
    {"08P01", "startup parameter", ERR_SOURCE_SETUP,
     "a connection pooler stands in front of the server: give leat a URL that goes to PostgreSQL directly"},
    // A fault of the server's decoding, of a slot that was made amid concurrent TRUNCATEs: it never gets past it.
    {"XX000", "could not map filenode", ERR_SLOT_LOST,
     "the server's logical decoding cannot pass this place in its WAL: read everything again, with a new slot: leat "
     "resync NAME --tables '*'"},
    // The server looked at a table that another session was changing or dropping.
    {"XX000", "pg_attribute catalog is missing", ERR_SOURCE_CLOSED, NULL},
    {"XX000", "cache lookup failed", ERR_SOURCE_CLOSED, NULL},
    {"XX000", "could not open relation with OID", ERR_SOURCE_CLOSED, NULL},
    {"XX000", "tuple concurrently", ERR_SOURCE_CLOSED, NULL},
    {"0A000", "replication", ERR_SOURCE_SETUP,
     "a connection pooler or proxy stands in front of the server: give leat a URL that goes to PostgreSQL directly"},
    {"08", NULL, ERR_SOURCE_CLOSED, NULL},
    {"57P03", NULL, ERR_SOURCE_UNREACHABLE, "the server is starting or stopping: leat tries again"},
    {"57P", NULL, ERR_SOURCE_CLOSED, NULL},
    {"57014", NULL, ERR_SOURCE_CLOSED, "an administrator or a timeout of the server cancelled the statement"},
    {"40001", "conflict with recovery", ERR_SOURCE_CLOSED,
     "the standby's replay was in the way: set hot_standby_feedback, or a longer max_standby_streaming_delay, on it"},
    {"40", NULL, ERR_SOURCE_CLOSED, NULL},
    {"55P03", NULL, ERR_SOURCE_CLOSED, NULL},
};

static const StateRule *rule_find(const char *sqlstate, const char *message) {
    for (size_t i = 0; i < ARRAY_LEN(STATE_RULES); i++) {
        const StateRule *rule = &STATE_RULES[i];
        if (strncmp(sqlstate, rule->state, strlen(rule->state)) == 0 &&
            (rule->text == NULL || strstr(message, rule->text) != NULL)) {
            return rule;
        }
    }
    return NULL;
}

bool pg_fail(Err *err, const char *file, int line, const char *what, const char *sqlstate, const char *message,
             const char *detail, const char *hint) {
    sqlstate = sqlstate != NULL ? sqlstate : "";
    message = message != NULL ? message : "no reason given";
    const StateRule *rule = rule_find(sqlstate, message);
    ErrCode code = rule != NULL ? rule->code : ERR_SOURCE_QUERY;
    size_t size = strcspn(message, "\n");
    if (sqlstate[0] == '2' && (sqlstate[1] == '2' || sqlstate[1] == '3')) { // these quote values
        size = MIN(size, strcspn(message, "\""));
        detail = NULL;
    }
    bool has_detail = detail != NULL && detail[0] != 0;
    size_t what_size = strcspn(what, "\n");
    err_fail(err, file, line, code, "%.*s%s: %.*s%s%.*s%s%s%s", (int)MIN(what_size, (size_t)100), what,
             what_size > 100 ? "…" : "", (int)MIN(size, (size_t)200), message, has_detail ? " (" : "",
             has_detail ? (int)MIN(strcspn(detail, "\n"), (size_t)120) : 0, has_detail ? detail : "",
             has_detail ? ")" : "", sqlstate[0] != 0 ? ", SQLSTATE " : "", sqlstate);
    if (rule != NULL && rule->hint != NULL) {
        return err_hint(err, "%s", rule->hint);
    }
    return hint != NULL && hint[0] != 0 ? err_hint(err, "%s", hint) : false;
}

// --- connecting ------------------------------------------------------------------------------------------------

// What libpq itself says when no server has spoken. It has no codes for these; its texts have been stable since 9.x.
static const StateRule CLIENT_RULES[] = {
    {"no password supplied", NULL, ERR_SOURCE_AUTH,
     "put the password into the source URL as ${env:NAME} or ${file:/path}, or into ~/.pgpass"},
    {"could not translate host name", NULL, ERR_SOURCE_UNREACHABLE, "check the host's name in the source URL"},
    {"certificate", NULL, ERR_SOURCE_AUTH, "check sslmode, sslrootcert, sslcert and sslkey in the source URL"},
    {"server does not support SSL", NULL, ERR_SOURCE_SETUP, "turn on ssl on the server, or lower sslmode in the URL"},
    {"SSL error", NULL, ERR_SOURCE_UNREACHABLE, "check sslmode in the source URL and the server's TLS set-up"},
    {"does not support SSL", NULL, ERR_SOURCE_SETUP, "turn on ssl on the server, or lower sslmode in the URL"},
    {"Connection refused", NULL, ERR_SOURCE_UNREACHABLE,
     "check that the server runs, listens on that address (listen_addresses) and port"},
    {"No such file or directory", NULL, ERR_SOURCE_UNREACHABLE,
     "no server listens on that socket: check the directory, or give a host name"},
    {"timeout expired", NULL, ERR_SOURCE_UNREACHABLE, "a firewall may drop packets on the way; see connect_timeout"},
    {"session is read-only", NULL, ERR_SOURCE_UNREACHABLE, "no host fits target_session_attrs"},
    {"session is not read-only", NULL, ERR_SOURCE_UNREACHABLE, "no host fits target_session_attrs"},
    {"server is in hot standby mode", NULL, ERR_SOURCE_UNREACHABLE, "no host fits target_session_attrs"},
    {"server is not in hot standby mode", NULL, ERR_SOURCE_UNREACHABLE, "no host fits target_session_attrs"},
    {"authentication method", NULL, ERR_SOURCE_AUTH, "the server asks for a way to log in that libpq cannot do"},
    {"unsupported startup parameter", NULL, ERR_SOURCE_SETUP,
     "a connection pooler stands in front of the server: give leat a URL that goes to PostgreSQL directly"},
};

// "…FATAL:  28P01: password authentication failed…": where the SQLSTATE is, NULL without one. The last one counts:
// it is of the host tried last.
static const char *find_state(const char *message) {
    const char *found = NULL;
    for (const char *at = message; (at = strstr(at, ":  ")) != NULL;) {
        at += 3;
        if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && at[5] == ':' && at[6] == ' ') {
            found = at;
        }
    }
    return found;
}

// The last line speaks of the host tried last; lines with a tab in front only explain the one before.
static Slice last_line(const char *message) {
    const char *found = message;
    for (const char *at = message; *at != 0;) {
        size_t size = strcspn(at, "\n");
        found = size > 0 && *at != '\t' ? at : found;
        at += size + (at[size] == '\n');
    }
    return (Slice){(const uint8_t *)found, strcspn(found, "\n")};
}

static bool connect_fail(Err *err, const char *message) {
    const char *state = find_state(message);
    if (state != NULL) {
        char code[6] = {0};
        memcpy(code, state, 5);
        return pg_fail(err, __FILE__, __LINE__, "connecting", code, state + 7, NULL, NULL);
    }
    Slice line = last_line(message);
    const StateRule *rule = NULL;
    for (size_t i = 0; i < ARRAY_LEN(CLIENT_RULES) && rule == NULL; i++) {
        rule = strstr(message, CLIENT_RULES[i].state) != NULL ? &CLIENT_RULES[i] : NULL;
    }
    (void)FAIL(err, rule != NULL ? rule->code : ERR_SOURCE_UNREACHABLE, "%.*s", (int)MIN(line.size, (size_t)400),
               (const char *)line.data);
    return rule != NULL ? err_hint(err, "%s", rule->hint) : false;
}

// Waits for the handshake; *timed_out tells that this host never answered.
static bool connect_wait(PGconn *handle, int64_t deadline_us, bool *timed_out, Err *err) {
    PostgresPollingStatusType status = PGRES_POLLING_WRITING;
    while (status != PGRES_POLLING_OK) {
        int64_t left_us = deadline_us - clock_monotonic_us();
        if (left_us <= 0) {
            *timed_out = true;
            return false;
        }
        if (pg_stopped(err)) {
            return false;
        }
        struct pollfd fd = {.fd = PQsocket(handle), .events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int ready = poll(&fd, 1, (int)MIN(left_us / 1000 + 1, (int64_t)POLL_MS));
        if (ready < 0 && errno != EINTR) {
            return FAIL_ERRNO(err, "poll");
        }
        if (ready > 0) {
            status = PQconnectPoll(handle);
            if (status == PGRES_POLLING_FAILED) {
                return connect_fail(err, PQerrorMessage(handle));
            }
        }
    }
    return true;
}

// libpq leaves timeouts to whoever polls, and has no call to go on to its next host: when one does not answer in
// time, it is taken off the list and the rest is tried from the start.
static bool connect_hosts(PgConn *conn, PgUrl *url, Err *err) {
    int64_t timeout_us = pg_url_timeout_seconds(url, CONNECT_SECONDS) * 1000000;
    for (;;) {
        conn->handle = PQconnectStartParams(url->keywords, url->values, 0);
        if (conn->handle == NULL) {
            return FAIL(err, ERR_MEMORY, "no memory for a connection");
        }
        if (PQstatus(conn->handle) == CONNECTION_BAD) {
            return connect_fail(err, PQerrorMessage(conn->handle));
        }
        // With it, a refusal by the server carries its SQLSTATE, whatever language the server speaks.
        PQsetErrorVerbosity(conn->handle, PQERRORS_VERBOSE);
        bool timed_out = false;
        if (connect_wait(conn->handle, clock_monotonic_us() + timeout_us, &timed_out, err)) {
            PQsetErrorVerbosity(conn->handle, PQERRORS_DEFAULT);
            return true;
        }
        if (!timed_out) {
            return false;
        }
        if (!pg_url_drop_host(url, PQhost(conn->handle), PQport(conn->handle))) {
            (void)FAIL(err, ERR_SOURCE_UNREACHABLE, "host \"%s\", port %s: no answer within %" PRId64 " s",
                       PQhost(conn->handle), PQport(conn->handle), timeout_us / 1000000);
            return err_hint(err, "check host and port; a firewall may drop packets on the way");
        }
        PQfinish(conn->handle);
        conn->handle = NULL;
    }
}

// libpq's own remarks have no place on our stderr.
static void notice_ignore(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

static const char SESSION_PINS[] =
    "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'iso_8601'; SET timezone = 'UTC'; SET bytea_output = 'hex'; "
    "SET extra_float_digits = 1; SET row_security = off; SET statement_timeout = 0; "
    "SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; SET synchronize_seqscans = off; "
    "SET search_path = ''; SET standard_conforming_strings = on; SET lock_timeout = ";

// A slot's creation waits for the ends of transactions, which are locks, too: as long as slot.create.timeout says.
static bool session_pin(PgConn *conn, Err *err) {
    char sql[sizeof(SESSION_PINS) + 16];
    const char *locks = conn->kind == PG_CONN_REPLICATION ? "0" : "'" PG_LOCK_TIMEOUT "'";
    snprintf(sql, sizeof(sql), "%s%s", SESSION_PINS, locks);
    return pg_exec(conn, sql, err);
}

bool pg_conn_open(PgConn *conn, const char *text, PgConnKind kind, Err *err) {
    *conn = (PgConn){.kind = kind};
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 4 * MIB);
    PgUrl url = {0};
    TRY(pg_url_resolve(&scratch, text, &url, err));
    pg_url_default(&url, "application_name", "leat");
    pg_url_default(&url, "client_encoding", "UTF8");
    pg_url_default(&url, "keepalives_idle", "30");
    pg_url_default(&url, "keepalives_interval", "10");
    pg_url_default(&url, "keepalives_count", "3");
    pg_url_default(&url, "gssencmode", "disable"); // the wire reads the socket, or TLS, itself
    if (kind == PG_CONN_REPLICATION) {
        pg_url_set(&url, "replication", "database");
    }
    if (!connect_hosts(conn, &url, err)) {
        pg_conn_close(conn);
        return err_frame(err, __FILE__, __LINE__);
    }
    PQsetNoticeReceiver(conn->handle, notice_ignore, NULL);
    conn->version = PQserverVersion(conn->handle);
    if (conn->version < 140000) {
        (void)FAIL(err, ERR_SOURCE_SETUP, "the server is PostgreSQL %d: leat needs 14 or newer", conn->version / 10000);
        pg_conn_close(conn);
        return err_hint(err, "upgrade the server");
    }
    if (!session_pin(conn, err)) {
        pg_conn_close(conn);
        return err_prefix(err, "setting up the session");
    }
    return true;
}

void pg_conn_close(PgConn *conn) {
    if (conn->handle != NULL) {
        PQfinish(conn->handle);
    }
    conn->handle = NULL;
}

// --- statements ------------------------------------------------------------------------------------------------

bool pg_result_fail(PgConn *conn, const PGresult *result, const char *sql, Err *err) {
    const char *state = result != NULL ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    if (state != NULL) {
        (void)pg_fail(err, __FILE__, __LINE__, sql, state, PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY),
                      PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL),
                      PQresultErrorField(result, PG_DIAG_MESSAGE_HINT));
    } else if (PQstatus(conn->handle) == CONNECTION_BAD) {
        const char *message = PQerrorMessage(conn->handle);
        (void)FAIL(err, ERR_SOURCE_CLOSED, "%.60s: %.*s", sql, (int)MIN(strcspn(message, "\n"), (size_t)300), message);
    } else {
        const char *message = PQerrorMessage(conn->handle);
        (void)FAIL(err, ERR_SOURCE_PROTOCOL, "%.60s: the server's answer is no result (%.*s)", sql,
                   (int)MIN(strcspn(message, "\n"), (size_t)200), message);
    }
    return err_prefix(err, "server \"%s\", port %s", PQhost(conn->handle), PQport(conn->handle));
}

bool pg_query(PgConn *conn, PgRows *rows, const char *sql, const char *const *params, int param_count, Err *err) {
    *rows = (PgRows){0};
    if (conn->handle == NULL) {
        return FAIL(err, ERR_SOURCE_CLOSED, "%.60s: the connection is closed", sql);
    }
    ASSERT(param_count == 0 || conn->kind == PG_CONN_SQL);
    PGresult *result = param_count == 0 ? PQexec(conn->handle, sql)
                                        : PQexecParams(conn->handle, sql, param_count, NULL, params, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        (void)pg_result_fail(conn, result, sql, err);
        PQclear(result);
        return false;
    }
    rows->result = result;
    rows->count = PQntuples(result);
    return true;
}

bool pg_exec(PgConn *conn, const char *sql, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(conn, &rows, sql, NULL, 0, err));
    return true;
}

bool pg_exec_on_tables(PgConn *conn, const char *sql, Err *err) {
    if (pg_exec(conn, sql, err)) {
        return true;
    }
    if (err->code == ERR_TABLE) {
        err->code = ERR_SOURCE_CLOSED;
        (void)err_hint(err, "a table was dropped or renamed at this moment: leat looks again");
    }
    return false;
}

void pg_rows_release(PgRows *rows) {
    PQclear(rows->result);
    *rows = (PgRows){0};
}

bool pg_null(const PgRows *rows, int row, int column) {
    return PQgetisnull(rows->result, row, column) == 1;
}

Slice pg_slice(const PgRows *rows, int row, int column) {
    return (Slice){(const uint8_t *)PQgetvalue(rows->result, row, column),
                   (size_t)PQgetlength(rows->result, row, column)};
}

int64_t pg_int(const PgRows *rows, int row, int column) {
    return strtoll(PQgetvalue(rows->result, row, column), NULL, 10);
}

bool pg_bool(const PgRows *rows, int row, int column) {
    return PQgetvalue(rows->result, row, column)[0] == 't';
}

uint64_t pg_lsn(const PgRows *rows, int row, int column) {
    uint64_t lsn = 0;
    return pg_lsn_parse(pg_slice(rows, row, column), &lsn) ? lsn : 0;
}

// One to eight hexadecimal digits; returns how many.
static size_t hex_digits(Slice text, uint32_t *number) {
    size_t at = 0;
    *number = 0;
    for (; at < text.size && at < 9; at++) {
        int digit = hex_digit(text.data[at]);
        if (digit < 0) {
            break;
        }
        *number = *number << 4 | (uint32_t)digit;
    }
    return at <= 8 ? at : 0;
}

bool pg_lsn_parse(Slice text, uint64_t *lsn) {
    uint32_t high = 0, low = 0;
    size_t size = hex_digits(text, &high);
    if (size == 0 || size >= text.size || text.data[size] != '/') {
        return false;
    }
    Slice rest = slice_from(text, size + 1);
    if (rest.size == 0 || hex_digits(rest, &low) != rest.size) {
        return false;
    }
    *lsn = (uint64_t)high << 32 | low;
    return true;
}

// --- quoting ---------------------------------------------------------------------------------------------------

static char *quoted(Arena *arena, Slice text, char quote) {
    char *out = arena_alloc(arena, text.size * 2 + 3);
    size_t at = 0;
    out[at++] = quote;
    for (size_t i = 0; i < text.size; i++) {
        char c = (char)text.data[i];
        if (c == quote) {
            out[at++] = c;
        }
        out[at++] = c;
    }
    out[at] = quote;
    return out;
}

char *pg_identifier(Arena *arena, Slice name) {
    return quoted(arena, name, '"');
}

char *pg_literal(Arena *arena, Slice text) {
    // The replication grammar knows no E'…'; the session pins standard_conforming_strings, so a backslash is itself.
    return quoted(arena, text, '\'');
}
