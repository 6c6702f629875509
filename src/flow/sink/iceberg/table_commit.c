// SPDX-License-Identifier: Apache-2.0
// What a commit takes of a table: files that come, files that go, rows that are deleted in those that stay.
#include "core/sys/clock.h"
#include "data/event/event_codec.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/record_table.h"
#include "flow/sink/iceberg/writer.h"
#include "lake/iceberg/compact.h"

#define INDEX_SAVE_US (INT64_C(60) * 1000000)

typedef struct FileList {
    Arena *arena;
    DataFile *at;
    size_t count, capacity;
} FileList;

static DataFile *list_add(FileList *list, const DataFile *file) {
    if (list->count == list->capacity) {
        size_t capacity = MAX(list->capacity * 2, (size_t)16);
        DataFile *at = ARENA_ARRAY(list->arena, DataFile, capacity);
        if (list->count > 0) {
            memcpy(at, list->at, list->count * sizeof(*at));
        }
        list->at = at;
        list->capacity = capacity;
    }
    list->at[list->count] = *file;
    return &list->at[list->count++];
}

// --- deletes ---------------------------------------------------------------------------------------------------

// Files of one partition whose rows are deleted.
typedef struct DeleteGroup {
    const DataFile *like; // its spec and partition
    PuffinVector *vectors;
    size_t count, capacity;
} DeleteGroup;

static void group_add(Arena *arena, DeleteGroup *group, const LakeDataFile *data) {
    if (group->count == group->capacity) {
        size_t capacity = MAX(group->capacity * 2, (size_t)8);
        PuffinVector *vectors = ARENA_ARRAY(arena, PuffinVector, capacity);
        if (group->count > 0) {
            memcpy(vectors, group->vectors, group->count * sizeof(*vectors));
        }
        group->vectors = vectors;
        group->capacity = capacity;
    }
    group->vectors[group->count++] = (PuffinVector){.data_file = data->file.path, .positions = data->rows};
}

static DeleteGroup *group_of(Arena *arena, Map *groups, const DataFile *file, bool one) {
    DEFER(buf_release) Buf key = {0};
    buf_varint(&key, (uint64_t)(uint32_t)file->spec_id);
    for (size_t i = 0; i < file->partition_count && !one; i++) {
        value_encode(&key, &file->partition[i]);
    }
    DeleteGroup *group = map_find(groups, buf_slice(&key));
    if (group == NULL) {
        group = ARENA_NEW(arena, DeleteGroup);
        group->like = file;
        map_put(groups, buf_slice(&key), group);
    }
    return group;
}

static DataFile delete_file(const DeleteGroup *group, Slice uri, Slice format, size_t size) {
    return (DataFile){.content = CONTENT_POSITION_DELETES,
                      .path = uri,
                      .format = format,
                      .spec_id = group->like->spec_id,
                      .partition = group->like->partition,
                      .partition_count = group->like->partition_count,
                      .size = (int64_t)size,
                      .sort_order_id = -1,
                      .first_row_id = -1,
                      .content_offset = -1,
                      .content_size = -1};
}

static int by_path(const void *a, const void *b) {
    return slice_compare(((const PuffinVector *)a)->data_file, ((const PuffinVector *)b)->data_file);
}

// Version 2: one file of positions for each partition.
static bool positions_write(LakeTable *table, DeleteGroup *group, FileList *added, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    Slice uri;
    qsort(group->vectors, group->count, sizeof(*group->vectors), by_path);
    TRY(position_deletes_write(group->vectors, group->count, &bytes, err));
    TRY(writers_name(table, group->like, "deletes", "parquet", &uri, err));
    TRY(writers_file(table, uri, buf_slice(&bytes), err));
    DataFile *file = list_add(added, &(DataFile){0});
    *file = delete_file(group, uri, SLICE("PARQUET"), bytes.size);
    delete_file_metrics(table->batch, group->vectors, group->count, file);
    if (group->count == 1) {
        file->referenced_file = group->vectors[0].data_file;
    }
    return true;
}

