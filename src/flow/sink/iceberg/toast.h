// SPDX-License-Identifier: Apache-2.0
// Rows that came without all of their values, because these did not change and the source did not send them. They wait,
// and their values are read together, file by file and row by row in the order in which they lie there, at the latest
// before a commit. Meanwhile a newer row of the same key takes the place of the waiting one, and what a waiting one
// knows goes into it. What was read is kept for a while, by the new place of the row.
#ifndef LEAT_FLOW_SINK_ICEBERG_TOAST_H
#define LEAT_FLOW_SINK_ICEBERG_TOAST_H

#include "flow/sink/iceberg/table.h"

typedef enum ToastMissing { TOAST_MUST_BE_THERE, TOAST_MAY_BE_MISSING } ToastMissing;

// table->row waits: its fields of VALUE_UNCHANGED are those of the row at `place` (KEY_NOWHERE: of the key's row), or,
// when the key has no row, it is an error, or the row is left out.
CHECKED bool toast_wait(LakeTable *table, KeyHash hash, KeyPlace place, ToastMissing missing, Err *err);
// The key gets a row with all values, or is deleted: what waits for it is void.
void toast_supersede(LakeTable *table, KeyHash hash);
bool toast_waits(const LakeTable *table, KeyHash hash);
// Rows that wait go into the table. The keys before them must be known to the index: drains those.
CHECKED bool toast_settle(LakeTable *table, Err *err);
void toast_clear(LakeTable *table);   // none waits any more, and nothing is kept
void toast_release(LakeTable *table); // its memory too
size_t toast_held(const LakeTable *table);

#endif
