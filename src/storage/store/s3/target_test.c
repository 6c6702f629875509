// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/target.c"

#include "core/base/test.h"

#include <stdlib.h>

static void plain_environment(void) {
    static const char *const NAMES[] = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_S3"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        unsetenv(NAMES[i]);
    }
    setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
}

TEST(s3_targets_make_urls) {
    plain_environment();
    static const struct {
        const char *url, *endpoint, *region, *style, *want;
    } CASES[] = {
        {"s3://b", "", "", "auto", "https://b.s3.us-east-1.amazonaws.com/a%20b?q="},
        {"s3://b/p/q/", "", "eu-west-1", "auto", "https://b.s3.eu-west-1.amazonaws.com/p/q/a%20b?q="},
        {"s3://b", "", "cn-north-1", "auto", "https://b.s3.cn-north-1.amazonaws.com.cn/a%20b?q="},
        {"s3://b.c/p%20", "", "", "auto", "https://s3.us-east-1.amazonaws.com/b.c/p%2520/a%20b?q="},
        {"s3://b", "", "", "true", "https://s3.us-east-1.amazonaws.com/b/a%20b?q="},
        {"s3://b/p", "http://host:9000/", "", "auto", "http://host:9000/b/p/a%20b?q="},
        {"s3://b/p", "http://host:9000/base", "", "true", "http://host:9000/base/b/p/a%20b?q="},
        {"s3://b/p", "https://host", "", "false", "https://b.host/p/a%20b?q="},
    };
    Arena arena;
    arena_init(&arena, "scratch", 0);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Err err[1] = {{0}};
        S3Options options = {.endpoint = CASES[i].endpoint, .region = CASES[i].region, .path_style = CASES[i].style};
        S3Target target;
        CHECK_OK(s3_target(CASES[i].url, &options, &arena, &target, err));
        const char *key = arena_printf(&arena, "%sa b", target.prefix);
        CHECK_TEXT(slice_of(s3_target_url(&target, key, "q=", &arena)), CASES[i].want);
    }
    arena_release(&arena);
}

TEST(s3_targets_move) {
    plain_environment();
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "scratch", 0);
    S3Options options = {.path_style = "auto"};
    S3Target target;
    setenv("AWS_ENDPOINT_URL_S3", "http://env:1", 1);
    setenv("AWS_REGION", "eu-north-1", 1);
    CHECK_OK(s3_target("s3://b", &options, &arena, &target, err));
    CHECK_TEXT(slice_of(s3_target_url(&target, NULL, "", &arena)), "http://env:1/b");
    CHECK_TEXT(slice_of(target.region), "eu-north-1");
    CHECK(s3_target_move(&target, SLICE("ap-east-1")));
    CHECK(!s3_target_move(&target, SLICE("bad/region")));
    CHECK(!s3_target_move(&target, SLICE("")));
    CHECK_TEXT(slice_of(target.region), "ap-east-1");
    unsetenv("AWS_ENDPOINT_URL_S3");
    CHECK_OK(s3_target("s3://b", &options, &arena, &target, err));
    CHECK(s3_target_move(&target, SLICE("ap-east-1")));
    CHECK_TEXT(slice_of(s3_target_url(&target, NULL, "", &arena)), "https://b.s3.ap-east-1.amazonaws.com/");
    static const char *const BAD[] = {"s3://",     "s3:///p",     "s3://a b", "s3://k:s@b/p",
                                      "s3://b//p", "s3://b/p//q", "s3://-b"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        CHECK_FAILS(s3_target(BAD[i], &options, &arena, &target, err), ERR_OPTION);
    }
    arena_release(&arena);
}
