// SPDX-License-Identifier: Apache-2.0
// leat delete NAME, leat resync NAME.
#include "core/config/folder.h"
#include "core/sys/file.h"
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

static bool confirmed(const Cli *cli, const PipelineConfig *config, bool purge, Err *err) {
    const char *question = arena_printf(
        cli->arena, "remove pipeline %s: its slot and publications on the source, its journal and state in %s%s%s?",
        config->name, config->directory, purge ? ", and everything it wrote to " : "", purge ? config->sink_url : "");
    return cli_confirmed(cli, question) || FAIL(err, ERR_INTERRUPTED, "nothing was removed");
}

bool delete_command(Cli *cli, Err *err) {
    PipelineConfig config;
    PipelineDelete how = {.purge_data = cli_has(cli, "purge-data"), .force = cli_has(cli, "force")};
    TRY(cli_pipeline_load(cli, cli->arguments[0], &config, err));
    TRY(cli_pipeline_stopped(cli, &config, err));
    TRY(confirmed(cli, &config, how.purge_data, err));
    if (!pipeline_delete(&config, &how, err)) {
        return cli_stored_url_hint(err);
    }
    DEFER(buf_release) Buf out = {0};
    buf_printf(&out, "pipeline %s is removed%s\n", config.name,
               how.purge_data ? ", with what it had written" : "; what it had written stays");
    output_write(&out);
    return true;
}

// A connector of the server, by its name, or a pipeline: only the directory is needed.
static bool resync_target(const Cli *cli, const char *name, PipelineConfig *config, Err *err) {
    const char *data = cli_data_directory(cli), *folder = connector_folder(cli->arena, slice_of(name));
    if (!file_exists(arena_printf(cli->arena, "%s/connectors/%s.json", data, folder))) {
        return cli_pipeline_load(cli, name, config, err);
    }
    *config = (PipelineConfig){.name = arena_text(cli->arena, slice_of(name)),
                               .directory = arena_printf(cli->arena, "%s/pipelines/%s", data, folder)};
    return file_make_directories(config->directory, err);
}

bool resync_command(Cli *cli, Err *err) {
    PipelineConfig config;
    const char *tables = cli_value(cli, "tables");
    TRY(resync_target(cli, cli->arguments[0], &config, err));
    if (tables == NULL || tables[0] == '\0') {
        FAIL(err, ERR_USAGE, "leat resync needs --tables");
        return err_hint(err, "write leat resync %s --tables public.orders", config.name);
    }
    TRY(pipeline_resync(&config, tables, err));
    int pid = 0;
    bool running = cli_pipeline_running(cli, &config, &pid);
    DEFER(buf_release) Buf out = {0};
    buf_printf(&out,
               running ? "asked; pipeline %s reads them again now (leat status %s)\n"
                       : "noted; the next run of pipeline %s reads them again (leat status %s)\n",
               config.name, config.name);
    output_write(&out);
    return true;
}
