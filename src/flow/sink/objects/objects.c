// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/objects.h"

#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "data/format/json_lines.h"
#include "flow/sink/objects/checkpoint.h"
#include "flow/sink/objects/files.h"
#include "flow/sink/objects/names.h"
#include "storage/store/local/local.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

// Where files go; the first that accepts the URL.
static const StoreDriver *stores[] = {&LOCAL_STORE};

// What they hold. Another format is another row.
typedef struct Format {
    const char *name;
    const char *extension;
    const void *(*writer_new)(Arena *arena, const Schema *schema, const ObjectsOptions *options);
    void (*write)(const void *writer, Buf *buf, const Event *event);
} Format;

typedef struct Objects {
    Arena run; // tables, compiled writers
    const char *state_directory;
    const char *pipeline;
    bool complete; // see SinkContext
    ObjectsOptions options;
    const Format *format;
    Store *store;
    FileList files;
    Slice owner;
    ObjectsTable **tables;
    size_t table_count, table_capacity;
    Map by_topic;         // name -> ObjectsTable
    Map writers;          // schema id -> compiled writer
    ObjectsTable *last;   // of the last record: most come in runs
    ObjectsTable **group; // touched since the last cut
    size_t group_count, group_capacity;
    const JournalReader *reader;   // that gave the last cut
    char tag[STORE_TAG_BYTES_MAX]; // of the checkpoint in the target
    Buf checkpoint;                // encoded: what the target will hold once the plan is published
    Buf journal_state;             // as the target's checkpoint has it
    Mark published;                // the cut that the target's checkpoint is of
    Mark start;                    // durable
    Mark cut;                      // the last one taken
    int64_t saved_ms;              // monotonic, of the last state written
    bool broken;                   // after an error nothing but close: the state on disk is what holds
    Err error;
    SinkStats stats;
} Objects;

static int64_t now_ms(void) {
    return clock_monotonic_us() / 1000;
}

// --- formats and options ---------------------------------------------------------------------------------------

static const void *json_new(Arena *arena, const Schema *schema, const ObjectsOptions *options) {
    JsonOptions json = {
        .decimals = strcmp(options->decimals, "number") == 0 ? JSON_DECIMALS_NUMBER : JSON_DECIMALS_STRING,
        .documents = strcmp(options->documents, "embedded") == 0 ? JSON_DOCUMENTS_EMBEDDED : JSON_DOCUMENTS_STRING,
    };
    return json_lines_new(arena, schema, &json);
}

static void json_write(const void *writer, Buf *buf, const Event *event) {
    json_lines_write(writer, buf, event);
}

static const Format FORMATS[] = {{"json", "json", json_new, json_write}};

static const OptionSpec SPECS[] = {
    {.name = "format",
     .type = OPTION_CHOICE,
     .offset = offsetof(ObjectsOptions, format),
     .default_text = "json",
     .choices = "json",
     .text = "The form of the files."},
    {.name = "file.rotate.bytes",
     .type = OPTION_BYTES,
     .offset = offsetof(ObjectsOptions, rotate_bytes),
     .default_text = "128MiB",
     .min = 1024,
     .max = INT64_C(1) << 40,
     .text = "A file is published at the first checkpoint past this size."},
    {.name = "file.rotate.interval",
     .type = OPTION_DURATION,
     .offset = offsetof(ObjectsOptions, rotate_interval_ms),
     .default_text = "60s",
     .min = 10,
     .max = INT64_C(7) * 24 * 3600 * 1000,
     .text = "A file is published at the latest this long after its first record."},
    {.name = "json.decimals",
     .type = OPTION_CHOICE,
     .offset = offsetof(ObjectsOptions, decimals),
     .default_text = "string",
     .choices = "string,number",
     .text = "Decimals as strings, exact in every reader, or as JSON numbers."},
    {.name = "json.documents",
     .type = OPTION_CHOICE,
     .offset = offsetof(ObjectsOptions, documents),
     .default_text = "string",
     .choices = "string,embedded",
     .text = "Columns of type json and jsonb as strings, or embedded as JSON."},
};

