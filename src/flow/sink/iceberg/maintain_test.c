// SPDX-License-Identifier: Apache-2.0
// The sink under a simulated clock.
#include "flow/sink/iceberg/maintain.c"

#include "core/base/test.h"
#include "flow/sink/iceberg/iceberg.h"
#include "lake/iceberg/rows.h"
#include "storage/store/fault/fault.h"
#include "storage/store/local/local.h"

enum { KEYS = 200, POWER_STEPS = 5 };

static const Column COLUMNS[] = {
    {.name = {(const uint8_t *)"id", 2}, .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY},
    {.name = {(const uint8_t *)"n", 1}, .type = {.kind = TYPE_INT64}},
};

typedef struct Feed {
    char folder[64];
    Arena arena[1];
    LakeOptions options;
    void *sink;
    JournalTopic topic;
    Schema schema;
    uint64_t offset, at;
    int64_t rows[KEYS]; // as the source has them; -1 = none
    LakeIo *io;
    Catalog *catalog;
} Feed;

static Err err[1];

static void feed_open(Feed *feed, const char *version, const char *maintenance) {
    *feed = (Feed){.at = 1};
    arena_init(feed->arena, "test", 0);
    snprintf(feed->folder, sizeof(feed->folder), "/dev/shm/leat_maintain_XXXXXX"); // thousands of syncs
    if (mkdtemp(feed->folder) == NULL) {
        test_folder(feed->folder, sizeof(feed->folder), "maintain");
    }
    for (size_t i = 0; i < KEYS; i++) {
        feed->rows[i] = -1;
    }
    const char *state = arena_printf(feed->arena, "%s/state", feed->folder);
    const char *lake = arena_printf(feed->arena, "%s/lake", feed->folder);
    CHECK_OK(file_make_directories(state, err));
    option_defaults(&ICEBERG_OPTIONS, &feed->options);
    const char *SET[][2] = {{"freshness", "30s"},
                            {"maintenance", maintenance},
                            {"maintenance.cpu", "100"},
                            {"snapshot.grace", "1m"},
                            {"format.version", version}};
    for (size_t i = 0; i < ARRAY_LEN(SET); i++) {
        CHECK_OK(option_set(&ICEBERG_OPTIONS, &feed->options, SET[i][0], SET[i][1], feed->arena, err));
    }
    SinkContext context = {.name = "out",
                           .pipeline = "clock",
                           .url = lake,
                           .state_directory = state,
                           .data_directory = feed->folder,
                           .options = &feed->options,
                           .memory_bytes_max = 32 * MIB};
    CHECK_OK(ICEBERG_SINK.open(&context, &feed->sink, err));
    feed->topic.name = SLICE("s.t");
    feed->schema = (Schema){
        .id = 1, .space = SLICE("s"), .table = SLICE("t"), .columns = COLUMNS, .column_count = ARRAY_LEN(COLUMNS)};
    LakePlaces places = {.url = lake, .data_directory = feed->folder, .owner = "test"};
    CHECK_OK(lake_places_open(&places, feed->arena, &feed->io, &feed->catalog, err));
}

static void feed_close(Feed *feed) {
    ICEBERG_SINK.close(feed->sink);
    catalog_close(feed->catalog);
    lake_io_close(feed->io);
    CHECK_OK(file_remove_tree(feed->folder, err));
    arena_release(feed->arena);
}

// Nothing fails but for want of power.
static void carried(bool ok) {
    if (!ok && fault_plan.off) {
        err_clear(err);
        return;
    }
    CHECK_OK(ok);
}

static void put(Feed *feed, int64_t id, int64_t n) {
    Value row[] = {value_int(id), value_int(n)}, key[] = {value_int(id), {.kind = VALUE_NULL}};
    bool was = feed->rows[id] >= 0;
    if (n < 0 && !was) {
        return;
    }
    Event event = {.op = n < 0 ? OP_DELETE
                         : was ? OP_UPDATE
                               : OP_CREATE,
                   .offset_span = 1,
                   .column_count = ARRAY_LEN(COLUMNS),
                   .commit_lsn = feed->at,
                   .ordinal = 1,
                   .source_us = clock_wall_us(),
                   .before = n < 0 ? key : NULL,
                   .after = n < 0 ? NULL : row};
    JournalEntry entry = {.kind = JOURNAL_EVENT,
                          .at = feed->at,
                          .next = feed->at + 1,
                          .topic = &feed->topic,
                          .schema = &feed->schema,
                          .offset = feed->offset++,
                          .event = &event};
    feed->at++;
    carried(ICEBERG_SINK.take(feed->sink, &entry, err));
    feed->rows[id] = n;
}

