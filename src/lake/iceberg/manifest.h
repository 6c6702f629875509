// SPDX-License-Identifier: Apache-2.0
// Manifests and manifest lists (Iceberg specification, "Manifests", "Manifest Lists"): Avro files with field ids.
// Written as versions 2 and 3, read from any writer, of version 1 too.
#ifndef LEAT_LAKE_ICEBERG_MANIFEST_H
#define LEAT_LAKE_ICEBERG_MANIFEST_H

#include "core/base/buf.h"
#include "data/event/value.h"
#include "lake/iceberg/metadata.h"

typedef enum FileContent { CONTENT_DATA, CONTENT_POSITION_DELETES, CONTENT_EQUALITY_DELETES } FileContent;
typedef enum EntryStatus { ENTRY_EXISTING, ENTRY_ADDED, ENTRY_DELETED } EntryStatus;

// What is known of one column of a file.
typedef struct ColumnMetrics {
    int32_t id;
    int64_t size, values, nulls, nans; // -1 = not known
    Slice lower, upper;                // single-value form (bounds.h); data NULL = none
} ColumnMetrics;

typedef struct DataFile {
    FileContent content;
    Slice path;   // URI
    Slice format; // "PARQUET", "PUFFIN"; others are foreign
    int32_t spec_id;
    const Value *partition; // one a field of the spec, of the transform's result type; NULL when unpartitioned
    size_t partition_count;
    int64_t record_count;
    int64_t size;
    const ColumnMetrics *metrics; // by rising id
    size_t metric_count;
    const int64_t *split_offsets;
    size_t split_count;
    const int32_t *equality_ids;
    size_t equality_count;
    int32_t sort_order_id;  // -1 = none
    int64_t first_row_id;   // -1 = inherited or none
    Slice referenced_file;  // of position deletes for one data file, and of deletion vectors; data NULL = none
    int64_t content_offset; // deletion vectors: the blob in the Puffin file; -1 = none
    int64_t content_size;
} DataFile;

typedef struct ManifestEntry {
    EntryStatus status;
    int64_t snapshot_id;          // -1 = inherited; read: what was inherited is filled in
    int64_t sequence_number;      // likewise
    int64_t file_sequence_number; // likewise
    DataFile file;
} ManifestEntry;

typedef struct FieldSummary { // of one partition field, over a manifest's files
    bool contains_null;
    int contains_nan; // -1 = not said
    Slice lower, upper;
} FieldSummary;

typedef struct ManifestFile { // a line of a manifest list
    Slice path;
    int64_t length;
    int32_t spec_id;
    bool deletes;            // its content; else data
    int64_t sequence_number; // -1 in a new one: assigned when the list is written, as below
    int64_t min_sequence_number;
    int64_t added_snapshot_id;
    int32_t added_files, existing_files, deleted_files;
    int64_t added_rows, existing_rows, deleted_rows;
    const FieldSummary *partitions;
    size_t partition_count;
    int64_t first_row_id; // version 3, data manifests; -1 = none yet
    Slice key_metadata;
} ManifestFile;

// --- writing ---------------------------------------------------------------------------------------------------

// One manifest: files of one spec and one content. Bytes are appended to `out`; `made` says what the list is to say of
// it, but for path, and the slices of `made` live in the arena. `file` statuses: see the specification's inheritance
// rules: added ones have no numbers, existing and deleted ones have theirs.
typedef struct ManifestWriter ManifestWriter;
CHECKED bool manifest_writer_open(const TableMetadata *table, const TableSchema *schema, const PartitionSpec *spec,
                                  bool deletes, int64_t snapshot_id, ManifestWriter **writer, Err *err);
CHECKED bool manifest_writer_add(ManifestWriter *writer, const ManifestEntry *entry, Err *err);
uint64_t manifest_writer_estimate(const ManifestWriter *writer); // of the file's size
CHECKED bool manifest_writer_finish(ManifestWriter *writer, Arena *arena, Buf *out, ManifestFile *made, Err *err);
void manifest_writer_close(ManifestWriter *writer);

// The list of one snapshot. Gives manifests without sequence numbers this snapshot's, and in version 3 row ids from
// `*next_row_id` on, which is raised: what is given to the snapshot as added-rows.
CHECKED bool manifest_list_write(int32_t format_version, int64_t snapshot_id, int64_t parent_id,
                                 int64_t sequence_number, ManifestFile *manifests, size_t count, int64_t *next_row_id,
                                 Buf *out, Err *err);

// --- reading ---------------------------------------------------------------------------------------------------

// Everything lives in the arena. ERR_VALUE names file, entry and field.
CHECKED bool manifest_list_read(Slice bytes, Slice name, Arena *arena, ManifestFile **manifests, size_t *count,
                                Err *err);
// The entries, what they inherit filled in from `manifest`. `live`: without the deleted ones. `metrics`: with what is
// known of columns; without, reading is cheaper.
typedef struct ManifestRead {
    bool live, metrics;
} ManifestRead;
CHECKED bool manifest_read(Slice bytes, const ManifestFile *manifest, const TableMetadata *table, ManifestRead how,
                           Arena *arena, ManifestEntry **entries, size_t *count, Err *err);

#endif
