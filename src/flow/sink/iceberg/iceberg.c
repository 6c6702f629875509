// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/iceberg.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/random.h"
#include "flow/sink/iceberg/adopt.h"
#include "flow/sink/iceberg/aside.h"
#include "flow/sink/iceberg/commit_tables.h"
#include "flow/sink/iceberg/compare.h"
#include "flow/sink/iceberg/memory.h"
#include "flow/sink/iceberg/maintain.h"
#include "flow/sink/iceberg/pace.h"
#include "flow/sink/iceberg/places.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/repair.h"
#include "flow/sink/iceberg/record_sink.h"
#include "flow/sink/iceberg/record_table.h"
#include "flow/sink/iceberg/state.h"
#include "flow/sink/iceberg/table.h"
#include "storage/store/local/local.h"

#define STATE_SAVE_US    (5 * 1000000) // while nothing is committed: how long the pin may lag behind
#define MAINTAIN_LOOK_US 500
enum { MAINTAIN_LOOK_MS = 20, FILES_ENOUGH = 64 };

typedef struct IcebergSink {
    LakeOptions options;
    Lake lake;
    Arena run[1];
    Arena scratch[1];
    char *state_directory;
    Map tables;                            // by topic, of a connector by name: LakeTable
    RecordSink *records;                   // of a connector
    LogPosition cut;                       // behind the last one taken
    LogPosition committed;                 // all below is in the tables
    LogPosition pin;                       // …and with ack.policy=sink, remembered in the target
    LakeState state;                       // as it is on disk
    LakeMemory memory;                     // as it is in the target
    bool complete;                         // it is kept as of each commit
    const char *journal_id;                // see SinkContext; NULL where the catalog is lost with the state
    const _Atomic LogPosition *read_below; // see SinkContext
    JournalReader *reader;                 // that gave the last cut
    Maintain *maintain;
    Aside aside;  // tables whose events are passed over
    LakeCut last; // the last cut
    uint8_t position[POSITION_BYTES_MAX];
    bool open_group; // events since the last cut
    bool held;       // nothing is committed until commit_at
    Pace pace;
    int64_t saved_us;
    uint64_t published_ms;
    bool broken;
    Err error;
} IcebergSink;

// --- places ----------------------------------------------------------------------------------------------------

static bool iceberg_accepts(const char *url) {
    return lake_is_catalog_url(url) || LOCAL_STORE.accepts(url) || S3_STORE.accepts(url);
}

static LakePlaces places_of(const IcebergSink *sink, const SinkContext *context, Arena *arena) {
    return (LakePlaces){.url = context->url,
                        .catalog = sink->options.catalog,
                        .data_directory = context->data_directory,
                        .owner = context->pipeline,
                        .staging_directory = arena_printf(arena, "%s/staging", context->state_directory),
                        .s3 = &sink->options.s3,
                        .rest = &sink->options.rest};
}

static bool places_exist(IcebergSink *sink, const SinkContext *context) {
    LakePlaces places = places_of(sink, context, sink->run);
    return lake_places_exist(&places);
}

// The files alone, where there is no catalog yet.
static bool files_open(IcebergSink *sink, const SinkContext *context, Err *err) {
    LakePlaces places = places_of(sink, context, sink->run);
    LakeIoContext io = {.warehouse = lake_is_catalog_url(context->url) ? NULL : context->url,
                        .owner = places.owner,
                        .staging_directory = places.staging_directory,
                        .s3_options = places.s3};
    return lake_io_open(&io, &sink->lake.io, err);
}

static bool places_open(IcebergSink *sink, const SinkContext *context, Err *err) {
    LakePlaces places = places_of(sink, context, sink->run);
    return lake_places_open(&places, sink->run, &sink->lake.io, &sink->lake.catalog, err);
}

static bool iceberg_probe(const SinkContext *context, Err *err) {
    if (lake_is_catalog_url(context->url)) {
        return true;
    }
    const StoreDriver *store = S3_STORE.accepts(context->url) ? &S3_STORE : &LOCAL_STORE;
    StoreContext wanted = {.url = context->url};
    if (store == &S3_STORE) {
        wanted.options = &((const LakeOptions *)context->options)->s3;
    }
    return store->probe(&wanted, err);
}

