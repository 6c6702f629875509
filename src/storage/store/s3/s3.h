// SPDX-License-Identifier: Apache-2.0
// The store on S3 and on services that speak like it. The URL is s3://BUCKET or s3://BUCKET/PREFIX, taken literally:
// nothing in it is percent-decoded. Names are keys below the prefix.
//
// Staged bytes are files in the context's staging directory. Publishing is one PUT with If-None-Match: *, or, past two
// parts' size, a multipart upload whose parts are sent from the file, several at once; its id is durable beside the
// file (FILE.upload) before the first part is sent. Every object carries its token's id as metadata
// (x-amz-meta-leat-token), so a publish that is repeated tells its own object from another's.
//
// Token: "FILE SIZE". The id is OWNER-FILE, where FILE begins with 64 random bits of the store's opening: it never
// comes again.
#ifndef LEAT_STORAGE_STORE_S3_S3_H
#define LEAT_STORAGE_STORE_S3_S3_H

#include "core/config/option.h"
#include "core/net/aws.h"
#include "storage/store/store.h"

typedef struct S3Options {
    const char *region;
    const char *endpoint;
    const char *path_style; // auto, true, false
    const char *access_key;
    const char *secret_key;
    const char *session_token;
    const char *profile;
    bool anonymous;
    int64_t part_bytes;
    const char *sse; // none, AES256, aws:kms
    const char *sse_kms_key_id;
    const char *acl;
    const char *storage_class;
    const char *checksum; // crc32c, none
    const char *payload;  // auto, signed, streaming, unsigned
    const char *ca_file;
    int64_t requests_max;
    int64_t timeout_ms;
    AwsSupply supply; // no option: set by whoever hands keys out; comes before all others
} S3Options;

// Rows of an OptionSpec table whose struct `Type` has the S3Options as `member`.
#define S3_OPTION_SPECS(Type, member)                                                                            \
    {.name = "s3.region",                                                                                        \
     .type = OPTION_TEXT,                                                                                        \
     .offset = offsetof(Type, member.region),                                                                    \
     .text = "The bucket's region; unset: AWS_REGION, the profile's, else found out by asking."},                \
        {.name = "s3.endpoint",                                                                                  \
         .type = OPTION_TEXT,                                                                                    \
         .offset = offsetof(Type, member.endpoint),                                                              \
         .text = "URL of a service other than AWS; unset: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL."},              \
        {.name = "s3.path.style",                                                                                \
         .type = OPTION_CHOICE,                                                                                  \
         .offset = offsetof(Type, member.path_style),                                                            \
         .default_text = "auto",                                                                                 \
         .choices = "auto,true,false",                                                                           \
         .text = "The bucket in the URL's path, not in its host; auto: with an endpoint, or dots in the name."}, \
        {.name = "s3.access.key",                                                                                \
         .type = OPTION_TEXT,                                                                                    \
         .offset = offsetof(Type, member.access_key),                                                            \
         .text = "The access key's id; unset: the environment, web identity, profile, container, instance."},    \
        {.name = "s3.secret.key",                                                                                \
         .type = OPTION_TEXT,                                                                                    \
         .flags = OPTION_SECRET,                                                                                 \
         .offset = offsetof(Type, member.secret_key),                                                            \
         .text = "The access key's secret; write ${env:NAME} or ${file:/path}."},                                \
        {.name = "s3.session.token",                                                                             \
         .type = OPTION_TEXT,                                                                                    \
         .flags = OPTION_SECRET,                                                                                 \
         .offset = offsetof(Type, member.session_token),                                                         \
         .text = "The session token of temporary keys that are given."},                                         \
        {.name = "s3.profile",                                                                                   \
         .type = OPTION_TEXT,                                                                                    \
         .offset = offsetof(Type, member.profile),                                                               \
         .text = "The profile of ~/.aws to take credentials and region from; unset: AWS_PROFILE, default."},     \
        {.name = "s3.anonymous",                                                                                 \
         .type = OPTION_BOOL,                                                                                    \
         .offset = offsetof(Type, member.anonymous),                                                             \
         .default_text = "false",                                                                                \
         .text = "Send requests without a signature."},                                                          \
        {.name = "s3.part.size",                                                                                 \
         .type = OPTION_BYTES,                                                                                   \
         .offset = offsetof(Type, member.part_bytes),                                                            \
         .default_text = "8MiB",                                                                                 \
         .min = 5 * 1024 * 1024,                                                                                 \
         .max = INT64_C(5) << 30,                                                                                \
         .text = "Size of the parts of a multipart upload; files up to twice that are one request."},            \
        {.name = "s3.sse",                                                                                       \
         .type = OPTION_CHOICE,                                                                                  \
         .offset = offsetof(Type, member.sse),                                                                   \
         .default_text = "none",                                                                                 \
         .choices = "none,AES256,aws:kms",                                                                       \
         .text = "Encryption by the service; none: as the bucket is set up."},                                   \
        {.name = "s3.sse.kms.key.id",                                                                            \
         .type = OPTION_TEXT,                                                                                    \
         .offset = offsetof(Type, member.sse_kms_key_id),                                                        \
         .text = "The KMS key for s3.sse=aws:kms; unset: the account's own for S3."},                            \
        {.name = "s3.acl",                                                                                       \
         .type = OPTION_TEXT,                                                                                    \
         .offset = offsetof(Type, member.acl),                                                                   \
         .text = "A canned ACL for the objects, such as bucket-owner-full-control."},                            \
        {.name = "s3.storage.class",                                                                             \
         .type = OPTION_TEXT,                                                                                    \
         .offset = offsetof(Type, member.storage_class),                                                         \
         .text = "The objects' storage class, such as STANDARD_IA."},                                            \
        {.name = "s3.checksum",                                                                                  \
         .type = OPTION_CHOICE,                                                                                  \
         .offset = offsetof(Type, member.checksum),                                                              \
         .default_text = "crc32c",                                                                               \
         .choices = "crc32c,none",                                                                               \
         .text = "A checksum that the service verifies and keeps; none: for services that do not know it."},     \
        {.name = "s3.payload",                                                                                   \
         .type = OPTION_CHOICE,                                                                                  \
         .offset = offsetof(Type, member.payload),                                                               \
         .default_text = "auto",                                                                                 \
         .choices = "auto,signed,streaming,unsigned",                                                            \
         .text = "How bodies are signed; auto: not over TLS with a checksum, else by their hash."},              \
        {.name = "s3.ca.file",                                                                                   \
         .type = OPTION_TEXT,                                                                                    \
         .offset = offsetof(Type, member.ca_file),                                                               \
         .text = "Certificates (PEM) that the endpoint's is checked with; unset: the system's."},                \
        {.name = "s3.timeout",                                                                                   \
         .type = OPTION_DURATION,                                                                                \
         .offset = offsetof(Type, member.timeout_ms),                                                            \
         .default_text = "30s",                                                                                  \
         .min = 100,                                                                                             \
         .max = 3600 * 1000,                                                                                     \
         .text = "A request or answer that does not move for so long is sent again."},                           \
    {                                                                                                            \
        .name = "s3.requests.max", .type = OPTION_INT, .offset = offsetof(Type, member.requests_max),            \
        .default_text = "8", .min = 1, .max = 64, .text = "Requests under way at once, each on its connection."  \
    }

extern const OptionTable S3_OPTIONS; // of an S3Options alone
extern const StoreDriver S3_STORE;

#endif
