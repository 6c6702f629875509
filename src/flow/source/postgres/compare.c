// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/compare_state.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "flow/source/postgres/connector.h"

enum { STANDBY_POLL_US = 50000, LEAVES_MAX = UINT16_MAX };

// --- the moment ------------------------------------------------------------------------------------------------

static bool moment_set(Compare *compare, uint64_t lsn, Err *err) {
    PgServer *server = &compare->session.server;
    PgPosition position = {server->system_identifier, server->timeline, lsn};
    compare->moment =
        (SourceMoment){.commit_lsn = lsn, .position = pg_position_encode(&position), .taken_us = clock_wall_us()};
    return true;
}

// A slot's creation is the only source of an exact pair of snapshot and LSN; this one is gone with its connection.
static bool source_hold(Compare *compare, int timeout_ms, Err *err) {
    PgConn *holder = &compare->session.sql;
    DEFER(pg_conn_close) PgConn replication = {0};
    char name[64], made[64];
    uint64_t lsn = 0;
    snprintf(name, sizeof(name), "leat_tmp_%d_%llx", PQbackendPID(holder->handle), (unsigned long long)clock_wall_us());
    PgSlotCreate create = {
        .name = name, .temporary = true, .export_snapshot = true, .timeout_ms = timeout_ms, .stop = compare->stop};
    TRY(pg_conn_open(&replication, compare->context.url, PG_CONN_REPLICATION, err));
    TRY(pg_slot_create(&replication, compare->context.url, &create, &lsn, made, err));
    return pg_snapshot_hold(holder, made, compare->held, err) && moment_set(compare, lsn, err);
}

// --- a standby -------------------------------------------------------------------------------------------------

static const char PROMOTED_HINT[] = "--source-replica takes a physical (streaming) replica of the source";

static bool promoted(Err *err) {
    FAIL(err, ERR_SOURCE_SETUP, "the source's replica is no standby: it is not in recovery");
    return err_hint(err, "%s", PROMOTED_HINT);
}

static bool replica_check(const Compare *compare, PgConn *standby, Err *err) {
    PgServer replica;
    TRY(pg_server_read(standby, &replica, err));
    if (replica.system_identifier != compare->session.server.system_identifier) {
        FAIL(err, ERR_SOURCE_SETUP, "the replica is of another server than the source");
        return err_hint(err, "%s", PROMOTED_HINT);
    }
    return replica.in_recovery || promoted(err);
}

static bool pause_permitted(PgConn *standby, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(standby, &rows,
                 "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_wal_replay_pause()', 'EXECUTE') AND "
                 "pg_catalog.has_function_privilege('pg_catalog.pg_wal_replay_resume()', 'EXECUTE'), "
                 "pg_catalog.pg_get_wal_replay_pause_state() <> 'not paused'",
                 NULL, 0, err));
    if (pg_bool(&rows, 0, 1)) {
        FAIL(err, ERR_SOURCE_SETUP, "the replica's replay is paused: it never gets to the moment of the comparison");
        return err_hint(err, "SELECT pg_wal_replay_resume() on the replica");
    }
    if (!pg_bool(&rows, 0, 0)) {
        FAIL(err, ERR_SOURCE_PERMISSION, "the replica's user may not pause its replay, which an exact moment takes");
        return err_hint(err, "on the source: GRANT EXECUTE ON FUNCTION pg_wal_replay_pause(), pg_wal_replay_resume() "
                             "TO the user; it is paused for some milliseconds");
    }
    return true;
}

