// SPDX-License-Identifier: Apache-2.0
// The two files in which AWS's tools keep profiles: ~/.aws/credentials and ~/.aws/config (AWS_SHARED_CREDENTIALS_FILE,
// AWS_CONFIG_FILE).
//
//     [default]                     [profile x] in the config, [x] in the credentials
//     region = eu-central-1         name = value; names in any case; "# …" and "; …" are comments
//     services = local              …
//     [services local]
//     s3 =                          a name without a value, and indented lines below: "s3.endpoint_url"
//       endpoint_url = http://…
#ifndef LEAT_CORE_NET_AWS_PROFILE_H
#define LEAT_CORE_NET_AWS_PROFILE_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef struct AwsSetting AwsSetting;
typedef struct AwsProfiles { // zero: none. Lives as long as the arena.
    AwsSetting *settings;    // the last of a name counts
} AwsProfiles;

// Adds a file's settings. A later file's count more, so the credentials come last. `config`: sections are
// "profile x", "services x", "sso-session x" and "default"; else each is a profile's name.
// ERR_NET_SETUP names `path` and the line, never its text.
CHECKED bool aws_profiles_parse(AwsProfiles *profiles, const char *path, Slice text, bool config, Arena *arena,
                                Err *err);
// Both files, where there are; a NULL path is none.
CHECKED bool aws_profiles_read(AwsProfiles *profiles, const char *config_path, const char *credentials_path,
                               Arena *arena, Err *err);
bool aws_profile_exists(const AwsProfiles *profiles, const char *profile);
// NULL when it is not there, or empty.
const char *aws_profile_get(const AwsProfiles *profiles, const char *profile, const char *name);
const char *aws_services_get(const AwsProfiles *profiles, const char *section, const char *name); // "s3.endpoint_url"

#endif
