// SPDX-License-Identifier: Apache-2.0
// THE WAIST, part 4: one change of one row.
#ifndef LEAT_DATA_EVENT_EVENT_H
#define LEAT_DATA_EVENT_EVENT_H

#include "data/event/value.h"

typedef enum EventOp {
    OP_READ = 'r', // a row of a snapshot
    OP_CREATE = 'c',
    OP_UPDATE = 'u',
    OP_DELETE = 'd',
    OP_TRUNCATE = 't', // all rows are gone; no before, no after
} EventOp;

enum {
    // An UPDATE that changed the key is two events: a DELETE of the old key and a CREATE of the new one, both marked.
    // The CREATE's `before` holds the old key (other columns NULL), where unchanged values are to be looked up; the
    // DELETE's `after` the new key and primary key, in a table that has one.
    EVENT_KEY_CHANGE = 1,
};

typedef struct Event {
    EventOp op;
    uint32_t flags;
    uint32_t offset_span;  // how many wire records it stands for; topic offsets grow by it
    uint32_t column_count; // of before and after; that of the schema
    // The order of changes in a source: (commit_lsn, ordinal), unique in a table. PostgreSQL: the LSN of the commit
    // record, and 1, 2, … within the transaction. Rows of a snapshot: one less than the snapshot's LSN, and their
    // number in the snapshot, so they sort before every change that came after it.
    uint64_t commit_lsn;
    uint64_t ordinal;
    uint64_t lsn;            // of the change itself; not ordered between transactions
    uint64_t transaction_id; // 0 = none
    int64_t source_us;       // when it was committed (snapshot: when that was taken), microseconds since 1970, UTC
    int64_t capture_us;      // when leat saw it, likewise
    const Value *before;     // NULL = none; with a key identity all but the key columns are VALUE_NULL
    const Value *after;      // NULL = none (of a DELETE: see EVENT_KEY_CHANGE); may hold VALUE_UNCHANGED
} Event;

#endif
