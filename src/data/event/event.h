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
    // Of a row of a snapshot, where it stands in it (Debezium's source.snapshot); 0 = somewhere.
    EVENT_MARK_FIRST = 1 << 1,
    EVENT_MARK_FIRST_IN_TABLE = 2 << 1,
    EVENT_MARK_LAST_IN_TABLE = 3 << 1,
    EVENT_MARK_LAST = 4 << 1,
    EVENT_MARK_INCREMENTAL = 5 << 1, // read by an incremental snapshot, between two watermarks
    EVENT_MARKS = 7 << 1,
    EVENT_ORDERED = 16, // total_order and table_order are set
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
    // EVENT_ORDERED: 1, 2, … among the captured changes of its transaction, and among those of its table.
    uint64_t total_order, table_order;
    const Value *before; // NULL = none; with a key identity all but the key columns are VALUE_NULL
    const Value *after;  // NULL = none (of a DELETE: see EVENT_KEY_CHANGE); may hold VALUE_UNCHANGED
} Event;

#endif
