// SPDX-License-Identifier: Apache-2.0
// Requests to S3: made, signed, sent several at once, judged, and sent again while that makes sense.
//
// A call is tried up to S3_TRIES times, with pauses that double and are jittered, when the service or the way to it
// fails; once more each after the region, the clock or the credentials were corrected. Then its error stands, of class
// transient where more patience may help.
#ifndef LEAT_STORAGE_STORE_S3_CALL_H
#define LEAT_STORAGE_STORE_S3_CALL_H

#include "core/net/aws.h"
#include "storage/store/s3/refusal.h"
#include "storage/store/s3/target.h"
#include "storage/store/staging.h"

enum { S3_TRIES = 5, S3_CALL_HEADERS_MAX = 12, S3_ETAG_BYTES_MAX = STORE_TAG_BYTES_MAX };

typedef enum S3Operation {
    S3_PUT,
    S3_BEGIN, // a multipart upload
    S3_PART,
    S3_COMPLETE,
    S3_ABORT,
    S3_GET,
    S3_HEAD,
    S3_LIST,
    S3_DELETE,
} S3Operation;

typedef enum S3Payload { S3_PAYLOAD_SIGNED, S3_PAYLOAD_STREAMING, S3_PAYLOAD_UNSIGNED } S3Payload;

// An open store.
typedef struct S3 {
    Arena run;
    S3Options options;
    S3Target target;
    S3Payload payload;
    bool checksum;      // crc32c
    bool unconditional; // the service does not know If-None-Match
    HttpClient *http;
    AwsProvider *provider;
    AwsSigningKey signing_key;
    int64_t clock_offset_us; // the service's less ours
    const _Atomic bool *stop;
    StoreUsage usage;
    uint64_t jitter; // state of a small generator
    const char *owner;
    char run_id[32]; // of this opening, and the prefix of its staged files
    uint64_t put_sequence;
    Staging staging;
} S3;

typedef struct S3Call {
    S3Operation operation;
    const char *key;   // whole, as it is; NULL = the bucket
    const char *query; // encoded; "" = none
    HttpHeader headers[S3_CALL_HEADERS_MAX];
    size_t header_count;
    Slice body;
    int file; // or -1: the body is in memory
    uint64_t file_offset;
    uint64_t file_size;
    size_t answer_bytes_max;
    // What came of it: err's code ERR_NONE = a success.
    Err err;
    S3Refusal refusal; // of the last answer that was one
    HttpAnswer answer;
    char crc[12]; // base64, when there is a body and checksums are on
    // The engine's.
    char payload_hash[72];
    bool prepared, done, moved, refreshed, clocked;
    int tries;
} S3Call;

// A call without body; what it points to stays until it is sent.
S3Call s3_call(S3Operation operation, const char *key, const char *query);
void s3_call_header(S3Call *call, const char *name, const char *value);
// Every call is tried; each has its own result.
void s3_send_all(S3 *s3, S3Call *calls, size_t count);
// One. The error names operation, bucket and key, and the service's code and request id.
CHECKED bool s3_send(S3 *s3, S3Call *call, Err *err);
// True when the service's refusal had this code.
bool s3_refused(const S3Call *call, const char *code);
// Memory of the answer. A call may be released twice.
void s3_call_release(S3Call *call);
// The answer's ETag with its quotes. ERR_NET_PROTOCOL when it is too long to be kept.
CHECKED bool s3_etag(const S3Call *call, char etag[S3_ETAG_BYTES_MAX], Err *err);

#endif
