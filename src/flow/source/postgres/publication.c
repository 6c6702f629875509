// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/publication.h"

#include "core/base/buf.h"
#include "core/base/map.h"

// Tables in one ALTER PUBLICATION. Each takes a lock in the server's table of locks, which has about 6,400 places by
// default, so no statement and no transaction may hold thousands.
enum { BATCH_TABLES = 500, OWN_NAME_MAX = 63 - 8 };

static char *inserts_name(Arena *arena, const char *name) {
    return arena_printf(arena, "%s_inserts", name);
}

static bool publication_exists(PgConn *sql, const char *name, bool *exists, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(sql, &rows, "SELECT puballtables FROM pg_publication WHERE pubname = $1", &name, 1, err));
    *exists = rows.count == 1;
    return true;
}

// Only what has rows of its own and is in the WAL can be published.
static bool is_publishable(const PgTable *table) {
    return table->kind == 'r' && !table->unlogged;
}

bool pg_publication_plan(PgConn *sql, Arena *arena, const char *name, const char *dba_publication,
                         const PgTables *tables, PgPublicationPlan *plan, Err *err) {
    bool by_dba = dba_publication != NULL && dba_publication[0] != 0;
    *plan = (PgPublicationPlan){
        .name = arena_text(arena, slice_of(by_dba ? dba_publication : name)),
        .by_dba = by_dba,
        .tables = ARENA_ARRAY(arena, const PgTable *, tables->count),
        .inserts_tables = ARENA_ARRAY(arena, const PgTable *, tables->count),
    };
    size_t size = strlen(plan->name);
    if (size == 0 || (!by_dba && size > OWN_NAME_MAX)) {
        return FAIL(err, ERR_OPTION, "publication \"%.80s\": a name has 1 to %d bytes", plan->name, OWN_NAME_MAX);
    }
    for (size_t i = 0; i < tables->count; i++) {
        const PgTable *table = &tables->at[i];
        if (!is_publishable(table)) {
            continue;
        }
        if (by_dba || table->identity != IDENTITY_NOTHING) {
            plan->tables[plan->table_count++] = table;
        } else {
            plan->inserts_tables[plan->inserts_table_count++] = table;
        }
    }
    TRY(publication_exists(sql, plan->name, &plan->exists, err));
    if (by_dba) {
        if (!plan->exists) {
            (void)FAIL(err, ERR_NOT_FOUND, "publication \"%s\" does not exist in this database", plan->name);
            return err_hint(err, "create it, or leave the option away: then leat makes its own");
        }
        return true;
    }
    return publication_exists(sql, inserts_name(arena, plan->name), &plan->inserts_exists, err);
}

// --- our own ---------------------------------------------------------------------------------------------------

typedef struct Publication {
    PgConn *sql;
    char *name, *quoted;
    const char *operations;
} Publication;

static bool own_fail(const Publication *publication, Err *err) {
    if (err->code == ERR_SOURCE_PERMISSION) {
        err->hint[0] = 0;
        (void)err_hint(err, "publishing a table needs its owner's rights, and CREATE on the database; or let an "
                            "administrator create a publication and name it with publication");
    }
    return err_prefix(err, "publication \"%s\"", publication->name);
}

// ALTER PUBLICATION … ADD or DROP the tables that are in `want` but not in `have`. Names come as SQL.
static bool members_alter(const Publication *publication, const char *verb, const Map *want, const Map *have,
                          Err *err) {
    DEFER(buf_release) Buf statement = {0};
    int count = 0;
    for (MapEntry *entry = NULL; (entry = map_next(want, entry)) != NULL;) {
        if (map_find(have, entry->key) != NULL) {
            continue;
        }
        if (count == 0) {
            buf_reset(&statement);
            buf_printf(&statement, "ALTER PUBLICATION %s %s TABLE ONLY ", publication->quoted, verb);
        }
        buf_printf(&statement, "%s%s", count > 0 ? ", ONLY " : "", (const char *)entry->value);
        if (++count == BATCH_TABLES) {
            buf_u8(&statement, 0);
            TRY(pg_exec_on_tables(publication->sql, (const char *)statement.data, err));
            count = 0;
        }
    }
    if (count > 0) {
        buf_u8(&statement, 0);
        TRY(pg_exec_on_tables(publication->sql, (const char *)statement.data, err));
    }
    return true;
}

static char *table_sql(Arena *arena, Slice space, Slice name) {
    return arena_printf(arena, "%s.%s", pg_identifier(arena, space), pg_identifier(arena, name));
}

