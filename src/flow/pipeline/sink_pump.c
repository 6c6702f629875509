// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/sink_pump.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#define HELD_US        20000 // between looks while entries are not taken
#define TURN_ENTRIES   512   // and while they are
#define READER_BYTES   (1 * MIB)
#define WAIT_MS_MAX    500
#define TABLES_US      1000000 // between looks at the sink's tables
#define BACKOFF_US_MIN 200000
#define BACKOFF_US_MAX 10000000
#define FINISH_TRIES   5                        // of a transient error, once the run is over
#define TELL_AGAIN_US  (INT64_C(600) * 1000000) // of trouble that lasts
#define GIVE_UP_US     (INT64_C(30) * 1000000)  // once the run is over, what is away is waited for so long;
#define STOP_US        (INT64_C(10) * 1000000)  // when it was stopped: whoever stops programs waits for 30 s or less
enum { CUTS_KEPT = 256, TABLES_BYTES = 1024 };

typedef struct KeptCut {
    LogPosition at;
    Position position;
} KeptCut;

typedef struct Tables {
    Arena arena; // of their texts
    Buf at;      // SinkTable
} Tables;

// What the sink cannot get past, from the first failure until it has got on.
typedef struct Trouble {
    int64_t since_us, tell_us;
    uint64_t told; // a bit an error code: each is logged once
    uint64_t tries;
} Trouble;

struct SinkPump {
    SinkPumpSpec spec;
    pthread_t thread;
    _Atomic bool finishing;
    HoldGroup group; // of the thread
    int64_t tables_at;
    Tables tables; // that it gathers
    Trouble trouble;
    int64_t finish_us;  // when it saw that the run is over
    int64_t backoff_us; // before it is tried again
    SinkStats before;   // of the sinks of this run that were closed
    uint64_t events;    // that the open one had taken when it last got on
    JournalPin *pin;    // of an attempt
    LogPosition begun;  // where it reads from
    LogPosition pinned; // the sink's, when it was last looked at
    bool has_pin;
    bool stopped; // see SinkPumpLast

    pthread_mutex_t mutex; // over all that follows
    JournalReader *reader; // for waking
    bool fed;              // …the feed is open
    SinkPumpLook look;
    Tables shown;
    int64_t away_us; // since when, while look.tries > 0
    Err err;
    Position published;
    KeptCut cuts[CUTS_KEPT]; // taken, not yet published; the oldest first
    size_t cut_count;
};

// --- what other threads see ------------------------------------------------------------------------------------

void sink_pump_look(SinkPump *pump, SinkPumpLook *look) {
    pthread_mutex_lock(&pump->mutex);
    *look = pump->look;
    look->away_ms = look->tries > 0 ? MAX((clock_monotonic_us() - pump->away_us) / 1000, 1) : 0;
    pthread_mutex_unlock(&pump->mutex);
}

static SinkTable table_copy(Arena *arena, const SinkTable *table) {
    SinkTable copy = *table;
    copy.topic = arena_slice(arena, table->topic);
    copy.aside = table->aside != NULL ? arena_text(arena, slice_of(table->aside)) : NULL;
    return copy;
}

void sink_pump_tables(SinkPump *pump, Arena *arena, SinkTable **tables, size_t *count) {
    pthread_mutex_lock(&pump->mutex);
    const SinkTable *shown = (const SinkTable *)(const void *)pump->shown.at.data;
    *count = pump->shown.at.size / sizeof(SinkTable);
    *tables = ARENA_ARRAY(arena, SinkTable, *count + 1);
    for (size_t i = 0; i < *count; i++) {
        (*tables)[i] = table_copy(arena, &shown[i]);
    }
    pthread_mutex_unlock(&pump->mutex);
}

bool sink_pump_published(SinkPump *pump, Position *position) {
    pthread_mutex_lock(&pump->mutex);
    *position = pump->published;
    pthread_mutex_unlock(&pump->mutex);
    return position->size > 0;
}

// --- the thread ------------------------------------------------------------------------------------------------

static void cut_keep(SinkPump *pump, const JournalEntry *entry) {
    if (pump->cut_count == CUTS_KEPT) {
        pump->cut_count--; // a newer one says the same, a little later
    }
    pump->cuts[pump->cut_count++] = (KeptCut){entry->next, *entry->position};
}

