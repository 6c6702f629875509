// SPDX-License-Identifier: Apache-2.0
// leat doctor, the server: everything that does not belong to one table.
#include "surface/cli/doctor.h"
#include "surface/cli/output.h"

// One row of text; false, with a finding, when the question fails.
static bool ask(Doctor *doctor, PgConn *sql, PgRows *rows, const char *check, const char *question) {
    Err err[1] = {{0}};
    if (pg_query(sql, rows, question, NULL, 0, err)) {
        return true;
    }
    finding_err(doctor, check, err);
    return false;
}

static const char *bytes(const Doctor *doctor, int64_t count) {
    DEFER(buf_release) Buf text = {0};
    text_bytes(&text, (double)count);
    return arena_text(doctor->arena, buf_slice(&text));
}

static const char *text_at(const Doctor *doctor, const PgRows *rows, int row, int column) {
    return arena_text(doctor->arena, pg_slice(rows, row, column));
}

static void version(Doctor *doctor, const PgServer *server) {
    int major = server->version / 10000;
    if (major < 14) {
        finding(doctor, FINDING_PROBLEM, "version", "upgrade the server: versions 14 to 18 are supported",
                "PostgreSQL %s is too old", server->version_text);
    } else if (major > 18) {
        finding(doctor, FINDING_WARN, "version", NULL,
                "PostgreSQL %s is newer than the versions this leat was tested with (14 to 18)", server->version_text);
    } else {
        finding(doctor, FINDING_OK, "version", NULL, "PostgreSQL %s, database %s", server->version_text,
                server->database);
    }
}

static void wal_level(Doctor *doctor, const PgServer *server) {
    bool logical = strcmp(server->wal_level, "logical") == 0;
    finding(doctor, logical ? FINDING_OK : FINDING_PROBLEM, "wal_level",
            logical ? NULL
                    : "ALTER SYSTEM SET wal_level = logical;\n"
                      "-- then restart the server (Amazon RDS: rds.logical_replication = 1 in the parameter group)",
            "wal_level is %s", server->wal_level);
}

static void standby(Doctor *doctor, const PgServer *server) {
    if (!server->in_recovery) {
        return;
    }
    finding(doctor, FINDING_PROBLEM, "standby", "give the primary's address, or target_session_attrs=read-write",
            "the server is a standby: publications and slots are made on the primary");
}

static void role(Doctor *doctor, PgConn *sql, const PgServer *server) {
    DEFER(pg_rows_release) PgRows rows = {0};
    if (!ask(doctor, sql, &rows, "role",
             "SELECT current_user, quote_ident(current_user), quote_ident(current_database()),"
             " has_database_privilege(current_database(), 'CREATE'),"
             " EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_replication')")) {
        return;
    }
    const char *user = text_at(doctor, &rows, 0, 0), *quoted = text_at(doctor, &rows, 0, 1);
    const char *remedy = pg_bool(&rows, 0, 4) ? arena_printf(doctor->arena, "GRANT rds_replication TO %s;", quoted)
                                              : arena_printf(doctor->arena, "ALTER ROLE %s REPLICATION;", quoted);
    if (server->can_replicate) {
        finding(doctor, FINDING_OK, "role", NULL, "role %s may replicate%s", user,
                server->superuser ? " (it is a superuser)" : "");
    } else {
        finding(doctor, FINDING_PROBLEM, "role", remedy, "role %s may not replicate", user);
    }
    if (!pg_bool(&rows, 0, 3) && !doctor->has_publication) {
        finding(doctor, FINDING_PROBLEM, "create",
                arena_printf(doctor->arena,
                             "GRANT CREATE ON DATABASE %s TO %s;\n-- or let a DBA make a publication, "
                             "and give its name with --publication",
                             text_at(doctor, &rows, 0, 2), quoted),
                "role %s may not create publications in this database", user);
    }
}

// leat takes one slot, a temporary one for a table that is read again, and a sender for each.
static void room(Doctor *doctor, PgConn *sql) {
    DEFER(pg_rows_release) PgRows rows = {0};
    if (!ask(doctor, sql, &rows, "room",
             "SELECT current_setting('max_replication_slots')::int8, (SELECT count(*) FROM pg_replication_slots),"
             " current_setting('max_wal_senders')::int8,"
             " (SELECT count(*) FROM pg_stat_replication)")) {
        return;
    }
    static const char *const NAMES[] = {"max_replication_slots", "max_wal_senders"};
    for (int i = 0; i < 2; i++) {
        int64_t most = pg_int(&rows, 0, i * 2), used = pg_int(&rows, 0, i * 2 + 1);
        FindingLevel level = most - used >= 2 ? FINDING_OK : most > used ? FINDING_WARN : FINDING_PROBLEM;
        finding(doctor, level, NAMES[i],
                level == FINDING_OK
                    ? NULL
                    : arena_printf(doctor->arena, "ALTER SYSTEM SET %s = %" PRId64 ";\n-- then restart the server",
                                   NAMES[i], most + 4),
                "%s is %" PRId64 ", %" PRId64 " in use", NAMES[i], most, used);
    }
}

