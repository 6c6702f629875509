// SPDX-License-Identifier: Apache-2.0
// What is captured, and how far each table is: the per-table half of the checkpoint, kept in the journal's state.
//
// A table is what the user sees: a plain table or the root of a partitioned one, with one topic. Its rows live in one
// or more leaves (a plain table is its own leaf); a leaf is what is read by a snapshot and what the change stream
// names.
//
//     PENDING    its rows must be read (again); its changes are held in the spool
//     READING    its rows are being read; changes held
//     READ       all rows are in the journal; changes held until the spool is drained
//     STREAMING  changes go straight to the journal
//     QUARANTINED  (connectors) something of it cannot be captured: its changes are passed over until it is read again
//
// A snapshot holds every transaction whose commit record lies below its LSN: changes of a leaf below `lsn` are dropped.
// A leaf found READING at start lost its snapshot: its table is read again, preceded by a TRUNCATE event.
#ifndef LEAT_FLOW_SOURCE_POSTGRES_CAPTURE_H
#define LEAT_FLOW_SOURCE_POSTGRES_CAPTURE_H

#include "core/base/buf.h"
#include "core/base/map.h"
#include "flow/source/postgres/catalog.h"
#include "flow/source/source.h"
#include "storage/journal/journal.h"

typedef enum PgLeafState {
    PG_LEAF_PENDING,
    PG_LEAF_READING,
    PG_LEAF_READ,
    PG_LEAF_STREAMING,
    PG_LEAF_QUARANTINED
} PgLeafState;

typedef struct PgCaptured PgCaptured;

typedef struct PgLeaf {
    uint32_t oid;
    PgCaptured *table;
    PgLeafState state;
    uint64_t lsn;  // changes committed below it are in the snapshot
    bool seen;     // by the refresh under way
    bool identity; // its updates and deletes are published
    Buf shape;     // its columns as of the last refresh, see capture.c
    int64_t pages; // as of the last refresh
    char kind;
    double rows;
    int64_t bytes;
    struct PgLeaf *next; // of the same table
} PgLeaf;

struct PgCaptured {
    uint32_t oid;
    char *space, *name;
    char *topic;   // space.name; '.' and '%' of the space as %2E and %25
    bool truncate; // a TRUNCATE event precedes the next read
    bool resync;   // to be read again when the round under way is done, or by the next run
    bool view;     // read in snapshots, never streamed
    bool fresh;    // this process has met it first, nor was there one of its name before
    PgLeaf *leaves;
    bool seen;
    char *reason;       // of a quarantine, else NULL
    TableReport report; // counters of this process
    // Of the transaction that ends at tx_lsn: its changes so far. For transaction metadata.
    uint64_t tx_lsn, tx_order;
};

typedef struct PgCapture {
    Journal *journal;
    PgCaptured **tables;
    size_t table_count, table_capacity;
    Map by_oid;  // of tables
    Map by_leaf; // leaf oid -> PgLeaf
    size_t held; // leaves that wait for rows, or are being read
    size_t pending;
    // Of a connector: a table is never read again because of its columns, name or identity, and one that appears is not
    // read.
    bool as_it_comes;
} PgCapture;

// Loads the state that the journal holds; leaves found READING become PENDING, with their whole table.
CHECKED bool pg_capture_load(PgCapture *capture, Journal *journal, Err *err);
void pg_capture_release(PgCapture *capture);

typedef struct PgCaptureChange {
    bool tables;        // the set of tables or leaves differs: publications are to be altered
    char vanished[256]; // partitions whose rows left their root without a trace: "root public.orders: leaf 16412"; "" =
                        // none
} PgCaptureChange;
// Compares with the catalog: new tables and leaves become `fresh` (PENDING or STREAMING), renamed ones start anew,
// dropped ones go. `detach` says what happens to a root that lost a leaf: "resync" (read again), "keep", "stop"
// (ERR_TABLE).
CHECKED bool pg_capture_refresh(PgCapture *capture, const PgTables *tables, const char *detach, PgLeafState fresh,
                                uint64_t fresh_lsn, PgCaptureChange *change, Err *err);

// Of a connector, while a transaction comes: a table as the stream names it now, new or known; STREAMING when new.
CHECKED bool pg_capture_adopt(PgCapture *capture, const PgTable *table, PgLeaf **leaf, Err *err);

// Of a leaf's state record, for those who only look; STREAMING when it cannot be read.
PgLeafState pg_leaf_record_state(Slice record);

// A table's topic, in the arena (NULL: the caller frees it).
char *pg_capture_topic(Arena *arena, Slice space, Slice name);
bool pg_capture_identity(const PgTable *table);                       // are updates and deletes of it published?
PgLeaf *pg_capture_find_leaf(const PgCapture *capture, uint32_t oid); // NULL = not captured
// Moves a leaf to a state and puts that into the journal's next cut.
void pg_capture_set(PgCapture *capture, PgLeaf *leaf, PgLeafState state, uint64_t lsn);
// The whole table is to be read again, from a TRUNCATE event on.
void pg_capture_resync(PgCapture *capture, PgCaptured *table);
// What is committed of the table from `lsn` on is passed over, as the next cut remembers, with the reason, until it is
// read again.
void pg_capture_quarantine(PgCapture *capture, PgCaptured *table, const char *reason, uint64_t lsn);
// Read again, but not now: the next cut remembers it, so that it also outlives the process.
void pg_capture_resync_soon(PgCapture *capture, PgCaptured *table);
void pg_capture_put(PgCapture *capture, const PgCaptured *table); // its own record, into the next cut
TableState pg_captured_state(const PgCaptured *table);

// "schema.table" against comma-separated globs, as pg_catalog_tables matches them.
enum { NAME_DATA_BYTES = 256 }; // room for a name (NAMEDATALEN is 64)
bool pg_pattern_matches(const char *patterns, const char *space, const char *name);

#endif
