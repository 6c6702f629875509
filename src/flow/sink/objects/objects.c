// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/objects.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/random.h"
#include "data/connect/headers.h"
#include "flow/sink/objects/compare.h"
#include "flow/sink/objects/layout.h"
#include "flow/sink/objects/publish.h"
#include "flow/sink/objects/withdraw.h"
#include "storage/store/local/local.h"
#include "storage/store/s3/s3.h"

#include <stdlib.h>

// Where files go; the first that accepts the URL.
static const StoreDriver *stores[] = {&LOCAL_STORE, &S3_STORE};

static const StoreDriver *store_for(const char *url) {
    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        if (stores[i]->accepts(url)) {
            return stores[i];
        }
    }
    return NULL;
}

static bool objects_accepts(const char *url) {
    return store_for(url) != NULL;
}

static Slice pipeline_name(const SinkContext *context) {
    return slice_of(context->pipeline != NULL ? context->pipeline : ""); // NULL: a probe
}

static const void *store_options(const SinkContext *context) {
    return store_for(context->url) == &S3_STORE ? &((const ObjectsOptions *)context->options)->s3 : NULL;
}

static StoreContext store_context(const SinkContext *context, const char *owner, Arena *arena) {
    const char *staging = arena_printf(arena, "%s/staging", context->state_directory);
    return (StoreContext){
        .url = context->url, .owner = owner, .staging_directory = staging, .options = store_options(context)};
}

bool objects_store_open(const SinkContext *context, const char *owner, Arena *arena, Store **store, Err *err) {
    StoreContext opening = store_context(context, owner, arena);
    return store_open(store_for(context->url), &opening, store, err);
}

static bool objects_probe(const SinkContext *context, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Rules rules;
    bool ok = rules_make(&scratch, context->options, pipeline_name(context), context->memory_bytes_max, &rules, err);
    arena_release(&scratch);
    TRY(ok);
    StoreContext store = {.url = context->url, .options = store_options(context)};
    return store_for(context->url)->probe(&store, err);
}

void tables_add(TableList *list, ObjectsTable *table) {
    if (list->count == list->capacity) {
        list->capacity = MAX(list->capacity * 2, (size_t)64);
        list->at = realloc(list->at, list->capacity * sizeof(*list->at));
        ASSERT(list->at != NULL);
    }
    list->at[list->count++] = table;
}

// --- opening ---------------------------------------------------------------------------------------------------

// Of a journal that outlives the state directory it begins as the journal's own name does.
static Slice owner_make(Arena *arena, const SinkContext *context) {
    if (context->journal_id != NULL) {
        return slice_of(arena_printf(arena, "%.*s%08" PRIx32, OWNER_JOURNAL_BYTES, context->journal_id,
                                     (uint32_t)random_number() | 1));
    }
    return slice_of(arena_printf(arena, "%016" PRIx64, random_number()));
}

ObjectsTable *objects_table_restore(Objects *sink, const PlanTopic *topic) {
    ObjectsTable *table = map_find(&sink->by_topic, topic->name);
    table = table != NULL ? table : objects_table_add(sink, topic->name);
    table->patterns = ARENA_ARRAY(&sink->run, Slice, topic->pattern_count);
    table->pattern_count = topic->pattern_count;
    for (size_t j = 0; j < topic->pattern_count; j++) {
        table->patterns[j] = arena_slice(&sink->run, topic->patterns[j]);
    }
    table->committed = table->next = table->sealed_end = topic->committed;
    table->epoch = table->cut_epoch = topic->epoch;
    table->known = table->published = true;
    table->single_from = sink->single ? MIN(topic->single_from, topic->committed) : UINT64_MAX;
    memcpy(table->points, topic->points, topic->point_count * sizeof(table->points[0]));
    table->point_count = topic->point_count;
    return table;
}

static void restore_tables(Objects *sink, const Plan *plan) {
    for (size_t i = 0; i < plan->topic_count; i++) {
        (void)objects_table_restore(sink, &plan->topics[i]);
    }
}

// --- what the target remembers ---------------------------------------------------------------------------------

typedef struct Target {
    bool found;
    bool ahead; // of the state directory
    Checkpoint checkpoint;
    char tag[STORE_TAG_BYTES_MAX];
} Target;