static void cuts_publish(SinkPump *pump, LogPosition pin) {
    size_t done = 0;
    while (done < pump->cut_count && pump->cuts[done].at <= pin) {
        pump->published = pump->cuts[done++].position;
    }
    if (done > 0) {
        pump->cut_count -= done;
        memmove(pump->cuts, pump->cuts + done, pump->cut_count * sizeof(pump->cuts[0]));
    }
}

// --- what is read ----------------------------------------------------------------------------------------------

static LogPosition entries_end(SinkPump *pump) {
    return pump->reader != NULL ? journal_reader_end(pump->reader) : 0;
}

static bool entry_next(SinkPump *pump, JournalEntry *entry, Err *err) {
    const SinkFeed *feed = pump->spec.feed;
    return feed != NULL ? feed->next(pump->spec.feed_owner, entry, err) : journal_reader_next(pump->reader, entry, err);
}

static bool entries_wait(SinkPump *pump, int timeout_ms, Err *err) {
    const SinkFeed *feed = pump->spec.feed;
    if (feed != NULL) {
        return feed->wait(pump->spec.feed_owner, timeout_ms, err);
    }
    journal_reader_wait(pump->reader, timeout_ms);
    return true;
}

static bool entries_open(SinkPump *pump, const SinkContext *context, JournalReader **reader, Err *err) {
    const SinkFeed *feed = pump->spec.feed;
    if (feed != NULL) {
        return feed->open(pump->spec.feed_owner, err);
    }
    return journal_reader_open(pump->spec.journal, pump->group.at, READER_BYTES, reader, err) &&
           (!context->complete || journal_reader_keep_state(*reader, err));
}

// --- the thread's words ----------------------------------------------------------------------------------------

static void trouble_set(SinkPump *pump, const char *message) {
    const Trouble *trouble = &pump->trouble;
    LogPosition end = entries_end(pump);
    pthread_mutex_lock(&pump->mutex);
    pump->look.behind_bytes = end > pump->look.pin ? end - pump->look.pin : pump->look.behind_bytes;
    snprintf(pump->look.trouble, sizeof(pump->look.trouble), "%s", message);
    pump->look.tries = trouble->tries;
    pump->away_us = trouble->since_us;
    pthread_mutex_unlock(&pump->mutex);
}

static void table_gather(void *context, const SinkTable *table) {
    Tables *tables = context;
    SinkTable copy = table_copy(&tables->arena, table);
    buf_bytes(&tables->at, &copy, sizeof(copy));
}

static void tables_look(SinkPump *pump, Sink *sink, bool now) {
    int64_t clock = clock_monotonic_us();
    if (!now && clock < pump->tables_at) {
        return;
    }
    pump->tables_at = clock + TABLES_US;
    arena_reset(&pump->tables.arena);
    buf_reset(&pump->tables.at);
    sink_tables(sink, table_gather, &pump->tables);
    pthread_mutex_lock(&pump->mutex);
    Tables shown = pump->shown;
    pump->shown = pump->tables;
    pump->tables = shown;
    pthread_mutex_unlock(&pump->mutex);
}

// Stays until the sink has got on, not only until it is tried again. The log has it once, and again while it lasts.
static void trouble_tell(SinkPump *pump, const Err *err) {
    static_assert(ERR_INTERNAL < 64, "a bit an error code");
    Trouble *trouble = &pump->trouble;
    int64_t now = clock_monotonic_us();
    if (trouble->tries++ == 0 || now >= trouble->tell_us) {
        trouble->since_us = trouble->tries == 1 ? now : trouble->since_us;
        trouble->tell_us = now + TELL_AGAIN_US;
        trouble->told = 0;
    }
    trouble_set(pump, err->message);
    if ((trouble->told & UINT64_C(1) << err->code) == 0) {
        trouble->told |= UINT64_C(1) << err->code;
        log_warn(LOG_SINK, "the sink cannot go on; trying again", LOG_TEXT("error", err_name(err->code)),
                 LOG_TEXT("reason", err->message), LOG_TEXT("hint", err->hint), LOG_UINT("tries", trouble->tries));
    }
}