const OptionTable OBJECTS_OPTIONS = {.name = "Objects sink", .specs = SPECS, .count = ARRAY_LEN(SPECS)};

static const StoreDriver *store_for(const char *url) {
    for (size_t i = 0; i < ARRAY_LEN(stores); i++) {
        if (stores[i]->accepts(url)) {
            return stores[i];
        }
    }
    return NULL;
}

static StoreContext store_context(const SinkContext *context, const char *owner, Arena *arena) {
    const char *staging = arena_printf(arena, "%s/staging", context->state_directory);
    return (StoreContext){.url = context->url, .owner = owner, .staging_directory = staging};
}

static bool objects_accepts(const char *url) {
    return store_for(url) != NULL;
}

static bool objects_probe(const SinkContext *context, Err *err) {
    StoreContext store = {.url = context->url};
    return store_for(context->url)->probe(&store, err);
}

// --- tables ----------------------------------------------------------------------------------------------------

static void *grown(void *array, size_t count, size_t *capacity) {
    if (count < *capacity) {
        return array;
    }
    *capacity = MAX(*capacity * 2, (size_t)64);
    void *larger = realloc(array, *capacity * sizeof(void *));
    ASSERT(larger != NULL);
    return larger;
}

static ObjectsTable *table_add(Objects *sink, Slice topic) {
    ObjectsTable *table = ARENA_NEW(&sink->run, ObjectsTable);
    table->topic = arena_slice(&sink->run, topic);
    sink->tables = grown(sink->tables, sink->table_count, &sink->table_capacity);
    sink->tables[sink->table_count++] = table;
    map_put(&sink->by_topic, topic, table);
    return table;
}

static ObjectsTable *table_of(Objects *sink, const JournalTopic *topic) {
    if (LIKELY(sink->last != NULL && slice_equal(sink->last->topic, topic->name))) {
        return sink->last;
    }
    ObjectsTable *table = map_find(&sink->by_topic, topic->name);
    return sink->last = table != NULL ? table : table_add(sink, topic->name);
}

// A new shape of the rows needs a new writer; the file goes on.
static void table_shape(Objects *sink, ObjectsTable *table, const Schema *schema) {
    const void *writer = map_find_u64(&sink->writers, schema->id);
    if (writer == NULL) {
        writer = sink->format->writer_new(&sink->run, schema, &sink->options);
        map_put_u64(&sink->writers, schema->id, (void *)(uintptr_t)writer);
    }
    table->writer = writer;
    table->schema_id = schema->id;
    Buf family;
    buf_init(&family, 0);
    objects_family(&family, schema->space, schema->table);
    if (!slice_equal(buf_slice(&family), table->family)) {
        table->family = arena_slice(&sink->run, buf_slice(&family));
    }
    buf_release(&family);
}

static void group_add(Objects *sink, ObjectsTable *table) {
    if (!table->touched && !table->skipped) {
        sink->group = grown(sink->group, sink->group_count, &sink->group_capacity);
        sink->group[sink->group_count++] = table;
    }
}

// --- the state on disk -----------------------------------------------------------------------------------------

// From where the journal is needed when the files in the list are not published.
static Mark start_now(const Objects *sink) {
    return sink->files.head != NULL ? sink->files.head->from : sink->cut;
}

// The topics with what is published: with the plan's files, or (`done`) without them.
static void plan_topics(const Objects *sink, bool done, Arena *arena, Plan *plan) {
    PlanTopic *topics = ARENA_ARRAY(arena, PlanTopic, sink->table_count);
    size_t count = 0;
    for (size_t i = 0; i < sink->table_count; i++) {
        const ObjectsTable *table = sink->tables[i];
        if (done ? table->done > 0 : table->published) {
            topics[count++] = done ? (PlanTopic){table->topic, table->family, table->done, table->done_epoch}
                                   : (PlanTopic){table->topic, table->family, table->committed, table->epoch};
        }
    }
    plan->topics = topics;
    plan->topic_count = count;
}

