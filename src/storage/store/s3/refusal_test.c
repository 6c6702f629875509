// SPDX-License-Identifier: Apache-2.0
#include "storage/store/s3/refusal.c"

#include "core/base/test.h"

static S3Refusal refusal_of(int status, const char *headers, const char *body) {
    HttpAnswer answer = {.status = status};
    S3Refusal refusal;
    buf_text(&answer.headers, headers);
    buf_text(&answer.body, body);
    s3_refusal(&answer, &refusal);
    http_answer_release(&answer);
    return refusal;
}

TEST(s3_refusals_are_told_by_their_code) {
    S3Refusal refusal = refusal_of(403, "x-amz-request-id: HEAD-ID\r\n",
                                   "<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code><Message>a\nb</Message>"
                                   "<RequestId>BODY-ID</RequestId></Error>");
    CHECK_TEXT(slice_of(refusal.code), "SlowDown");
    CHECK_TEXT(slice_of(refusal.message), "a b");
    CHECK_TEXT(slice_of(refusal.request), "HEAD-ID");
    CHECK_INT(refusal.err, ERR_NET_BUSY);
    CHECK_INT(refusal.remedy, S3_SLOWER);
}

TEST(s3_refusals_without_a_body_are_told_by_their_status) {
    static const struct {
        int status;
        ErrCode err;
        S3Remedy remedy;
    } CASES[] = {
        {301, ERR_NET_SETUP, S3_REGION},       {400, ERR_NET_SETUP, S3_REGION},  {401, ERR_NET_AUTH, S3_REFRESH},
        {403, ERR_NET_PERMISSION, S3_GIVE_UP}, {404, ERR_NOT_FOUND, S3_GIVE_UP}, {408, ERR_NET_BUSY, S3_AGAIN},
        {412, ERR_CHANGED, S3_GIVE_UP},        {418, ERR_NET_SETUP, S3_GIVE_UP}, {429, ERR_NET_BUSY, S3_SLOWER},
        {500, ERR_NET_BUSY, S3_AGAIN},         {502, ERR_NET_BUSY, S3_AGAIN},    {503, ERR_NET_BUSY, S3_SLOWER},
        {507, ERR_IO_FULL, S3_GIVE_UP},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        S3Refusal refusal = refusal_of(CASES[i].status, "", "<html>not S3's</html>");
        CHECK_INT(refusal.err, CASES[i].err);
        CHECK_INT(refusal.remedy, CASES[i].remedy);
        CHECK_TEXT(slice_of(refusal.code), "");
    }
    CHECK_INT(refusal_of(200, "", "<Error><Code>InternalError</Code></Error>").remedy, S3_AGAIN);
    S3Refusal moved = refusal_of(400, "x-amz-bucket-region: eu-west-3\r\n", "");
    CHECK_TEXT(slice_of(moved.region), "eu-west-3");
}

TEST(s3_answers_are_dated) {
    static const struct {
        const char *date;
        int64_t seconds; // -1: none
    } CASES[] = {
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Fri, 24 May 2013 00:00:01 GMT", 1369353601},
        {"Sun, 29 Feb 2032 23:59:59 GMT", 1961711999},
        {"Mon, 30 Feb 2032 23:59:59 GMT", -1},
        {"Fri, 24 anF 2013 00:00:00 GMT", -1},
        {"2013-05-24T00:00:00Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        HttpAnswer answer = {.status = 403};
        int64_t wall_us = -1;
        buf_printf(&answer.headers, "date: %s\r\n", CASES[i].date);
        CHECK(s3_answer_date(&answer, &wall_us) == (CASES[i].seconds >= 0));
        CHECK_INT(wall_us, CASES[i].seconds >= 0 ? CASES[i].seconds * 1000000 : -1);
        http_answer_release(&answer);
    }
}
