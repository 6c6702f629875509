// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SURFACE_CLI_HELP_H
#define LEAT_SURFACE_CLI_HELP_H

#include "surface/cli/command.h"

void help_print(const Command *command); // leat COMMAND --help

#endif
