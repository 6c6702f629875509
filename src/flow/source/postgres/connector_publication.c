// SPDX-License-Identifier: Apache-2.0
// publication.autocreate.mode and replica.identity.autoset.values: what Debezium does to a database when it starts.
#include "flow/source/postgres/connector.h"

#include "core/base/log.h"

typedef struct Publication {
    PgConn *sql;
    const PgConnectorOptions *options;
    Arena *arena;
    bool exists, all_tables;
    const PgTables *tables;
} Publication;

static bool publication_read(Publication *publication, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(publication->sql, &rows, "SELECT puballtables FROM pg_publication WHERE pubname = $1",
                 &publication->options->publication, 1, err));
    publication->exists = rows.count == 1;
    publication->all_tables = rows.count == 1 && pg_bool(&rows, 0, 0);
    return true;
}

static char *quoted(const Publication *publication) {
    return pg_identifier(publication->arena, slice_of(publication->options->publication));
}

// What CREATE PUBLICATION ends with.
static const char *with_clause(const Publication *publication) {
    const PgConnectorOptions *options = publication->options;
    if (options->publish == NULL && !options->via_root) {
        return "";
    }
    const char *publish = options->publish != NULL ? arena_printf(publication->arena, "publish = '%s'%s",
                                                                  options->publish, options->via_root ? ", " : "")
                                                   : "";
    return arena_printf(publication->arena, " WITH (%s%s)", publish,
                        options->via_root ? "publish_via_partition_root = true" : "");
}

// Temporary and unlogged tables have no changes, and the server refuses to publish them.
static bool publishable(const PgTable *table) {
    return !table->unlogged && (table->kind == 'r' || table->kind == 'P' || table->kind == 'Q');
}

static char *table_list(const Publication *publication) {
    DEFER(buf_release) Buf list = {0};
    for (size_t i = 0; i < publication->tables->count; i++) {
        const PgTable *table = &publication->tables->at[i];
        if (publishable(table)) {
            buf_printf(&list, "%s%s.%s", list.size > 0 ? ", " : "", pg_identifier(publication->arena, table->space),
                       pg_identifier(publication->arena, table->name));
        }
    }
    return arena_text(publication->arena, buf_slice(&list));
}

static bool permission_fail(const Publication *publication, Err *err) {
    if (err->code == ERR_SOURCE_PERMISSION) {
        err->hint[0] = '\0';
        (void)err_hint(err, "all_tables needs a superuser, filtered the tables' owner; or let an administrator create "
                            "the publication and set publication.autocreate.mode=disabled");
    }
    return err_prefix(err, "publication \"%s\"", publication->options->publication);
}

static bool run(const Publication *publication, const char *statement, Err *err) {
    log_info(LOG_SOURCE, "publication", LOG_TEXT("name", publication->options->publication),
             LOG_TEXT("statement", statement));
    return pg_exec_on_tables(publication->sql, statement, err) || permission_fail(publication, err);
}

// True when the publication's own tables are the wanted ones.
static bool same_tables(const Publication *publication, bool *same, Err *err) {
    static const char QUERY[] = "SELECT r.prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid "
                                "WHERE p.pubname = $1";
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(map_release) Map have = {0};
    TRY(pg_query(publication->sql, &rows, QUERY, &publication->options->publication, 1, err));
    for (int i = 0; i < rows.count; i++) {
        map_put_u64(&have, (uint64_t)pg_int(&rows, i, 0), &rows);
    }
    size_t wanted = 0;
    *same = true;
    for (size_t i = 0; i < publication->tables->count; i++) {
        if (publishable(&publication->tables->at[i])) {
            wanted++;
            *same &= map_find_u64(&have, publication->tables->at[i].oid) != NULL;
        }
    }
    *same &= wanted == have.count;
    return true;
}

static bool filtered_apply(const Publication *publication, Err *err) {
    const char *list = table_list(publication);
    if (publication->all_tables) {
        FAIL(err, ERR_SOURCE_SETUP, "publication \"%s\" is FOR ALL TABLES, and publication.autocreate.mode is filtered",
             publication->options->publication);
        return err_hint(err, "drop it, choose another publication.name, or set publication.autocreate.mode=all_tables");
    }
    if (list[0] == '\0') {
        FAIL(err, ERR_SOURCE_SETUP, "no table matches the connector's filters: publication \"%s\" would be empty",
             publication->options->publication);
        return err_hint(err, "check table.include.list (regular expressions for schema.table) and database.dbname");
    }
    if (!publication->exists) {
        return run(publication,
                   arena_printf(publication->arena, "CREATE PUBLICATION %s FOR TABLE %s%s", quoted(publication), list,
                                with_clause(publication)),
                   err);
    }
    bool same = true;
    TRY(same_tables(publication, &same, err));
    return same ||
           run(publication,
               arena_printf(publication->arena, "ALTER PUBLICATION %s SET TABLE %s", quoted(publication), list), err);
}

