// SPDX-License-Identifier: Apache-2.0
// A table's metadata (Iceberg specification, "Table Metadata", versions 1 to 3): what one metadata.json holds. Read
// from any writer, written as versions 2 and 3; what leat does not know of is kept and written back.
//
// Immutable once made, and all of it in one arena: a change makes a new one (update.h).
//
// `others` in what follows: members that leat does not know, as JSON, "name":value one behind another with commas.
#ifndef LEAT_LAKE_ICEBERG_METADATA_H
#define LEAT_LAKE_ICEBERG_METADATA_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/event/value.h"
#include "data/format/shape.h"

// Ids of columns that no user's schema has.
enum {
    ICEBERG_ID_FILE_PATH = 2147483546, // of position deletes
    ICEBERG_ID_POS = 2147483545,
    ICEBERG_ID_ROW_ID = 2147483540,       // _row_id
    ICEBERG_ID_LAST_UPDATED = 2147483539, // _last_updated_sequence_number
    ICEBERG_ID_USER_MAX = 2147483447,
    ICEBERG_PARTITION_ID_FIRST = 1000,
};

// The columns are a STRUCT shape whose ids are the fields' ids. Types that shapes do not have (fixed[N], timestamp_ns,
// variant, …) are SHAPE_BYTES with the note "iceberg.type", whose text is the type's JSON: kept, and not written to.
// So are maps whose keys are no strings. Defaults are the notes "initial-default" and "write-default" of a field's
// shape, as JSON; members that leat does not know the notes "iceberg.members" (of the field) and
// "iceberg.type-members".
typedef struct TableSchema {
    int32_t id;
    const Shape *shape;
    const int32_t *identifier_ids; // the key's columns
    size_t identifier_count;
    Slice others;
} TableSchema;

typedef enum TransformKind {
    TRANSFORM_IDENTITY,
    TRANSFORM_BUCKET,
    TRANSFORM_TRUNCATE,
    TRANSFORM_YEAR,
    TRANSFORM_MONTH,
    TRANSFORM_DAY,
    TRANSFORM_HOUR,
    TRANSFORM_VOID,
    TRANSFORM_OTHER, // unknown: the table can be read, and not written to
} TransformKind;

typedef struct PartitionField {
    int32_t source_id; // of the column; -1 = of several columns (`others` says which)
    int32_t field_id;  // 1000 and up; 0 = to be given by table_metadata_apply
    Slice name;
    TransformKind transform;
    int32_t width;        // BUCKET: of buckets, TRUNCATE
    Slice transform_text; // as written: "bucket[16]"
    Slice others;
} PartitionField;

typedef struct PartitionSpec {
    int32_t id;
    const PartitionField *fields;
    size_t field_count; // 0 = unpartitioned
} PartitionSpec;

typedef struct SortField {
    int32_t source_id; // -1 = of several columns
    Slice transform_text;
    bool descending, nulls_last;
    Slice others;
} SortField;

typedef struct SortOrder {
    int32_t id;
    const SortField *fields;
    size_t field_count; // 0 = unsorted
} SortOrder;

typedef struct Property {
    Slice key;
    Slice value;
} Property;

typedef struct Snapshot {
    int64_t id;
    int64_t parent_id; // -1 = none
    int64_t sequence_number;
    int64_t timestamp_ms;
    Slice manifest_list;     // URI; empty: version 1's list of manifests is in `others`
    const Property *summary; // "operation" among them
    size_t summary_count;
    int32_t schema_id;    // -1 = not said
    int64_t first_row_id; // version 3; -1 = none
    int64_t added_rows;   // version 3; -1 = none
    Slice others;
} Snapshot;

typedef struct SnapshotRef {
    Slice name;
    int64_t snapshot_id;
    bool tag;              // else a branch
    int64_t min_snapshots; // to keep; -1 = not said, as below
    int64_t max_snapshot_age_ms;
    int64_t max_ref_age_ms;
    Slice others;
} SnapshotRef;

typedef struct MetadataLogEntry {
    int64_t timestamp_ms;
    Slice file;
} MetadataLogEntry;

typedef struct SnapshotLogEntry {
    int64_t timestamp_ms;
    int64_t snapshot_id;
} SnapshotLogEntry;

typedef struct TableMetadata {
    int32_t format_version; // 1, 2, 3
    Slice uuid;             // as text
    Slice location;         // without a slash at its end
    int64_t last_sequence_number;
    int64_t last_updated_ms;
    int32_t last_column_id;
    const TableSchema *schemas;
    size_t schema_count;
    int32_t current_schema_id;
    const PartitionSpec *specs;
    size_t spec_count;
    int32_t default_spec_id;
    int32_t last_partition_id;
    const SortOrder *orders;
    size_t order_count;
    int32_t default_order_id;
    const Property *properties;
    size_t property_count;
    int64_t current_snapshot_id; // -1 = none
    const Snapshot *snapshots;
    size_t snapshot_count;
    const SnapshotLogEntry *snapshot_log;
    size_t snapshot_log_count;
    const MetadataLogEntry *metadata_log;
    size_t metadata_log_count;
    const SnapshotRef *refs;
    size_t ref_count;
    int64_t next_row_id; // version 3
    // Lists that are kept as they are, as JSON; empty = absent: statistics, partition-statistics, encryption-keys.
    Slice statistics, partition_statistics, encryption_keys;
    Slice others;
} TableMetadata;

enum { TABLE_METADATA_BYTES_MAX = 512 << 20 };