// SINK@SOURCE is what the target knows a sink connector's part in one source by, names of pipelines have no such sign;
// one that reads topics of Kafka has its own records alone.
static bool is_connector(const SinkContext *context) {
    return context->records != NULL || strchr(context->pipeline, '@') != NULL;
}

static bool unknown_fail(const SinkContext *context, Err *err) {
    FAIL(err, ERR_EXISTS, "%s holds files of %s %s that this data directory does not know", context->url,
         is_connector(context) ? "connector" : "a pipeline", context->pipeline);
    if (is_connector(context)) {
        return err_hint(err,
                        "the data directory is another one or was lost, and the target cannot say what its journal "
                        "held: use that directory or a backup of it; or begin anew: move the objects of its topics and "
                        "_leat/%s.checkpoint away and restart the connector; or give it another name and another "
                        "topics.dir",
                        context->pipeline);
    }
    return err_hint(err, "its data directory is another one or was lost: use that one, give this pipeline another "
                         "--name, or move the files and the folder _leat away");
}

static bool older_fail(const SinkContext *context, Err *err) {
    FAIL(err, is_connector(context) ? ERR_EXISTS : ERR_STATE_CORRUPT,
         "the target is ahead of the data directory, which is an older copy");
    if (is_connector(context)) {
        return err_hint(err,
                        "new records would come under offsets that are taken there: see that the source connector "
                        "works again, then stop this one, reset its offsets (DELETE), which removes its objects, and "
                        "resume it: it writes all that the journal holds");
    }
    return err_hint(err, "run it again: it then goes on above what the target has");
}

static bool target_load(const SinkContext *context, const Plan *local, Arena *arena, Target *target, Err *err) {
    Store *store = NULL;
    StoreContext wanted = store_context(context, "look", arena);
    TRY(store_open(store_for(context->url), &wanted, &store, err));
    bool ok = checkpoint_load(store, context->pipeline, arena, &target->found, &target->checkpoint, target->tag, err);
    store_close(store);
    TRY(ok);
    target->ahead = target->found && checkpoint_ahead(&target->checkpoint, local);
    bool ours = target->checkpoint.state.size > 0 || layout_of_journal(context, target->checkpoint.plan.owner) ||
                (local != NULL && slice_equal(local->owner, target->checkpoint.plan.owner));
    return !target->found || ours || unknown_fail(context, err);
}

// The state directory's plan; NULL when there is none.
static bool local_load(const SinkContext *context, Arena *arena, Plan *plan, bool *found, Err *err) {
    *found = plan_load(context->state_directory, arena, plan, err);
    if (!*found && err->code == ERR_NOT_FOUND) {
        err_clear(err);
        return true;
    }
    return *found;
}

static bool objects_checkpoint(const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint, Err *err) {
    Plan local = {0};
    bool found = false;
    Target target = {0};
    TRY(local_load(context, arena, &local, &found, err));
    TRY(target_load(context, found ? &local : NULL, arena, &target, err));
    const Plan *plan = &target.checkpoint.plan;
    JournalFloor *floors = ARENA_ARRAY(arena, JournalFloor, plan->topic_count);
    for (size_t i = 0; i < plan->topic_count; i++) {
        floors[i] = (JournalFloor){plan->topics[i].name, plan->topics[i].committed};
    }
    bool moved = false;
    TRY(context->share == NULL || layout_look(context, plan, arena, &moved, err));
    *checkpoint = (SinkCheckpoint){.ahead = target.ahead,
                                   .moved = moved,
                                   .state = target.checkpoint.state,
                                   .epoch = plan->start.epoch,
                                   .floors = floors,
                                   .floor_count = plan->topic_count};
    return true;
}

static bool target_claim(Objects *sink, Checkpoint *checkpoint, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    checkpoint->plan.owner = sink->owner;
    return checkpoint_encode(&bytes, checkpoint, err) &&
           checkpoint_put(sink->store, sink->pipeline, buf_slice(&bytes), sink->tag, err);
}