// Oid -> name as SQL.
static bool members_read(const Publication *publication, Arena *arena, Map *members, Err *err) {
    static const char QUERY[] =
        "SELECT c.oid, n.nspname, c.relname FROM pg_publication p JOIN pg_publication_rel r ON r.prpubid = p.oid "
        "JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.pubname = $1";
    DEFER(pg_rows_release) PgRows rows = {0};
    const char *params[] = {publication->name};
    TRY(pg_query(publication->sql, &rows, QUERY, params, 1, err));
    for (int i = 0; i < rows.count; i++) {
        map_put_u64(members, (uint64_t)pg_int(&rows, i, 0),
                    table_sql(arena, pg_slice(&rows, i, 1), pg_slice(&rows, i, 2)));
    }
    return true;
}

static bool own_create(const Publication *publication, Arena *arena, bool exists, Err *err) {
    static const char QUERY[] =
        "SELECT puballtables, pubviaroot, concat_ws(', ', CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate "
        "THEN 'update' END, CASE WHEN pubdelete THEN 'delete' END, CASE WHEN pubtruncate THEN 'truncate' END) "
        "FROM pg_publication WHERE pubname = $1";
    const char *with =
        arena_printf(arena, "(publish = '%s', publish_via_partition_root = false)", publication->operations);
    if (!exists) {
        return pg_exec(publication->sql,
                       arena_printf(arena, "CREATE PUBLICATION %s WITH %s", publication->quoted, with), err);
    }
    DEFER(pg_rows_release) PgRows rows = {0};
    const char *params[] = {publication->name};
    TRY(pg_query(publication->sql, &rows, QUERY, params, 1, err));
    if (rows.count == 1 && pg_bool(&rows, 0, 0)) {
        (void)FAIL(err, ERR_EXISTS, "it exists and is FOR ALL TABLES: not one that leat has made");
        return err_hint(err, "name it with the option publication, so that leat uses it as it is; or drop it");
    }
    if (rows.count == 1 && !pg_bool(&rows, 0, 1) && slice_is(pg_slice(&rows, 0, 2), publication->operations)) {
        return true;
    }
    return pg_exec(publication->sql, arena_printf(arena, "ALTER PUBLICATION %s SET %s", publication->quoted, with),
                   err);
}

static bool own_add(const Publication *publication, Arena *arena, const PgTable *const *tables, size_t count,
                    bool exists, Map *have, Map *want, Err *err) {
    TRY(own_create(publication, arena, exists, err));
    TRY(members_read(publication, arena, have, err));
    for (size_t i = 0; i < count; i++) {
        map_put_u64(want, tables[i]->oid, table_sql(arena, tables[i]->space, tables[i]->name));
    }
    return members_alter(publication, "ADD", want, have, err);
}

// All that is added is added before anything is dropped, as a table that moves from one publication to the other must
// be in one of them at each moment.
static bool own_apply(PgConn *sql, const PgPublicationPlan *plan, Arena *arena, Err *err) {
    DEFER(map_release) Map have = {0};
    DEFER(map_release) Map want = {0};
    DEFER(map_release) Map inserts_have = {0};
    DEFER(map_release) Map inserts_want = {0};
    char *second = inserts_name(arena, plan->name);
    Publication all = {sql, arena_text(arena, slice_of(plan->name)), pg_identifier(arena, slice_of(plan->name)),
                       "insert, update, delete, truncate"};
    Publication inserts = {sql, second, pg_identifier(arena, slice_of(second)), "insert, truncate"};
    if (!own_add(&inserts, arena, plan->inserts_tables, plan->inserts_table_count, plan->inserts_exists, &inserts_have,
                 &inserts_want, err)) {
        return own_fail(&inserts, err);
    }
    if (!own_add(&all, arena, plan->tables, plan->table_count, plan->exists, &have, &want, err) ||
        !members_alter(&all, "DROP", &have, &want, err)) {
        return own_fail(&all, err);
    }
    return members_alter(&inserts, "DROP", &inserts_have, &inserts_want, err) || own_fail(&inserts, err);
}

// --- a DBA's ---------------------------------------------------------------------------------------------------

static bool dba_operations(PgConn *sql, const PgPublicationPlan *plan, const char *quoted, Err *err) {
    static const char QUERY[] = "SELECT pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication "
                                "WHERE pubname = $1";
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(sql, &rows, QUERY, &plan->name, 1, err));
    if (rows.count == 0) {
        return FAIL(err, ERR_NOT_FOUND, "publication \"%s\" does not exist in this database", plan->name);
    }
    bool changes = false, partitions = false;
    for (size_t i = 0; i < plan->table_count; i++) {
        changes |= plan->tables[i]->identity != IDENTITY_NOTHING;
        partitions |= plan->tables[i]->root_oid != plan->tables[i]->oid;
    }
    bool complete =
        pg_bool(&rows, 0, 0) && pg_bool(&rows, 0, 3) && (!changes || (pg_bool(&rows, 0, 1) && pg_bool(&rows, 0, 2)));
    if (!complete) {
        (void)FAIL(err, ERR_SOURCE_SETUP, "publication \"%s\" does not publish all operations", plan->name);
        return err_hint(err, "ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate');", quoted);
    }
    if (partitions && pg_bool(&rows, 0, 4)) {
        (void)FAIL(err, ERR_SOURCE_SETUP,
                   "publication \"%s\" publishes partitions under their root's name, which "
                   "hides TRUNCATE and DETACH of one",
                   plan->name);
        return err_hint(err, "ALTER PUBLICATION %s SET (publish_via_partition_root = false);", quoted);
    }
    return true;
}

