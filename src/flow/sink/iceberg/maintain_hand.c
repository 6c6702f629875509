// SPDX-License-Identifier: Apache-2.0
// What is asked for by hand, in the process that writes the table.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "flow/sink/iceberg/maintain_parts.h"

#define TURN_US INT64_C(1000000)
enum { TRIES_MAX = 20 };

// --- in the thread ---------------------------------------------------------------------------------------------

static void trouble(const char *what, const Err *err) {
    log_warn(LOG_SINK, what, LOG_TEXT("reason", err->message));
}

static void forget(Hand *hand) {
    map_release(&hand->files);
    arena_reset(hand->arena);
    Arena arena = hand->arena[0];
    *hand = (Hand){.look_us = hand->look_us};
    hand->arena[0] = arena;
}

static void state_set(Maintain *maintain, HandState state) {
    pthread_mutex_lock(&maintain->mutex);
    maintain->hand.state = state;
    pthread_mutex_unlock(&maintain->mutex);
}

static void look_first(Maintain *maintain) {
    Hand *hand = &maintain->hand;
    const char *directory = maintain->context.state_directory;
    Err err[1] = {{0}};
    bool there = false;
    pthread_mutex_lock(&maintain->mutex);
    forget(hand);
    pthread_mutex_unlock(&maintain->mutex);
    if (!hand_look(directory, hand->arena, &hand->handed, &there, err) ||
        (there && !hand_take(directory, &hand->handed, err))) {
        trouble("what is asked for a table by hand cannot be taken", err);
        return;
    }
    if (there) {
        log_info(LOG_SINK, "work on a table is asked for by hand", LOG_SLICE("table", hand->handed.work.name.table));
        CRASH_POINT("lake.hand.taken");
        state_set(maintain, hand->handed.work.verb == HAND_REWRITE ? HAND_ASKED : HAND_ALONE);
    }
}

// Who asked may be gone, and somebody else ask.
static void look_again(Maintain *maintain) {
    Hand *hand = &maintain->hand;
    DEFER(arena_release) Arena scratch;
    arena_init_small(&scratch, "scratch", 512);
    Err err[1] = {{0}};
    Handed now;
    bool there = false;
    bool ok = hand_look(maintain->context.state_directory, &scratch, &now, &there, err);
    pthread_mutex_lock(&maintain->mutex);
    hand->gone = hand->gone || !ok || !there || strcmp(now.id, hand->handed.id) != 0;
    hand->state = hand->gone && hand->state == HAND_ASKED ? HAND_ENDED : hand->state;
    pthread_mutex_unlock(&maintain->mutex);
}

void hand_turn(Maintain *maintain) {
    Hand *hand = &maintain->hand;
    int64_t now_us = clock_monotonic_us();
    if (maintain->stop || maintain->hurry || now_us < hand->look_us) {
        return;
    }
    hand->look_us = now_us + TURN_US;
    pthread_mutex_lock(&maintain->mutex);
    HandState state = hand->state;
    pthread_mutex_unlock(&maintain->mutex);
    if (state == HAND_NONE) {
        look_first(maintain);
    } else {
        look_again(maintain);
    }
}

bool hand_next(const Maintain *maintain) {
    HandState state = maintain->hand.state;
    return state == HAND_ENDED || (state == HAND_ALONE && !maintain->hurry);
}

// A stop, and who has asked being gone, end it.
static bool alone_pace(void *context, Err *err) {
    Maintain *maintain = context;
    hand_turn(maintain);
    bool over = maintain->stop || maintain->hurry || maintain->hand.gone;
    return !over || FAIL(err, ERR_INTERRUPTED, "stopped");
}

static void alone(Maintain *maintain) {
    Hand *hand = &maintain->hand;
    Err err[1] = {{0}};
    bool ok = maintain_reach(maintain, err);
    const HandPlace place = {.io = maintain->io, .catalog = maintain->catalog, .pace = alone_pace, .context = maintain};
    ok = ok && hand_do(&place, &hand->handed.work, hand->arena, &hand->done, err);
    maintain_note(maintain, hand->handed.work.name);
    hand->failed = !ok;
    hand->error = *err;
    hand->gone = hand->gone || err->code == ERR_INTERRUPTED; // it is asked again, or done by who asks
    CRASH_POINT("lake.hand.done");
}

static void answer(Maintain *maintain) {
    Hand *hand = &maintain->hand;
    Err err[1] = {{0}};
    if (!hand->gone && !hand_answer(maintain->context.state_directory, &hand->handed, &hand->done,
                                    hand->failed ? &hand->error : NULL, err)) {
        trouble("what was done to a table by hand cannot be answered", err);
    }
    pthread_mutex_lock(&maintain->mutex);
    forget(hand);
    hand->look_us = clock_monotonic_us() + TURN_US; // who asked takes the question away
    pthread_mutex_unlock(&maintain->mutex);
}

