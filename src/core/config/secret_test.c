// SPDX-License-Identifier: Apache-2.0
#include "core/config/secret.c" // NOLINT

#include "core/base/test.h"

#include <unistd.h>

static Arena scratch;

static const char *resolve(const char *text) {
    Err err[1] = {{0}};
    char *resolved = NULL;
    CHECK_OK(secret_resolve(text, &scratch, &resolved, err));
    return resolved;
}

TEST(secret_references_are_replaced) {
    arena_init(&scratch, "scratch", 0);
    setenv("LEAT_TEST_SECRET", "p@ss", 1);
    CHECK_TEXT(slice_of(resolve("${env:LEAT_TEST_SECRET}")), "p@ss");
    CHECK_TEXT(slice_of(resolve("a${env:LEAT_TEST_SECRET}b${env:LEAT_TEST_SECRET}")), "ap@ssbp@ss");
    CHECK_TEXT(slice_of(resolve("")), "");
    arena_release(&scratch);
}

TEST(secret_plain_text_stays) {
    arena_init(&scratch, "scratch", 0);
    static const char *const PLAIN[] = {"plain",   "$",      "${",       "${}", "$a{env:X}",
                                        "{env:X}", "pa${ss", "${ENV:X}", "a$$b"};
    for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++) {
        CHECK_TEXT(slice_of(resolve(PLAIN[i])), PLAIN[i]);
        CHECK(!secret_referenced(PLAIN[i]));
    }
    CHECK_TEXT(slice_of(resolve("$${env:X}")), "${env:X}");
    CHECK(!secret_referenced("$${env:X}"));
    CHECK(secret_referenced("a${file:/x}"));
    arena_release(&scratch);
}

TEST(secret_is_read_from_a_file_anew) {
    arena_init(&scratch, "scratch", 0);
    char path[] = "/tmp/leat_secret_XXXXXX";
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, "one\n", 4), 4);
    char *text = arena_printf(&scratch, "<${file:%s}>", path);
    CHECK_TEXT(slice_of(resolve(text)), "<one>");
    CHECK_INT(pwrite(fd, "two\r\n", 5, 0), 5);
    CHECK_TEXT(slice_of(resolve(text)), "<two>");
    CHECK_INT(pwrite(fd, "x\0y", 3, 0), 3);
    Err err[1] = {{0}};
    char *resolved;
    CHECK_FAILS(secret_resolve(text, &scratch, &resolved, err), ERR_OPTION);
    close(fd);
    unlink(path);
    CHECK_FAILS(secret_resolve(text, &scratch, &resolved, err), ERR_NOT_FOUND);
    arena_release(&scratch);
}

TEST(secret_errors_name_the_reference_and_nothing_else) {
    arena_init(&scratch, "scratch", 0);
    Err err[1] = {{0}};
    char *resolved;
    unsetenv("LEAT_TEST_ABSENT");
    CHECK(!secret_resolve("hunter2${env:LEAT_TEST_ABSENT}", &scratch, &resolved, err));
    CHECK(strstr(err->message, "LEAT_TEST_ABSENT") != NULL && strstr(err->message, "hunter2") == NULL);
    CHECK(err->hint[0] != '\0');
    err_clear(err);
    CHECK_FAILS(secret_resolve("${vault:a}", &scratch, &resolved, err), ERR_OPTION);
    CHECK_FAILS(secret_resolve("${env:}", &scratch, &resolved, err), ERR_OPTION);
    CHECK(!secret_resolve("${env:hunter2", &scratch, &resolved, err));
    CHECK(strstr(err->message, "hunter2") == NULL);
    arena_release(&scratch);
}

static void put(const char *path, const char *text) {
    Err err[1] = {{0}};
    CHECK_OK(file_replace(path, slice_of(text), err));
}

TEST(secret_providers_of_connect) {
    arena_init(&scratch, "scratch", 0);
    char directory[] = "/tmp/leat_secrets_XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    put(arena_printf(&scratch, "%s/db.properties", directory), "user=leat\npassword=a b=c\n");
    put(arena_printf(&scratch, "%s/token", directory), "t0ken\n");
    put(arena_printf(&scratch, "%s/a:b", directory), "colon");
    CHECK_TEXT(slice_of(resolve(arena_printf(&scratch, "${file:%s/db.properties:password}", directory))), "a b=c");
    CHECK_TEXT(slice_of(resolve(arena_printf(&scratch, "${file:%s/a:b}", directory))), "colon");
    CHECK_TEXT(slice_of(resolve(arena_printf(&scratch, "${directory:%s:token}", directory))), "t0ken");
    setenv("LEAT_TEST_SECRET", "p@ss", 1);
    CHECK_TEXT(slice_of(resolve("${env::LEAT_TEST_SECRET}")), "p@ss");
    Err err[1] = {{0}};
    char *resolved;
    CHECK_FAILS(
        secret_resolve(arena_printf(&scratch, "${file:%s/db.properties:nope}", directory), &scratch, &resolved, err),
        ERR_OPTION);
    CHECK_FAILS(secret_resolve(arena_printf(&scratch, "${directory:%s:../x}", directory), &scratch, &resolved, err),
                ERR_OPTION);
    CHECK_FAILS(secret_resolve(arena_printf(&scratch, "${directory:%s:..}", directory), &scratch, &resolved, err),
                ERR_OPTION);
    CHECK_FAILS(secret_resolve(arena_printf(&scratch, "${directory:%s}", directory), &scratch, &resolved, err),
                ERR_OPTION);
    CHECK_OK(file_remove_tree(directory, err));
    arena_release(&scratch);
}

TEST(secret_providers_by_other_names) {
    arena_init(&scratch, "scratch", 0);
    Err err[1] = {{0}};
    setenv("LEAT_TEST_SECRET", "p@ss", 1);
    Properties config, resolved;
    Slice json = SLICE("{\"config.providers\":\"mine\",\"config.providers.mine.class\":"
                       "\"org.apache.kafka.common.config.provider.EnvVarConfigProvider\","
                       "\"a\":\"${mine:LEAT_TEST_SECRET}\",\"b\":\"plain\",\"c\":null}");
    CHECK_OK(properties_parse(&scratch, json, &config, err));
    CHECK_OK(secret_resolve_all(&scratch, &config, &resolved, err));
    CHECK_TEXT(properties_find(&resolved, SLICE("a"))->value, "p@ss");
    CHECK_TEXT(properties_find(&resolved, SLICE("b"))->value, "plain");
    CHECK(properties_find(&resolved, SLICE("c"))->value.data == NULL);
    CHECK_OK(properties_parse(&scratch, SLICE("{\"a\":\"hunter2${theirs:X}\"}"), &config, err));
    CHECK(!secret_resolve_all(&scratch, &config, &resolved, err));
    CHECK(strncmp(err->message, "a: ${theirs:", 12) == 0 && strstr(err->message, "hunter2") == NULL);
    arena_release(&scratch);
}
