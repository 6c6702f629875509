// SPDX-License-Identifier: Apache-2.0
#include "flow/source/generator/storefront.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "flow/source/generator/shop_load.h"
#include "flow/source/generator/shop_schema.h"
#include "flow/source/generator/shop_traffic.h"

#define OPTION(field) offsetof(StorefrontOptions, field)
static const OptionSpec SPECS[] = {
    {"to", OPTION_TEXT, OPTION_REQUIRED | OPTION_SECRET, OPTION(to), NULL, 0, 0, NULL,
     "The database that gets the storefront: a libpq URI."},
    {"scale", OPTION_INT, 0, OPTION(scale), "1", 1, 1000, NULL,
     "Size of the first fill: 1 is 10,000 users, 2,000 products, 50,000 orders."},
    {"rate", OPTION_INT, 0, OPTION(rate), "100", 0, 1000000, NULL,
     "Row changes per second of the traffic; 0 fills the tables and stops."},
    {"duration", OPTION_DURATION, 0, OPTION(duration_ms), NULL, 0, INT64_MAX, NULL,
     "How long the traffic goes on; until a signal when not given."},
    {"seed", OPTION_INT, 0, OPTION(seed), "1", 0, INT64_MAX, NULL, "The same seed gives the same rows and changes."},
    {"migrations", OPTION_INT, 0, OPTION(migrations), "0", 0, 1000, NULL,
     "Columns to add in the course of the traffic: spread over its duration, or one a minute."},
};
const OptionTable STOREFRONT_OPTIONS = {"Storefront", SPECS, ARRAY_LEN(SPECS)};

enum {
    TICK_US = 10000,          // traffic is sent this often
    PROGRESS_US = 5000000,    // and told this often
    LARGE_EVERY = 60000,      // changes between large transactions
    SEND_BYTES = 128 * 1024,  // at most about this much SQL in one message
    GENERATOR_LOCK = 5327466, // advisory: one generator per database
};

static bool stopped(const StorefrontOptions *options) {
    return options->stop != NULL && *options->stop;
}

static void tell(const StorefrontOptions *options, const StorefrontReport *report) {
    if (options->told != NULL) {
        options->told(options->context, report);
    }
}

typedef struct Traffic {
    const StorefrontOptions *options;
    StorefrontReport *report;
    PgConn *conn;
    Shop shop;
    Buf sql;
    int64_t version; // of the schema
    int64_t migrations, large;
    int64_t started_us, told_us, told_changes;
} Traffic;

static void traffic_release(Traffic *traffic) {
    shop_release(&traffic->shop);
    buf_release(&traffic->sql);
}

// Has the next migration's time come? In changes where there is an end, so that the seed alone decides; else a minute.
static bool migration_due(const Traffic *traffic) {
    const StorefrontOptions *options = traffic->options;
    if (traffic->migrations >= options->migrations) {
        return false;
    }
    int64_t end_ms = options->duration_ms > 0 ? options->duration_ms : (options->migrations + 1) * 60000;
    int64_t every = options->rate * end_ms / 1000 / (options->migrations + 1);
    return traffic->report->changes >= (traffic->migrations + 1) * every;
}

static void next(Traffic *traffic) {
    ShopWork work = {0};
    if (migration_due(traffic)) {
        ShopSchemaCounts counts = {traffic->shop.users, traffic->shop.products};
        work.changes = shop_schema_evolve(&traffic->sql, ++traffic->version, &counts);
        traffic->migrations += 1;
    } else if (traffic->report->changes >= (traffic->large + 1) * LARGE_EVERY) {
        work = shop_traffic_large(&traffic->shop, &traffic->sql);
        traffic->large += 1;
    } else {
        work = shop_traffic_next(&traffic->shop, &traffic->sql);
    }
    traffic->report->changes += work.changes;
    traffic->report->transactions += 1;
    traffic->report->rollbacks += work.rolled_back ? 1 : 0;
}

static void progress(Traffic *traffic, int64_t now_us) {
    if (now_us - traffic->told_us < PROGRESS_US) {
        return;
    }
    int64_t changes = traffic->report->changes - traffic->told_changes;
    log_info(LOG_CLI, "traffic", LOG_INT("changes", traffic->report->changes),
             LOG_INT("per_second", changes * 1000000 / (now_us - traffic->told_us)),
             LOG_INT("transactions", traffic->report->transactions));
    traffic->told_us = now_us;
    traffic->told_changes = traffic->report->changes;
}

// Sends what is due by now: many transactions in one message, so that the round trip is paid once.
static bool send_due(Traffic *traffic, int64_t due, Err *err) {
    while (traffic->report->changes < due && !stopped(traffic->options)) {
        buf_reset(&traffic->sql);
        while (traffic->report->changes < due && traffic->sql.size < SEND_BYTES) {
            next(traffic);
        }
        buf_u8(&traffic->sql, 0);
        ASSERT(!traffic->sql.overflow);
        PGresult *result = PQexec(traffic->conn->handle, (const char *)traffic->sql.data);
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK) {
            (void)pg_result_fail(traffic->conn, result, "storefront traffic", err);
            PQclear(result);
            return err_hint(err, "start it again: it goes on from what the tables hold");
        }
        PQclear(result);
        tell(traffic->options, traffic->report);
        progress(traffic, clock_monotonic_us());
    }
    return true;
}

