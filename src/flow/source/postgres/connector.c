// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/connector.h"

#include "core/base/log.h"

enum { SLOT_CREATE_TIMEOUT_MS = 600000, CATALOG_INTERVAL_MS = 60000 };
#define ROW_BYTES_MAX (1024 * MIB)

// --- the run's context -----------------------------------------------------------------------------------------

static bool context_fill(PgConnector *connector, const SourceContext *given, Err *err) {
    const PgConnectorOptions *options = &connector->options;
    SourceContext *context = &connector->context;
    *context = *given;
    if (given->url == NULL || given->url[0] == '\0') {
        TRY(pg_connector_url(&connector->arena, given->properties, &context->url, err));
    }
    context->tables = context->exclude = NULL;
    context->slot = options->slot;
    context->publication = options->publication;
    context->detach = "keep";
    context->dead_letters = options->dead_letters;
    context->slot_failover = options->slot_failover;
    context->messages = true;
    context->snapshot_connections = options->snapshot_threads;
    context->slot_create_timeout_ms =
        given->slot_create_timeout_ms > 0 ? given->slot_create_timeout_ms : SLOT_CREATE_TIMEOUT_MS;
    context->catalog_interval_ms = given->catalog_interval_ms > 0 ? given->catalog_interval_ms : CATALOG_INTERVAL_MS;
    context->row_bytes_max = given->row_bytes_max > 0 ? given->row_bytes_max : ROW_BYTES_MAX;
    bool configured = options->snapshot_mode == PG_SNAPSHOT_CONFIGURED;
    if (options->snapshot_mode == PG_SNAPSHOT_INITIAL_ONLY || (configured && !options->snapshot_stream)) {
        context->mode = SOURCE_SNAPSHOT_ONLY;
    }
    return true;
}

bool pg_connector_open(PgConnector **connector, const SourceContext **context, Err *err) {
    *connector = NULL;
    if ((*context)->properties == NULL) {
        return true;
    }
    PgConnector *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init(&made->arena, "run", 0);
    if (!pg_connector_options_parse(&made->arena, (*context)->properties, &made->options, err) ||
        !context_fill(made, *context, err)) {
        pg_connector_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *connector = made;
    *context = &made->context;
    return true;
}

void pg_connector_close(PgConnector *connector) {
    if (connector != NULL) {
        pg_connector_options_release(&connector->options);
        map_release(&connector->once);
        pg_conn_close(&connector->action);
        buf_release(&connector->touched);
        arena_release(&connector->arena);
        free(connector);
    }
}

bool pg_search_path_users(PgConn *conn, Err *err) {
    return pg_exec(conn, "RESET search_path", err);
}

bool pg_search_path_own(PgConn *conn, Err *err) {
    return pg_exec(conn, "SET search_path = ''", err);
}

bool pg_session_connect(const PgSession *session, PgConn *conn, Err *err) {
    TRY(pg_conn_open(conn, session->context->url, PG_CONN_SQL, err));
    const PgConnector *connector = session->connector;
    if (connector == NULL || connector->options.initial_statement_count == 0) {
        return true;
    }
    TRY(pg_search_path_users(conn, err));
    for (size_t i = 0; i < connector->options.initial_statement_count; i++) {
        if (!pg_exec(conn, connector->options.initial_statements[i], err)) {
            return err_prefix(err, "database.initial.statements, statement %zu", i + 1);
        }
    }
    return pg_search_path_own(conn, err);
}

// --- which tables ----------------------------------------------------------------------------------------------

static bool choose(const void *context, Slice space, Slice name, bool partition) {
    const PgConnectorOptions *options = context;
    return !(options->via_root && partition) && pg_connector_wants(options, space, name);
}

// Each is a table of its own; a partitioned root is read as a whole, and with via_root streamed so.
static void adopt(const PgConnectorOptions *options, PgTable *table) {
    table->kind = table->kind != 'p' ? table->kind : options->via_root ? 'P' : 'Q';
    table->root_oid = table->oid;
    table->root_space = table->space;
    table->root_name = table->name;
}

bool pg_session_tables(PgSession *session, Arena *arena, PgTables *tables, Err *err) {
    const SourceContext *context = session->context;
    if (session->connector == NULL) {
        return pg_catalog_tables(&session->sql, arena, context->tables, context->exclude, tables, err);
    }
    const PgConnectorOptions *options = &session->connector->options;
    TRY(pg_catalog_chosen(&session->sql, arena, choose, options, tables, err));
    for (size_t i = 0; i < tables->count; i++) {
        adopt(options, &tables->at[i]);
    }
    return true;
}

bool pg_session_table(PgSession *session, Arena *arena, uint32_t oid, PgTable *table, bool *found, Err *err) {
    PgCatalogMore more = session->connector != NULL   ? PG_CATALOG_DEFAULTS
                         : session->context->comments ? PG_CATALOG_COMMENTS
                                                      : PG_CATALOG_PLAIN;
    TRY(pg_catalog_table(&session->sql, arena, oid, more, table, found, err));
    if (*found && session->connector != NULL) {
        adopt(&session->connector->options, table);
    }
    return true;
}

bool pg_connector_leaf(PgSession *session, const PgMessage *message, const PgTable *table, bool found, PgLeaf **leaf,
                       Err *err) {
    *leaf = NULL;
    if (!pg_connector_wants(&session->connector->options, message->relation.space, message->relation.name)) {
        return true;
    }
    // The catalog may be ahead of the stream: the name is the stream's, and a table that is gone has no more to tell.
    PgTable now = found ? *table : (PgTable){.oid = message->relation.oid, .kind = 'r', .rows = -1};
    now.root_oid = now.oid;
    now.space = now.root_space = message->relation.space;
    now.name = now.root_name = message->relation.name;
    return pg_capture_adopt(&session->capture, &now, leaf, err);
}

// --- quarantine ------------------------------------------------------------------------------------------------

bool pg_session_quarantines(const PgSession *session, const Err *err) {
    return session->connector != NULL && session->connector->options.quarantine && !session->fatal &&
           (err->code == ERR_VALUE || err->code == ERR_TABLE);
}

void pg_session_quarantine(PgSession *session, PgCaptured *table, uint64_t lsn, Err *err) {
    log_error(LOG_SOURCE, "a table is quarantined: the others go on, a resync brings it back",
              LOG_TEXT("table", table->topic), LOG_TEXT("reason", err->message), LOG_TEXT("hint", err->hint),
              LOG_LSN("at", lsn));
    pg_capture_quarantine(&session->capture, table, err->message, lsn);
    err_clear(err);
}
