// SPDX-License-Identifier: Apache-2.0
// Connections, wire, catalog, slots and publications against a real server. pg_source.sh starts one and names it:
//     LEAT_PG_URL      unix socket, superuser, database leat_test
//     LEAT_PG_HOST     a conninfo prefix with host and port of the same server over TCP, TLS on, scram
//     LEAT_PG_ROWS     rows for the COPY tests
// The runner is that of the unit tests.
#include "core/base/test.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "flow/source/postgres/slot.h"
#include "flow/source/postgres/wire.h"

#include <poll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static Err err[1];

static const char *env(const char *name) {
    const char *value = getenv(name);
    if (value == NULL) {
        test_fail(__FILE__, __LINE__, "%s is not set", name);
    }
    return value;
}

static Arena *run_arena(void) {
    static Arena arena;
    if (arena.name == NULL) {
        arena_init(&arena, "test", 0);
    }
    return &arena;
}

static const char *tcp_url(const char *rest) {
    return arena_printf(run_arena(), "%s dbname=leat_test %s", env("LEAT_PG_HOST"), rest);
}

static PgConn open_url(const char *url, PgConnKind kind) {
    PgConn conn = {0};
    CHECK_OK(pg_conn_open(&conn, url, kind, err));
    return conn;
}

static PgConn open_sql(void) {
    return open_url(env("LEAT_PG_URL"), PG_CONN_SQL);
}

static void exec(PgConn *conn, const char *sql) {
    CHECK_OK(pg_exec(conn, sql, err));
}

static void check_hint(const char *code_hint, const char *part) {
    if (strstr(code_hint, part) == NULL) {
        test_fail(__FILE__, __LINE__, "the hint is '%s' (%s)", code_hint, err->message);
    }
}

static void check_refused(const char *url, PgConnKind kind, ErrCode code, const char *message, const char *hint) {
    PgConn conn = {0};
    if (pg_conn_open(&conn, url, kind, err)) {
        test_fail(__FILE__, __LINE__, "%s: accepted", url);
    }
    if (err->code != code || strstr(err->message, message) == NULL || strstr(err->hint, hint) == NULL) {
        test_fail(__FILE__, __LINE__, "%s: %s: %s (%s)", url, err_name(err->code), err->message, err->hint);
    }
    CHECK(strstr(err->message, "wr0ng") == NULL && strstr(err->hint, "wr0ng") == NULL);
    err_clear(err);
}

TEST(conn_refusals_are_told_apart) {
    check_refused(tcp_url("user=tcp_user password=wr0ng"), PG_CONN_SQL, ERR_SOURCE_AUTH, "password",
                  "user and password");
    check_refused(tcp_url("user=tcp_user passfile=/nonexistent"), PG_CONN_SQL, ERR_SOURCE_AUTH, "password", "${env:");
    check_refused(tcp_url("user=nobody password=wr0ng"), PG_CONN_SQL, ERR_SOURCE_AUTH, "nobody", "user and password");
    check_refused(arena_printf(run_arena(), "%s dbname=nowhere user=tcp_user password=s3cret", env("LEAT_PG_HOST")),
                  PG_CONN_SQL, ERR_NOT_FOUND, "nowhere", "database");
    check_refused(tcp_url("user=plain_user password=s3cret"), PG_CONN_REPLICATION, ERR_SOURCE_PERMISSION, "",
                  "REPLICATION");
    check_refused(tcp_url("user=barred_user password=s3cret"), PG_CONN_SQL, ERR_SOURCE_AUTH, "pg_hba.conf",
                  "pg_hba.conf");
    check_refused("postgres://u@127.0.0.1:1/x", PG_CONN_SQL, ERR_SOURCE_UNREACHABLE, "refused", "runs");
    check_refused("postgres://u@no-such-host.invalid/x", PG_CONN_SQL, ERR_SOURCE_UNREACHABLE, "no-such-host", "name");
    check_refused("host=/nonexistent dbname=x user=u", PG_CONN_SQL, ERR_SOURCE_UNREACHABLE, "", "socket");
    check_refused(tcp_url("user=tcp_user password=s3cret sslmode=verify-ca sslrootcert=/nonexistent"), PG_CONN_SQL,
                  ERR_SOURCE_AUTH, "certificate", "sslrootcert");
}

