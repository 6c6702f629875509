// SPDX-License-Identifier: Apache-2.0
#include "flow/verify/verify.h"

#include "core/sys/clock.h"
#include "flow/verify/row_store.h"

#include <pthread.h>
#include <stdatomic.h>

enum { BUCKETS = 65536, THROTTLE_BYTES = 256 * KIB, DIFFERENCES_MAX = 1000 };
#define MEMORY_MAX (256 * MIB)

typedef struct Bucket {
    uint64_t a, b, rows;
} Bucket;

// A row on its way into its bucket, which is fetched into the cache meanwhile.
typedef struct LateRow {
    Bucket *bucket;
    RowHash row;
} LateRow;
enum { LATE_ROWS = 8 };

typedef struct Side {
    Bucket *buckets;
    LateRow late[LATE_ROWS];
    size_t late_at;
    uint64_t rows, bytes;
    size_t unpaid; // bytes that the throttle has not heard of
    RowStore store;
    Err err;
} Side;

// Hashes of the keys of a sample: open addressing, 0 is free.
typedef struct KeySet {
    uint64_t *at;
    size_t capacity, count;
} KeySet;

typedef enum Ready { READY_NOT, READY_TABLE, READY_ALL, READY_NEVER } Ready;

typedef struct Run {
    const VerifyContext *context;
    Slice topic;
    Arena *arena;
    VerifyResult *result;
    RowSecret rows, keys;
    SinkCompareTable table;
    bool opened; // table
    Arena scratch[1];
    Side source, sink;
    const bool *wanted; // second pass: buckets to look into
    KeySet sample;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    Ready ready;
    _Atomic bool failed;
} Run;

const char *verify_kind_name(VerifyKind kind) {
    static const char *const NAMES[] = {"missing", "extra", "different", "duplicate"};
    return NAMES[kind];
}

bool verify_is_equal(const VerifyResult *result) {
    return result->missing + result->extra + result->different + result->duplicate + result->unseen == 0;
}

// --- samples ---------------------------------------------------------------------------------------------------

static size_t key_slot(const KeySet *set, uint64_t key) {
    size_t slot = key & (set->capacity - 1);
    while (set->at[slot] != 0 && set->at[slot] != key) {
        slot = (slot + 1) & (set->capacity - 1);
    }
    return slot;
}

static void key_add(KeySet *set, uint64_t key) {
    if (set->count * 2 >= set->capacity) {
        KeySet grown = {.capacity = MAX(set->capacity * 2, (size_t)1024)};
        grown.at = calloc(grown.capacity, sizeof(*grown.at));
        ASSERT(grown.at != NULL);
        for (size_t i = 0; i < set->capacity; i++) {
            if (set->at[i] != 0) {
                grown.at[key_slot(&grown, set->at[i])] = set->at[i];
                grown.count++;
            }
        }
        free(set->at);
        *set = grown;
    }
    size_t slot = key_slot(set, key);
    set->count += set->at[slot] == 0;
    set->at[slot] = key;
}

static uint64_t sample_key(RowHash key) {
    return key.a != 0 ? key.a : 1;
}

static bool sampled(const KeySet *set, RowHash key) {
    return set->capacity > 0 && set->at[key_slot(set, sample_key(key))] != 0;
}

// --- rows ------------------------------------------------------------------------------------------------------

static bool go_on(Run *run, Side *side, size_t bytes, Err *err) {
    side->rows++;
    side->bytes += bytes;
    side->unpaid += bytes;
    if (LIKELY(side->unpaid < THROTTLE_BYTES)) {
        return true;
    }
    throttle_take(side == &run->sink ? run->context->throttle : NULL, side->unpaid); // the source takes its own
    side->unpaid = 0;
    bool stop = run->failed || (run->context->stop != NULL && *run->context->stop);
    return !stop || FAIL(err, ERR_INTERRUPTED, "stopped");
}

static void row_hashes(const Run *run, const Value *values, RowHash *key, RowHash *row) {
    const SinkCompareTable *table = &run->table;
    *row = row_hash(&run->rows, table->record, values, NULL, table->record->field_count);
    *key = table->key_count > 0 ? row_hash(&run->keys, table->record, values, table->key, table->key_count) : *row;
}

static size_t bucket_of(RowHash key) {
    return key.b % BUCKETS;
}

static void late_add(LateRow *late) {
    if (LIKELY(late->bucket != NULL)) {
        late->bucket->a += late->row.a;
        late->bucket->b += late->row.b;
        late->bucket->rows++;
        late->bucket = NULL;
    }
}

