// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/layout.h"

#include "core/base/log.h"
#include "core/sys/crash.h"
#include "flow/sink/objects/publish.h"

#define FOLDER "_leat/"
#define SUFFIX ".checkpoint"
enum { TRIES_MAX = 100 }; // of tasks that write one checkpoint at once

// A task's checkpoint of another number of tasks.
typedef struct Other {
    const char *pipeline;
    Checkpoint checkpoint;
    char tag[STORE_TAG_BYTES_MAX];
    struct Other *next;
} Other;

// What is known of one partition.
typedef struct Entry {
    const PlanTopic *topic;
    bool marked;
} Entry;

typedef struct Layout {
    const SinkContext *context;
    Store *store;
    Arena *arena;
    Other *others;
    Map entries; // of this share's partitions in other checkpoints, the right one of each; Entry by name
} Layout;

// --- checkpoints -----------------------------------------------------------------------------------------------

bool layout_of_journal(const SinkContext *context, Slice owner) {
    return context->journal_id != NULL && owner.size == OWNER_BYTES &&
           memcmp(owner.data, context->journal_id, OWNER_JOURNAL_BYTES) == 0;
}

static Slice nobody(Arena *arena, const SinkContext *context) {
    return slice_of(arena_printf(arena, "%.*s00000000", OWNER_JOURNAL_BYTES, context->journal_id));
}

static bool is_nobody(Slice owner) {
    return owner.size == OWNER_BYTES && memcmp(owner.data + OWNER_JOURNAL_BYTES, "00000000", 8) == 0;
}

// Items whose topics are not known are everybody's: of a leat that did not note them.
static bool item_mine(const Layout *layout, const Plan *plan, size_t i) {
    bool known = plan->removed_count >= plan->item_count && !slice_is(plan->removed[i], "?");
    return !known || share_has(layout->context->share, plan->removed[i]);
}

static size_t marks_at(const Plan *plan) {
    return MIN(plan->item_count, plan->removed_count);
}

void layout_items_drop(Plan *plan) {
    size_t at = marks_at(plan);
    plan->removed_count -= at;
    plan->removed = plan->removed_count > 0 ? plan->removed + at : NULL;
    plan->item_count = 0;
}

static bool is_marked(const Plan *plan, Slice topic) {
    for (size_t i = marks_at(plan); i < plan->removed_count; i++) {
        if (slice_equal(plan->removed[i], topic)) {
            return true;
        }
    }
    return false;
}

static bool visit(void *context, const char *name, uint64_t size) {
    Layout *layout = context;
    size_t head = strlen(FOLDER), tail = strlen(SUFFIX), length = strlen(name);
    if (length <= head + tail || strcmp(name + length - tail, SUFFIX) != 0) {
        return true;
    }
    Slice pipeline = {(const uint8_t *)name + head, length - head - tail};
    uint32_t task = 0;
    if (share_is_other(layout->context->share, pipeline, &task)) {
        Other *other = ARENA_NEW(layout->arena, Other);
        *other = (Other){.pipeline = arena_text(layout->arena, pipeline), .next = layout->others};
        layout->others = other;
    }
    return true;
}

static bool find(Layout *layout, Err *err) {
    const char *prefix = arena_printf(layout->arena, FOLDER "%s", layout->context->share->pipeline);
    return store_list(layout->store, prefix, visit, layout, err);
}

static bool load(Layout *layout, Other *other, Err *err) {
    bool found = false;
    TRY(checkpoint_load(layout->store, other->pipeline, layout->arena, &found, &other->checkpoint, other->tag, err));
    if (!found) { // somebody has taken it away by hand
        other->checkpoint.plan.owner = nobody(layout->arena, layout->context);
        return true;
    }
    if (!layout_of_journal(layout->context, other->checkpoint.plan.owner)) {
        FAIL(err, ERR_EXISTS, "%s holds files of connector %s that it has read from another Kafka",
             layout->context->url, other->pipeline);
        return err_hint(err, "give this connector another name, or move those files and _leat/%s.checkpoint away",
                        other->pipeline);
    }
    return true;
}

static bool put(Layout *layout, Other *other, const Checkpoint *checkpoint, bool *done, Err *err) {
    DEFER(buf_release) Buf bytes = {0};
    TRY(checkpoint_encode(&bytes, checkpoint, err));
    *done = checkpoint_put(layout->store, other->pipeline, buf_slice(&bytes), other->tag, err);
    if (!*done && err->code == ERR_LOCKED) { // another task was faster
        err_clear(err);
    }
    return *done || err->code == ERR_NONE;
}

static bool busy(const Other *other, Err *err) {
    return FAIL(err, ERR_NET_BUSY, "another task writes the checkpoint of %s: it is looked at again", other->pipeline);
}

