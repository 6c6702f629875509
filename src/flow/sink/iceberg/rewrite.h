// SPDX-License-Identifier: Apache-2.0
// Files of a table made anew: a group of data files becomes one, position delete files become fewer or go. The sink's
// maintenance (maintain_job.c) and work by hand (hand_rewrite.c) differ in what they choose and in how they commit it:
//
//     rewrite_look -> rewrite_files -> a plan (lake/iceberg/compact.h) -> rewrite_group -> rewrite_deletes
#ifndef LEAT_FLOW_SINK_ICEBERG_REWRITE_H
#define LEAT_FLOW_SINK_ICEBERG_REWRITE_H

#include "core/base/map.h"
#include "lake/iceberg/compact.h"
#include "lake/iceberg/rows.h"

typedef struct Rewrite {
    LakeIo *io;
    Table *table;
    Arena *arena;  // of all that is found and made
    int level;     // of zstd
    size_t memory; // of an open row group
    // Asked every thousand rows or so, and may wait; false stops with its error. NULL = never.
    bool (*pace)(void *context, Err *err);
    void *context;
    // Found:
    const Snapshot *snapshot;
    Buf data, deletes; // RewriteFile
    Map live;          // paths of data files that stay
    LakeDeletes *positions;
} Rewrite;

typedef struct RewriteFile {
    DataFile file; // without metrics
    int64_t sequence;
} RewriteFile;

// What is live in a snapshot of the table. The snapshot need not stay.
CHECKED bool rewrite_look(Rewrite *rewrite, const Snapshot *snapshot, Err *err);
void rewrite_release(Rewrite *rewrite); // the table is the caller's
size_t rewrite_file_count(const Buf *files);
RewriteFile *rewrite_file(const Buf *files, size_t i);
// Data files, for a plan; how many rows of them are deleted is for the caller to say.
CompactFile *rewrite_files(Rewrite *rewrite, size_t *count);
// Reads the deletes of the snapshot, once, while it is the table's. ERR_TABLE: there are equality deletes.
CHECKED bool rewrite_positions(Rewrite *rewrite, Err *err);

typedef struct RewriteSource {
    Slice path;
    Positions *dropped; // rows that were left out, the caller's now; NULL = none
    uint32_t base;      // its first row in the file that is made
} RewriteSource;

typedef struct RewriteGroup {
    DataFile made;         // record_count 0: nothing lives, no file was written
    const DataFile *files; // the sources: they are no longer live
    RewriteSource *sources;
    size_t count;
    uint64_t rows_dropped;
} RewriteGroup;

CHECKED bool rewrite_group(Rewrite *rewrite, const CompactGroup *group, RewriteGroup *made, Err *err);

typedef struct RewriteDeletes {
    size_t files_min;  // so many of a size are merged: see deletes_plan
    size_t groups_max; // 0 = all
    bool dry_run;      // only what would go
    bool only_remove;  // nothing is merged
    // Found out, in the arena:
    const DataFile *removed, *made;
    size_t removed_count, made_count;
} RewriteDeletes;

// Position delete files without a vector. Those go that no live data file has a row in; of version 2 others are merged,
// and made anew without what no longer counts. Where positions have not been read only those go that name their one
// data file.
CHECKED bool rewrite_deletes(Rewrite *rewrite, RewriteDeletes *deletes, Err *err);

#endif