// Some seconds later: all that there is to do.
static void settle(Feed *feed, int64_t seconds) {
    clock_advance_us(seconds * 1000000);
    for (int64_t next_ms = 0; next_ms >= 0 && !fault_plan.off;) {
        carried(ICEBERG_SINK.tick(feed->sink, &next_ms, err));
        if (next_ms >= 0) {
            clock_sleep_us(100);
        }
    }
}

// A commit, half a minute later, and what maintenance finds to do.
static void step(Feed *feed) {
    Position position = {0};
    JournalEntry entry = {.kind = JOURNAL_CUT,
                          .at = feed->at,
                          .next = feed->at + 1,
                          .epoch = 1,
                          .cut_sequence = feed->at,
                          .position = &position,
                          .cut_ms = (uint64_t)(clock_wall_us() / 1000)};
    feed->at++;
    carried(ICEBERG_SINK.take(feed->sink, &entry, err));
    settle(feed, 30);
}

static Table *table_now(Feed *feed) {
    CatalogTable found;
    Table *table = NULL;
    TableName name = {SLICE("s"), SLICE("t")};
    CHECK_OK(catalog_load(feed->catalog, name, feed->arena, &found, err));
    CHECK_OK(table_open(feed->io, found.metadata_json, found.metadata_file, &table, err));
    return table;
}

typedef struct Check {
    Feed *feed;
    Table *table;
    LakeDeletes *deletes;
    int64_t rows[KEYS];
    size_t files;
} Check;

static bool check_file(void *context, const ManifestEntry *entry, Err *unused) {
    Check *check = context;
    if (entry->file.content != CONTENT_DATA) {
        return true;
    }
    static const int32_t IDS[] = {1, 2};
    const TableMetadata *metadata = table_metadata(check->table);
    LakeRead how = {.table = metadata,
                    .schema = table_schema_current(metadata),
                    .ids = IDS,
                    .count = 2,
                    .deleted = lake_deletes_of(check->deletes, entry->file.path),
                    .sequence = -1};
    LakeRows *rows = NULL;
    CHECK_OK(lake_rows_open(check->feed->io, &entry->file, &how, &rows, err));
    for (;;) {
        const Value *values = NULL;
        uint64_t position = 0;
        CHECK_OK(lake_rows_next(rows, &values, &position, err));
        if (values == NULL) {
            break;
        }
        CHECK_INT(check->rows[values[0].integer], -1); // once
        check->rows[values[0].integer] = values[1].integer;
    }
    lake_rows_close(rows);
    check->files++;
    return true;
}

// Reads a snapshot; all of its files must be there. How many data files it has.
static size_t snapshot_read(Feed *feed, Table *table, const Snapshot *snapshot, Check *check) {
    *check = (Check){.feed = feed, .table = table};
    for (size_t i = 0; i < KEYS; i++) {
        check->rows[i] = -1;
    }
    CHECK_OK(lake_deletes_load(feed->io, table, snapshot, &check->deletes, err));
    CHECK_OK(table_each_file(table, snapshot, false, check_file, check, err));
    lake_deletes_free(check->deletes);
    return check->files;
}

static int64_t tag_now(Feed *feed) {
    Table *table = table_now(feed);
    int64_t id = table_metadata(table)->current_snapshot_id;
    SnapshotRef ref = {.name = SLICE("mine"),
                       .snapshot_id = id,
                       .tag = true,
                       .min_snapshots = -1,
                       .max_snapshot_age_ms = -1,
                       .max_ref_age_ms = -1};
    TableUpdate update = {.action = UPDATE_SET_SNAPSHOT_REF, .text = ref.name, .ref = ref};
    TableRequirement uuid = {.kind = REQUIRE_UUID, .text = table_metadata(table)->uuid};
    CatalogCommit commit = {.name = {SLICE("s"), SLICE("t")}, .change = {&uuid, 1, &update, 1}};
    CHECK_OK(catalog_commit(feed->catalog, &commit, 1, 0, feed->arena, err));
    table_close(table);
    return id;
}

