// SPDX-License-Identifier: Apache-2.0
#include "core/config/template.c"

#include "core/base/test.h"

static void check_fill(const char *text, const char *want, const char *want_missing) {
    Property at[] = {{SLICE("A"), SLICE("one")}, {SLICE("B_2"), SLICE("$A")}, {SLICE("EMPTY"), SLICE("")}};
    Properties variables = {at, ARRAY_LEN(at)};
    DEFER(buf_release) Buf out = {0};
    DEFER(buf_release) Buf missing = {0};
    template_fill(slice_of(text), &variables, &out, &missing);
    CHECK_TEXT(buf_slice(&out), want);
    CHECK_TEXT(buf_slice(&missing), want_missing);
}

TEST(templates_are_filled_as_envsubst_does) {
    check_fill("a $A ${A}b ${B_2}", "a one oneb $A", "");
    check_fill("$1 ${env:X} ${file:/a:b} $$ ${A ${-} $", "$1 ${env:X} ${file:/a:b} $$ ${A ${-} $", "");
    check_fill("<$EMPTY>", "<>", "");
    check_fill("<$LEAT_NO_SUCH_1> ${LEAT_NO_SUCH_2}", "<> ", "LEAT_NO_SUCH_1, LEAT_NO_SUCH_2");
}

static void check_env(const char *text, const char *name, const char *want) {
    Err err[1] = {{0}};
    Arena arena;
    Properties variables = {0};
    arena_init(&arena, "test", 0);
    CHECK_OK(env_file_parse(&arena, ".env", slice_of(text), &variables, err));
    const Property *found = properties_find(&variables, slice_of(name));
    CHECK(found != NULL);
    CHECK_TEXT(found->value, want);
    arena_release(&arena);
}

TEST(env_files_are_read) {
    check_env("# c\n\nexport  A = b c # d\r\n", "A", "b c");
    check_env("A='b\\n' # c", "A", "b\\n");
    check_env("A=\"b\\n\\\"\\$\"", "A", "b\n\"$");
    check_env("A=b#c\nA=d", "A", "d");
    check_env("A=", "A", "");
    check_env("exported=1", "exported", "1");
}

TEST(env_files_that_are_none_are_refused) {
    Err err[1] = {{0}};
    Arena arena;
    Properties variables = {0};
    arena_init(&arena, "test", 0);
    CHECK_FAILS(env_file_parse(&arena, ".env", SLICE("A=1\n2B=1"), &variables, err), ERR_OPTION);
    CHECK_FAILS(env_file_parse(&arena, ".env", SLICE("A='1"), &variables, err), ERR_OPTION);
    CHECK_FAILS(env_file_parse(&arena, ".env", SLICE("A='1' x"), &variables, err), ERR_OPTION);
    CHECK_FAILS(env_file_parse(&arena, ".env", SLICE("A"), &variables, err), ERR_OPTION);
    arena_release(&arena);
}