static void cap(Doctor *doctor, PgConn *sql, const PgServer *server) {
    DEFER(pg_rows_release) PgRows rows = {0};
    if (server->slot_wal_keep_bytes < 0) {
        finding(doctor, FINDING_WARN, "max_slot_wal_keep_size",
                "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB';\nSELECT pg_reload_conf();",
                "max_slot_wal_keep_size is unlimited: a slot that nobody reads fills the server's disk");
    } else {
        finding(doctor, FINDING_OK, "max_slot_wal_keep_size", NULL,
                "max_slot_wal_keep_size is %s: a slot further behind is lost",
                bytes(doctor, server->slot_wal_keep_bytes));
    }
    if (!ask(doctor, sql, &rows, "settings",
             "SELECT coalesce(current_setting('idle_replication_slot_timeout', true), '0'),"
             " current_setting('logical_decoding_work_mem'),"
             " pg_size_bytes(current_setting('logical_decoding_work_mem'))")) {
        return;
    }
    const char *idle = text_at(doctor, &rows, 0, 0);
    if (strcmp(idle, "0") != 0) {
        finding(doctor, FINDING_WARN, "idle_replication_slot_timeout",
                "ALTER SYSTEM SET idle_replication_slot_timeout = 0;\nSELECT pg_reload_conf();",
                "idle_replication_slot_timeout is %s: when leat does not run for that long its slot is lost", idle);
    }
    bool small = pg_int(&rows, 0, 2) < (int64_t)(64 * MIB);
    finding(doctor, small ? FINDING_WARN : FINDING_OK, "logical_decoding_work_mem",
            small ? "ALTER SYSTEM SET logical_decoding_work_mem = '64MB';\nSELECT pg_reload_conf();" : NULL,
            "logical_decoding_work_mem is %s%s", text_at(doctor, &rows, 0, 1),
            small ? ": the server spills or streams transactions early" : "");
}

static void publications(Doctor *doctor, PgConn *sql) {
    DEFER(pg_rows_release) PgRows rows = {0};
    if (!ask(doctor, sql, &rows, "publications",
             "SELECT p.pubname, p.puballtables, (SELECT count(*) FROM pg_publication_tables t"
             " WHERE t.pubname = p.pubname), concat_ws(', ', CASE WHEN pubinsert THEN 'insert' END,"
             " CASE WHEN pubupdate THEN 'update' END, CASE WHEN pubdelete THEN 'delete' END,"
             " CASE WHEN pubtruncate THEN 'truncate' END), pubviaroot FROM pg_publication p ORDER BY 1 LIMIT 50")) {
        return;
    }
    for (int i = 0; i < rows.count; i++) {
        finding(doctor, FINDING_OK, "publication", NULL, "publication %s: %s%" PRId64 " tables; %s%s",
                text_at(doctor, &rows, i, 0), pg_bool(&rows, i, 1) ? "all, now " : "", pg_int(&rows, i, 2),
                text_at(doctor, &rows, i, 3), pg_bool(&rows, i, 4) ? "; via the partitions' root" : "");
    }
}

static void slot(Doctor *doctor, const PgRows *rows, int row) {
    enum { NAME, LITERAL, PLUGIN, DATABASE, ACTIVE, STATUS, RETAINED, SAFE };
    const int64_t much = INT64_C(1) << 30;
    const char *name = text_at(doctor, rows, row, NAME), *status = text_at(doctor, rows, row, STATUS);
    int64_t retained = pg_null(rows, row, RETAINED) ? 0 : pg_int(rows, row, RETAINED);
    bool active = pg_bool(rows, row, ACTIVE), lost = strcmp(status, "lost") == 0;
    FindingLevel level = lost                                ? FINDING_PROBLEM
                         : (!active && retained > much)      ? FINDING_WARN
                         : strcmp(status, "unreserved") == 0 ? FINDING_WARN
                                                             : FINDING_OK;
    const char *safe = pg_null(rows, row, SAFE)
                           ? "no cap"
                           : arena_printf(doctor->arena, "lost after %s more", bytes(doctor, pg_int(rows, row, SAFE)));
    const char *remedy = level == FINDING_OK ? NULL
                                             : arena_printf(doctor->arena,
                                                            "-- when nobody needs it any more:\n"
                                                            "SELECT pg_drop_replication_slot(%s);",
                                                            text_at(doctor, rows, row, LITERAL));
    finding(doctor, level, "slot", remedy, "slot %s (%s, %s), %s: keeps %s of WAL, %s%s%s", name,
            text_at(doctor, rows, row, PLUGIN), text_at(doctor, rows, row, DATABASE), active ? "in use" : "not in use",
            bytes(doctor, retained), safe, status[0] != '\0' ? ", " : "", status);
}

