// SPDX-License-Identifier: Apache-2.0
// What AWS and those who speak like it need: credentials from the usual places, and Signature Version 4.
#ifndef LEAT_CORE_NET_AWS_H
#define LEAT_CORE_NET_AWS_H

#include "core/net/http.h"

typedef struct AwsCredentials {
    const char *access_key; // NULL = anonymous: requests go unsigned
    const char *secret_key;
    const char *session_token; // NULL = none
    int64_t expires_us;        // wall clock, microseconds since 1970; 0 = never
} AwsCredentials;

// Where credentials come from, in this order: given ones (references as in core/config/secret.h are resolved at each
// refresh), AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), web identity
// (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN), the profile (AWS_PROFILE; ~/.aws/credentials, ~/.aws/config, with
// role_arn and source_profile, credential_process), container (AWS_CONTAINER_CREDENTIALS_…), instance metadata (IMDSv2,
// unless AWS_EC2_METADATA_DISABLED). Temporary ones are renewed before they expire, and after a refusal.
typedef struct AwsProvider AwsProvider;
typedef struct AwsProviderOptions {
    const char *access_key; // given ones; NULL = look
    const char *secret_key;
    const char *session_token;
    const char *profile; // NULL = AWS_PROFILE, "default"
    bool anonymous;
    HttpClient *http; // for STS and metadata
} AwsProviderOptions;
CHECKED bool aws_provider_open(const AwsProviderOptions *options, AwsProvider **provider, Err *err);
void aws_provider_close(AwsProvider *provider);
// Good until the next call. ERR_NET_AUTH says where was looked. `refused`: the last ones were: fetch anew.
CHECKED bool aws_provider_get(AwsProvider *provider, bool refused, const AwsCredentials **credentials, Err *err);
// "profile default in ~/.aws/credentials", "instance metadata, role x": for doctor. Never a secret.
const char *aws_provider_origin(const AwsProvider *provider);
// AWS_REGION, AWS_DEFAULT_REGION, the profile's; NULL = not said anywhere.
const char *aws_region(const char *profile, Arena *arena);

// Signs: gives the headers to send, those of the request and x-amz-date, x-amz-content-sha256, x-amz-security-token,
// authorization. `payload_hash`: 64 hex digits, "UNSIGNED-PAYLOAD", or "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".
// The URL's path and query are taken as they are sent (single encoding, as S3 wants it; `service` "s3" or others, which
// encode the path twice).
typedef struct AwsSigning {
    const AwsCredentials *credentials;
    const char *region;
    const char *service;
    int64_t now_us; // wall clock, corrected by the server's once it has complained of ours
    const char *payload_hash;
} AwsSigning;
CHECKED bool aws_sign(const AwsSigning *signing, HttpRequest *request, Arena *arena, Err *err);
// A presigned URL's query in place of headers; for tests and for readers.
char *aws_presign(const AwsSigning *signing, const HttpRequest *request, int64_t seconds, Arena *arena);
// The streaming form: a body in chunks, each signed with the one before. Appends one chunk (empty = the last one).
typedef struct AwsChunkSigner AwsChunkSigner;
AwsChunkSigner *aws_chunks_new(const AwsSigning *signing, const HttpRequest *signed_request, Arena *arena);
void aws_chunk(AwsChunkSigner *signer, Slice bytes, Buf *out);
uint64_t aws_chunks_size(uint64_t body_bytes, size_t chunk_bytes); // of the whole body once framed

void aws_sha256_hex(Slice bytes, char hex[65]);

#endif
