// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/target.h"

#include "core/net/aws.h"

#include <ctype.h>
#include <stdio.h>

static const char *set(const char *text) {
    return text != NULL && text[0] != '\0' ? text : NULL;
}

// --- s3://bucket/prefix ----------------------------------------------------------------------------------------

static bool bucket_valid(Slice bucket) {
    for (size_t i = 0; i < bucket.size; i++) {
        uint8_t c = bucket.data[i];
        if (!isalnum(c) && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    return bucket.size >= 1 && bucket.size <= 255 && isalnum(bucket.data[0]);
}

static bool parse_url(const char *url, Arena *arena, S3Target *target, Err *err) {
    ASSERT(strncmp(url, "s3://", 5) == 0);
    const char *at = url + 5;
    Slice bucket = {(const uint8_t *)at, strcspn(at, "/")};
    if (!bucket_valid(bucket)) {
        FAIL(err, ERR_OPTION, "an S3 URL's bucket has letters, digits, '-', '.' and '_' only"); // not shown: it may
                                                                                                // hold a key
        return err_hint(err, "write s3://bucket/prefix; a host is given with s3.endpoint, keys with s3.access.key or "
                             "the environment");
    }
    Slice prefix = slice_of(at + bucket.size + (at[bucket.size] == '/'));
    while (prefix.size > 0 && prefix.data[prefix.size - 1] == '/') {
        prefix.size--;
    }
    target->bucket = arena_text(arena, bucket);
    target->prefix = prefix.size == 0 ? "" : arena_printf(arena, "%.*s/", SLICE_ARG(prefix));
    bool slashes = prefix.size > 0 && (prefix.data[0] == '/' || strstr(target->prefix, "//") != NULL);
    if (slashes || prefix.size > 900) {
        return FAIL(err, ERR_OPTION, "s3://%s: the prefix %s", target->bucket,
                    slashes ? "has two slashes in a row" : "is longer than 900 bytes");
    }
    return true;
}

// --- endpoint, region ------------------------------------------------------------------------------------------

static bool parse_endpoint(const char *url, Arena *arena, S3Target *target, Err *err) {
    target->tls = strncmp(url, "https://", 8) == 0;
    const char *host = target->tls ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    if (host == NULL || host[0] == '\0' || host[0] == '/' || strpbrk(host, "?#@ \t\r\n") != NULL) {
        FAIL(err, ERR_OPTION, "the endpoint is no URL of a service");
        return err_hint(err, "write http://host:port or https://host, without user, password and query");
    }
    size_t size = strlen(url);
    while (url[size - 1] == '/') {
        size--;
    }
    target->endpoint = arena_text(arena, (Slice){(const uint8_t *)url, size});
    return true;
}

bool s3_target_move(S3Target *target, Slice region) {
    if (region.size == 0 || region.size >= sizeof(target->region)) {
        return false;
    }
    for (size_t i = 0; i < region.size; i++) {
        if (!isalnum(region.data[i]) && region.data[i] != '-' && region.data[i] != '_') {
            return false;
        }
    }
    snprintf(target->region, sizeof(target->region), "%.*s", SLICE_ARG(region));
    return true;
}

bool s3_target(const char *url, const S3Options *options, Arena *arena, S3Target *target, Err *err) {
    *target = (S3Target){.tls = true};
    TRY(parse_url(url, arena, target, err));
    const char *endpoint = set(options->endpoint);
    endpoint = endpoint != NULL ? endpoint : set(aws_endpoint(set(options->profile), "s3", arena));
    if (endpoint != NULL) {
        TRY(parse_endpoint(endpoint, arena, target, err));
    }
    const char *style = options->path_style;
    bool dots = strchr(target->bucket, '.') != NULL;
    target->path_style = strcmp(style, "auto") == 0 ? endpoint != NULL || dots : strcmp(style, "true") == 0;
    const char *region = set(options->region);
    region = region != NULL ? region : set(aws_region(set(options->profile), arena));
    if (region != NULL && !s3_target_move(target, slice_of(region))) {
        return FAIL(err, ERR_OPTION, "'%.80s' is no region's name", region);
    }
    if (region == NULL) {
        snprintf(target->region, sizeof(target->region), "us-east-1"); // which knows where each bucket is
    }
    return true;
}

// --- URLs ------------------------------------------------------------------------------------------------------

static void put_host(Buf *url, const S3Target *target) {
    const char *between = target->path_style ? "" : ".", *bucket = target->path_style ? "" : target->bucket;
    if (target->endpoint == NULL) {
        const char *china = strncmp(target->region, "cn-", 3) == 0 ? ".cn" : "";
        buf_printf(url, "https://%s%ss3.%s.amazonaws.com%s", bucket, between, target->region, china);
        return;
    }
    const char *host = strstr(target->endpoint, "://") + 3;
    buf_printf(url, "%.*s%s%s%s", (int)(host - target->endpoint), target->endpoint, bucket, between, host);
}

char *s3_target_url(const S3Target *target, const char *key, const char *query, Arena *arena) {
    DEFER(buf_release) Buf url = {0};
    buf_init(&url, 0);
    put_host(&url, target);
    if (target->path_style) {
        buf_printf(&url, "/%s", target->bucket);
    }
    if (key != NULL || !target->path_style) {
        buf_u8(&url, '/');
    }
    if (key != NULL) {
        http_encode(&url, slice_of(key), true);
    }
    if (query[0] != '\0') {
        buf_printf(&url, "?%s", query);
    }
    return arena_text(arena, buf_slice(&url));
}