TEST(conn_resolves_secrets_at_each_connect) {
    setenv("LEAT_TEST_PASSWORD", "s3cret", 1);
    PgConn conn = open_url(tcp_url("user=tcp_user password=${env:LEAT_TEST_PASSWORD} sslmode=require"), PG_CONN_SQL);
    CHECK(PQsslInUse(conn.handle) == 1);
    pg_conn_close(&conn);
    setenv("LEAT_TEST_PASSWORD", "wr0ng", 1);
    check_refused(tcp_url("user=tcp_user password=${env:LEAT_TEST_PASSWORD}"), PG_CONN_SQL, ERR_SOURCE_AUTH, "",
                  "user and password");
    char path[] = "/tmp/leat_secret_XXXXXX";
    int fd = mkstemp(path);
    CHECK(write(fd, "s3cret\n", 7) == 7);
    close(fd);
    conn = open_url(tcp_url(arena_printf(run_arena(), "user=tcp_user password=${file:%s}", path)), PG_CONN_SQL);
    unlink(path);
    DEFER(pg_rows_release) PgRows rows = {0};
    CHECK_OK(pg_query(&conn, &rows,
                      "SELECT current_setting('application_name'), current_setting('TimeZone'), "
                      "current_setting('row_security'), 1.1::float4, 'x'::bytea",
                      NULL, 0, err));
    CHECK_TEXT(pg_slice(&rows, 0, 0), "leat");
    CHECK_TEXT(pg_slice(&rows, 0, 1), "UTC");
    CHECK_TEXT(pg_slice(&rows, 0, 2), "off");
    CHECK_TEXT(pg_slice(&rows, 0, 3), "1.1");
    CHECK_TEXT(pg_slice(&rows, 0, 4), "\\x78");
    pg_conn_close(&conn);
}

TEST(conn_goes_on_to_the_next_host) {
    const char *host = env("LEAT_PG_HOST"); // host=127.0.0.1 port=N
    const char *port = strstr(host, "port=") + 5;
    PgConn conn = open_url(arena_printf(run_arena(),
                                        "postgres://tcp_user:s3cret@127.0.0.1:1,127.0.0.1:%s/leat_test"
                                        "?target_session_attrs=read-write",
                                        port),
                           PG_CONN_SQL);
    pg_conn_close(&conn);
    // A host that takes the connection and stays silent costs its timeout, no more.
    int64_t start_us = clock_monotonic_us();
    conn = open_url(arena_printf(run_arena(),
                                 "postgres://tcp_user:s3cret@127.0.0.1:%s,127.0.0.1:%s/leat_test?connect_timeout=2",
                                 env("LEAT_SILENT_PORT"), port),
                    PG_CONN_SQL);
    CHECK(clock_monotonic_us() - start_us < 8000000);
    pg_conn_close(&conn);
    check_refused(arena_printf(run_arena(), "postgres://u@127.0.0.1:%s/x?connect_timeout=2", env("LEAT_SILENT_PORT")),
                  PG_CONN_SQL, ERR_SOURCE_UNREACHABLE, "no answer", "firewall");
    check_refused(arena_printf(run_arena(),
                               "postgres://tcp_user:s3cret@127.0.0.1:%s/leat_test?target_session_attrs=standby", port),
                  PG_CONN_SQL, ERR_SOURCE_UNREACHABLE, "standby", "target_session_attrs");
}

TEST(conn_stops_when_asked) {
    static atomic_bool stop;
    pg_stop_watch(&stop);
    atomic_store(&stop, true);
    check_refused(arena_printf(run_arena(), "postgres://u@127.0.0.1:%s/x", env("LEAT_SILENT_PORT")), PG_CONN_SQL,
                  ERR_INTERRUPTED, "", "");
}

TEST(conn_statement_errors_have_a_class) {
    PgConn sql = open_sql();
    CHECK_FAILS(pg_exec(&sql, "SELECT 1 FROM nowhere", err), ERR_TABLE);
    CHECK_FAILS(pg_exec(&sql, "SELEKT", err), ERR_SOURCE_QUERY);
    CHECK(!pg_exec(&sql, "SELECT 'hidden-value'::int", err));
    CHECK(strstr(err->message, "syntax for type") != NULL && strstr(strstr(err->message, "syntax"), "hidden") == NULL);
    err_clear(err);
    PgConn other = open_sql();
    exec(&other, arena_printf(run_arena(), "SELECT pg_terminate_backend(%d)", PQbackendPID(sql.handle)));
    CHECK(!pg_exec(&sql, "SELECT 1", err));
    CHECK_INT(err->code, ERR_SOURCE_CLOSED);
    err_clear(err);
    pg_conn_close(&sql);
    pg_conn_close(&other);
}

// --- wire ------------------------------------------------------------------------------------------------------

