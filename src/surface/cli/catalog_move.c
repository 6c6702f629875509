// SPDX-License-Identifier: Apache-2.0
// leat catalog move --to URL: every table of catalog.db into another catalog, then the pipelines with them. In steps
// that may all be repeated: register and compare; switch the pipelines; take the entries out of the old catalog. So it
// is run again when it was stopped.
#include "core/base/json.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "flow/sink/iceberg/iceberg.h"
#include "lake/catalog/move.h"
#include "surface/cli/lake.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

typedef struct Moving {
    const Cli *cli;
    const char *to; // as pipelines are told
    CliLake lake;   // the old catalog
    CliLake target;
    PipelineConfig *pipelines; // that write to the old catalog
    int *locks, lock;          // of the catalog: cli_catalog_alone
    size_t pipeline_count;
    TableName *tables;
    Slice *at;
    size_t count;
    bool dry_run, json;
    Buf out;
} Moving;

// --- who writes ------------------------------------------------------------------------------------------------

static bool writes_here(const Moving *moving, const PipelineConfig *config) {
    const LakeOptions *options = config->sink_options;
    if (config->sink != &ICEBERG_SINK) {
        return false;
    }
    const LakePlaces places = {
        .url = config->sink_url, .catalog = options->catalog, .data_directory = config->data_directory};
    return strcmp(lake_catalog_url(&places, moving->cli->arena), moving->lake.places.catalog) == 0;
}

static bool pipelines_hold(Moving *moving, Err *err) {
    const Cli *cli = moving->cli;
    const char *data = cli_data_directory(cli), **names = NULL;
    size_t count = 0;
    int pid = 0;
    TRY(pipeline_list(data, cli->arena, &names, &count, err));
    moving->pipelines = ARENA_ARRAY(cli->arena, PipelineConfig, count);
    moving->locks = ARENA_ARRAY(cli->arena, int, count);
    for (size_t i = 0; i < count; i++) {
        PipelineConfig *config = &moving->pipelines[moving->pipeline_count];
        TRY(cli_pipeline_load(cli, names[i], config, err));
        if (!writes_here(moving, config)) {
            continue;
        }
        int *lock = &moving->locks[moving->pipeline_count++];
        *lock = -1;
        TRY(cli_pipeline_stopped(cli, config, err));
        TRY(moving->dry_run || file_lock(arena_printf(cli->arena, "%s/lock", config->directory), lock, err));
    }
    if (file_locked(arena_printf(cli->arena, "%s/server.lock", data), &pid)) {
        FAIL(err, ERR_LOCKED, "leat server is running on %s (pid %d)", data, pid);
        return err_hint(err, "stop it first: kill %d", pid);
    }
    return moving->dry_run || cli_catalog_alone(cli, &moving->lock, err);
}

// --- places ----------------------------------------------------------------------------------------------------

static void storage_of(Moving *moving, CliLake *lake) {
    if (moving->pipeline_count > 0) {
        lake->s3 = ((const LakeOptions *)moving->pipelines[0].sink_options)->s3;
    }
}

static bool places_open(Moving *moving, Err *err) {
    CliLake *lake = &moving->lake, *target = &moving->target;
    storage_of(moving, lake);
    storage_of(moving, target);
    TRY(cli_lake_sets(moving->cli, &lake->s3, &lake->rest, err));
    TRY(cli_lake_sets(moving->cli, &target->s3, &target->rest, err));
    TRY(lake_places_open(&lake->places, moving->cli->arena, &lake->io, &lake->catalog, err));
    return lake_places_open(&target->places, moving->cli->arena, &target->io, &target->catalog, err);
}

static bool target_take(Moving *moving, Err *err) {
    const char *to = cli_value(moving->cli, "to");
    if (to == NULL || to[0] == '\0') {
        FAIL(err, ERR_USAGE, "leat catalog move needs --to");
        return err_hint(err, "write --to iceberg+https://HOST/…?warehouse=NAME");
    }
    moving->to = strstr(to, "://") != NULL ? to : cli_sink_url(moving->cli->arena, to);
    moving->target.places.catalog = moving->to;
    return strcmp(moving->to, moving->lake.places.catalog) != 0 ||
           FAIL(err, ERR_USAGE, "%s is where the tables are", moving->to);
}

