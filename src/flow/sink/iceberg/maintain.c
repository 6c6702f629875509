// SPDX-License-Identifier: Apache-2.0
// The thread, and what passes between it and the sink.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "core/sys/thread.h"
#include "flow/sink/iceberg/maintain_parts.h"
#include "flow/sink/iceberg/moved.h"
#include "flow/sink/iceberg/rebuild.h"

#include <time.h>

enum { LARGEST_EVERY = 4, SEPARATOR = 0x1f };
#define LOOK_US      (INT64_C(1000) * 1000)
#define CREDIT_US    (INT64_C(100) * 1000) // that a rest is worth
#define TRASH_US     (INT64_C(60) * 1000000)
#define AFTER_ERR_US (INT64_C(60) * 1000000)
#define REST_US      (INT64_C(10) * 1000000) // of a table, at least, and so many of the sink's intervals
#define REST_COMMITS 10
#define FILES_GROWN  8
#define ROWS_GROWN   10000

// --- the share of the core -------------------------------------------------------------------------------------

static int64_t thread_cpu_us(void) {
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static void wait_locked(Maintain *maintain, int64_t us) {
    struct timespec until = thread_until(us);
    pthread_cond_timedwait(&maintain->changed, &maintain->mutex, &until);
}

bool maintain_pace(void *context, Err *err) {
    Maintain *maintain = context;
    hand_turn(maintain);
    while (!maintain->stop && !maintain->hurry && !maintain->at_once) {
        int64_t used_us = thread_cpu_us() - maintain->cpu_us, now_us = clock_monotonic_us();
        int64_t due_us = maintain->began_us + used_us * 100 / maintain->context.options->maintenance_cpu;
        if (due_us <= now_us) {
            if (due_us < now_us - CREDIT_US) { // a rest is not saved up
                maintain->cpu_us += used_us;
                maintain->began_us = now_us - CREDIT_US;
            }
            return true;
        }
        pthread_mutex_lock(&maintain->mutex);
        wait_locked(maintain, MIN(due_us - now_us, LOOK_US));
        pthread_mutex_unlock(&maintain->mutex);
    }
    return !maintain->stop || FAIL(err, ERR_INTERRUPTED, "the sink stops");
}

static void places_close(Maintain *maintain) {
    catalog_close(maintain->catalog);
    if (maintain->io != NULL) {
        lake_io_close(maintain->io);
    }
    maintain->catalog = NULL;
    maintain->io = NULL;
}

bool maintain_reach(Maintain *maintain, Err *err) {
    if (maintain->catalog != NULL ||
        lake_places_open(&maintain->context.places, maintain->run, &maintain->io, &maintain->catalog, err)) {
        return true;
    }
    places_close(maintain);
    return err_frame(err, __FILE__, __LINE__);
}

bool maintain_load(Maintain *maintain, TableName name, Arena *arena, Table **table, Err *err) {
    CatalogTable found;
    TRY(catalog_load(maintain->catalog, name, arena, &found, err));
    return table_open(maintain->io, found.metadata_json, found.metadata_file, table, err);
}

// --- the thread ------------------------------------------------------------------------------------------------

static Job *job_next(Maintain *maintain) {
    Job *next = NULL;
    for (size_t i = 0; i < JOBS_MAX; i++) {
        Job *job = &maintain->jobs[i];
        if (job->state == JOB_KEYS_WANTED || job->state == JOB_VOID) { // what is begun comes first
            return job;
        }
        next = next == NULL && job->state == JOB_WANTED ? job : next;
    }
    return next;
}

// In a hurry none: what comes by itself is not begun, nor waited for.
static Kept *kept_next(Maintain *maintain, int64_t now_us) {
    if (maintain->hurry) {
        return NULL;
    }
    for (MapEntry *e = NULL; (e = map_next(&maintain->kept, e)) != NULL;) {
        Kept *kept = e->value;
        if (kept->expire_us <= now_us) {
            return kept;
        }
    }
    return NULL;
}

// An error is no reason to stop: it is said, and the table rests for a while.
static void trouble(const Maintain *maintain, TableName name, const Err *err) {
    if (!maintain->stop) {
        log_warn(LOG_SINK, "maintenance of a table failed", LOG_SLICE("namespace", name.space),
                 LOG_SLICE("table", name.table), LOG_TEXT("reason", err->message));
    }
}

static JobState job_do(Maintain *maintain, Job *job, JobState wanted) {
    Err err[1] = {{0}};
    if (wanted == JOB_VOID) {
        job_void(maintain, job);
        job_release(job);
        return JOB_FREE;
    }
    if (wanted == JOB_KEYS_WANTED) {
        if (!job_keys(maintain, job, err)) { // the index stays as it is: it is made again by the next start
            trouble(maintain, job->name, err);
            job->failed = true;
        }
        return JOB_KEYS_READY;
    }
    if (!job_work(maintain, job, err)) {
        trouble(maintain, job->name, err);
        job->failed = true;
        job->error = *err;
        return JOB_NOTHING;
    }
    return job->group.count + job->deletes.removed_count > 0 ? JOB_WRITTEN : JOB_NOTHING;
}

static void table_do(Maintain *maintain, Kept *kept) {
    Err err[1] = {{0}};
    if (!keep_table(maintain, kept, err)) {
        trouble(maintain, kept->name, err);
        kept->expire_us = clock_monotonic_us() + AFTER_ERR_US;
    }
}

static void trash_do(Maintain *maintain) {
    Err err[1] = {{0}};
    maintain->trash_us = clock_monotonic_us() + TRASH_US;
    if (!trash_empty(maintain, err) && !maintain->stop) {
        log_warn(LOG_SINK, "files of expired snapshots could not be removed", LOG_TEXT("reason", err->message));
    }
}

typedef struct Turn { // what the thread does next
    Job *job;
    JobState wanted;
    bool hand, trash;
    Kept *kept;
} Turn;

static bool turn_choose(Maintain *maintain, Turn *turn) {
    int64_t now_us = clock_monotonic_us();
    *turn = (Turn){.job = job_next(maintain)};
    turn->wanted = turn->job != NULL ? turn->job->state : JOB_FREE;
    turn->hand = turn->job == NULL && hand_next(maintain);
    turn->kept = turn->job == NULL && !turn->hand ? kept_next(maintain, now_us) : NULL;
    turn->trash = turn->job == NULL && !turn->hand && turn->kept == NULL && !maintain->hurry &&
                  maintain->context.by_itself && maintain->trash_us <= now_us;
    return turn->job != NULL || turn->hand || turn->kept != NULL || turn->trash;
}

static void share_begin(Maintain *maintain) {
    maintain->cpu_us = thread_cpu_us();
    maintain->began_us = clock_monotonic_us();
}

static JobState turn_do(Maintain *maintain, const Turn *turn) {
    JobState done = JOB_FREE;
    maintain->at_once = turn->hand || (turn->job != NULL && turn->job->hand);
    if (turn->job != NULL) {
        done = job_do(maintain, turn->job, turn->wanted);
    } else if (turn->hand) {
        hand_do_next(maintain);
    } else if (turn->kept != NULL) {
        table_do(maintain, turn->kept);
    } else {
        trash_do(maintain);
    }
    if (maintain->at_once) { // what came by hand is not paid for by what comes by itself
        share_begin(maintain);
    }
    maintain->at_once = false;
    return done;
}

static void *maintain_thread(void *context) {
    Maintain *maintain = context;
    share_begin(maintain);
    pthread_mutex_lock(&maintain->mutex);
    while (!maintain->stop) {
        Turn turn;
        pthread_mutex_unlock(&maintain->mutex);
        hand_turn(maintain);
        pthread_mutex_lock(&maintain->mutex);
        if (maintain->stop || !turn_choose(maintain, &turn)) {
            if (!maintain->stop) {
                wait_locked(maintain, LOOK_US);
            }
            continue;
        }
        maintain->looking = true;
        pthread_mutex_unlock(&maintain->mutex);
        JobState done = turn_do(maintain, &turn);
        pthread_mutex_lock(&maintain->mutex);
        maintain->looking = false;
        if (turn.job != NULL) {
            turn.job->state = done;
        }
        pthread_cond_broadcast(&maintain->changed);
    }
    pthread_mutex_unlock(&maintain->mutex);
    return NULL;
}

// --- life ------------------------------------------------------------------------------------------------------

static bool thread_start(Maintain *maintain, Err *err) {
    TRY(!maintain->context.by_itself || maintain_reach(maintain, err)); // else when something is asked
    int errnum = pthread_create(&maintain->thread, NULL, maintain_thread, maintain);
    maintain->started = errnum == 0;
    return maintain->started || FAIL(err, ERR_MEMORY, "cannot start a thread: error %d", errnum);
}

bool maintain_start(const MaintainContext *context, Maintain **started, Err *err) {
    Maintain *maintain = calloc(1, sizeof(*maintain));
    ASSERT(maintain != NULL);
    maintain->context = *context;
    arena_init(maintain->run, "run", 0);
    arena_init_small(maintain->hand.arena, "hand", 512);
    pthread_mutex_init(&maintain->mutex, NULL);
    thread_cond_init(&maintain->changed);
    maintain->trash_us = clock_monotonic_us() + TRASH_US;
    if (!thread_start(maintain, err)) {
        maintain_stop(maintain);
        return err_frame(err, __FILE__, __LINE__);
    }
    *started = maintain;
    return true;
}

static void kept_free(Kept *kept) {
    buf_release(&kept->expired);
    arena_release(kept->expired_arena);
    arena_release(kept->arena);
    free(kept);
}

void maintain_stop(Maintain *maintain) {
    if (maintain == NULL) {
        return;
    }
    if (maintain->started) {
        pthread_mutex_lock(&maintain->mutex);
        maintain->stop = true;
        pthread_cond_broadcast(&maintain->changed);
        pthread_mutex_unlock(&maintain->mutex);
        pthread_join(maintain->thread, NULL);
    }
    for (size_t i = 0; i < JOBS_MAX; i++) {
        Job *job = &maintain->jobs[i];
        if (job->state == JOB_WRITTEN || job->state == JOB_VOID) { // of no use, and nobody knows of it
            job_void(maintain, job);
        }
        if (job->state != JOB_FREE) {
            job_release(job);
        }
    }
    for (MapEntry *e = NULL; (e = map_next(&maintain->kept, e)) != NULL;) {
        kept_free(e->value);
    }
    map_release(&maintain->kept);
    places_close(maintain);
    pthread_cond_destroy(&maintain->changed);
    pthread_mutex_destroy(&maintain->mutex);
    map_release(&maintain->moved);
    map_release(&maintain->hand.files);
    arena_release(maintain->hand.arena);
    arena_release(maintain->run);
    free(maintain);
}

// --- what the sink asks for ------------------------------------------------------------------------------------

static TableName name_copy(Arena *arena, TableName name) {
    return (TableName){arena_slice(arena, name.space), arena_slice(arena, name.table)};
}

static void keep(Maintain *maintain, const LakeTable *table) {
    if (map_find(&maintain->kept, table->topic) != NULL) {
        return;
    }
    Kept *kept = calloc(1, sizeof(*kept));
    ASSERT(kept != NULL);
    arena_init_small(kept->arena, "table", 256);
    arena_init_small(kept->expired_arena, "expired", 256);
    kept->name = name_copy(kept->arena, table->name);
    int64_t now_us = clock_monotonic_us();
    kept->expire_us = now_us + MAX(INT64_C(60) * 1000000, 10 * maintain->context.interval_us);
    kept->orphans_us = now_us + INT64_C(3600) * 1000000;
    pthread_mutex_lock(&maintain->mutex);
    map_put(&maintain->kept, table->topic, kept);
    pthread_mutex_unlock(&maintain->mutex);
}

static bool rests(const Maintain *maintain, const LakeUpkeep *upkeep, int64_t now_us) {
    int64_t rest_us = MAX(REST_US, REST_COMMITS * maintain->context.interval_us);
    return upkeep->changed_us != upkeep->rested_us && now_us - upkeep->changed_us >= rest_us;
}

static bool worth_it(const Maintain *maintain, const LakeTable *table, int64_t now_us) {
    const LakeUpkeep *upkeep = &table->upkeep;
    return !upkeep->watched && upkeep->after_us <= now_us &&
           (upkeep->again || upkeep->files >= FILES_GROWN + table->files.count / 64 || upkeep->rows >= ROWS_GROWN ||
            rests(maintain, upkeep, now_us));
}

static void heavy_find(const LakeTable *table, Job *job) {
    JobHeavy *heavy = ARENA_ARRAY(job->arena, JobHeavy, table->files.count);
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        const LakeDataFile *data = e->value;
        if (data->deleted > 0) {
            heavy[job->heavy_count++] = (JobHeavy){arena_slice(job->arena, data->file.path), data->deleted};
        }
    }
    job->heavy = heavy;
}