void hand_do_next(Maintain *maintain) {
    if (maintain->hand.state == HAND_ALONE) {
        alone(maintain);
        state_set(maintain, HAND_ENDED);
    }
    answer(maintain);
}

// Only files that were there at first: else there is no end to it while the table is written to.
void hand_choose(Maintain *maintain, CompactFile *files, size_t count, Arena *arena, const CompactGroup **chosen) {
    Hand *hand = &maintain->hand;
    size_t kept = 0, group_count = 0;
    CompactGroup *groups = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!hand->begun) {
            map_put(&hand->files, files[i].file->path, hand);
        }
        if (map_find(&hand->files, files[i].file->path) != NULL) {
            files[kept++] = files[i];
        }
    }
    hand->begun = true;
    const CompactRules rules = {.target_bytes = hand->handed.work.target_bytes,
                                .rows_max = INT32_MAX,
                                .files_min = hand->handed.work.files_min};
    compact_plan_whole(files, kept, &rules, arena, &groups, &group_count);
    *chosen = group_count > 0 ? &groups[0] : NULL;
    hand->last = group_count == 0;
}

// --- in the sink's thread --------------------------------------------------------------------------------------

static LakeTable *table_find(const Map *tables, TableName name) {
    for (MapEntry *e = NULL; (e = map_next(tables, e)) != NULL;) {
        LakeTable *table = e->value;
        if (slice_equal(table->name.table, name.table) && slice_equal(table->name.space, name.space)) {
            return table;
        }
    }
    return NULL;
}

static void fail(Hand *hand, const Err *why) {
    hand->failed = true;
    hand->error = *why;
    hand->state = HAND_ENDED;
}

static void begin(Maintain *maintain, LakeTable *table) {
    Hand *hand = &maintain->hand;
    Err err[1] = {{0}};
    if (table->adopting) {
        FAIL(err, ERR_LOCKED, "table %.*s is being taken over", SLICE_ARG(table->name.table));
        err_hint(err, "ask again when its rows have been read (leat status)");
        fail(hand, err);
    } else if (!table->upkeep.watched && table_snapshot_current(table_metadata(table->table)) == NULL) {
        hand->state = HAND_ENDED; // there is nothing in it
    } else if (!table->upkeep.watched) {
        Job *job = maintain_job(maintain, table);
        if (job != NULL) {
            job->hand = true;
            hand->state = HAND_AT_JOB;
        }
    }
}

void maintain_hand(Maintain *maintain, const Map *tables) {
    pthread_mutex_lock(&maintain->mutex);
    Hand *hand = &maintain->hand;
    if (hand->state == HAND_ASKED && !maintain->hurry) {
        LakeTable *table = table_find(tables, hand->handed.work.name);
        if (table == NULL || table->branch != NULL) { // nobody minds
            hand->state = HAND_ALONE;
        } else {
            begin(maintain, table);
        }
        pthread_cond_broadcast(&maintain->changed);
    }
    pthread_mutex_unlock(&maintain->mutex);
}

// Others were faster: it is tried again, not without end.
static void again(Hand *hand) {
    Err err[1] = {{0}};
    hand->state = HAND_ASKED;
    if (++hand->tries > TRIES_MAX) {
        FAIL(err, ERR_CHANGED, "somebody else was faster %d times", TRIES_MAX);
        err_hint(err, "what is done stands; run it again");
        fail(hand, err);
    }
}

void hand_nothing(Maintain *maintain, const Job *job) {
    Hand *hand = &maintain->hand;
    if (!job->hand) {
        return;
    }
    if (job->failed) {
        fail(hand, &job->error);
    } else if (hand->last || hand->gone) {
        hand->state = HAND_ENDED;
    } else {
        again(hand);
    }
    pthread_cond_broadcast(&maintain->changed);
}

void hand_void(Maintain *maintain, const Job *job) {
    if (job->hand) {
        again(&maintain->hand);
        pthread_cond_broadcast(&maintain->changed);
    }
}

void hand_handed(Maintain *maintain, const Job *job) {
    if (job->hand) {
        HandDone *done = &maintain->hand.done;
        done->files_before += job->group.count;
        done->files_made += job->group.made.record_count > 0;
        done->rows_dropped += job->group.rows_dropped;
        done->deletes_before += job->deletes.removed_count;
        done->deletes_made += job->deletes.made_count;
        done->commits++;
    }
}

void hand_ended(Maintain *maintain, const Job *job) {
    Hand *hand = &maintain->hand;
    if (job->hand) {
        hand->state = hand->last || hand->gone ? HAND_ENDED : HAND_ASKED;
        pthread_cond_broadcast(&maintain->changed);
    }
}
