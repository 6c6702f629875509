// SPDX-License-Identifier: Apache-2.0
// Snapshots: files that come and go, made into manifests, a manifest list and the updates that a catalog commits.
//
// A Table keeps what one writer knows of one table: its metadata, the live manifests, and the entries of those that it
// had to read. So a commit reads nothing that it wrote itself.
#ifndef LEAT_LAKE_ICEBERG_COMMIT_H
#define LEAT_LAKE_ICEBERG_COMMIT_H

#include "lake/iceberg/io.h"
#include "lake/iceberg/manifest.h"
#include "lake/iceberg/update.h"

typedef struct Table Table;

CHECKED bool table_open(LakeIo *io, Slice metadata_json, Slice metadata_file, Table **table, Err *err);
// Likewise, of what somebody else holds as well.
void table_open_held(LakeIo *io, MetadataHeld *held, Table **table);
void table_close(Table *table);
MetadataHeld *table_held(const Table *table); // until the next refresh; metadata_hold keeps it
const TableMetadata *table_metadata(const Table *table);
Slice table_metadata_file(const Table *table);
// The catalog has another metadata now: ours was committed, or somebody else's. What is known of manifests that are
// still there is kept.
CHECKED bool table_refresh(Table *table, Slice metadata_json, Slice metadata_file, Err *err);
CHECKED bool table_refresh_held(Table *table, MetadataHeld *held, Err *err);
// Live files of a snapshot, deletes too, one after another; false from `visit` stops with its error.
CHECKED bool table_each_file(Table *table, const Snapshot *snapshot, bool metrics,
                             bool (*visit)(void *context, const ManifestEntry *entry, Err *err), void *context,
                             Err *err);

typedef struct SnapshotWork {
    const char *operation; // append, overwrite, delete, replace
    int64_t snapshot_id;   // chosen by the caller (snapshot_id_new), by which it finds its commit again
    const DataFile *added; // data, delete files, deletion vectors
    size_t added_count;
    // Live files that go: by path; a deletion vector by its data file (referenced_file). Those that are not live (any
    // more) are ERR_CHANGED: somebody else has rewritten them.
    const DataFile *removed;
    size_t removed_count;
    const int64_t *added_sequences; // data sequence numbers of added files, for rewrites; NULL = the snapshot's own
    const Property *summary;        // beside what is counted here; NULL = none
    size_t summary_count;
    const char *branch;         // NULL = main
    size_t merge_manifests_min; // so many small manifests of a spec become one; 0 = never
} SnapshotWork;

int64_t snapshot_id_new(void); // random, positive
// Writes the manifests and the list; gives the updates (add-snapshot, set-snapshot-ref) and the requirements (uuid,
// ref) in the arena, for more to be added. When the catalog says ERR_CHANGED: table_refresh, then this again with the
// same work: manifests of added files are used again. The rules of section 3.3 (what else may have happened in between)
// are the caller's.
typedef struct SnapshotMade {
    TableUpdate updates[2];
    TableRequirement requirements[2];
    Snapshot snapshot;
    uint64_t bytes; // of metadata files written
} SnapshotMade;
CHECKED bool table_make_snapshot(Table *table, const SnapshotWork *work, Arena *arena, SnapshotMade *made, Err *err);
// Files of a work that came to nothing: manifests and list are removed, the data files are the caller's.
void table_drop_snapshot(Table *table, const SnapshotWork *work);

// --- expiry and orphans ----------------------------------------------------------------------------------------

// Files that only these snapshots reach, which are no longer in `table`'s metadata: manifests, lists, data and deletes.
CHECKED bool table_unreachable(Table *table, const Snapshot *expired, size_t count,
                               bool (*visit)(void *context, Slice uri, Err *err), void *context, Err *err);
// Every file that the metadata reaches: its own and older metadata files, lists, manifests, data, deletes, statistics.
CHECKED bool table_reachable(Table *table, bool (*visit)(void *context, Slice uri, Err *err), void *context, Err *err);

#endif
