// SPDX-License-Identifier: Apache-2.0
// What is known of a pipeline's verifications: DATA/pipelines/NAME/verify.json, and what the server shows of it.
//
//     {"running":{"id":…,"asked":"schedule"|"request","began_ms":…,"tables":"…","step":…,"table":…}|null,
//      "last":{"id":…,"asked":…,"began_ms":…,"ended_ms":…,"tables":…,"result":…,"lsn":…,"taken_at":…,"elapsed_ms":…,
//              "error":…,"message":…,"hint":…}|null,
//      "tables":[{"table":…,"result":…,"lsn":…,"taken_ms":…,"source_rows":…,…},…],    the newest of each table
//      "format_version":1}
//
// No value of any row is in it. One thread at a time. (jansson's names are not in this header: see core/base/json.h.)
#ifndef LEAT_FLOW_PIPELINE_VERIFY_STATE_H
#define LEAT_FLOW_PIPELINE_VERIFY_STATE_H

#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct VerifyState VerifyState;

// That of the pipeline's directory; nothing is known where there is no file. ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
CHECKED bool verify_state_load(const char *directory, VerifyState **state, Err *err);
VerifyState *verify_state_new(void); // nothing is known
void verify_state_free(VerifyState *state);
CHECKED bool verify_state_save(const VerifyState *state, const char *directory, Err *err);

// One begins. `asked` is "schedule" or "request"; tables "" = all.
void verify_state_begin(VerifyState *state, const char *id, const char *asked, const char *tables);
void verify_state_step(VerifyState *state, const char *step, Slice table); // how far it is; table empty: of all
// It has ended: `found` is what verified_json or verify_failed_json wrote of it, taken_ms the moment's time. Tables
// that it was of take the place of what was known of them; one of all tables, that came to an end, of all.
void verify_state_end(VerifyState *state, Slice found, int64_t taken_ms);
void verify_state_drop(VerifyState *state); // it was stopped, and begins anew some time

const char *verify_state_running(const VerifyState *state); // its id; NULL = none runs
int64_t verify_state_ended_ms(const VerifyState *state);    // of the last one; 0 = none yet
void verify_state_json(const VerifyState *state, Buf *out);

#endif
