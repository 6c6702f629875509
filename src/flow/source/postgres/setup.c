// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/setup.h"

#include "core/base/log.h"
#include "core/sys/crash.h"
#include "flow/source/postgres/connector.h"

#define VERSION_MIN 140000
// In the journal's state while the slot is being made: a slot found without a position is then ours to drop.
#define SLOT_KEY SLICE("slot")

char *pg_slot_name(Arena *arena, const SourceContext *context) {
    return context->slot != NULL && context->slot[0] != '\0' ? arena_text(arena, slice_of(context->slot))
                                                             : arena_printf(arena, "leat_%s", context->pipeline);
}

char *pg_publication_name(Arena *arena, const SourceContext *context) {
    return context->publication != NULL && context->publication[0] != '\0'
               ? arena_text(arena, slice_of(context->publication))
               : arena_printf(arena, "leat_%s", context->pipeline);
}

bool pg_slot_known(const Journal *journal, const char *slot) {
    return slice_is(journal_state_get(journal, SLOT_KEY), slot);
}

bool pg_server_check(const PgServer *server, SourceMode mode, Err *err) {
    if (server->version < VERSION_MIN) {
        FAIL(err, ERR_SOURCE_SETUP, "the server is PostgreSQL %s; leat reads 14 and later", server->version_text);
        return err_hint(err, "upgrade the server");
    }
    if (strcmp(server->wal_level, "logical") != 0) {
        FAIL(err, ERR_SOURCE_SETUP, "wal_level is %s, change capture needs logical", server->wal_level);
        return err_hint(err, "ALTER SYSTEM SET wal_level = 'logical';  then restart PostgreSQL");
    }
    if (!server->can_replicate) {
        FAIL(err, ERR_SOURCE_PERMISSION, "the user may not replicate");
        return err_hint(err, "ALTER ROLE current_user REPLICATION;  (on RDS: GRANT rds_replication TO the user)");
    }
    if (server->in_recovery && mode != SOURCE_SNAPSHOT_ONLY) {
        FAIL(err, ERR_SOURCE_SETUP, "the server is a standby: publications cannot be made there");
        return err_hint(err, "connect to the primary (target_session_attrs=read-write)");
    }
    return true;
}

// --- the catalog -----------------------------------------------------------------------------------------------

static bool publications_apply(PgSetup *setup, Arena *arena, const PgTables *tables, Err *err) {
    const SourceContext *context = setup->session->context;
    const char *dba = context->publication != NULL && context->publication[0] != '\0' ? context->publication : NULL;
    PgPublicationPlan plan;
    TRY(pg_publication_plan(&setup->session->sql, arena, setup->publication, dba, tables, &plan, err));
    TRY(pg_publication_apply(&setup->session->sql, &plan, err));
    setup->session->publications = arena_text(&setup->arena, slice_of(pg_publication_names(arena, &plan)));
    return true;
}

static bool leaf_known(const PgSession *session, const PgTable *table) {
    const PgLeaf *leaf = pg_capture_find_leaf(&session->capture, table->oid);
    return leaf != NULL && leaf->table->oid == table->root_oid && leaf->identity == pg_capture_identity(table);
}

// Publications first: a table that is published only after its snapshot was taken would lose what came between.
bool pg_setup_refresh(PgSetup *setup, PgLeafState fresh, uint64_t fresh_lsn, bool *changed, Err *err) {
    PgSession *session = setup->session;
    const SourceContext *context = session->context;
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    PgTables tables = {0};
    TRY(pg_session_tables(session, &arena, &tables, err));
    bool differs = session->publications == NULL;
    for (size_t i = 0; i < tables.count && !differs; i++) {
        differs = tables.at[i].kind != 'p' && !leaf_known(session, &tables.at[i]);
    }
    if (session->connector != NULL && session->publications == NULL && context->mode != SOURCE_SNAPSHOT_ONLY) {
        TRY(pg_connector_publish(setup, &tables, err));
    } else if (session->connector == NULL && differs && context->mode != SOURCE_SNAPSHOT_ONLY) {
        TRY(publications_apply(setup, &arena, &tables, err));
    }
    PgCaptureChange change;
    TRY(pg_capture_refresh(&session->capture, &tables, context->detach, fresh, fresh_lsn, &change, err));
    *changed = change.tables;
    return true;
}

