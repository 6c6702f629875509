// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/expire.c"

#include "core/base/test.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"

static Arena arena;

#define NOW (INT64_C(1000000) * HOUR_MS)
static const SnapshotRules RULES = {.now_ms = NOW,
                                    .dense_ms = SNAPSHOT_DENSE_MS,
                                    .minutes_ms = SNAPSHOT_MINUTES_MS,
                                    .retention_ms = 120 * HOUR_MS,
                                    .min_snapshots = 1};

// A snapshot every second for so many hours, the newest one now.
static TableMetadata history(size_t seconds) {
    Snapshot *snapshots = ARENA_ARRAY(&arena, Snapshot, seconds);
    for (size_t i = 0; i < seconds; i++) {
        snapshots[i] = (Snapshot){.id = (int64_t)i + 1,
                                  .parent_id = i > 0 ? (int64_t)i : -1,
                                  .sequence_number = (int64_t)i + 1,
                                  .timestamp_ms = NOW - (int64_t)(seconds - 1 - i) * 1000};
    }
    SnapshotRef *main = ARENA_NEW(&arena, SnapshotRef);
    *main = (SnapshotRef){.name = SLICE("main"),
                          .snapshot_id = (int64_t)seconds,
                          .min_snapshots = -1,
                          .max_snapshot_age_ms = -1,
                          .max_ref_age_ms = -1};
    return (TableMetadata){.snapshots = snapshots,
                           .snapshot_count = seconds,
                           .current_snapshot_id = (int64_t)seconds,
                           .refs = main,
                           .ref_count = 1};
}

