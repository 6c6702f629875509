// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/publish.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"

#include <stdlib.h>

#define WITHDRAWN_MS \
    (60 * 1000) // names that are withdrawn stay in doubt: how long a request of another may be under way

static int64_t now_ms(void) {
    return clock_monotonic_us() / 1000;
}

// --- the state on disk -----------------------------------------------------------------------------------------

Mark publish_start(const Objects *sink) {
    return sink->files.head != NULL ? sink->files.head->from : sink->cut;
}

// The topics with what is published: with the plan's files, or (`done`) without them.
static void plan_topics(const Objects *sink, bool done, Arena *arena, Plan *plan) {
    PlanTopic *topics = ARENA_ARRAY(arena, PlanTopic, sink->tables.count);
    size_t count = 0;
    for (size_t i = 0; i < sink->tables.count; i++) {
        const ObjectsTable *table = sink->tables.at[i];
        if (done ? table->done > 0 : table->published) {
            uint64_t committed = done ? table->done : table->committed;
            size_t points = table->point_count;
            while (points > 0 && table->points[points - 1] > committed) {
                points--; // of files that are not published, and may end elsewhere next time
            }
            topics[count++] = (PlanTopic){.name = table->topic,
                                          .patterns = table->patterns,
                                          .pattern_count = table->pattern_count,
                                          .committed = committed,
                                          .epoch = done ? table->done_epoch : table->epoch,
                                          .single_from = table->single_from,
                                          .points = table->points,
                                          .point_count = points};
        }
    }
    plan->topics = topics;
    plan->topic_count = count;
    plan->names_bytes = sink->names_bytes;
}