static bool publication_apply(const Publication *publication, Err *err) {
    const char *what = " FOR ALL TABLES";
    switch (publication->options->publication_mode) {
    case PG_PUBLICATION_FILTERED:
        return filtered_apply(publication, err);
    case PG_PUBLICATION_DISABLED:
        if (!publication->exists) {
            FAIL(err, ERR_SOURCE_SETUP,
                 "publication \"%s\" does not exist, and publication.autocreate.mode is disabled",
                 publication->options->publication);
            return err_hint(err, "CREATE PUBLICATION %s FOR TABLE …;  or set publication.autocreate.mode=filtered",
                            quoted(publication));
        }
        return true;
    case PG_PUBLICATION_NO_TABLES:
        what = "";
        break;
    case PG_PUBLICATION_ALL_TABLES:
        break;
    }
    return publication->exists || run(publication,
                                      arena_printf(publication->arena, "CREATE PUBLICATION %s%s%s", quoted(publication),
                                                   what, with_clause(publication)),
                                      err);
}

// --- replica identities ----------------------------------------------------------------------------------------

static bool identity_is(Publication *publication, const PgTable *table, const PgIdentityRule *rule, bool *is,
                        Err *err) {
    static const char QUERY[] =
        "SELECT c.relreplident, (SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid "
        "WHERE x.indrelid = c.oid AND x.indisreplident) FROM pg_class c WHERE c.oid = $1::oid";
    DEFER(pg_rows_release) PgRows rows = {0};
    char oid[16];
    const char *params[] = {oid};
    snprintf(oid, sizeof(oid), "%u", table->oid);
    TRY(pg_query(publication->sql, &rows, QUERY, params, 1, err));
    char letter = rows.count == 1 ? (char)pg_slice(&rows, 0, 0).data[0] : '\0';
    char wanted = (char)(rule->identity[0] | 0x20); // d, f, n, i
    *is = letter == wanted && (rule->index == NULL || slice_is(pg_slice(&rows, 0, 1), rule->index));
    return true;
}

static bool identities_set(Publication *publication, Err *err) {
    const PgConnectorOptions *options = publication->options;
    for (size_t i = 0; i < publication->tables->count && options->identity_count > 0; i++) {
        const PgTable *table = &publication->tables->at[i];
        const char *name =
            arena_printf(publication->arena, "%.*s.%.*s", SLICE_ARG(table->space), SLICE_ARG(table->name));
        const PgIdentityRule *rule = NULL;
        for (size_t k = 0; k < options->identity_count && rule == NULL; k++) {
            rule = regex_matches(options->identities[k].table, slice_of(name)) ? &options->identities[k] : NULL;
        }
        bool is = true;
        if (rule != NULL && publishable(table)) {
            TRY(identity_is(publication, table, rule, &is, err));
        }
        if (is) {
            continue;
        }
        const char *statement = arena_printf(
            publication->arena, "ALTER TABLE %s.%s REPLICA IDENTITY %s%s",
            pg_identifier(publication->arena, table->space), pg_identifier(publication->arena, table->name),
            rule->index != NULL ? "USING INDEX " : rule->identity,
            rule->index != NULL ? pg_identifier(publication->arena, slice_of(rule->index)) : "");
        log_info(LOG_SOURCE, "replica identity", LOG_TEXT("statement", statement));
        if (!pg_exec_on_tables(publication->sql, statement, err)) {
            return err_prefix(err, "replica.identity.autoset.values");
        }
    }
    return true;
}

// --- all -------------------------------------------------------------------------------------------------------

// UPDATE and DELETE of a published table without identity fail on the source: Debezium's way, so it is told.
static void victims_tell(const Publication *publication) {
    DEFER(buf_release) Buf list = {0};
    size_t count = 0;
    for (size_t i = 0; i < publication->tables->count; i++) {
        const PgTable *table = &publication->tables->at[i];
        if (table->kind == 'r' && table->identity == IDENTITY_NOTHING && publishable(table) && ++count <= 5) {
            buf_printf(&list, "%s%.*s.%.*s", list.size > 0 ? ", " : "", SLICE_ARG(table->space),
                       SLICE_ARG(table->name));
        }
    }
    if (count > 0) {
        log_warn(LOG_SOURCE,
                 "tables without replica identity are published: the server refuses UPDATE and DELETE there",
                 LOG_UINT("tables", count), LOG_SLICE("among them", buf_slice(&list)));
    }
}

bool pg_connector_publish(PgSetup *setup, const PgTables *tables, Err *err) {
    PgSession *session = setup->session;
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Publication publication = {
        .sql = &session->sql, .options = &session->connector->options, .arena = &arena, .tables = tables};
    if (!session->server.in_recovery) { // on a standby they are the primary's business
        TRY(publication_read(&publication, err));
        TRY(publication_apply(&publication, err));
        TRY(identities_set(&publication, err));
        victims_tell(&publication);
    }
    session->publications = arena_text(&setup->arena, slice_of(quoted(&publication)));
    return true;
}