// What it takes to hash keys in another thread.
static void keys_fill(Job *job, const Mapping *mapping) {
    size_t count = mapping->key_count;
    int32_t *ids = ARENA_ARRAY(job->arena, int32_t, count), *key = ARENA_ARRAY(job->arena, int32_t, count);
    ShapeField *fields = ARENA_ARRAY(job->arena, ShapeField, count);
    Shape *shape = ARENA_NEW(job->arena, Shape);
    for (size_t i = 0; i < count; i++) {
        ids[i] = mapping->schema.shape->fields[mapping->key[i]].shape.id;
        key[i] = (int32_t)i;
        fields[i].shape.id = ids[i];
    }
    *shape = (Shape){.kind = SHAPE_STRUCT, .fields = fields, .field_count = (uint32_t)count};
    job->keyed = (Mapping){.schema = {.shape = shape},
                           .key = key,
                           .key_count = count,
                           .exact_keys = mapping->exact_keys,
                           .full_row = mapping->full_row};
    job->key_ids = ids;
    job->key_count = count;
}

static void job_fill(Maintain *maintain, Job *job, LakeTable *table) {
    *job = (Job){.state = JOB_FREE, .table = table};
    arena_init_small(job->arena, "job", 4096);
    job->name = name_copy(job->arena, table->name);
    job->snapshot_id = table_metadata(table->table)->current_snapshot_id;
    job->held = metadata_hold(table_held(table->table));
    job->truncations = table->upkeep.truncations;
    job->largest = ++maintain->rounds % LARGEST_EVERY == 0;
    job->rest = rests(maintain, &table->upkeep, clock_monotonic_us());
    job->changed_us = table->upkeep.changed_us;
    heavy_find(table, job);
    keys_fill(job, &table->mapping);
}