// --- life ------------------------------------------------------------------------------------------------------

static void iceberg_close(void *state) {
    IcebergSink *sink = state;
    maintain_stop(sink->maintain);
    record_sink_free(sink->records);
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        lake_table_close(e->value);
    }
    map_release(&sink->tables);
    aside_release(&sink->aside);
    memory_close(&sink->memory);
    if (sink->lake.catalog != NULL) {
        catalog_close(sink->lake.catalog);
    }
    if (sink->lake.io != NULL) {
        lake_io_close(sink->lake.io);
    }
    arena_release(sink->scratch);
    arena_release(sink->run);
    free(sink);
}

static IcebergSink *sink_new(const SinkContext *context) {
    IcebergSink *sink = calloc(1, sizeof(*sink));
    ASSERT(sink != NULL);
    arena_init(sink->run, "run", 0);
    arena_init(sink->scratch, "scratch", 0);
    sink->options = *(const LakeOptions *)context->options;
    sink->state_directory = arena_printf(sink->run, "%s", context->state_directory);
    sink->pace.interval_us = lake_interval_us(&sink->options, context->url);
    sink->complete = context->complete;
    bool kept = lake_is_catalog_url(context->url) || sink->options.catalog[0] != '\0'; // not lost with the directory
    sink->journal_id =
        kept && context->journal_id != NULL ? arena_text(sink->run, slice_of(context->journal_id)) : NULL;
    sink->read_below = context->read_below;
    sink->lake = (Lake){.options = &sink->options,
                        .pipeline = arena_printf(sink->run, "%s", context->pipeline),
                        .owner = sink->state.owner,
                        .state_directory = sink->state_directory,
                        .memory_bytes_max = context->memory_bytes_max,
                        .scratch = sink->scratch,
                        .append = strcmp(sink->options.mode, "append") == 0};
    return sink;
}

static bool note_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                       Err *err) {
    memory_note(context, name, found->metadata_file);
    return true;
}

// The owner is durable before a table has it. Tables of another one are taken over only where that is asked for.
static bool state_new(IcebergSink *sink, Err *err) {
    bool adopts = sink->options.adopt[0] != '\0';
    bool ours = sink->journal_id != NULL && strcmp(sink->memory.last.owner, sink->journal_id) == 0;
    if (sink->memory.found && !adopts && !ours) {
        return memory_lost(&sink->memory, err);
    }
    sink->state = (LakeState){0};
    if (sink->journal_id != NULL) {
        snprintf(sink->state.owner, sizeof(sink->state.owner), "%s", sink->journal_id);
    } else {
        snprintf(sink->state.owner, sizeof(sink->state.owner), "%016" PRIx64, random_number());
    }
    TRY(lake_state_save(sink->state_directory, &sink->state, err));
    return memory_put(&sink->memory, &sink->state, (Slice){0}, err);
}

// The journal was made from what is remembered: the tables are taken to the same cut.
static bool state_restore(IcebergSink *sink, Err *err) {
    const Remembered *last = &sink->memory.last;
    TRY(memory_restore(&sink->memory, err));
    CRASH_POINT("lake.restored");
    sink->state = (LakeState){.sequence = last->sequence, .epoch = last->epoch};
    memcpy(sink->state.owner, last->owner, sizeof(sink->state.owner));
    return lake_state_save(sink->state_directory, &sink->state, err);
}

