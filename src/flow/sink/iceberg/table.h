// SPDX-License-Identifier: Apache-2.0
// One table of the lake while it is written: rows go into data files that are open, keys into the index, and what they
// replace into sets of deleted rows, until a commit takes all of it.
#ifndef LEAT_FLOW_SINK_ICEBERG_TABLE_H
#define LEAT_FLOW_SINK_ICEBERG_TABLE_H

#include "core/base/map.h"
#include "flow/sink/iceberg/mapping.h"
#include "flow/sink/iceberg/options.h"
#include "lake/catalog/catalog.h"
#include "lake/iceberg/commit.h"
#include "lake/iceberg/deletes.h"
#include "lake/index/index.h"
#include "storage/journal/journal.h"

// What the tables of a sink share.
typedef struct Lake {
    const LakeOptions *options;
    const char *pipeline;
    const char *owner; // see state.h
    const char *state_directory;
    size_t memory_bytes_max;
    LakeIo *io;
    Catalog *catalog;
    Arena *scratch; // reset after each event
    bool append;
    bool watched;       // see repair.h
    uint64_t epoch_max; // of the journal: no table has a commit of a later one
    EventOp first;      // of the event that a table is opened for
    // Counted:
    uint64_t files, bytes, events;
    uint64_t commits; // that had something
} Lake;

// A data file that is live, or will be with the next commit.
typedef struct LakeDataFile {
    uint32_t number;  // in the index
    DataFile file;    // path, spec, partition, records, size; metrics only until it is committed
    int64_t deleted;  // rows, with those of the next commit
    Positions *rows;  // deleted ones: v3 all of them, v2 those of the next commit; NULL = none
    Positions *since; // deleted since maintenance began to read the table; NULL = none
    Arena own[1];     // path, partition
    bool fresh;       // the next commit adds it
    bool changed;     // the next commit deletes rows of it
    bool gone;        // the next commit takes it away; a fresh one never was
    bool before;      // it was there when the table was taken over (adopt.h)
    bool vector;      // v3: the table has a deletion vector of it
    LakeFile *bytes;  // fresh: written, not yet durable; NULL = it is
} LakeDataFile;

typedef struct LakeWriter LakeWriter; // of one partition's open data file (writer.c)

typedef struct PendingKeys { // not yet told to the index
    Buf hashes;              // KeyHash
    Buf now, was;            // KeyPlace
    size_t count;
    bool load; // they are new, all of them
} PendingKeys;

typedef struct ToastRow ToastRow;
typedef struct ToastKept {
    Arena arena;
    Map by_place; // by file and row: values, one a field of the table
} ToastKept;
typedef struct Toast { // rows that wait for values (toast.h)
    Buf rows;          // ToastRow *, in the order in which they came
    Map by_key;
    Arena waiting;     // as long as there are rows
    ToastKept kept[2]; // values that were read: younger, older
} Toast;

typedef struct LakeUpkeep { // what maintenance wants to know (maintain.h)
    uint64_t files, rows;   // added and deleted since it looked
    bool again;             // there may be more to do
    bool watched;           // it is at work: which rows are deleted meanwhile?
    int64_t after_us;       // not before
    int64_t changed_us;     // when the last commit of changes was made
    int64_t rested_us;      // likewise: the one behind which nothing was left to do; equal: it is in order
    uint64_t truncations;
} LakeUpkeep;

typedef struct LakeSwap { // files that maintenance puts in the place of others, in a commit of its own
    bool on;
    const DataFile *data; // of a table that does not know its files; NULL = none
    const DataFile *data_removed;
    size_t data_removed_count;
    const DataFile *added, *removed; // delete files
    size_t added_count, removed_count;
} LakeSwap;