static bool count_files(void *context, Slice uri, uint64_t size) {
    ++*(size_t *)context;
    return true;
}

static void check_lake(Feed *feed, int64_t tagged, const int64_t *tagged_rows) {
    Table *table = table_now(feed);
    const TableMetadata *metadata = table_metadata(table);
    Check check;
    CHECK(metadata->snapshot_count < 60); // of 132 commits and more
    const Snapshot *kept = table_snapshot_find(metadata, tagged);
    CHECK(kept != NULL);
    (void)snapshot_read(feed, table, kept, &check);
    CHECK(memcmp(check.rows, tagged_rows, sizeof(check.rows)) == 0);
    for (size_t i = 0; i < metadata->snapshot_count; i += 5) { // all that is kept can be read
        (void)snapshot_read(feed, table, &metadata->snapshots[i], &check);
    }
    CHECK(snapshot_read(feed, table, table_snapshot_current(metadata), &check) <= 24);
    CHECK(memcmp(check.rows, feed->rows, sizeof(check.rows)) == 0);
    size_t files = 0;
    CHECK_OK(lake_io_list(feed->io, slice_of(arena_printf(feed->arena, "%.*s/", SLICE_ARG(metadata->location))),
                          count_files, &files, err));
    CHECK(files < 400); // of some 1,500 that were written
    table_close(table);
}

static void run_hours(const char *version) {
    Feed feed;
    feed_open(&feed, version, "auto");
    int64_t tagged = 0, tagged_rows[KEYS];
    uint64_t random = 1;
    for (int64_t i = 0; i < 120; i++) {
        for (int j = 0; j < 4; j++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            put(&feed, (int64_t)(random >> 33) % KEYS, (random >> 60) == 0 ? -1 : i);
        }
        put(&feed, i % KEYS, i);
        step(&feed);
        if (i == 13) {
            tagged = tag_now(&feed);
            memcpy(tagged_rows, feed.rows, sizeof(tagged_rows));
        }
    }
    for (int64_t i = 0; i < 12; i++) { // what has expired is gone in the end
        clock_advance_us(INT64_C(600) * 1000000);
        put(&feed, i, 1000 + i);
        step(&feed);
    }
    check_lake(&feed, tagged, tagged_rows);
    feed_close(&feed);
}

TEST(hours_of_commits_leaves_few_files_and_what_is_tagged) {
    run_hours("2");
}

TEST(hours_of_commits_leaves_few_files_and_deletion_vectors) {
    run_hours("3");
}

typedef struct Live {
    size_t data, deletes;
} Live;

static bool live_count(void *context, const ManifestEntry *entry, Err *unused) {
    Live *live = context;
    bool data = entry->file.content == CONTENT_DATA;
    *(data ? &live->data : &live->deletes) += 1;
    return true;
}

static Live live_now(Feed *feed) {
    Table *table = table_now(feed);
    Live live = {0};
    Check check;
    (void)snapshot_read(feed, table, table_snapshot_current(table_metadata(table)), &check);
    CHECK(memcmp(check.rows, feed->rows, sizeof(check.rows)) == 0);
    CHECK_OK(table_each_file(table, table_snapshot_current(table_metadata(table)), false, live_count, &live, err));
    table_close(table);
    return live;
}

static void put_some(Feed *feed, int64_t commits) {
    for (int64_t i = 0; i < commits; i++) {
        for (uint64_t j = 0; j < 20; j++) {
            put(feed, (int64_t)((feed->at * 7 + j * 11) % KEYS), i);
        }
        step(feed);
    }
}

static int64_t sequence_now(Feed *feed) {
    Table *table = table_now(feed);
    int64_t sequence = table_metadata(table)->last_sequence_number;
    table_close(table);
    return sequence;
}