static bool state_open(IcebergSink *sink, Err *err) {
    bool found = false;
    TRY(memory_open(&sink->memory, &sink->lake, err));
    TRY(lake_state_load(sink->state_directory, &sink->state, &found, err));
    const Remembered *last = &sink->memory.last;
    bool whole = sink->complete && last->state.size > 0;
    if (!found) {
        TRY(whole ? state_restore(sink, err) : state_new(sink, err));
    } else if (sink->memory.found && strcmp(last->owner, sink->state.owner) != 0) {
        return memory_lost(&sink->memory, err);
    } else if (!sink->memory.found) {
        TRY(memory_put(&sink->memory, &sink->state, (Slice){0}, err));
    }
    if (sink->complete && !whole) { // from now on
        TRY(lake_own_tables(&sink->lake, note_visit, &sink->memory, err));
    }
    // What is not remembered yet is read again, and passed over: the journal begins below it.
    bool behind = whole && last->sequence < sink->state.sequence;
    sink->cut = sink->committed = sink->pin = behind ? 0 : sink->state.log;
    // The offsets in the tables hold for a journal that is the same, however old the state here is.
    bool same = sink->journal_id != NULL && strcmp(sink->state.owner, sink->journal_id) == 0;
    sink->lake.epoch_max = same ? UINT64_MAX : sink->state.epoch;
    return aside_load(&sink->aside, arena_printf(sink->run, "%s/aside.json", sink->state_directory), err);
}

static bool maintain_open(IcebergSink *sink, const SinkContext *context, Err *err) {
    // A connector's tables may be anybody's: that their snapshots and files go must have been asked for.
    bool on = strcmp(sink->options.maintenance, "on") == 0, off = strcmp(sink->options.maintenance, "off") == 0;
    MaintainContext wanted = {.places = places_of(sink, context, sink->run),
                              .options = &sink->options,
                              .state_directory = sink->state_directory,
                              .memory_bytes_max = context->memory_bytes_max,
                              .interval_us = sink->pace.interval_us,
                              .by_itself = context->records != NULL ? on : !off};
    wanted.places.owner = arena_printf(sink->run, "%s--maintenance", context->pipeline);
    wanted.places.staging_directory = arena_printf(sink->run, "%s/staging-maintenance", context->state_directory);
    return maintain_start(&wanted, &sink->maintain, err);
}

static bool iceberg_open(const SinkContext *context, void **state, Err *err) {
    IcebergSink *sink = sink_new(context);
    if (!places_open(sink, context, err) || !state_open(sink, err) || !maintain_open(sink, context, err)) {
        iceberg_close(sink);
        return err_frame(err, __FILE__, __LINE__);
    }
    catalog_on_wait(sink->lake.catalog, context->waits, context->waits_context);
    if (context->records != NULL) {
        ASSERT(context->rules != NULL);
        sink->records = record_sink_new(&sink->lake, context->rules, context->records, &sink->tables);
    }
    *state = sink;
    return true;
}

static LogPosition iceberg_start(void *state) {
    return ((const IcebergSink *)state)->committed;
}

static LogPosition iceberg_pin(void *state) {
    return ((const IcebergSink *)state)->pin;
}

// --- commits ---------------------------------------------------------------------------------------------------

static bool state_save(IcebergSink *sink, Err *err) {
    sink->state.log = sink->committed;
    sink->state.sequence = sink->last.log == sink->committed ? sink->last.sequence : sink->state.sequence;
    sink->state.epoch = sink->last.epoch;
    return lake_state_save(sink->state_directory, &sink->state, err);
}

// All below the last cut is in the tables, and that is told.
static bool state_advance(IcebergSink *sink, Err *err) {
    sink->committed = sink->cut;
    TRY(state_save(sink, err));
    CRASH_POINT("lake.state_saved");
    if (sink->complete && sink->reader != NULL) {
        DEFER(buf_release) Buf journal = {0};
        journal_reader_state(sink->reader, &journal);
        TRY(memory_put(&sink->memory, &sink->state, buf_slice(&journal), err));
        CRASH_POINT("lake.remembered");
    }
    sink->pin = sink->committed;
    sink->saved_us = clock_monotonic_us();
    return true;
}

static bool tables_commit(IcebergSink *sink, Arena *arena, Err *err) {
    TRY(lake_tables_commit(&sink->lake, &sink->memory, &sink->tables, &sink->last, arena, err));
    sink->published_ms = (uint64_t)(clock_wall_us() / 1000);
    return true;
}

