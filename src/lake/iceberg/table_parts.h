// SPDX-License-Identifier: Apache-2.0
// What a Table knows beside its metadata, for the files that make it up.
#ifndef LEAT_LAKE_ICEBERG_TABLE_PARTS_H
#define LEAT_LAKE_ICEBERG_TABLE_PARTS_H

#include "core/base/map.h"
#include "lake/iceberg/commit.h"

enum {
    LISTS_KEPT = 4,
    WORKS_KEPT = 4,
    MANIFEST_TARGET_BYTES = 8 * 1024 * 1024,
    CACHE_BYTES_MAX = 32 * 1024 * 1024, // of manifests as they are stored
    CACHE_PIECE_MAX = CACHE_BYTES_MAX / 4,
};

// Files and rows, as summaries of snapshots count them.
typedef struct FileCounts {
    int64_t data_files, delete_files, position_files, equality_files, vectors;
    int64_t records, size, position_deletes, equality_deletes;
} FileCounts;
void file_counts_add(FileCounts *counts, const DataFile *file);

// A manifest that was read or written.
typedef struct KnownManifest {
    Buf bytes;      // the file, or nothing: it was put out for others
    Buf keys;       // a file_key of each live file, sorted
    bool has_keys;  // else not read yet
    uint64_t used;  // a clock of the table's
    uint64_t round; // of the last commit that it was live in
} KnownManifest;

typedef struct KnownList {
    Arena arena;
    Slice uri; // empty: none
    ManifestFile *manifests;
    size_t count;
    uint64_t used;
} KnownList;

// A manifest that stands for others in the new snapshot: without removed files, or merged.
typedef struct Rewrite {
    struct Rewrite *next;
    Slice *sources; // paths
    size_t source_count;
    ManifestFile made;
    FileCounts removed;
    size_t removed_files;
    Slice *partitions;  // of the removed files
    size_t *removed_at; // in the work
} Rewrite;

typedef struct PendingFile {
    struct PendingFile *next;
    Slice uri;
    Buf bytes;
} PendingFile;

// What was written for a snapshot that is not committed yet.
typedef struct Work {
    int64_t snapshot_id; // 0 = none
    Arena arena;
    char uuid[37];
    uint32_t manifest_count, attempt;
    bool added_done;
    ManifestFile *added; // as made: without sequence numbers
    size_t added_count;
    Rewrite *rewrites;
    PendingFile *pending;
    Slice list; // the last one written
    uint64_t used;
} Work;

struct Table {
    LakeIo *io;
    MetadataHeld *held;
    TableMetadata metadata; // what is held
    Slice metadata_file;
    KnownList lists[LISTS_KEPT];
    Work works[WORKS_KEPT];
    Map manifests; // path to KnownManifest
    size_t cached; // bytes
    uint64_t clock, round;
};

// By what a live file is found: its path, or for a deletion vector its data file.
bool file_is_vector(const DataFile *file);
uint64_t file_key(const DataFile *file);

CHECKED bool table_list(Table *table, const Snapshot *snapshot, const KnownList **list, Err *err);
KnownList *table_list_room(Table *table); // the one longest unused, emptied
CHECKED bool table_entries(Table *table, const ManifestFile *manifest, ManifestRead how, Arena *arena,
                           ManifestEntry **entries, size_t *count, Err *err);
KnownManifest *table_manifest(Table *table, Slice path); // made when it is not known yet
void table_manifest_keep(Table *table, KnownManifest *known, Slice bytes);
void table_keys_add(KnownManifest *known, const DataFile *file);
void table_keys_done(KnownManifest *known);
bool table_keys_have(const KnownManifest *known, uint64_t key);
// With its keys, read if they are not known.
CHECKED bool table_manifest_keys(Table *table, const ManifestFile *manifest, const KnownManifest **known, Err *err);
void table_forget_manifests(Table *table); // those that were not live in this round

void work_release(Work *work);
Work *work_find(Table *table, int64_t snapshot_id); // NULL when absent

// The summary of a new snapshot.
typedef struct SummaryParts {
    const SnapshotWork *work;
    FileCounts added, removed;
    size_t partitions; // changed
    size_t manifests_created, manifests_kept, manifests_replaced;
    const Snapshot *parent; // NULL = none
    const KnownList *list;  // of the parent
} SummaryParts;
CHECKED bool summary_make(Table *table, const SummaryParts *parts, Arena *arena, Snapshot *snapshot, Err *err);

#endif