static void row_add(Side *side, RowHash key, RowHash row) {
    LateRow *late = &side->late[side->late_at++ % LATE_ROWS];
    late_add(late);
    *late = (LateRow){&side->buckets[bucket_of(key)], row};
    __builtin_prefetch(late->bucket, 1);
}

static void rows_settle(Side *side) {
    for (size_t i = 0; i < LATE_ROWS; i++) {
        late_add(&side->late[i]);
    }
}

static void ready_set(Run *run, Ready ready) {
    pthread_mutex_lock(&run->mutex);
    run->ready = ready;
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->mutex);
}

static bool table_open(Run *run, const Schema *schema, Err *err) {
    const VerifyContext *context = run->context;
    TRY(context->sink->compare_table(context->sink_state, run->topic, schema, run->arena, &run->table, err));
    run->opened = true;
    VerifyResult *result = run->result;
    result->record = run->table.record;
    result->key = run->table.key;
    result->key_count = run->table.key_count;
    result->bag = run->table.bag;
    result->bag_count = run->table.bag_count;
    result->irreparable = run->table.irreparable;
    result->column_differs = ARENA_ARRAY(run->arena, uint64_t, result->record->field_count);
    result->lost = ARENA_ARRAY(run->arena, uint64_t, result->record->field_count);
    if (context->sample > 1 && run->table.key_count == 0) {
        FAIL(err, ERR_TABLE, "a sample takes a key, and the table has none");
        return err_hint(err, "compare all of it: without --sample");
    }
    if (context->sample <= 1) {
        ready_set(run, READY_TABLE);
    }
    return true;
}

static bool source_row(void *at, const Schema *schema, const Event *event, Err *err) {
    Run *run = at;
    const Value *values = NULL;
    VerifyResult *result = run->result;
    uint64_t inexact = 0;
    TRY(run->opened || table_open(run, schema, err));
    TRY(run->context->sink->compare_map(&run->table, run->scratch, schema, event, &values,
                                        run->wanted == NULL ? result->lost : NULL, &inexact, err));
    RowHash key, row;
    result->schema = schema;
    row_hashes(run, values, &key, &row);
    size_t bytes = row_bytes(values, result->record->field_count);
    if (run->wanted == NULL) {
        row_add(&run->source, key, row);
        result->inexact += inexact;
        if (run->context->sample > 1) {
            key_add(&run->sample, sample_key(key));
        }
    } else if (run->wanted[bucket_of(key)]) {
        StoredRow stored = {.key = key, .row = row, .place = event->ordinal};
        row_store_source(&run->source.store, stored, values, result->record->field_count, schema, event->after);
    }
    arena_reset(run->scratch);
    return go_on(run, &run->source, bytes, err);
}

static bool sink_row(void *at, const SinkCompareRow *given, Err *err) {
    Run *run = at;
    RowHash key, row;
    row_hashes(run, given->values, &key, &row);
    size_t count = run->table.record->field_count, bytes = row_bytes(given->values, count);
    if (run->context->sample > 1 && !sampled(&run->sample, key)) {
        return go_on(run, &run->sink, bytes, err);
    }
    if (run->wanted == NULL) {
        row_add(&run->sink, key, row);
    } else if (run->wanted[bucket_of(key)]) {
        StoredRow stored = {.key = key, .row = row, .place = given->position};
        row_store_sink(&run->sink.store, stored, given->values, count, given->file);
    }
    return go_on(run, &run->sink, bytes, err);
}

// --- passes ----------------------------------------------------------------------------------------------------

static bool source_read(Run *run, Err *err) {
    const VerifyContext *context = run->context;
    const Schema *schema = NULL;
    SourceCompare what = {
        .throttle = context->throttle, .sample = context->sample > 1 ? context->sample : 0, .schema = &schema};
    TRY(context->source->compare_table(context->source_state, run->topic, &what, source_row, run, err));
    TRY(run->opened || table_open(run, schema, err)); // the source has no rows
    return true;
}

static void *sink_thread(void *at) {
    Run *run = at;
    pthread_mutex_lock(&run->mutex);
    while (run->ready == READY_NOT) {
        pthread_cond_wait(&run->changed, &run->mutex);
    }
    bool go = run->ready != READY_NEVER;
    pthread_mutex_unlock(&run->mutex);
    if (go && !run->context->sink->compare_rows(&run->table, sink_row, run, &run->sink.err)) {
        run->failed = true;
    }
    return NULL;
}