// Reads it, and sees to it that nobody has it.
static bool fence(Layout *layout, Other *other, Err *err) {
    for (int i = 0; i < TRIES_MAX; i++) {
        TRY(load(layout, other, err));
        Slice owner = other->checkpoint.plan.owner;
        if (is_nobody(owner)) {
            return true;
        }
        bool done = false;
        Checkpoint fenced = other->checkpoint;
        fenced.plan.owner = nobody(layout->arena, layout->context);
        TRY(put(layout, other, &fenced, &done, err));
        if (done) {
            other->checkpoint = fenced;
            CRASH_POINT("sink.share_fenced");
            return objects_staged_sweep(layout->context, owner, err);
        }
    }
    return busy(other, err);
}

// --- partitions ------------------------------------------------------------------------------------------------

static bool better(const Entry *is, const Entry *than) {
    return is->marked != than->marked ? than->marked : is->topic->committed > than->topic->committed;
}

static void entries_add(Layout *layout, const Plan *plan) {
    for (size_t i = 0; i < plan->topic_count; i++) {
        const PlanTopic *topic = &plan->topics[i];
        Entry entry = {topic, is_marked(plan, topic->name)};
        if (!share_has(layout->context->share, topic->name)) {
            continue;
        }
        Entry *known = map_find(&layout->entries, topic->name);
        if (known == NULL) {
            known = ARENA_NEW(layout->arena, Entry);
            *known = entry;
            map_put(&layout->entries, topic->name, known);
        } else if (better(&entry, known)) {
            *known = entry;
        }
    }
}

// What is this share's of a checkpoint leaves it. *any: there was something.
static Checkpoint rest_of(const Layout *layout, const Checkpoint *whole, bool *any) {
    const Plan *plan = &whole->plan;
    PlanTopic *topics = ARENA_ARRAY(layout->arena, PlanTopic, plan->topic_count);
    PlanItem *items = ARENA_ARRAY(layout->arena, PlanItem, plan->item_count);
    Slice *removed = ARENA_ARRAY(layout->arena, Slice, plan->removed_count);
    Checkpoint rest = *whole;
    rest.plan.topics = topics;
    rest.plan.items = items;
    rest.plan.removed = removed;
    rest.plan.topic_count = rest.plan.item_count = rest.plan.removed_count = 0;
    for (size_t i = 0; i < plan->item_count; i++) {
        if (!item_mine(layout, plan, i)) { // so its topic is known
            items[rest.plan.item_count++] = plan->items[i];
            removed[rest.plan.removed_count++] = plan->removed[i];
        }
    }
    for (size_t i = marks_at(plan); i < plan->removed_count; i++) {
        if (!share_has(layout->context->share, plan->removed[i])) {
            removed[rest.plan.removed_count++] = plan->removed[i];
        }
    }
    for (size_t i = 0; i < plan->topic_count; i++) {
        if (!share_has(layout->context->share, plan->topics[i].name)) {
            topics[rest.plan.topic_count++] = plan->topics[i];
        }
    }
    *any = rest.plan.topic_count < plan->topic_count || rest.plan.item_count < plan->item_count;
    return rest;
}

static bool item_known(const Plan *plan, Slice name) {
    for (size_t i = 0; i < plan->item_count; i++) {
        if (slice_equal(plan->items[i].name, name)) {
            return true;
        }
    }
    return false;
}

// Is there nothing else of this share's in it now?
static bool same(const Layout *layout, const Plan *before, const Plan *now) {
    size_t at = 0;
    for (size_t i = 0; i < now->item_count; i++) {
        if (item_mine(layout, now, i) && !item_known(before, now->items[i].name)) {
            return false;
        }
    }
    for (size_t i = 0; i < now->topic_count; i++) { // what others have taken out of it leaves the order
        const PlanTopic *topic = &now->topics[i];
        while (at < before->topic_count && !slice_equal(before->topics[at].name, topic->name)) {
            at++;
        }
        bool known = at < before->topic_count && before->topics[at].committed == topic->committed;
        if (share_has(layout->context->share, topic->name) && !known) {
            return false;
        }
    }
    return true;
}

// 5. It loses what is this share's.
static bool leave(Layout *layout, Other *other, Err *err) {
    for (int i = 0; i < TRIES_MAX; i++) {
        bool any = false, done = false;
        Checkpoint rest = rest_of(layout, &other->checkpoint, &any);
        if (!any) {
            return true;
        }
        TRY(put(layout, other, &rest, &done, err));
        if (done) {
            CRASH_POINT("sink.share_left_one");
            return true;
        }
        Plan before = other->checkpoint.plan;
        TRY(load(layout, other, err));
        if (!is_nobody(other->checkpoint.plan.owner) || !same(layout, &before, &other->checkpoint.plan)) {
            return busy(other, err); // one that ran before has it again: all is looked at anew
        }
    }
    return busy(other, err);
}

