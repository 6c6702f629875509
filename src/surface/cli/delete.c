// SPDX-License-Identifier: Apache-2.0
// leat delete NAME, leat resync NAME.
#include "surface/cli/output.h"
#include "surface/cli/pipelines.h"

#include <unistd.h>

static bool confirmed(const Cli *cli, const PipelineConfig *config, bool purge, Err *err) {
    if (cli_has(cli, "yes") || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return true;
    }
    DEFER(buf_release) Buf out = {0};
    buf_printf(
        &out, "remove pipeline %s: its slot and publications on the source, its journal and state in %s%s%s? [y/N] ",
        config->name, config->directory, purge ? ", and everything it wrote to " : "", purge ? config->sink_url : "");
    output_write(&out);
    char answer[16] = "";
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y')) {
        return true;
    }
    return FAIL(err, ERR_INTERRUPTED, "nothing was removed");
}

bool delete_command(Cli *cli, Err *err) {
    PipelineConfig config;
    PipelineDelete how = {.purge_data = cli_has(cli, "purge-data"), .force = cli_has(cli, "force")};
    TRY(cli_pipeline_load(cli, cli->arguments[0], &config, err));
    int pid = 0;
    if (cli_pipeline_running(cli, &config, &pid)) {
        FAIL(err, ERR_LOCKED, "pipeline %s is running (pid %d)", config.name, pid);
        return err_hint(err, "stop it first: kill %d", pid);
    }
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

bool resync_command(Cli *cli, Err *err) {
    PipelineConfig config;
    const char *tables = cli_value(cli, "tables");
    TRY(cli_pipeline_load(cli, cli->arguments[0], &config, err));
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
