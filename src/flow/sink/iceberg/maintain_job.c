// SPDX-License-Identifier: Apache-2.0
// One table's rewrite: which files, read and written. In the maintenance's thread.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "flow/sink/iceberg/maintain_parts.h"

enum { HAND_DELETES_MIN = 2 };

typedef struct Seen { // a live file
    DataFile file;
    int64_t sequence;
} Seen;

typedef struct JobWork {
    Maintain *maintain;
    Job *job;
    Table *table;
    const Snapshot *snapshot;
    Buf data, deletes; // Seen
    Map live;          // paths of data files that stay
    LakeDeletes *positions;
    Buf removed; // DataFile
} JobWork;

static void work_release(JobWork *work) {
    buf_release(&work->data);
    buf_release(&work->deletes);
    buf_release(&work->removed);
    map_release(&work->live);
    lake_deletes_free(work->positions);
    table_close(work->table);
}

static Seen *seen_at(const Buf *list, size_t i) {
    return (Seen *)(void *)list->data + i;
}

static size_t seen_count(const Buf *list) {
    return list->size / sizeof(Seen);
}

// --- what there is ---------------------------------------------------------------------------------------------

static bool look(void *context, const ManifestEntry *entry, Err *err) {
    JobWork *work = context;
    Seen seen = {.file = compact_file_copy(work->job->arena, &entry->file), .sequence = entry->sequence_number};
    bool data = seen.file.content == CONTENT_DATA;
    buf_bytes(data ? &work->data : &work->deletes, &seen, sizeof(seen));
    return true;
}

// --- data files ------------------------------------------------------------------------------------------------

static int64_t deleted_of(const Map *heavy, Slice path) {
    const JobHeavy *found = map_find(heavy, path);
    return found != NULL ? found->deleted : 0;
}

static CompactFile *files_make(JobWork *work) {
    Job *job = work->job;
    size_t count = seen_count(&work->data);
    CompactFile *files = ARENA_ARRAY(job->arena, CompactFile, count);
    Map heavy = {0};
    for (size_t i = 0; i < job->heavy_count; i++) {
        map_put(&heavy, job->heavy[i].path, (void *)(uintptr_t)&job->heavy[i]);
    }
    for (size_t i = 0; i < count; i++) {
        Seen *seen = seen_at(&work->data, i);
        files[i] = (CompactFile){.file = &seen->file, .deleted = deleted_of(&heavy, seen->file.path), .owner = seen};
    }
    map_release(&heavy);
    return files;
}

static void group_choose(JobWork *work, const CompactGroup **chosen) {
    Job *job = work->job;
    size_t count = seen_count(&work->data), groups = 0;
    CompactFile *files = files_make(work);
    CompactGroup *found = NULL;
    if (job->hand) {
        hand_choose(work->maintain, files, count, job->arena, chosen);
        return;
    }
    CompactRules rules = {.target_bytes = work->maintain->context.options->target_file_bytes, .rows_max = INT32_MAX};
    compact_plan(files, count, &rules, job->arena, &found, &groups);
    *chosen = groups == 0 ? NULL : &found[job->largest ? groups - 1 : 0];
}

static bool sources_make(JobWork *work, const CompactGroup *group, CompactSource *sources, Err *err) {
    Job *job = work->job;
    if (seen_count(&work->deletes) > 0) {
        TRY(lake_deletes_load(work->maintain->io, work->table, work->snapshot, &work->positions, err));
    }
    job->sources = ARENA_ARRAY(job->arena, JobSource, group->count);
    DataFile *files = ARENA_ARRAY(job->arena, DataFile, group->count);
    uint64_t base = 0;
    for (size_t i = 0; i < group->count; i++) {
        const DataFile *file = group->files[i]->file;
        const Seen *seen = group->files[i]->owner;
        Positions *dropped = work->positions != NULL ? lake_deletes_take(work->positions, file->path) : NULL;
        uint64_t live = (uint64_t)file->record_count - (dropped != NULL ? positions_count(dropped) : 0);
        job->sources[job->source_count++] = (JobSource){file->path, dropped, (uint32_t)base};
        sources[i] = (CompactSource){.file = file, .sequence = seen->sequence, .deleted = dropped};
        files[i] = *file;
        base += live;
        job->rows_dropped += (uint64_t)file->record_count - live;
        (void)map_remove(&work->live, file->path);
    }
    job->sources_files = files;
    return true;
}