// 3. Their records are read again.
static bool withdraw(Layout *layout, Objects *sink, Err *err) {
    size_t count = sink->withdrawn_count, most = count;
    for (const Other *other = layout->others; other != NULL; other = other->next) {
        most += other->checkpoint.plan.item_count;
    }
    if (most == count) {
        return true;
    }
    Slice *names = ARENA_ARRAY(layout->arena, Slice, most);
    for (size_t i = 0; i < count; i++) {
        names[i] = sink->withdrawn[i];
    }
    for (const Other *other = layout->others; other != NULL; other = other->next) {
        const Plan *plan = &other->checkpoint.plan;
        for (size_t i = 0; i < plan->item_count; i++) {
            if (item_mine(layout, plan, i)) {
                names[count++] = plan->items[i].name;
                TRY(store_remove(layout->store, arena_text(layout->arena, plan->items[i].name), err));
                CRASH_POINT("sink.share_withdrawn_one");
            }
        }
    }
    publish_withdrawn(sink, names, count);
    return true;
}

// The sink's own entry, if it is the right one, stays.
static bool is_own(const Objects *sink, const Plan *own, Slice name, const Entry *other) {
    const ObjectsTable *table = map_find(&sink->by_topic, name);
    if (table == NULL || !table->published) {
        return false;
    }
    const PlanTopic topic = {.name = name, .committed = table->committed};
    const Entry entry = {&topic, is_marked(own, name)};
    return !better(other, &entry);
}

static size_t entries_take(Layout *layout, Objects *sink, const Plan *own, Slice *moving) {
    size_t count = 0;
    for (MapEntry *at = NULL; (at = map_next(&layout->entries, at)) != NULL;) {
        const Entry *entry = at->value;
        if (!is_own(sink, own, at->key, entry)) {
            ObjectsTable *table = objects_table_restore(sink, entry->topic);
            table->done = entry->topic->committed;
            table->done_epoch = entry->topic->epoch;
            sink->published.epoch = MAX(sink->published.epoch, entry->topic->epoch);
            moving[count++] = table->topic;
        }
    }
    return count;
}

// 4 to 6.
static bool move(Layout *layout, Objects *sink, const Plan *own, Err *err) {
    Slice *moving = ARENA_ARRAY(layout->arena, Slice, layout->entries.count + own->removed_count);
    size_t taken = entries_take(layout, sink, own, moving), count = taken;
    for (size_t i = marks_at(own); i < own->removed_count; i++) { // of a time before that did not come to its end
        moving[count++] = own->removed[i];
    }
    TRY(taken == 0 || publish_share(sink, moving, count, err));
    CRASH_POINT("sink.share_copied");
    for (Other *other = layout->others; other != NULL; other = other->next) {
        TRY(leave(layout, other, err));
    }
    TRY(count == 0 || publish_share(sink, NULL, 0, err));
    CRASH_POINT("sink.share_moved");
    if (count > 0) {
        log_info(LOG_SINK, "partitions of another number of tasks are this task's now",
                 LOG_UINT("task", layout->context->share->task), LOG_UINT("tasks", layout->context->share->tasks),
                 LOG_UINT("partitions", count));
    }
    return publish_state_save(sink, sink->start, NULL, 0, err);
}

bool layout_take(Objects *sink, const SinkContext *context, const Plan *own, Arena *arena, Err *err) {
    Layout layout = {.context = context, .store = sink->store, .arena = arena};
    bool ok = find(&layout, err);
    for (Other *other = layout.others; ok && other != NULL; other = other->next) {
        ok = fence(&layout, other, err);
        sink->published.epoch = MAX(sink->published.epoch, other->checkpoint.plan.start.epoch);
        if (ok) {
            entries_add(&layout, &other->checkpoint.plan);
        }
    }
    bool any = layout.others != NULL || own->removed_count > marks_at(own);
    ok = ok && (!any || (withdraw(&layout, sink, err) && move(&layout, sink, own, err)));
    map_release(&layout.entries);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool look(Layout *layout, const Plan *own, bool *moved, Err *err) {
    *moved = own->removed_count > marks_at(own);
    TRY(find(layout, err));
    for (Other *other = layout->others; !*moved && other != NULL; other = other->next) {
        bool any = false;
        TRY(load(layout, other, err));
        (void)rest_of(layout, &other->checkpoint, &any);
        *moved = any || !is_nobody(other->checkpoint.plan.owner);
    }
    return true;
}

bool layout_look(const SinkContext *context, const Plan *own, Arena *arena, bool *moved, Err *err) {
    Layout layout = {.context = context, .arena = arena};
    TRY(objects_store_open(context, "look", arena, &layout.store, err));
    bool ok = look(&layout, own, moved, err);
    store_close(layout.store);
    return ok || err_frame(err, __FILE__, __LINE__);
}