// Reads a COPY to its end; returns rows.
static uint64_t copy_all(PgWire *wire, int gather, uint64_t *bytes) {
    uint64_t rows = 0;
    for (;;) {
        Slice body = {0};
        PgWireStatus status = pg_wire_next(wire, &body, err);
        if (status == PG_WIRE_DATA) {
            rows++;
            *bytes += body.size;
            continue;
        }
        if (status != PG_WIRE_EMPTY) {
            CHECK_INT(status, PG_WIRE_DONE);
            return rows;
        }
        size_t received = 0;
        CHECK_OK(pg_wire_receive(wire, &received, err));
        if (received == 0 && !pg_wire_tls_pending(wire)) {
            struct pollfd fd = {.fd = wire->fd, .events = POLLIN};
            CHECK(poll(&fd, 1, gather > 1 ? 2 : 10000) == 1 ||
                  gather > 1); // the last bytes are fewer than it waits for
        }
    }
}

static void copy_over(const char *name, const char *url, int gather) {
    PgConn conn = open_url(url, PG_CONN_SQL);
    PgWire wire = {0};
    CHECK_OK(pg_wire_open(&wire, &conn, 256 * KIB, MIB, err));
    CHECK_OK(pg_wire_start(&wire, "COPY public.narrow TO STDOUT (FORMAT binary)", 10000, err));
    if (gather > 1) {
        pg_wire_gather(&wire, gather);
    }
    struct timespec cpu[2];
    int64_t start_us = clock_monotonic_us();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu[0]);
    uint64_t bytes = 0, rows = copy_all(&wire, gather, &bytes);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu[1]);
    int64_t us = clock_monotonic_us() - start_us;
    CHECK_OK(pg_wire_finish(&wire, 10000, err));
    CHECK_INT(rows, strtol(env("LEAT_PG_ROWS"), NULL, 10) + 1); // header and first row share a message; the trailer
    double cpu_s = (double)(cpu[1].tv_sec - cpu[0].tv_sec) + (double)(cpu[1].tv_nsec - cpu[0].tv_nsec) / 1e9;
    printf("COPY over %-12s %8.0f rows/s, %5.0f ns CPU per row, %" PRIu64 " receives of %" PRIu64 " bytes\n", name,
           (double)rows * 1e6 / (double)us, cpu_s * 1e9 / (double)rows, wire.receives,
           wire.received_bytes / wire.receives);
    // libpq can go on with the connection, and the wire once more after it.
    exec(&conn, "SELECT 1");
    CHECK_OK(pg_wire_start(&wire, "COPY (SELECT 1) TO STDOUT", 10000, err));
    CHECK_INT(copy_all(&wire, 1, &bytes), 1);
    CHECK_OK(pg_wire_finish(&wire, 10000, err));
    exec(&conn, "SELECT 1");
    pg_wire_close(&wire);
    pg_conn_close(&conn);
}

TEST(wire_copies_over_each_road) {
    copy_over("unix", env("LEAT_PG_URL"), 1);
    copy_over("TCP", tcp_url("user=tcp_user password=s3cret sslmode=disable"), 1);
    copy_over("TCP gathered", tcp_url("user=tcp_user password=s3cret sslmode=disable"), 65536);
    copy_over("TLS", tcp_url("user=tcp_user password=s3cret sslmode=require"), 1);
}

TEST(wire_carries_large_rows) {
    PgConn conn = open_sql();
    PgWire wire = {0};
    CHECK_OK(pg_wire_open(&wire, &conn, 64 * KIB, 64 * MIB, err));
    CHECK_OK(pg_wire_start(&wire, "COPY (SELECT repeat('x', 20000000) UNION ALL SELECT 'y') TO STDOUT", 10000, err));
    uint64_t bytes = 0;
    CHECK_INT(copy_all(&wire, 1, &bytes), 2);
    CHECK_INT(bytes, 20000003);
    CHECK_OK(pg_wire_finish(&wire, 10000, err));
    size_t received = 0;
    CHECK_OK(pg_wire_receive(&wire, &received, err));
    CHECK_INT(wire.capacity, 64 * KIB);
    wire.message_bytes_max = MIB;
    CHECK_OK(pg_wire_start(&wire, "COPY (SELECT repeat('x', 20000000)) TO STDOUT", 10000, err));
    Slice body = {0};
    PgWireStatus status = PG_WIRE_EMPTY;
    while ((status = pg_wire_next(&wire, &body, err)) == PG_WIRE_EMPTY) {
        CHECK_OK(pg_wire_receive(&wire, &received, err));
    }
    CHECK_INT(status, PG_WIRE_ERROR);
    CHECK_INT(err->code, ERR_VALUE);
    err_clear(err);
    pg_wire_close(&wire);
    pg_conn_close(&conn);
}