static bool data_rewrite(JobWork *work, Err *err) {
    Maintain *maintain = work->maintain;
    Job *job = work->job;
    const CompactGroup *group = NULL;
    group_choose(work, &group);
    if (group == NULL) {
        return true;
    }
    Slice uri;
    CompactSource *sources = ARENA_ARRAY(job->arena, CompactSource, group->count);
    TRY(sources_make(work, group, sources, err));
    TRY(compact_name(table_metadata(work->table), sources[0].file, "compact", job->arena, &uri, err));
    CompactWrite how = {.io = maintain->io,
                        .table = table_metadata(work->table),
                        .sources = sources,
                        .count = group->count,
                        .uri = uri,
                        .level = (int)maintain->context.options->compression_level,
                        .memory = MAX(maintain->context.memory_bytes_max / 8, (size_t)4 * MIB),
                        .pace = maintain_pace,
                        .context = maintain};
    TRY(compact_write(&how, job->arena, &job->made, err));
    CRASH_POINT("lake.compacted.written");
    return true;
}

// --- delete files ----------------------------------------------------------------------------------------------

static bool is_live(void *context, Slice path) {
    const JobWork *work = context;
    return map_find(&work->live, path) != NULL;
}

static void remove_delete(JobWork *work, const DataFile *file) {
    buf_bytes(&work->removed, file, sizeof(*file));
}

// Those of one data file that is gone, or goes now, go too.
static DataFile *deletes_left(JobWork *work, size_t *left) {
    size_t count = seen_count(&work->deletes);
    DataFile *files = ARENA_ARRAY(work->job->arena, DataFile, count);
    *left = 0;
    for (size_t i = 0; i < count; i++) {
        const DataFile *file = &seen_at(&work->deletes, i)->file;
        bool position = file->content == CONTENT_POSITION_DELETES && file->content_offset < 0;
        if (position && file->referenced_file.size > 0 && !is_live(work, file->referenced_file)) {
            remove_delete(work, file);
        } else if (position) {
            files[(*left)++] = *file;
        }
    }
    return files;
}

static bool group_merge(JobWork *work, const CompactGroup *group, Buf *made, Err *err) {
    Job *job = work->job;
    const DataFile **merged = ARENA_ARRAY(job->arena, const DataFile *, group->count);
    DataFile *files = NULL;
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        merged[i] = group->files[i]->file;
        remove_delete(work, merged[i]);
    }
    TRY(deletes_merge(work->maintain->io, table_metadata(work->table), merged, group->count, is_live, work, job->arena,
                      &files, &count, err));
    buf_bytes(made, files, count * sizeof(*files));
    return true;
}

// One group at a time; by hand all, once no data files are left.
static bool deletes_rewrite(JobWork *work, Err *err) {
    Job *job = work->job;
    size_t count = 0, group_count = 0;
    CompactGroup *groups = NULL;
    const DataFile *files = deletes_left(work, &count);
    if (table_metadata(work->table)->format_version >= 3 || (job->hand && job->source_count > 0)) {
        return true; // takes no new ones; deletion vectors take their place when a row is deleted next
    }
    deletes_plan(files, count, job->hand ? HAND_DELETES_MIN : 0, job->arena, &groups, &group_count);
    DEFER(buf_release) Buf made = {0};
    for (size_t i = 0; i < (job->hand ? group_count : MIN(group_count, (size_t)1)); i++) {
        TRY(group_merge(work, &groups[i], &made, err));
    }
    Slice all = arena_slice(job->arena, buf_slice(&made));
    job->deletes = (const DataFile *)(const void *)all.data;
    job->delete_count = all.size / sizeof(DataFile);
    if (group_count > 0) {
        CRASH_POINT("lake.compacted.deletes");
    }
    return true;
}

