// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/url.c" // NOLINT

#include "core/base/test.h"

#include <unistd.h>

static Arena arena = {.name = "test"};
static Err err[1];

static void check_masked(const char *url, const char *want) {
    CHECK_TEXT(slice_of(pg_url_masked(&arena, url)), want);
}

TEST(urls_are_shown_without_secrets) {
    check_masked("postgres://u:pw@h:5432/db", "postgres://u:***@h:5432/db");
    check_masked("postgresql://u@h/db", "postgresql://u@h/db");
    check_masked("postgres://u:${env:PW}@h/db", "postgres://u:${env:PW}@h/db");
    check_masked("postgres://u:${file:/run/pw}@h/db?sslmode=require",
                 "postgres://u:${file:/run/pw}@h/db?sslmode=require");
    check_masked("postgres://u:x${env:PW}@h/db", "postgres://u:***@h/db");
    check_masked("postgres://h/db?user=u&password=pw&sslmode=require",
                 "postgres://h/db?user=u&password=***&sslmode=require");
    check_masked("postgres://h/db?sslpassword=pw", "postgres://h/db?sslpassword=***");
    check_masked("postgres://h/db?pass%77ord=pw", "postgres://h/db?pass%77ord=***");
    check_masked("postgres://h1:1,h2:2/db?target_session_attrs=any",
                 "postgres://h1:1,h2:2/db?target_session_attrs=any");
    check_masked("postgres://[::1]:5432/db", "postgres://[::1]:5432/db");
    check_masked("host=h user=u password=pw dbname=x", "host=h user=u password=*** dbname=x");
    check_masked("password = 'p w\\'x' host=h", "password=*** host=h");
    check_masked("password=${env:PW} host=h", "password=${env:PW} host=h");
    check_masked("${env:DATABASE_URL}", "${env:DATABASE_URL}");
    check_masked("", "");
}

TEST(malformed_urls_show_no_secret_either) {
    static const char *const URLS[] = {
        "postgres://u:s3c@ret@h/db",
        "postgres://u:s3c/ret@h/db",
        "postgres://u:s3c?ret@h/db",
        "postgres://u:s3c%ret@h/db",
        "password=s3c ret host=h",
        "password='s3c ret",
        "postgres://h/db?password=s3c@ret",
        "postgres://u:s3c ret@h",
        "u:s3cret@h/db",
        "mysql://u:s3cret@h/db",
        "password= 's3c ret' x",
        "postgres://u:s3c#ret@h/d?x",
        "postgres://u:s3c:ret@h/db",
        "dbname=postgres://u:s3cret@h/db",
    };
    for (size_t i = 0; i < ARRAY_LEN(URLS); i++) {
        const char *masked = pg_url_masked(&arena, URLS[i]);
        if (strstr(masked, "s3c") != NULL || strstr(masked, "ret") != NULL) {
            test_fail(__FILE__, __LINE__, "%s becomes %s", URLS[i], masked);
        }
        if (!pg_url_check(URLS[i], err) &&
            (strstr(err->message, "s3c") != NULL || strstr(err->message, "ret@") != NULL)) {
            test_fail(__FILE__, __LINE__, "%s: %s", URLS[i], err->message);
        }
        err_clear(err);
    }
}

TEST(url_check_names_the_place) {
    CHECK_OK(pg_url_check("postgres://u:p@h/db", err));
    CHECK_OK(pg_url_check("host=h dbname=x", err));
    CHECK_OK(pg_url_check("postgres://u:${file:/a/b@c}@h:${env:PORT}/db", err));
    CHECK_OK(pg_url_check("${env:DATABASE_URL}", err));
    static const char *const BAD[] = {"",
                                      "shop",
                                      "mysql://h/db",
                                      "postgres://h/db?no_such=1",
                                      "host",
                                      "postgres://h:port/db",
                                      "postgres://u:p%zz@h/db",
                                      "password='open",
                                      "postgres://u:${vault:x}@h/db",
                                      "postgres://u:${env:X@h/db",
                                      "host=\001A\001"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK_FAILS(pg_url_check(BAD[i], err), ERR_OPTION);
    }
    CHECK(!pg_url_check("postgres://h/db?no_such=1", err));
    CHECK(strstr(err->message, "no_such") != NULL);
}

