// SPDX-License-Identifier: Apache-2.0
// Rows that maintenance has moved into another file. The index goes on saying where they were until it has been told,
// key by key; what it says is put right by this.
#ifndef LEAT_FLOW_SINK_ICEBERG_MOVED_H
#define LEAT_FLOW_SINK_ICEBERG_MOVED_H

#include "flow/sink/iceberg/table.h"

// Rows of a file that was `number` are in file `to` from row `base` on, without those in `dropped` (which is the
// table's from here on).
void moved_put(LakeTable *table, uint32_t number, uint32_t to, uint32_t base, Positions *dropped);
// Where a row is that the index says was at `place`.
KeyPlace moved_place(const LakeTable *table, KeyPlace place);
// The index knows all (`to` of one move), or nothing of before counts any more.
void moved_forget(LakeTable *table, uint32_t to);
void moved_clear(LakeTable *table);
// As index_find.
CHECKED bool moved_find(LakeTable *table, const KeyHash *keys, KeyPlace *places, size_t count, Err *err);
// The keys of rows from `row` on of file `to`: the index says so now, but for those whose row is another one meanwhile.
CHECKED bool moved_tell(LakeTable *table, uint32_t to, uint32_t row, const KeyHash *keys, size_t count, Err *err);

#endif