// --- steps -----------------------------------------------------------------------------------------------------

static const char *outcome_text(MoveOutcome outcome) {
    return outcome == MOVE_REGISTERED ? "registered" : outcome == MOVE_THERE ? "there already" : "there, and gone on";
}

static void table_said(Moving *moving, TableName name, const char *what) {
    Buf *out = &moving->out;
    if (moving->json) {
        buf_u8(out, '{');
        json_field_text(out, "table", cli_table_text(moving->cli, name));
        json_field_text(out, "outcome", what);
        buf_text(out, "}\n");
    } else {
        buf_printf(out, "%s  %s\n", cli_table_text(moving->cli, name), what);
    }
    output_write(out);
    buf_reset(out);
}

static bool tables_register(Moving *moving, Err *err) {
    TRY(cli_lake_tables(&moving->lake, &moving->tables, &moving->count, err));
    moving->at = ARENA_ARRAY(moving->cli->arena, Slice, moving->count);
    for (size_t i = 0; i < moving->count; i++) {
        MoveOutcome outcome = MOVE_REGISTERED;
        if (!moving->dry_run && !catalog_move_table(moving->lake.catalog, moving->target.catalog, moving->tables[i],
                                                    moving->cli->arena, &outcome, &moving->at[i], err)) {
            return err_prefix(err, "%s", cli_table_text(moving->cli, moving->tables[i]));
        }
        table_said(moving, moving->tables[i], moving->dry_run ? "would be registered" : outcome_text(outcome));
        CRASH_POINT("move.registered");
    }
    return true;
}

static bool pipelines_switch(Moving *moving, Err *err) {
    const Cli *cli = moving->cli;
    for (size_t i = 0; i < moving->pipeline_count; i++) {
        PipelineConfig *config = &moving->pipelines[i];
        TRY(pipeline_config_set(config, "catalog", moving->to, cli->arena, err));
        for (int j = 0; j < cli->set_count; j++) {
            const char *equals = strchr(cli->sets[j], '=');
            const char *name = arena_printf(cli->arena, "%.*s", (int)(equals - cli->sets[j]), cli->sets[j]);
            TRY(pipeline_config_set(config, name, equals + 1, cli->arena, err));
        }
        TRY(pipeline_config_save(config, err));
        CRASH_POINT("move.switched");
    }
    return true;
}

static bool tables_leave(Moving *moving, Err *err) {
    for (size_t i = 0; i < moving->count; i++) {
        TRY(catalog_move_finish(moving->lake.catalog, moving->tables[i], moving->at[i], err));
        CRASH_POINT("move.dropped");
    }
    return true;
}

static bool move(Moving *moving, Err *err) {
    TRY(cli_wants_json(moving->cli, &moving->json, err));
    TRY(target_take(moving, err));
    if (!lake_places_exist(&moving->lake.places)) {
        return FAIL(err, ERR_NOT_FOUND, "there is no catalog %s", moving->lake.places.catalog);
    }
    TRY(pipelines_hold(moving, err));
    TRY(places_open(moving, err));
    TRY(tables_register(moving, err));
    if (!moving->dry_run) {
        TRY(pipelines_switch(moving, err));
        TRY(tables_leave(moving, err));
    }
    if (!moving->json) {
        buf_printf(&moving->out, "%zu tables and %zu pipelines %s %s\n", moving->count, moving->pipeline_count,
                   moving->dry_run ? "would move to" : "have moved to", moving->to);
        output_write(&moving->out);
    }
    return true;
}

bool catalog_move_command(Cli *cli, Err *err) {
    Moving *moving = ARENA_NEW(cli->arena, Moving);
    moving->cli = cli;
    moving->lock = -1;
    moving->dry_run = cli_has(cli, "dry-run");
    cli_lake_begin(cli, &moving->lake);
    cli_lake_begin(cli, &moving->target);
    moving->lake.places.catalog = arena_printf(cli->arena, "%s/catalog.db", cli_data_directory(cli));
    bool good = move(moving, err);
    for (size_t i = 0; i < moving->pipeline_count; i++) {
        file_close(&moving->locks[i]);
    }
    file_close(&moving->lock);
    buf_release(&moving->out);
    cli_lake_close(&moving->target);
    cli_lake_close(&moving->lake);
    return good || err_frame(err, __FILE__, __LINE__);
}