static bool state_save(Objects *sink, Mark start, const PlanItem *items, size_t item_count, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Plan plan = {.owner = sink->owner, .start = start, .items = items, .item_count = item_count};
    plan.checkpoint = buf_slice(&sink->checkpoint);
    plan_topics(sink, false, &scratch, &plan);
    bool ok = plan_save(sink->state_directory, &plan, err);
    arena_release(&scratch);
    if (ok) {
        sink->start = start;
        sink->saved_ms = now_ms();
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- the checkpoint in the target ------------------------------------------------------------------------------

// What the target will hold when all that is in the plan is published.
static bool checkpoint_prepare(Objects *sink, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Checkpoint checkpoint = {.plan = {.owner = sink->owner, .start = sink->cut}};
    plan_topics(sink, false, &scratch, &checkpoint.plan);
    DEFER(buf_release) Buf state = {0};
    if (sink->complete && sink->reader != NULL) {
        journal_reader_state(sink->reader, &state);
        checkpoint.state = buf_slice(&state);
    }
    buf_reset(&sink->checkpoint);
    bool ok = checkpoint_encode(&sink->checkpoint, &checkpoint, err);
    arena_release(&scratch);
    return ok;
}

// Before anything is published: as it was, and the names.
static bool checkpoint_announce(Objects *sink, const PlanItem *items, size_t count, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Checkpoint checkpoint = {.plan = {.owner = sink->owner, .start = sink->published, .items = items},
                             .state = buf_slice(&sink->journal_state)};
    checkpoint.plan.item_count = count;
    plan_topics(sink, true, &scratch, &checkpoint.plan);
    DEFER(buf_release) Buf bytes = {0};
    bool ok = checkpoint_encode(&bytes, &checkpoint, err) &&
              checkpoint_put(sink->store, sink->pipeline, buf_slice(&bytes), sink->tag, err);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// All of the plan is published, or nothing was to be.
static bool checkpoint_done(Objects *sink, Err *err) {
    TRY(checkpoint_put(sink->store, sink->pipeline, buf_slice(&sink->checkpoint), sink->tag, err));
    buf_reset(&sink->checkpoint);
    for (size_t i = 0; i < sink->table_count; i++) {
        ObjectsTable *table = sink->tables[i];
        table->done = table->published ? table->committed : 0;
        table->done_epoch = table->epoch;
    }
    sink->published = sink->cut;
    buf_reset(&sink->journal_state);
    if (sink->complete && sink->reader != NULL) {
        journal_reader_state(sink->reader, &sink->journal_state);
    }
    return true;
}

// The start moves on although nothing is published, so that the journal can be trimmed and the source told.
static bool state_advance(Objects *sink, int64_t now, int64_t age_min_ms, Err *err) {
    Mark start = start_now(sink);
    if (start.position <= sink->start.position || now - sink->saved_ms < age_min_ms) {
        return true;
    }
    if (!sink->complete) {
        return state_save(sink, start, NULL, 0, err);
    }
    TRY(checkpoint_prepare(sink, err));
    TRY(state_save(sink, start, NULL, 0, err));
    return checkpoint_done(sink, err);
}

// --- publishing ------------------------------------------------------------------------------------------------

typedef struct Taken {
    Slice family;
    const char *extension;
    Buf name; // of the first one found
} Taken;

static bool taken_visit(void *context, const char *name, uint64_t size) {
    Taken *taken = context;
    uint64_t offset = 0;
    if (objects_name_parse(slice_of(name), taken->family, taken->extension, &offset)) {
        buf_text(&taken->name, name);
        return false;
    }
    return true;
}

// Before a table's first file: files of its family that are not ours would be mixed with it.
static bool check_untaken(Objects *sink, const ObjectsTable *table, Err *err) {
    Taken taken = {.family = table->family, .extension = sink->format->extension};
    Buf prefix;
    buf_init(&prefix, 0);
    buf_init(&taken.name, 0);
    buf_put(&prefix, table->family);
    buf_u8(&prefix, 0);
    bool ok = store_list(sink->store, (const char *)prefix.data, taken_visit, &taken, err);
    if (ok && taken.name.size > 0) {
        FAIL(err, ERR_EXISTS, "%.*s is there already and was not written by this pipeline",
             SLICE_ARG(buf_slice(&taken.name)));
        ok = err_hint(err, "it is of another pipeline, or of one whose data directory is lost: move that table's files "
                           "away, or give this pipeline another directory");
    }
    buf_release(&prefix);
    buf_release(&taken.name);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static const char *item_name(Arena *arena, const Objects *sink, const ObjectsFile *file) {
    Buf name;
    buf_init(&name, 0);
    objects_name(&name, file->table->family, file->begin, sink->format->extension);
    const char *text = arena_text(arena, buf_slice(&name));
    buf_release(&name);
    return text;
}

// Stages all that is due and lists it as the plan's items.
static bool plan_make(Objects *sink, Arena *scratch, PlanItem *items, ObjectsFile **chosen, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        ObjectsFile *file = chosen[i];
        if (!file->table->published) {
            TRY(check_untaken(sink, file->table, err));
        }
        TRY(files_finish(&sink->files, file, err));
        items[i] =
            (PlanItem){slice_of(arena_printf(scratch, "%s", file->token)), slice_of(item_name(scratch, sink, file))};
    }
    return true;
}

// The chosen files leave the list; what they hold counts as published from the moment that the plan is durable.
static bool plan_write(Objects *sink, const PlanItem *items, ObjectsFile **chosen, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        ObjectsTable *table = chosen[i]->table;
        table->committed = chosen[i]->end;
        table->epoch = table->cut_epoch;
        table->published = true;
        sink->stats.bytes += chosen[i]->bytes;
        files_drop(&sink->files, chosen[i]);
    }
    CRASH_POINT("sink.before_plan");
    TRY(checkpoint_prepare(sink, err));
    TRY(state_save(sink, start_now(sink), items, count, err));
    CRASH_POINT("sink.after_plan");
    TRY(checkpoint_announce(sink, items, count, err));
    CRASH_POINT("sink.after_announce");
    return true;
}

static bool plan_publish(Objects *sink, const PlanItem *items, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        TRY(store_publish(sink->store, (const char *)items[i].token.data, (const char *)items[i].name.data, err));
        sink->stats.files++;
        CRASH_POINT("sink.published_one");
    }
    CRASH_POINT("sink.before_done");
    TRY(checkpoint_done(sink, err));
    CRASH_POINT("sink.after_checkpoint");
    TRY(state_save(sink, sink->start, NULL, 0, err));
    CRASH_POINT("sink.after_done");
    sink->stats.published_ms = (uint64_t)(clock_wall_us() / 1000);
    return true;
}

// Publishes the files that are due, as far as a cut stands behind them.
static bool publish_due(Objects *sink, Err *err) {
    if (!sink->files.due) {
        return true;
    }
    sink->files.due = false;
    size_t count = 0;
    int64_t now = now_ms();
    for (ObjectsFile *file = sink->files.head; file != NULL; file = file->next) {
        file->due = file->due || sink->complete; // the target is then complete up to the cut
        if (file->due && files_publishable(file)) {
            count++;
        } else if (file->due) {
            sink->files.due = true; // at its next cut
        }
    }
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    ObjectsFile **chosen = ARENA_ARRAY(&scratch, ObjectsFile *, count);
    PlanItem *items = ARENA_ARRAY(&scratch, PlanItem, count);
    size_t at = 0;
    for (ObjectsFile *file = sink->files.head, *next = NULL; file != NULL && at < count; file = next) {
        next = file->next;
        if (file->due && files_publishable(file)) {
            files_split(&sink->files, file, sink->cut, now);
            chosen[at++] = file;
        }
    }
    bool ok = count == 0 || (plan_make(sink, &scratch, items, chosen, count, err) &&
                             plan_write(sink, items, chosen, count, err) && plan_publish(sink, items, count, err));
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// Marks what is old enough; when one file is due, those that nearly are go with it, so that thousands of tables do not
// each have a publication of their own.
static void mark_old(Objects *sink, int64_t now) {
    int64_t interval = sink->options.rotate_interval_ms;
    bool any = false;
    for (ObjectsFile *file = sink->files.head; file != NULL; file = file->next) {
        int64_t age = now - file->since_ms;
        if (age < (any ? interval - interval / 10 : interval)) {
            break; // the list is in order of age
        }
        if (files_publishable(file)) {
            file->due = sink->files.due = any = true;
        }
    }
}

// --- opening ---------------------------------------------------------------------------------------------------

static const Format *format_find(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        if (strcmp(FORMATS[i].name, name) == 0) {
            return &FORMATS[i];
        }
    }
    return NULL;
}

static bool owner_make(Arena *arena, Slice *owner, Err *err) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return FAIL_ERRNO(err, "getrandom");
    }
    *owner = slice_of(arena_printf(arena, "%016" PRIx64, random));
    return true;
}