static bool offsets_save(IcebergSink *sink, Err *err) {
    return sink->records == NULL || record_sink_save(sink->records, sink->state_directory, err);
}

// --- maintenance -----------------------------------------------------------------------------------------------

static bool maintain_may(const IcebergSink *sink) {
    bool compared = sink->held || sink->lake.watched; // places of rows must stay
    return sink->maintain != NULL && sink->last.log != 0 && !sink->open_group && !compared;
}

// Far behind, all of the machine is for catching up, and what is joined now would be again soon; but for what was there
// when the sink was opened: a run may be nothing but a backlog.
static void maintain_offers(IcebergSink *sink) {
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        LakeTable *table = e->value;
        const LakeUpkeep *upkeep = &table->upkeep;
        bool later = pace_far_behind(&sink->pace) && !upkeep->again && upkeep->files < FILES_ENOUGH;
        if (!later && !table->adopting) { // what was there before must be told from what came since
            maintain_offer(sink->maintain, table);
        }
    }
}

// Nothing is pending: what has been compacted takes its place, in a commit of its own, and more is asked for.
static bool maintain_commit(IcebergSink *sink, Arena *arena, Err *err) {
    if (!maintain_may(sink)) {
        return true;
    }
    if (maintain_ready(sink->maintain)) {
        CRASH_POINT("lake.compacted.ready");
        TRY(tables_commit(sink, arena, err));
        CRASH_POINT("lake.compacted.committed");
        maintain_handed(sink->maintain);
    }
    maintain_offers(sink);
    maintain_hand(sink->maintain, &sink->tables);
    return true;
}

static bool commit(IcebergSink *sink, Err *err);

// What maintenance has committed by itself is remembered, in an idle sink, too.
static bool moved_remember(IcebergSink *sink, Err *err) {
    bool some = false;
    TRY(maintain_note_moved(sink->maintain, &sink->lake, &sink->memory, &some, err));
    const Remembered *last = &sink->memory.last; // until a cut has come, what it says of the journal holds
    if (!some || !sink->complete || sink->pace.dirty || sink->reader != NULL) {
        return !some || !sink->complete || sink->pace.dirty || state_advance(sink, err); // dirty: with the next commit
    }
    bool same = last->state.size > 0 && last->sequence == sink->state.sequence && last->epoch == sink->state.epoch;
    return !same || memory_put(&sink->memory, &sink->state, last->state, err);
}

// Between transactions; where nothing else is to be committed, what waits is.
static bool maintain_step(IcebergSink *sink, Err *err) {
    if (sink->maintain == NULL || sink->open_group) {
        return true;
    }
    TRY(maintain_keys(sink->maintain, err));
    TRY(moved_remember(sink, err));
    bool later = sink->pace.dirty || sink->held || sink->lake.watched;
    if (!later) {
        maintain_hand(sink->maintain, &sink->tables);
    }
    if (!later && maintain_may(sink)) {
        maintain_offers(sink); // of tables that rest
    }
    return later || maintain_state(sink->maintain) != MAINTAIN_WAITS || commit(sink, err);
}

