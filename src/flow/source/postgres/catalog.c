// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/catalog.h"

#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/config/pattern.h"

static void copy_text(char *to, size_t size, Slice text) {
    size_t count = MIN(text.size, size - 1);
    if (count > 0) {
        memcpy(to, text.data, count);
    }
    to[count] = 0;
}

// The timeline of the WAL that is written now is in its file's name; the control file may lag behind a promotion.
static const char SERVER_SQL[] =
    "SELECT current_setting('server_version_num'), current_setting('server_version'), "
    "(SELECT system_identifier FROM pg_control_system()), "
    "CASE WHEN r THEN (SELECT timeline_id FROM pg_control_checkpoint()) "
    "ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END, "
    "CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, r, current_database(), "
    "current_setting('wal_level'), "
    "(SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint * 1048576 END FROM pg_settings "
    "WHERE name = 'max_slot_wal_keep_size'), "
    "u.rolsuper OR u.rolreplication OR EXISTS (SELECT FROM pg_roles g WHERE g.rolname = 'rds_replication' "
    "AND pg_has_role(u.oid, g.oid, 'member')), u.rolsuper "
    "FROM pg_is_in_recovery() r, pg_roles u WHERE u.rolname = current_user";

bool pg_server_read(PgConn *sql, PgServer *server, Err *err) {
    *server = (PgServer){0};
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(sql, &rows, SERVER_SQL, NULL, 0, err));
    if (rows.count != 1) {
        return FAIL(err, ERR_SOURCE_PROTOCOL, "the server tells nothing about itself");
    }
    server->version = (int)pg_int(&rows, 0, 0);
    copy_text(server->version_text, sizeof(server->version_text), pg_slice(&rows, 0, 1));
    server->system_identifier = (uint64_t)pg_int(&rows, 0, 2);
    server->timeline = (uint32_t)pg_int(&rows, 0, 3);
    server->wal_end = pg_lsn(&rows, 0, 4);
    server->in_recovery = pg_bool(&rows, 0, 5);
    copy_text(server->database, sizeof(server->database), pg_slice(&rows, 0, 6));
    copy_text(server->wal_level, sizeof(server->wal_level), pg_slice(&rows, 0, 7));
    server->slot_wal_keep_bytes = pg_int(&rows, 0, 8);
    server->can_replicate = pg_bool(&rows, 0, 9);
    server->superuser = pg_bool(&rows, 0, 10);
    return true;
}

// --- tables ----------------------------------------------------------------------------------------------------