TEST(wire_hands_on_errors_of_the_server) {
    PgConn conn = open_sql();
    PgWire wire = {0};
    CHECK_OK(pg_wire_open(&wire, &conn, 64 * KIB, MIB, err));
    CHECK_FAILS(pg_wire_start(&wire, "COPY nowhere TO STDOUT", 10000, err), ERR_TABLE);
    exec(&conn, "SELECT 1"); // still usable
    CHECK_FAILS(pg_wire_start(&wire, "SELECT 1", 10000, err), ERR_SOURCE_PROTOCOL);
    pg_wire_close(&wire);
    pg_conn_close(&conn);
    conn = open_sql();
    CHECK_OK(pg_wire_open(&wire, &conn, 64 * KIB, MIB, err));
    CHECK_FAILS(pg_wire_start(&wire, "SELECT pg_sleep(5)", 300, err), ERR_SOURCE_UNREACHABLE);
    pg_wire_close(&wire);
    pg_conn_close(&conn);
}

// --- catalog ---------------------------------------------------------------------------------------------------

static const PgTable *find(const PgTables *tables, const char *space, const char *name) {
    for (size_t i = 0; i < tables->count; i++) {
        if (slice_is(tables->at[i].space, space) && slice_is(tables->at[i].name, name)) {
            return &tables->at[i];
        }
    }
    return NULL;
}

TEST(catalog_reads_the_server) {
    PgConn sql = open_sql();
    PgServer server = {0};
    CHECK_OK(pg_server_read(&sql, &server, err));
    CHECK_INT(server.version, sql.version);
    CHECK(server.system_identifier != 0 && server.timeline == 1 && server.wal_end != 0 && !server.in_recovery);
    CHECK_TEXT(slice_of(server.wal_level), "logical");
    CHECK_TEXT(slice_of(server.database), "leat_test");
    CHECK(server.superuser && server.can_replicate);
    CHECK_INT(server.slot_wal_keep_bytes, -1);
    pg_conn_close(&sql);
    sql = open_url(tcp_url("user=plain_user password=s3cret"), PG_CONN_SQL);
    CHECK_OK(pg_server_read(&sql, &server, err));
    CHECK(!server.superuser && !server.can_replicate);
    pg_conn_close(&sql);
}

static const char SHAPES[] =
    "DROP SCHEMA IF EXISTS shapes CASCADE; CREATE SCHEMA shapes; SET search_path = shapes;"
    "CREATE TABLE keyed (b int, a int, g int GENERATED ALWAYS AS (a + 1) STORED, note text, gone int, "
    "PRIMARY KEY (a, b));"
    "ALTER TABLE keyed DROP COLUMN gone;"
    "CREATE TABLE bare (x int); CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY "
    "NOTHING;"
    "CREATE TABLE whole (id int PRIMARY KEY, x int); ALTER TABLE whole REPLICA IDENTITY FULL;"
    "CREATE TABLE indexed (id int PRIMARY KEY, u int NOT NULL, x int); CREATE UNIQUE INDEX indexed_u ON indexed (u) "
    "INCLUDE (x); ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_u;"
    "CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);"
    "CREATE TABLE lost (id int PRIMARY KEY, u int NOT NULL UNIQUE); ALTER TABLE lost REPLICA IDENTITY USING INDEX "
    "lost_u_key; ALTER TABLE lost DROP CONSTRAINT lost_u_key;"
    "CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY);"
    "CREATE TABLE \"Od\"\"d.Name\" (\"Ke y\" int PRIMARY KEY);"
    "CREATE TABLE root (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
    "CREATE TABLE leaf_1 PARTITION OF root FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');"
    "CREATE TABLE mid PARTITION OF root FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (id);"
    "CREATE TABLE leaf_2 PARTITION OF mid FOR VALUES IN (1);"
    "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);"
    "CREATE VIEW glance AS SELECT * FROM keyed; RESET search_path";

static void check_identity(const PgTables *tables, const char *name, Identity identity, bool primary,
                           const char *columns) {
    const PgTable *table = find(tables, "shapes", name);
    CHECK(table != NULL);
    if (table->identity != identity || table->has_primary_key != primary) {
        test_fail(__FILE__, __LINE__, "%s: identity %d, key %d", name, table->identity, table->has_primary_key);
    }
    char *list = "";
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].in_identity) {
            list = arena_printf(run_arena(), "%s%.*s ", list, SLICE_ARG(table->columns[i].name));
        }
    }
    CHECK_TEXT(slice_of(list), columns);
}

