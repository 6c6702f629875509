// SPDX-License-Identifier: Apache-2.0
// What a server is to run with: leat.toml (--config), --set, --journal and --kafka.*, checked. Asks nobody.
#ifndef LEAT_SURFACE_CLI_SERVER_CONFIG_H
#define LEAT_SURFACE_CLI_SERVER_CONFIG_H

#include "engine/ipc/server_options.h"
#include "surface/cli/command.h"

// *data_directory stays as it is unless leat.toml says one. ERR_OPTION, ERR_USAGE.
CHECKED bool server_config_take(const Cli *cli, ServerOptions *options, const char **data_directory, Err *err);

#endif
