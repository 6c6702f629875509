// SPDX-License-Identifier: Apache-2.0
// Changes of a table's metadata, as the REST catalog's specification has them (CommitTableRequest): requirements that
// must hold, and updates. The embedded catalog applies them, the REST client sends them, the sink makes them.
#ifndef LEAT_LAKE_ICEBERG_UPDATE_H
#define LEAT_LAKE_ICEBERG_UPDATE_H

#include "lake/iceberg/metadata.h"

typedef enum UpdateAction {
    UPDATE_ASSIGN_UUID,
    UPDATE_UPGRADE_FORMAT_VERSION,
    UPDATE_ADD_SCHEMA,
    UPDATE_SET_CURRENT_SCHEMA, // id -1: the last added, as below
    UPDATE_ADD_SPEC,
    UPDATE_SET_DEFAULT_SPEC,
    UPDATE_ADD_SORT_ORDER,
    UPDATE_SET_DEFAULT_SORT_ORDER,
    UPDATE_ADD_SNAPSHOT,
    UPDATE_REMOVE_SNAPSHOTS,
    UPDATE_SET_SNAPSHOT_REF,
    UPDATE_REMOVE_SNAPSHOT_REF,
    UPDATE_SET_LOCATION,
    UPDATE_SET_PROPERTIES,
    UPDATE_REMOVE_PROPERTIES,
    UPDATE_REMOVE_SPECS,
    UPDATE_REMOVE_SCHEMAS,
    UPDATE_SET_STATISTICS,    // `text`: the JSON of the statistics file, an object; likewise below
    UPDATE_REMOVE_STATISTICS, // ids[0]: the snapshot's, as below
    UPDATE_SET_PARTITION_STATISTICS,
    UPDATE_REMOVE_PARTITION_STATISTICS,
    UPDATE_ADD_ENCRYPTION_KEY,    // `text`: its JSON, an object
    UPDATE_REMOVE_ENCRYPTION_KEY, // `text`: its id
} UpdateAction;

typedef struct TableUpdate {
    UpdateAction action;
    int32_t id; // format version, schema, spec or order
    Slice text; // uuid, location, name of a ref to remove; JSON (see above)
    TableSchema schema;
    PartitionSpec spec;
    SortOrder order;
    Snapshot snapshot;
    SnapshotRef ref; // its name, too
    const Property *properties;
    const Slice *keys;  // of properties to remove
    const int64_t *ids; // of snapshots, schemas or specs to remove
    size_t count;       // of properties, keys or ids
} TableUpdate;

typedef enum RequirementKind {
    REQUIRE_CREATE,
    REQUIRE_UUID,
    REQUIRE_REF_SNAPSHOT, // of the ref `text`; id -1: there must be no such ref
    REQUIRE_LAST_FIELD_ID,
    REQUIRE_CURRENT_SCHEMA,
    REQUIRE_LAST_PARTITION_ID,
    REQUIRE_DEFAULT_SPEC,
    REQUIRE_DEFAULT_SORT_ORDER,
} RequirementKind;

typedef struct TableRequirement {
    RequirementKind kind;
    Slice text;
    int64_t id;
} TableRequirement;

typedef struct TableChange {
    const TableRequirement *requirements;
    size_t requirement_count;
    const TableUpdate *updates;
    size_t update_count;
} TableChange;

const char *update_action_name(UpdateAction action); // "add-schema"
// "requirements":[…],"updates":[…] without braces, so that an identifier can stand beside.
void table_change_write(const TableChange *change, Buf *out);
// The object; other members are passed over. ERR_VALUE names the place: an unknown requirement or action is one.
CHECKED bool table_change_parse(Slice json, Arena *arena, TableChange *change, Err *err);
// ERR_CHANGED says which one does not hold. `base` NULL: there is no such table.
CHECKED bool table_requirements_check(const TableMetadata *base, const TableChange *change, Err *err);
// The metadata after all updates, as Java's builder makes it: sequence numbers, row ids, logs and last-… kept right;
// ERR_CHANGED: the snapshot's sequence number or first row id is stale (the client is to make it anew); ERR_VALUE: it
// makes no sense. `base` NULL: of a table that is made by the updates alone. `base_file`: of the base's metadata, for
// the metadata log (empty: no entry), whose length write.metadata.previous-versions-max bounds; those that leave it are
// in *dropped (NULL = not asked). The metadata borrows from base and change; what is new lies in the arena.
//
// Differs from Java's builder where that helps: "the last added" (-1) may be one that was there already; partition
// fields without ids are given new ones (an equal field's of another spec, else above last-partition-id); time never
// goes backwards in the logs, however clocks stand; set-properties with "format-version" upgrades, and other reserved
// properties are not kept; an empty change is a new version, too.
CHECKED bool table_metadata_apply(const TableMetadata *base, Slice base_file, const TableChange *change, int64_t now_ms,
                                  Arena *arena, TableMetadata *metadata, const MetadataLogEntry **dropped,
                                  size_t *dropped_count, Err *err);

#endif