TEST(catalog_tells_shapes_and_identities) {
    PgConn sql = open_sql();
    exec(&sql, SHAPES);
    PgTables tables = {0};
    CHECK_OK(pg_catalog_tables(&sql, run_arena(), "shapes.*", NULL, &tables, err));
    CHECK_INT(tables.count, 15); // no view
    check_identity(&tables, "keyed", IDENTITY_KEY, true, "b a ");
    check_identity(&tables, "bare", IDENTITY_NOTHING, false, "");
    check_identity(&tables, "nothing", IDENTITY_NOTHING, true, "");
    check_identity(&tables, "whole", IDENTITY_FULL, true, "id x ");
    check_identity(&tables, "indexed", IDENTITY_INDEX, true, "u ");
    check_identity(&tables, "late", IDENTITY_NOTHING, true, "");
    check_identity(&tables, "lost", IDENTITY_NOTHING, true, "");
    check_identity(&tables, "leaf_2", IDENTITY_KEY, true, "id at ");
    const PgTable *keyed = find(&tables, "shapes", "keyed");
    CHECK_INT(keyed->column_count, 4);
    CHECK_TEXT(keyed->columns[0].name, "b");
    CHECK_INT(keyed->columns[0].key_ordinal, 2);
    CHECK_INT(keyed->columns[1].key_ordinal, 1);
    CHECK(keyed->columns[2].generated && !keyed->columns[3].generated && keyed->columns[0].not_null);
    CHECK_INT(keyed->columns[3].type_oid, 25);
    const PgTable *leaf = find(&tables, "shapes", "leaf_2"), *root = find(&tables, "shapes", "root");
    CHECK_INT(leaf->root_oid, root->oid);
    CHECK_TEXT(leaf->root_name, "root");
    CHECK_INT(find(&tables, "shapes", "mid")->root_oid, root->oid);
    CHECK_INT(find(&tables, "shapes", "mid")->kind, 'p');
    CHECK_INT(find(&tables, "shapes", "child")->root_oid, find(&tables, "shapes", "child")->oid);
    CHECK(find(&tables, "shapes", "fleeting")->unlogged);
    PgTable one = {0};
    bool found = false;
    CHECK_OK(pg_catalog_table(&sql, run_arena(), leaf->oid, false, &one, &found, err));
    CHECK(found && one.root_oid == root->oid && one.column_count == 2 && one.identity == IDENTITY_KEY);
    CHECK_OK(pg_catalog_table(&sql, run_arena(), 1, false, &one, &found, err));
    CHECK(!found);
    pg_conn_close(&sql);
}

TEST(catalog_chooses_by_pattern) {
    PgConn sql = open_sql();
    exec(&sql, SHAPES);
    PgTables tables = {0};
    CHECK_OK(pg_catalog_tables(&sql, run_arena(), "shapes.root", NULL, &tables, err));
    CHECK_INT(tables.count, 4); // with its partitions
    CHECK_OK(pg_catalog_tables(&sql, run_arena(), "shapes.*, glance", "shapes.root,shapes.*ed,nothing", &tables, err));
    CHECK_INT(tables.count, 9);
    CHECK(find(&tables, "shapes", "glance") != NULL);
    CHECK_OK(pg_catalog_tables(&sql, run_arena(), "\"shapes\".\"Od\"\"d.Name\",leaf_?", NULL, &tables, err));
    CHECK_INT(tables.count, 3);
    CHECK_OK(pg_catalog_tables(&sql, run_arena(), "absent*", NULL, &tables, err));
    CHECK_INT(tables.count, 0);
    CHECK(!pg_catalog_tables(&sql, run_arena(), "shapes.*,shapes.Keyd", NULL, &tables, err));
    CHECK_INT(err->code, ERR_TABLE);
    CHECK(strstr(err->message, "shapes.Keyd") != NULL && strstr(err->hint, "shapes.keyed") != NULL);
    err_clear(err);
    CHECK_FAILS(pg_catalog_tables(&sql, run_arena(), "a.b.c", NULL, &tables, err), ERR_OPTION);
    pg_conn_close(&sql);
}

// --- slots and snapshots ---------------------------------------------------------------------------------------

