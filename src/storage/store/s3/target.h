// SPDX-License-Identifier: Apache-2.0
// Where objects are: bucket, prefix, and the URL under which the service takes requests for them.
#ifndef LEAT_STORAGE_STORE_S3_TARGET_H
#define LEAT_STORAGE_STORE_S3_TARGET_H

#include "storage/store/s3/s3.h"

enum { S3_REGION_BYTES_MAX = 64 };

typedef struct S3Target {
    const char *bucket;
    const char *prefix;   // of all keys, "" or with a slash at its end
    const char *endpoint; // scheme://host[:port][/path], without a slash at its end; NULL = AWS's own
    bool path_style;
    bool tls;
    char region[S3_REGION_BYTES_MAX];
} S3Target;

// From the URL, the options and the environment. ERR_OPTION says what is wrong with which.
CHECKED bool s3_target(const char *url, const S3Options *options, Arena *arena, S3Target *target, Err *err);
// The bucket has turned out to be elsewhere. False when that is no region's name.
bool s3_target_move(S3Target *target, Slice region);
// The URL of a key (NULL = the bucket's own), with a query that is encoded already ("" = none).
char *s3_target_url(const S3Target *target, const char *key, const char *query, Arena *arena);

#endif