static void restore_tables(Objects *sink, const Plan *plan) {
    for (size_t i = 0; i < plan->topic_count; i++) {
        const PlanTopic *topic = &plan->topics[i];
        ObjectsTable *table = map_find(&sink->by_topic, topic->name);
        table = table != NULL ? table : table_add(sink, topic->name);
        table->family = arena_slice(&sink->run, topic->family);
        table->committed = table->next = topic->committed;
        table->epoch = table->cut_epoch = topic->epoch;
        table->known = table->published = true;
    }
}

static void target_recall(Objects *sink, const Checkpoint *checkpoint) {
    const Plan *plan = &checkpoint->plan;
    for (size_t i = 0; i < plan->topic_count; i++) {
        ObjectsTable *table = map_find(&sink->by_topic, plan->topics[i].name);
        if (table != NULL) {
            table->done = plan->topics[i].committed;
            table->done_epoch = plan->topics[i].epoch;
        }
    }
    sink->published = plan->start;
    buf_reset(&sink->journal_state);
    buf_put(&sink->journal_state, checkpoint->state);
}

// Finishes the plan that a crash left, if any.
static bool recover(Objects *sink, const Plan *plan, Arena *scratch, Err *err) {
    for (size_t i = 0; i < plan->item_count; i++) {
        const char *token = arena_text(scratch, plan->items[i].token);
        const char *name = arena_text(scratch, plan->items[i].name);
        if (!store_publish(sink->store, token, name, err)) {
            if (err->code != ERR_NOT_FOUND) {
                return err_frame(err, __FILE__, __LINE__);
            }
            err_clear(err); // the rename had happened
            log_warn(LOG_SINK, "a planned file was taken away before its publication was recorded",
                     LOG_TEXT("file", name));
        }
        CRASH_POINT("sink.recovered_one");
    }
    if (plan->checkpoint.size > 0) {
        Checkpoint checkpoint;
        TRY(checkpoint_decode(plan->checkpoint, scratch, &checkpoint, err));
        TRY(checkpoint_put(sink->store, sink->pipeline, plan->checkpoint, sink->tag, err));
        target_recall(sink, &checkpoint);
    }
    if (plan->item_count > 0 || plan->checkpoint.size > 0) {
        TRY(state_save(sink, sink->start, NULL, 0, err));
    }
    if (plan->item_count > 0) {
        log_info(LOG_SINK, "finished a publication that was interrupted", LOG_UINT("files", plan->item_count));
    }
    return store_sweep(sink->store, NULL, 0, err);
}

