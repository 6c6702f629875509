// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/iceberg/iceberg.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/random.h"
#include "flow/sink/iceberg/places.h"
#include "flow/sink/iceberg/rebuild.h"
#include "flow/sink/iceberg/state.h"
#include "flow/sink/iceberg/table.h"
#include "storage/store/local/local.h"

#define STATE_SAVE_US (5 * 1000000) // while nothing is committed: how long the pin may lag behind
#define PATIENCE_MS   (60 * 1000)   // with a catalog that is away, before the pump says so and tries again

typedef struct IcebergSink {
    LakeOptions options;
    Lake lake;
    Arena run[1];
    Arena scratch[1];
    char *state_directory;
    Map tables;            // by topic: LakeTable
    LogPosition cut;       // behind the last one taken
    LogPosition committed; // all below is in the tables
    LakeState state;       // as it is on disk
    LakeCut last;          // the last cut
    uint8_t position[POSITION_BYTES_MAX];
    bool open_group; // events since the last cut
    bool dirty;      // something since the last commit
    int64_t dirty_us, saved_us;
    int64_t interval_us, commit_us; // wanted between commits; what the last one took
    uint64_t published_ms;
    bool broken;
    Err error;
} IcebergSink;

// --- places ----------------------------------------------------------------------------------------------------

static bool is_catalog_url(const char *url) {
    return strncmp(url, "iceberg+", strlen("iceberg+")) == 0;
}

static bool iceberg_accepts(const char *url) {
    return is_catalog_url(url) || LOCAL_STORE.accepts(url) || S3_STORE.accepts(url);
}

static LakePlaces places_of(const IcebergSink *sink, const SinkContext *context, Arena *arena) {
    return (LakePlaces){.url = context->url,
                        .catalog = sink->options.catalog,
                        .data_directory = context->data_directory,
                        .owner = context->pipeline,
                        .staging_directory = arena_printf(arena, "%s/staging", context->state_directory),
                        .s3 = &sink->options.s3};
}

static bool places_exist(IcebergSink *sink, const SinkContext *context) {
    LakePlaces places = places_of(sink, context, sink->run);
    return lake_places_exist(&places);
}

static bool places_open(IcebergSink *sink, const SinkContext *context, Err *err) {
    LakePlaces places = places_of(sink, context, sink->run);
    return lake_places_open(&places, sink->run, &sink->lake.io, &sink->lake.catalog, err);
}