// What has been begun is worth its end: the next run goes on from fewer files, and the index is of use to it.
static bool maintain_end(IcebergSink *sink, Err *err) {
    if (sink->maintain == NULL || sink->held || sink->lake.watched) {
        return true;
    }
    maintain_hurry(sink->maintain);
    bool ok = true;
    for (MaintainState state; ok && (state = maintain_state(sink->maintain)) != MAINTAIN_IDLE;) {
        ok = maintain_step(sink, err);
        if (state == MAINTAIN_AT_WORK) {
            clock_sleep_us(MAINTAIN_LOOK_US);
        }
    }
    maintain_calm(sink->maintain);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// What stands in the tables counts when somebody else has written to one of them: all is taken again from there.
static bool commit(IcebergSink *sink, Err *err) {
    int64_t began_us = clock_monotonic_us();
    Arena arena[1];
    arena_init(arena, "batch", 0);
    bool ok = (!sink->pace.dirty || tables_commit(sink, arena, err)) && maintain_commit(sink, arena, err);
    arena_release(arena);
    if (!ok && (err->code == ERR_CHANGED || err->code == ERR_NOT_FOUND)) {
        err->code = ERR_NET_BUSY; // transient: the sink is opened again
    }
    TRY(ok);
    TRY(offsets_save(sink, err));
    TRY(state_advance(sink, err));
    pace_committed(&sink->pace, began_us, clock_monotonic_us());
    return true;
}

// --- taking ----------------------------------------------------------------------------------------------------

// NULL: it was set aside.
static bool table_of(IcebergSink *sink, const JournalEntry *entry, LakeTable **table, Err *err) {
    *table = map_find(&sink->tables, entry->topic->name);
    if (UNLIKELY(*table == NULL)) {
        TRY(aside_table_open(&sink->lake, &sink->aside, entry, table, err) ||
            aside_table_put(&sink->lake, &sink->aside, entry, NULL, err));
        if (*table != NULL) {
            map_put(&sink->tables, entry->topic->name, *table);
        }
    }
    return true;
}

// Past its memory, the largest gives what it holds to the disk.
static bool memory_mind(IcebergSink *sink, Err *err) {
    size_t held = 0, most = 0;
    LakeTable *largest = NULL;
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        size_t its = lake_table_held(e->value);
        held += its;
        largest = its > most ? e->value : largest;
        most = MAX(most, its);
    }
    return held < sink->lake.memory_bytes_max || largest == NULL || lake_table_spill(largest, err);
}

static void paced(IcebergSink *sink, const Event *event) {
    int64_t now_us = sink->pace.dirty ? 0 : clock_monotonic_us();
    pace_event(&sink->pace, event->source_us, event->op == OP_READ, now_us);
}

static bool records_take(IcebergSink *sink, const JournalEntry *entry, Err *err) {
    bool touched = false;
    sink->open_group = true;
    TRY(record_sink_take(sink->records, entry, &touched, err));
    if (touched) {
        paced(sink, entry->event);
    }
    return !touched || sink->lake.events % 1024 != 0 || memory_mind(sink, err);
}

// What it has of the open commit is dropped: it stays where it was.
static bool table_leave(IcebergSink *sink, const JournalEntry *entry, LakeTable *table, Err *err) {
    maintain_forget(sink->maintain, table);
    TRY(aside_table_put(&sink->lake, &sink->aside, entry, table, err));
    (void)map_remove(&sink->tables, entry->topic->name);
    return true;
}

static bool event_take(IcebergSink *sink, const JournalEntry *entry, Err *err) {
    LakeTable *table;
    if (sink->records != NULL) {
        return records_take(sink, entry, err);
    }
    TRY(table_of(sink, entry, &table, err));
    if (table == NULL || entry->offset < table->committed) {
        return true;
    }
    paced(sink, entry->event);
    sink->open_group = true;
    if (UNLIKELY(!lake_table_take(table, entry, err))) {
        return table_leave(sink, entry, table, err);
    }
    return sink->lake.events % 1024 != 0 || memory_mind(sink, err);
}

static bool due(const IcebergSink *sink) {
    return sink->pace.dirty && !sink->held && pace_wait(&sink->pace, clock_monotonic_us()) <= 0;
}

// The source has been read whole, and all of that was taken.
static bool all_read(const IcebergSink *sink) {
    LogPosition read = sink->read_below != NULL ? *sink->read_below : 0;
    return read != 0 && !sink->open_group && sink->cut >= read;
}

// Tables that were taken over lose what the source has not.
static bool sweep(IcebergSink *sink) {
    bool any = false;
    if (!all_read(sink)) {
        return false;
    }
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        LakeTable *table = e->value;
        if (table->adopting) {
            adopt_sweep(table);
            any = true;
        }
    }
    sink->pace.dirty |= any;
    return any;
}