Job *maintain_job(Maintain *maintain, LakeTable *table) {
    Job *job = NULL;
    for (size_t i = 0; i < JOBS_MAX && job == NULL; i++) {
        job = maintain->jobs[i].state == JOB_FREE ? &maintain->jobs[i] : NULL;
    }
    if (job != NULL) {
        job_fill(maintain, job, table);
        job->state = JOB_WANTED;
        table->upkeep.watched = true;
        pthread_cond_broadcast(&maintain->changed);
    }
    return job;
}

void maintain_offer(Maintain *maintain, LakeTable *table) {
    LakeUpkeep *upkeep = &table->upkeep;
    if (!maintain->context.by_itself) {
        return;
    }
    keep(maintain, table);
    if (maintain->hurry || table->branch != NULL || !worth_it(maintain, table, clock_monotonic_us()) ||
        table_snapshot_current(table_metadata(table->table)) == NULL) {
        return;
    }
    pthread_mutex_lock(&maintain->mutex);
    if (maintain_job(maintain, table) != NULL) {
        upkeep->files = upkeep->rows = 0;
        upkeep->again = false;
    }
    pthread_mutex_unlock(&maintain->mutex);
}

// --- what it is given ------------------------------------------------------------------------------------------

// Of a table that is closed: nothing.
static void unwatch(LakeTable *table) {
    if (table == NULL) {
        return;
    }
    table->upkeep.watched = false;
    for (MapEntry *e = NULL; (e = map_next(&table->files, e)) != NULL;) {
        LakeDataFile *data = e->value;
        positions_free(data->since);
        data->since = NULL;
    }
}