TEST(slot_lives_and_its_snapshot_is_held) {
    PgConn sql = open_sql(), holder = open_sql(), reader = open_sql();
    PgConn replication = open_url(env("LEAT_PG_URL"), PG_CONN_REPLICATION);
    exec(&sql, "DROP TABLE IF EXISTS public.seen; CREATE TABLE public.seen AS SELECT 1 AS x");
    exec(&sql, "DROP PUBLICATION IF EXISTS leat_seen");
    exec(&sql, "CREATE PUBLICATION leat_seen FOR TABLE public.seen");
    PgSlotCreate create = {.name = "leat_lives", .export_snapshot = true, .timeout_ms = 10000};
    uint64_t lsn = 0;
    char snapshot[64], held[64];
    CHECK_OK(pg_slot_create(&replication, env("LEAT_PG_URL"), &create, &lsn, snapshot, err));
    CHECK(lsn != 0 && snapshot[0] != 0);
    exec(&sql, "INSERT INTO public.seen VALUES (2)");
    CHECK_OK(pg_snapshot_hold(&holder, snapshot, held, err));
    exec(&replication, "SELECT 1"); // the exported one is gone, the held one is not
    CHECK_FAILS(pg_snapshot_use(&reader, snapshot, err), ERR_SOURCE_CLOSED);
    CHECK_OK(pg_snapshot_use(&reader, held, err));
    DEFER(pg_rows_release) PgRows rows = {0};
    CHECK_OK(pg_query(&reader, &rows, "SELECT count(*) FROM public.seen", NULL, 0, err));
    CHECK_INT(pg_int(&rows, 0, 0), 1);
    PgSlot slot = {0};
    CHECK_OK(pg_slot_read(&sql, "leat_lives", &slot, err));
    CHECK(slot.exists && !slot.active && slot.ours && slot.confirmed_flush_lsn == lsn && slot.safe_bytes == -1);
    CHECK_TEXT(slice_of(slot.wal_status), "reserved");
    CHECK_FAILS(pg_slot_create(&replication, env("LEAT_PG_URL"), &create, &lsn, snapshot, err), ERR_SOURCE_CLOSED);
    // In use: who, and for how long it was tried.
    PgWire wire = {0};
    CHECK_OK(pg_wire_open(&wire, &replication, 64 * KIB, MIB, err));
    CHECK_OK(pg_wire_start(
        &wire, "START_REPLICATION SLOT leat_lives LOGICAL 0/0 (proto_version '1', publication_names '\"leat_seen\"')",
        10000, err));
    CHECK_OK(pg_slot_read(&sql, "leat_lives", &slot, err));
    CHECK(slot.active);
    CHECK_INT(slot.active_pid, PQbackendPID(replication.handle));
    CHECK(!pg_slot_drop(&sql, "leat_lives", 300, err));
    CHECK_INT(err->code, ERR_SLOT_BUSY);
    CHECK(strstr(err->message, arena_printf(run_arena(), "PID %d", slot.active_pid)) != NULL);
    err_clear(err);
    CHECK_OK(pg_wire_finish(&wire, 10000, err));
    pg_wire_close(&wire);
    CHECK_OK(pg_slot_drop(&sql, "leat_lives", 5000, err));
    CHECK_OK(pg_slot_drop(&sql, "leat_lives", 0, err));
    CHECK_OK(pg_slot_read(&sql, "leat_lives", &slot, err));
    CHECK(!slot.exists);
    CHECK_FAILS(pg_slot_create(&replication, "", &(PgSlotCreate){.name = "Bad-Name"}, &lsn, snapshot, err), ERR_OPTION);
    pg_conn_close(&sql);
    pg_conn_close(&holder);
    pg_conn_close(&reader);
    pg_conn_close(&replication);
}

static int lines;
static char last_line[2048];
static void keep_line(void *context, Slice line) {
    (void)context;
    lines++;
    snprintf(last_line, sizeof(last_line), "%.*s", SLICE_ARG(line));
}

TEST(slot_creation_names_who_blocks_it) {
    PgConn sql = open_sql(), writer = open_sql();
    PgConn replication = open_url(env("LEAT_PG_URL"), PG_CONN_REPLICATION);
    exec(&sql, "CREATE TABLE IF NOT EXISTS public.blocked (x int)");
    exec(&writer, "BEGIN; INSERT INTO public.blocked VALUES (424242)");
    log_sink_set(keep_line, NULL);
    PgSlotCreate create = {.name = "leat_blocked", .timeout_ms = 2500};
    uint64_t lsn = 0;
    char snapshot[64];
    int64_t start_us = clock_monotonic_us();
    CHECK(!pg_slot_create(&replication, env("LEAT_PG_URL"), &create, &lsn, snapshot, err));
    CHECK(clock_monotonic_us() - start_us < 20000000); // on a machine with much else to do
    CHECK_INT(err->code, ERR_SOURCE_SETUP);
    const char *pid = arena_printf(run_arena(), "pid %d", PQbackendPID(writer.handle));
    CHECK(strstr(err->message, pid) != NULL && strstr(err->message, "424242") == NULL);
    CHECK(lines >= 1 && strstr(last_line, pid) != NULL);
    check_hint(err->hint, "pg_terminate_backend");
    err_clear(err);
    PgSlot slot = {0};
    CHECK_OK(pg_slot_read(&sql, "leat_blocked", &slot, err));
    CHECK(!slot.exists);
    // The connection is still good; when the writer ends in time, the slot is made.
    pid_t child = fork();
    if (child == 0) {
        clock_sleep_us(700000);
        PgConn other = {0};
        _exit(pg_conn_open(&other, env("LEAT_PG_URL"), PG_CONN_SQL, err) &&
                      pg_exec(&other,
                              arena_printf(run_arena(), "SELECT pg_terminate_backend(%d)", PQbackendPID(writer.handle)),
                              err)
                  ? 0
                  : 1);
    }
    create.timeout_ms = 10000;
    CHECK_OK(pg_slot_create(&replication, env("LEAT_PG_URL"), &create, &lsn, snapshot, err));
    waitpid(child, NULL, 0);
    CHECK_OK(pg_slot_drop(&sql, "leat_blocked", 5000, err));
    pg_conn_close(&writer);
    pg_conn_close(&sql);
    pg_conn_close(&replication);
}