// Version 3: one Puffin file for all; each data file's vector replaces the one that it had.
static bool vectors_write(LakeTable *table, DeleteGroup *group, FileList *added, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    Slice uri;
    TRY(puffin_write(group->vectors, group->count, &bytes, err));
    DataFile nowhere = {.spec_id = -1};
    TRY(writers_name(table, &nowhere, "deletes", "puffin", &uri, err));
    TRY(writers_file(table, uri, buf_slice(&bytes), err));
    for (size_t i = 0; i < group->count; i++) {
        PuffinVector *vector = &group->vectors[i];
        const LakeDataFile *data = map_find(&table->by_path, vector->data_file);
        DeleteGroup one = {&data->file, vector, 1, 1};
        DataFile *file = list_add(added, &(DataFile){0});
        *file = delete_file(&one, uri, SLICE("PUFFIN"), bytes.size);
        delete_file_metrics(table->batch, vector, 1, file);
        file->referenced_file = vector->data_file;
        file->content_offset = (int64_t)vector->offset;
        file->content_size = (int64_t)vector->size;
    }
    return true;
}

// --- the work --------------------------------------------------------------------------------------------------

typedef struct Gathered {
    FileList added, removed;
    Map groups; // of deletes
    bool vectors;
} Gathered;

static void vector_removed(Gathered *gathered, const LakeDataFile *data) {
    DataFile old = {.content = CONTENT_POSITION_DELETES,
                    .format = SLICE("PUFFIN"),
                    .spec_id = data->file.spec_id,
                    .referenced_file = data->file.path};
    (void)list_add(&gathered->removed, &old);
}

static void file_gather(Gathered *gathered, LakeDataFile *data) {
    data->gone = data->gone || (data->deleted == data->file.record_count && (data->changed || data->fresh));
    if (data->gone && data->fresh) {
        return; // it never was
    }
    if (data->gone) {
        (void)list_add(&gathered->removed, &data->file);
    } else if (data->fresh) {
        (void)list_add(&gathered->added, &data->file);
    }
    if (data->vector && (data->gone || data->changed)) {
        vector_removed(gathered, data);
    }
    if (data->changed && !data->gone) {
        group_add(gathered->added.arena,
                  group_of(gathered->added.arena, &gathered->groups, &data->file, gathered->vectors), data);
    }
}

static bool deletes_write(LakeTable *table, Gathered *gathered, Err *err) {
    for (MapEntry *e = NULL; (e = map_next(&gathered->groups, e)) != NULL;) {
        TRY(gathered->vectors ? vectors_write(table, e->value, &gathered->added, err)
                              : positions_write(table, e->value, &gathered->added, err));
    }
    return true;
}

// A table without an index does not know its files: a TRUNCATE asks for them.
static bool unknown_visit(void *context, const ManifestEntry *entry, Err *err) {
    FileList *list = context;
    DataFile *file = list_add(list, &entry->file);
    file->path = arena_slice(list->arena, entry->file.path);
    file->format = arena_slice(list->arena, entry->file.format);
    if (entry->file.referenced_file.data != NULL) {
        file->referenced_file = arena_slice(list->arena, entry->file.referenced_file);
    }
    file->partition = NULL; // the path says enough
    file->partition_count = 0;
    return true;
}

// What maintenance has written, in the place of what it was made of.
static void swap_gather(const LakeTable *table, Gathered *gathered) {
    const LakeSwap *swap = &table->swap;
    for (size_t i = 0; i < swap->data_removed_count; i++) {
        (void)list_add(&gathered->removed, &swap->data_removed[i]);
    }
    for (size_t i = 0; i < swap->removed_count; i++) {
        (void)list_add(&gathered->removed, &swap->removed[i]);
    }
    for (size_t i = 0; i < swap->added_count; i++) {
        (void)list_add(&gathered->added, &swap->added[i]);
    }
    if (swap->data != NULL) {
        (void)list_add(&gathered->added, swap->data);
    }
}