// Waits until the standby has replayed all that the sink can have committed.
static bool standby_await(Compare *compare, uint64_t lsn, int timeout_ms, Err *err) {
    int64_t deadline_us = clock_monotonic_us() + timeout_ms * INT64_C(1000);
    for (;;) {
        DEFER(pg_rows_release) PgRows rows = {0};
        TRY(pg_query(&compare->session.sql, &rows,
                     "SELECT pg_catalog.pg_last_wal_replay_lsn(), pg_catalog.pg_is_in_recovery()", NULL, 0, err));
        if (!pg_bool(&rows, 0, 1)) {
            return promoted(err);
        }
        if (pg_lsn(&rows, 0, 0) >= lsn) {
            return true;
        }
        if (*compare->stop || pg_stopped(err)) {
            return FAIL(err, ERR_INTERRUPTED, "stopped");
        }
        if (clock_monotonic_us() > deadline_us) {
            FAIL(err, ERR_SOURCE_SETUP, "the replica has not replayed " LSN_FORMAT " within %d s: it is at " LSN_FORMAT,
                 LSN_ARG(lsn), timeout_ms / 1000, LSN_ARG(pg_lsn(&rows, 0, 0)));
            return err_hint(err, "is it connected to the source, or held back by recovery_min_apply_delay? "
                                 "slot.create.timeout says how long it is waited for");
        }
        clock_sleep_us(STANDBY_POLL_US);
    }
}

// One message, which the server works off to its end even when nobody hears the answer any more: replay is never left
// paused by a leat that dies.
static const char STANDBY_SQL[] =
    "SELECT pg_catalog.pg_wal_replay_pause();"
    "DO $$ BEGIN FOR i IN 1..2000 LOOP "
    "EXIT WHEN pg_catalog.pg_get_wal_replay_pause_state() = 'paused'; PERFORM pg_catalog.pg_sleep(0.005); "
    "END LOOP; END $$;"
    "COMMIT;"
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
    "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_last_wal_replay_lsn(), "
    "pg_catalog.pg_get_wal_replay_pause_state() = 'paused', pg_catalog.pg_wal_replay_resume()";

// Something went wrong between pause and resume: the connection may be gone, too.
static void replay_resume(const Compare *compare, PgConn *standby) {
    static const char RESUME_SQL[] = "SELECT pg_catalog.pg_wal_replay_resume()";
    DEFER(pg_conn_close) PgConn again = {0};
    Err ignored[1] = {{0}};
    bool ok = pg_exec(standby, "ROLLBACK", ignored) && pg_exec(standby, RESUME_SQL, ignored);
    if (!ok && pg_conn_open(&again, compare->read_url, PG_CONN_SQL, ignored)) {
        (void)!pg_exec(&again, RESUME_SQL, ignored); // in vain where it was promoted: nothing is paused then
    }
}

static bool snapshot_take(Compare *compare, PgConn *standby, uint64_t *lsn, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    if (!pg_query(standby, &rows, STANDBY_SQL, NULL, 0, err)) {
        replay_resume(compare, standby);
        return err_prefix(err, "pausing the replica's replay");
    }
    if (!pg_bool(&rows, 0, 2)) {
        return FAIL(err, ERR_SOURCE_SETUP, "the replica's replay could not be paused within 10 s");
    }
    snprintf(compare->held, sizeof(compare->held), "%.*s", SLICE_ARG(pg_slice(&rows, 0, 0)));
    *lsn = pg_lsn(&rows, 0, 1);
    return true;
}

// A position means the same on both only where both have the same history. Which one a standby replays is known to its
// walsender; the control file lags behind.
static bool timeline_check(const Compare *compare, Err *err) {
    DEFER(pg_conn_close) PgConn replication = {0};
    DEFER(pg_rows_release) PgRows rows = {0};
    uint32_t ours = compare->session.server.timeline;
    if (!pg_conn_open(&replication, compare->read_url, PG_CONN_REPLICATION, err)) {
        return err_prefix(err, "asking the replica for its timeline");
    }
    TRY(pg_query(&replication, &rows, "IDENTIFY_SYSTEM", NULL, 0, err));
    uint32_t theirs = rows.count == 1 ? (uint32_t)pg_int(&rows, 0, 1) : 0;
    if (theirs != ours) {
        FAIL(err, ERR_SOURCE_SETUP, "the replica is on timeline %u and the source on %u: it follows another server",
             theirs, ours);
        return err_hint(err, "%s", PROMOTED_HINT);
    }
    return true;
}