// --- what the target remembers ---------------------------------------------------------------------------------

typedef struct Target {
    bool found;
    bool ahead; // of the state directory
    Checkpoint checkpoint;
    char tag[STORE_TAG_BYTES_MAX];
} Target;

static bool target_load(const SinkContext *context, const Plan *local, Arena *arena, Target *target, Err *err) {
    Store *store = NULL;
    StoreContext wanted = store_context(context, "look", arena);
    TRY(store_open(store_for(context->url), &wanted, &store, err));
    bool ok = checkpoint_load(store, context->pipeline, arena, &target->found, &target->checkpoint, target->tag, err);
    store_close(store);
    TRY(ok);
    target->ahead = target->found && checkpoint_ahead(&target->checkpoint, local);
    bool ours = target->checkpoint.state.size > 0 ||
                (local != NULL && slice_equal(local->owner, target->checkpoint.plan.owner));
    if (target->found && !ours) {
        FAIL(err, ERR_EXISTS, "%s holds files of a pipeline %s that this data directory does not know", context->url,
             context->pipeline);
        return err_hint(err, "its data directory is another one or was lost: use that one, give this pipeline another "
                             "--name, or move the files and the folder _leat away");
    }
    return true;
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
    *checkpoint = (SinkCheckpoint){.ahead = target.ahead,
                                   .state = target.checkpoint.state,
                                   .epoch = plan->start.epoch,
                                   .floors = floors,
                                   .floor_count = plan->topic_count};
    return true;
}