static bool truncated_gather(LakeTable *table, Gathered *gathered, Err *err) {
    const Snapshot *snapshot = table_snapshot_current(table_metadata(table->table));
    if (!table->truncated || snapshot == NULL) {
        return true;
    }
    gathered->removed.count = 0; // all of them
    return table_each_file(table->table, snapshot, false, unknown_visit, &gathered->removed, err);
}

// Bytes of files that are of use are durable now; others are dropped.
static bool files_durable(LakeTable *table, Err *err) {
    size_t written = table->written.size / sizeof(LakeFile *);
    LakeFile **files = ARENA_ARRAY(table->batch, LakeFile *, table->files.count + written);
    size_t count = 0;
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        if (data->bytes != NULL && data->gone) {
            lake_file_abort(data->bytes);
        } else if (data->bytes != NULL) {
            files[count++] = data->bytes;
        }
        data->bytes = NULL;
    }
    if (written > 0) {
        memcpy(files + count, table->written.data, table->written.size);
    }
    count += written;
    buf_reset(&table->written);
    return lake_files_finish(files, count, err);
}

static const Property *summary_make(const LakeTable *table, const LakeCut *cut, Arena *arena, size_t *count) {
    DEFER(buf_release) Buf hex = {0};
    for (size_t i = 0; i < cut->position.size; i++) {
        buf_printf(&hex, "%02x", cut->position.data[i]);
    }
    const Property made[] = {
        {SLICE("leat.pipeline"), slice_of(table->lake->pipeline)},
        {SLICE("leat.topic"), table->topic},
        {SLICE("leat.offset"), slice_of(arena_printf(arena, "%" PRIu64, table->next))},
        {SLICE("leat.epoch"), slice_of(arena_printf(arena, "%" PRIu64, cut->epoch))},
        {SLICE("leat.cut"), slice_of(arena_printf(arena, "%" PRIu64, cut->sequence))},
        {SLICE("leat.position"), arena_slice(arena, buf_slice(&hex))},
        {SLICE("leat.cut-ms"), slice_of(arena_printf(arena, "%" PRIu64, cut->cut_ms))},
    };
    Property *summary = ARENA_ARRAY(arena, Property, ARRAY_LEN(made));
    memcpy(summary, made, sizeof(made));
    *count = ARRAY_LEN(made);
    if (table->records != NULL) {
        record_summary(table->records, arena, summary);
    }
    return summary;
}

static const char *operation_of(const LakeTable *table, const SnapshotWork *work) {
    if (table->swap.on) {
        return "replace";
    }
    bool deletes = table->rows_deleted > 0 || work->removed_count > 0 || table->truncated;
    return !deletes ? "append" : table->rows_added == 0 ? "delete" : "overwrite";
}

bool lake_table_prepare(LakeTable *table, const LakeCut *cut, SnapshotWork *work, bool *none, Err *err) {
    TRY(lake_table_settle(table, err));
    *none = !table->touched;
    if (*none) {
        return true;
    }
    Gathered gathered = {.added.arena = table->batch,
                         .removed.arena = table->batch,
                         .vectors = table_metadata(table->table)->format_version >= 3};
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        file_gather(&gathered, e->value);
    }
    swap_gather(table, &gathered);
    bool ok =
        truncated_gather(table, &gathered, err) && deletes_write(table, &gathered, err) && files_durable(table, err);
    map_release(&gathered.groups);
    TRY(ok);
    *work = (SnapshotWork){.snapshot_id = snapshot_id_new(),
                           .added = gathered.added.at,
                           .added_count = gathered.added.count,
                           .removed = gathered.removed.at,
                           .removed_count = gathered.removed.count,
                           .merge_manifests_min = 50};
    work->operation = operation_of(table, work);
    work->branch = table->branch;
    work->summary = summary_make(table, cut, table->batch, &work->summary_count);
    *none = work->added_count == 0 && work->removed_count == 0;
    table->upkeep.files += work->added_count;
    table->upkeep.rows += table->rows_deleted;
    table->upkeep.changed_us = table->swap.on || *none ? table->upkeep.changed_us : clock_monotonic_us();
    return true;
}

