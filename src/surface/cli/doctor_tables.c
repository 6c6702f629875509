// SPDX-License-Identifier: Apache-2.0
// leat doctor, the tables: one finding for each thing that is wrong, with all the tables that it concerns.
#include "surface/cli/doctor.h"

enum { SHOWN = 20 };

// What a query about the tables' oids ($1) finds: a quoted name a row, perhaps a detail.
typedef struct TableCheck {
    const char *check;
    FindingLevel level;
    const char *text;   // behind the number of tables: "tables have …"
    const char *remedy; // for each table; %1 its name, %2 the detail (quoted where that is needed)
    const char *sql;
} TableCheck;

#define TABLE_OF  "SELECT format('%I.%I', n.nspname, c.relname), "
#define FROM_OIDS " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = ANY ($1::oid[]) AND "
#define ORDER     " ORDER BY 1"
#define NO_KEY                                                                                                  \
    "c.relkind = 'r' AND (c.relreplident = 'n' OR (c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index i" \
    " WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate)))"

static const TableCheck CHECKS[] = {
    {"select", FINDING_PROBLEM, "cannot be read by this role", "GRANT SELECT ON %1 TO %2;",
     TABLE_OF "quote_ident(current_user)" FROM_OIDS
              "NOT has_table_privilege(c.oid, 'SELECT') AND NOT has_any_column_privilege(c.oid, 'SELECT')" ORDER},
    {"schema", FINDING_PROBLEM, "are in a schema that this role may not use", "GRANT USAGE ON SCHEMA %2;",
     TABLE_OF "quote_ident(n.nspname) || ' TO ' || quote_ident(current_user)" FROM_OIDS
              "NOT has_schema_privilege(n.oid, 'USAGE')" ORDER},
    {"owner", FINDING_WARN, "are not owned by this role, so leat cannot put them into a publication of its own",
     "GRANT %2;   -- the owner of %1; or let a DBA make a publication and give it with --publication",
     TABLE_OF "quote_ident(pg_get_userbyid(c.relowner)) || ' TO ' || quote_ident(current_user)" FROM_OIDS
              "c.relkind IN ('r', 'p') AND NOT pg_has_role(c.relowner, 'USAGE')" ORDER},
    {"row_security", FINDING_PROBLEM, "have row security, which would hide rows from this role",
     "ALTER ROLE %2 BYPASSRLS;   -- for %1",
     TABLE_OF "quote_ident(current_user)" FROM_OIDS "c.relrowsecurity AND row_security_active(c.oid)" ORDER},
    {"identity", FINDING_WARN,
     "have no replica identity: their inserts and truncates are captured, their updates and deletes are not",
     "ALTER TABLE %1 REPLICA IDENTITY FULL;   -- or, better, a primary key",
     TABLE_OF "''" FROM_OIDS "c.relpersistence = 'p' AND " NO_KEY ORDER},
    {"identity_index", FINDING_WARN,
     "have a REPLICA IDENTITY INDEX without all columns of the primary key: a change of the primary key is not seen",
     "ALTER TABLE %1 REPLICA IDENTITY DEFAULT;",
     TABLE_OF
     "''" FROM_OIDS "c.relreplident = 'i' AND EXISTS (SELECT FROM pg_index p, unnest(p.indkey) k"
     " WHERE p.indrelid = c.oid AND p.indisprimary AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid"
     " AND i.indisreplident AND k = ANY (i.indkey[0:i.indnkeyatts - 1])))" ORDER},
    {"toast", FINDING_WARN,
     "have large out-of-line values: an update that does not touch such a column does not carry its value"
     " (__unchanged in the rows)",
     "ALTER TABLE %1 REPLICA IDENTITY FULL;   -- only if every row must be complete; costs WAL",
     TABLE_OF "''" FROM_OIDS "c.relkind = 'r' AND c.relreplident IN ('d', 'i') AND c.reltoastrelid <> 0"
              " AND pg_relation_size(c.reltoastrelid) > 64 * 1048576" ORDER},
    {"toast_updates", FINDING_WARN,
     "have out-of-line values and many updates: a lake in upsert mode reads such values from the row's old place when "
     "an"
     " update does not carry them",
     "ALTER TABLE %1 REPLICA IDENTITY FULL;   -- spares these reads, costs WAL; %2 updates so far",
     TABLE_OF "pg_stat_get_tuples_updated(c.oid)::text" FROM_OIDS
              "c.relkind = 'r' AND c.relreplident IN ('d', 'i') AND c.reltoastrelid <> 0"
              " AND pg_relation_size(c.reltoastrelid) > 1048576"
              " AND pg_stat_get_tuples_updated(c.oid) > greatest(100000, c.reltuples / 10)" ORDER},
    {"unlogged", FINDING_WARN, "are unlogged: they can be read once, their changes are never seen",
     "ALTER TABLE %1 SET LOGGED;", TABLE_OF "''" FROM_OIDS "c.relpersistence = 'u'" ORDER},
};