typedef struct LakeTable {
    Lake *lake;
    Slice topic;
    Slice source_space, source_table;
    TableName name;
    Table *table;
    KeyIndex *index;  // NULL: append, or no key
    int64_t index_us; // when it was last made durable
    Arena run[1];     // as long as the table
    Arena batch[1];   // until the next commit is done
    Arena shape[1];   // of the mapping
    Mapping mapping;
    const Schema *schema;         // that the mapping is of
    Slice numbers;                // mapping_numbers
    Value *row;                   // one a field of the table
    uint64_t committed;           // events below are in the table
    uint64_t next;                // behind the last event taken
    int64_t newest_us, oldest_us; // when the last one happened, and the first that is not committed (0 = all are)
    int64_t committed_us;         // and the newest that is; 0 = none since it was opened
    Map files;                    // by number: LakeDataFile
    Map by_path;
    uint32_t next_file;
    Map writers;      // by partition: LakeWriter
    LakeWriter *only; // of an unpartitioned table
    Buf written;      // LakeFile *: delete files of the next commit, not yet durable
    PendingKeys pending;
    bool append;         // every change is a row
    bool empty;          // nothing was ever in it: keys of a first snapshot are new
    bool touched;        // the next commit has something of it
    bool truncated;      // …and takes away all files of before
    bool adopting;       // files of before wait for the sweep (adopt.h)
    bool adopted;        // the next commit says that this is done
    KeyPlace last_place; // of the row whose key is being changed: where its unchanged values are
    Toast toast;
    Map moved; // rows that are elsewhere than the index says (moved.h)
    LakeUpkeep upkeep;
    LakeSwap swap;
    uint64_t rows_added, rows_deleted; // of the next commit
    Map gone;                          // keys deleted since a tag (repair.h), by hash
    bool gone_all;                     // …all of them may have been
    bool borrowed;                     // `schema` is gone soon
    struct RecordTable *records;       // of a connector's sink (record_table.h); NULL: the rows are events'
    const char *branch;                // that commits go to; NULL = main
} LakeTable;

// Of a file as it is or will be committed: path and partition copied, nothing else known.
LakeDataFile *lake_data_file_new(const DataFile *file);

// Keys on their way into the index. `load`: the key is new for sure, as those of a table's first snapshot are.
CHECKED bool pending_add(LakeTable *table, KeyHash hash, KeyPlace now, bool load, Err *err);
void pending_reset(PendingKeys *pending);
void lake_row_deleted(LakeTable *table, KeyPlace place); // in the next commit
// Tells the index; what the keys' rows replaced is deleted.
CHECKED bool pending_drain(LakeTable *table, Err *err);
// Where the whole row is the key: the index says where these rows are now that they have moved (moved.h).
CHECKED bool pending_moved(LakeTable *table, const KeyHash *hashes, size_t count, Err *err);
uint64_t lake_number(Slice text); // digits; 0 where there are none

// Finds or makes the table in the catalog, its index, and where it stands. Not there, and not to be made: NULL.
// ERR_EXISTS: it is there and not ours.
CHECKED bool lake_table_open(Lake *lake, Slice topic, const Schema *schema, bool create, LakeTable **table, Err *err);
void lake_table_close(LakeTable *table);
// An event of the table's topic. ERR_VALUE, ERR_TABLE name its place.
CHECKED bool lake_table_take(LakeTable *table, const JournalEntry *entry, Err *err);
size_t lake_table_held(const LakeTable *table); // memory
// Moves to the disk what holds most: open files, or keys that the index does not know yet.
CHECKED bool lake_table_spill(LakeTable *table, Err *err);

// Keys are in the index, open files have ended.
CHECKED bool lake_table_settle(LakeTable *table, Err *err);

// --- commits ---------------------------------------------------------------------------------------------------

typedef struct LakeCut { // what a commit says of where it stands
    Slice position;      // of the source, as bytes
    uint64_t epoch, log; // of the journal
    uint64_t sequence;
    uint64_t cut_ms;
} LakeCut;

// Ends the open files and writes delete files; gives the work of a snapshot. *none: nothing came of it.
CHECKED bool lake_table_prepare(LakeTable *table, const LakeCut *cut, SnapshotWork *work, bool *none, Err *err);
// The commit stands (NULL: nothing was to be committed): what was pending is the table's.
CHECKED bool lake_table_done(LakeTable *table, const CatalogCommit *commit, Err *err);
// What the catalog has now. ERR_CHANGED: somebody else has written to the table, and neither its files nor its index
// are known any more; it is to be closed.
CHECKED bool lake_table_refresh(LakeTable *table, const CatalogTable *now, Err *err);
// Asks the catalog. *same: nobody has.
CHECKED bool lake_table_same(LakeTable *table, Arena *scratch, bool *same, Err *err);

#endif
