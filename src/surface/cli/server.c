// SPDX-License-Identifier: Apache-2.0
// leat server: reads leat.toml and --set, then is the supervisor until it is told to stop.
#include "core/base/log.h"
#include "core/config/toml.h"
#include "core/sys/file.h"
#include "core/config/properties.h"
#include "engine/control/supervisor.h"
#include "flow/pipeline/connector_kafka.h"
#include "surface/cli/pipelines.h"

#include <errno.h>

enum { CONFIG_BYTES_MAX = 1 << 20 };

static bool option_take(const char *name, const char *value, ServerOptions *options, Arena *arena, Err *err) {
    if (option_set(&SERVER_OPTIONS, options, name, value, arena, err)) {
        return true;
    }
    return err_hint(err, "leat help options lists the options of the server");
}

static bool file_take(const char *path, ServerOptions *options, const char **data_directory, Arena *arena, Err *err) {
    Slice text;
    Toml toml;
    TRY(file_read_all(path, CONFIG_BYTES_MAX, arena, &text, err));
    TRY(toml_parse(text, path, arena, &toml, err));
    for (size_t i = 0; i < toml.count; i++) {
        const TomlEntry *entry = &toml.at[i];
        if (strcmp(entry->name, "data.dir") == 0) {
            *data_directory = entry->value;
        } else if (!option_take(entry->name, entry->value, options, arena, err)) {
            return err_prefix(err, "%s, line %d", path, entry->line);
        }
    }
    return true;
}

static bool options_take(const Cli *cli, ServerOptions *options, const char **data_directory, Err *err) {
    const char *config = cli_value(cli, "config"), *insecure = getenv("LEAT_INSECURE");
    option_defaults(&SERVER_OPTIONS, options);
    if (config != NULL) {
        TRY(file_take(config, options, data_directory, cli->arena, err));
    }
    if (insecure != NULL && strcmp(insecure, "1") == 0) {
        options->insecure = true;
    }
    for (int i = 0; i < cli->set_count; i++) {
        const char *equals = strchr(cli->sets[i], '=');
        const char *name = arena_printf(cli->arena, "%.*s", (int)(equals - cli->sets[i]), cli->sets[i]);
        TRY(option_take(name, equals + 1, options, cli->arena, err));
    }
    if (cli_has(cli, "insecure")) {
        options->insecure = true;
    }
    if ((options->tls_certificate[0] == '\0') != (options->tls_key[0] == '\0')) {
        return FAIL(err, ERR_OPTION, "tls.certificate and tls.key are given together, or neither of them");
    }
    Properties kafka = {0};
    properties_set_map(cli->arena, &kafka, "", options->kafka);
    return connector_kafka_check(cli->drivers, &kafka, err);
}

bool server_command(Cli *cli, Err *err) {
    ServerOptions options;
    const char *data_directory = NULL;
    if (!cli_has(cli, "log-level")) {
        log_level_set(LOG_INFO); // on a terminal too: a service says what it does
    }
    TRY(options_take(cli, &options, &data_directory, err));
    if (cli_has(cli, "data-dir") || data_directory == NULL) {
        data_directory = cli_value(cli, "data-dir");
    }
    data_directory = pipeline_data_directory(cli->arena, data_directory);
    // Children find it there; and it is absolute.
    if (setenv("LEAT_DATA_DIR", data_directory, 1) != 0) {
        return FAIL_ERRNO(err, "set LEAT_DATA_DIR");
    }
    SupervisorSetup setup = {
        .data_directory = data_directory, .options = &options, .log_level = cli_value(cli, "log-level")};
    return supervisor_run(&setup, err);
}
