// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/command.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "flow/source/postgres/conn.h"
#include "surface/cli/help.h"
#include "surface/cli/output.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

volatile bool cli_stop;
static atomic_bool stop_waiting; // the same, for whoever waits for a source

const Flag COMMON_FLAGS[] = {
    {"data-dir", "DIR", NULL, "where pipelines live; default $LEAT_DATA_DIR, else ~/.local/share/leat"},
    {"log-level", "LEVEL", NULL, "debug, info, warn or error; default warn on a terminal, else info"},
    {"help", NULL, NULL, "what this command does"},
};
const size_t COMMON_FLAG_COUNT = ARRAY_LEN(COMMON_FLAGS);
enum { COMMON_AT = CLI_FLAGS_MAX - 8 }; // common flags' places in Cli.values

// --- near names ------------------------------------------------------------------------------------------------

enum { NEAR_MAX = 40 };

// Edits (insert, remove, replace) that turn one word into the other; NEAR_MAX for long words.
static size_t distance(const char *a, const char *b) {
    size_t a_size = strlen(a), b_size = strlen(b), row[NEAR_MAX + 1];
    if (a_size > NEAR_MAX || b_size > NEAR_MAX) {
        return NEAR_MAX;
    }
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b_size];
}

typedef struct Near {
    const char *word, *best;
    size_t best_distance;
} Near;

static void near_try(Near *near, const char *candidate) {
    size_t found = distance(near->word, candidate);
    if (found < near->best_distance) {
        near->best = candidate;
        near->best_distance = found;
    }
}

static Near near_of(const char *word) {
    return (Near){word, NULL, MIN(strlen(word) / 2 + 1, (size_t)4)};
}

// --- parsing ---------------------------------------------------------------------------------------------------

// The command that the first words name; *words = how many of them.
static const Command *command_find(int argc, char **argv, int *words) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *space = strchr(COMMANDS[i].name, ' ');
        if (space == NULL) {
            if (strcmp(argv[0], COMMANDS[i].name) == 0) {
                *words = 1;
                return &COMMANDS[i];
            }
        } else if (argc > 1 && strlen(argv[0]) == (size_t)(space - COMMANDS[i].name) &&
                   memcmp(argv[0], COMMANDS[i].name, strlen(argv[0])) == 0 && strcmp(argv[1], space + 1) == 0) {
            *words = 2;
            return &COMMANDS[i];
        }
    }
    return NULL;
}

static bool command_unknown(int argc, char **argv, Err *err) {
    Near near = near_of(argv[0]);
    char verbs[256] = "";
    size_t used = 0, first = strlen(argv[0]);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        near_try(&near, COMMANDS[i].name);
        if (strncmp(COMMANDS[i].name, argv[0], first) == 0 && COMMANDS[i].name[first] == ' ' && used < sizeof(verbs)) {
            used += (size_t)snprintf(verbs + used, sizeof(verbs) - used, "%sleat %s", used > 0 ? ", " : "",
                                     COMMANDS[i].name);
        }
    }
    if (used > 0) {
        FAIL(err, ERR_USAGE, "leat %s needs one more word%s%s", argv[0], argc > 1 ? ", not " : "",
             argc > 1 ? argv[1] : "");
        return err_hint(err, "there are: %s", verbs);
    }
    FAIL(err, ERR_USAGE, "there is no command \"%.60s\"", argv[0]);
    return near.best != NULL ? err_hint(err, "did you mean leat %s?", near.best)
                             : err_hint(err, "leat help lists the commands");
}

static const Flag *flag_find(const Command *command, const char *name, size_t size, size_t *place) {
    for (size_t i = 0; i < command->flag_count + COMMON_FLAG_COUNT; i++) {
        bool own = i < command->flag_count;
        const Flag *flag = own ? &command->flags[i] : &COMMON_FLAGS[i - command->flag_count];
        size_t stem = strcspn(flag->name, "*"); // "kafka.*": any that begins so
        if ((flag->name[stem] == '*' ? size > stem : size == stem) && memcmp(flag->name, name, stem) == 0) {
            *place = own ? i : COMMON_AT + i - command->flag_count;
            return flag;
        }
    }
    return NULL;
}

