// SPDX-License-Identifier: Apache-2.0
// What the files of the table metadata share among themselves; readers of parts are given to json_in_struct's tables.
#ifndef LEAT_LAKE_ICEBERG_PARTS_H
#define LEAT_LAKE_ICEBERG_PARTS_H

#include "lake/iceberg/json_in.h"
#include "lake/iceberg/metadata.h"

#define ICEBERG_NOTE_TYPE         "iceberg.type"
#define ICEBERG_NOTE_MEMBERS      "iceberg.members"
#define ICEBERG_NOTE_TYPE_MEMBERS "iceberg.type-members"

// Each target is zeroed.
JsonInRead table_schema_in; // TableSchema; id 0 when it has none
JsonInRead partition_spec_in;
JsonInRead partition_field_in; // id 0 when it has none
JsonInRead sort_order_in;
JsonInRead snapshot_in;
JsonInRead snapshot_ref_type_in; // "branch" or "tag", into a SnapshotRef
// Its name stays as it is.
CHECKED bool snapshot_ref_in(JsonIn *in, JsonToken first, SnapshotRef *ref, Err *err);
// Of a statistics file, and of an encryption key.
CHECKED bool json_object_snapshot_id(Slice json, Arena *arena, int64_t *id, Err *err);
CHECKED bool json_object_key_id(Slice json, Arena *arena, Slice *id, Err *err);

// ERR_VALUE: no such ids, names or key columns can be.
CHECKED bool table_schema_check(const TableSchema *schema, Err *err);
// ERR_VALUE names the first column whose type or default a version does not have.
CHECKED bool table_schema_check_version(const TableSchema *schema, int32_t format_version, Err *err);
// ERR_VALUE: a retention that a ref of that kind cannot have, or main is no branch.
CHECKED bool snapshot_ref_check(const SnapshotRef *ref, Err *err);
CHECKED bool snapshot_check(const Snapshot *snapshot, Err *err);
// ERR_VALUE: the columns of that spec or order are not in the schema, or of a type that it does not take.
CHECKED bool partition_spec_check(const PartitionSpec *spec, const TableSchema *schema, Err *err);
CHECKED bool sort_order_check(const SortOrder *order, const TableSchema *schema, Err *err);
// Gives fields that have no id 1000 and up.
void partition_spec_number(Arena *arena, PartitionSpec *spec);

// Refs, logs and the whole: what every metadata must hold to. Shared by reading and by changes.
CHECKED bool table_metadata_check(const TableMetadata *metadata, Err *err);

Slice shape_note(const Shape *shape, const char *name); // data NULL = none
bool shape_is_foreign(const Shape *shape);
Slice location_without_slash(Slice location);
// Properties that a table never keeps.
bool property_is_reserved(Slice key);
void properties_write(const Property *properties, size_t count, Buf *out);
void snapshot_ref_write(const SnapshotRef *ref, Buf *out);
// ,"name":value,… behind other members.
void others_write(Slice others, Buf *out);

#endif
