// SPDX-License-Identifier: Apache-2.0
// What a comparison has found, as JSON: leat verify --output json, and the server.
#ifndef LEAT_FLOW_PIPELINE_VERIFY_JSON_H
#define LEAT_FLOW_PIPELINE_VERIFY_JSON_H

#include "flow/pipeline/verify.h"

typedef enum VerifyDetail {
    VERIFY_COUNTS, // no value of any row
    VERIFY_KEYS,   // the keys of rows that differ
    VERIFY_ROWS,   // and both rows
} VerifyDetail;

// {"pipeline":…,"result":…,"lsn":…,"tables":[…]}
void verified_json(Buf *buf, const char *pipeline, const Verified *verified, VerifyDetail detail);
// Of one that could not be made: {"pipeline":…,"result":"not_compared","error":…,"message":…}
void verify_failed_json(Buf *buf, const char *pipeline, const Err *err);
// The fields of a row that are named: {"id":5}; `fields` NULL = all.
void verify_row_json(Buf *buf, const VerifyResult *result, const Value *row, const int32_t *fields, size_t count);
// The key of a difference, or of one without a key the whole row.
void verify_key_json(Buf *buf, const VerifyResult *result, const VerifyDifference *difference);

#endif