static bool still_there(const LakeTable *table, const Job *job) {
    if (table == NULL || table->upkeep.truncations != job->truncations) {
        return false;
    }
    for (size_t i = 0; job->key_count > 0 && i < job->group.count; i++) {
        const LakeDataFile *data = map_find(&table->by_path, job->group.sources[i].path);
        if (data == NULL || data->fresh || data->gone) {
            return false;
        }
    }
    return true;
}

// The made file, as if it had been written with the next commit.
static LakeDataFile *made_add(LakeTable *table, const Job *job) {
    LakeDataFile *data = lake_data_file_new(&job->group.made);
    data->number = table->next_file++;
    data->fresh = true;
    data->file.metrics = job->group.made.metrics; // the job's, which outlives the commit
    data->file.metric_count = job->group.made.metric_count;
    data->file.split_offsets = job->group.made.split_offsets;
    data->file.split_count = job->group.made.split_count;
    map_put_u64(&table->files, data->number, data);
    map_put(&table->by_path, data->file.path, data);
    return data;
}

static void since_move(const LakeTable *table, const LakeDataFile *old, LakeDataFile *made) {
    uint64_t from = 0, piece[512];
    for (size_t n; old->since != NULL && (n = positions_next(old->since, &from, piece, ARRAY_LEN(piece))) > 0;) {
        made->rows = made->rows != NULL ? made->rows : positions_new();
        for (size_t i = 0; i < n; i++) {
            KeyPlace place = moved_place(table, (KeyPlace){old->number, (uint32_t)piece[i]});
            made->deleted += positions_add(made->rows, place.row);
        }
    }
    made->changed = made->deleted > 0;
}