static bool cut_take(IcebergSink *sink, const JournalEntry *entry, Err *err) {
    sink->cut = entry->next;
    sink->reader = entry->reader;
    sink->open_group = false;
    Slice position = position_slice(entry->position);
    memcpy(sink->position, position.data, position.size);
    sink->last = (LakeCut){.position = {sink->position, position.size},
                           .epoch = entry->epoch,
                           .log = entry->next,
                           .sequence = entry->cut_sequence,
                           .cut_ms = entry->cut_ms};
    if (sink->last.epoch != sink->state.epoch) { // before any table has a commit of it
        TRY(state_save(sink, err));
    }
    if (UNLIKELY(aside_alone(&sink->aside))) { // what was passed over is not let go of before it is decided
        return !all_read(sink) || aside_refuse(&sink->aside, err);
    }
    bool swept = sweep(sink);
    pace_cut(&sink->pace, clock_monotonic_us(), clock_wall_us());
    if (sink->pace.dirty && (swept || due(sink))) {
        TRY(commit(sink, err));
        return maintain_step(sink, err);
    }
    TRY(maintain_step(sink, err));
    if (sink->pace.dirty) {
        return true;
    }
    int64_t wait = sink->complete ? MAX(STATE_SAVE_US, sink->pace.interval_us) : STATE_SAVE_US;
    bool late = clock_monotonic_us() - sink->saved_us > wait;
    return !late || (offsets_save(sink, err) && state_advance(sink, err));
}

static bool settled(IcebergSink *sink, bool ok, Err *err) {
    if (UNLIKELY(!ok)) { // only what stands in the tables counts: the sink is closed and opened again
        err->code = err->code == ERR_CHANGED ? ERR_NET_BUSY : err->code; // transient: what somebody else did stands
        sink->broken = true;
        sink->error = *err;
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

static bool usable(const IcebergSink *sink, Err *err) {
    if (UNLIKELY(sink->broken)) {
        *err = sink->error;
        return false;
    }
    return true;
}

static bool iceberg_take(void *state, const JournalEntry *entry, Err *err) {
    IcebergSink *sink = state;
    TRY(usable(sink, err));
    switch (entry->kind) {
    case JOURNAL_EVENT:
        return settled(sink, event_take(sink, entry, err), err);
    case JOURNAL_CUT:
        return settled(sink, cut_take(sink, entry, err), err);
    case JOURNAL_SCHEMA:
    case JOURNAL_END:
        return true;
    }
    UNREACHABLE();
}

// The next start finds the indexes as it left them.
static bool indexes_save(IcebergSink *sink, Err *err) {
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        TRY(index_save(e->value, false, err));
    }
    return true;
}

static bool flush(IcebergSink *sink, Err *err) {
    TRY(!aside_alone(&sink->aside) || aside_refuse(&sink->aside, err));
    (void)sweep(sink);
    TRY((!sink->pace.dirty && sink->pin == sink->cut) || commit(sink, err));
    TRY(maintain_end(sink, err));
    return indexes_save(sink, err);
}

static bool iceberg_flush(void *state, Err *err) {
    IcebergSink *sink = state;
    TRY(usable(sink, err));
    if (sink->open_group || sink->cut == 0) {
        return true; // the next cut is near
    }
    return settled(sink, flush(sink, err), err);
}

static bool iceberg_tick(void *state, int64_t *next_ms, Err *err) {
    IcebergSink *sink = state;
    TRY(usable(sink, err));
    *next_ms = -1;
    if (UNLIKELY(aside_alone(&sink->aside))) {
        return settled(sink, !all_read(sink) || aside_refuse(&sink->aside, err), err);
    }
    if (sweep(sink)) {
        return settled(sink, commit(sink, err), err);
    }
    if (sink->open_group) {
        return true;
    }
    int64_t wait = pace_end(&sink->pace, clock_monotonic_us());
    wait = sink->held ? INT64_C(1) << 40 : wait;
    if (due(sink)) {
        TRY(settled(sink, commit(sink, err), err));
    }
    TRY(settled(sink, maintain_step(sink, err), err));
    *next_ms = sink->pace.dirty ? MAX(wait, 0) / 1000 + 1 : -1;
    if (sink->maintain != NULL && !sink->held && maintain_state(sink->maintain) != MAINTAIN_IDLE) {
        *next_ms = sink->pace.dirty ? MIN(*next_ms, MAINTAIN_LOOK_MS) : MAINTAIN_LOOK_MS;
    }
    return true;
}

static void iceberg_stats(void *state, SinkStats *stats) {
    const IcebergSink *sink = state;
    *stats = (SinkStats){.events = sink->lake.events,
                         .bytes = sink->lake.bytes,
                         .files = sink->lake.files,
                         .commits = sink->lake.commits,
                         .published_ms = sink->published_ms};
    aside_say(&sink->aside, stats->trouble, sizeof(stats->trouble));
    lake_io_usage(sink->lake.io, &stats->requests);
}

static void iceberg_tables(void *state, SinkTableVisit visit, void *context) {
    aside_tables(&((const IcebergSink *)state)->tables, &((const IcebergSink *)state)->aside, visit, context);
}

// --- comparisons -----------------------------------------------------------------------------------------------

static bool iceberg_hold(void *state, Err *err) {
    IcebergSink *sink = state;
    TRY(usable(sink, err));
    sink->held = true;
    return true;
}

// What was taken, also of a group whose cut is still to come: the tables know by their offsets what they have.
static bool commit_taken(IcebergSink *sink, Err *err) {
    if (sink->last.epoch == 0) { // no cut has come yet
        sink->last.epoch = sink->state.epoch;
    }
    return !sink->pace.dirty || commit(sink, err);
}

// Tables that somebody else has written to are opened again with their next event. Nothing is pending in any.
static bool tables_follow(IcebergSink *sink, Err *err) {
    DEFER(arena_release) Arena scratch;
    arena_init(&scratch, "scratch", 0);
    Slice *gone = ARENA_ARRAY(sink->scratch, Slice, sink->tables.count);
    size_t count = 0;
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        LakeTable *table = e->value;
        bool same = false;
        TRY(lake_table_same(table, &scratch, &same, err));
        if (!same) {
            gone[count++] = table->topic;
        }
        arena_reset(&scratch);
    }
    for (size_t i = 0; i < count; i++) {
        LakeTable *table = map_remove(&sink->tables, gone[i]);
        log_warn(LOG_SINK, "a table was changed by somebody else: it is opened again",
                 LOG_SLICE("table", table->name.table));
        maintain_forget(sink->maintain, table);
        lake_table_close(table);
    }
    return true;
}

