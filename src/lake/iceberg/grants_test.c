// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/grants.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

static LakeGrant grant_of(const char *prefix, const char *access, const char *secret) {
    return (LakeGrant){.prefix = slice_of(prefix),
                       .endpoint = "http://h",
                       .path_style = "true",
                       .access_key = access,
                       .secret_key = secret,
                       .name = slice_of(prefix)};
}

static const S3Options *found(LakeGrants *grants, const char *uri) {
    return lake_grants_find(grants, slice_of(uri));
}

static AwsCredentials keys_of(const S3Options *options, bool refused) {
    AwsCredentials keys = {0};
    CHECK(options->supply.fetch != NULL);
    CHECK_OK(options->supply.fetch(options->supply.context, refused, arena, &keys, err));
    return keys;
}

TEST(grants_hold_for_the_longest_prefix) {
    arena_init(arena, "scratch", 0);
    LakeGrants *grants = lake_grants_new(NULL);
    LakeGrant all = grant_of("s3://", NULL, NULL), a = grant_of("s3a://b//t/a/", "A", "x");
    LakeGrant b = grant_of("s3://b/t/b", "A", "x"), c = grant_of("s3://b/t/c", "C", "y");
    lake_grants_put(grants, &a);
    CHECK(found(grants, "s3://b/t/other") == NULL);
    lake_grants_put(grants, &all);
    lake_grants_put(grants, &b);
    lake_grants_put(grants, &c);
    CHECK_TEXT(slice_of(found(grants, "s3://b/t/a/data/x")->endpoint), "http://h");
    CHECK_TEXT(slice_of(found(grants, "s3://b/t/a/data/x")->path_style), "true");
    CHECK(found(grants, "s3://b/t/a/data/x") == found(grants, "s3://b/t/b/y")); // one account
    CHECK(found(grants, "s3://b/t/c/z") != found(grants, "s3://b/t/b/y"));
    CHECK(found(grants, "s3://b/t/ab/x") != found(grants, "s3://b/t/a/x"));
    CHECK(found(grants, "s3://b/t/ab/x")->supply.fetch == NULL);
    CHECK_TEXT(slice_of(keys_of(found(grants, "s3://b/t/c/z"), false).access_key), "C");
    lake_grants_free(grants);
    arena_release(arena);
}

typedef struct Renewal {
    LakeGrants *grants;
    int count;
} Renewal;

static bool renew(void *context, Slice name, Err *error) {
    Renewal *renewal = context;
    CHECK_TEXT(name, "s3://b/t");
    renewal->count++;
    LakeGrant grant = grant_of("s3://b/t", "A", "second");
    grant.expires_us = clock_wall_us() + INT64_C(3600) * 1000000;
    lake_grants_put(renewal->grants, &grant);
    return true;
}

TEST(grants_are_renewed_when_late_or_refused) {
    arena_init(arena, "scratch", 0);
    Renewal renewal = {.grants = lake_grants_new(NULL)};
    LakeGrant grant = grant_of("s3://b/t", "A", "first");
    lake_grants_renewer(renewal.grants, renew, &renewal);
    lake_grants_put(renewal.grants, &grant);
    const S3Options *options = found(renewal.grants, "s3://b/t/x");
    CHECK_TEXT(slice_of(keys_of(options, false).secret_key), "first");
    CHECK_INT(renewal.count, 0);
    CHECK_TEXT(slice_of(keys_of(options, true).secret_key), "second");
    CHECK_INT(renewal.count, 1);
    CHECK(found(renewal.grants, "s3://b/t/x") == options); // the store that has it goes on
    grant.secret_key = "third";
    grant.expires_us = clock_wall_us() + 1;
    lake_grants_put(renewal.grants, &grant);
    CHECK_TEXT(slice_of(keys_of(options, false).secret_key), "second");
    CHECK_INT(renewal.count, 2);
    lake_grants_free(renewal.grants);
    arena_release(arena);
}

TEST(grants_come_after_the_users_own) {
    S3Options own = {0};
    option_defaults(&S3_OPTIONS, &own);
    own.access_key = "mine";
    own.secret_key = "hidden";
    own.endpoint = "http://mine";
    LakeGrants *grants = lake_grants_new(&own);
    LakeGrant grant = grant_of("s3://b/t", "A", "x");
    grant.region = "eu-west-1";
    lake_grants_put(grants, &grant);
    CHECK(lake_grants_own_keys(grants));
    const S3Options *options = found(grants, "s3://b/t/x");
    CHECK_TEXT(slice_of(options->endpoint), "http://mine");
    CHECK_TEXT(slice_of(options->region), "eu-west-1");
    CHECK(options->supply.fetch == NULL && strcmp(options->access_key, "mine") == 0);
    lake_grants_free(grants);
}