// Rows that were deleted while the new file was written are deleted in it, too.
static void sources_replace(LakeTable *table, Job *job) {
    LakeDataFile *made = job->group.made.record_count > 0 ? made_add(table, job) : NULL;
    job->number = made != NULL ? made->number : 0;
    for (size_t i = 0; i < job->group.count; i++) {
        RewriteSource *source = &job->group.sources[i];
        LakeDataFile *old = map_find(&table->by_path, source->path);
        old->gone = true;
        if (made != NULL) {
            moved_put(table, old->number, made->number, source->base, source->dropped);
            source->dropped = NULL;
            since_move(table, old, made);
        }
    }
}

static void job_apply(LakeTable *table, Job *job) {
    LakeSwap *swap = &table->swap;
    bool knows = job->key_count > 0;
    swap->added = job->deletes.made;
    swap->added_count = job->deletes.made_count;
    swap->removed = job->deletes.removed;
    swap->removed_count = job->deletes.removed_count;
    if (knows) {
        sources_replace(table, job);
    } else { // its files are not known here
        swap->data = job->group.made.record_count > 0 ? &job->group.made : NULL;
        swap->data_removed = job->group.files;
        swap->data_removed_count = job->group.count;
    }
    swap->on = table->touched = true;
}

bool maintain_ready(Maintain *maintain) {
    bool some = false;
    pthread_mutex_lock(&maintain->mutex);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        Job *job = &maintain->jobs[i];
        if (job->state == JOB_NOTHING) {
            if (job->table != NULL) {
                LakeUpkeep *upkeep = &job->table->upkeep;
                upkeep->after_us = clock_monotonic_us() + (job->failed ? AFTER_ERR_US : 0);
                upkeep->rested_us = job->rest && !job->failed ? job->changed_us : upkeep->rested_us;
            }
            unwatch(job->table);
            hand_nothing(maintain, job);
            job_release(job);
            job->state = JOB_FREE;
        } else if (job->state == JOB_WRITTEN && !still_there(job->table, job)) {
            unwatch(job->table);
            hand_void(maintain, job);
            job->state = JOB_VOID;
            pthread_cond_broadcast(&maintain->changed);
        } else if (job->state == JOB_WRITTEN) {
            job_apply(job->table, job);
            unwatch(job->table);
            job->state = JOB_HANDED;
            some = true;
        }
    }
    pthread_mutex_unlock(&maintain->mutex);
    return some;
}

void maintain_handed(Maintain *maintain) {
    pthread_mutex_lock(&maintain->mutex);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        Job *job = &maintain->jobs[i];
        if (job->state != JOB_HANDED) {
            continue;
        }
        job->table->upkeep.again = true;
        hand_handed(maintain, job);
        if (job->key_count > 0 && job->group.count > 0 && job->group.made.record_count > 0) {
            job->table->upkeep.watched = true; // not again before its keys are told
            job->state = JOB_KEYS_WANTED;
            pthread_cond_broadcast(&maintain->changed);
        } else {
            hand_ended(maintain, job);
            job_release(job);
            job->state = JOB_FREE;
        }
    }
    pthread_mutex_unlock(&maintain->mutex);
}

void maintain_forget(Maintain *maintain, const LakeTable *table) {
    if (maintain == NULL) {
        return;
    }
    pthread_mutex_lock(&maintain->mutex);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        Job *job = &maintain->jobs[i];
        job->table = job->state != JOB_FREE && job->table == table ? NULL : job->table;
    }
    pthread_mutex_unlock(&maintain->mutex);
}