// $1: oids. Nothing here, and in what follows, locks a table: a lock waits behind DDL that itself may wait for one of
// leat's readers, whose rows the waiting thread is to take.
static const char TABLES_SQL[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, t.oid, tn.nspname, t.relname, c.relreplident, "
    "c.relrowsecurity AND row_security_active(c.oid), c.relpersistence = 'u', "
    "c.relpages, c.reltuples, c.relpages * current_setting('block_size')::bigint "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_class t ON t.oid = CASE WHEN c.relispartition THEN pg_partition_root(c.oid) ELSE c.oid END "
    "JOIN pg_namespace tn ON tn.oid = t.relnamespace "
    "WHERE c.oid = ANY ($1::oid[]) ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\"";

// These functions lock each table for a moment: those that DDL has locked, or waits for, are left out.
static const char SIZES_SQL[] =
    "SELECT c.oid, pg_relation_size(c.oid) / current_setting('block_size')::bigint, pg_table_size(c.oid) "
    "FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND c.relkind IN ('r', 'm') AND c.oid NOT IN "
    "(SELECT relation FROM pg_locks WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";

#define COLUMNS_SQL(default_text, comment)                                                                \
    "SELECT attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attgenerated <> '', "             \
    "atthasdef OR atthasmissing OR attidentity <> '', " default_text ", " comment " FROM pg_attribute a " \
    "WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND NOT attisdropped ORDER BY attrelid, attnum"
#define COMMENT_CHARACTERS "4000"
static const char *const COLUMNS_SQLS[] = {
    [PG_CATALOG_PLAIN] = COLUMNS_SQL("NULL", "NULL"),
    [PG_CATALOG_DEFAULTS] =
        COLUMNS_SQL("(SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid "
                    "AND d.adnum = a.attnum AND a.attgenerated = '')",
                    "NULL"),
    [PG_CATALOG_COMMENTS] = COLUMNS_SQL("NULL", "left(col_description(attrelid, attnum), " COMMENT_CHARACTERS ")"),
};
static const char COMMENTS_SQL[] =
    "SELECT objoid, left(description, " COMMENT_CHARACTERS ") FROM pg_description "
    "WHERE objoid = ANY ($1::oid[]) AND classoid = 'pg_class'::regclass AND objsubid = 0";

// Columns of the index as numbers with blanks between; those behind indnkeyatts are only carried along.
static const char INDEXES_SQL[] =
    "SELECT indrelid, indisprimary, indisreplident AND indisvalid, indimmediate, indkey, indnkeyatts FROM pg_index "
    "WHERE indrelid = ANY ($1::oid[]) AND (indisprimary OR indisreplident)";

static void table_fill(Arena *arena, const PgRows *rows, int row, PgTable *table) {
    *table = (PgTable){
        .oid = (uint32_t)pg_int(rows, row, 0),
        .space = arena_slice(arena, pg_slice(rows, row, 1)),
        .name = arena_slice(arena, pg_slice(rows, row, 2)),
        .kind = (char)pg_slice(rows, row, 3).data[0],
        .root_oid = (uint32_t)pg_int(rows, row, 4),
        .row_security = pg_bool(rows, row, 8),
        .unlogged = pg_bool(rows, row, 9),
        .pages = pg_int(rows, row, 10),
        .rows = strtod((const char *)pg_slice(rows, row, 11).data, NULL),
        .bytes = pg_int(rows, row, 12),
    };
    bool own = table->root_oid == table->oid;
    table->root_space = own ? table->space : arena_slice(arena, pg_slice(rows, row, 5));
    table->root_name = own ? table->name : arena_slice(arena, pg_slice(rows, row, 6));
    switch ((char)pg_slice(rows, row, 7).data[0]) {
    case 'f':
        table->identity = IDENTITY_FULL;
        break;
    case 'i':
        table->identity = IDENTITY_INDEX;
        break;
    case 'd':
        table->identity = IDENTITY_KEY;
        break;
    default:
        table->identity = IDENTITY_NOTHING;
    }
}

static bool columns_fill(Arena *arena, PgConn *sql, const char *oids, PgCatalogMore more, const Map *by_oid, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(sql, &rows, COLUMNS_SQLS[more], &oids, 1, err));
    PgColumn *columns = ARENA_ARRAY(arena, PgColumn, (size_t)rows.count);
    for (int i = 0; i < rows.count; i++) {
        PgTable *table = map_find_u64(by_oid, (uint64_t)pg_int(&rows, i, 0));
        if (table == NULL) {
            continue;
        }
        PgColumn *column = &columns[i];
        *column = (PgColumn){
            .attnum = (int16_t)pg_int(&rows, i, 1),
            .name = arena_slice(arena, pg_slice(&rows, i, 2)),
            .type_oid = (uint32_t)pg_int(&rows, i, 3),
            .typmod = (int32_t)pg_int(&rows, i, 4),
            .not_null = pg_bool(&rows, i, 5),
            .generated = pg_bool(&rows, i, 6),
            .has_default = pg_bool(&rows, i, 7),
            .default_text = arena_slice(arena, pg_slice(&rows, i, 8)),
            .comment = arena_slice(arena, pg_slice(&rows, i, 9)),
            .in_identity = table->identity == IDENTITY_FULL,
        };
        if (table->column_count++ == 0) {
            table->columns = column;
        }
    }
    return true;
}

static bool comments_fill(Arena *arena, PgConn *sql, const char *oids, const Map *by_oid, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    TRY(pg_query(sql, &rows, COMMENTS_SQL, &oids, 1, err));
    for (int i = 0; i < rows.count; i++) {
        PgTable *table = map_find_u64(by_oid, (uint64_t)pg_int(&rows, i, 0));
        if (table != NULL) {
            table->comment = arena_slice(arena, pg_slice(&rows, i, 1));
        }
    }
    return true;
}

static PgColumn *column_find(const PgTable *table, long attnum) {
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].attnum == attnum) {
            return (PgColumn *)(uintptr_t)&table->columns[i];
        }
    }
    return NULL;
}

static void index_apply(PgTable *table, const PgRows *rows, int row, bool identity) {
    bool primary = pg_bool(rows, row, 1);
    int64_t count = pg_int(rows, row, 5);
    const char *at = (const char *)pg_slice(rows, row, 4).data;
    for (int64_t i = 0; i < count; i++) {
        char *end = NULL;
        PgColumn *column = column_find(table, strtol(at, &end, 10));
        if (column != NULL) {
            column->in_identity |= identity;
            column->key_ordinal = primary ? (uint16_t)(i + 1) : column->key_ordinal;
        }
        at = end;
    }
}