static bool pass(Run *run, Err *err) {
    pthread_t thread;
    run->source.rows = run->sink.rows = 0;
    run->source.bytes = run->sink.bytes = 0;
    run->sink.err = (Err){0};
    run->ready = run->opened && run->context->sample <= 1 ? READY_TABLE : READY_NOT;
    int failed = pthread_create(&thread, NULL, sink_thread, run);
    if (failed != 0) {
        return err_errno(err, __FILE__, __LINE__, failed, "start a thread");
    }
    bool ok = source_read(run, err);
    if (!ok) {
        run->failed = true;
    }
    ready_set(run, ok ? READY_ALL : READY_NEVER);
    pthread_join(thread, NULL);
    rows_settle(&run->source);
    rows_settle(&run->sink);
    if (run->sink.err.code != ERR_NONE && (ok || err->code == ERR_INTERRUPTED)) {
        *err = run->sink.err; // the other side only stopped because of it
        return false;
    }
    return ok;
}

// False: none differs.
static bool buckets_judge(Run *run, bool *differs) {
    bool any = false;
    for (size_t i = 0; i < BUCKETS; i++) {
        const Bucket *ours = &run->source.buckets[i], *theirs = &run->sink.buckets[i];
        differs[i] = ours->a != theirs->a || ours->b != theirs->b || ours->rows != theirs->rows;
        run->result->equal += differs[i] ? 0 : ours->rows;
        run->result->unseen += differs[i] ? MAX(ours->rows, theirs->rows) : 0;
        any |= differs[i];
    }
    return any;
}

// Of those that differ and were not looked into, as many as the memory holds.
static bool buckets_choose(Run *run, bool *differs, bool *wanted) {
    size_t limit = run->context->memory_bytes_max > 0 ? run->context->memory_bytes_max : MEMORY_MAX;
    uint64_t rows = run->source.rows + run->sink.rows, bytes = run->source.bytes + run->sink.bytes, chosen = 0;
    uint64_t each = sizeof(StoredRow) + (rows > 0 ? 2 * bytes / rows : 0), taken = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        const Bucket *ours = &run->source.buckets[i], *theirs = &run->sink.buckets[i];
        uint64_t size = (ours->rows + theirs->rows) * each;
        wanted[i] = differs[i] && (chosen == 0 || taken + size <= limit);
        if (wanted[i]) {
            differs[i] = false;
            taken += size;
            chosen++;
            run->result->unseen -= MAX(ours->rows, theirs->rows);
        }
    }
    return chosen > 0;
}

static bool second_look(Run *run, bool *differs, Err *err) {
    const VerifyContext *context = run->context;
    size_t max = context->differences_max > 0 ? context->differences_max : DIFFERENCES_MAX;
    CorrectionFiles *corrections = run->result->irreparable == NULL ? context->corrections : NULL;
    bool *wanted = ARENA_ARRAY(run->arena, bool, BUCKETS);
    run->wanted = wanted;
    while (buckets_choose(run, differs, wanted)) {
        row_store_reset(&run->source.store);
        row_store_reset(&run->sink.store);
        TRY(pass(run, err));
        TRY(row_stores_match(&run->source.store, &run->sink.store, &run->rows, max, run->arena, corrections,
                             run->result, err));
        if (corrections == NULL) {
            return true;
        }
    }
    return true;
}

static bool both_passes(Run *run, Err *err) {
    TRY(pass(run, err));
    run->result->source_rows = run->source.rows;
    run->result->sink_rows = run->sink.rows;
    bool *differs = ARENA_ARRAY(run->arena, bool, BUCKETS);
    return !buckets_judge(run, differs) || second_look(run, differs, err);
}

static void side_open(Side *side) {
    side->buckets = calloc(BUCKETS, sizeof(*side->buckets));
    ASSERT(side->buckets != NULL);
    row_store_init(&side->store);
}

static void side_close(Side *side) {
    free(side->buckets);
    row_store_release(&side->store);
}

bool verify_table(const VerifyContext *context, Slice topic, Arena *arena, VerifyResult *result, Err *err) {
    int64_t began_us = clock_monotonic_us();
    *result = (VerifyResult){.topic = arena_slice(arena, topic)};
    Run run = {.context = context, .topic = topic, .arena = arena, .result = result};
    arena_init(run.scratch, "scratch", 0);
    row_secret_make(&run.rows);
    row_secret_make(&run.keys);
    side_open(&run.source);
    side_open(&run.sink);
    pthread_mutex_init(&run.mutex, NULL);
    pthread_cond_init(&run.changed, NULL);
    bool ok = both_passes(&run, err);
    if (run.opened) {
        context->sink->compare_table_close(&run.table);
    }
    pthread_cond_destroy(&run.changed);
    pthread_mutex_destroy(&run.mutex);
    side_close(&run.source);
    side_close(&run.sink);
    free(run.sample.at);
    arena_release(run.scratch);
    result->us = clock_monotonic_us() - began_us;
    return ok || err_prefix(err, "table %.*s", SLICE_ARG(topic));
}