static bool keys_tell(Maintain *maintain, Job *job, Err *err) {
    LakeTable *table = job->table;
    bool done = table == NULL || job->failed || job->batch == 0 || table->upkeep.truncations != job->truncations;
    if (!done) {
        TRY(moved_tell(table, job->number, job->row, job->keys, job->batch, err));
        CRASH_POINT("lake.compacted.keys");
    } else if (table != NULL && !job->failed) { // else the places stay moved
        moved_forget(table, job->number);
    }
    pthread_mutex_lock(&maintain->mutex);
    if (done) {
        unwatch(table);
        hand_ended(maintain, job);
        job_release(job);
        job->state = JOB_FREE;
    } else {
        job->row += (uint32_t)job->batch;
        job->state = JOB_KEYS_WANTED;
        pthread_cond_broadcast(&maintain->changed);
    }
    pthread_mutex_unlock(&maintain->mutex);
    return true;
}

bool maintain_keys(Maintain *maintain, Err *err) {
    for (size_t i = 0; i < JOBS_MAX; i++) {
        Job *job = &maintain->jobs[i];
        pthread_mutex_lock(&maintain->mutex);
        bool ready = job->state == JOB_KEYS_READY;
        pthread_mutex_unlock(&maintain->mutex);
        TRY(!ready || keys_tell(maintain, job, err));
    }
    return true;
}

void maintain_note(Maintain *maintain, TableName name) {
    DEFER(buf_release) Buf key = {0};
    buf_put(&key, name.space);
    buf_u8(&key, SEPARATOR);
    buf_put(&key, name.table);
    pthread_mutex_lock(&maintain->mutex);
    map_put(&maintain->moved, buf_slice(&key), maintain);
    pthread_mutex_unlock(&maintain->mutex);
}

static TableName moved_name(Slice key) {
    size_t at = key.size;
    while (key.data[at - 1] != SEPARATOR) { // the namespace has some of its own
        at--;
    }
    return (TableName){{key.data, at - 1}, slice_from(key, at)};
}

bool maintain_note_moved(Maintain *maintain, Lake *lake, LakeMemory *memory, bool *some, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init_small(&scratch, "scratch", 256);
    pthread_mutex_lock(&maintain->mutex);
    Map moved = maintain->moved;
    maintain->moved = (Map){0};
    pthread_mutex_unlock(&maintain->mutex);
    *some = moved.count > 0;
    bool ok = true;
    for (MapEntry *e = NULL; ok && (e = map_next(&moved, e)) != NULL;) {
        CatalogTable found;
        TableName name = moved_name(e->key);
        ok = catalog_load(lake->catalog, name, &scratch, &found, err);
        if (ok) {
            memory_note(memory, name, found.metadata_file);
        } else if (err->code == ERR_NOT_FOUND) {
            err_clear(err);
            ok = true;
        }
        arena_reset(&scratch);
    }
    map_release(&moved);
    return ok || err_frame(err, __FILE__, __LINE__);
}

void maintain_hurry(Maintain *maintain) {
    pthread_mutex_lock(&maintain->mutex);
    maintain->hurry = true;
    pthread_cond_broadcast(&maintain->changed);
    pthread_mutex_unlock(&maintain->mutex);
}

void maintain_calm(Maintain *maintain) {
    maintain->hurry = false;
}

MaintainState maintain_state(Maintain *maintain) {
    MaintainState state = MAINTAIN_IDLE;
    pthread_mutex_lock(&maintain->mutex);
    for (size_t i = 0; i < JOBS_MAX; i++) {
        JobState job = maintain->jobs[i].state;
        if (job == JOB_WRITTEN || job == JOB_NOTHING || job == JOB_KEYS_READY) {
            state = MAINTAIN_WAITS;
        } else if (job != JOB_FREE && state == MAINTAIN_IDLE) {
            state = MAINTAIN_AT_WORK;
        }
    }
    bool hand = maintain->hurry ? hand_next(maintain) : maintain->hand.state != HAND_NONE;
    if (state == MAINTAIN_IDLE && (maintain->looking || hand || kept_next(maintain, clock_monotonic_us()) != NULL)) {
        state = MAINTAIN_AT_WORK;
        pthread_cond_broadcast(&maintain->changed);
    }
    pthread_mutex_unlock(&maintain->mutex);
    return state;
}