// What the server will send for old rows: with DEFAULT the primary key's columns, unless it is deferrable; with an
// index that is gone, nothing.
static bool identities_fill(PgConn *sql, const char *oids, const Map *by_oid, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(map_release) Map known = {0};
    TRY(pg_query(sql, &rows, INDEXES_SQL, &oids, 1, err));
    for (int i = 0; i < rows.count; i++) {
        uint64_t oid = (uint64_t)pg_int(&rows, i, 0);
        PgTable *table = map_find_u64(by_oid, oid);
        if (table == NULL) {
            continue;
        }
        bool primary = pg_bool(&rows, i, 1);
        bool identity = (table->identity == IDENTITY_KEY && primary && pg_bool(&rows, i, 3)) ||
                        (table->identity == IDENTITY_INDEX && pg_bool(&rows, i, 2));
        table->has_primary_key |= primary;
        index_apply(table, &rows, i, identity);
        if (identity) {
            map_put_u64(&known, oid, table);
        }
    }
    for (MapEntry *entry = NULL; (entry = map_next(by_oid, entry)) != NULL;) {
        PgTable *table = entry->value;
        if (table->identity != IDENTITY_FULL && map_find_u64(&known, table->oid) == NULL) {
            table->identity = IDENTITY_NOTHING;
        }
    }
    return true;
}

// Three statements, or four, however many tables there are.
static bool tables_read(PgConn *sql, Arena *arena, const char *oids, PgCatalogMore more, PgTables *tables, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(map_release) Map by_oid = {0};
    TRY(pg_query(sql, &rows, TABLES_SQL, &oids, 1, err));
    tables->count = 0;
    tables->at = ARENA_ARRAY(arena, PgTable, (size_t)rows.count);
    for (int i = 0; i < rows.count; i++) {
        PgTable *table = &tables->at[tables->count++];
        table_fill(arena, &rows, i, table);
        map_put_u64(&by_oid, table->oid, table);
    }
    TRY(columns_fill(arena, sql, oids, more, &by_oid, err));
    TRY(more != PG_CATALOG_COMMENTS || comments_fill(arena, sql, oids, &by_oid, err));
    return identities_fill(sql, oids, &by_oid, err);
}

// What the tables take now, in place of what the last VACUUM or ANALYZE noted.
static bool sizes_fill(PgConn *sql, const char *oids, const PgTables *tables, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(map_release) Map by_oid = {0};
    for (size_t i = 0; i < tables->count; i++) {
        map_put_u64(&by_oid, tables->at[i].oid, &tables->at[i]);
    }
    TRY(pg_query(sql, &rows, SIZES_SQL, &oids, 1, err));
    for (int i = 0; i < rows.count; i++) {
        PgTable *table = map_find_u64(&by_oid, (uint64_t)pg_int(&rows, i, 0));
        if (table != NULL) {
            table->pages = table->rows < 0 ? pg_int(&rows, i, 1) : table->pages;
            table->bytes = pg_int(&rows, i, 2);
        }
    }
    return true;
}

bool pg_catalog_table(PgConn *sql, Arena *arena, uint32_t oid, PgCatalogMore more, PgTable *table, bool *found,
                      Err *err) {
    PgTables tables = {0};
    *found = false;
    TRY(tables_read(sql, arena, arena_printf(arena, "{%" PRIu32 "}", oid), more, &tables, err));
    if (tables.count == 1) {
        *table = tables.at[0];
        *found = true;
    }
    return true;
}

// --- choosing --------------------------------------------------------------------------------------------------

// Names only: cheap for any number of tables.
static const char NAMES_SQL[] =
    "SELECT c.oid, n.nspname, c.relname, tn.nspname, t.relname, c.relkind IN ('r', 'p') FROM pg_class c "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    "JOIN pg_class t ON t.oid = CASE WHEN c.relispartition THEN pg_partition_root(c.oid) ELSE c.oid END "
    "JOIN pg_namespace tn ON tn.oid = t.relnamespace "
    "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' "
    "AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 2, 3";

typedef struct Near {
    size_t distance;
    Slice space, name;
} Near;

