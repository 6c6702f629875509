// SPDX-License-Identifier: Apache-2.0
// leat catalog rebuild WAREHOUSE: catalog.db anew from a warehouse alone.
#include "core/base/json.h"
#include "core/sys/file.h"
#include "lake/catalog/rebuild.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

typedef struct Rebuild {
    const Cli *cli;
    CliLake lake; // io alone, until the new catalog is made
    const char *catalog, *made;
    int lock; // see cli_catalog_alone
    FoundTable *tables;
    size_t count, taken;
} Rebuild;

// Who has the old catalog open would go on with it.
static bool nobody_runs(const Cli *cli, const char *data, Err *err) {
    const char **names = NULL;
    size_t count = 0;
    int pid = 0;
    TRY(pipeline_list(data, cli->arena, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        const char *lock = arena_printf(cli->arena, "%s/pipelines/%s/lock", data, names[i]);
        if (file_locked(lock, &pid)) {
            FAIL(err, ERR_LOCKED, "pipeline %s is running (pid %d)", names[i], pid);
            return err_hint(err, "stop it first: kill %d", pid);
        }
    }
    if (file_locked(arena_printf(cli->arena, "%s/server.lock", data), &pid)) {
        FAIL(err, ERR_LOCKED, "leat server is running on %s (pid %d)", data, pid);
        return err_hint(err, "stop it first: kill %d", pid);
    }
    return true;
}

static bool remove_made(const Rebuild *rebuild, Err *err) {
    static const char *const ENDS[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ENDS); i++) {
        TRY(file_remove(arena_printf(rebuild->cli->arena, "%s%s", rebuild->made, ENDS[i]), err));
    }
    return true;
}

// Beside the old one, whole and durable; then in its place.
static bool make(Rebuild *rebuild, Err *err) {
    CliLake *lake = &rebuild->lake;
    TRY(remove_made(rebuild, err));
    const CatalogContext context = {.url = rebuild->made, .warehouse = lake->places.url, .io = lake->io};
    TRY(catalog_open(lake_catalog_driver(rebuild->made), &context, &lake->catalog, err));
    bool good = catalog_register_tables(lake->catalog, rebuild->tables, rebuild->count, err);
    catalog_close(lake->catalog);
    lake->catalog = NULL;
    TRY(good);
    if (file_exists(rebuild->catalog)) {
        TRY(file_rename(rebuild->catalog, arena_printf(rebuild->cli->arena, "%s.before", rebuild->catalog), err));
        TRY(file_remove(arena_printf(rebuild->cli->arena, "%s-wal", rebuild->catalog), err));
        TRY(file_remove(arena_printf(rebuild->cli->arena, "%s-shm", rebuild->catalog), err));
    }
    TRY(file_rename(rebuild->made, rebuild->catalog, err));
    return file_sync_directory(lake->places.data_directory, err);
}

static void said_json(const Rebuild *rebuild, Buf *out) {
    for (size_t i = 0; i < rebuild->count; i++) {
        const FoundTable *table = &rebuild->tables[i];
        buf_u8(out, '{');
        json_field_text(out, "table", cli_table_text(rebuild->cli, table->name));
        json_key(out, "metadata_file");
        json_quote(out, table->metadata_file);
        json_key(out, "uuid");
        json_quote(out, table->uuid);
        if (table->passed_over.data != NULL) {
            json_key(out, "passed_over");
            json_quote(out, table->passed_over);
        }
        json_field_text(out, "left_out", table->left_out);
        buf_text(out, "}\n");
    }
}

static void said_text(const Rebuild *rebuild, Buf *out, bool dry_run) {
    for (size_t i = 0; i < rebuild->count; i++) {
        const FoundTable *table = &rebuild->tables[i];
        buf_printf(out, "%s  ", cli_table_text(rebuild->cli, table->name));
        text_plain(out, table->metadata_file);
        if (table->left_out != NULL) {
            buf_text(out, "\n  left out: ");
            text_plain(out, slice_of(table->left_out));
        } else if (table->passed_over.data != NULL) {
            buf_text(out, "\n  passed over, as its commit was never done: ");
            text_plain(out, table->passed_over);
        }
        buf_u8(out, '\n');
    }
    buf_printf(out, "%zu tables %s %s\n", rebuild->taken, dry_run ? "would be in" : "are in", rebuild->catalog);
}

static bool run(Rebuild *rebuild, Err *err) {
    CliLake *lake = &rebuild->lake;
    const Cli *cli = rebuild->cli;
    bool dry_run = cli_has(cli, "dry-run"), json = false;
    TRY(cli_wants_json(cli, &json, err));
    if (!dry_run && !cli_has(cli, "force") && file_exists(rebuild->catalog)) {
        FAIL(err, ERR_EXISTS, "%s is there already", rebuild->catalog);
        return err_hint(err, "--dry-run shows what would be in the new one; --force keeps the old one as %s.before",
                        rebuild->catalog);
    }
    TRY(dry_run || nobody_runs(cli, cli_data_directory(cli), err));
    TRY(cli_lake_io(cli, cli_sink_url(cli->arena, cli->arguments[0]), lake, err));
    TRY(catalog_find_tables(lake->io, lake_io_warehouse(lake->io), cli->arena, &rebuild->tables, &rebuild->count, err));
    for (size_t i = 0; i < rebuild->count; i++) {
        rebuild->taken += rebuild->tables[i].left_out == NULL;
    }
    if (rebuild->count == 0) {
        FAIL(err, ERR_NOT_FOUND, "there is no table below %s", cli->arguments[0]);
        return err_hint(err, "give the warehouse itself: the directory of the namespaces");
    }
    TRY(dry_run || data_directory_ensure(lake->places.data_directory, cli->arena, err));
    TRY(dry_run || cli_catalog_alone(cli, &rebuild->lock, err));
    TRY(dry_run || make(rebuild, err));
    DEFER(buf_release) Buf out = {0};
    if (json) {
        said_json(rebuild, &out);
    } else {
        said_text(rebuild, &out, dry_run);
    }
    output_write(&out);
    return true;
}

bool catalog_rebuild_command(Cli *cli, Err *err) {
    const char *data = cli_data_directory(cli);
    Rebuild rebuild = {.cli = cli,
                       .lock = -1,
                       .catalog = arena_printf(cli->arena, "%s/catalog.db", data),
                       .made = arena_printf(cli->arena, "%s/catalog.db.new", data)};
    bool good = run(&rebuild, err);
    file_close(&rebuild.lock);
    cli_lake_close(&rebuild.lake);
    return good || err_frame(err, __FILE__, __LINE__);
}
