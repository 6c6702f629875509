// SPDX-License-Identifier: Apache-2.0
// The command line: commands and their flags are rows of tables (commands.c); one parser, one --help, one reference
// page and one way to report an error for all of them.
//
// A command is a function that gets its parsed arguments and returns false with an Err, which cli_main prints (text on
// stderr; for commands that write JSON lines into a pipe, also as an "error" event) and turns into the exit code.
#ifndef LEAT_SURFACE_CLI_COMMAND_H
#define LEAT_SURFACE_CLI_COMMAND_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "flow/pipeline/pipeline.h"

// docs/reference/cli.md describes them; there are no others.
typedef enum ExitCode {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,        // data or internal error; doctor and journal check: problems found
    EXIT_CONFIGURATION = 2, // command line, configuration, permission: a person must act
    EXIT_UNAVAILABLE = 3,   // source or sink not reachable, disk full: running it again may succeed
    EXIT_INTERRUPTED = 130, // stopped by a signal before it was done; the next run continues
} ExitCode;

typedef struct Cli Cli;

typedef struct Flag {
    const char *name;   // without dashes
    const char *value;  // what follows, as --help prints it ("DIR"); NULL = a switch
    const char *option; // the pipeline or sink option that it sets; NULL = the command's own
    const char *text;
} Flag;

typedef struct Command {
    const char *name;      // "sync", "topic read"
    const char *arguments; // as --help prints them: "SOURCE SINK"
    int arguments_min, arguments_max;
    const char *text;    // one line
    const char *details; // paragraphs for --help; may be NULL
    const Flag *flags;
    size_t flag_count;
    bool json_events; // writes JSON lines when stdout is not a terminal
    bool (*run)(Cli *cli, Err *err);
} Command;

enum { CLI_FLAGS_MAX = 32, CLI_ARGUMENTS_MAX = 256, CLI_SETS_MAX = 64 };

struct Cli {
    const Command *command;
    const PipelineDrivers *drivers;
    Arena *arena; // lives as long as the command
    const char *arguments[CLI_ARGUMENTS_MAX];
    int argument_count;
    const char *values[CLI_FLAGS_MAX]; // by the flag's place in its table; a switch that was given is ""
    const char *sets[CLI_SETS_MAX];    // --set NAME=VALUE
    int set_count;
    ExitCode failure_code; // for every error but an interruption, in place of that of its class; 0 = by its class
    ExitCode exit_code;    // for success with something to say (doctor); default EXIT_DONE
};

// The flag's value, NULL when it was not given. The name must be one of the command's.
const char *cli_value(const Cli *cli, const char *flag);
bool cli_has(const Cli *cli, const char *flag);
CHECKED bool cli_wants_json(const Cli *cli, bool *json, Err *err); // --output text or json

// Every command, in the order of --help.
extern const Command COMMANDS[];
extern const size_t COMMAND_COUNT;
// Flags of every command: --help, --log-level, --data-dir, --set.
extern const Flag COMMON_FLAGS[];
extern const size_t COMMON_FLAG_COUNT;

// Finds the command in the arguments, parses the rest. ERR_USAGE says what is not understood, and what is near.
CHECKED bool cli_parse(Cli *cli, int argc, char **argv, Err *err);
ExitCode cli_exit_code(const Err *err);
int cli_main(int argc, char **argv, const PipelineDrivers *drivers);

// Set by the first SIGINT or SIGTERM after cli_signals(); a second one ends the process at once.
extern volatile bool cli_stop;
void cli_signals(void);

// --- the commands ----------------------------------------------------------------------------------------------
CHECKED bool sync_command(Cli *cli, Err *err);
CHECKED bool server_command(Cli *cli, Err *err);
CHECKED bool catalog_serve_command(Cli *cli, Err *err);   // catalog_serve.c
CHECKED bool catalog_rebuild_command(Cli *cli, Err *err); // catalog_rebuild.c
CHECKED bool catalog_move_command(Cli *cli, Err *err);    // catalog_move.c
CHECKED bool table_list_command(Cli *cli, Err *err);      // table_show.c
CHECKED bool table_show_command(Cli *cli, Err *err);
CHECKED bool table_snapshots_command(Cli *cli, Err *err);
CHECKED bool table_files_command(Cli *cli, Err *err);
CHECKED bool table_sample_command(Cli *cli, Err *err);   // table_sample.c
CHECKED bool table_rollback_command(Cli *cli, Err *err); // table_change.c
CHECKED bool table_upgrade_command(Cli *cli, Err *err);
CHECKED bool table_expire_command(Cli *cli, Err *err); // table_expire.c
CHECKED bool table_orphans_command(Cli *cli, Err *err);
CHECKED bool table_rewrite_command(Cli *cli, Err *err); // table_rewrite.c
CHECKED bool doctor_command(Cli *cli, Err *err);
CHECKED bool status_command(Cli *cli, Err *err);
CHECKED bool resync_command(Cli *cli, Err *err);
CHECKED bool verify_command(Cli *cli, Err *err); // verify.c
CHECKED bool delete_command(Cli *cli, Err *err);
CHECKED bool sink_reset_command(Cli *cli, Err *err);
CHECKED bool topic_list_command(Cli *cli, Err *err);
CHECKED bool topic_read_command(Cli *cli, Err *err);
CHECKED bool journal_check_command(Cli *cli, Err *err);
CHECKED bool connector_command(Cli *cli, Err *err); // connector.c: every verb but
CHECKED bool connector_verify_command(Cli *cli, Err *err);
CHECKED bool schema_command(Cli *cli, Err *err); // schema.c: every verb
CHECKED bool takeover_command(Cli *cli, Err *err);
CHECKED bool apply_command(Cli *cli, Err *err); // apply.c
CHECKED bool diff_command(Cli *cli, Err *err);
CHECKED bool export_command(Cli *cli, Err *err);
CHECKED bool signal_table_command(Cli *cli, Err *err);
CHECKED bool backup_create_command(Cli *cli, Err *err); // backup.c
CHECKED bool backup_restore_command(Cli *cli, Err *err);
CHECKED bool generate_command(Cli *cli, Err *err); // generate.c
CHECKED bool help_command(Cli *cli, Err *err);
CHECKED bool version_command(Cli *cli, Err *err);

#endif