static void check_one_file(Feed *feed) {
    Live live = live_now(feed);
    CHECK_INT(live.data, 1);
    CHECK_INT(live.deletes, 0);
}

static void run_rest(const char *version) {
    Feed feed;
    feed_open(&feed, version, "auto");
    put_some(&feed, 12);
    Live live = live_now(&feed);
    CHECK(live.data > 1 && live.deletes > 0);
    int64_t sequence = sequence_now(&feed);
    settle(&feed, 240); // not yet
    CHECK_INT(sequence_now(&feed), sequence);
    settle(&feed, 60);
    check_one_file(&feed);
    sequence = sequence_now(&feed);
    settle(&feed, 3000); // it is in order, and left alone
    CHECK_INT(sequence_now(&feed), sequence);
    put(&feed, 3, 77); // one row of 200 is no reason, the second file is
    step(&feed);
    settle(&feed, 3000);
    check_one_file(&feed);
    feed_close(&feed);
}

// Snapshots are to be looked for when the sink is stopped: the next run does.
TEST(a_stop_does_not_wait_for_what_nobody_begins) {
    Feed feed;
    feed_open(&feed, "2", "auto");
    put_some(&feed, 3);
    clock_advance_us(INT64_C(3600) * 1000000);
    CHECK_OK(ICEBERG_SINK.flush(feed.sink, err));
    feed_close(&feed);
}

TEST(a_table_that_rests_becomes_one_file_without_deletes) {
    run_rest("2");
}

TEST(a_table_that_rests_becomes_one_file_without_vectors) {
    run_rest("3");
}

typedef struct Uses {
    Map live;
    LakeDeletes *deletes;
} Uses;

static bool is_live(void *context, Slice path) {
    return map_find(&((Uses *)context)->live, path) != NULL;
}

static bool live_put(void *context, const ManifestEntry *entry, Err *unused) {
    Uses *uses = context;
    if (entry->file.content == CONTENT_DATA) {
        map_put(&uses->live, entry->file.path, uses);
    }
    return true;
}

static bool use_check(void *context, const ManifestEntry *entry, Err *unused) {
    Uses *uses = context;
    CHECK(entry->file.content == CONTENT_DATA || lake_deletes_used(uses->deletes, entry->file.path, is_live, uses) > 0);
    return true;
}

// Each delete file is of rows in some data files: it goes with the last of them, in the same commit.
static bool uses_check(Feed *feed, Table *table, const Snapshot *snapshot) {
    Slice gone = snapshot_summary(snapshot, "deleted-data-files");
    if (!slice_is(snapshot_summary(snapshot, "operation"), "replace") || gone.size == 0 || slice_is(gone, "0")) {
        return false;
    }
    Uses uses = {0};
    CHECK_OK(lake_deletes_load(feed->io, table, snapshot, &uses.deletes, err));
    CHECK_OK(table_each_file(table, snapshot, false, live_put, &uses, err));
    CHECK_OK(table_each_file(table, snapshot, false, use_check, &uses, err));
    lake_deletes_free(uses.deletes);
    map_release(&uses.live);
    return true;
}

TEST(delete_files_that_delete_nothing_go_with_the_data_files) {
    Feed feed;
    feed_open(&feed, "2", "auto");
    size_t checked = 0;
    int64_t seen = 0;
    for (int i = 0; i < 40; i++) {
        put_some(&feed, 1);
        Table *table = table_now(&feed);
        const TableMetadata *metadata = table_metadata(table);
        for (size_t at = 0; at < metadata->snapshot_count; at++) {
            const Snapshot *snapshot = &metadata->snapshots[at];
            checked += snapshot->sequence_number > seen && uses_check(&feed, table, snapshot);
        }
        seen = metadata->last_sequence_number;
        table_close(table);
    }
    CHECK(checked > 2);
    feed_close(&feed);
}

