// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/command.c"

#include "core/base/test.h"

static Arena scratch;
static Cli cli;

static bool parse(const char *const *words, int count, Err *err) {
    char *argv[16];
    arena_release(&scratch); // of the parse before
    arena_init(&scratch, "scratch", 0);
    cli = (Cli){.arena = &scratch};
    for (int i = 0; i < count; i++) {
        argv[i] = arena_text(&scratch, slice_of(words[i]));
    }
    return cli_parse(&cli, count, argv, err);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__}, (int)ARRAY_LEN(((const char *const[]){__VA_ARGS__})), err)

TEST(cli_takes_flags_in_both_forms_and_places) {
    Err err[1] = {{0}};
    CHECK_OK(PARSE("generate", "--to=postgres://h/a=b", "storefront", "--rate", "5", "--data-dir", "/d"));
    CHECK_TEXT(slice_of(cli.command->name), "generate");
    CHECK_INT(cli.argument_count, 1);
    CHECK_TEXT(slice_of(cli.arguments[0]), "storefront");
    CHECK_TEXT(slice_of(cli_value(&cli, "to")), "postgres://h/a=b");
    CHECK_TEXT(slice_of(cli_value(&cli, "rate")), "5");
    CHECK_TEXT(slice_of(cli_value(&cli, "data-dir")), "/d");
    CHECK(!cli_has(&cli, "scale") && !cli_has(&cli, "help"));
}

TEST(cli_takes_dashes_as_arguments_where_told) {
    Err err[1] = {{0}};
    CHECK_OK(PARSE("generate", "--", "--to"));
    CHECK_TEXT(slice_of(cli.arguments[0]), "--to");
    CHECK_OK(PARSE("generate", "-"));
    CHECK_TEXT(slice_of(cli.arguments[0]), "-");
    CHECK_OK(PARSE("generate", "-h"));
    CHECK(cli_has(&cli, "help"));
}

TEST(cli_says_what_it_does_not_understand) {
    Err err[1] = {{0}};
    CHECK(!PARSE("generat"));
    CHECK(strstr(err->hint, "leat generate") != NULL);
    err_clear(err);
    CHECK(!PARSE("generate", "storefront", "--rat", "5"));
    CHECK(strstr(err->message, "--rat") != NULL && strstr(err->hint, "--rate") != NULL);
    err_clear(err);
    CHECK_FAILS(PARSE("zzzzzzzz"), ERR_USAGE);
    CHECK_FAILS(PARSE("generate"), ERR_USAGE);
    CHECK_FAILS(PARSE("generate", "a", "b"), ERR_USAGE);
    CHECK_FAILS(PARSE("generate", "a", "--to"), ERR_USAGE);
    CHECK_FAILS(PARSE("generate", "a", "--help=yes"), ERR_USAGE);
    CHECK_FAILS(PARSE("generate", "a", "--to", "x", "--to", "y"), ERR_USAGE);
    CHECK_FAILS(PARSE("generate", "a", "-x"), ERR_USAGE);
    CHECK_FAILS(PARSE("generate", "a", "--this-flag-is-longer-than-any-flag-could-ever-sensibly-be"), ERR_USAGE);
}

TEST(cli_exit_codes_follow_the_class) {
    static const struct {
        ErrCode code;
        ExitCode want;
    } CASES[] = {{ERR_NONE, 0},  {ERR_USAGE, 2},    {ERR_LOCKED, 2},        {ERR_SOURCE_UNREACHABLE, 3},
                 {ERR_TABLE, 1}, {ERR_INTERNAL, 1}, {ERR_INTERRUPTED, 130}, {ERR_IO_FULL, 3}};
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Err err[1] = {{0}};
        if (CASES[i].code != ERR_NONE) {
            FAIL(err, CASES[i].code, "x");
        }
        CHECK_INT(cli_exit_code(err), CASES[i].want);
    }
}

TEST(cli_tables_are_sound) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const Command *command = &COMMANDS[i];
        CHECK(command->run != NULL && command->arguments_max <= CLI_ARGUMENTS_MAX);
        CHECK(command->flag_count <= COMMON_AT && COMMON_AT + COMMON_FLAG_COUNT <= CLI_FLAGS_MAX);
        for (size_t j = 0; j < command->flag_count; j++) {
            for (size_t k = 0; k < COMMON_FLAG_COUNT; k++) {
                CHECK(strcmp(command->flags[j].name, COMMON_FLAGS[k].name) != 0);
            }
        }
    }
}