static void remedy_add(Buf *out, const char *remedy, Slice name, Slice detail) {
    for (const char *at = remedy; *at != '\0'; at++) {
        if (at[0] == '%' && (at[1] == '1' || at[1] == '2')) {
            buf_put(out, at[1] == '1' ? name : detail);
            at++;
        } else {
            buf_u8(out, (uint8_t)*at);
        }
    }
    buf_u8(out, '\n');
}

static void check_run(Doctor *doctor, PgConn *sql, const TableCheck *check, const char *oids) {
    DEFER(pg_rows_release) PgRows rows = {0};
    DEFER(buf_release) Buf names = {0}, remedy = {0};
    Err err[1] = {{0}};
    if (!pg_query(sql, &rows, check->sql, &oids, 1, err)) {
        finding_err(doctor, check->check, err);
        return;
    }
    for (int i = 0; i < rows.count && i < SHOWN; i++) {
        buf_text(&names, i > 0 ? ", " : "");
        buf_put(&names, pg_slice(&rows, i, 0));
        remedy_add(&remedy, check->remedy, pg_slice(&rows, i, 0), pg_slice(&rows, i, 1));
    }
    if (rows.count > SHOWN) {
        buf_printf(&names, ", +%d more", rows.count - SHOWN);
    }
    if (rows.count > 0) {
        finding(doctor, check->level, check->check, arena_text(doctor->arena, buf_slice(&remedy)),
                "%d of the tables %s: %.*s", rows.count, check->text, SLICE_ARG(buf_slice(&names)));
    }
}

static const char *oids_of(Doctor *doctor, const PgTables *tables) {
    DEFER(buf_release) Buf text = {0};
    buf_u8(&text, '{');
    for (size_t i = 0; i < tables->count; i++) {
        buf_text(&text, i > 0 ? "," : "");
        buf_uint(&text, tables->at[i].oid);
    }
    buf_u8(&text, '}');
    return arena_text(doctor->arena, buf_slice(&text));
}

void doctor_tables(Doctor *doctor, PgConn *sql, const PgServer *server, const char *include, const char *exclude) {
    Err err[1] = {{0}};
    PgTables tables = {0};
    if (!pg_catalog_tables(sql, doctor->arena, include, exclude, &tables, err)) {
        finding_err(doctor, "tables", err);
        return;
    }
    double rows = 0;
    int64_t bytes = 0;
    for (size_t i = 0; i < tables.count; i++) {
        rows += MAX(tables.at[i].rows, 0);
        bytes += tables.at[i].kind == 'p' ? 0 : tables.at[i].bytes;
    }
    finding(doctor, tables.count > 0 ? FINDING_OK : FINDING_WARN, "tables", NULL,
            "%zu tables (partitions and their roots included), about %.0f rows, %" PRId64 " MiB", tables.count, rows,
            bytes >> 20);
    int before = doctor->counts[FINDING_WARN] + doctor->counts[FINDING_PROBLEM];
    const char *oids = oids_of(doctor, &tables);
    for (size_t i = 0; i < ARRAY_LEN(CHECKS) && tables.count > 0; i++) {
        if (!doctor->has_publication || strcmp(CHECKS[i].check, "owner") != 0) {
            check_run(doctor, sql, &CHECKS[i], oids);
        }
    }
    if (tables.count > 0 && doctor->counts[FINDING_WARN] + doctor->counts[FINDING_PROBLEM] == before) {
        finding(doctor, FINDING_OK, "tables", NULL, "every table can be captured in full");
    }
}