static bool goes(const SnapshotChoice *choice, int64_t id) {
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static void drop(TableMetadata *metadata, const SnapshotChoice *choice) {
    Snapshot *left = ARENA_ARRAY(&arena, Snapshot, metadata->snapshot_count);
    size_t count = 0, next = 0;
    for (size_t i = 0; i < metadata->snapshot_count; i++) {
        if (next < choice->count && metadata->snapshots[i].id == choice->ids[next]) {
            next++;
        } else {
            left[count++] = metadata->snapshots[i];
        }
    }
    CHECK_INT(next, choice->count);
    metadata->snapshots = left;
    metadata->snapshot_count = count;
}

TEST(snapshots_are_thinned_with_age) {
    arena_init(&arena, "test", 0);
    TableMetadata metadata = history(3 * 3600 + 1);
    SnapshotChoice choice;
    snapshots_to_expire(&metadata, &RULES, &arena, &choice);
    drop(&metadata, &choice);
    CHECK_INT(metadata.snapshot_count, 601 + 50 + 2); // seconds of ten minutes, minutes of fifty, then hours
    CHECK_INT(metadata.snapshots[metadata.snapshot_count - 1].timestamp_ms, NOW);
    CHECK_INT(NOW - metadata.snapshots[metadata.snapshot_count - 601].timestamp_ms, 600 * 1000);
    CHECK_INT(metadata.snapshots[0].timestamp_ms, NOW - 2 * HOUR_MS - 1000); // the last one of its hour
    snapshots_to_expire(&metadata, &RULES, &arena, &choice);
    CHECK_INT(choice.count, 0);
    SnapshotRules later = RULES;
    later.now_ms += 121 * HOUR_MS;
    snapshots_to_expire(&metadata, &later, &arena, &choice);
    drop(&metadata, &choice);
    CHECK_INT(metadata.snapshot_count, 1); // what is current stays, however old
    arena_release(&arena);
}

TEST(what_refs_and_minima_need_stays) {
    arena_init(&arena, "test", 0);
    TableMetadata metadata = history(3601);
    SnapshotRef refs[] = {metadata.refs[0],
                          {SLICE("v1"), 17, true, -1, -1, -1, {0}},
                          {SLICE("short"), 18, true, -1, -1, 60000, {0}},
                          {SLICE("dev"), 100, false, 5, -1, -1, {0}},
                          {SLICE("aged"), 200, false, -1, 3410 * 1000, -1, {0}}};
    metadata.refs = refs;
    metadata.ref_count = ARRAY_LEN(refs);
    SnapshotChoice choice;
    snapshots_to_expire(&metadata, &RULES, &arena, &choice);
    CHECK(!goes(&choice, 17) && goes(&choice, 16) && goes(&choice, 18));
    CHECK_INT(choice.ref_count, 1);
    CHECK_TEXT(choice.refs[0], "short");
    CHECK(!goes(&choice, 100) && !goes(&choice, 96) && goes(&choice, 95));
    CHECK(!goes(&choice, 200) && !goes(&choice, 191) && goes(&choice, 190));
    Property minimum = {SLICE("history.expire.min-snapshots-to-keep"), SLICE("3000")};
    metadata.properties = &minimum;
    metadata.property_count = 1;
    snapshots_to_expire(&metadata, &RULES, &arena, &choice);
    CHECK(!goes(&choice, 602) && goes(&choice, 601));
    arena_release(&arena);
}

TEST(an_age_of_the_table_is_kept_to) {
    arena_init(&arena, "test", 0);
    TableMetadata metadata = history(3601);
    Property age = {SLICE("history.expire.max-snapshot-age-ms"), SLICE("1800000")};
    metadata.properties = &age;
    metadata.property_count = 1;
    SnapshotChoice choice;
    snapshots_to_expire(&metadata, &RULES, &arena, &choice);
    CHECK_INT(choice.count, 1800);
    CHECK(goes(&choice, 1800) && !goes(&choice, 1801));
    arena_release(&arena);
}

TEST(a_line_with_gaps_is_followed) {
    arena_init(&arena, "test", 0);
    TableMetadata metadata = history(1000);
    Snapshot few[] = {metadata.snapshots[10], metadata.snapshots[20], metadata.snapshots[30], metadata.snapshots[999]};
    metadata.snapshots = few;
    metadata.snapshot_count = ARRAY_LEN(few);
    SnapshotRules rules = RULES;
    rules.now_ms += 1000 * HOUR_MS;
    rules.min_snapshots = 3;
    SnapshotChoice choice;
    snapshots_to_expire(&metadata, &rules, &arena, &choice);
    CHECK_INT(choice.count, 1);
    CHECK_INT(choice.ids[0], 11);
    arena_release(&arena);
}

// --- orphans ---------------------------------------------------------------------------------------------------

static char folder[64];
static Err err[1];

static void put(LakeIo *io, const char *name) {
    CHECK_OK(lake_io_put(io, slice_of(arena_printf(&arena, "file://%s/t/%s", folder, name)), SLICE("x"), true, err));
}

static bool note(void *context, Slice uri, uint64_t size, Err *unused) {
    buf_printf(context, "%.*s %" PRIu64 "\n", SLICE_ARG(slice_from(uri, strlen(folder) + 10)), size);
    return true;
}

TEST(files_that_nobody_names_are_found_once_they_are_old) {
    arena_init(&arena, "test", 0);
    test_folder(folder, sizeof(folder), "orphans");
    LakeIoContext context = {.warehouse = folder, .owner = "test"};
    LakeIo *io = NULL;
    CHECK_OK(lake_io_open(&context, &io, err));
    ShapeField column = {.name = SLICE("id"), .shape = {.kind = SHAPE_INT64, .id = 1}};
    Shape shape = {.kind = SHAPE_STRUCT, .fields = &column, .field_count = 1};
    TableMetadata metadata;
    Slice location = slice_of(arena_printf(&arena, "file://%s/t", folder));
    CHECK_OK(table_metadata_new(2, SLICE("12345678-1234-4234-8234-123456789012"), location,
                                &(TableSchema){.shape = &shape}, &(PartitionSpec){0}, &(SortOrder){0}, NULL, 0, 1000,
                                &arena, &metadata, err));
    DEFER(buf_release) Buf json = {0};
    table_metadata_write(&metadata, &json);
    Table *table = NULL;
    Slice file = slice_of(arena_printf(&arena, "file:%s//t/metadata/m1.json", folder)); // said in another way
    CHECK_OK(table_open(io, buf_slice(&json), file, &table, err));
    DataFile kept = {.path = slice_of(arena_printf(&arena, "file://%s/t/data/kept", folder)),
                     .format = SLICE("PARQUET"),
                     .record_count = 1,
                     .size = 1,
                     .sort_order_id = -1,
                     .first_row_id = -1,
                     .content_offset = -1};
    SnapshotWork work = {.operation = "append", .snapshot_id = 7, .added = &kept, .added_count = 1};
    SnapshotMade made;
    CHECK_OK(table_make_snapshot(table, &work, &arena, &made, err));
    TableMetadata next;
    TableChange change = {made.requirements, 2, made.updates, 2};
    CHECK_OK(table_metadata_apply(&metadata, (Slice){0}, &change, 2000, &arena, &next, NULL, NULL, err));
    buf_reset(&json);
    table_metadata_write(&next, &json);
    CHECK_OK(table_refresh(table, buf_slice(&json), file, err));
    put(io, "metadata/m1.json");
    put(io, "data/kept");
    put(io, "data/lost");
    put(io, "metadata/lost.avro");
    put(io, "elsewhere/x");
    DEFER(buf_release) Buf seen = {0};
    int64_t now_ms = clock_wall_us() / 1000;
    CHECK_OK(table_orphans(table, io, now_ms - HOUR_MS, note, &seen, err));
    CHECK_TEXT(buf_slice(&seen), "");
    CHECK_OK(table_orphans(table, io, now_ms + HOUR_MS, note, &seen, err));
    CHECK_TEXT(buf_slice(&seen), "data/lost 1\nmetadata/lost.avro 1\n");
    table_close(table);
    lake_io_close(io);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}