// The target is ahead. What it was publishing may be there: when all of that is sent again, it must go.
static bool target_adopt(Objects *sink, const Target *target, Plan *local, Arena *scratch, Err *err) {
    const Plan *plan = &target->checkpoint.plan;
    for (size_t i = 0; i < plan->item_count && target->checkpoint.state.size > 0; i++) {
        TRY(store_remove(sink->store, arena_text(scratch, plan->items[i].name), err));
        CRASH_POINT("sink.withdrawn_one");
    }
    restore_tables(sink, plan);
    *local = (Plan){0}; // older than what is there
    return state_save(sink, sink->start, NULL, 0, err);
}

static bool open_state(Objects *sink, const SinkContext *context, Arena *scratch, Err *err) {
    Plan plan = {0};
    bool found = false;
    Target target = {0};
    TRY(local_load(context, scratch, &plan, &found, err));
    TRY(target_load(context, found ? &plan : NULL, scratch, &target, err));
    if (target.ahead && !context->compared) {
        FAIL(err, ERR_STATE_CORRUPT, "the target is ahead of the data directory, which is an older copy");
        return err_hint(err, "run it again: it then goes on above what the target has");
    }
    if (found) {
        sink->owner = slice_of(arena_text(&sink->run, plan.owner));
        sink->start = sink->cut = plan.start;
        restore_tables(sink, &plan);
    } else if (target.found) {
        sink->owner = slice_of(arena_text(&sink->run, target.checkpoint.plan.owner));
    } else { // the owner is durable before anything is staged under its name
        TRY(owner_make(&sink->run, &sink->owner, err));
        TRY(state_save(sink, (Mark){0}, NULL, 0, err));
    }
    StoreContext store = store_context(context, (const char *)sink->owner.data, &sink->run);
    TRY(store_open(store_for(context->url), &store, &sink->store, err));
    files_init(&sink->files, sink->store, context->memory_bytes_max);
    memcpy(sink->tag, target.tag, sizeof(sink->tag));
    if (target.ahead) {
        TRY(target_adopt(sink, &target, &plan, scratch, err));
    }
    if (target.found) {
        target_recall(sink, &target.checkpoint);
    }
    return recover(sink, &plan, scratch, err);
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
    store_close(sink->store);
    map_release(&sink->by_topic);
    map_release(&sink->writers);
    buf_release(&sink->checkpoint);
    buf_release(&sink->journal_state);
    free(sink->tables);
    free(sink->group);
    arena_release(&sink->run);
    free(sink);
}

