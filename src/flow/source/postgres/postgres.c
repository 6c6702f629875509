// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/postgres.h"

#include "core/base/log.h"
#include "flow/source/postgres/compare.h"
#include "flow/source/postgres/connector_offsets.h"
#include "flow/source/postgres/run.h"
#include "flow/source/postgres/setup.h"

static bool postgres_accepts(const char *url) {
    return strncmp(url, "postgres://", 11) == 0 || strncmp(url, "postgresql://", 13) == 0;
}

// --- plan ------------------------------------------------------------------------------------------------------

typedef struct Warnings {
    const char **at;
    size_t count, capacity;
} Warnings;

static void warn(Warnings *warnings, Arena *arena, const PgTable *table, const char *text) {
    if (warnings->count < warnings->capacity) {
        warnings->at[warnings->count++] =
            arena_printf(arena, "%.*s.%.*s: %s", SLICE_ARG(table->root_space), SLICE_ARG(table->root_name), text);
    }
}

static void table_warn(Warnings *warnings, Arena *arena, const PgTable *table, SourceMode mode) {
    if (table->kind == 'v' || table->kind == 'm' || table->kind == 'f') {
        warn(warnings, arena, table, "is no table: it is read in the snapshot, changes are not captured");
    } else if (table->unlogged && mode != SOURCE_SNAPSHOT_ONLY) {
        warn(warnings, arena, table, "is unlogged: it is read in the snapshot, changes are not captured");
    } else if (table->identity == IDENTITY_NOTHING && mode != SOURCE_SNAPSHOT_ONLY) {
        warn(warnings, arena, table,
             "has no replica identity: only inserts and truncates are captured (add a primary key, or ALTER TABLE … "
             "REPLICA "
             "IDENTITY FULL)");
    }
    if (table->row_security) {
        warn(warnings, arena, table, "has row-level security that applies to this user: reading it will fail");
    }
}

// One line a table: leaves add up under their root.
static void tables_plan(const PgTables *tables, SourceMode mode, Arena *arena, SourcePlan *plan) {
    Map roots = {0};
    TableReport *reports = ARENA_ARRAY(arena, TableReport, tables->count);
    Warnings warnings = {.at = ARENA_ARRAY(arena, const char *, tables->count * 2), .capacity = tables->count * 2};
    size_t count = 0;
    for (size_t i = 0; i < tables->count; i++) {
        const PgTable *table = &tables->at[i];
        TableReport *report = map_find_u64(&roots, table->root_oid);
        if (report == NULL) {
            report = &reports[count++];
            report->name = arena_printf(arena, "%.*s.%.*s", SLICE_ARG(table->root_space), SLICE_ARG(table->root_name));
            map_put_u64(&roots, table->root_oid, report);
        }
        if (table->kind != 'p') {
            report->rows_expected =
                table->rows < 0 || report->rows_expected < 0 ? -1 : report->rows_expected + table->rows;
            report->bytes_expected += table->bytes;
            plan->rows += MAX(table->rows, 0);
            plan->bytes += table->bytes;
            table_warn(&warnings, arena, table, mode);
        }
    }
    map_release(&roots);
    plan->tables = reports;
    plan->table_count = count;
    plan->warnings = warnings.at;
    plan->warning_count = warnings.count;
}

static bool plan_fill(PgSession *session, Arena *arena, SourcePlan *plan, Err *err) {
    const SourceContext *context = session->context;
    PgConn *sql = &session->sql;
    PgServer server;
    TRY(pg_server_read(sql, &server, err));
    TRY(pg_server_check(&server, context->mode, err));
    PgSlot slot;
    plan->slot = pg_slot_name(arena, context);
    TRY(pg_slot_read(sql, plan->slot, &slot, err));
    plan->slot_exists = slot.exists;
    plan->slot_cap_bytes = server.slot_wal_keep_bytes;
    snprintf(plan->server, sizeof(plan->server), "PostgreSQL %s, database %s", server.version_text, server.database);
    PgTables tables = {0};
    TRY(pg_session_tables(session, arena, &tables, err));
    tables_plan(&tables, context->mode, arena, plan);
    if (session->connector != NULL) {
        plan->publication = arena_text(arena, slice_of(context->publication));
        return true;
    }
    const char *dba = context->publication != NULL && context->publication[0] != '\0' ? context->publication : NULL;
    PgPublicationPlan publications;
    TRY(pg_publication_plan(sql, arena, pg_publication_name(arena, context), dba, &tables, &publications, err));
    plan->publication = pg_publication_names(arena, &publications);
    return true;
}

static bool postgres_plan(const SourceContext *context, Arena *arena, SourcePlan *plan, Err *err) {
    *plan = (SourcePlan){.first_run = true};
    if (context->journal != NULL) {
        Position durable;
        journal_durable(context->journal, &durable);
        plan->first_run = durable.size == 0;
    }
    PgConnector *connector = NULL;
    TRY(pg_connector_open(&connector, &context, err));
    PgSession session = {.context = context, .connector = connector};
    bool ok = pg_session_connect(&session, &session.sql, err) && plan_fill(&session, arena, plan, err);
    plan->slot = plan->slot != NULL ? arena_text(arena, slice_of(plan->slot)) : NULL;
    pg_conn_close(&session.sql);
    pg_connector_close(connector);
    return ok;
}

// --- remove ----------------------------------------------------------------------------------------------------

static bool postgres_remove(const SourceContext *context, Err *err) {
    if (context->properties != NULL) {
        return true; // Debezium leaves slot and publication where they are
    }
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    DEFER(pg_conn_close) PgConn sql = {0};
    TRY(pg_conn_open(&sql, context->url, PG_CONN_SQL, err));
    PgSlot slot;
    const char *name = pg_slot_name(&arena, context);
    TRY(pg_slot_read(&sql, name, &slot, err));
    if (slot.exists && context->journal != NULL && !pg_slot_known(context->journal, name)) {
        log_warn(LOG_SOURCE, "the slot was made by another data directory: it stays, with its publications",
                 LOG_TEXT("slot", name));
        return true;
    }
    if (slot.exists && slot.ours) {
        TRY(pg_slot_drop(&sql, name, 30000, err));
        log_info(LOG_SOURCE, "replication slot dropped", LOG_TEXT("slot", name));
    }
    bool own = context->publication == NULL || context->publication[0] == '\0';
    return !own || pg_publication_drop(&sql, pg_publication_name(&arena, context), err);
}

const SourceDriver POSTGRES_SOURCE = {
    .name = "postgres",
    .accepts = postgres_accepts,
    .plan = postgres_plan,
    .run = pg_source_run,
    .remove = postgres_remove,
    .offsets_get = pg_offsets_get,
    .offsets_alter = pg_offsets_alter,
    .offsets_reset = pg_offsets_reset,
    .compare_open = pg_compare_open,
    .compare_tables = pg_compare_tables,
    .compare_table = pg_compare_table,
    .compare_close = pg_compare_close,
    .reached = pg_compare_reached,
};