// Up to three names that look like what was meant.
static void near_names(const PgRows *rows, const Pattern *pattern, Arena *arena, Err *err) {
    Near near[3] = {{SIZE_MAX, {0}, {0}}, {SIZE_MAX, {0}, {0}}, {SIZE_MAX, {0}, {0}}};
    for (int i = 0; i < rows->count; i++) {
        Near one = {.space = pg_slice(rows, i, 1), .name = pg_slice(rows, i, 2)};
        one.distance = pattern_distance(pattern, one.space, one.name);
        if (one.distance > 3) {
            continue;
        }
        for (size_t k = 0; k < ARRAY_LEN(near); k++) {
            if (one.distance < near[k].distance) {
                Near next = near[k];
                near[k] = one;
                one = next;
            }
        }
    }
    const char *list = "";
    for (size_t k = 0; k < ARRAY_LEN(near) && near[k].distance != SIZE_MAX; k++) {
        list = arena_printf(arena, "%s%s%.*s.%.*s", list, k > 0 ? ", " : "", SLICE_ARG(near[k].space),
                            SLICE_ARG(near[k].name));
    }
    if (list[0] != 0) {
        (void)err_hint(err, "did you mean %s?", list);
    } else {
        (void)err_hint(err, "write schema.table, in the case that the catalog has, and check the database in the URL");
    }
}

// Rows of leat's own have topics, and files, of these names.
static bool name_free(const PgRows *rows, int row, Err *err) {
    Slice space = pg_slice(rows, row, 3), name = pg_slice(rows, row, 4);
    if (!slice_is(space, "leat") || !(slice_is(name, "dead_letters") || slice_is(name, "messages"))) {
        return true;
    }
    FAIL(err, ERR_TABLE, "table leat.%.*s has the name of a topic of leat's own", SLICE_ARG(name));
    return err_hint(err, "leave it out (--exclude leat.%.*s), or rename it", SLICE_ARG(name));
}

static bool row_matches(const Patterns *patterns, const PgRows *rows, int row, bool exact) {
    bool name = patterns_match(patterns, pg_slice(rows, row, 1), pg_slice(rows, row, 2), exact);
    return patterns_match(patterns, pg_slice(rows, row, 3), pg_slice(rows, row, 4), exact) || name;
}

bool pg_catalog_tables(PgConn *sql, Arena *arena, const char *include, const char *exclude, PgTables *tables,
                       Err *err) {
    Patterns wanted = {0}, unwanted = {0};
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 256 * MIB);
    TRY(patterns_parse(&scratch, include != NULL && include[0] != 0 ? include : "*", "tables", &wanted, err));
    TRY(patterns_parse(&scratch, exclude != NULL ? exclude : "", "exclude", &unwanted, err));
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(buf_release) Buf oids = {0};
    TRY(pg_query(sql, &rows, NAMES_SQL, NULL, 0, err));
    buf_u8(&oids, '{');
    for (int i = 0; i < rows.count; i++) {
        // A view is taken only by a pattern without wildcards.
        bool take = row_matches(&wanted, &rows, i, !pg_bool(&rows, i, 5));
        if (take && !row_matches(&unwanted, &rows, i, false)) {
            TRY(name_free(&rows, i, err));
            buf_printf(&oids, "%s%.*s", oids.size > 1 ? "," : "", SLICE_ARG(pg_slice(&rows, i, 0)));
        }
    }
    buf_bytes(&oids, "}", 2);
    for (size_t i = 0; i < wanted.count; i++) {
        const Pattern *pattern = &wanted.at[i];
        if (pattern->exact && !pattern->used) {
            (void)FAIL(err, ERR_TABLE, "no table \"%.*s\" in this database", SLICE_ARG(pattern->text));
            near_names(&rows, pattern, &scratch, err);
            return false;
        }
    }
    return tables_read(sql, arena, (const char *)oids.data, PG_CATALOG_PLAIN, tables, err) &&
           sizes_fill(sql, (const char *)oids.data, tables, err);
}

bool pg_catalog_chosen(PgConn *sql, Arena *arena, PgChoose choose, const void *context, PgTables *tables, Err *err) {
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(buf_release) Buf oids = {0};
    TRY(pg_query(sql, &rows, NAMES_SQL, NULL, 0, err));
    buf_u8(&oids, '{');
    for (int i = 0; i < rows.count; i++) {
        Slice space = pg_slice(&rows, i, 1), name = pg_slice(&rows, i, 2);
        bool partition = !slice_equal(space, pg_slice(&rows, i, 3)) || !slice_equal(name, pg_slice(&rows, i, 4));
        if (pg_bool(&rows, i, 5) && choose(context, space, name, partition)) {
            TRY(name_free(&rows, i, err));
            buf_printf(&oids, "%s%.*s", oids.size > 1 ? "," : "", SLICE_ARG(pg_slice(&rows, i, 0)));
        }
    }
    buf_bytes(&oids, "}", 2);
    return tables_read(sql, arena, (const char *)oids.data, PG_CATALOG_PLAIN, tables, err) &&
           sizes_fill(sql, (const char *)oids.data, tables, err);
}