static bool commit_at(IcebergSink *sink, const char *tag, Err *err) {
    TRY(commit_taken(sink, err));
    CRASH_POINT("lake.committed_at");
    TRY(tables_follow(sink, err) && lake_tag(&sink->lake, &sink->tables, tag, err));
    lake_watch(&sink->lake, &sink->tables);
    sink->held = false;
    return true;
}

static bool iceberg_commit_at(void *state, const Position *at, const char *tag, bool *done, Err *err) {
    IcebergSink *sink = state;
    TRY(usable(sink, err));
    *done = true;
    return settled(sink, commit_at(sink, tag, err), err);
}

static bool iceberg_release(void *state, const char *tag, Err *err) {
    IcebergSink *sink = state;
    sink->held = false;
    lake_unwatch(&sink->lake, &sink->tables);
    TRY(usable(sink, err));
    return settled(sink, tag == NULL || lake_untag(&sink->lake, &sink->tables, tag, err), err);
}

static bool repair(IcebergSink *sink, const char *corrections, SinkRepair *done, Err *err) {
    TRY(lake_repair(&sink->lake, &sink->tables, corrections, done, err));
    if (done->put + done->removed == 0) {
        return true;
    }
    sink->pace.dirty = true;
    return sink->open_group || commit_taken(sink, err); // else with the group's commit
}

static bool iceberg_repair(void *state, const char *corrections, SinkRepair *done, Err *err) {
    IcebergSink *sink = state;
    TRY(usable(sink, err));
    return settled(sink, repair(sink, corrections, done, err), err);
}

// --- without a run ---------------------------------------------------------------------------------------------