// --- publications ----------------------------------------------------------------------------------------------

static int64_t count_of(PgConn *sql, const char *query) {
    DEFER(pg_rows_release) PgRows rows = {0};
    CHECK_OK(pg_query(sql, &rows, query, NULL, 0, err));
    return pg_int(&rows, 0, 0);
}

static bool plan_and_apply(PgConn *sql, const char *include, const char *dba, PgPublicationPlan *plan) {
    PgTables tables = {0};
    CHECK_OK(pg_catalog_tables(sql, run_arena(), include, NULL, &tables, err));
    return pg_publication_plan(sql, run_arena(), "leat_pub", dba, &tables, plan, err) &&
           pg_publication_apply(sql, plan, err);
}

TEST(publications_are_two_and_follow_the_tables) {
    PgConn sql = open_sql();
    exec(&sql, SHAPES);
    CHECK_OK(pg_publication_drop(&sql, "leat_pub", err));
    PgPublicationPlan plan = {0};
    CHECK_OK(plan_and_apply(&sql, "shapes.*", NULL, &plan));
    CHECK_TEXT(slice_of(pg_publication_names(run_arena(), &plan)), "\"leat_pub\",\"leat_pub_inserts\"");
    const char *all = "SELECT count(*) FROM pg_publication_tables WHERE pubname = 'leat_pub'";
    const char *inserts = "SELECT count(*) FROM pg_publication_tables WHERE pubname = 'leat_pub_inserts'";
    CHECK_INT(count_of(&sql, all), 8);
    CHECK_INT(count_of(&sql, inserts), 4);
    exec(&sql, "INSERT INTO shapes.bare VALUES (1); UPDATE shapes.bare SET x = 2"); // the trap that the second avoids
    exec(&sql, "ALTER TABLE shapes.bare REPLICA IDENTITY FULL; DROP TABLE shapes.whole");
    CHECK_OK(plan_and_apply(&sql, "shapes.*", NULL, &plan));
    CHECK(plan.exists && plan.inserts_exists);
    CHECK_INT(count_of(&sql, all), 8);
    CHECK_INT(count_of(&sql, inserts), 3);
    CHECK_OK(plan_and_apply(&sql, "shapes.keyed", NULL, &plan));
    CHECK_INT(count_of(&sql, all), 1);
    CHECK_INT(count_of(&sql, inserts), 0);
    CHECK_OK(pg_publication_drop(&sql, "leat_pub", err));
    CHECK_OK(pg_publication_drop(&sql, "leat_pub", err));
    exec(&sql, "CREATE PUBLICATION leat_pub FOR ALL TABLES");
    CHECK(!plan_and_apply(&sql, "shapes.*", NULL, &plan));
    CHECK_INT(err->code, ERR_EXISTS);
    err_clear(err);
    CHECK_OK(pg_publication_drop(&sql, "leat_pub", err));
    pg_conn_close(&sql);
}

static void check_dba(PgConn *sql, const char *include, ErrCode code, const char *hint) {
    PgPublicationPlan plan = {0};
    bool ok = plan_and_apply(sql, include, "dba's \"own\"", &plan);
    if (err->code != code || strstr(err->hint, hint) == NULL || ok != (code == ERR_NONE)) {
        test_fail(__FILE__, __LINE__, "%s: %s: %s (%s)", include, err_name(err->code), err->message, err->hint);
    }
    err_clear(err);
}