// What the sink can have committed was flushed: the walsender reads no further.
static bool source_flushed(const Compare *compare, uint64_t *lsn, Err *err) {
    DEFER(pg_conn_close) PgConn source = {0};
    DEFER(pg_rows_release) PgRows end = {0};
    TRY(pg_conn_open(&source, compare->context.url, PG_CONN_SQL, err));
    TRY(pg_query(&source, &end, "SELECT pg_catalog.pg_current_wal_flush_lsn()", NULL, 0, err));
    *lsn = pg_lsn(&end, 0, 0);
    return true;
}

static bool standby_hold(Compare *compare, int timeout_ms, Err *err) {
    PgConn *standby = &compare->session.sql;
    uint64_t flushed = 0, lsn = 0;
    TRY(replica_check(compare, standby, err) && pause_permitted(standby, err));
    TRY(source_flushed(compare, &flushed, err) && standby_await(compare, flushed, timeout_ms, err));
    return snapshot_take(compare, standby, &lsn, err) && timeline_check(compare, err) && moment_set(compare, lsn, err);
}

// --- tables ----------------------------------------------------------------------------------------------------

static const char *unreadable(Arena *arena, const PgTable *table) {
    return table->kind == 'v' || table->kind == 'm' || table->kind == 'f'
               ? "it is no table: its changes are not captured"
           : table->unlogged     ? "it is unlogged: its changes are not captured"
           : table->row_security ? arena_printf(arena, "row-level security of %.*s.%.*s applies to the source's user",
                                                SLICE_ARG(table->space), SLICE_ARG(table->name))
                                 : NULL;
}

static CompareTable *table_of_root(Compare *compare, Map *roots, const PgTable *table) {
    CompareTable *found = map_find_u64(roots, table->root_oid);
    if (found == NULL) {
        found = &compare->tables[compare->table_count++];
        PgCaptured *captured = &found->captured;
        captured->oid = table->root_oid;
        captured->space = arena_text(&compare->arena, table->root_space);
        captured->name = arena_text(&compare->arena, table->root_name);
        captured->topic = pg_capture_topic(&compare->arena, table->root_space, table->root_name);
        found->shown = (SourceCompareTable){.topic = slice_of(captured->topic),
                                            .space = slice_of(captured->space),
                                            .name = slice_of(captured->name),
                                            .readable = true};
        map_put_u64(roots, table->root_oid, found);
    }
    return found;
}

static int topic_compare(const void *a, const void *b) {
    return strcmp(((const CompareTable *)a)->captured.topic, ((const CompareTable *)b)->captured.topic);
}

static bool leaves_add(Compare *compare, Map *roots, Err *err) {
    uint32_t number = 0;
    for (size_t i = 0; i < compare->catalog.count; i++) {
        const PgTable *table = &compare->catalog.at[i];
        CompareTable *to = table_of_root(compare, roots, table);
        if (table->kind == 'p') {
            continue;
        }
        if (number == LEAVES_MAX) {
            return FAIL(err, ERR_TABLE, "more than %d tables and partitions cannot be compared at once", LEAVES_MAX);
        }
        CompareLeaf *leaf = ARENA_ARRAY(&compare->arena, CompareLeaf, 1);
        *leaf = (CompareLeaf){.table = table, .number = (uint16_t)number++, .next = to->leaves};
        leaf->leaf = (PgLeaf){.oid = table->oid, .kind = table->kind, .pages = table->pages};
        to->leaves = leaf;
        const char *reason = unreadable(&compare->arena, table);
        to->shown.rows = to->shown.rows < 0 || table->rows < 0 ? -1 : to->shown.rows + table->rows;
        to->shown.bytes += table->bytes;
        to->shown.readable &= reason == NULL;
        to->shown.reason = reason != NULL ? reason : to->shown.reason;
    }
    return true;
}

static bool tables_read(Compare *compare, Err *err) {
    const SourceContext *context = &compare->context;
    TRY(pg_catalog_tables(&compare->session.sql, &compare->arena, context->tables, context->exclude, &compare->catalog,
                          err));
    compare->tables = ARENA_ARRAY(&compare->arena, CompareTable, compare->catalog.count + 1);
    Map roots = {0};
    bool ok = leaves_add(compare, &roots, err);
    map_release(&roots);
    TRY(ok);
    qsort(compare->tables, compare->table_count, sizeof(*compare->tables), topic_compare);
    for (size_t i = 0; i < compare->table_count; i++) { // sorting has moved them
        for (CompareLeaf *leaf = compare->tables[i].leaves; leaf != NULL; leaf = leaf->next) {
            leaf->leaf.table = &compare->tables[i].captured;
        }
    }
    return true;
}

