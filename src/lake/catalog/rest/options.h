// SPDX-License-Identifier: Apache-2.0
// The options of the REST catalog, in a header that needs nothing of the lake.
#ifndef LEAT_LAKE_CATALOG_REST_OPTIONS_H
#define LEAT_LAKE_CATALOG_REST_OPTIONS_H

#include "core/config/option.h"

typedef struct RestCatalogOptions {
    const char *auth; // auto | none | oauth2 | token | sigv4
    const char *credential;
    const char *token;
    const char *token_url;
    const char *scope;
    const char *signing_name;
    const char *signing_region;
    const char *access_key;
    const char *secret_key;
    const char *session_token;
    const char *delegation; // vended-credentials | none
    const char *ca_file;
    int64_t timeout_ms;
} RestCatalogOptions;

// Rows of an OptionSpec table whose struct `Type` has the RestCatalogOptions as `member`.
#define REST_CATALOG_OPTION_SPECS(Type, member)                                                                     \
    {.name = "catalog.auth",                                                                                        \
     .type = OPTION_CHOICE,                                                                                         \
     .offset = offsetof(Type, member.auth),                                                                         \
     .default_text = "auto",                                                                                        \
     .choices = "auto,none,oauth2,token,sigv4",                                                                     \
     .text = "How requests to a REST catalog prove who sends them; auto: by the options that are set, sigv4 for "   \
             "hosts of AWS."},                                                                                      \
        {.name = "catalog.credential",                                                                              \
         .type = OPTION_TEXT,                                                                                       \
         .flags = OPTION_SECRET,                                                                                    \
         .offset = offsetof(Type, member.credential),                                                               \
         .text = "OAuth2 client credentials, ID:SECRET; write ${env:NAME} or ${file:/path}."},                      \
        {.name = "catalog.token",                                                                                   \
         .type = OPTION_TEXT,                                                                                       \
         .flags = OPTION_SECRET,                                                                                    \
         .offset = offsetof(Type, member.token),                                                                    \
         .text = "A bearer token; write ${env:NAME} or ${file:/path}, which is read again when it is refused."},    \
        {.name = "catalog.oauth2.server.uri",                                                                       \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.token_url),                                                                \
         .text = "Where tokens are asked for; unset: the catalog itself, at v1/oauth/tokens."},                     \
        {.name = "catalog.scope",                                                                                   \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.scope),                                                                    \
         .default_text = "catalog",                                                                                 \
         .text = "The scope of the token that is asked for (Polaris: PRINCIPAL_ROLE:ALL)."},                        \
        {.name = "catalog.signing.name",                                                                            \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.signing_name),                                                             \
         .text = "The service that requests are signed for; unset: from the host (glue, s3tables), else "           \
                 "execute-api."},                                                                                   \
        {.name = "catalog.signing.region",                                                                          \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.signing_region),                                                           \
         .text = "The region that requests are signed for; unset: from the host, else AWS_REGION, the profile's."}, \
        {.name = "catalog.access.key",                                                                              \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.access_key),                                                               \
         .text = "The access key's id to sign with; unset: where S3's credentials are looked for."},                \
        {.name = "catalog.secret.key",                                                                              \
         .type = OPTION_TEXT,                                                                                       \
         .flags = OPTION_SECRET,                                                                                    \
         .offset = offsetof(Type, member.secret_key),                                                               \
         .text = "The access key's secret; write ${env:NAME} or ${file:/path}."},                                   \
        {.name = "catalog.session.token",                                                                           \
         .type = OPTION_TEXT,                                                                                       \
         .flags = OPTION_SECRET,                                                                                    \
         .offset = offsetof(Type, member.session_token),                                                            \
         .text = "The session token of temporary keys that are given."},                                            \
        {.name = "catalog.delegation",                                                                              \
         .type = OPTION_CHOICE,                                                                                     \
         .offset = offsetof(Type, member.delegation),                                                               \
         .default_text = "vended-credentials",                                                                      \
         .choices = "vended-credentials,none",                                                                      \
         .text = "Whether the catalog is asked for keys of the storage; keys that are given come first."},          \
        {.name = "catalog.ca.file",                                                                                 \
         .type = OPTION_TEXT,                                                                                       \
         .offset = offsetof(Type, member.ca_file),                                                                  \
         .text = "Certificates (PEM) that the catalog's is checked with; unset: the system's."},                    \
    {                                                                                                               \
        .name = "catalog.timeout", .type = OPTION_DURATION, .offset = offsetof(Type, member.timeout_ms),            \
        .default_text = "60s", .min = 100, .max = 3600 * 1000,                                                      \
        .text = "An answer of a REST catalog that does not move for so long is given up."                           \
    }

extern const OptionTable REST_CATALOG_OPTIONS; // of a RestCatalogOptions alone

#endif
