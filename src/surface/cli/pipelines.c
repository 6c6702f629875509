// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/pipelines.h"

#include "core/sys/file.h"
#include "surface/cli/output.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

const char *cli_data_directory(const Cli *cli) {
    return pipeline_data_directory(cli->arena, cli_value(cli, "data-dir"));
}

bool cli_pipeline_load(const Cli *cli, const char *name, PipelineConfig *config, Err *err) {
    return pipeline_config_load(cli_data_directory(cli), name, cli->drivers, cli->arena, config, err);
}

// Takes the last part of the path off, unless it is the root.
static void up(Buf *path) {
    while (path->size > 0 && path->data[path->size - 1] != '/') {
        path->size--;
    }
    path->size -= path->size > 0;
}

const char *cli_sink_url(Arena *arena, const char *given) {
    char here[PATH_MAX];
    if (given[0] == '\0' || strstr(given, "://") != NULL || strncmp(given, "file:", 5) == 0) {
        return given;
    }
    DEFER(buf_release) Buf path = {0};
    if (given[0] != '/' && getcwd(here, sizeof(here)) != NULL && strcmp(here, "/") != 0) {
        buf_text(&path, here);
    }
    for (const char *at = given; *at != '\0';) {
        size_t size = strcspn(at, "/");
        if (size == 2 && memcmp(at, "..", 2) == 0) {
            up(&path);
        } else if (size > 0 && !(size == 1 && at[0] == '.')) {
            buf_u8(&path, '/');
            buf_bytes(&path, at, size);
        }
        at += size + (at[size] == '/');
    }
    if (path.size == 0) {
        buf_u8(&path, '/');
    }
    return arena_text(arena, buf_slice(&path));
}

bool cli_pipeline_running(const Cli *cli, const PipelineConfig *config, int *pid) {
    return file_locked(arena_printf(cli->arena, "%s/lock", config->directory), pid);
}

bool cli_pipeline_stopped(const Cli *cli, const PipelineConfig *config, Err *err) {
    int pid = 0;
    if (!cli_pipeline_running(cli, config, &pid)) {
        return true;
    }
    FAIL(err, ERR_LOCKED, "pipeline %s is running (pid %d)", config->name, pid);
    return err_hint(err, "stop it first: kill %d", pid);
}

bool cli_confirmed(const Cli *cli, const char *question) {
    if (cli_has(cli, "yes") || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return true;
    }
    DEFER(buf_release) Buf out = {0};
    buf_printf(&out, "%s [y/N] ", question);
    output_write(&out);
    char answer[16] = "";
    return fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
}

bool cli_stored_url_hint(Err *err) {
    if (err->code == ERR_SOURCE_AUTH) {
        err->hint[0] = '\0';
        err_hint(err, "a password given on the command line is not stored: set PGPASSWORD, or ~/.pgpass, or run leat "
                      "sync once with ${env:NAME} or ${file:/path} as the password in the URL");
    }
    return false;
}