// --- all -------------------------------------------------------------------------------------------------------

static bool work_do(JobWork *work, Err *err) {
    Maintain *maintain = work->maintain;
    Job *job = work->job;
    TRY(maintain_load(maintain, job->name, job->arena, &work->table, err));
    work->snapshot = table_snapshot_find(table_metadata(work->table), job->snapshot_id);
    if (work->snapshot == NULL) {
        return true; // somebody else has been here
    }
    TRY(table_each_file(work->table, work->snapshot, false, look, work, err));
    TRY(maintain_pace(maintain, err));
    for (size_t i = 0; i < seen_count(&work->data); i++) {
        map_put(&work->live, seen_at(&work->data, i)->file.path, work);
    }
    TRY(data_rewrite(work, err));
    TRY(deletes_rewrite(work, err));
    Slice removed = arena_slice(job->arena, buf_slice(&work->removed));
    job->removed = (const DataFile *)(const void *)removed.data;
    job->removed_count = removed.size / sizeof(DataFile);
    return true;
}

bool job_work(Maintain *maintain, Job *job, Err *err) {
    int64_t began_us = clock_monotonic_us();
    JobWork work = {.maintain = maintain, .job = job};
    bool ok = maintain_reach(maintain, err) && work_do(&work, err);
    work_release(&work);
    if (ok && job->source_count > 0) {
        log_debug(LOG_SINK, "files were compacted", LOG_SLICE("table", job->name.table),
                  LOG_INT("files", (int64_t)job->source_count), LOG_INT("rows", job->made.record_count),
                  LOG_INT("bytes", job->made.size), LOG_INT("ms", (clock_monotonic_us() - began_us) / 1000));
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- keys ------------------------------------------------------------------------------------------------------

static bool keys_open(Maintain *maintain, Job *job, Err *err) {
    CatalogTable found;
    TRY(catalog_load(maintain->catalog, job->name, job->arena, &found, err));
    TRY(table_metadata_parse(found.metadata_json, job->arena, &job->metadata, err));
    job->read = (LakeRead){.table = &job->metadata,
                           .schema = table_schema_current(&job->metadata),
                           .ids = job->key_ids,
                           .count = job->key_count,
                           .sequence = -1};
    job->keys = ARENA_ARRAY(job->arena, KeyHash, KEYS_BATCH);
    return lake_rows_open(maintain->io, &job->made, &job->read, &job->rows, err);
}

bool job_keys(Maintain *maintain, Job *job, Err *err) {
    TRY(job->rows != NULL || keys_open(maintain, job, err));
    TRY(maintain_pace(maintain, err));
    for (job->batch = 0; job->batch < KEYS_BATCH; job->batch++) {
        const Value *values = NULL;
        uint64_t position = 0;
        TRY(lake_rows_next(job->rows, &values, &position, err));
        if (values == NULL) {
            return true;
        }
        job->keys[job->batch] = mapping_key_hash(&job->keyed, values);
    }
    return true;
}

// --- the end ---------------------------------------------------------------------------------------------------

static void remove_quietly(Maintain *maintain, Slice uri) {
    Err unsaid[1] = {{0}};
    if (!lake_io_remove(maintain->io, uri, unsaid)) {
        err_clear(unsaid); // an orphan
    }
}

void job_void(Maintain *maintain, const Job *job) {
    if (job->made.record_count > 0) {
        remove_quietly(maintain, job->made.path);
    }
    for (size_t i = 0; i < job->delete_count; i++) {
        remove_quietly(maintain, job->deletes[i].path);
    }
}

void job_release(Job *job) {
    for (size_t i = 0; i < job->source_count; i++) {
        positions_free(job->sources[i].dropped);
    }
    lake_rows_close(job->rows);
    arena_release(job->arena);
    *job = (Job){.state = job->state};
}