static bool iceberg_probe(const SinkContext *context, Err *err) {
    if (is_catalog_url(context->url)) {
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
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        lake_table_close(e->value);
    }
    map_release(&sink->tables);
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

static int64_t interval_us(const LakeOptions *options, const char *url) {
    bool local = LOCAL_STORE.accepts(url);
    return (options->freshness_ms > 0 ? options->freshness_ms : local ? 1000 : 60 * 1000) * 1000;
}

static IcebergSink *sink_new(const SinkContext *context) {
    IcebergSink *sink = calloc(1, sizeof(*sink));
    ASSERT(sink != NULL);
    arena_init(sink->run, "run", 0);
    arena_init(sink->scratch, "scratch", 0);
    sink->options = *(const LakeOptions *)context->options;
    sink->state_directory = arena_printf(sink->run, "%s", context->state_directory);
    sink->interval_us = interval_us(&sink->options, context->url);
    sink->lake = (Lake){.options = &sink->options,
                        .pipeline = arena_printf(sink->run, "%s", context->pipeline),
                        .owner = sink->state.owner,
                        .state_directory = sink->state_directory,
                        .memory_bytes_max = context->memory_bytes_max,
                        .scratch = sink->scratch,
                        .append = strcmp(sink->options.mode, "append") == 0};
    return sink;
}

static bool state_open(IcebergSink *sink, Err *err) {
    bool found = false;
    TRY(lake_state_load(sink->state_directory, &sink->state, &found, err));
    if (!found) { // the owner is durable before a table has it
        snprintf(sink->state.owner, sizeof(sink->state.owner), "%016" PRIx64, random_number());
        TRY(lake_state_save(sink->state_directory, &sink->state, err));
    }
    sink->cut = sink->committed = sink->state.log;
    return true;
}

static bool iceberg_open(const SinkContext *context, void **state, Err *err) {
    IcebergSink *sink = sink_new(context);
    if (!state_open(sink, err) || !places_open(sink, context, err)) {
        iceberg_close(sink);
        return err_frame(err, __FILE__, __LINE__);
    }
    *state = sink;
    return true;
}

static LogPosition iceberg_start(void *state) {
    return ((const IcebergSink *)state)->committed;
}

static LogPosition iceberg_pin(void *state) {
    return ((const IcebergSink *)state)->state.log;
}

// --- commits ---------------------------------------------------------------------------------------------------

static bool state_save(IcebergSink *sink, Err *err) {
    sink->state.log = sink->committed;
    sink->state.epoch = sink->last.epoch;
    TRY(lake_state_save(sink->state_directory, &sink->state, err));
    sink->saved_us = clock_monotonic_us();
    return true;
}

typedef struct Touched {
    LakeTable *table;
    SnapshotWork work;
    SnapshotMade made;
    TableUpdate updates[3];
    TableRequirement requirements[2];
    Property offset[2];
} Touched;

// Says of each snapshot which one is written last by a catalog that writes table by table: where that one is missing,
// the commit never was (lake/catalog/rebuild.h).
static void last_note(Touched *touched, const Touched *last, Arena *arena) {
    SnapshotWork *work = &touched->work;
    Property *summary = ARENA_ARRAY(arena, Property, work->summary_count + 1);
    memcpy(summary, work->summary, work->summary_count * sizeof(Property));
    summary[work->summary_count] =
        (Property){SLICE("leat.commit-last"),
                   slice_of(arena_printf(arena, "%.*s/%" PRId64, SLICE_ARG(table_metadata(last->table->table)->uuid),
                                         last->work.snapshot_id))};
    work->summary = summary;
    work->summary_count++;
}

// The snapshot, and beside it the offset as a property, which outlives it.
static bool commit_make(IcebergSink *sink, Touched *touched, CatalogCommit *commit, Arena *arena, Err *err) {
    LakeTable *table = touched->table;
    TRY(table_make_snapshot(table->table, &touched->work, arena, &touched->made, err));
    touched->updates[0] = touched->made.updates[0];
    touched->updates[1] = touched->made.updates[1];
    touched->offset[0] = (Property){SLICE("leat.offset"), slice_of(arena_printf(arena, "%" PRIu64, table->next))};
    touched->offset[1] = (Property){SLICE("leat.epoch"), slice_of(arena_printf(arena, "%" PRIu64, sink->last.epoch))};
    touched->updates[2] = (TableUpdate){.action = UPDATE_SET_PROPERTIES, .properties = touched->offset, .count = 2};
    memcpy(touched->requirements, touched->made.requirements, sizeof(touched->requirements));
    *commit = (CatalogCommit){.name = table->name, .change = {touched->requirements, 2, touched->updates, 3}};
    return true;
}

static bool tables_touch(IcebergSink *sink, Touched *touched, size_t *count, Err *err) {
    for (MapEntry *e = NULL; (e = map_next(&sink->tables, e)) != NULL;) {
        LakeTable *table = e->value;
        bool none = false;
        Touched *next = &touched[*count];
        next->table = table;
        TRY(lake_table_prepare(table, &sink->last, &next->work, &none, err));
        if (none) {
            TRY(lake_table_done(table, NULL, err));
        } else {
            (*count)++;
        }
    }
    return true;
}

static bool after_load(IcebergSink *sink, CatalogCommit *commit, Arena *arena, Err *err) {
    return commit->after.metadata_json.size > 0 ||
           catalog_load(sink->lake.catalog, commit->name, arena, &commit->after, err);
}

static bool tables_commit(IcebergSink *sink, Arena *arena, Err *err) {
    Touched *touched = ARENA_ARRAY(arena, Touched, sink->tables.count);
    size_t count = 0;
    TRY(tables_touch(sink, touched, &count, err));
    if (count == 0) {
        return true;
    }
    CRASH_POINT("lake.files_written");
    CatalogCommit *commits = ARENA_ARRAY(arena, CatalogCommit, count);
    for (size_t i = 0; i < count; i++) {
        if (count > 1) {
            last_note(&touched[i], &touched[count - 1], arena);
        }
        TRY(commit_make(sink, &touched[i], &commits[i], arena, err));
    }
    CRASH_POINT("lake.manifests_written");
    TRY(catalog_commit(sink->lake.catalog, commits, count, PATIENCE_MS, arena, err));
    CRASH_POINT("lake.committed");
    for (size_t i = 0; i < count; i++) {
        TRY(after_load(sink, &commits[i], arena, err));
        TRY(lake_table_done(touched[i].table, &commits[i], err));
    }
    sink->published_ms = (uint64_t)(clock_wall_us() / 1000);
    return true;
}

// What stands in the tables counts when somebody else has written to one of them: all is taken again from there.
static bool commit(IcebergSink *sink, Err *err) {
    int64_t began_us = clock_monotonic_us();
    Arena arena[1];
    arena_init(arena, "batch", 0);
    bool ok = !sink->dirty || tables_commit(sink, arena, err);
    arena_release(arena);
    if (!ok && err->code == ERR_CHANGED) {
        err->code = ERR_NET_BUSY; // transient: the sink is opened again
    }
    TRY(ok);
    sink->dirty = false;
    sink->committed = sink->cut;
    TRY(state_save(sink, err));
    CRASH_POINT("lake.state_saved");
    sink->commit_us = clock_monotonic_us() - began_us;
    return true;
}

// --- taking ----------------------------------------------------------------------------------------------------

static bool table_of(IcebergSink *sink, const JournalEntry *entry, LakeTable **table, Err *err) {
    *table = map_find(&sink->tables, entry->topic->name);
    if (UNLIKELY(*table == NULL)) {
        TRY(lake_table_open(&sink->lake, entry->topic->name, entry->schema, table, err));
        map_put(&sink->tables, entry->topic->name, *table);
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

static bool event_take(IcebergSink *sink, const JournalEntry *entry, Err *err) {
    LakeTable *table;
    TRY(table_of(sink, entry, &table, err));
    if (entry->offset < table->committed) {
        return true;
    }
    if (!sink->dirty) {
        sink->dirty = true;
        sink->dirty_us = clock_monotonic_us();
    }
    sink->open_group = true;
    TRY(lake_table_take(table, entry, err));
    return sink->lake.events % 1024 != 0 || memory_mind(sink, err);
}

static int64_t wait_us(const IcebergSink *sink) {
    int64_t interval = MAX(sink->interval_us, 2 * sink->commit_us); // a slow catalog is not asked without end
    return sink->dirty_us + interval - clock_monotonic_us();
}

static bool cut_take(IcebergSink *sink, const JournalEntry *entry, Err *err) {
    sink->cut = entry->next;
    sink->open_group = false;
    Slice position = position_slice(entry->position);
    memcpy(sink->position, position.data, position.size);
    sink->last = (LakeCut){.position = {sink->position, position.size},
                           .epoch = entry->epoch,
                           .log = entry->next,
                           .cut_ms = entry->cut_ms};
    if (sink->last.epoch != sink->state.epoch) { // before any table has a commit of it
        TRY(state_save(sink, err));
    }
    if (sink->dirty) {
        return wait_us(sink) > 0 || commit(sink, err);
    }
    sink->committed = sink->cut;
    bool late = clock_monotonic_us() - sink->saved_us > STATE_SAVE_US;
    return !late || state_save(sink, err);
}

static bool settled(IcebergSink *sink, bool ok, Err *err) {
    if (UNLIKELY(!ok)) { // only what stands in the tables counts: the sink is closed and opened again
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
    TRY((!sink->dirty && sink->state.log == sink->cut) || commit(sink, err));
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
    if (!sink->dirty || sink->open_group) {
        return true;
    }
    int64_t wait = wait_us(sink);
    if (wait <= 0) {
        return settled(sink, commit(sink, err), err);
    }
    *next_ms = wait / 1000 + 1;
    return true;
}

static void iceberg_stats(void *state, SinkStats *stats) {
    const IcebergSink *sink = state;
    *stats = (SinkStats){.events = sink->lake.events,
                         .bytes = sink->lake.bytes,
                         .files = sink->lake.files,
                         .published_ms = sink->published_ms};
    lake_io_usage(sink->lake.io, &stats->requests);
}

// --- without a run ---------------------------------------------------------------------------------------------

static bool iceberg_reset(const SinkContext *context, SinkReset *topics, size_t count, bool dry_run, Err *err) {
    FAIL(err, ERR_OPTION, "the offsets of a lake cannot be reset: its tables hold rows, not records");
    return err_hint(err, "read a table again: leat resync; or take an older snapshot back: leat table rollback");
}

static bool iceberg_offsets(const SinkContext *context, Arena *arena, SinkOffset **offsets, size_t *count, Err *err) {
    *offsets = NULL;
    *count = 0;
    return true;
}

// The tables that this pipeline has made.
static bool own_tables(IcebergSink *sink,
                       bool (*visit)(IcebergSink *sink, TableName name, const TableMetadata *metadata, void *context,
                                     Err *err),
                       void *context, Err *err) {
    const CatalogDriver *driver = catalog_driver(sink->lake.catalog);
    void *catalog = catalog_state(sink->lake.catalog);
    Slice *spaces, *tables;
    size_t space_count, count;
    TRY(driver->spaces(catalog, (Slice){0}, sink->run, &spaces, &space_count, err));
    for (size_t i = 0; i < space_count; i++) {
        TRY(driver->tables(catalog, spaces[i], sink->run, &tables, &count, err));
        for (size_t j = 0; j < count; j++) {
            TableName name = {spaces[i], tables[j]};
            CatalogTable found;
            TableMetadata metadata;
            arena_reset(sink->scratch);
            TRY(catalog_load(sink->lake.catalog, name, sink->scratch, &found, err));
            TRY(table_metadata_parse(found.metadata_json, sink->scratch, &metadata, err));
            bool ours = slice_is(table_property(&metadata, "leat.pipeline"), sink->lake.pipeline);
            TRY(!ours || visit(sink, name, &metadata, context, err));
        }
    }
    return true;
}

static bool purge_visit(IcebergSink *sink, TableName name, const TableMetadata *metadata, void *context, Err *err) {
    const CatalogDriver *driver = catalog_driver(sink->lake.catalog);
    return driver->drop(catalog_state(sink->lake.catalog), name, true, err);
}

typedef struct Floors {
    Arena *arena;
    Buf floors; // JournalFloor
    uint64_t epoch;
} Floors;

static bool floor_visit(IcebergSink *sink, TableName name, const TableMetadata *metadata, void *context, Err *err) {
    Floors *floors = context;
    Slice owner = table_property(metadata, "leat.owner"), topic = table_property(metadata, "leat.topic");
    if (!slice_is(owner, sink->state.owner) || topic.size == 0) {
        return true; // said when the table is opened
    }
    JournalFloor floor = {arena_slice(floors->arena, topic), lake_number(table_property(metadata, "leat.offset"))};
    buf_bytes(&floors->floors, &floor, sizeof(floor));
    floors->epoch = MAX(floors->epoch, lake_number(table_property(metadata, "leat.epoch")));
    return true;
}

// An older copy of a data directory would give offsets out again that the tables have.
static bool checkpoint_make(IcebergSink *sink, const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint,
                            Err *err) {
    bool found = false;
    TRY(lake_state_load(sink->state_directory, &sink->state, &found, err));
    if (!found || !places_exist(sink, context)) {
        return true;
    }
    TRY(places_open(sink, context, err));
    Floors floors = {.arena = arena};
    bool ok = own_tables(sink, floor_visit, &floors, err);
    Slice all = arena_slice(arena, buf_slice(&floors.floors));
    buf_release(&floors.floors);
    *checkpoint = (SinkCheckpoint){.ahead = floors.epoch > sink->state.epoch,
                                   .epoch = floors.epoch,
                                   .floors = (const JournalFloor *)(const void *)all.data,
                                   .floor_count = all.size / sizeof(JournalFloor)};
    return ok;
}

static bool iceberg_checkpoint(const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint, Err *err) {
    *checkpoint = (SinkCheckpoint){0};
    IcebergSink *sink = sink_new(context);
    bool ok = checkpoint_make(sink, context, arena, checkpoint, err);
    iceberg_close(sink);
    return ok || err_frame(err, __FILE__, __LINE__);
}

static bool iceberg_remove(const SinkContext *context, bool purge_data, Err *err) {
    if (!purge_data) {
        return true; // the tables stay, and the catalog knows them
    }
    IcebergSink *sink = sink_new(context);
    bool ok =
        !places_exist(sink, context) || (places_open(sink, context, err) && own_tables(sink, purge_visit, NULL, err));
    iceberg_close(sink);
    return ok || err_frame(err, __FILE__, __LINE__);
}

const SinkDriver ICEBERG_SINK = {
    .name = "iceberg",
    .options = &ICEBERG_OPTIONS,
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
    .reset = iceberg_reset,
    .offsets = iceberg_offsets,
    .remove = iceberg_remove,
};