static bool flag_unknown(const Command *command, const char *name, size_t size, Err *err) {
    char word[NEAR_MAX + 1];
    snprintf(word, sizeof(word), "%.*s", (int)MIN(size, (size_t)NEAR_MAX), name);
    Near near = near_of(word);
    for (size_t i = 0; i < command->flag_count; i++) {
        near_try(&near, command->flags[i].name);
    }
    for (size_t i = 0; i < COMMON_FLAG_COUNT; i++) {
        near_try(&near, COMMON_FLAGS[i].name);
    }
    FAIL(err, ERR_USAGE, "leat %s has no --%s", command->name, word);
    return near.best != NULL ? err_hint(err, "did you mean --%s?", near.best)
                             : err_hint(err, "leat %s --help lists its flags", command->name);
}

static bool flag_take(Cli *cli, const Flag *flag, size_t place, const char *value, Err *err) {
    if (strcmp(flag->name, "set") == 0 || strchr(flag->name, '*') != NULL) {
        if (strchr(value, '=') == NULL) {
            FAIL(err, ERR_USAGE, "--set %.60s: there is no \"=\" in it", value);
            return err_hint(err, "write --set NAME=VALUE; leat help options lists the names");
        }
        if (cli->set_count == CLI_SETS_MAX) {
            return FAIL(err, ERR_USAGE, "--set is given more than %d times", CLI_SETS_MAX);
        }
        cli->sets[cli->set_count++] = value;
        return true;
    }
    if (cli->values[place] != NULL) {
        return FAIL(err, ERR_USAGE, "--%s is given twice", flag->name);
    }
    cli->values[place] = value;
    return true;
}

static bool flag_parse(Cli *cli, int argc, char **argv, int *at, Err *err) {
    const char *name = argv[*at] + 2, *equals = strchr(name, '=');
    if (argv[*at][1] != '-') {
        if (strcmp(argv[*at], "-h") == 0) {
            name = "help";
        } else {
            FAIL(err, ERR_USAGE, "\"%.60s\" is not understood", argv[*at]);
            return err_hint(err, "flags are written with two dashes: leat %s --help lists them", cli->command->name);
        }
    }
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name), place = 0;
    const Flag *flag = flag_find(cli->command, name, size, &place);
    if (flag == NULL) {
        return flag_unknown(cli->command, name, size, err);
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (flag->value == NULL && value != NULL) {
        return FAIL(err, ERR_USAGE, "--%s takes no value", flag->name);
    }
    if (flag->value != NULL && value == NULL) {
        if (*at + 1 >= argc) {
            FAIL(err, ERR_USAGE, "--%s needs a value", flag->name);
            return err_hint(err, "write --%s %s", flag->name, flag->value);
        }
        value = argv[++*at];
    }
    if (strchr(flag->name, '*') != NULL) {
        value = arena_printf(cli->arena, "%.*s=%s", (int)size, name, value);
    }
    return flag_take(cli, flag, place, value != NULL ? value : "", err);
}

static bool arguments_check(const Cli *cli, Err *err) {
    const Command *command = cli->command;
    if (cli_has(cli, "help") || cli->argument_count >= command->arguments_min) {
        return true;
    }
    FAIL(err, ERR_USAGE, "leat %s needs %s", command->name, command->arguments);
    return err_hint(err, "leat %s --help shows how it is used", command->name);
}

bool cli_parse(Cli *cli, int argc, char **argv, Err *err) {
    int words = 0;
    ASSERT(argc > 0);
    cli->command = command_find(argc, argv, &words);
    if (cli->command == NULL) {
        return command_unknown(argc, argv, err);
    }
    ASSERT(cli->command->flag_count <= COMMON_AT);
    bool flags = true;
    for (int i = words; i < argc; i++) {
        if (flags && strcmp(argv[i], "--") == 0) {
            flags = false;
        } else if (flags && argv[i][0] == '-' && argv[i][1] != '\0') {
            TRY(flag_parse(cli, argc, argv, &i, err));
        } else if (cli->argument_count == cli->command->arguments_max) {
            FAIL(err, ERR_USAGE, "leat %s takes %s; \"%.60s\" is too much", cli->command->name,
                 cli->command->arguments_max == 0 ? "no arguments" : cli->command->arguments, argv[i]);
            return err_hint(err, "leat %s --help shows how it is used", cli->command->name);
        } else {
            cli->arguments[cli->argument_count++] = argv[i];
        }
    }
    return arguments_check(cli, err);
}

const char *cli_value(const Cli *cli, const char *flag) {
    size_t place = 0;
    if (flag_find(cli->command, flag, strlen(flag), &place) == NULL) {
        panic("leat %s has no flag %s", cli->command->name, flag);
    }
    return cli->values[place];
}

bool cli_has(const Cli *cli, const char *flag) {
    return cli_value(cli, flag) != NULL;
}

