// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SURFACE_CLI_VERSION_H
#define LEAT_SURFACE_CLI_VERSION_H

#define LEAT_VERSION "0.1.0"

#endif