bool pg_setup_resync(PgSetup *setup, const char *patterns, size_t *count, Err *err) {
    PgCapture *capture = &setup->session->capture;
    *count = 0;
    for (size_t i = 0; i < capture->table_count; i++) {
        PgCaptured *table = capture->tables[i];
        if (pg_pattern_matches(patterns, table->space, table->name)) {
            pg_capture_resync(capture, table);
            (*count)++;
        }
    }
    if (*count == 0) {
        log_warn(LOG_SOURCE, "a resync was asked for, but no captured table matches", LOG_TEXT("tables", patterns));
    }
    return true;
}

// --- slot and position -----------------------------------------------------------------------------------------

static bool cut_at(PgSession *session, uint64_t lsn, bool with_position, Err *err) {
    PgPosition position = {session->server.system_identifier, session->server.timeline, lsn};
    Position at = with_position ? pg_position_encode(&position) : (Position){0};
    TRY(journal_cut(session->journal, &at, err));
    return journal_sync(session->journal, err);
}

// A slot of our name and no position: ours, from a set-up that was cut short, when the journal says that one was begun.
static bool leftover_remove(PgSetup *setup, Err *err) {
    PgSession *session = setup->session;
    PgSlot slot;
    TRY(pg_slot_read(&session->sql, setup->slot, &slot, err));
    if (!slot.exists) {
        return true;
    }
    if (!pg_slot_known(session->journal, setup->slot)) {
        FAIL(err, ERR_SLOT_MISMATCH,
             "replication slot %s exists, but this data directory knows nothing of it: another leat uses it, or its "
             "data "
             "directory was lost",
             setup->slot);
        return err_hint(err,
                        "use that data directory, choose another --name, or start anew with: SELECT "
                        "pg_drop_replication_slot('%s');",
                        setup->slot);
    }
    return pg_slot_drop(&session->sql, setup->slot, 30000, err);
}

// Every table is to be read (again): there is no position from which changes could complete older rows.
static void capture_restart(PgCapture *capture) {
    for (size_t i = 0; i < capture->table_count; i++) {
        pg_capture_resync(capture, capture->tables[i]);
    }
}

static bool slot_make(PgSetup *setup, uint64_t *lsn, Err *err) {
    PgSession *session = setup->session;
    const SourceContext *context = session->context;
    journal_state_put(session->journal, SLOT_KEY, slice_of(setup->slot));
    TRY(cut_at(session, 0, false, err));
    CRASH_POINT("setup.before_slot");
    TRY(pg_conn_open(&setup->creator, context->url, PG_CONN_REPLICATION, err));
    PgSlotCreate create = {.name = setup->slot,
                           .export_snapshot = context->mode != SOURCE_NO_SNAPSHOT,
                           .failover = context->slot_failover && session->server.version >= 170000,
                           .timeout_ms = context->slot_create_timeout_ms};
    TRY(pg_slot_create(&setup->creator, context->url, &create, lsn, setup->exported, err));
    CRASH_POINT("setup.after_slot");
    log_info(LOG_SOURCE, "replication slot created", LOG_TEXT("slot", setup->slot), LOG_LSN("at", *lsn));
    return true;
}

// Where changes are to begin (SourceContext.from); 0 = with the slot.
static bool from_parse(const SourceContext *context, uint64_t *from, Err *err) {
    *from = 0;
    if (context->from == NULL || context->from[0] == '\0') {
        return true;
    }
    if (!pg_lsn_parse(slice_of(context->from), from) || *from == 0) {
        FAIL(err, ERR_OPTION, "from.lsn: \"%.40s\" is no position in the log", context->from);
        return err_hint(err, "as PostgreSQL writes them: 16/B374D848");
    }
    if (context->mode != SOURCE_NO_SNAPSHOT) {
        return FAIL(err, ERR_OPTION, "from.lsn goes with --no-snapshot");
    }
    return true;
}

