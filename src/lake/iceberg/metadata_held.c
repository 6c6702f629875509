// SPDX-License-Identifier: Apache-2.0
// Metadata with an arena of its own.
#include "core/base/arena.h"
#include "lake/iceberg/metadata.h"

#include <stdatomic.h>

struct MetadataHeld {
    Arena arena[1];
    TableMetadata metadata;
    Slice file;
    _Atomic uint32_t holders;
};

// --- a copy ----------------------------------------------------------------------------------------------------

static Slice text(Arena *arena, Slice from) {
    return from.data != NULL ? arena_slice(arena, from) : (Slice){0}; // absent stays absent
}

static const int32_t *ids(Arena *arena, const int32_t *from, size_t count) {
    int32_t *to = ARENA_ARRAY(arena, int32_t, count);
    if (count > 0) {
        memcpy(to, from, count * sizeof(*to));
    }
    return to;
}

static const TableSchema *schemas(Arena *arena, const TableSchema *from, size_t count) {
    TableSchema *to = ARENA_ARRAY(arena, TableSchema, count);
    for (size_t i = 0; i < count; i++) {
        Shape *shape = ARENA_NEW(arena, Shape);
        *shape = shape_copy(arena, from[i].shape);
        to[i] = from[i];
        to[i].shape = shape;
        to[i].identifier_ids = ids(arena, from[i].identifier_ids, from[i].identifier_count);
        to[i].others = text(arena, from[i].others);
    }
    return to;
}

static const PartitionSpec *specs(Arena *arena, const PartitionSpec *from, size_t count) {
    PartitionSpec *to = ARENA_ARRAY(arena, PartitionSpec, count);
    for (size_t i = 0; i < count; i++) {
        PartitionField *fields = ARENA_ARRAY(arena, PartitionField, from[i].field_count);
        for (size_t j = 0; j < from[i].field_count; j++) {
            fields[j] = from[i].fields[j];
            fields[j].name = text(arena, fields[j].name);
            fields[j].transform_text = text(arena, fields[j].transform_text);
            fields[j].others = text(arena, fields[j].others);
        }
        to[i] = from[i];
        to[i].fields = fields;
    }
    return to;
}

static const SortOrder *orders(Arena *arena, const SortOrder *from, size_t count) {
    SortOrder *to = ARENA_ARRAY(arena, SortOrder, count);
    for (size_t i = 0; i < count; i++) {
        SortField *fields = ARENA_ARRAY(arena, SortField, from[i].field_count);
        for (size_t j = 0; j < from[i].field_count; j++) {
            fields[j] = from[i].fields[j];
            fields[j].transform_text = text(arena, fields[j].transform_text);
            fields[j].others = text(arena, fields[j].others);
        }
        to[i] = from[i];
        to[i].fields = fields;
    }
    return to;
}

static const Property *properties(Arena *arena, const Property *from, size_t count) {
    Property *to = ARENA_ARRAY(arena, Property, count);
    for (size_t i = 0; i < count; i++) {
        to[i] = (Property){text(arena, from[i].key), text(arena, from[i].value)};
    }
    return to;
}

static const Snapshot *snapshots(Arena *arena, const Snapshot *from, size_t count) {
    Snapshot *to = ARENA_ARRAY(arena, Snapshot, count);
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        to[i].manifest_list = text(arena, from[i].manifest_list);
        to[i].summary = properties(arena, from[i].summary, from[i].summary_count);
        to[i].others = text(arena, from[i].others);
    }
    return to;
}

static const SnapshotRef *refs(Arena *arena, const SnapshotRef *from, size_t count) {
    SnapshotRef *to = ARENA_ARRAY(arena, SnapshotRef, count);
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        to[i].name = text(arena, from[i].name);
        to[i].others = text(arena, from[i].others);
    }
    return to;
}

static void logs(Arena *arena, const TableMetadata *from, TableMetadata *to) {
    SnapshotLogEntry *snapshot_log = ARENA_ARRAY(arena, SnapshotLogEntry, from->snapshot_log_count);
    MetadataLogEntry *metadata_log = ARENA_ARRAY(arena, MetadataLogEntry, from->metadata_log_count);
    for (size_t i = 0; i < from->snapshot_log_count; i++) {
        snapshot_log[i] = from->snapshot_log[i];
    }
    for (size_t i = 0; i < from->metadata_log_count; i++) {
        metadata_log[i] =
            (MetadataLogEntry){from->metadata_log[i].timestamp_ms, text(arena, from->metadata_log[i].file)};
    }
    to->snapshot_log = snapshot_log;
    to->metadata_log = metadata_log;
}

static TableMetadata metadata_copy(Arena *arena, const TableMetadata *from) {
    TableMetadata to = *from;
    to.uuid = text(arena, from->uuid);
    to.location = text(arena, from->location);
    to.schemas = schemas(arena, from->schemas, from->schema_count);
    to.specs = specs(arena, from->specs, from->spec_count);
    to.orders = orders(arena, from->orders, from->order_count);
    to.properties = properties(arena, from->properties, from->property_count);
    to.snapshots = snapshots(arena, from->snapshots, from->snapshot_count);
    to.refs = refs(arena, from->refs, from->ref_count);
    to.statistics = text(arena, from->statistics);
    to.partition_statistics = text(arena, from->partition_statistics);
    to.encryption_keys = text(arena, from->encryption_keys);
    to.others = text(arena, from->others);
    logs(arena, from, &to);
    return to;
}

// --- life ------------------------------------------------------------------------------------------------------

static MetadataHeld *held_new(Slice file) {
    MetadataHeld *held = calloc(1, sizeof(*held));
    ASSERT(held != NULL);
    arena_init(held->arena, "table metadata", 0);
    held->file = arena_slice(held->arena, file);
    held->holders = 1;
    return held;
}

MetadataHeld *metadata_held_copy(const TableMetadata *metadata, Slice file) {
    MetadataHeld *held = held_new(file);
    held->metadata = metadata_copy(held->arena, metadata);
    return held;
}

bool metadata_held_parse(Slice json, Slice file, MetadataHeld **parsed, Err *err) {
    MetadataHeld *held = held_new(file);
    if (!table_metadata_parse(json, held->arena, &held->metadata, err)) {
        metadata_held_release(held);
        return err_frame(err, __FILE__, __LINE__);
    }
    *parsed = held;
    return true;
}

MetadataHeld *metadata_hold(MetadataHeld *held) {
    atomic_fetch_add_explicit(&held->holders, 1, memory_order_relaxed);
    return held;
}

void metadata_held_release(MetadataHeld *held) {
    if (held != NULL && atomic_fetch_sub_explicit(&held->holders, 1, memory_order_acq_rel) == 1) {
        arena_release(held->arena);
        free(held);
    }
}

const TableMetadata *metadata_held(const MetadataHeld *held) {
    return &held->metadata;
}

Slice metadata_held_file(const MetadataHeld *held) {
    return held->file;
}

size_t metadata_held_bytes(const MetadataHeld *held) {
    return held->arena->used;
}