// --- afterwards ------------------------------------------------------------------------------------------------

static void file_settle(LakeTable *table, LakeDataFile *data) {
    data->vector = data->vector || (data->changed && table_metadata(table->table)->format_version >= 3);
    if (!data->vector) {
        positions_free(data->rows);
        data->rows = NULL;
    }
    data->fresh = data->changed = false;
    data->file.metrics = NULL;
    data->file.metric_count = data->file.split_count = 0;
}

static void files_settle(LakeTable *table) {
    size_t gone = 0;
    LakeDataFile **drop = ARENA_ARRAY(table->batch, LakeDataFile *, table->files.count);
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        if (data->gone) {
            drop[gone++] = data;
        } else {
            file_settle(table, data);
        }
    }
    for (size_t i = 0; i < gone; i++) {
        (void)map_remove_u64(&table->files, drop[i]->number);
        (void)map_remove(&table->by_path, drop[i]->file.path);
        data_file_free(drop[i]);
    }
}

// Without an index nobody minds what others do.
static bool refresh(LakeTable *table, const CatalogTable *now, int64_t snapshot_id, Err *err) {
    TRY(now->held != NULL ? table_refresh_held(table->table, now->held, err)
                          : table_refresh(table->table, now->metadata_json, now->metadata_file, err));
    return table->index == NULL || table_metadata(table->table)->current_snapshot_id == snapshot_id ||
           FAIL(err, ERR_CHANGED, "table %.*s.%.*s was changed by somebody else", SLICE_ARG(table->name.space),
                SLICE_ARG(table->name.table));
}

bool lake_table_refresh(LakeTable *table, const CatalogTable *now, Err *err) {
    return refresh(table, now, table_metadata(table->table)->current_snapshot_id, err);
}

bool lake_table_same(LakeTable *table, Arena *scratch, bool *same, Err *err) {
    CatalogTable now;
    TableMetadata metadata;
    *same = true;
    if (table->index == NULL) {
        return true;
    }
    TRY(catalog_load(table->lake->catalog, table->name, scratch, &now, err));
    TRY(table_metadata_parse(now.metadata_json, scratch, &metadata, err));
    const TableMetadata *known = table_metadata(table->table);
    *same = metadata.current_snapshot_id == known->current_snapshot_id && slice_equal(metadata.uuid, known->uuid);
    return true;
}

// The one that stands when nobody else has written since.
static int64_t snapshot_after(const LakeTable *table, const CatalogCommit *commit) {
    for (size_t i = 0; i < commit->change.update_count; i++) {
        if (commit->change.updates[i].action == UPDATE_ADD_SNAPSHOT) {
            return commit->change.updates[i].snapshot.id;
        }
    }
    return table_metadata(table->table)->current_snapshot_id;
}

bool lake_table_done(LakeTable *table, const CatalogCommit *commit, Err *err) {
    if (commit == NULL && !table->touched) {
        return true;
    }
    if (commit != NULL) {
        TRY(refresh(table, &commit->after, snapshot_after(table, commit), err));
        table->committed = table->next;
        table->committed_us = table->newest_us;
        table->oldest_us = 0;
    }
    files_settle(table);
    table->swap = (LakeSwap){0};
    table->touched = table->truncated = table->adopted = false;
    table->rows_added = table->rows_deleted = 0;
    table->empty = table->empty && table->files.count == 0;
    if (table->mapping.key_count == 0) { // nobody asks for them again
        for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
            data_file_free(e->value);
        }
        map_release(&table->files);
        map_release(&table->by_path);
        table->files = table->by_path = (Map){0};
    }
    // On the disk now and then: what is younger is made again from the table after a crash.
    bool lazy = clock_monotonic_us() - table->index_us < INDEX_SAVE_US;
    bool ok = index_save(table, lazy, err);
    arena_reset(table->batch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