static void trouble_over(SinkPump *pump) {
    Trouble *trouble = &pump->trouble;
    if (trouble->tries > 0) {
        log_info(LOG_SINK, "the sink goes on again", LOG_UINT("tries", trouble->tries),
                 LOG_INT("seconds", (clock_monotonic_us() - trouble->since_us) / 1000000));
        *trouble = (Trouble){0};
        pump->backoff_us = BACKOFF_US_MIN;
    }
}

// Whether what is away has been waited for long enough.
static bool gives_up(SinkPump *pump) {
    if (pump->finishing && pump->finish_us == 0) {
        pump->finish_us = clock_monotonic_us();
    }
    return pump->finishing && clock_monotonic_us() >= pump->finish_us + (pump->stopped ? STOP_US : GIVE_UP_US);
}

// The sink waits, within a call: see SinkContext.
static bool waits(void *context, const Err *why) {
    SinkPump *pump = context;
    trouble_tell(pump, why);
    return !gives_up(pump);
}

// What the run has done so far: a sink that is opened again begins at nothing.
static void stats_all(const SinkPump *pump, Sink *sink, SinkStats *stats) {
    const SinkStats *before = &pump->before;
    sink_stats(sink, stats);
    stats->events += before->events;
    stats->bytes += before->bytes;
    stats->files += before->files;
    stats->commits += before->commits;
    stats->published_ms = MAX(stats->published_ms, before->published_ms);
    store_usage_add(&stats->requests, &before->requests);
}

static void stats_keep(SinkPump *pump, Sink *sink) {
    SinkStats stats;
    stats_all(pump, sink, &stats);
    stats.events = MAX(pump->events, pump->before.events); // what was not published is taken again
    pump->before = stats;
    pthread_mutex_lock(&pump->mutex);
    pump->look.stats = stats;
    pthread_mutex_unlock(&pump->mutex);
}

static bool progress(SinkPump *pump, Sink *sink, Err *err) {
    LogPosition pin = MAX(sink_pin(sink), pump->begun);
    SinkStats stats;
    stats_all(pump, sink, &stats);
    LogPosition end = entries_end(pump);
    pthread_mutex_lock(&pump->mutex);
    pump->look.stats = stats;
    pump->look.behind_bytes = end > pin ? end - pin : 0;
    pump->look.pin = pin;
    bool moved = !pump->has_pin || pin != pump->pinned;
    cuts_publish(pump, pin);
    pthread_mutex_unlock(&pump->mutex);
    tables_look(pump, sink, false);
    if (moved) {
        pump->events = stats.events;
        trouble_over(pump);
        trouble_set(pump, stats.trouble);
        pump->pinned = pin;
        pump->has_pin = true;
    }
    // Only what the sink has committed may be trimmed.
    return pump->pin == NULL || journal_pin_raise(pump->pin, pin, err);
}

// Nothing more for now. *done when the run is over and all is published.
static bool idle(SinkPump *pump, Sink *sink, bool last_look, bool *done, Err *err) {
    int64_t next_ms = -1;
    if (last_look) {
        TRY(pump->spec.hold == NULL || hold_serve_end(pump->spec.hold, sink, err));
        TRY(sink_flush(sink, err));
        *done = true;
        tables_look(pump, sink, true);
        return progress(pump, sink, err);
    }
    TRY(sink_tick(sink, &next_ms, err));
    if (next_ms < 0) { // nothing waits to be published
        trouble_over(pump);
    }
    if (pump->trouble.tries == 0) {
        SinkStats stats;
        sink_stats(sink, &stats);
        trouble_set(pump, stats.trouble);
    }
    TRY(progress(pump, sink, err));
    TRY(entries_wait(pump, next_ms < 0 ? WAIT_MS_MAX : (int)MIN(next_ms, WAIT_MS_MAX), err));
    if (!pump->finishing) {
        clock_sleep_us(pump->spec.sink->pace_us);
    }
    return true;
}

// Does what a comparison asks. *held: no entries are to be taken now.
static bool hold_turn(SinkPump *pump, Sink *sink, bool finishing, bool *held, Err *err) {
    HoldServe *hold = pump->spec.hold;
    *held = false;
    if (hold == NULL) {
        return true;
    }
    TRY(finishing ? hold_serve_end(hold, sink, err) : hold_serve_turn(hold, sink, err));
    *held = hold_serve_state(hold) == HOLD_HELD;
    if (*held) {
        clock_sleep_us(HELD_US);
    }
    return true;
}

