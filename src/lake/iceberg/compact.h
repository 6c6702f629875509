// SPDX-License-Identifier: Apache-2.0
// Compaction: which data files become one, and making it; position delete files of version 2 that become fewer. The
// sink's own maintenance and `leat table rewrite-data-files` ask the same functions:
//
//     table_each_file -> compact_plan -> compact_write for each group -> a snapshot "replace" with the made file added
//     and its sources removed (and, version 3, their deletion vectors)
//     deletes_plan -> deletes_merge -> likewise
#ifndef LEAT_LAKE_ICEBERG_COMPACT_H
#define LEAT_LAKE_ICEBERG_COMPACT_H

#include "lake/iceberg/commit.h"
#include "lake/iceberg/deletes.h"

// --- which -----------------------------------------------------------------------------------------------------

typedef struct CompactFile {
    const DataFile *file; // spec, partition, path, size, records
    int64_t deleted;      // rows of it; 0 where nobody knows
    void *owner;          // the caller's
} CompactFile;

typedef struct CompactRules {
    int64_t target_bytes;    // of a made file; 0 = 128 MiB
    int64_t rows_max;        // likewise; 0 = 50 M
    size_t files_min;        // so many of one size become one; 0 = 8
    int64_t deleted_percent; // a file with more deleted rows is made anew; 0 = 30
    int64_t deleted_min;     // if they are as many as this; 0 = 10,000
} CompactRules;

typedef struct CompactGroup { // becomes one file; all of one spec and partition
    const CompactFile **files;
    size_t count;
    int64_t bytes, rows; // that live, by estimate
} CompactGroup;

// Files are sorted into classes of size, each four times the one before: those of one class are joined once there are
// files_min of them, so a row is rewritten log4(target / first size) times and a partition has at most files_min - 1
// files of each class. A file with many deleted rows goes by what lives in it, alone if need be. Groups are in the
// arena, the cheapest first.
void compact_plan(const CompactFile *files, size_t count, const CompactRules *rules, Arena *arena,
                  CompactGroup **groups, size_t *group_count);
// By hand, all at once: every file that is smaller than three quarters of the target and every file with deleted rows.
// Those of one partition are joined up to the target; without deleted rows at least files_min of them.
void compact_plan_whole(const CompactFile *files, size_t count, const CompactRules *rules, Arena *arena,
                        CompactGroup **groups, size_t *group_count);
// What compaction needs of a live file, out of a manifest: without metrics and split offsets.
DataFile compact_file_copy(Arena *arena, const DataFile *file);

// --- making ----------------------------------------------------------------------------------------------------

typedef struct CompactSource {
    const DataFile *file;     // as the manifest has it: with first_row_id in version 3
    int64_t sequence;         // its data sequence number
    const Positions *deleted; // rows that are left out; NULL = none
} CompactSource;

typedef struct CompactWrite {
    LakeIo *io;
    const TableMetadata *table; // rows are written in its current schema
    const CompactSource *sources;
    size_t count;
    Slice uri;     // of the file that is made; compact_name gives one
    int level;     // of zstd; 0 = 1
    size_t memory; // of the open row group; 0 = 64 MiB
    // Asked every thousand rows or so, and may wait; false stops with its error. NULL = never.
    bool (*pace)(void *context, Err *err);
    void *context;
} CompactWrite;

// Rows of all sources one after another in their order, those deleted left out: row r of source i is now row
// (rows that live in the sources before i) + r - (deleted ones of i below r). In version 3 rows keep their ids
// (_row_id, _last_updated_sequence_number become columns). *made is as a manifest wants it, in the arena, the file
// durable; made->record_count 0: nothing lives, no file was written.
CHECKED bool compact_write(const CompactWrite *how, Arena *arena, DataFile *made, Err *err);
// ".../data/PARTITION/compact-RANDOM.parquet", in the arena. `like`: its spec and partition.
CHECKED bool compact_name(const TableMetadata *table, const DataFile *like, const char *kind, Arena *arena, Slice *uri,
                          Err *err);

// --- position delete files (version 2) -------------------------------------------------------------------------

// Which are merged: of one spec, partition and referenced file, files_min of one class of size, as above (by records);
// alone, one half of whose rows are of data files that are gone (`deleted`: how many are; 0 where nobody knows).
void deletes_plan(const CompactFile *files, size_t count, size_t files_min, Arena *arena, CompactGroup **groups,
                  size_t *group_count);
// What the delete files say of files that are live, in one new file for all of them, or one for each data file that
// has many. `live` says which data files there are. Nothing left: *made_count 0.
CHECKED bool deletes_merge(LakeIo *io, const TableMetadata *table, const DataFile *const *files, size_t count,
                           bool (*live)(void *context, Slice path), void *context, Arena *arena, DataFile **made,
                           size_t *made_count, Err *err);
// What a manifest says of a file of such positions; the vectors are sorted by data file. In the arena, and what the
// vectors' names point to.
void delete_file_metrics(Arena *arena, const PuffinVector *vectors, size_t count, DataFile *file);

#endif
