// SPDX-License-Identifier: Apache-2.0
// What a table knows: metadata, manifest lists, manifests. Lists are kept by URI, manifests as bytes, so that they cost
// what they do in the store, with a hash of each live file; both are bounded, the longest unused goes.
#include "core/base/digest.h"
#include "lake/iceberg/table_parts.h"

static void metadata_take(Table *table, MetadataHeld *held) {
    metadata_held_release(table->held);
    table->held = held;
    table->metadata = *metadata_held(held);
    table->metadata_file = metadata_held_file(held);
}

void table_open_held(LakeIo *io, MetadataHeld *held, Table **table) {
    Table *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    made->io = io;
    metadata_take(made, metadata_hold(held));
    *table = made;
}

bool table_open(LakeIo *io, Slice metadata_json, Slice metadata_file, Table **table, Err *err) {
    MetadataHeld *held = NULL;
    TRY(metadata_held_parse(metadata_json, metadata_file, &held, err));
    table_open_held(io, held, table);
    metadata_held_release(held);
    return true;
}

static void known_free(KnownManifest *known) {
    buf_release(&known->bytes);
    buf_release(&known->keys);
    free(known);
}

void table_close(Table *table) {
    if (table == NULL) {
        return;
    }
    for (size_t i = 0; i < LISTS_KEPT; i++) {
        arena_release(&table->lists[i].arena);
    }
    for (size_t i = 0; i < WORKS_KEPT; i++) {
        work_release(&table->works[i]);
    }
    for (MapEntry *entry = NULL; (entry = map_next(&table->manifests, entry)) != NULL;) {
        known_free(entry->value);
    }
    map_release(&table->manifests);
    metadata_held_release(table->held);
    free(table);
}

const TableMetadata *table_metadata(const Table *table) {
    return &table->metadata;
}

Slice table_metadata_file(const Table *table) {
    return table->metadata_file;
}

MetadataHeld *table_held(const Table *table) {
    return table->held;
}

bool table_refresh_held(Table *table, MetadataHeld *held, Err *err) {
    if (!slice_equal(metadata_held(held)->uuid, table->metadata.uuid)) {
        return FAIL(err, ERR_CHANGED, "the table is another one of the same name: its uuid has changed");
    }
    metadata_take(table, metadata_hold(held));
    for (size_t i = 0; i < WORKS_KEPT; i++) { // what is committed needs no second try
        Work *work = &table->works[i];
        if (work->snapshot_id != 0 && table_snapshot_find(&table->metadata, work->snapshot_id) != NULL) {
            work_release(work);
        }
    }
    return true;
}

bool table_refresh(Table *table, Slice metadata_json, Slice metadata_file, Err *err) {
    MetadataHeld *held = NULL;
    TRY(metadata_held_parse(metadata_json, metadata_file, &held, err));
    bool ok = table_refresh_held(table, held, err);
    metadata_held_release(held);
    return ok;
}

// --- lists -----------------------------------------------------------------------------------------------------

KnownList *table_list_room(Table *table) {
    KnownList *oldest = &table->lists[0];
    for (size_t i = 1; i < LISTS_KEPT; i++) {
        if (table->lists[i].used < oldest->used) {
            oldest = &table->lists[i];
        }
    }
    arena_release(&oldest->arena);
    *oldest = (KnownList){.used = ++table->clock};
    arena_init(&oldest->arena, "manifest list", 0);
    return oldest;
}

bool table_list(Table *table, const Snapshot *snapshot, const KnownList **list, Err *err) {
    if (snapshot->manifest_list.size == 0) {
        FAIL(err, ERR_VALUE, "snapshot %" PRId64 " has no manifest list", snapshot->id);
        return err_hint(err, "it is of version 1: let its writer make a new snapshot first");
    }
    for (size_t i = 0; i < LISTS_KEPT; i++) {
        if (slice_equal(table->lists[i].uri, snapshot->manifest_list)) {
            table->lists[i].used = ++table->clock;
            *list = &table->lists[i];
            return true;
        }
    }
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Slice bytes = {0};
    TRY(lake_io_get(table->io, snapshot->manifest_list, &scratch, &bytes, err));
    KnownList *made = table_list_room(table);
    TRY(manifest_list_read(bytes, snapshot->manifest_list, &made->arena, &made->manifests, &made->count, err));
    made->uri = arena_slice(&made->arena, snapshot->manifest_list);
    *list = made;
    return true;
}

// --- manifests -------------------------------------------------------------------------------------------------

bool file_is_vector(const DataFile *file) {
    return file->content == CONTENT_POSITION_DELETES && file->content_offset >= 0 && file->referenced_file.data != NULL;
}

uint64_t file_key(const DataFile *file) {
    return file_is_vector(file) ? ~digest_hash(file->referenced_file) : digest_hash(file->path);
}