static bool traffic_run(Traffic *traffic, Err *err) {
    const StorefrontOptions *options = traffic->options;
    int64_t total = options->duration_ms > 0 ? options->rate * options->duration_ms / 1000 : INT64_MAX;
    traffic->started_us = traffic->told_us = clock_monotonic_us();
    while (traffic->report->changes < total && !stopped(options)) {
        int64_t elapsed_us = clock_monotonic_us() - traffic->started_us;
        TRY(send_due(traffic, MIN(total, options->rate * elapsed_us / 1000000), err));
        clock_sleep_us(TICK_US);
    }
    // Commits were not waited for. One that is makes all of them durable, and visible to followers of the log.
    TRY(pg_exec(traffic->conn,
                "SET synchronous_commit = on; SELECT pg_logical_emit_message(true, 'storefront', 'traffic ended')",
                err));
    int64_t elapsed_us = MAX(clock_monotonic_us() - traffic->started_us, 1);
    if (options->duration_ms > 0 && elapsed_us / 1000 > options->duration_ms + 2000) {
        log_warn(LOG_CLI, "the database is slower than the rate asked for", LOG_INT("asked_ms", options->duration_ms),
                 LOG_INT("took_ms", elapsed_us / 1000));
    }
    log_info(LOG_CLI, "traffic ended", LOG_INT("changes", traffic->report->changes),
             LOG_INT("transactions", traffic->report->transactions), LOG_INT("rollbacks", traffic->report->rollbacks),
             LOG_INT("per_second", traffic->report->changes * 1000000 / elapsed_us));
    return true;
}

// The schema's version; 0 when there is no schema of that name yet.
static bool version_read(PgConn *conn, int64_t *version, Err *err) {
    DEFER(pg_rows_release) PgRows found = {0};
    TRY(pg_query(conn, &found,
                 "SELECT to_regnamespace('shop') IS NOT NULL, to_regclass('shop.schema_version') IS NOT NULL", NULL, 0,
                 err));
    if (!pg_bool(&found, 0, 0)) {
        *version = 0;
        return true;
    }
    DEFER(pg_rows_release) PgRows newest = {0};
    if (pg_bool(&found, 0, 1)) {
        TRY(pg_query(conn, &newest, "SELECT max(version) FROM shop.schema_version", NULL, 0, err));
        *version = pg_int(&newest, 0, 0);
    }
    if (newest.result == NULL || *version < SHOP_SCHEMA_READY) {
        FAIL(err, ERR_EXISTS, "the database has a schema shop that is not the storefront's");
        return err_hint(err, "use another database, or drop it: DROP SCHEMA shop CASCADE");
    }
    return true;
}

static bool prepare(PgConn *conn, Err *err) {
    DEFER(pg_rows_release) PgRows lock = {0};
    char sql[64];
    snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(%d)", GENERATOR_LOCK);
    TRY(pg_query(conn, &lock, sql, NULL, 0, err));
    if (!pg_bool(&lock, 0, 0)) {
        return FAIL(err, ERR_LOCKED, "another generator writes to this database");
    }
    return pg_exec(conn, "SET synchronous_commit = off", err);
}

static bool fill(PgConn *conn, const StorefrontOptions *options, Arena *arena, StorefrontReport *report, Err *err) {
    int64_t from = clock_monotonic_us();
    DEFER(shop_release) Shop shop = {0};
    shop_init(&shop, arena, (uint64_t)options->seed, options->scale * SHOP_PRODUCTS);
    TRY(shop_load(conn, &shop, options->scale, options->stop, &report->rows_loaded, err));
    tell(options, report);
    log_info(LOG_CLI, "storefront filled", LOG_INT("rows", report->rows_loaded),
             LOG_INT("ms", (clock_monotonic_us() - from) / 1000));
    return true;
}

static bool run(PgConn *conn, const StorefrontOptions *options, Arena *arena, StorefrontReport *report, Err *err) {
    DEFER(traffic_release) Traffic traffic = {.options = options, .report = report, .conn = conn};
    TRY(prepare(conn, err));
    TRY(version_read(conn, &traffic.version, err));
    if (traffic.version == 0) {
        TRY(fill(conn, options, arena, report, err));
        traffic.version = SHOP_SCHEMA_READY;
    } else {
        log_info(LOG_CLI, "storefront found", LOG_INT("schema_version", traffic.version));
    }
    if (options->rate == 0 || stopped(options)) {
        return true;
    }
    TRY(shop_read(conn, arena, (uint64_t)options->seed, &traffic.shop, err));
    return traffic_run(&traffic, err);
}

bool storefront_run(const StorefrontOptions *options, StorefrontReport *report, Err *err) {
    *report = (StorefrontReport){0};
    Arena arena;
    arena_init(&arena, "run", 0);
    PgConn conn = {0};
    bool done = pg_conn_open(&conn, options->to, PG_CONN_SQL, err) && run(&conn, options, &arena, report, err);
    pg_conn_close(&conn);
    arena_release(&arena);
    return done;
}