static bool objects_open(const SinkContext *context, void **state, Err *err) {
    Objects *sink = calloc(1, sizeof(*sink));
    ASSERT(sink != NULL);
    arena_init(&sink->run, "run", 0);
    const ObjectsOptions *options = context->options;
    sink->options = *options;
    sink->format = format_find(options->format);
    ASSERT(sink->format != NULL);
    sink->state_directory = arena_printf(&sink->run, "%s", context->state_directory);
    sink->pipeline = arena_printf(&sink->run, "%s", context->pipeline);
    sink->complete = context->complete;
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = open_state(sink, context, &scratch, err);
    arena_release(&scratch);
    if (!ok) {
        sink->broken = true; // what a plan needs must stay staged
        objects_close(sink);
        return err_frame(err, __FILE__, __LINE__);
    }
    *state = sink;
    return true;
}

// --- taking ----------------------------------------------------------------------------------------------------

static bool wrong_journal(Err *err, const char *format, ...) PRINTF_LIKE(2, 3);
static bool wrong_journal(Err *err, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    FAIL(err, ERR_STATE_CORRUPT, "the journal is not the one that was published from: %s", text);
    return err_hint(err, "the journal or the sink's state was restored from another copy; nothing was written. Restore "
                         "both from one moment, or delete the pipeline and start again into an empty directory");
}

static bool take_event(Objects *sink, const JournalEntry *entry, Err *err) {
    ObjectsTable *table = table_of(sink, entry->topic);
    uint64_t offset = entry->offset;
    if (UNLIKELY(table->known && offset != table->next)) {
        if (offset < table->committed && !table->touched && table->active == NULL && table->next == table->committed) {
            group_add(sink, table);
            table->skipped = true;
            return true;
        }
        return wrong_journal(err, "topic %.*s goes on at offset %" PRIu64 ", expected is %" PRIu64,
                             SLICE_ARG(table->topic), offset, table->next);
    }
    if (UNLIKELY(table->writer == NULL || table->schema_id != entry->schema->id)) {
        table_shape(sink, table, entry->schema);
    }
    group_add(sink, table);
    table->touched = true;
    table->known = true;
    table->next = offset + entry->event->offset_span;
    ObjectsFile *file = table->active;
    if (UNLIKELY(file == NULL)) {
        file = files_active(&sink->files, table, offset, sink->cut, now_ms());
    }
    size_t capacity = file->buf.capacity, size = file->buf.size;
    sink->format->write(table->writer, &file->buf, entry->event);
    sink->stats.events++;
    TRY(files_written(&sink->files, file, capacity, size, table->next, err));
    if (UNLIKELY(file->bytes >= (uint64_t)sink->options.rotate_bytes)) {
        TRY(files_seal(&sink->files, file, sink->cut, now_ms(),
                       err)); // a large transaction: published with the rest of it at its cut
    }
    return true;
}

// Is this the journal that was published from? Told by the cuts' order, and by records that are skipped as published:
// an epoch later than the one that published them cannot hold them.
static bool check_cut(Objects *sink, const JournalEntry *entry, Err *err) {
    if (entry->epoch < sink->cut.epoch || (sink->cut.sequence != 0 && entry->cut_sequence <= sink->cut.sequence)) {
        return wrong_journal(err, "cut %" PRIu64 " of epoch %" PRIu64 " comes after cut %" PRIu64 " of epoch %" PRIu64,
                             entry->cut_sequence, entry->epoch, sink->cut.sequence, sink->cut.epoch);
    }
    for (size_t i = 0; i < sink->group_count; i++) {
        const ObjectsTable *table = sink->group[i];
        bool newer = table->skipped && entry->epoch > table->epoch;
        if (newer || (table->touched && entry->epoch < table->epoch)) {
            return wrong_journal(err, "topic %.*s has offsets of epoch %" PRIu64 " that epoch %" PRIu64 " published",
                                 SLICE_ARG(table->topic), entry->epoch, table->epoch);
        }
    }
    return true;
}