// Row filters and column lists (15+) would make the stream differ from what the snapshot reads.
static bool dba_filters(PgConn *sql, const PgPublicationPlan *plan, const Map *wanted, Err *err) {
    static const char QUERY[] = "SELECT prrelid FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid "
                                "WHERE p.pubname = $1 AND (prqual IS NOT NULL OR prattrs IS NOT NULL)";
    DEFER(pg_rows_release) PgRows rows = {0};
    if (sql->version < 150000) {
        return true;
    }
    TRY(pg_query(sql, &rows, QUERY, &plan->name, 1, err));
    for (int i = 0; i < rows.count; i++) {
        const PgTable *table = map_find_u64(wanted, (uint64_t)pg_int(&rows, i, 0));
        if (table != NULL) {
            (void)FAIL(err, ERR_SOURCE_SETUP, "publication \"%s\" has a row filter or column list for %.*s.%.*s",
                       plan->name, SLICE_ARG(table->space), SLICE_ARG(table->name));
            return err_hint(err, "publish the whole table, or exclude it");
        }
    }
    return true;
}

static bool dba_missing(const PgPublicationPlan *plan, Arena *arena, const char *quoted, const Map *published,
                        Err *err) {
    size_t missing = 0;
    const char *list = "";
    for (size_t i = 0; i < plan->table_count; i++) {
        const PgTable *table = plan->tables[i];
        if (map_find_u64(published, table->oid) != NULL) {
            continue;
        }
        if (missing++ < 5) {
            list = arena_printf(arena, "%s%s%s", list, missing > 1 ? ", " : "",
                                table_sql(arena, table->space, table->name));
        }
    }
    if (missing == 0) {
        return true;
    }
    (void)FAIL(err, ERR_SOURCE_SETUP, "publication \"%s\" lacks %zu of %zu tables", plan->name, missing,
               plan->table_count);
    return err_hint(err, "ALTER PUBLICATION %s ADD TABLE %s%s; or exclude them", quoted, list,
                    missing > 5 ? ", …" : "");
}

static bool dba_check(PgConn *sql, const PgPublicationPlan *plan, Arena *arena, Err *err) {
    static const char QUERY[] = "SELECT relid FROM pg_get_publication_tables($1)";
    const char *quoted = pg_identifier(arena, slice_of(plan->name));
    DEFER(map_release) Map published = {0};
    DEFER(map_release) Map wanted = {0};
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(dba_operations(sql, plan, quoted, err));
    TRY(pg_query(sql, &rows, QUERY, &plan->name, 1, err));
    for (int i = 0; i < rows.count; i++) {
        map_put_u64(&published, (uint64_t)pg_int(&rows, i, 0), &rows);
    }
    for (size_t i = 0; i < plan->table_count; i++) {
        map_put_u64(&wanted, plan->tables[i]->oid, (void *)(uintptr_t)plan->tables[i]);
    }
    TRY(dba_filters(sql, plan, &wanted, err));
    return dba_missing(plan, arena, quoted, &published, err);
}

// --- all -------------------------------------------------------------------------------------------------------

bool pg_publication_apply(PgConn *sql, const PgPublicationPlan *plan, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 256 * MIB);
    return plan->by_dba ? dba_check(sql, plan, &scratch, err) : own_apply(sql, plan, &scratch, err);
}

char *pg_publication_names(Arena *arena, const PgPublicationPlan *plan) {
    char *first = pg_identifier(arena, slice_of(plan->name));
    if (plan->by_dba) {
        return first;
    }
    char *second = inserts_name(arena, plan->name);
    return arena_printf(arena, "%s,%s", first, pg_identifier(arena, slice_of(second)));
}

bool pg_publication_drop(PgConn *sql, const char *name, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", MIB);
    return pg_exec(sql,
                   arena_printf(&scratch, "DROP PUBLICATION IF EXISTS %s, %s", pg_identifier(&scratch, slice_of(name)),
                                pg_identifier(&scratch, slice_of(inserts_name(&scratch, name)))),
                   err);
}