bool cli_wants_json(const Cli *cli, bool *json, Err *err) {
    const char *form = cli_value(cli, "output");
    *json = form != NULL && strcmp(form, "json") == 0;
    return form == NULL || *json || strcmp(form, "text") == 0 ||
           FAIL(err, ERR_USAGE, "--output is text or json, not \"%.40s\"", form);
}

// --- running ---------------------------------------------------------------------------------------------------

static void on_signal(int number) {
    if (cli_stop) {
        _exit(128 + number);
    }
    cli_stop = true;
    atomic_store(&stop_waiting, true);
}

void cli_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    pg_stop_watch(&stop_waiting);
}

ExitCode cli_exit_code(const Err *err) {
    if (err->code == ERR_NONE) {
        return EXIT_DONE;
    }
    if (err->code == ERR_INTERRUPTED) {
        return EXIT_INTERRUPTED;
    }
    switch (err_class(err->code)) {
    case ERR_CLASS_CONFIG:
        return EXIT_CONFIGURATION;
    case ERR_CLASS_TRANSIENT:
        return EXIT_UNAVAILABLE;
    case ERR_CLASS_DATA:
    case ERR_CLASS_INTERNAL:
        break;
    }
    return EXIT_FAILED;
}

static void error_text(const Err *err) {
    DEFER(buf_release) Buf text = {0};
    bool color = output_color(STDERR_FILENO);
    buf_text(&text, color ? "\033[31merror:\033[0m " : "error: ");
    text_plain(&text, slice_of(err->message));
    buf_u8(&text, '\n');
    if (err->hint[0] != '\0') {
        buf_text(&text, color ? "\033[36mhint:\033[0m " : "hint: ");
        text_plain(&text, slice_of(err->hint));
        buf_u8(&text, '\n');
    }
    fwrite(text.data, 1, text.size, stderr);
}

static void error_event(const Err *err) {
    DEFER(buf_release) Buf line = {0};
    buf_u8(&line, '{');
    json_field_text(&line, "event", "error");
    json_field_text(&line, "code", err_name(err->code));
    json_field_text(&line, "class", err_class_name(err_class(err->code)));
    json_field_text(&line, "message", err->message);
    json_field_text(&line, "hint", err->hint[0] != '\0' ? err->hint : NULL);
    buf_text(&line, "}\n");
    output_write(&line);
}

static bool log_level_take(const Cli *cli, Err *err) {
    static const char *const NAMES[] = {"debug", "info", "warn", "error"};
    const char *text = cli_value(cli, "log-level");
    log_level_set(isatty(STDERR_FILENO) ? LOG_WARN : LOG_INFO);
    if (text == NULL) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(text, NAMES[i]) == 0) {
            log_level_set((LogLevel)i);
            return true;
        }
    }
    return FAIL(err, ERR_USAGE, "--log-level is debug, info, warn or error, not \"%.40s\"", text);
}

static bool run(Cli *cli, int argc, char **argv, Err *err) {
    TRY(cli_parse(cli, argc, argv, err));
    if (cli_has(cli, "help")) {
        help_print(cli->command);
        return true;
    }
    TRY(log_level_take(cli, err));
    return cli->command->run(cli, err);
}

// leat, leat --help, leat -h, leat --version: words for commands.
static void alias(int *argc, char ***argv) {
    static char help[] = "help", version[] = "version";
    static char *help_argv[] = {help, NULL}, *version_argv[] = {version, NULL};
    bool none = *argc <= 1;
    if (none || strcmp((*argv)[1], "--help") == 0 || strcmp((*argv)[1], "-h") == 0) {
        *argc = 1;
        *argv = help_argv;
    } else if (strcmp((*argv)[1], "--version") == 0 || strcmp((*argv)[1], "-V") == 0) {
        *argc = 1;
        *argv = version_argv;
    } else {
        *argc -= 1;
        *argv += 1;
    }
}

int cli_main(int argc, char **argv, const PipelineDrivers *drivers) {
    signal(SIGPIPE, SIG_IGN);
    Arena arena;
    arena_init(&arena, "run", 0);
    Cli cli = {.drivers = drivers, .arena = &arena};
    Err err[1] = {{0}};
    alias(&argc, &argv);
    ExitCode code;
    if (run(&cli, argc, argv, err)) {
        code = cli.exit_code;
    } else {
        code = cli.failure_code != 0 && err->code != ERR_INTERRUPTED ? cli.failure_code : cli_exit_code(err);
        if (cli.command != NULL && cli.command->json_events && !isatty(STDOUT_FILENO)) {
            error_event(err);
        }
        error_text(err);
    }
    arena_release(&arena);
    return (int)code;
}