bool objects_staged_sweep(const SinkContext *context, Slice owner, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    Store *store = NULL;
    TRY(objects_store_open(context, arena_text(&scratch, owner), &scratch, &store, err));
    bool ok = store_sweep(store, NULL, 0, err);
    store_close(store);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// All that is not counted in the target is sent again, so what was being published goes. First the target gets a new
// owner: one who still publishes there must find that out before it counts what is taken away here.
static bool target_withdraw(Objects *sink, const SinkContext *context, Target *target, Arena *scratch, Err *err) {
    Plan *plan = &target->checkpoint.plan;
    Slice owner = plan->owner;
    TRY(target_claim(sink, &target->checkpoint, err));
    CRASH_POINT("sink.claimed");
    TRY(objects_staged_sweep(context, owner, err));
    for (size_t i = 0; i < plan->item_count; i++) {
        TRY(store_remove(sink->store, arena_text(scratch, plan->items[i].name), err));
        CRASH_POINT("sink.withdrawn_one");
    }
    Slice *names = ARENA_ARRAY(scratch, Slice, plan->item_count);
    for (size_t i = 0; i < plan->item_count; i++) {
        names[i] = plan->items[i].name;
    }
    publish_withdrawn(sink, names, plan->item_count);
    return true;
}

// The target is ahead of the data directory, which goes on above it.
static bool target_adopt(Objects *sink, const SinkContext *context, Target *target, Plan *local, Arena *scratch,
                         Err *err) {
    if (target->checkpoint.state.size > 0 || sink->withdraws) {
        TRY(target_withdraw(sink, context, target, scratch, err));
    }
    layout_items_drop(&target->checkpoint.plan);
    TRY(target_claim(sink, &target->checkpoint, err));
    CRASH_POINT("sink.adopted");
    restore_tables(sink, &target->checkpoint.plan);
    *local = (Plan){0}; // older than what is there
    return publish_state_save(sink, sink->start, NULL, 0, err);
}

static bool open_state(Objects *sink, const SinkContext *context, Arena *scratch, Err *err) {
    Plan plan = {0};
    bool found = false;
    Target target = {0};
    TRY(local_load(context, scratch, &plan, &found, err));
    TRY(target_load(context, found ? &plan : NULL, scratch, &target, err));
    bool seeded = target.checkpoint.state.size == 0 || !found; // the journal, from what the target remembers
    if (target.ahead && (!context->compared || !seeded)) {
        return older_fail(context, err);
    }
    if (found) {
        sink->owner = slice_of(arena_text(&sink->run, plan.owner));
        sink->start = sink->cut = plan.start;
        sink->names_bytes = plan.names_bytes; // the target's are of a list that is gone
        if (!target.ahead || !sink->shared) { // else some may be another task's now
            restore_tables(sink, &plan);
        }
        publish_withdrawn(sink, plan.removed, sink->withdraws ? plan.removed_count : 0);
    }
    if (target.ahead ? target.checkpoint.state.size > 0 || sink->withdraws : !found) {
        sink->owner = owner_make(&sink->run, context);
    }
    if (!found && !target.found) { // the owner is durable before anything is staged under its name
        TRY(publish_state_save(sink, (Mark){0}, NULL, 0, err));
    }
    StoreContext store = store_context(context, (const char *)sink->owner.data, &sink->run);
    TRY(store_open(store_for(context->url), &store, &sink->store, err));
    files_init(&sink->files, sink->store, context->memory_bytes_max, sink->single);
    if (sink->memory_share != NULL) {
        files_share(&sink->files, *sink->memory_share);
    }
    memcpy(sink->tag, target.tag, sizeof(sink->tag));
    if (target.ahead) {
        TRY(target_adopt(sink, context, &target, &plan, scratch, err));
    }
    if (target.found) {
        publish_recall(sink, &target.checkpoint);
    }
    if (context->share == NULL) {
        return publish_recover(sink, &plan, scratch, err);
    }
    // First there is a checkpoint of this task, then it looks for others': of two that begin at once one sees the
    // other.
    TRY(target.found || publish_share(sink, NULL, 0, err));
    return publish_recover(sink, &plan, scratch, err) &&
           layout_take(sink, context, &target.checkpoint.plan, scratch, err);
}

static void objects_close(void *state) {
    Objects *sink = state;
    files_release(&sink->files);
    if (sink->store != NULL && !sink->broken) {
        Err ignored[1] = {{0}}; // the next open sweeps again
        if (!store_sweep(sink->store, NULL, 0, ignored)) {
            log_err(LOG_SINK, "the staging folder could not be cleaned", ignored);
        }
    }
    if (sink->store != NULL) {
        store_close(sink->store);
    }
    for (size_t i = 0; i < sink->tables.count; i++) {
        map_release(&sink->tables.at[i]->by_partition);
    }
    map_release(&sink->by_topic);
    map_release(&sink->shapes);
    free(sink->tables.at);
    free(sink->group.at);
    free(sink->due.at);
    buf_release(&sink->text);
    buf_release(&sink->checkpoint);
    buf_release(&sink->journal_state);
    arena_release(&sink->record);
    arena_release(&sink->run);
    free(sink);
}

static bool open_rules(Objects *sink, const SinkContext *context, Err *err) {
    sink->options = *(const ObjectsOptions *)context->options;
    sink->connector = arena_slice(&sink->run, pipeline_name(context));
    sink->pipeline = arena_printf(&sink->run, "%s", context->pipeline);
    sink->complete = context->complete;
    sink->shared = context->share != NULL;
    sink->withdraws = context->complete || context->journal_id != NULL;
    sink->state_directory = arena_printf(&sink->run, "%s", context->state_directory);
    TRY(rules_make(&sink->run, &sink->options, sink->connector, context->memory_bytes_max, &sink->rules, err));
    sink->records = context->records;
    sink->memory_share = context->memory_share;
    sink->headers = sink->rules.formats[PART_HEADERS] != NULL ? connect_headers_shape(&sink->run) : NULL;
    const Rules *rules = &sink->rules;
    sink->single = rules->partition == PARTITION_NONE && rules->nulls != NULLS_WRITE;
    sink->plain = sink->single && rules->formats[PART_KEY] == NULL && rules->formats[PART_HEADERS] == NULL;
    sink->partitioner = (Partitioner){.rules = &sink->rules, .now_ms = clock_wall_us() / 1000};
    sink->next_schedule_ms = objects_schedule_next(sink, sink->partitioner.now_ms);
    const char *database = context->database != NULL ? context->database : "";
    sink->rules.envelope_options.database = slice_of(arena_printf(&sink->run, "%s", database));
    return true;
}

// In the headers of this run's records.
static void run_id_make(Objects *sink) {
    uint8_t id[16];
    name_id(id, clock_wall_us() / 1000, sink->connector, sink->owner, (uint64_t)clock_monotonic_us());
    buf_reset(&sink->text);
    name_id_text(&sink->text, id);
    sink->rules.envelope_options.run_id = arena_slice(&sink->run, buf_slice(&sink->text));
}

static bool objects_open(const SinkContext *context, void **state, Err *err) {
    Objects *sink = calloc(1, sizeof(*sink));
    ASSERT(sink != NULL);
    arena_init(&sink->run, "run", 0);
    arena_init(&sink->record, "record", 0);
    buf_init(&sink->text, 0);
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = open_rules(sink, context, err) && open_state(sink, context, &scratch, err);
    arena_release(&scratch);
    if (!ok) {
        sink->broken = true; // what a plan needs must stay staged
        objects_close(sink);
        return err_frame(err, __FILE__, __LINE__);
    }
    run_id_make(sink);
    *state = sink;
    return true;
}

// --- taking ----------------------------------------------------------------------------------------------------

// Once something has failed only the state on disk counts: the sink is closed and opened again.
static bool settled(Objects *sink, bool ok, Err *err) {
    if (UNLIKELY(!ok)) {
        sink->broken = true;
        sink->error = *err;
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

static bool usable(const Objects *sink, Err *err) {
    if (UNLIKELY(sink->broken)) {
        *err = sink->error;
        return false;
    }
    return true;
}

static bool objects_take(void *state, const JournalEntry *entry, Err *err) {
    Objects *sink = state;
    TRY(usable(sink, err));
    if (entry->kind == JOURNAL_EVENT) {
        return settled(sink, objects_take_event(sink, entry, err), err);
    }
    return entry->kind != JOURNAL_CUT || settled(sink, objects_take_cut(sink, entry, err), err);
}

static bool objects_flush(void *state, Err *err) {
    Objects *sink = state;
    TRY(usable(sink, err));
    for (ObjectsFile *file = sink->files.head; file != NULL; file = file->next) {
        objects_due(sink, file->table, true);
    }
    return settled(sink, publish_due(sink, err) && publish_advance(sink, 0, err), err);
}

// Comparisons. Files are published at cuts, and may hold changes of after the moment: each row says which change it is
// of, so readers pass those over. Nothing need be held back, and the commit of a moment is that all of it is published.
static bool objects_hold(void *state, Err *err) {
    return usable(state, err);
}

static bool objects_commit_at(void *state, const Position *at, const char *tag, bool *done, Err *err) {
    const Objects *sink = state;
    *done = false;
    if (sink->group.count > 0) {
        return true;
    }
    TRY(objects_flush(state, err));
    *done = true;
    return true;
}

static bool objects_release(void *state, const char *tag, Err *err) {
    return true;
}

static bool objects_tick(void *state, int64_t *next_ms, Err *err) {
    Objects *sink = state;
    TRY(usable(sink, err));
    int64_t patience = objects_patience_ms(sink);
    sink->partitioner.now_ms = clock_wall_us() / 1000;
    objects_mark_old(sink);
    TRY(settled(sink, publish_due(sink, err) && publish_advance(sink, patience, err), err));
    int64_t now = clock_monotonic_us() / 1000;
    const ObjectsFile *head = sink->files.head;
    bool aging = head != NULL && sink->options.rotate_interval_ms > 0;
    *next_ms = -1;
    if (aging && head->table->touched) {
        *next_ms = patience; // its cut comes first
    } else if (aging) {
        *next_ms = MAX(head->since_ms + patience - now, 1);
    } else if (publish_start(sink).position > sink->start.position) {
        *next_ms = MAX(sink->saved_ms + patience - now, 1);
    }
    if (head != NULL && sink->next_schedule_ms != INT64_MAX) {
        int64_t scheduled = MAX(sink->next_schedule_ms - sink->partitioner.now_ms, 1);
        *next_ms = *next_ms < 0 ? scheduled : MIN(*next_ms, scheduled);
    }
    return true;
}

static LogPosition objects_start(void *state) {
    return ((Objects *)state)->start.position;
}

static void objects_stats(void *state, SinkStats *stats) {
    Objects *sink = state;
    store_usage(sink->store, &sink->stats.requests);
    *stats = sink->stats;
}

// --- removing --------------------------------------------------------------------------------------------------

// The target forgets the pipeline. What is no checkpoint, or another one's, stays.
static bool remove_checkpoint(Store *store, const SinkContext *context, const Plan *plan, Arena *scratch, Err *err) {
    Checkpoint checkpoint;
    bool found = false;
    char tag[STORE_TAG_BYTES_MAX];
    if (!checkpoint_load(store, context->pipeline, scratch, &found, &checkpoint, tag, err)) {
        if (err->code != ERR_STATE_CORRUPT && err->code != ERR_FORMAT_NEWER) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err);
        return true;
    }
    bool ours = found && slice_equal(checkpoint.plan.owner, plan->owner);
    return !ours || checkpoint_remove(store, context->pipeline, err);
}

static bool remove_published(const SinkContext *context, const Plan *plan, bool purge_data, Arena *scratch, Err *err) {
    Store *store = NULL;
    StoreContext opening = store_context(context, arena_text(scratch, plan->owner), scratch);
    TRY(store_open(store_for(context->url), &opening, &store, err));
    bool ok = store_sweep(store, NULL, 0, err) &&
              (!purge_data || withdraw_all(store, context->state_directory, plan, err)) &&
              remove_checkpoint(store, context, plan, scratch, err);
    store_close(store);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool objects_remove(const SinkContext *context, bool purge_data, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Plan plan = {0};
    bool found = plan_load(context->state_directory, &scratch, &plan, err);
    bool ok = found || err->code == ERR_NOT_FOUND;
    if (ok) {
        err_clear(err);
        ok = (!found || remove_published(context, &plan, purge_data, &scratch, err)) &&
             plan_remove(context->state_directory, err);
    }
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- other offsets ---------------------------------------------------------------------------------------------

static const PlanTopic *topic_of(const Plan *plan, Slice name) {
    for (size_t i = 0; i < plan->topic_count; i++) {
        if (slice_equal(plan->topics[i].name, name)) {
            return &plan->topics[i];
        }
    }
    return NULL;
}

static bool reset_find(const SinkContext *context, SinkReset *topics, size_t count, Withdrawal *withdrawal, Err *err) {
    Plan plan = {0};
    bool found = false;
    Store *store = NULL;
    StoreContext opening = store_context(context, "look", withdrawal->arena);
    TRY(local_load(context, withdrawal->arena, &plan, &found, err));
    TRY(store_open(store_for(context->url), &opening, &store, err));
    withdrawal->ids_return = ((const ObjectsOptions *)context->options)->flush_records == 1;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        ok = withdraw_from(store, topic_of(&plan, topics[i].topic), &topics[i], withdrawal, err);
    }
    store_close(store);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// Of the cut that ends the record at this offset: see check_cut.
static uint64_t epoch_at(const SinkReset *reset, uint64_t offset) {
    uint64_t epoch = offset < reset->end ? 0 : reset->last_epoch;
    for (size_t i = 0; offset < reset->end && i < reset->epoch_count && reset->epochs[i].offset <= offset; i++) {
        epoch = reset->epochs[i].epoch;
    }
    return epoch;
}

static void table_reset(Objects *sink, const SinkReset *reset) {
    ObjectsTable *table = map_find(&sink->by_topic, reset->topic);
    table = table != NULL ? table : objects_table_add(sink, reset->topic);
    table->committed = table->next = table->sealed_end = reset->now;
    table->epoch = table->cut_epoch = epoch_at(reset, reset->now);
    table->known = table->published = true;
    while (table->point_count > 0 && table->points[table->point_count - 1] > reset->now) {
        table->point_count--;
    }
    if (table->single_from != UINT64_MAX) {
        table->single_from = MIN(table->single_from, reset->now);
    }
}

static bool objects_reset(const SinkContext *context, SinkReset *topics, size_t count, bool dry_run, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    Withdrawal withdrawal = {.arena = &scratch};
    void *state = NULL;
    if (dry_run) {
        return reset_find(context, topics, count, &withdrawal, err);
    }
    TRY(objects_open(context, &state, err)); // finishes what a crash left
    Objects *sink = state;
    bool ok = reset_find(context, topics, count, &withdrawal, err), any = false;
    for (size_t i = 0; ok && i < count; i++) {
        if (topics[i].now != topics[i].was) {
            table_reset(sink, &topics[i]);
            any = true;
        }
    }
    ok = ok && (!any || publish_reset(sink, withdrawal.names, withdrawal.count, err));
    sink->broken = !ok;
    objects_close(sink);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool objects_offsets(const SinkContext *context, Arena *arena, SinkOffset **offsets, size_t *count, Err *err) {
    Plan plan = {0};
    bool found = false;
    TRY(local_load(context, arena, &plan, &found, err));
    *offsets = ARENA_ARRAY(arena, SinkOffset, plan.topic_count);
    *count = plan.topic_count;
    for (size_t i = 0; i < plan.topic_count; i++) {
        (*offsets)[i] = (SinkOffset){plan.topics[i].name, plan.topics[i].committed};
    }
    return true;
}

const SinkDriver OBJECTS_SINK = {
    .name = "objects",
    .options = &OBJECTS_OPTIONS,
    .pace_us = 20000,
    .accepts = objects_accepts,
    .probe = objects_probe,
    .checkpoint = objects_checkpoint,
    .open = objects_open,
    .close = objects_close,
    .start = objects_start,
    .take = objects_take,
    .flush = objects_flush,
    .tick = objects_tick,
    .pin = objects_start, // what is durable: a crash now starts there
    .stats = objects_stats,
    .reset = objects_reset,
    .offsets = objects_offsets,
    .remove = objects_remove,
    .hold = objects_hold,
    .commit_at = objects_commit_at,
    .release = objects_release,
    .compare_open = objects_compare_open,
    .compare_table = objects_compare_table,
    .compare_map = objects_compare_map,
    .compare_rows = objects_compare_rows,
    .compare_table_close = objects_compare_table_close,
    .compare_close = objects_compare_close,
};
