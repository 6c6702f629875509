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

// Somebody who hands credentials out, such as a catalog for its tables. `refused`: the last ones were. Texts go into
// the arena.
typedef struct AwsSupply {
    bool (*fetch)(void *context, bool refused, Arena *arena, AwsCredentials *credentials, Err *err); // NULL = nobody
    void *context;
} AwsSupply;

// Where credentials come from, in this order: a supply, given ones (references as in core/config/secret.h are resolved
// at each fetch), a given profile; else AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), web
// identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN), the profile (AWS_PROFILE; ~/.aws/credentials, ~/.aws/config,
// with role_arn and source_profile or credential_source, web_identity_token_file, credential_process), container
// (AWS_CONTAINER_CREDENTIALS_…), instance metadata (IMDSv2, unless AWS_EC2_METADATA_DISABLED). The first that is set up
// counts: when it fails that is the error. Temporary ones are renewed five minutes before they expire, and after a
// refusal. The environment is read when the provider is opened, files and references at each fetch.
typedef struct AwsProvider AwsProvider; // one thread at a time
typedef struct AwsProviderOptions {
    const char *access_key; // given ones; NULL = look
    const char *secret_key;
    const char *session_token;
    const char *profile; // NULL = AWS_PROFILE, "default"
    const char *region;  // for STS; NULL = aws_region's
    bool anonymous;
    AwsSupply supply;
    HttpClient *http; // for STS; the metadata services are asked with shorter patience. NULL = one of its own
} AwsProviderOptions;
CHECKED bool aws_provider_open(const AwsProviderOptions *options, AwsProvider **provider, Err *err);
void aws_provider_close(AwsProvider *provider);
// Good until the next call. ERR_NET_AUTH says where was looked. `refused`: the last ones were: fetch anew.
CHECKED bool aws_provider_get(AwsProvider *provider, bool refused, const AwsCredentials **credentials, Err *err);
// "profile default", "instance metadata, role x": for doctor. "" before the first get. Never a secret.
const char *aws_provider_origin(const AwsProvider *provider);
// AWS_REGION, AWS_DEFAULT_REGION, the profile's; NULL = not said anywhere.
const char *aws_region(const char *profile, Arena *arena);
// AWS_ENDPOINT_URL_S3 (for service "s3"), AWS_ENDPOINT_URL, the profile's services section, its endpoint_url; NULL =
// AWS's own. AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true: NULL.
const char *aws_endpoint(const char *profile, const char *service, Arena *arena);

// Signature Version 4. aws_sign gives the request the headers to send: its own, host, x-amz-date, authorization,
// x-amz-security-token when there is one and, for S3, x-amz-content-sha256. All but those that proxies change are
// signed, so nothing may be added after. Anonymous credentials leave the request as it is.
// The URL's path and query are taken as they are sent, and brought into AWS's form: for S3 each byte encoded once, for
// other services the path as sent is encoded once more. Parameters may be unsorted, repeated and without a value.
typedef struct AwsSigningKey { // the day's key, zero at first; belongs to whoever signs, and is no one else's to read
    uint8_t key[32];
    char made_of[256];
} AwsSigningKey;
typedef struct AwsSigning {
    const AwsCredentials *credentials;
    const char *region;
    const char *service; // "s3", "sts"
    int64_t now_us;      // wall clock, corrected by the server's once it has complained of ours
    // 64 hex digits, "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" (and "…-PAYLOAD-TRAILER"); NULL: the hash
    // of the body in memory is made here; a presigned URL for S3: "UNSIGNED-PAYLOAD"
    const char *payload_hash;
    AwsSigningKey *key; // kept from one request to the next; NULL = made for each
} AwsSigning;
CHECKED bool aws_sign(const AwsSigning *signing, HttpRequest *request, Arena *arena, Err *err);
// The request's URL with a signature in its query, good for `seconds`; for tests and for readers. Host and the
// request's headers are signed, so the same must be sent with it.
CHECKED bool aws_presign(const AwsSigning *signing, const HttpRequest *request, int64_t seconds, Arena *arena,
                         char **url, Err *err);

// The streaming form: a body in chunks, each signed with the one before. The request has content-encoding: aws-chunked
// and x-amz-decoded-content-length, and is signed with STREAMING-AWS4-HMAC-SHA256-PAYLOAD first.
typedef struct AwsChunkSigner AwsChunkSigner;
AwsChunkSigner *aws_chunks_new(const AwsSigning *signing, const HttpRequest *signed_request, Arena *arena);
// Appends one chunk, of 8 KiB or more unless it is the last; empty = the end.
void aws_chunk(AwsChunkSigner *signer, Slice bytes, Buf *out);
// The end with a trailer (a checksum, in base64), in place of the empty chunk. The request has x-amz-trailer: `name`.
void aws_chunk_trailer(AwsChunkSigner *signer, const char *name, const char *value, Buf *out);
uint64_t aws_chunks_size(uint64_t body_bytes, size_t chunk_bytes); // of the whole body once framed
uint64_t aws_trailer_size(size_t name_bytes, size_t value_bytes);  // to be added for a trailer

void aws_sha256_hex(Slice bytes, char hex[65]);
// Of a piece of a file, as HttpRequest names it.
CHECKED bool aws_sha256_file(int file, uint64_t offset, uint64_t size, char hex[65], Err *err);

#endif
