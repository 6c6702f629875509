// SPDX-License-Identifier: Apache-2.0
// leat signal-table create: by URLs, or by what an .env file says.
#include "core/config/template.h"
#include "core/net/http.h"
#include "flow/source/postgres/conn.h"
#include "surface/cli/command.h"

#define DEFAULT_TABLE "public.debezium_signal"

static const char *variable(const Cli *cli, const Properties *variables, const char *name) {
    const char *text = properties_text(cli->arena, variables, name, NULL);
    text = text != NULL ? text : getenv(name);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static const char *url_of(const Cli *cli, const Properties *variables, Slice database) {
    DEFER(buf_release) Buf url = {0};
    const char *user = variable(cli, variables, "POSTGRESQL_USER");
    const char *password = variable(cli, variables, "POSTGRESQL_PASSWORD");
    const char *host = variable(cli, variables, "POSTGRESQL_HOST"), *port = variable(cli, variables, "POSTGRESQL_PORT");
    buf_text(&url, "postgresql://");
    http_encode(&url, slice_of(user != NULL ? user : "postgres"), false);
    if (password != NULL) {
        buf_u8(&url, ':');
        http_encode(&url, slice_of(password), false);
    }
    buf_u8(&url, '@');
    http_encode(&url, slice_of(host != NULL ? host : "localhost"), false);
    buf_printf(&url, ":%s/", port != NULL ? port : "5432");
    http_encode(&url, database, false);
    return arena_text(cli->arena, buf_slice(&url));
}

// "schema.table" or "table", each part as it is written in the catalog.
static const char *table_quoted(const Cli *cli, const char **schema) {
    const char *given = cli_value(cli, "table");
    given = given != NULL ? given : DEFAULT_TABLE;
    const char *dot = strchr(given, '.');
    Slice space = dot != NULL ? (Slice){(const uint8_t *)given, (size_t)(dot - given)} : SLICE("public");
    *schema = pg_identifier(cli->arena, space);
    return arena_printf(cli->arena, "%s.%s", *schema,
                        pg_identifier(cli->arena, slice_of(dot != NULL ? dot + 1 : given)));
}

static bool create(const Cli *cli, PgConn *conn, const char *url, Err *err) {
    const char *schema, *table = table_quoted(cli, &schema);
    size_t count = 0;
    const char *grant = cli_value(cli, "grant");
    TRY(pg_conn_open(conn, url, PG_CONN_SQL, err));
    TRY(pg_exec(conn, arena_printf(cli->arena, "CREATE SCHEMA IF NOT EXISTS %s", schema), err));
    // As Debezium's documentation has it; a connector accepts wider columns too.
    TRY(pg_exec(conn,
                arena_printf(cli->arena,
                             "CREATE TABLE IF NOT EXISTS %s (id varchar(64) PRIMARY KEY, type varchar(32) NOT NULL, "
                             "data varchar(16384))",
                             table),
                err));
    Slice *roles = properties_list(cli->arena, slice_of(grant != NULL ? grant : ""), &count);
    for (size_t i = 0; i < count; i++) {
        const char *role = pg_identifier(cli->arena, roles[i]);
        TRY(pg_exec(conn, arena_printf(cli->arena, "GRANT USAGE ON SCHEMA %s TO %s", schema, role), err));
        TRY(pg_exec(conn, arena_printf(cli->arena, "GRANT SELECT, INSERT, DELETE ON %s TO %s", table, role), err));
    }
    printf("%s in %s\n", table, pg_url_masked(cli->arena, url));
    return true;
}

static bool create_in(const Cli *cli, const char *url, Err *err) {
    PgConn conn = {0};
    bool ok = create(cli, &conn, url, err);
    pg_conn_close(&conn);
    return ok;
}

bool signal_table_command(Cli *cli, Err *err) {
    Properties variables = {0};
    const char *databases = cli_value(cli, "databases");
    size_t count = 0;
    if (cli_value(cli, "env-file") != NULL) {
        TRY(env_file_read(cli->arena, cli_value(cli, "env-file"), &variables, err));
    }
    for (int i = 0; i < cli->argument_count; i++) {
        TRY(create_in(cli, cli->arguments[i], err));
    }
    static const char *const NAMES[] = {"POSTGRESQL_DATABASE", "POSTGRESQL_DATABASES", "POSTGRESQL_DB",
                                        "POSTGRESQL_DBNAME"};
    for (size_t i = 0; databases == NULL && cli->argument_count == 0 && i < ARRAY_LEN(NAMES); i++) {
        databases = variable(cli, &variables, NAMES[i]);
    }
    Slice *names = properties_list(cli->arena, slice_of(databases != NULL ? databases : ""), &count);
    for (size_t i = 0; i < count; i++) {
        TRY(create_in(cli, url_of(cli, &variables, names[i]), err));
    }
    if (count == 0 && cli->argument_count == 0) {
        FAIL(err, ERR_USAGE, "leat signal-table create: no database is named");
        return err_hint(err, "give a SOURCE, --databases a,b, or an --env-file with POSTGRESQL_DATABASE");
    }
    return true;
}