static bool entry_take(SinkPump *pump, Sink *sink, const JournalEntry *entry, Err *err) {
    const SinkPumpSpec *spec = &pump->spec;
    bool compared = spec->hold != NULL && hold_serve_state(spec->hold) != HOLD_NONE, skip = false;
    TRY(entry->kind != JOURNAL_CUT || spec->cut == NULL || spec->cut(spec->owner, entry, err));
    if (compared && entry->kind == JOURNAL_EVENT) {
        TRY(hold_serve_event(spec->hold, sink, entry, pump->group, &skip, err));
    }
    TRY(skip || sink_take(sink, entry, err));
    pump->group.events += entry->kind == JOURNAL_EVENT;
    if (entry->kind != JOURNAL_CUT) {
        return true;
    }
    pump->group = (HoldGroup){.at = entry->next};
    return !compared || hold_serve_cut(spec->hold, sink, entry->position, err);
}

static bool entries_pump(SinkPump *pump, Sink *sink, Err *err) {
    const SinkPumpSpec *spec = &pump->spec;
    int64_t progress_at = 0;
    uint32_t turn = 0;
    for (bool done = false, held = false; !done;) {
        // Read before the look at the journal: what was durable when the run ended is then seen.
        bool finishing = pump->finishing;
        if (finishing && !spec->flush) {
            TRY(hold_turn(pump, sink, true, &held, err));
            return true; // what is under way is read again by the next run
        }
        if (held || turn++ % TURN_ENTRIES == 0) {
            TRY(hold_turn(pump, sink, finishing, &held, err));
            if (held) {
                continue;
            }
        }
        JournalEntry entry;
        TRY(entry_next(pump, &entry, err));
        turn = entry.kind == JOURNAL_END ? 0 : turn;
        if (entry.kind == JOURNAL_END) {
            TRY(idle(pump, sink, finishing, &done, err));
            continue;
        }
        if (entry.kind == JOURNAL_EVENT && spec->wants != NULL && !spec->wants(spec->owner, &entry)) {
            continue;
        }
        TRY(entry_take(pump, sink, &entry, err));
        if (entry.kind == JOURNAL_CUT) {
            cut_keep(pump, &entry);
            int64_t now = clock_monotonic_us();
            if (now > progress_at) {
                progress_at = now + 100000;
                TRY(progress(pump, sink, err));
            }
        }
    }
    return true;
}

// What the journal remembers of a sink, when its state here is older or new, is what its target has.
static bool attempt_open(SinkPump *pump, SinkContext *context, LogPosition pinned, Err *err) {
    Sink *sink = NULL;
    JournalReader *reader = NULL;
    TRY(sink_open(pump->spec.sink, context, &sink, err));
    pump->begun = context->journal_id != NULL ? MAX(sink_start(sink), pinned) : 0;
    pump->group = (HoldGroup){.at = context->journal_id != NULL ? pump->begun : sink_start(sink)};
    bool ok = entries_open(pump, context, &reader, err);
    if (ok) {
        pthread_mutex_lock(&pump->mutex);
        pump->reader = reader;
        pump->fed = pump->spec.feed != NULL;
        pump->cut_count = 0;
        pthread_mutex_unlock(&pump->mutex);
        ok = (pump->spec.hold == NULL || hold_serve_opened(pump->spec.hold, sink, err)) && progress(pump, sink, err) &&
             entries_pump(pump, sink, err);
        pthread_mutex_lock(&pump->mutex);
        pump->reader = NULL;
        pump->fed = false;
        pthread_mutex_unlock(&pump->mutex);
    }
    if (ok && pump->spec.feed != NULL) {
        pump->spec.feed->close(pump->spec.feed_owner);
    }
    journal_reader_close(reader);
    if (!ok) {
        stats_keep(pump, sink);
    }
    sink_close(sink);
    return ok;
}

