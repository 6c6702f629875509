// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/withdraw.h"

#include "flow/sink/objects/names.h"

typedef struct Found {
    const char *name;
    uint64_t offset; // of its first record
} Found;

typedef struct Finding {
    Arena *arena;
    Slice pattern;
    uint64_t committed;
    Found *files;
    size_t count, capacity;
} Finding;

// Ours are the names of a pattern that we have published under, below the offset up to which we have.
static bool find_visit(void *context, const char *name, uint64_t size) {
    Finding *finding = context;
    uint64_t offset = 0;
    if (!name_match(finding->pattern, slice_of(name), &offset) || offset >= finding->committed) {
        return true;
    }
    if (finding->count == finding->capacity) {
        finding->capacity = MAX(finding->capacity * 2, (size_t)64);
        Found *files = ARENA_ARRAY(finding->arena, Found, finding->capacity);
        for (size_t i = 0; i < finding->count; i++) {
            files[i] = finding->files[i];
        }
        finding->files = files;
    }
    finding->files[finding->count++] = (Found){arena_printf(finding->arena, "%s", name), offset};
    return true;
}

// All files of a topic whose names tell their offsets.
static bool find(Store *store, const PlanTopic *topic, Arena *arena, Finding *finding, Err *err) {
    *finding = (Finding){.arena = arena, .committed = topic->committed};
    for (size_t i = 0; i < topic->pattern_count; i++) {
        finding->pattern = topic->patterns[i];
        if (name_has_hole(finding->pattern, HOLE_OFFSET)) {
            TRY(store_list(store, arena_text(arena, name_prefix(finding->pattern)), find_visit, finding, err));
        }
    }
    return true;
}

// --- all -------------------------------------------------------------------------------------------------------

static bool remove_name(void *context, Slice name, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    bool ok = store_remove(context, arena_text(&scratch, name), err);
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool topic_remove(Store *store, const PlanTopic *topic, Err *err) {
    Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Finding finding;
    bool ok = find(store, topic, &scratch, &finding, err);
    for (size_t i = 0; ok && i < finding.count; i++) {
        ok = store_remove(store, finding.files[i].name, err);
    }
    arena_release(&scratch);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool withdraw_all(Store *store, const char *state_directory, const Plan *plan, Err *err) {
    for (size_t i = 0; i < plan->topic_count; i++) {
        TRY(topic_remove(store, &plan->topics[i], err));
    }
    return plan_names_each(state_directory, plan->names_bytes, remove_name, store, err);
}

// --- from an offset on -------------------------------------------------------------------------------------------

typedef struct Choice {
    uint64_t wanted, oldest;
    uint64_t below, above; // the nearest that can be had; UINT64_MAX = none yet
} Choice;

static void consider(Choice *choice, uint64_t offset) {
    if (offset < choice->oldest) {
        return;
    }
    if (offset > choice->wanted) {
        choice->above = MIN(choice->above, offset);
    } else if (choice->below == UINT64_MAX || offset > choice->below) {
        choice->below = offset;
    }
}

static uint64_t choose(const PlanTopic *topic, const Finding *finding, const SinkReset *reset) {
    Choice choice = {reset->to, reset->oldest, UINT64_MAX, UINT64_MAX};
    consider(&choice, topic->committed);
    for (size_t i = 0; i < topic->point_count; i++) {
        consider(&choice, topic->points[i]);
    }
    bool older = false; // is there anything from before the journal begins?
    uint64_t lowest = finding->count > 0 ? UINT64_MAX : reset->oldest;
    for (size_t i = 0; i < finding->count; i++) {
        lowest = MIN(lowest, finding->files[i].offset);
        older |= finding->files[i].offset < reset->oldest;
        if (finding->files[i].offset >= topic->single_from) {
            consider(&choice, finding->files[i].offset);
        }
    }
    if (!older) {
        consider(&choice, reset->oldest);
        consider(&choice, lowest); // what lies below was not for this sink
    }
    return choice.below != UINT64_MAX ? choice.below : MIN(choice.above, topic->committed);
}

static void add(Withdrawal *withdrawal, const char *name) {
    if (withdrawal->count == withdrawal->capacity) {
        withdrawal->capacity = MAX(withdrawal->capacity * 2, (size_t)64);
        Slice *names = ARENA_ARRAY(withdrawal->arena, Slice, withdrawal->capacity);
        for (size_t i = 0; i < withdrawal->count; i++) {
            names[i] = withdrawal->names[i];
        }
        withdrawal->names = names;
    }
    withdrawal->names[withdrawal->count++] = slice_of(name);
}

static bool ids_bear_it(const PlanTopic *topic, const Withdrawal *withdrawal, Err *err) {
    for (size_t i = 0; i < topic->pattern_count; i++) {
        if (!withdrawal->ids_return && name_has_hole(topic->patterns[i], HOLE_ID)) {
            FAIL(err, ERR_OPTION,
                 "the names of %.*s's files hold ids and no offsets: which of them are to be replaced?",
                 SLICE_ARG(topic->name));
            return err_hint(err, "with one record in each file (flush.size=1) it can be done; else remove the table's "
                                 "files and read it again from the source: leat resync");
        }
    }
    return true;
}

bool withdraw_from(Store *store, const PlanTopic *published, SinkReset *reset, Withdrawal *withdrawal, Err *err) {
    static const PlanTopic none = {0};
    const PlanTopic *topic = published != NULL ? published : &none;
    reset->was = published != NULL ? topic->committed : reset->oldest;
    reset->now = reset->to;
    reset->files = 0;
    if (reset->to >= reset->was) {
        return true;
    }
    TRY(ids_bear_it(topic, withdrawal, err));
    Finding finding;
    TRY(find(store, topic, withdrawal->arena, &finding, err));
    reset->now = choose(topic, &finding, reset);
    for (size_t i = 0; i < finding.count; i++) {
        if (finding.files[i].offset >= reset->now) {
            add(withdrawal, finding.files[i].name);
            reset->files++;
        }
    }
    return true;
}