static bool iceberg_reset(const SinkContext *context, SinkReset *topics, size_t count, bool dry_run, Err *err) {
    FAIL(err, ERR_OPTION, "the offsets of a lake cannot be reset: its tables hold rows, not records");
    return err_hint(err, "read a table again: leat resync; or take an older snapshot back: leat table rollback");
}

static bool iceberg_offsets(const SinkContext *context, Arena *arena, SinkOffset **offsets, size_t *count, Err *err) {
    return record_sink_offsets(context->state_directory, arena, offsets, count, err);
}

static bool purge_visit(void *context, TableName name, const CatalogTable *found, const TableMetadata *metadata,
                        Err *err) {
    IcebergSink *sink = context;
    return catalog_driver(sink->lake.catalog)->drop(catalog_state(sink->lake.catalog), name, true, err);
}

static bool checkpoint_make(IcebergSink *sink, const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint,
                            Err *err) {
    bool found = false, known = places_exist(sink, context);
    TRY(lake_state_load(sink->state_directory, &sink->state, &found, err));
    TRY(known ? places_open(sink, context, err) : files_open(sink, context, err));
    TRY(memory_open(&sink->memory, &sink->lake, err));
    const Remembered *last = &sink->memory.last;
    bool same = found && strcmp(sink->state.owner, last->owner) == 0;
    if (sink->memory.found && sink->complete && last->state.size > 0 &&
        (!same || last->sequence > sink->state.sequence)) {
        *checkpoint = (SinkCheckpoint){.ahead = true, .epoch = last->epoch, .state = arena_slice(arena, last->state)};
        return true;
    }
    if (sink->memory.found && !same && sink->options.adopt[0] == '\0') {
        return memory_lost(&sink->memory, err);
    }
    return !found || !known || lake_floors(&sink->lake, &sink->state, arena, checkpoint, err);
}

static bool iceberg_checkpoint(const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint, Err *err) {
    *checkpoint = (SinkCheckpoint){0};
    IcebergSink *sink = sink_new(context);
    bool ok = checkpoint_make(sink, context, arena, checkpoint, err);
    iceberg_close(sink);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// Without `purge_data` the tables stay, and the catalog knows them.
static bool remove_all(IcebergSink *sink, const SinkContext *context, bool purge_data, Err *err) {
    bool found = false;
    TRY(lake_state_load(sink->state_directory, &sink->state, &found, err));
    if (!places_exist(sink, context)) {
        return true;
    }
    TRY(places_open(sink, context, err));
    TRY(memory_open(&sink->memory, &sink->lake, err));
    TRY(memory_remove(&sink->memory, err));
    return !purge_data || lake_own_tables(&sink->lake, purge_visit, sink, err);
}

static bool iceberg_remove(const SinkContext *context, bool purge_data, Err *err) {
    IcebergSink *sink = sink_new(context);
    bool ok = remove_all(sink, context, purge_data, err);
    iceberg_close(sink);
    return ok || err_frame(err, __FILE__, __LINE__);
}

const SinkDriver ICEBERG_SINK = {
    .name = "iceberg",
    .options = &ICEBERG_OPTIONS,
    .comments = true,
    .pace_us = 20000,
    .accepts = iceberg_accepts,
    .probe = iceberg_probe,
    .checkpoint = iceberg_checkpoint,
    .open = iceberg_open,
    .close = iceberg_close,
    .start = iceberg_start,
    .take = iceberg_take,
    .flush = iceberg_flush,
    .tick = iceberg_tick,
    .pin = iceberg_pin,
    .stats = iceberg_stats,
    .tables = iceberg_tables,
    .reset = iceberg_reset,
    .offsets = iceberg_offsets,
    .remove = iceberg_remove,
    .hold = iceberg_hold,
    .commit_at = iceberg_commit_at,
    .release = iceberg_release,
    .repair = iceberg_repair,
    .compare_open = lake_compare_open,
    .compare_table = lake_compare_table,
    .compare_map = lake_compare_map,
    .compare_rows = lake_compare_rows,
    .compare_table_close = lake_compare_table_close,
    .compare_close = lake_compare_close,
};
