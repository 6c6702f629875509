// SPDX-License-Identifier: Apache-2.0
// The commands, as rows.
#include "surface/cli/command.h"

static const Flag GENERATE_FLAGS[] = {
    {"to", "URL", "to", "the database to fill; required"},
    {"scale", "N", "scale", "size of the first fill; 1, the default, is about 330,000 rows"},
    {"rate", "R", "rate", "row changes a second after the fill; default 100; 0 = fill and stop"},
    {"duration", "D", "duration", "how long the traffic goes on: 60s, 5m; default until SIGINT"},
    {"seed", "N", "seed", "the same seed gives the same rows and changes; default 1"},
    {"migrations", "N", "migrations", "columns to add in the course of the traffic"},
};
static const Flag HELP_FLAGS[] = {
    {"markdown", NULL, NULL, "as the pages of docs/reference have it"},
};

#define FLAGS(table) (table), ARRAY_LEN(table)
const Command COMMANDS[] = {
    {"generate", "storefront", 1, 1, "Fill a database with a web shop and keep it busy",
     "It lives in a schema of its own, \"shop\". The same command again goes on with the traffic.",
     FLAGS(GENERATE_FLAGS), false, generate_command},
    {"help", "[COMMAND|options|errors]", 0, 2, "What there is", NULL, FLAGS(HELP_FLAGS), false, help_command},
    {"version", "", 0, 0, "The version", NULL, NULL, 0, false, version_command},
};
const size_t COMMAND_COUNT = ARRAY_LEN(COMMANDS);