static void slots(Doctor *doctor, PgConn *sql, const PgServer *server) {
    DEFER(pg_rows_release) PgRows rows = {0};
    const char *question = arena_printf(
        doctor->arena,
        "SELECT slot_name, quote_literal(slot_name), coalesce(plugin, 'physical'), coalesce(database, 'any database'),"
        " active, coalesce(wal_status, ''), pg_wal_lsn_diff(%s, restart_lsn)::int8, safe_wal_size"
        " FROM pg_replication_slots ORDER BY 7 DESC NULLS LAST LIMIT 50",
        server->in_recovery ? "pg_last_wal_replay_lsn()" : "pg_current_wal_lsn()");
    if (!ask(doctor, sql, &rows, "slots", question)) {
        return;
    }
    for (int i = 0; i < rows.count; i++) {
        slot(doctor, &rows, i);
    }
    if (rows.count == 0) {
        finding(doctor, FINDING_OK, "slot", NULL, "there are no replication slots");
    }
}

// The creation of a slot waits for every transaction that has written and is still open.
static void transactions(Doctor *doctor, PgConn *sql) {
    DEFER(pg_rows_release) PgRows rows = {0}, prepared = {0};
    if (ask(doctor, sql, &rows, "transactions",
            "SELECT pid, coalesce(usename, ''), extract(epoch FROM now() - xact_start)::int8, coalesce(state, '')"
            " FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
            " AND xact_start < now() - interval '10 seconds' ORDER BY xact_start LIMIT 20")) {
        for (int i = 0; i < rows.count; i++) {
            finding(doctor, FINDING_WARN, "transaction",
                    arena_printf(doctor->arena, "SELECT pg_terminate_backend(%" PRId64 ");", pg_int(&rows, i, 0)),
                    "a transaction of pid %" PRId64 " (%s) has been open for %" PRId64
                    " s (%s) and has written: the slot cannot be created before it ends",
                    pg_int(&rows, i, 0), text_at(doctor, &rows, i, 1), pg_int(&rows, i, 2),
                    text_at(doctor, &rows, i, 3));
        }
    }
    if (ask(doctor, sql, &prepared, "transactions",
            "SELECT quote_literal(gid), extract(epoch FROM now() - prepared)::int8 FROM pg_prepared_xacts"
            " WHERE database = current_database() ORDER BY prepared LIMIT 20")) {
        for (int i = 0; i < prepared.count; i++) {
            finding(doctor, FINDING_WARN, "transaction",
                    arena_printf(doctor->arena, "ROLLBACK PREPARED %s;", text_at(doctor, &prepared, i, 0)),
                    "prepared transaction %s is %" PRId64 " s old: the slot cannot be created before it ends",
                    text_at(doctor, &prepared, i, 0), pg_int(&prepared, i, 1));
        }
    }
}

void doctor_server(Doctor *doctor, PgConn *sql, const PgServer *server) {
    version(doctor, server);
    wal_level(doctor, server);
    standby(doctor, server);
    role(doctor, sql, server);
    room(doctor, sql);
    cap(doctor, sql, server);
    publications(doctor, sql);
    slots(doctor, sql, server);
    transactions(doctor, sql);
}

// A replication connection: pg_hba, poolers.
static void replication(Doctor *doctor, const char *url) {
    Err err[1] = {{0}};
    PgConn connection = {0};
    if (pg_conn_open(&connection, url, PG_CONN_REPLICATION, err)) {
        finding(doctor, FINDING_OK, "replication", NULL, "a replication connection is possible");
    } else {
        err_hint(err, "if a pooler (PgBouncer, RDS Proxy) stands in front, give the server's own address; pg_hba.conf "
                      "must let the role connect to this database");
        finding_err(doctor, "replication", err);
    }
    pg_conn_close(&connection);
}

bool doctor_source(Doctor *doctor, const char *url, const char *tables, const char *exclude) {
    Err err[1] = {{0}};
    PgConn sql = {0};
    PgServer server = {0};
    if (!pg_conn_open(&sql, url, PG_CONN_SQL, err)) {
        finding_err(doctor, "connection", err);
        return false;
    }
    finding(doctor, FINDING_OK, "connection", NULL, "%s answers", pg_url_masked(doctor->arena, url));
    if (pg_server_read(&sql, &server, err)) {
        doctor_server(doctor, &sql, &server);
        if (server.can_replicate) {
            replication(doctor, url);
        }
        doctor_tables(doctor, &sql, &server, tables, exclude);
    } else {
        finding_err(doctor, "server", err);
    }
    pg_conn_close(&sql);
    return true;
}