static bool take_cut(Objects *sink, const JournalEntry *entry, Err *err) {
    TRY(check_cut(sink, entry, err));
    sink->reader = entry->reader;
    sink->cut = (Mark){entry->next, entry->cut_sequence, entry->epoch};
    for (size_t i = 0; i < sink->group_count; i++) {
        ObjectsTable *table = sink->group[i];
        if (table->touched) {
            table->cut_epoch = entry->epoch;
        }
        table->touched = table->skipped = false;
        files_cut(&sink->files, table, (uint64_t)sink->options.rotate_bytes);
    }
    sink->group_count = 0;
    int64_t now = now_ms();
    mark_old(sink, now);
    TRY(publish_due(sink, err));
    return state_advance(sink, now, sink->options.rotate_interval_ms, err);
}

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
        return settled(sink, take_event(sink, entry, err), err);
    }
    return entry->kind != JOURNAL_CUT || settled(sink, take_cut(sink, entry, err), err);
}

static bool objects_flush(void *state, Err *err) {
    Objects *sink = state;
    TRY(usable(sink, err));
    for (ObjectsFile *file = sink->files.head; file != NULL; file = file->next) {
        file->due = sink->files.due = true;
    }
    return settled(sink, publish_due(sink, err) && state_advance(sink, now_ms(), 0, err), err);
}

static bool objects_tick(void *state, int64_t *next_ms, Err *err) {
    Objects *sink = state;
    TRY(usable(sink, err));
    int64_t now = now_ms(), interval = sink->options.rotate_interval_ms;
    mark_old(sink, now);
    TRY(settled(sink, publish_due(sink, err) && state_advance(sink, now, interval, err), err));
    const ObjectsFile *head = sink->files.head;
    bool behind = start_now(sink).position > sink->start.position;
    if (head != NULL && !files_publishable(head)) {
        *next_ms = interval; // its cut comes first
    } else if (head != NULL || behind) {
        int64_t since = head != NULL ? head->since_ms : sink->saved_ms;
        *next_ms = MAX(since + interval - now, 1);
    } else {
        *next_ms = -1;
    }
    return true;
}

static LogPosition objects_start(void *state) {
    return ((Objects *)state)->start.position;
}

static void objects_stats(void *state, SinkStats *stats) {
    *stats = ((Objects *)state)->stats;
}

// --- removing --------------------------------------------------------------------------------------------------

typedef struct Purge {
    Arena *arena;
    const PlanTopic *topic;
    const char **names;
    size_t count, capacity;
} Purge;

// Ours are the names of a family that we have published to, below the offset up to which we have.
static bool purge_visit(void *context, const char *name, uint64_t size) {
    Purge *purge = context;
    for (size_t i = 0; i < ARRAY_LEN(FORMATS); i++) {
        uint64_t offset = 0;
        if (objects_name_parse(slice_of(name), purge->topic->family, FORMATS[i].extension, &offset) &&
            offset < purge->topic->committed) {
            purge->names = grown(purge->names, purge->count, &purge->capacity);
            purge->names[purge->count++] = arena_printf(purge->arena, "%s", name);
        }
    }
    return true;
}

static bool purge_topic(Store *store, Arena *arena, const PlanTopic *topic, Err *err) {
    Purge purge = {.arena = arena, .topic = topic};
    bool ok = store_list(store, arena_text(arena, topic->family), purge_visit, &purge, err);
    for (size_t i = 0; ok && i < purge.count; i++) {
        ok = store_remove(store, purge.names[i], err);
    }
    free(purge.names);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool remove_published(const SinkContext *context, const Plan *plan, bool purge_data, Arena *scratch, Err *err) {
    Store *store = NULL;
    StoreContext opening = store_context(context, arena_text(scratch, plan->owner), scratch);
    TRY(store_open(store_for(context->url), &opening, &store, err));
    bool ok = store_sweep(store, NULL, 0, err) && checkpoint_remove(store, context->pipeline, err);
    for (size_t i = 0; ok && purge_data && i < plan->topic_count; i++) {
        ok = purge_topic(store, scratch, &plan->topics[i], err);
    }
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

const SinkDriver OBJECTS_SINK = {
    .name = "objects",
    .options = &OBJECTS_OPTIONS,
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
    .remove = objects_remove,
};
