// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/refusal.h"

#include "core/base/calendar.h"
#include "core/net/xml.h"

#include <stdio.h>

enum { DAYS_1970_TO_2000 = 10957 };

typedef struct Rule {
    const char *code; // S3's; NULL = any of this status
    int status;       // 0 = any
    ErrCode err;
    S3Remedy remedy;
    const char *hint;
} Rule;

#define HINT_KEYS "check the access key and its secret (s3.access.key, s3.secret.key, AWS_ACCESS_KEY_ID or the profile)"
#define HINT_TOKEN \
    "check the session token (s3.session.token, AWS_SESSION_TOKEN or the profile): temporary keys need theirs"
#define HINT_DENIED "let these credentials do this: the policy that leat needs is in docs/sinks/s3.md"
#define HINT_REGION "set s3.region to the bucket's region"
#define HINT_BUCKET "create the bucket, or correct its name, s3.endpoint or s3.path.style"
#define HINT_WAIT   "the service is overloaded or has failed within; leat tries again"
#define HINT_FULL   "free space or raise the quota at the service; leat goes on where it stopped"
#define HINT_BYTES  "bytes were changed on the way, or the service does not know the checksum: see s3.checksum"
#define HINT_CLOCK  "correct this machine's clock"

// The first that fits.
static const Rule RULES[] = {
    {"RequestTimeTooSkewed", 0, ERR_NET_AUTH, S3_CLOCK, HINT_CLOCK},
    {"ExpiredToken", 0, ERR_NET_AUTH, S3_REFRESH, "the temporary credentials have expired: renew them"},
    {"ExpiredTokenException", 0, ERR_NET_AUTH, S3_REFRESH, "the temporary credentials have expired: renew them"},
    {"TokenRefreshRequired", 0, ERR_NET_AUTH, S3_REFRESH, "the temporary credentials have expired: renew them"},
    {"InvalidToken", 0, ERR_NET_AUTH, S3_REFRESH, HINT_TOKEN},
    {"InvalidTokenId", 0, ERR_NET_AUTH, S3_REFRESH, HINT_TOKEN}, // minio's
    {"InvalidAccessKeyId", 0, ERR_NET_AUTH, S3_REFRESH, HINT_KEYS},
    {"InvalidClientTokenId", 0, ERR_NET_AUTH, S3_REFRESH, HINT_KEYS},
    {"XAdminUserNotFound", 0, ERR_NET_AUTH, S3_REFRESH, HINT_KEYS}, // versitygw's
    {"SignatureDoesNotMatch", 0, ERR_NET_AUTH, S3_REFRESH, HINT_KEYS},
    {"CredentialsNotSupported", 0, ERR_NET_AUTH, S3_GIVE_UP, HINT_KEYS},
    {"AuthorizationHeaderMalformed", 0, ERR_NET_SETUP, S3_REGION, HINT_REGION},
    {"IllegalLocationConstraintException", 0, ERR_NET_SETUP, S3_REGION, HINT_REGION},
    {"PermanentRedirect", 0, ERR_NET_SETUP, S3_REGION, HINT_REGION},
    {"TemporaryRedirect", 0, ERR_NET_BUSY, S3_REGION, HINT_WAIT},
    {"Redirect", 0, ERR_NET_BUSY, S3_REGION, HINT_WAIT},
    {"NoSuchBucket", 0, ERR_NET_SETUP, S3_GIVE_UP, HINT_BUCKET},
    {"InvalidBucketName", 0, ERR_NET_SETUP, S3_GIVE_UP, HINT_BUCKET},
    {"NoSuchUpload", 0, ERR_NET_PROTOCOL, S3_GIVE_UP, NULL},
    {"NoSuchKey", 0, ERR_NOT_FOUND, S3_GIVE_UP, NULL},
    {"PreconditionFailed", 0, ERR_CHANGED, S3_GIVE_UP, NULL},
    {"ConditionalRequestConflict", 0, ERR_NET_BUSY, S3_AGAIN, HINT_WAIT},
    {"OperationAborted", 0, ERR_NET_BUSY, S3_AGAIN, HINT_WAIT},
    {"SlowDown", 0, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {"SlowDownRead", 0, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {"SlowDownWrite", 0, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {"Throttling", 0, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {"ThrottlingException", 0, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {"RequestLimitExceeded", 0, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {"BandwidthLimitExceeded", 0, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {"RequestTimeout", 0, ERR_NET_BUSY, S3_AGAIN, HINT_WAIT},
    {"InternalError", 0, ERR_NET_BUSY, S3_AGAIN, HINT_WAIT},
    {"IncompleteBody", 0, ERR_NET_PROTOCOL, S3_AGAIN, HINT_BYTES},
    {"BadDigest", 0, ERR_NET_PROTOCOL, S3_AGAIN, HINT_BYTES},
    {"InvalidDigest", 0, ERR_NET_PROTOCOL, S3_AGAIN, HINT_BYTES},
    {"XAmzContentSHA256Mismatch", 0, ERR_NET_PROTOCOL, S3_AGAIN, HINT_BYTES},
    {"XAmzContentChecksumMismatch", 0, ERR_NET_PROTOCOL, S3_AGAIN, HINT_BYTES},
    {"QuotaExceeded", 0, ERR_IO_FULL, S3_GIVE_UP, HINT_FULL},
    {"XMinioStorageFull", 0, ERR_IO_FULL, S3_GIVE_UP, HINT_FULL},
    {"XMinioAdminBucketQuotaExceeded", 0, ERR_IO_FULL, S3_GIVE_UP, HINT_FULL},
    {"InsufficientStorage", 0, ERR_IO_FULL, S3_GIVE_UP, HINT_FULL},
    {"InsufficientCapacity", 0, ERR_IO_FULL, S3_GIVE_UP, HINT_FULL},
    {"AccessDenied", 0, ERR_NET_PERMISSION, S3_GIVE_UP, HINT_DENIED},
    {"AllAccessDisabled", 0, ERR_NET_PERMISSION, S3_GIVE_UP, HINT_DENIED},
    {"MethodNotAllowed", 0, ERR_NET_PERMISSION, S3_GIVE_UP, "the bucket is read-only, or the endpoint is not S3's"},
    {"InvalidStorageClass", 0, ERR_NET_SETUP, S3_GIVE_UP, "correct s3.storage.class"},
    {"AccessControlListNotSupported", 0, ERR_NET_SETUP, S3_GIVE_UP, "the bucket has no ACLs: unset s3.acl"},
    {"NotImplemented", 0, ERR_NET_SETUP, S3_GIVE_UP,
     "the service lacks this: try s3.checksum=none, s3.payload=signed, or without s3.sse, s3.acl, s3.storage.class"},
    {"KMS.DisabledException", 0, ERR_NET_SETUP, S3_GIVE_UP, "enable the key of s3.sse.kms.key.id"},
    {"KMS.NotFoundException", 0, ERR_NET_SETUP, S3_GIVE_UP, "correct s3.sse.kms.key.id"},
    // Statuses, for HEAD's empty answers and for what proxies say.
    {NULL, 301, ERR_NET_SETUP, S3_REGION, HINT_REGION},
    {NULL, 307, ERR_NET_BUSY, S3_REGION, HINT_WAIT},
    {NULL, 401, ERR_NET_AUTH, S3_REFRESH, HINT_KEYS},
    {NULL, 403, ERR_NET_PERMISSION, S3_GIVE_UP, HINT_DENIED},
    {NULL, 404, ERR_NOT_FOUND, S3_GIVE_UP, NULL},
    {NULL, 405, ERR_NET_PERMISSION, S3_GIVE_UP, "the bucket is read-only, or the endpoint is not S3's"},
    {NULL, 408, ERR_NET_BUSY, S3_AGAIN, HINT_WAIT},
    {NULL, 409, ERR_NET_BUSY, S3_AGAIN, HINT_WAIT},
    {NULL, 412, ERR_CHANGED, S3_GIVE_UP, NULL},
    {NULL, 416, ERR_NET_PROTOCOL, S3_GIVE_UP, NULL},
    {NULL, 429, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {NULL, 503, ERR_NET_BUSY, S3_SLOWER, HINT_WAIT},
    {NULL, 507, ERR_IO_FULL, S3_GIVE_UP, HINT_FULL},
};

static void copy_printable(char *to, size_t size, Slice text) {
    size_t used = 0;
    for (size_t i = 0; i < text.size && used + 1 < size; i++) {
        to[used++] = (char)(text.data[i] >= 32 && text.data[i] < 127 ? text.data[i] : ' ');
    }
    to[used] = '\0';
}

static void look_up(int status, S3Refusal *refusal) {
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        const Rule *rule = &RULES[i];
        if ((rule->code == NULL || strcmp(rule->code, refusal->code) == 0) &&
            (rule->status == 0 || rule->status == status)) {
            refusal->err = rule->err;
            refusal->remedy = rule->remedy;
            refusal->hint = rule->hint;
            return;
        }
    }
    bool theirs = status >= 500;
    bool silent = status == 400 && refusal->code[0] == '\0'; // a HEAD's: the region, most likely
    refusal->err = theirs ? ERR_NET_BUSY : ERR_NET_SETUP;
    refusal->remedy = theirs ? S3_AGAIN : silent ? S3_REGION : S3_GIVE_UP;
    refusal->hint = theirs ? HINT_WAIT : NULL;
}

void s3_refusal(const HttpAnswer *answer, S3Refusal *refusal) {
    *refusal = (S3Refusal){0};
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Slice body = buf_slice(&answer->body), text = {0};
    if (body.size <= 256 * KIB && xml_find(body, "Code", &scratch, &text)) {
        copy_printable(refusal->code, sizeof(refusal->code), text);
        if (xml_find(body, "Message", &scratch, &text)) {
            copy_printable(refusal->message, sizeof(refusal->message), text);
        }
        if (xml_find(body, "Region", &scratch, &text)) {
            copy_printable(refusal->region, sizeof(refusal->region), text);
        }
        if (xml_find(body, "RequestId", &scratch, &text)) {
            copy_printable(refusal->request, sizeof(refusal->request), text);
        }
    }
    Slice region = http_header(answer, "x-amz-bucket-region"), request = http_header(answer, "x-amz-request-id");
    if (region.size > 0) {
        copy_printable(refusal->region, sizeof(refusal->region), region);
    }
    if (request.size > 0) {
        copy_printable(refusal->request, sizeof(refusal->request), request);
    }
    arena_release(&scratch);
    bool success = answer->status / 100 == 2; // an <Error> behind a 200: something went wrong at their end
    look_up(success ? 500 : answer->status, refusal);
}

bool s3_answer_date(const HttpAnswer *answer, int64_t *wall_us) {
    static const char MONTHS[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[64], month[4] = "";
    int day = 0, year = 0, hour = 0, minute = 0, second = 0;
    Slice date = http_header(answer, "date");
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(date));
    const char *comma = strchr(text, ',');
    if (comma == NULL ||
        sscanf(comma + 1, " %2d %3s %4d %2d:%2d:%2d", &day, month, &year, &hour, &minute, &second) != 6) {
        return false;
    }
    const char *found = strstr(MONTHS, month);
    CalendarDate at = {year, found != NULL ? (int32_t)(found - MONTHS) / 3 + 1 : 0, day};
    if (strlen(month) != 3 || found == NULL || (found - MONTHS) % 3 != 0 || year < 1970 || year > 9999 || day < 1 ||
        day > calendar_month_days(year, at.month) || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 ||
        second > 60) {
        return false;
    }
    int64_t days = calendar_days(at) + DAYS_1970_TO_2000;
    *wall_us = days * CALENDAR_DAY_US + ((hour * 60 + minute) * 60 + second) * CALENDAR_SECOND_US;
    return true;
}