static bool gap(const PgSetup *setup, uint64_t slot, uint64_t from, Err *err) {
    FAIL(err, ERR_SLOT_MISMATCH,
         "replication slot %s begins at " LSN_FORMAT ", behind " LSN_FORMAT ": the changes between are not to be had",
         setup->slot, LSN_ARG(slot), LSN_ARG(from));
    return err_hint(err, "name the slot of the writer that stopped there (--slot NAME); or have the tables read: "
                         "without --no-snapshot");
}

// The slot that another tool has left, whose changes go on here. It is the journal's with the first position.
static bool slot_take(PgSetup *setup, uint64_t from, bool *taken, Err *err) {
    PgSession *session = setup->session;
    PgSlot slot;
    *taken = false;
    TRY(pg_slot_read(&session->sql, setup->slot, &slot, err));
    if (from == 0 || !slot.exists || pg_slot_known(session->journal, setup->slot)) {
        return true;
    }
    if (!slot.ours || slot.active) {
        FAIL(err, slot.ours ? ERR_SLOT_BUSY : ERR_EXISTS, "replication slot %s is %s", setup->slot,
             slot.ours ? "in use by another client" : "of another plugin than pgoutput, or of another database");
        return err_hint(err, slot.ours ? "stop the writer that it is of" : "leave --slot out: leat makes its own");
    }
    if (slot.confirmed_flush_lsn > from) {
        return gap(setup, slot.confirmed_flush_lsn, from, err);
    }
    log_info(LOG_SOURCE, "replication slot taken over", LOG_TEXT("slot", setup->slot), LOG_LSN("from", from));
    journal_state_put(session->journal, SLOT_KEY, slice_of(setup->slot));
    setup->from = from;
    *taken = true;
    return true;
}

static bool slot_begin(PgSetup *setup, uint64_t from, Err *err) {
    TRY(slot_make(setup, &setup->from, err));
    if (from != 0 && from < setup->from) {
        return gap(setup, setup->from, from, err);
    }
    setup->from = MAX(setup->from, from);
    return true;
}

static bool setup_first(PgSetup *setup, Err *err) {
    PgSession *session = setup->session;
    SourceMode mode = session->context->mode;
    setup->first = true;
    capture_restart(&session->capture);
    bool changed = false;
    if (mode == SOURCE_SNAPSHOT_ONLY) {
        TRY(pg_setup_refresh(setup, PG_LEAF_PENDING, 0, &changed, err));
        return cut_at(session, 0, false, err);
    }
    uint64_t from = 0;
    bool taken = false;
    TRY(from_parse(session->context, &from, err));
    TRY(slot_take(setup, from, &taken, err));
    // Before publications are touched: they may be those of another leat that uses this name.
    TRY(taken || leftover_remove(setup, err));
    // The tables are looked at before the slot is made: publications must be there when it starts to decode.
    TRY(pg_setup_refresh(setup, PG_LEAF_PENDING, 0, &changed, err));
    TRY(taken || slot_begin(setup, from, err));
    if (mode == SOURCE_NO_SNAPSHOT) {
        for (size_t i = 0; i < session->capture.table_count; i++) {
            session->capture.tables[i]->truncate = false;
            pg_capture_put(&session->capture, session->capture.tables[i]);
            for (PgLeaf *leaf = session->capture.tables[i]->leaves; leaf != NULL; leaf = leaf->next) {
                pg_capture_set(&session->capture, leaf, PG_LEAF_STREAMING, setup->from);
            }
        }
    }
    TRY(cut_at(session, setup->from, true, err));
    CRASH_POINT("setup.after_first_cut");
    return true;
}

// --- continuing ------------------------------------------------------------------------------------------------