static int key_compare(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void table_keys_add(KnownManifest *known, const DataFile *file) {
    buf_u64le(&known->keys, file_key(file));
}

void table_keys_done(KnownManifest *known) {
    if (known->keys.size > 0) {
        qsort(known->keys.data, known->keys.size / sizeof(uint64_t), sizeof(uint64_t), key_compare);
    }
    known->has_keys = true;
}

bool table_keys_have(const KnownManifest *known, uint64_t key) {
    return known->keys.size > 0 &&
           bsearch(&key, known->keys.data, known->keys.size / sizeof(uint64_t), sizeof(uint64_t), key_compare) != NULL;
}

KnownManifest *table_manifest(Table *table, Slice path) {
    KnownManifest *known = map_find(&table->manifests, path);
    if (known == NULL) {
        known = calloc(1, sizeof(*known));
        ASSERT(known != NULL);
        map_put(&table->manifests, path, known);
    }
    known->used = ++table->clock;
    return known;
}

static void drop_bytes(Table *table, KnownManifest *known) {
    table->cached -= known->bytes.size;
    buf_release(&known->bytes);
}

void table_manifest_keep(Table *table, KnownManifest *known, Slice bytes) {
    drop_bytes(table, known);
    if (bytes.size > CACHE_PIECE_MAX) {
        return;
    }
    while (table->cached + bytes.size > CACHE_BYTES_MAX) {
        KnownManifest *oldest = NULL;
        for (MapEntry *entry = NULL; (entry = map_next(&table->manifests, entry)) != NULL;) {
            KnownManifest *other = entry->value;
            if (other->bytes.size > 0 && (oldest == NULL || other->used < oldest->used)) {
                oldest = other;
            }
        }
        ASSERT(oldest != NULL);
        drop_bytes(table, oldest);
    }
    buf_put(&known->bytes, bytes);
    table->cached += known->bytes.size;
}

bool table_entries(Table *table, const ManifestFile *manifest, ManifestRead how, Arena *arena, ManifestEntry **entries,
                   size_t *count, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    if (manifest->key_metadata.data != NULL) {
        return FAIL(err, ERR_VALUE, "manifest %.*s is encrypted, which leat does not read",
                    (int)MIN(manifest->path.size, 300), (const char *)manifest->path.data);
    }
    KnownManifest *known = table_manifest(table, manifest->path);
    Slice bytes = buf_slice(&known->bytes);
    if (bytes.size == 0) {
        TRY(lake_io_get(table->io, manifest->path, &scratch, &bytes, err));
        table_manifest_keep(table, known, bytes);
    }
    TRY(manifest_read(bytes, manifest, &table->metadata, how, arena, entries, count, err));
    if (!known->has_keys) {
        for (size_t i = 0; i < *count; i++) {
            if ((*entries)[i].status != ENTRY_DELETED) {
                table_keys_add(known, &(*entries)[i].file);
            }
        }
        table_keys_done(known);
    }
    return true;
}

bool table_manifest_keys(Table *table, const ManifestFile *manifest, const KnownManifest **known, Err *err) {
    KnownManifest *found = table_manifest(table, manifest->path);
    if (!found->has_keys) {
        DEFER(arena_release) Arena scratch;
        arena_init(&scratch, "scratch", 0);
        ManifestEntry *entries = NULL;
        size_t count = 0;
        TRY(table_entries(table, manifest, (ManifestRead){.live = true}, &scratch, &entries, &count, err));
    }
    *known = found;
    return true;
}

void table_forget_manifests(Table *table) {
    for (bool again = true; again;) {
        again = false;
        for (MapEntry *entry = NULL; (entry = map_next(&table->manifests, entry)) != NULL;) {
            KnownManifest *known = entry->value;
            if (known->round != table->round) {
                drop_bytes(table, known);
                map_remove(&table->manifests, entry->key);
                known_free(known);
                again = true; // the map has moved
                break;
            }
        }
    }
}

bool table_each_file(Table *table, const Snapshot *snapshot, bool metrics,
                     bool (*visit)(void *context, const ManifestEntry *entry, Err *err), void *context, Err *err) {
    const KnownList *list = NULL;
    TRY(table_list(table, snapshot, &list, err));
    DEFER(arena_release) Arena manifests, scratch; // what is visited may ask for other lists
    arena_init(&manifests, "manifests", 0);
    arena_init(&scratch, "entries", 0);
    size_t count = list->count;
    ManifestFile *copy = ARENA_ARRAY(&manifests, ManifestFile, count);
    for (size_t i = 0; i < count; i++) {
        copy[i] = list->manifests[i];
        copy[i].path = arena_slice(&manifests, copy[i].path);
        copy[i].partitions = NULL;
        copy[i].partition_count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        ManifestEntry *entries = NULL;
        size_t entry_count = 0;
        arena_reset(&scratch);
        ManifestRead how = {.live = true, .metrics = metrics};
        TRY(table_entries(table, &copy[i], how, &scratch, &entries, &entry_count, err));
        for (size_t j = 0; j < entry_count; j++) {
            TRY(visit(context, &entries[j], err));
        }
    }
    return true;
}
