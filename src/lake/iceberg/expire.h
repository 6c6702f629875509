// SPDX-License-Identifier: Apache-2.0
// Which snapshots of a table are needed no more, and which files nobody reaches: choices alone, so that clocks can be
// simulated. The sink's own maintenance and `leat table expire-snapshots | remove-orphan-files` ask the same functions:
//
//     snapshots_to_expire -> REMOVE_SNAPSHOTS (and REMOVE_SNAPSHOT_REF) by the catalog -> table_refresh ->
//     table_unreachable (commit.h) -> after the readers' grace: lake_io_remove
//     table_orphans -> lake_io_remove
#ifndef LEAT_LAKE_ICEBERG_EXPIRE_H
#define LEAT_LAKE_ICEBERG_EXPIRE_H

#include "lake/iceberg/commit.h"

// Ages in milliseconds. All snapshots stay up to `dense`, then the last one of each minute up to `minutes`, then the
// last of each hour up to `retention`, then none. To keep all of up to N: dense_ms = minutes_ms = retention_ms = N.
typedef struct SnapshotRules {
    int64_t now_ms;
    int64_t dense_ms, minutes_ms, retention_ms;
    size_t min_snapshots; // of each branch, newest first; at least 1
} SnapshotRules;
#define SNAPSHOT_DENSE_MS   (INT64_C(10) * 60 * 1000)
#define SNAPSHOT_MINUTES_MS (INT64_C(60) * 60 * 1000)

typedef struct SnapshotChoice { // in the arena
    const int64_t *ids;         // of snapshots that go, oldest first
    size_t count;
    const Slice *refs; // names of branches and tags that have outlived their own max-ref-age-ms
    size_t ref_count;
} SnapshotChoice;

// Never goes: what a branch or tag points to; the newest ones that a branch's own or the table's
// (history.expire.min-snapshots-to-keep) minimum asks for; where a branch or the table (history.expire.max-snapshot-
// age-ms) names an age, nothing younger in its line, and older ones go: such lines are not thinned. A history with
// gaps is followed by sequence numbers.
void snapshots_to_expire(const TableMetadata *metadata, const SnapshotRules *rules, Arena *arena,
                         SnapshotChoice *choice);

// Files below the table's data/ and metadata/ folders that nothing in its metadata reaches and that were last written
// before `before_ms`. Files of a commit under way are among them while it is not done: three days are a safe age.
// Metadata files (*.metadata.json, version-hint.text) count, too. ERR_NOT_FOUND: the table lacks a file that it needs;
// nothing was visited.
CHECKED bool table_orphans(Table *table, LakeIo *io, int64_t before_ms,
                           bool (*visit)(void *context, Slice uri, uint64_t size, Err *err), void *context, Err *err);
#define ORPHAN_AGE_MS (INT64_C(3) * 24 * 3600 * 1000)

#endif