// A tag that is set when the choice was made already.
TEST(a_tag_that_is_set_while_snapshots_expire_keeps_its_snapshot) {
    Feed feed;
    feed_open(&feed, "2", "auto");
    for (int64_t i = 0; i < 3; i++) {
        put(&feed, i, i);
        step(&feed);
    }
    Table *table = table_now(&feed);
    int64_t tagged = tag_now(&feed); // the table as it was found does not know of it
    put(&feed, 3, 3);
    step(&feed);
    table_close(table);
    table = table_now(&feed);
    TableMetadata before = *table_metadata(table);
    // Nor does the choice.
    const SnapshotRef main_ref = *table_ref_find(table_metadata(table), SLICE("main"));
    before.refs = &main_ref;
    before.ref_count = 1;
    SnapshotRules rules = {.now_ms = clock_wall_us() / 1000 + 1000, .min_snapshots = 1};
    SnapshotChoice choice;
    snapshots_to_expire(&before, &rules, feed.arena, &choice);
    CHECK(choice.count >= 3);
    TableName name = {SLICE("s"), SLICE("t")};
    CHECK_FAILS(lake_expire_commit(feed.catalog, name, &before, &choice, feed.arena, err), ERR_CHANGED);
    snapshots_to_expire(table_metadata(table), &rules, feed.arena, &choice);
    CHECK_OK(lake_expire_commit(feed.catalog, name, table_metadata(table), &choice, feed.arena, err));
    table_close(table);
    table = table_now(&feed);
    CHECK_INT(table_metadata(table)->snapshot_count, 2);
    CHECK(table_snapshot_find(table_metadata(table), tagged) != NULL);
    CHECK(table_ref_find(table_metadata(table), SLICE("mine")) != NULL);
    table_close(table);
    feed_close(&feed);
}

// --- the power goes --------------------------------------------------------------------------------------------

// All snapshots that the catalog knows can be read, and the table is as it was behind one of the last two commits.
static void check_after_power(Feed *feed, int64_t (*states)[KEYS], size_t done) {
    CatalogTable found;
    Check check;
    if (!catalog_load(feed->catalog, (TableName){SLICE("s"), SLICE("t")}, feed->arena, &found, err)) {
        CHECK_INT(err->code, ERR_NOT_FOUND);
        CHECK_INT(done, 0);
        err_clear(err);
        return;
    }
    Table *table = table_now(feed);
    const TableMetadata *metadata = table_metadata(table);
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        (void)snapshot_read(feed, table, &metadata->snapshots[i], &check);
    }
    if (metadata->snapshot_count > 0) {
        (void)snapshot_read(feed, table, table_snapshot_current(metadata), &check);
        CHECK(memcmp(check.rows, states[done], sizeof(check.rows)) == 0 ||
              memcmp(check.rows, states[done + 1], sizeof(check.rows)) == 0);
    } else {
        CHECK_INT(done, 0);
    }
    table_close(table);
}

// True: it went before all was done.
static bool power_goes_at(uint64_t call, const char *version) {
    Feed feed;
    int64_t states[POWER_STEPS + 2][KEYS];
    size_t done = 0;
    feed_open(&feed, version, "off");
    memcpy(states[0], feed.rows, sizeof(states[0]));
    fault_begin((FaultPlan){.off_at = call, .code = ERR_IO_FAILED});
    for (size_t i = 0; i < POWER_STEPS && !fault_plan.off; i++) {
        for (int64_t id = 0; id < 12; id += 1 + (int64_t)i % 2) {
            put(&feed, id + (int64_t)i, (int64_t)i);
        }
        step(&feed);
        memcpy(states[i + 1], feed.rows, sizeof(states[0]));
        done += !fault_plan.off;
    }
    bool gone = fault_plan.off;
    memcpy(states[POWER_STEPS + 1], states[POWER_STEPS], sizeof(states[0]));
    fault_begin((FaultPlan){0});
    check_after_power(&feed, states, done);
    feed_close(&feed);
    return gone;
}

// What is not durable when the catalog names it is lost, empty or torn.
TEST(no_commit_names_a_file_that_the_power_can_take) {
    lake_io_local = &FAULT_STORE;
    log_level_set(LOG_SILENT); // of what cannot be removed
    uint64_t calls = 1;
    while (power_goes_at(calls, calls % 2 == 0 ? "2" : "3")) {
        calls++;
    }
    CHECK(calls > 40);
    lake_io_local = &LOCAL_STORE;
}
