// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/source_url.c"

#include "core/base/test.h"

static void stored(const char *url, const char *want, bool want_removed) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    bool removed = !want_removed;
    CHECK_TEXT(slice_of(source_url_stored(&arena, url, &removed)), want);
    CHECK_INT(removed, want_removed);
    arena_release(&arena);
}

TEST(source_url_keeps_no_password) {
    stored("postgres://ann@db/shop", "postgres://ann@db/shop", false);
    stored("postgres://ann:geheim@db:5432/shop?sslmode=require", "postgres://ann@db:5432/shop?sslmode=require", true);
    stored("postgresql://ann:pa/ss@w@db/shop", "postgresql://ann@db/shop", true);
    stored("postgres://ann:p?x@db/shop", "postgres://ann@db/shop", true);
    stored("postgres:///shop?host=/run/pg&user=ann&password=geheim", "postgres:///shop?host=/run/pg&user=ann", true);
    stored("postgres:///shop?pass%77ord=geheim", "postgres:///shop", true);
    stored("postgres:///shop?password=geheim&host=/run", "postgres:///shop?host=/run", true);
    stored("postgres://a:x@h1:1,h2:2/shop?target_session_attrs=primary",
           "postgres://a@h1:1,h2:2/shop?target_session_attrs=primary", true);
}

TEST(source_url_keeps_references) {
    stored("postgres://ann:${env:PW}@db/shop", "postgres://ann:${env:PW}@db/shop", false);
    stored("postgres://ann:${file:/run/secrets/pw}@db/shop", "postgres://ann:${file:/run/secrets/pw}@db/shop", false);
    stored("postgres://ann:x${env:PW}@db/shop", "postgres://ann@db/shop", true);
    stored("host=db password=${env:PW} dbname=shop", "host=db password=${env:PW} dbname=shop", false);
    stored("host=db password='${file:/a b}'", "host=db password='${file:/a b}'", false);
}

TEST(source_url_of_conninfo) {
    stored("host=db password = 'it''s' dbname=shop", "host=db 's' dbname=shop", true);
    stored("host=db password='a\\'b c' dbname=shop", "host=db dbname=shop", true);
    stored("password=geheim", "", true);
    stored("host=/run user=postgres://x password=y", "host=/run user=postgres://x", true);
}

TEST(source_url_names_its_database) {
    Arena arena;
    arena_init(&arena, "scratch", 0);
    unsetenv("PGDATABASE");
    CHECK_TEXT(slice_of(source_url_database(&arena, "postgres://ann:${file:/a/b}@db/shop?sslmode=prefer")), "shop");
    CHECK_TEXT(slice_of(source_url_database(&arena, "host=db dbname='my shop'")), "my shop");
    CHECK_TEXT(slice_of(source_url_database(&arena, "postgres://ann@db")), "ann");
    CHECK_TEXT(slice_of(source_url_database(&arena, "kafka://b1:9092,b2:9092/shop\\..*?group.id=a/b")), "shop\\..*");
    arena_release(&arena);
}
