// SPDX-License-Identifier: Apache-2.0
// The single places where AWS's credentials come from: STS, the metadata services of containers and machines, programs.
// Each fetches once; which of them is asked, and when again, is aws_provider.c's matter. For that file only.
#ifndef LEAT_CORE_NET_AWS_SOURCE_H
#define LEAT_CORE_NET_AWS_SOURCE_H

#include "core/net/aws.h"

// What a fetch needs, and what it gives.
typedef struct AwsFetch {
    Arena *arena;
    HttpClient *http;     // to STS
    HttpClient *metadata; // to services on this machine: gives up soon, uses no proxy
    AwsCredentials credentials;
    char origin[256]; // "instance metadata, role x"
} AwsFetch;

typedef struct AwsRole {
    const char *arn;
    const char *session_name;     // NULL = leat
    const char *external_id;      // or NULL
    const char *duration_seconds; // NULL = STS's own, an hour
    const char *endpoint;         // "https://sts.eu-central-1.amazonaws.com"
    const char *region;           // to sign for
} AwsRole;

// AssumeRoleWithWebIdentity, with the token that the file holds now.
CHECKED bool aws_fetch_web_identity(AwsFetch *fetch, const AwsRole *role, const char *token_file, Err *err);
// AssumeRole, by the credentials that the fetch holds.
CHECKED bool aws_fetch_role(AwsFetch *fetch, const AwsRole *role, Err *err);
// GET of `url`, with that authorization (or NULL): ECS, EKS and what speaks as they do.
CHECKED bool aws_fetch_container(AwsFetch *fetch, const char *url, const char *authorization, Err *err);
// IMDSv2. *absent: there is no such service here, or no role for it; no error.
CHECKED bool aws_fetch_instance(AwsFetch *fetch, const char *endpoint, bool *absent, Err *err);
// credential_process: what the command, run by sh, prints.
CHECKED bool aws_fetch_process(AwsFetch *fetch, const char *command, Err *err);
// "2026-01-02T03:04:05Z", with a fraction, with an offset; microseconds since 1970.
CHECKED bool aws_time_parse(const char *text, int64_t *time_us);
// What a metadata service or program says. *credentials are in the arena. For the fuzzer, too.
CHECKED bool aws_credentials_parse(Slice json, const char *token_name, Arena *arena, AwsCredentials *credentials,
                                   Err *err);

#endif