static bool attempt(SinkPump *pump, Err *err) {
    const SinkPumpSpec *spec = &pump->spec;
    SinkContext context = spec->context;
    LogPosition pinned = 0;
    TRY(file_make_directories(context.state_directory, err));
    TRY(spec->feed != NULL ||
        journal_pin_open(spec->journal, spec->pin, context.journal_id, spec->first, &pump->pin, &pinned, err));
    bool ok =
        (spec->begin == NULL || spec->begin(spec->owner, &context, err)) && attempt_open(pump, &context, pinned, err);
    journal_pin_close(pump->pin);
    pump->pin = NULL;
    if (spec->end != NULL) {
        spec->end(spec->owner);
    }
    return ok;
}

static void *pump_thread(void *context) {
    SinkPump *pump = context;
    int tries = 0;
    for (;;) {
        Err err[1] = {{0}};
        if (attempt(pump, err)) {
            break;
        }
        bool over = pump->finishing && (++tries >= FINISH_TRIES || (pump->stopped && gives_up(pump)));
        bool wait = err_class(err->code) == ERR_CLASS_TRANSIENT && !over;
        if (!wait) {
            pthread_mutex_lock(&pump->mutex);
            pump->err = *err;
            pump->look.failed = true;
            pthread_mutex_unlock(&pump->mutex);
            break;
        }
        trouble_tell(pump, err);
        for (int64_t slept = 0; slept < pump->backoff_us && !pump->finishing; slept += 50000) {
            clock_sleep_us(50000);
        }
        if (pump->finishing) {
            clock_sleep_us(BACKOFF_US_MIN);
        }
        pump->backoff_us = MIN(pump->backoff_us * 2, BACKOFF_US_MAX);
    }
    return NULL;
}

// --- life ------------------------------------------------------------------------------------------------------

bool sink_pump_pin(const SinkPumpSpec *spec, Err *err) {
    JournalPin *pin = NULL;
    LogPosition at = 0;
    if (spec->feed != NULL) {
        return true;
    }
    TRY(journal_pin_open(spec->journal, spec->pin, spec->context.journal_id, spec->first, &pin, &at, err));
    journal_pin_close(pin);
    return true;
}

static void tables_free(Tables *tables) {
    arena_release(&tables->arena);
    buf_release(&tables->at);
}

bool sink_pump_start(const SinkPumpSpec *spec, SinkPump **pump, Err *err) {
    SinkPump *started = calloc(1, sizeof(*started));
    ASSERT(started != NULL);
    started->spec = *spec;
    arena_init_small(&started->tables.arena, "tables", TABLES_BYTES);
    arena_init_small(&started->shown.arena, "tables", TABLES_BYTES);
    started->backoff_us = BACKOFF_US_MIN;
    started->spec.context.waits = waits;
    started->spec.context.waits_context = started;
    pthread_mutex_init(&started->mutex, NULL);
    int failed = pthread_create(&started->thread, NULL, pump_thread, started);
    if (failed != 0) {
        tables_free(&started->tables);
        tables_free(&started->shown);
        free(started);
        return err_errno(err, __FILE__, __LINE__, failed, "start a thread");
    }
    *pump = started;
    return true;
}

void sink_pump_tell(SinkPump *pump, const SinkPumpLast *last) {
    if (pump->finishing) {
        return;
    }
    pump->spec.flush |= last->flush; // the thread looks at these once it is finishing
    pump->stopped = last->stopped;
    pump->finishing = true;
    pthread_mutex_lock(&pump->mutex);
    if (pump->reader != NULL) {
        journal_reader_wake(pump->reader);
    }
    if (pump->fed) {
        pump->spec.feed->wake(pump->spec.feed_owner);
    }
    pthread_mutex_unlock(&pump->mutex);
}

bool sink_pump_finish(SinkPump *pump, SinkPumpLast *last, Err *err) {
    sink_pump_tell(pump, last);
    pthread_join(pump->thread, NULL);
    bool ok = !pump->look.failed;
    last->stats = pump->look.stats;
    if (last->arena != NULL) {
        sink_pump_tables(pump, last->arena, &last->tables, &last->table_count);
    }
    if (!ok) {
        *err = pump->err;
    }
    pthread_mutex_destroy(&pump->mutex);
    tables_free(&pump->tables);
    tables_free(&pump->shown);
    free(pump);
    return ok;
}
