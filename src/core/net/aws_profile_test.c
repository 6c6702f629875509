// SPDX-License-Identifier: Apache-2.0
#include "core/net/aws_profile.c"

#include "core/base/test.h"

TEST(aws_profiles_are_read) {
    static const char CONFIG[] = "\xef\xbb\xbf# comment\n; another\r\n"
                                 "[default]\nregion = us-west-1\noutput=json\n"
                                 "[profile default]\nregion=eu-central-1  # where we are\n"
                                 "[ profile  \"with space\" ]\nRole_ARN = arn:aws:iam::1:role/a#b;c\n"
                                 "s3 =\n  addressing_style = path\n\n  # note\n\tmax_queue_size = 3\n"
                                 "services = local\ncredential_process = /bin/x --a=b 'c d'\n   goes on\n"
                                 "[services local]\ns3 = \n  endpoint_url = http://127.0.0.1:9000/\n"
                                 "sts =\n  endpoint_url = http://sts\n"
                                 "[sso-session x]\nsso_region = us-east-1\n[profile empty]\n[whatever]\na = b";
    static const char CREDENTIALS[] = "[default]\naws_access_key_id=AKID\naws_secret_access_key = a/b+c=#d \n"
                                      "region = from-credentials\n"
                                      "[with space]\naws_access_key_id = first\naws_access_key_id = second\n";
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "test", 0);
    AwsProfiles profiles = {0};
    CHECK_OK(aws_profiles_parse(&profiles, "config", slice_of(CONFIG), true, &arena, err));
    CHECK_TEXT(slice_of(aws_profile_get(&profiles, "default", "region")), "eu-central-1");
    CHECK_OK(aws_profiles_parse(&profiles, "credentials", slice_of(CREDENTIALS), false, &arena, err));
    static const struct {
        const char *profile, *name, *value;
    } ROWS[] = {
        {"default", "region", "from-credentials"},
        {"default", "output", "json"},
        {"default", "aws_secret_access_key", "a/b+c=#d"},
        {"with space", "role_arn", "arn:aws:iam::1:role/a#b;c"},
        {"with space", "s3.addressing_style", "path"},
        {"with space", "s3.max_queue_size", "3"},
        {"with space", "credential_process", "/bin/x --a=b 'c d'"},
        {"with space", "aws_access_key_id", "second"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const char *value = aws_profile_get(&profiles, ROWS[i].profile, ROWS[i].name);
        CHECK_TEXT(slice_of(value != NULL ? value : "(none)"), ROWS[i].value);
    }
    CHECK_TEXT(slice_of(aws_services_get(&profiles, "local", "s3.endpoint_url")), "http://127.0.0.1:9000/");
    CHECK_TEXT(slice_of(aws_services_get(&profiles, "local", "sts.endpoint_url")), "http://sts");
    CHECK(aws_profile_exists(&profiles, "empty") && !aws_profile_exists(&profiles, "x") &&
          !aws_profile_exists(&profiles, "whatever") && !aws_profile_exists(&profiles, "local"));
    CHECK(aws_profile_get(&profiles, "with space", "s3") == NULL);
    arena_release(&arena);
}

TEST(aws_profiles_name_the_line_that_is_wrong) {
    static const struct {
        const char *text, *message;
    } ROWS[] = {
        {"# c\nsecret_value\n[a]", "f: line 2: a setting before the first [section]"},
        {"[a]\n\nsecret_value", "f: line 3: neither a [section] nor name = value"},
        {"[a]\n=secret_value", "f: line 2: neither a [section] nor name = value"},
        {"[a\nb=c", "f: line 1: a section without ]"},
        {"[a]\nb =\n  secret_value\n", "f: line 3: neither a [section] nor name = value"},
    };
    Arena arena;
    arena_init(&arena, "test", 0);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        Err err[1] = {{0}};
        AwsProfiles profiles = {0};
        CHECK(!aws_profiles_parse(&profiles, "f", slice_of(ROWS[i].text), false, &arena, err));
        CHECK_TEXT(slice_of(err->message), ROWS[i].message);
    }
    Err err[1] = {{0}};
    AwsProfiles none = {0};
    CHECK_OK(aws_profiles_read(&none, "/nowhere/config", NULL, &arena, err));
    CHECK(!aws_profile_exists(&none, "default"));
    arena_release(&arena);
}