bool publish_state_save(Objects *sink, Mark start, const PlanItem *items, size_t item_count, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Plan plan = {.owner = sink->owner, .start = start, .items = items, .item_count = item_count};
    plan.checkpoint = buf_slice(&sink->checkpoint);
    plan.removed = sink->withdrawn;
    plan.removed_count = sink->withdrawn_count;
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

// Whose each item is, then the topics that are being moved here.
static void share_topics(const PlanItem *items, size_t count, const Slice *moving, size_t moving_count, Arena *arena,
                         Plan *plan) {
    Slice *topics = ARENA_ARRAY(arena, Slice, count + moving_count);
    for (size_t i = 0; i < count; i++) {
        topics[i] = items[i].topic.size > 0 ? items[i].topic : SLICE("?");
    }
    for (size_t i = 0; i < moving_count; i++) {
        topics[count + i] = moving[i];
    }
    plan->removed = topics;
    plan->removed_count = count + moving_count;
}

// Of a plan that was read: items do not say whose they are.
static Slice item_topic(const Objects *sink, Slice name) {
    uint64_t offset = 0;
    for (size_t i = 0; i < sink->tables.count; i++) {
        const ObjectsTable *table = sink->tables.at[i];
        for (size_t j = 0; j < table->pattern_count; j++) {
            if (name_match(table->patterns[j], name, &offset)) {
                return table->topic;
            }
        }
    }
    return (Slice){0};
}

// Before anything is published: as it was, and the names.
static bool checkpoint_announce(Objects *sink, const PlanItem *items, size_t count, const Slice *moving,
                                size_t moving_count, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Checkpoint checkpoint = {.plan = {.owner = sink->owner, .start = sink->published, .items = items},
                             .state = sink->complete ? buf_slice(&sink->journal_state) : (Slice){0}};
    checkpoint.plan.item_count = count;
    // What is not counted is sent again under the same offsets; but not by a source that was told that it is durable.
    plan_topics(sink, sink->withdraws, &scratch, &checkpoint.plan);
    if (sink->shared) {
        share_topics(items, count, moving, moving_count, &scratch, &checkpoint.plan);
    }
    DEFER(buf_release) Buf bytes = {0};
    bool ok = checkpoint_encode(&bytes, &checkpoint, err) &&
              checkpoint_put(sink->store, sink->pipeline, buf_slice(&bytes), sink->tag, err);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool publish_share(Objects *sink, const Slice *moving, size_t count, Err *err) {
    return checkpoint_announce(sink, NULL, 0, moving, count, err);
}

// All of the plan is published, or nothing was to be.
static bool checkpoint_done(Objects *sink, Err *err) {
    TRY(checkpoint_put(sink->store, sink->pipeline, buf_slice(&sink->checkpoint), sink->tag, err));
    buf_reset(&sink->checkpoint);
    for (size_t i = 0; i < sink->tables.count; i++) {
        ObjectsTable *table = sink->tables.at[i];
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

bool publish_advance(Objects *sink, int64_t age_min_ms, Err *err) {
    Mark start = publish_start(sink);
    if (start.position <= sink->start.position || now_ms() - sink->saved_ms < age_min_ms) {
        return true;
    }
    if (!sink->complete) {
        return publish_state_save(sink, start, NULL, 0, err);
    }
    if (sink->files.head != NULL) {
        return true; // the target is not complete up to this cut
    }
    TRY(checkpoint_prepare(sink, err));
    TRY(publish_state_save(sink, start, NULL, 0, err));
    return checkpoint_done(sink, err);
}

// --- names that are taken ----------------------------------------------------------------------------------------

typedef struct Taken {
    const ObjectsTable *table;
    Slice pattern;
    Buf name; // of the first one found
} Taken;

// Written under other options.
static bool is_own(const ObjectsTable *table, Slice name) {
    for (size_t i = 0; i < table->pattern_count; i++) {
        uint64_t offset = 0;
        if (name_match(table->patterns[i], name, &offset) && offset < table->committed) {
            return true;
        }
    }
    return false;
}

static bool taken_visit(void *context, const char *name, uint64_t size) {
    Taken *taken = context;
    uint64_t offset = 0;
    if (name_match(taken->pattern, slice_of(name), &offset) && !is_own(taken->table, slice_of(name))) {
        buf_text(&taken->name, name);
        return false;
    }
    return true;
}

// Before a table's first file under a pattern: files that could be of it and are not ours would be mixed with it.
static bool check_untaken(Objects *sink, const ObjectsTable *table, Slice pattern, Err *err) {
    Taken taken = {.table = table, .pattern = pattern};
    Buf prefix;
    buf_init(&prefix, 0);
    buf_init(&taken.name, 0);
    buf_put(&prefix, name_prefix(pattern));
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

static bool pattern_claim(Objects *sink, ObjectsTable *table, Slice pattern, Err *err) {
    for (size_t i = 0; i < table->pattern_count; i++) {
        if (slice_equal(table->patterns[i], pattern)) {
            return true;
        }
    }
    if (name_has_hole(pattern, HOLE_OFFSET)) { // names with an id meet no others
        TRY(check_untaken(sink, table, pattern, err));
    }
    Slice *patterns = ARENA_ARRAY(&sink->run, Slice, table->pattern_count + 1);
    for (size_t i = 0; i < table->pattern_count; i++) {
        patterns[i] = table->patterns[i];
    }
    patterns[table->pattern_count++] = pattern;
    table->patterns = patterns;
    return true;
}

// --- plan, then publish ------------------------------------------------------------------------------------------

typedef struct Publication {
    Arena scratch;
    ObjectsFile **files; // table by table, each in the order of its files
    size_t file_count;
    PlanItem *items;
    StoreItem *store_items;
    size_t item_count;
    Slice *names; // of items that no pattern and offset tells of
    size_t name_count;
} Publication;

static void collect(Publication *publication, ObjectsTable *const *tables, size_t count) {
    size_t files = 0;
    for (size_t i = 0; i < count; i++) {
        for (ObjectsFile *file = tables[i]->sealed; file != NULL; file = file->beside) {
            files++;
        }
    }
    publication->files = ARENA_ARRAY(&publication->scratch, ObjectsFile *, files);
    publication->items = ARENA_ARRAY(&publication->scratch, PlanItem, files * PARTS);
    publication->store_items = ARENA_ARRAY(&publication->scratch, StoreItem, files * PARTS);
    publication->names = ARENA_ARRAY(&publication->scratch, Slice, files * PARTS);
    for (size_t i = 0; i < count; i++) {
        for (ObjectsFile *file = tables[i]->sealed; file != NULL; file = file->beside) {
            publication->files[publication->file_count++] = file;
        }
    }
}

// The file's bytes become durable under a token; its parts are items of the plan.
static bool plan_file(Objects *sink, Publication *publication, ObjectsFile *file, Err *err) {
    TRY(files_finish(&sink->files, file, err));
    for (int i = 0; i < PARTS; i++) {
        const FilePart *part = &file->parts[i];
        if (part->name == NULL) {
            continue;
        }
        Slice pattern = file->shape->patterns[i];
        TRY(pattern_claim(sink, file->table, pattern, err));
        const char *token = arena_printf(&publication->scratch, "%s", part->token);
        const char *name = arena_printf(&publication->scratch, "%s", part->name);
        publication->store_items[publication->item_count] = (StoreItem){token, name};
        publication->items[publication->item_count++] = (PlanItem){slice_of(token), slice_of(name), file->table->topic};
        if (!name_has_hole(pattern, HOLE_OFFSET)) {
            publication->names[publication->name_count++] = slice_of(name);
        }
    }
    return true;
}

void publish_withdrawn(Objects *sink, const Slice *names, size_t count) {
    Slice *kept = ARENA_ARRAY(&sink->run, Slice, count);
    for (size_t i = 0; i < count; i++) {
        kept[i] = slice_of(arena_text(&sink->run, names[i]));
    }
    sink->withdrawn = kept;
    sink->withdrawn_count = count;
    sink->withdrawn_until_ms = now_ms() + WITHDRAWN_MS;
}

static bool is_published(const Publication *publication, Slice name) {
    for (size_t i = 0; i < publication->item_count; i++) {
        if (slice_equal(publication->items[i].name, name)) {
            return true;
        }
    }
    return false;
}

// Before the plan that may have such names: from there on they are ours.
static bool withdraw_again(Objects *sink, const Publication *publication, Err *err) {
    bool last = now_ms() >= sink->withdrawn_until_ms;
    size_t kept = 0;
    for (size_t i = 0; i < sink->withdrawn_count; i++) {
        Slice name = sink->withdrawn[i];
        TRY(store_remove(sink->store, (const char *)name.data, err));
        if (!last && !is_published(publication, name)) {
            sink->withdrawn[kept++] = name;
        }
    }
    sink->withdrawn_count = kept;
    return true;
}

// What the files hold counts as published from the moment that the plan is durable: they leave the lists.
static bool plan_write(Objects *sink, Publication *publication, Err *err) {
    for (size_t i = 0; i < publication->file_count; i++) {
        ObjectsFile *file = publication->files[i];
        ObjectsTable *table = file->table;
        table->committed = table->sealed_end;
        table->epoch = table->cut_epoch;
        table->published = true;
        sink->stats.bytes += file_bytes(file);
        files_drop(&sink->files, file);
    }
    if (publication->name_count > 0) {
        TRY(plan_names_append(sink->state_directory, &sink->names_bytes, publication->names, publication->name_count,
                              err));
    }
    CRASH_POINT("sink.before_plan");
    TRY(sink->withdrawn_count == 0 || withdraw_again(sink, publication, err));
    TRY(checkpoint_prepare(sink, err));
    TRY(publish_state_save(sink, publish_start(sink), publication->items, publication->item_count, err));
    CRASH_POINT("sink.after_plan");
    TRY(checkpoint_announce(sink, publication->items, publication->item_count, NULL, 0, err));
    CRASH_POINT("sink.after_announce");
    return true;
}

static bool plan_publish(Objects *sink, Publication *publication, Err *err) {
    TRY(store_publish_all(sink->store, publication->store_items, publication->item_count, err));
    sink->stats.files += publication->item_count;
    CRASH_POINT("sink.before_done");
    TRY(checkpoint_done(sink, err));
    CRASH_POINT("sink.after_checkpoint");
    TRY(publish_state_save(sink, sink->start, NULL, 0, err));
    CRASH_POINT("sink.after_done");
    sink->stats.published_ms = (uint64_t)(clock_wall_us() / 1000);
    return true;
}

static bool publish(Objects *sink, Publication *publication, ObjectsTable *const *tables, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        tables[i]->due = false;
        if (tables[i]->due_all) {
            tables[i]->due_all = false;
            TRY(files_seal(&sink->files, tables[i], err));
        }
    }
    collect(publication, tables, count);
    for (size_t i = 0; i < publication->file_count; i++) {
        TRY(plan_file(sink, publication, publication->files[i], err));
    }
    return publication->item_count == 0 || (plan_write(sink, publication, err) && plan_publish(sink, publication, err));
}

bool publish_due(Objects *sink, Err *err) {
    if (sink->due.count == 0) {
        return true;
    }
    for (ObjectsFile *file = sink->files.head; sink->complete && file != NULL; file = file->next) {
        objects_due(sink, file->table, true); // the target is then complete up to the cut
    }
    Publication publication = {0};
    arena_init(&publication.scratch, "scratch", 0);
    ObjectsTable **tables = ARENA_ARRAY(&publication.scratch, ObjectsTable *, sink->due.count);
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < sink->due.count; i++) {
        ObjectsTable *table = sink->due.at[i];
        if (table->touched) {
            sink->due.at[kept++] = table; // at its next cut
        } else {
            tables[count++] = table;
        }
    }
    sink->due.count = kept;
    bool ok = publish(sink, &publication, tables, count, err);
    arena_release(&publication.scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- recovery --------------------------------------------------------------------------------------------------

static bool recover_one(Objects *sink, const StoreItem *item, Err *err) {
    if (!store_publish(sink->store, item->token, item->name, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err); // the rename had happened
        log_warn(LOG_SINK, "a planned file was taken away before its publication was recorded",
                 LOG_TEXT("file", item->name));
    }
    CRASH_POINT("sink.recovered_one");
    return true;
}

static bool recover_all(Objects *sink, const StoreItem *items, size_t count, Err *err) {
    if (store_publish_all(sink->store, items, count, err)) {
        CRASH_POINT("sink.recovered_one");
        return true;
    }
    if (err->code != ERR_NOT_FOUND) {
        return err_frame(err, __FILE__, __LINE__);
    }
    err_clear(err);
    for (size_t i = 0; i < count; i++) {
        TRY(recover_one(sink, &items[i], err));
    }
    return true;
}

void publish_recall(Objects *sink, const Checkpoint *checkpoint) {
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

bool publish_recover(Objects *sink, const Plan *plan, Arena *scratch, Err *err) {
    for (size_t i = 0; i < plan->removed_count; i++) {
        TRY(store_remove(sink->store, arena_text(scratch, plan->removed[i]), err));
        CRASH_POINT("sink.removed_one");
    }
    if (plan->item_count > 0) {
        StoreItem *items = ARENA_ARRAY(scratch, StoreItem, plan->item_count);
        PlanItem *announced = ARENA_ARRAY(scratch, PlanItem, plan->item_count);
        for (size_t i = 0; i < plan->item_count; i++) {
            items[i] = (StoreItem){arena_text(scratch, plan->items[i].token), arena_text(scratch, plan->items[i].name)};
            announced[i] = plan->items[i];
            announced[i].topic = sink->shared ? item_topic(sink, plan->items[i].name) : (Slice){0};
        }
        // It may have died before it announced them.
        TRY(plan->checkpoint.size == 0 || checkpoint_announce(sink, announced, plan->item_count, NULL, 0, err));
        TRY(recover_all(sink, items, plan->item_count, err));
    }
    if (plan->checkpoint.size > 0) {
        Checkpoint checkpoint;
        TRY(checkpoint_decode(plan->checkpoint, scratch, &checkpoint, err));
        TRY(checkpoint_put(sink->store, sink->pipeline, plan->checkpoint, sink->tag, err));
        publish_recall(sink, &checkpoint);
    }
    if (plan->item_count > 0 || plan->checkpoint.size > 0 || plan->removed_count > 0) {
        TRY(publish_state_save(sink, sink->start, NULL, 0, err));
    }
    if (plan->item_count > 0) {
        log_info(LOG_SINK, "finished a publication that was interrupted", LOG_UINT("files", plan->item_count));
    }
    return store_sweep(sink->store, NULL, 0, err);
}

// --- reading again -----------------------------------------------------------------------------------------------

// The target first: should it end there, the state is as if nobody had asked, and the target, which is behind, is
// written anew with the next publication.
bool publish_reset(Objects *sink, const Slice *removed, size_t removed_count, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Checkpoint checkpoint = {.plan = {.owner = sink->owner, .start = {.epoch = sink->cut.epoch}}};
    Plan plan = {.owner = sink->owner, .removed = removed, .removed_count = removed_count};
    plan_topics(sink, false, &scratch, &checkpoint.plan);
    plan_topics(sink, false, &scratch, &plan);
    DEFER(buf_release) Buf bytes = {0};
    bool ok = checkpoint_encode(&bytes, &checkpoint, err) &&
              checkpoint_put(sink->store, sink->pipeline, buf_slice(&bytes), sink->tag, err);
    CRASH_POINT("sink.reset_announced");
    ok = ok && plan_save(sink->state_directory, &plan, err);
    CRASH_POINT("sink.reset_planned");
    sink->start = plan.start;
    publish_recall(sink, &checkpoint);
    ok = ok && publish_recover(sink, &plan, &scratch, err);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}
