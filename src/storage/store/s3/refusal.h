// SPDX-License-Identifier: Apache-2.0
// What S3's refusals mean: to the one who sends (again, elsewhere, with fresh keys), and to the user.
//
// S3 answers a refusal with a status and, unless to a HEAD, XML: <Error><Code>…</Code><Message>…</Message>… Codes are
// listed at "Error responses" of its API reference; other services add their own.
#ifndef LEAT_STORAGE_STORE_S3_REFUSAL_H
#define LEAT_STORAGE_STORE_S3_REFUSAL_H

#include "core/net/http.h"

typedef enum S3Remedy {
    S3_GIVE_UP,
    S3_AGAIN,   // in a moment
    S3_SLOWER,  // in a longer moment
    S3_REGION,  // the bucket is in another region
    S3_REFRESH, // with credentials fetched anew
    S3_CLOCK,   // with the server's time
} S3Remedy;

typedef struct S3Refusal {
    char code[64];     // "NoSuchKey"; "" when the answer names none
    char message[200]; // printable
    char request[80];  // the service's id of the request
    char region[64];   // "" = not said
    ErrCode err;
    S3Remedy remedy;
    const char *hint; // what the user can do; NULL = nothing special
} S3Refusal;

// Of an answer that is no success, or that is one but whose body is an <Error>.
void s3_refusal(const HttpAnswer *answer, S3Refusal *refusal);
// The answer's Date as microseconds since 1970; false when it has none.
bool s3_answer_date(const HttpAnswer *answer, int64_t *wall_us);

#endif