TEST(references_mean_their_value_and_nothing_else) {
    setenv("LEAT_TEST_PW", "p@ss/w:o'r d\\%&?${env:HOME}", 1);
    PgUrl url = {0};
    CHECK_OK(pg_url_resolve(&arena, "postgres://u:${env:LEAT_TEST_PW}@h/db", &url, err));
    CHECK_TEXT(slice_of(pg_url_get(&url, "password")), "p@ss/w:o'r d\\%&?${env:HOME}");
    CHECK_TEXT(slice_of(pg_url_get(&url, "host")), "h");
    url = (PgUrl){0};
    CHECK_OK(pg_url_resolve(&arena, "host=h password='${env:LEAT_TEST_PW}' user=x${env:LEAT_TEST_PW}", &url, err));
    CHECK_TEXT(slice_of(pg_url_get(&url, "password")), "p@ss/w:o'r d\\%&?${env:HOME}");
    CHECK_INT(pg_url_get(&url, "user")[0], 'x');
    url = (PgUrl){0};
    CHECK_OK(pg_url_resolve(&arena, "host=h password=$${env:x}", &url, err));
    CHECK_TEXT(slice_of(pg_url_get(&url, "password")), "${env:x}");
    setenv("LEAT_TEST_URL", "postgres://a:b@c/d", 1);
    url = (PgUrl){0};
    CHECK_OK(pg_url_resolve(&arena, "${env:LEAT_TEST_URL}", &url, err));
    CHECK_TEXT(slice_of(pg_url_get(&url, "password")), "b");
    unsetenv("LEAT_TEST_URL");
    CHECK_FAILS(pg_url_resolve(&arena, "${env:LEAT_TEST_URL}", &url, err), ERR_OPTION);
    CHECK_FAILS(pg_url_resolve(&arena, "postgres://u:${file:/nonexistent/x}@h", &url, err), ERR_NOT_FOUND);
}

TEST(hosts_are_dropped_from_every_list) {
    PgUrl url = {0};
    CHECK_OK(pg_url_resolve(&arena, "postgres://a:1,b:2,c:3/db", &url, err));
    CHECK(pg_url_drop_host(&url, "b", "2"));
    CHECK_TEXT(slice_of(pg_url_get(&url, "host")), "c");
    CHECK_TEXT(slice_of(pg_url_get(&url, "port")), "3");
    CHECK(!pg_url_drop_host(&url, "c", "3"));
    url = (PgUrl){0};
    CHECK_OK(pg_url_resolve(&arena, "host=a,a port=1,2", &url, err));
    CHECK(pg_url_drop_host(&url, "a", "1"));
    CHECK_TEXT(slice_of(pg_url_get(&url, "port")), "2");
    url = (PgUrl){0};
    CHECK_OK(pg_url_resolve(&arena, "host=a,b port=7", &url, err));
    CHECK(pg_url_drop_host(&url, "a", "7"));
    CHECK_TEXT(slice_of(pg_url_get(&url, "host")), "b");
    CHECK_TEXT(slice_of(pg_url_get(&url, "port")), "7");
}

TEST(connect_timeout_comes_from_url_environment_or_preset) {
    PgUrl url = {.arena = &arena};
    unsetenv("PGCONNECT_TIMEOUT");
    CHECK_INT(pg_url_timeout_seconds(&url, 10), 10);
    setenv("PGCONNECT_TIMEOUT", "7", 1);
    CHECK_INT(pg_url_timeout_seconds(&url, 10), 7);
    pg_url_set(&url, "connect_timeout", "1");
    CHECK_INT(pg_url_timeout_seconds(&url, 10), 2); // as libpq has it
    pg_url_set(&url, "connect_timeout", "0");
    CHECK_INT(pg_url_timeout_seconds(&url, 10), 3600);
}