// Everything is copied into the arena. ERR_VALUE names the member and what is wrong with it; ERR_FORMAT_NEWER: a
// version above 3; ERR_MEMORY: more than TABLE_METADATA_BYTES_MAX. Version 1 is read as if it were an unsequenced 2.
CHECKED bool table_metadata_parse(Slice json, Arena *arena, TableMetadata *metadata, Err *err);
// Version 1 is written as 2.
void table_metadata_write(const TableMetadata *metadata, Buf *out);
// What a new table begins with: no snapshots; columns' and partition fields' ids as they are given (table_number makes
// them), schema and spec with id 0, the order with 0 when it is empty, else 1. Properties that are reserved
// (iceberg.md: "format-version", "uuid", …) are left out. Texts stay where they are.
CHECKED bool table_metadata_new(int32_t format_version, Slice uuid, Slice location, const TableSchema *schema,
                                const PartitionSpec *spec, const SortOrder *order, const Property *properties,
                                size_t property_count, int64_t now_ms, Arena *arena, TableMetadata *metadata, Err *err);
// ".../metadata/00007-UUID.metadata.json" of the next version after `previous` (empty: the first). In the table's
// location, or where its property write.metadata.path says.
Slice table_metadata_next_file(const TableMetadata *metadata, Slice previous, Arena *arena);
int64_t table_metadata_file_version(Slice file); // 7 of ".../00007-UUID.metadata.json", "v7.metadata.json"; -1 = none

// Metadata that some hold at once, in an arena of its own, whatever their threads: who has written a metadata file need
// not read it again.
typedef struct MetadataHeld MetadataHeld;
MetadataHeld *metadata_held_copy(const TableMetadata *metadata, Slice file); // `file`: where it stands
CHECKED bool metadata_held_parse(Slice json, Slice file, MetadataHeld **held, Err *err);
MetadataHeld *metadata_hold(MetadataHeld *held); // once more
void metadata_held_release(MetadataHeld *held);  // by each that holds it; NULL is fine
const TableMetadata *metadata_held(const MetadataHeld *held);
Slice metadata_held_file(const MetadataHeld *held);
size_t metadata_held_bytes(const MetadataHeld *held);

const TableSchema *table_schema_current(const TableMetadata *metadata);
const TableSchema *table_schema_find(const TableMetadata *metadata, int32_t id); // NULL when absent, as below
const PartitionSpec *table_spec_find(const TableMetadata *metadata, int32_t id);
const Snapshot *table_snapshot_find(const TableMetadata *metadata, int64_t id);
const Snapshot *table_snapshot_current(const TableMetadata *metadata);
const SnapshotRef *table_ref_find(const TableMetadata *metadata, Slice name);
Slice table_property(const TableMetadata *metadata, const char *key); // data NULL = absent
Slice snapshot_summary(const Snapshot *snapshot, const char *key);    // likewise
bool table_is_ancestor(const TableMetadata *metadata, int64_t ancestor, int64_t snapshot_id);

// --- schemas and partitions as JSON ----------------------------------------------------------------------------

void table_schema_write(const TableSchema *schema, Buf *out);
CHECKED bool table_schema_parse(Slice json, Arena *arena, TableSchema *schema, Err *err);
void partition_spec_write(const PartitionSpec *spec, Buf *out);   // {"spec-id":…,"fields":[…]}
void partition_fields_write(const PartitionSpec *spec, Buf *out); // […]: as manifests have it
// Either form. Fields without ids are given 1000 and up.
CHECKED bool partition_spec_parse(Slice json, Arena *arena, PartitionSpec *spec, Err *err);
void sort_order_write(const SortOrder *order, Buf *out);
CHECKED bool sort_order_parse(Slice json, Arena *arena, SortOrder *order, Err *err);
void snapshot_write(const Snapshot *snapshot, Buf *out);
CHECKED bool snapshot_parse(Slice json, Arena *arena, Snapshot *snapshot, Err *err);
// "decimal(10, 2)", "list" objects and all: of one type.
void iceberg_type_write(const Shape *shape, Buf *out);
// Gives every field, element, key and value of the shape a new id, above *last, level by level as Java does.
Shape shape_number(Arena *arena, const Shape *shape, int32_t *last);
// What a catalog does with a table that a client asks for: new ids from 1 on for all columns, which key columns, spec
// and order follow (their sources must be there), and partition fields from 1000 on.
CHECKED bool table_number(Arena *arena, TableSchema *schema, PartitionSpec *spec, SortOrder *order, Err *err);
int32_t shape_highest_id(const Shape *shape); // of all within
// Same columns and key: what makes two schemas one.
bool table_schema_equal(const TableSchema *a, const TableSchema *b);
// The field or nested field of that id; NULL when absent.
const Shape *shape_by_id(const Shape *shape, int32_t id);
// What a column's value is where nobody gave one: in files of before it was added (initial), in rows of writers that do
// not know of it (write). Version 3; JSON (specification, Appendix D, "JSON single-value serialization").
#define ICEBERG_INITIAL_DEFAULT "initial-default"
#define ICEBERG_WRITE_DEFAULT   "write-default"
bool iceberg_has_default(const Shape *shape, const char *note); // and it is not null
// VALUE_NULL where there is none; in the arena. ERR_VALUE: it is none of that type; lists and maps have none.
CHECKED bool iceberg_default(const Shape *shape, const char *note, Arena *arena, Value *value, Err *err);
// The defaults of a column whose type becomes that of `to`, which loses its other notes.
void iceberg_defaults_promote(const Shape *from, Shape *to, Arena *arena);
// May a column of `from` become `to` in place (specification, "Schema Evolution")? 3 has more than 2.
bool iceberg_promotes(const Shape *from, const Shape *to, int32_t format_version);

#endif
