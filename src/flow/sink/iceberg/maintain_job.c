// SPDX-License-Identifier: Apache-2.0
// One table's rewrite: which files, read and written. In the maintenance's thread.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "flow/sink/iceberg/maintain_parts.h"

enum { FEW = 2, REST_DELETED_PERCENT = 2, WORN_PART = 4 };

typedef struct JobWork {
    Maintain *maintain;
    Job *job;
    Rewrite rewrite;
} JobWork;

// --- data files ------------------------------------------------------------------------------------------------

static CompactFile *files_make(JobWork *work, size_t *count) {
    const Job *job = work->job;
    CompactFile *files = rewrite_files(&work->rewrite, count);
    Map heavy = {0};
    for (size_t i = 0; i < job->heavy_count; i++) {
        map_put(&heavy, job->heavy[i].path, (void *)(uintptr_t)&job->heavy[i]);
    }
    for (size_t i = 0; i < *count; i++) {
        const JobHeavy *found = map_find(&heavy, files[i].file->path);
        files[i].deleted = found != NULL ? found->deleted : 0;
    }
    map_release(&heavy);
    return files;
}

static void group_choose(JobWork *work, const CompactGroup **chosen) {
    Job *job = work->job;
    size_t count = 0, groups = 0;
    CompactFile *files = files_make(work, &count);
    CompactGroup *found = NULL;
    if (job->hand) {
        hand_choose(work->maintain, files, count, job->arena, chosen);
        return;
    }
    CompactRules rules = {.target_bytes = work->maintain->context.options->target_file_bytes, .rows_max = INT32_MAX};
    if (job->rest) {
        rules.files_min = FEW;
        rules.deleted_percent = REST_DELETED_PERCENT;
        rules.deleted_min = 1;
    }
    compact_plan(files, count, &rules, job->arena, &found, &groups);
    *chosen = groups == 0 ? NULL : &found[job->largest ? groups - 1 : 0];
}

static bool data_rewrite(JobWork *work, Err *err) {
    const CompactGroup *group = NULL;
    group_choose(work, &group);
    if (group == NULL) {
        return true;
    }
    TRY(rewrite_group(&work->rewrite, group, &work->job->group, err));
    CRASH_POINT("lake.compacted.written");
    return true;
}

// --- delete files ----------------------------------------------------------------------------------------------

// Rows of delete files against rows that are deleted: are there some that delete nothing? While the table is written to
// they are worth a look at the files themselves when they are a quarter.
static bool deletes_worn(const JobWork *work) {
    const Job *job = work->job;
    int64_t said = 0, deleted = 0;
    for (size_t i = 0; i < rewrite_file_count(&work->rewrite.deletes); i++) {
        const DataFile *file = &rewrite_file(&work->rewrite.deletes, i)->file;
        said += file->content == CONTENT_POSITION_DELETES && file->content_offset < 0 ? file->record_count : 0;
    }
    for (size_t i = 0; i < job->heavy_count; i++) {
        deleted += job->heavy[i].deleted;
    }
    return job->key_count > 0 && said - deleted >= (job->rest ? 1 : MAX(said / WORN_PART, (int64_t)1));
}

// One group at a time; by hand all, once no data files are left.
static bool deletes_rewrite(JobWork *work, Err *err) {
    Job *job = work->job;
    RewriteDeletes *deletes = &job->deletes;
    *deletes = (RewriteDeletes){.files_min = job->hand || job->rest ? FEW : 0, .groups_max = job->hand ? 0 : 1};
    deletes->only_remove = job->hand && job->group.count > 0;
    TRY((!job->hand && !deletes_worn(work)) || rewrite_positions(&work->rewrite, err));
    TRY(rewrite_deletes(&work->rewrite, deletes, err));
    if (deletes->removed_count > 0) {
        CRASH_POINT("lake.compacted.deletes");
    }
    return true;
}

// --- all -------------------------------------------------------------------------------------------------------

static bool work_do(JobWork *work, Err *err) {
    Maintain *maintain = work->maintain;
    Job *job = work->job;
    table_open_held(maintain->io, job->held, &work->rewrite.table);
    const Snapshot *snapshot = table_snapshot_find(table_metadata(work->rewrite.table), job->snapshot_id);
    TRY(rewrite_look(&work->rewrite, snapshot, err));
    return maintain_pace(maintain, err) && data_rewrite(work, err) && deletes_rewrite(work, err);
}

bool job_work(Maintain *maintain, Job *job, Err *err) {
    int64_t began_us = clock_monotonic_us();
    JobWork work = {.maintain = maintain, .job = job};
    bool ok = maintain_reach(maintain, err);
    work.rewrite = (Rewrite){.io = maintain->io,
                             .arena = job->arena,
                             .level = (int)maintain->context.options->compression_level,
                             .memory = MAX(maintain->context.memory_bytes_max / 8, (size_t)4 * MIB),
                             .pace = maintain_pace,
                             .context = maintain};
    ok = ok && work_do(&work, err);
    rewrite_release(&work.rewrite);
    table_close(work.rewrite.table);
    if (ok && job->group.count > 0) {
        log_debug(LOG_SINK, "files were compacted", LOG_SLICE("table", job->name.table),
                  LOG_INT("files", (int64_t)job->group.count), LOG_INT("rows", job->group.made.record_count),
                  LOG_INT("bytes", job->group.made.size), LOG_INT("ms", (clock_monotonic_us() - began_us) / 1000));
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
    return lake_rows_open(maintain->io, &job->group.made, &job->read, &job->rows, err);
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
    if (job->group.made.record_count > 0) {
        remove_quietly(maintain, job->group.made.path);
    }
    for (size_t i = 0; i < job->deletes.made_count; i++) {
        remove_quietly(maintain, job->deletes.made[i].path);
    }
}

void job_release(Job *job) {
    for (size_t i = 0; i < job->group.count; i++) {
        positions_free(job->group.sources[i].dropped);
    }
    metadata_held_release(job->held);
    lake_rows_close(job->rows);
    arena_release(job->arena);
    *job = (Job){.state = job->state};
}
