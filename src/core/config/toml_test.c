// SPDX-License-Identifier: Apache-2.0
#include "core/config/toml.c"

#include "core/base/test.h"

static void reads(const char *text, const char *want) {
    Err err[1] = {{0}};
    Arena arena;
    Toml toml;
    DEFER(buf_release) Buf got = {0};
    arena_init(&arena, "test", 0);
    CHECK_OK(toml_parse(slice_of(text), "leat.toml", &arena, &toml, err));
    for (size_t i = 0; i < toml.count; i++) {
        buf_printf(&got, "%s=%s;", toml.at[i].name, toml.at[i].value);
    }
    CHECK_TEXT(buf_slice(&got), want);
    arena_release(&arena);
}

static void refuses(const char *text, const char *want) {
    Err err[1] = {{0}};
    Arena arena;
    Toml toml;
    arena_init(&arena, "test", 0);
    CHECK(!toml_parse(slice_of(text), "leat.toml", &arena, &toml, err));
    CHECK_INT(err->code, ERR_OPTION);
    if (strncmp(err->message, want, strlen(want)) != 0) {
        test_fail(__FILE__, __LINE__, "'%s' does not begin with '%s'", err->message, want);
    }
    arena_release(&arena);
}

TEST(toml_reads_sections_and_keys) {
    reads("", "");
    reads("# nothing\n\n  \t\r\n#", "");
    reads("insecure = true\n[listen]\nconnect = \"127.0.0.1:8083\" # here\nregistry='[::1]:81'\n",
          "insecure=true;listen.connect=127.0.0.1:8083;listen.registry=[::1]:81;");
    reads("[ worker . memory ]\r\nmax = \"1GiB\"\r\n[a.\"b c\"]\n'd' = false", "worker.memory.max=1GiB;a.b c.d=false;");
    reads("restart.crashes.max=5\n\"x.y\" = 1", "restart.crashes.max=5;x.y=1;");
}

TEST(toml_reads_values) {
    reads("a=\"\\\"\\\\\\t\\u00e9\\U0001F600\"", "a=\"\\\t\xc3\xa9\xf0\x9f\x98\x80;");
    reads("a='C:\\x'\nb=\"\"", "a=C:\\x;b=;");
    reads("a=0\nb=-17\nc=+1_000_000\nd=3.50\ne=1e-3\nf=6.0E+2", "a=0;b=-17;c=1000000;d=3.50;e=1e-3;f=6.0e2;");
}

TEST(toml_refuses_with_the_line) {
    refuses("a=1\na=2", "leat.toml, line 2: option a is in line 1 already");
    refuses("[a]\nb=1\n[c]\n[a]", "leat.toml, line 4: section a is in line 1 already");
    refuses("[a]\nb=1\n[x]\n[y]\n\n\n\n a.b", "leat.toml, line 8: there is no = after y.a.b");
    refuses("a=1\n[a.b]\nc=1\n[a]\nb.c=2", "leat.toml, line 5: option a.b.c is in line 3");
    static const char *const BAD[] = {
        "a",
        "= 1",
        "a=",
        "a=b",
        "a=[1]",
        "a={}",
        "[a",
        "[[a]]",
        "[]",
        "a.=1",
        ".a=1",
        "a=\"",
        "a='",
        "a=\"\"\"x\"\"\"",
        "a=\"\\x\"",
        "a=\"\\u00g0\"",
        "a=\"\\ud800\"",
        "a=01",
        "a=1_",
        "a=1__0",
        "a=0x1f",
        "a=1.",
        "a=.5",
        "a=1e",
        "a=inf",
        "a=nan",
        "a=2026-01-01",
        "a=1 b=2",
        "a=true1",
        "a=\"x\"y",
        "[a] b=1",
        "a=\"\\U00110000\"",
        "a=\"\x01\"",
        "a=\"\xff\"",
        "a\xc3\xa9=1",
        "a=\"\\u0000\"",
        "a=\r1",
        "a=tru",
        "a b=1",
        "a=- 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        refuses(BAD[i], "leat.toml, line 1: ");
    }
}
