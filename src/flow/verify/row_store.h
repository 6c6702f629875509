// SPDX-License-Identifier: Apache-2.0
// Rows of one side in buckets that differ, and what comes of matching those of both.
#ifndef LEAT_FLOW_VERIFY_ROW_STORE_H
#define LEAT_FLOW_VERIFY_ROW_STORE_H

#include "flow/sink/corrections.h"
#include "flow/sink/row_hash.h"
#include "flow/verify/verify.h"

typedef struct StoredRow {
    RowHash key, row;
    uint64_t place;  // the source's ordinal, the sink's position
    uint64_t at;     // of its values in `bytes`
    uint32_t number; // of its schema, of its file
} StoredRow;

typedef struct RowStore {
    Buf rows;  // StoredRow
    Buf bytes; // values of the record; behind them those of the source's event
    Buf names; // const Schema * or Slice: what `number` means
    Arena arena[1];
} RowStore;

void row_store_init(RowStore *store);
void row_store_release(RowStore *store);
void row_store_source(RowStore *store, StoredRow row, const Value *values, size_t count, const Schema *schema,
                      const Value *after);
void row_store_sink(RowStore *store, StoredRow row, const Value *values, size_t count, Slice file);
size_t row_store_held(const RowStore *store);

void row_store_reset(RowStore *store); // empty again

// Adds what differs to the result, at most `max` of it with rows, in the arena; and all of it to the corrections (NULL:
// none are wanted).
CHECKED bool row_stores_match(RowStore *source, RowStore *sink, const RowSecret *secret, size_t max, Arena *arena,
                              CorrectionFiles *corrections, VerifyResult *result, Err *err);

#endif