TEST(publications_of_a_dba_are_checked) {
    PgConn sql = open_sql();
    exec(&sql, SHAPES);
    exec(&sql, "DROP PUBLICATION IF EXISTS \"dba's \"\"own\"\"\"");
    check_dba(&sql, "shapes.*", ERR_NOT_FOUND, "create it");
    exec(&sql, "CREATE PUBLICATION \"dba's \"\"own\"\"\" FOR TABLE shapes.keyed, shapes.root");
    check_dba(&sql, "shapes.keyed,shapes.root", ERR_NONE, "");
    check_dba(&sql, "shapes.keyed,shapes.bare", ERR_SOURCE_SETUP, "ADD TABLE \"shapes\".\"bare\"");
    exec(&sql, "ALTER PUBLICATION \"dba's \"\"own\"\"\" SET (publish_via_partition_root = true)");
    check_dba(&sql, "shapes.keyed", ERR_NONE, "");
    check_dba(&sql, "shapes.root", ERR_SOURCE_SETUP, "publish_via_partition_root = false");
    exec(&sql, "ALTER PUBLICATION \"dba's \"\"own\"\"\" SET (publish = 'insert', publish_via_partition_root = false)");
    check_dba(&sql, "shapes.keyed", ERR_SOURCE_SETUP, "insert, update, delete, truncate");
    if (sql.version >= 150000) {
        exec(&sql, "ALTER PUBLICATION \"dba's \"\"own\"\"\" SET (publish = 'insert, update, delete, truncate')");
        exec(&sql, "ALTER PUBLICATION \"dba's \"\"own\"\"\" SET TABLE shapes.keyed WHERE (a > 0)");
        check_dba(&sql, "shapes.keyed", ERR_SOURCE_SETUP, "whole table");
    }
    exec(&sql, "DROP PUBLICATION \"dba's \"\"own\"\"\"; CREATE PUBLICATION \"dba's \"\"own\"\"\" FOR ALL TABLES");
    check_dba(&sql, "shapes.*", ERR_NONE, "");
    exec(&sql, "DROP PUBLICATION \"dba's \"\"own\"\"\"");
    pg_conn_close(&sql);
}

TEST(publications_need_an_owner) {
    PgConn sql = open_sql();
    exec(&sql, SHAPES);
    exec(&sql, "GRANT USAGE ON SCHEMA shapes TO plain_user");
    PgConn plain = open_url(tcp_url("user=plain_user password=s3cret"), PG_CONN_SQL);
    PgPublicationPlan plan = {0};
    CHECK(!plan_and_apply(&plain, "shapes.*", NULL, &plan));
    CHECK_INT(err->code, ERR_SOURCE_PERMISSION);
    check_hint(err->hint, "administrator");
    err_clear(err);
    pg_conn_close(&plain);
    pg_conn_close(&sql);
}

TEST(two_thousand_tables_are_quick) {
    PgConn sql = open_sql();
    exec(&sql, "DROP SCHEMA IF EXISTS many_a CASCADE");
    exec(&sql, "DROP SCHEMA IF EXISTS many_b CASCADE");
    exec(&sql, "CREATE SCHEMA many_a; CREATE SCHEMA many_b");
    for (int i = 0; i < 2; i++) {
        exec(&sql, arena_printf(run_arena(),
                                "DO $$ BEGIN FOR i IN 1..1000 LOOP EXECUTE format('CREATE TABLE many_%c.t%%s (id int "
                                "PRIMARY KEY, a text, b int, c date)', i); END LOOP; END $$",
                                'a' + i));
    }
    PgTables tables = {0};
    PgPublicationPlan plan = {0};
    int64_t start_us = clock_monotonic_us();
    CHECK_OK(pg_catalog_tables(&sql, run_arena(), "many_?.*", NULL, &tables, err));
    int64_t read_us = clock_monotonic_us() - start_us;
    CHECK_INT(tables.count, 2000);
    CHECK_OK(pg_publication_drop(&sql, "leat_pub", err));
    start_us = clock_monotonic_us();
    CHECK_OK(pg_publication_plan(&sql, run_arena(), "leat_pub", NULL, &tables, &plan, err));
    CHECK_OK(pg_publication_apply(&sql, &plan, err));
    int64_t publish_us = clock_monotonic_us() - start_us;
    CHECK_INT(count_of(&sql, "SELECT count(*) FROM pg_publication_rel"), 2000);
    printf("2,000 tables: read in %" PRId64 " ms, published in %" PRId64 " ms\n", read_us / 1000, publish_us / 1000);
    CHECK(read_us < 20000000 && publish_us < 20000000);
    CHECK_OK(pg_publication_drop(&sql, "leat_pub", err));
    exec(&sql, "DROP SCHEMA many_a CASCADE");
    exec(&sql, "DROP SCHEMA many_b CASCADE");
    pg_conn_close(&sql);
}