bool pg_compare_tables(void *state, Arena *arena, SourceCompareTable **tables, size_t *count, Err *err) {
    const Compare *compare = state;
    *tables = ARENA_ARRAY(arena, SourceCompareTable, compare->table_count + 1);
    *count = compare->table_count;
    for (size_t i = 0; i < compare->table_count; i++) {
        (*tables)[i] = compare->tables[i].shown;
        (*tables)[i].topic = arena_slice(arena, compare->tables[i].shown.topic);
        (*tables)[i].space = arena_slice(arena, compare->tables[i].shown.space);
        (*tables)[i].name = arena_slice(arena, compare->tables[i].shown.name);
        const char *reason = compare->tables[i].shown.reason;
        (*tables)[i].reason = reason != NULL ? arena_text(arena, slice_of(reason)) : NULL;
    }
    return true;
}

// --- life ------------------------------------------------------------------------------------------------------

static bool compare_begin(Compare *compare, const SourceCompareOptions *options, Err *err) {
    PgSession *session = &compare->session;
    DEFER(pg_conn_close) PgConn source = {0};
    TRY(pg_conn_open(&source, compare->context.url, PG_CONN_SQL, err));
    TRY(pg_server_read(&source, &session->server, err));
    TRY(pg_conn_open(&session->sql, compare->read_url, PG_CONN_SQL, err));
    bool standby = options->replica_url != NULL && options->replica_url[0] != '\0';
    TRY((standby ? standby_hold : source_hold)(compare, options->timeout_ms, err));
    log_info(LOG_SOURCE, "a moment of the source is held", LOG_LSN("at", compare->moment.commit_lsn));
    return tables_read(compare, err);
}

bool pg_compare_open(const SourceContext *context, const SourceCompareOptions *options, void **state,
                     SourceMoment *moment, Err *err) {
    static const volatile bool never = false;
    Compare *compare = calloc(1, sizeof(*compare));
    ASSERT(compare != NULL);
    compare->context = *context;
    arena_init(&compare->arena, "run", 0);
    bool standby = options->replica_url != NULL && options->replica_url[0] != '\0';
    compare->read_url = arena_text(&compare->arena, slice_of(standby ? options->replica_url : context->url));
    compare->stop = options->stop != NULL ? options->stop : &never;
    compare->session.context = &compare->context;
    compare->session.types = pg_types_new();
    pthread_mutex_init(&compare->mutex, NULL);
    if (!compare_begin(compare, options, err)) {
        pg_compare_close(compare);
        return err_frame(err, __FILE__, __LINE__);
    }
    *moment = compare->moment;
    *state = compare;
    return true;
}

void pg_compare_close(void *state) {
    Compare *compare = state;
    if (compare == NULL) {
        return;
    }
    for (CompareReader *reader = compare->free, *next; reader != NULL; reader = next) {
        next = reader->next;
        pg_wire_close(&reader->wire);
        pg_conn_close(&reader->conn);
        free(reader);
    }
    for (size_t i = 0; i < compare->table_count; i++) {
        for (CompareLeaf *leaf = compare->tables[i].leaves; leaf != NULL; leaf = leaf->next) {
            if (leaf->prepared) {
                pg_relation_release(&leaf->relation);
            }
        }
    }
    pg_conn_close(&compare->session.sql);
    pg_types_free(compare->session.types);
    pthread_mutex_destroy(&compare->mutex);
    arena_release(&compare->arena);
    free(compare);
}

bool pg_compare_reached(const Position *cut, const SourceMoment *moment) {
    PgPosition position;
    Err ignored[1] = {{0}};
    return pg_position_decode(cut, &position, ignored) && position.lsn >= moment->commit_lsn;
}