// A promoted standby has a new timeline. What this journal has read must lie before the switch.
static bool timeline_check(PgSetup *setup, const PgPosition *position, Err *err) {
    PgSession *session = setup->session;
    if (position->timeline == session->server.timeline) {
        return true;
    }
    DEFER(pg_conn_close) PgConn replication = {0};
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    TRY(pg_conn_open(&replication, session->context->url, PG_CONN_REPLICATION, err));
    char *sql = arena_printf(&arena, "TIMELINE_HISTORY %u", session->server.timeline);
    TRY(pg_query(&replication, &rows, sql, NULL, 0, err));
    char *history = rows.count > 0 ? arena_text(&arena, pg_slice(&rows, 0, 1)) : "";
    for (char *line = history; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        unsigned timeline = 0, high = 0, low = 0;
        if (sscanf(line, "%u %X/%X", &timeline, &high, &low) == 3 && timeline == position->timeline) {
            uint64_t switched = ((uint64_t)high << 32) | low;
            if (switched >= position->lsn) {
                log_info(LOG_SOURCE, "the source has a new timeline, behind what was read",
                         LOG_UINT("timeline", session->server.timeline), LOG_LSN("switched_at", switched));
                return true;
            }
            FAIL(err, ERR_SLOT_MISMATCH,
                 "the source failed over to timeline %u at " LSN_FORMAT ", before this journal's " LSN_FORMAT
                 ": changes were read that the new primary does not have",
                 session->server.timeline, LSN_ARG(switched), LSN_ARG(position->lsn));
            return false;
        }
        line = end != NULL ? end + 1 : NULL;
    }
    FAIL(err, ERR_SLOT_MISMATCH, "the source is on timeline %u, which does not descend from this journal's %u",
         session->server.timeline, position->timeline);
    return false;
}

bool pg_setup_system_check(PgSetup *setup, const PgPosition *position, Err *err) {
    PgSession *session = setup->session;
    if (position->system_identifier != session->server.system_identifier) {
        FAIL(err, ERR_SLOT_MISMATCH,
             "the source is another database system (%" PRIu64 ") than the one this journal was read from (%" PRIu64
             ")",
             session->server.system_identifier, position->system_identifier);
        return false;
    }
    return timeline_check(setup, position, err);
}

// "Read everything again" is also the way out when slot and journal disagree: a new slot, all tables from the start.
static bool setup_anew(PgSetup *setup, Err *err) {
    PgSession *session = setup->session;
    log_info(LOG_SOURCE, "everything is read again, with a new slot", LOG_TEXT("slot", setup->slot));
    PgSlot slot;
    TRY(pg_slot_read(&session->sql, setup->slot, &slot, err));
    if (slot.exists && slot.ours) {
        TRY(pg_slot_drop(&session->sql, setup->slot, 30000, err));
    }
    TRY(setup_first(setup, err));
    if (session->context->resync_taken != NULL) {
        session->context->resync_taken(session->context->context);
    }
    return true;
}

static bool setup_continue(PgSetup *setup, const PgPosition *position, Err *err) {
    PgSession *session = setup->session;
    const SourceContext *context = session->context;
    const char *wanted = context->resync_wanted != NULL ? context->resync_wanted(context->context) : NULL;
    if (wanted != NULL && strcmp(wanted, "*") == 0) {
        return setup_anew(setup, err);
    }
    if (!pg_setup_system_check(setup, position, err)) {
        return err_hint(err, "check the URL; or read everything again: leat resync %s --tables '*'",
                        session->context->pipeline);
    }
    setup->from = position->lsn;
    bool changed = false;
    return pg_setup_refresh(setup, PG_LEAF_PENDING, 0, &changed, err);
}

bool pg_setup(PgSetup *setup, PgSession *session, Err *err) {
    *setup = (PgSetup){.session = session};
    arena_init(&setup->arena, "run", 0);
    setup->slot = pg_slot_name(&setup->arena, session->context);
    setup->publication = pg_publication_name(&setup->arena, session->context);
    session->slot = setup->slot;
    TRY(pg_session_connect(session, &session->sql, err));
    TRY(pg_server_read(&session->sql, &session->server, err));
    TRY(pg_server_check(&session->server, session->context->mode, err));
    TRY(pg_capture_load(&session->capture, session->journal, err));
    session->capture.as_it_comes = session->connector != NULL;
    Position durable;
    PgPosition position;
    journal_durable(session->journal, &durable);
    TRY(pg_position_decode(&durable, &position, err));
    if (session->connector != NULL) {
        return pg_connector_start(setup, &position, durable.size > 0, err);
    }
    bool first = durable.size == 0 || session->context->mode == SOURCE_SNAPSHOT_ONLY;
    return first ? setup_first(setup, err) : setup_continue(setup, &position, err);
}

void pg_setup_release(PgSetup *setup) {
    pg_conn_close(&setup->creator);
    arena_release(&setup->arena);
}
