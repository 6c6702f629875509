// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/commit.c"

#include "core/base/test.h"
#include "core/sys/file.h"

static char folder[] = "/tmp/leat_lake_commit_XXXXXX";
static Arena arena;
static Err err[1];

static const ShapeField COLUMNS[] = {
    {.name = {(const uint8_t *)"id", 2}, .shape = {.kind = SHAPE_INT64, .id = 1}},
    {.name = {(const uint8_t *)"name", 4}, .shape = {.kind = SHAPE_STRING, .id = 2, .optional = true}}};
static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = COLUMNS, .field_count = ARRAY_LEN(COLUMNS)};

static Slice uri(const char *name) {
    return slice_of(arena_printf(&arena, "file://%s/t/%s", folder, name));
}

static Slice json_of(const TableMetadata *metadata) {
    Buf json = {0};
    table_metadata_write(metadata, &json);
    Slice text = arena_slice(&arena, buf_slice(&json));
    buf_release(&json);
    return text;
}

static Table *open_table(int32_t format_version, LakeIo **io) {
    arena_init(&arena, "test", 0);
    CHECK(mkdtemp(folder) != NULL);
    LakeIoContext context = {.warehouse = folder, .owner = "test"};
    CHECK_OK(lake_io_open(&context, io, err));
    TableSchema schema = {.shape = &SHAPE};
    TableMetadata metadata;
    CHECK_OK(table_metadata_new(format_version, SLICE("12345678-1234-4234-8234-123456789012"),
                                slice_of(arena_printf(&arena, "file://%s/t", folder)), &schema, &(PartitionSpec){0},
                                &(SortOrder){0}, NULL, 0, 1000, &arena, &metadata, err));
    Table *table = NULL;
    CHECK_OK(table_open(*io, json_of(&metadata), SLICE("m1"), &table, err));
    return table;
}

static void close_table(Table *table, LakeIo *io) {
    table_close(table);
    lake_io_close(io);
    CHECK_OK(file_remove_tree(folder, err));
    arena_release(&arena);
}

// As a catalog does.
static void commit(Table *table, const SnapshotMade *made) {
    const TableMetadata *base = table_metadata(table);
    CHECK_INT(made->requirements[1].id, base->current_snapshot_id);
    TableMetadata next = *base;
    Snapshot *snapshots = ARENA_ARRAY(&arena, Snapshot, base->snapshot_count + 1);
    for (size_t i = 0; i < base->snapshot_count; i++) {
        snapshots[i] = base->snapshots[i];
    }
    snapshots[next.snapshot_count++] = made->updates[0].snapshot;
    next.snapshots = snapshots;
    next.current_snapshot_id = made->snapshot.id;
    next.last_sequence_number = made->snapshot.sequence_number;
    next.last_updated_ms = made->snapshot.timestamp_ms;
    next.next_row_id += MAX(made->snapshot.added_rows, 0);
    next.refs = &made->updates[1].ref;
    next.ref_count = 1;
    CHECK_OK(table_refresh(table, json_of(&next), SLICE("m2"), err));
}

static DataFile data_file(const char *name, int64_t records) {
    return (DataFile){.path = uri(name),
                      .format = SLICE("PARQUET"),
                      .record_count = records,
                      .size = records * 10,
                      .sort_order_id = -1,
                      .first_row_id = -1,
                      .content_offset = -1};
}

static DataFile vector_of(const char *puffin, const char *data, int64_t records) {
    DataFile file = data_file(puffin, records);
    file.content = CONTENT_POSITION_DELETES;
    file.format = SLICE("PUFFIN");
    file.referenced_file = uri(data);
    file.content_offset = 4;
    file.content_size = 44;
    return file;
}

static SnapshotMade make_one(Table *table, const SnapshotWork *work) {
    SnapshotMade made;
    CHECK_OK(table_make_snapshot(table, work, &arena, &made, err));
    return made;
}

static void append(Table *table, const DataFile *files, size_t count) {
    SnapshotWork work = {.operation = "append", .snapshot_id = snapshot_id_new(), .added = files, .added_count = count};
    SnapshotMade made = make_one(table, &work);
    commit(table, &made);
}

static const char *summary_of(Table *table, const char *key) {
    Slice value = snapshot_summary(table_snapshot_current(table_metadata(table)), key);
    return value.data == NULL ? "-" : arena_text(&arena, value);
}

static bool list_file(void *context, const ManifestEntry *entry, Err *unused) {
    buf_printf(context, "%.*s %d %" PRId64 "\n", SLICE_ARG(slice_from(entry->file.path, strlen(folder) + 10)),
               entry->status, entry->sequence_number);
    return true;
}

static void check_files(Table *table, const char *want) {
    DEFER(buf_release) Buf seen = {0};
    CHECK_OK(table_each_file(table, table_snapshot_current(table_metadata(table)), true, list_file, &seen, err));
    CHECK_TEXT(buf_slice(&seen), want);
}

static bool count_file(void *context, Slice name, uint64_t size) {
    ++*(size_t *)context;
    return true;
}

static size_t metadata_files(LakeIo *io) {
    size_t count = 0;
    CHECK_OK(lake_io_list(io, uri("metadata/"), count_file, &count, err));
    return count;
}

TEST(commits_read_nothing_that_they_wrote) {
    LakeIo *io = NULL;
    Table *table = open_table(2, &io);
    DataFile first[] = {data_file("a", 10), data_file("b", 20)};
    append(table, first, 2);
    CHECK(strcmp(summary_of(table, "total-records"), "30") == 0);
    CHECK(strcmp(summary_of(table, "operation"), "append") == 0);
    CHECK_INT(metadata_files(io), 2);
    CHECK_OK(file_remove_tree(arena_printf(&arena, "%s/t", folder), err));

    DataFile second[] = {data_file("c", 5), data_file("d", 2)};
    second[1].content = CONTENT_POSITION_DELETES;
    second[1].referenced_file = first[0].path;
    Property extra = {SLICE("leat.epoch"), SLICE("7")};
    SnapshotWork work = {.operation = "overwrite",
                         .snapshot_id = 1234,
                         .added = second,
                         .added_count = 2,
                         .removed = &first[1],
                         .removed_count = 1,
                         .summary = &extra,
                         .summary_count = 1};
    SnapshotMade made = make_one(table, &work);
    CHECK_INT(metadata_files(io), 4); // data, deletes, what is left of the first, the list
    CHECK(made.bytes > 1000);
    commit(table, &made);
    check_files(table, "c 1 2\nd 1 2\na 0 1\n");
    static const char *const WANT[][2] = {
        {"total-records", "15"},
        {"total-data-files", "2"},
        {"total-delete-files", "1"},
        {"total-position-deletes", "2"},
        {"total-files-size", "170"},
        {"added-data-files", "1"},
        {"added-delete-files", "1"},
        {"deleted-data-files", "1"},
        {"deleted-records", "20"},
        {"added-position-deletes", "2"},
        {"leat.epoch", "7"},
        {"total-equality-deletes", "0"},
        {"added-position-delete-files", "1"},
        {"manifests-replaced", "1"},
        {"changed-partition-count", "1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        if (strcmp(summary_of(table, WANT[i][0]), WANT[i][1]) != 0) {
            test_fail(__FILE__, __LINE__, "%s is %s", WANT[i][0], summary_of(table, WANT[i][0]));
        }
    }
    work.snapshot_id = 1235;
    CHECK_FAILS(table_make_snapshot(table, &work, &arena, &made, err), ERR_CHANGED); // gone already
    table_drop_snapshot(table, &work);
    close_table(table, io);
}

TEST(commits_are_tried_again) {
    LakeIo *io = NULL;
    Table *table = open_table(3, &io);
    DataFile files[] = {data_file("a", 10), data_file("b", 20), data_file("c", 30), data_file("d", 40)};
    append(table, files, 2);
    append(table, &files[2], 1);
    SnapshotWork work = {.operation = "overwrite",
                         .snapshot_id = 77,
                         .added = &files[3],
                         .added_count = 1,
                         .removed = &files[0],
                         .removed_count = 1};
    SnapshotMade made = make_one(table, &work);
    CHECK(made.snapshot.first_row_id == 60 && made.snapshot.sequence_number == 3);
    CHECK_INT(made.snapshot.added_rows, 60); // 40 and the 20 of the rewritten manifest
    size_t before = metadata_files(io);
    DataFile other = data_file("e", 1);
    SnapshotWork theirs = {.operation = "append", .snapshot_id = 88, .added = &other, .added_count = 1};
    SnapshotMade first = make_one(table, &theirs);
    commit(table, &first);
    made = make_one(table, &work);
    CHECK_INT(made.snapshot.sequence_number, 4);
    CHECK_INT(made.requirements[1].id, 88);
    CHECK_INT(metadata_files(io), before + 2); // theirs; of ours another list in place of the first
    commit(table, &made);
    check_files(table, "d 1 4\nb 0 1\ne 1 3\nc 1 2\n");
    CHECK(strcmp(summary_of(table, "total-records"), "91") == 0);
    // Somebody has rewritten what we want to remove.
    work = (SnapshotWork){.operation = "delete", .snapshot_id = 99, .removed = &files[1], .removed_count = 1};
    made = make_one(table, &work);
    theirs = (SnapshotWork){.operation = "delete", .snapshot_id = 100, .removed = &files[1], .removed_count = 1};
    first = make_one(table, &theirs);
    commit(table, &first);
    before = metadata_files(io);
    CHECK_FAILS(table_make_snapshot(table, &work, &arena, &made, err), ERR_CHANGED);
    table_drop_snapshot(table, &work);
    CHECK_INT(metadata_files(io), before - 2); // manifest and list
    check_files(table, "d 1 4\ne 1 3\nc 1 2\n");
    close_table(table, io);
}

TEST(deletion_vectors_are_one_a_file) {
    LakeIo *io = NULL;
    Table *table = open_table(3, &io);
    DataFile files[] = {data_file("a", 10), data_file("b", 20)};
    append(table, files, 2);
    DataFile vectors[] = {vector_of("1.puffin", "a", 2), vector_of("1.puffin", "b", 3), vector_of("2.puffin", "a", 4)};
    SnapshotWork work = {.operation = "overwrite", .snapshot_id = 5, .added = vectors, .added_count = 2};
    SnapshotMade made = make_one(table, &work);
    commit(table, &made);
    CHECK(strcmp(summary_of(table, "added-dvs"), "2") == 0 &&
          strcmp(summary_of(table, "total-delete-files"), "2") == 0);
    CHECK(strcmp(summary_of(table, "total-files-size"), "388") == 0);
    work = (SnapshotWork){.operation = "overwrite", .snapshot_id = 6, .added = &vectors[2], .added_count = 1};
    CHECK_FAILS(table_make_snapshot(table, &work, &arena, &made, err), ERR_CHANGED);
    table_drop_snapshot(table, &work);
    work.removed = &vectors[0];
    work.removed_count = 1;
    made = make_one(table, &work);
    commit(table, &made);
    CHECK(strcmp(summary_of(table, "removed-dvs"), "1") == 0);
    check_files(table, "2.puffin 1 3\n1.puffin 0 2\na 1 1\nb 1 1\n");
    work = (SnapshotWork){.operation = "overwrite", .snapshot_id = 7, .added = vectors, .added_count = 3};
    CHECK_FAILS(table_make_snapshot(table, &work, &arena, &made, err), ERR_CHANGED);
    DataFile positions = data_file("p", 1);
    positions.content = CONTENT_POSITION_DELETES;
    work = (SnapshotWork){.operation = "overwrite", .snapshot_id = 8, .added = &positions, .added_count = 1};
    CHECK_FAILS(table_make_snapshot(table, &work, &arena, &made, err), ERR_VALUE);
    close_table(table, io);
}

TEST(small_manifests_are_merged) {
    LakeIo *io = NULL;
    Table *table = open_table(3, &io);
    DataFile files[] = {data_file("a", 1), data_file("b", 2), data_file("c", 3), data_file("d", 4)};
    for (size_t i = 0; i < 3; i++) {
        append(table, &files[i], 1);
    }
    SnapshotWork work = {
        .operation = "append", .snapshot_id = 5, .added = &files[3], .added_count = 1, .merge_manifests_min = 3};
    SnapshotMade made = make_one(table, &work);
    commit(table, &made);
    check_files(table, "d 1 4\nc 0 3\nb 0 2\na 0 1\n");
    const KnownList *list = NULL;
    CHECK_OK(table_list(table, table_snapshot_current(table_metadata(table)), &list, err));
    CHECK_INT(list->count, 2);
    CHECK(list->manifests[1].existing_files == 3 && list->manifests[1].min_sequence_number == 1);
    CHECK(strcmp(summary_of(table, "manifests-replaced"), "3") == 0);
    close_table(table, io);
}

// As somebody else left it: without totals.
static void strip_summary(Table *table) {
    TableMetadata next = *table_metadata(table);
    Snapshot *snapshots = ARENA_ARRAY(&arena, Snapshot, next.snapshot_count);
    for (size_t i = 0; i < next.snapshot_count; i++) {
        snapshots[i] = next.snapshots[i];
        snapshots[i].summary = ARENA_NEW(&arena, Property);
        *(Property *)(uintptr_t)snapshots[i].summary = (Property){SLICE("operation"), SLICE("append")};
        snapshots[i].summary_count = 1;
    }
    next.snapshots = snapshots;
    CHECK_OK(table_refresh(table, json_of(&next), SLICE("m3"), err));
}

TEST(totals_are_counted_where_they_are_missing) {
    LakeIo *io = NULL;
    Table *table = open_table(2, &io);
    DataFile files[] = {data_file("a", 1), data_file("b", 2), data_file("c", 3)};
    append(table, files, 2);
    strip_summary(table);
    append(table, &files[2], 1);
    CHECK(strcmp(summary_of(table, "total-records"), "6") == 0);
    CHECK(strcmp(summary_of(table, "total-files-size"), "60") == 0);
    CHECK(strcmp(summary_of(table, "total-data-files"), "3") == 0);
    close_table(table, io);
}

static bool note_uri(void *context, Slice name, Err *unused) {
    map_put(context, name, context);
    return true;
}

static bool count_rest(void *context, Slice name, Err *unused) {
    ++*(size_t *)context;
    return true;
}

TEST(expired_snapshots_leave_files_behind) {
    LakeIo *io = NULL;
    Table *table = open_table(2, &io);
    DataFile files[] = {data_file("a", 1), data_file("b", 2), data_file("c", 3)};
    append(table, files, 2);
    SnapshotWork work = {.operation = "overwrite",
                         .snapshot_id = 5,
                         .added = &files[2],
                         .added_count = 1,
                         .removed = files,
                         .removed_count = 1};
    SnapshotMade made = make_one(table, &work);
    commit(table, &made);
    Map seen = {0};
    CHECK_OK(table_reachable(table, note_uri, &seen, err));
    CHECK_INT(seen.count, 9); // metadata, 2 lists, 3 manifests, 3 files
    map_release(&seen);
    // Without the first snapshot: its list, its manifest, and a.
    TableMetadata next = *table_metadata(table);
    Snapshot expired = next.snapshots[0], *left = ARENA_NEW(&arena, Snapshot);
    expired.manifest_list = arena_slice(&arena, expired.manifest_list);
    *left = next.snapshots[1];
    left->parent_id = -1;
    next.snapshots = left;
    next.snapshot_count = 1;
    next.snapshot_log_count = 0;
    CHECK_OK(table_refresh(table, json_of(&next), SLICE("m3"), err));
    CHECK_OK(table_unreachable(table, &expired, 1, note_uri, &seen, err));
    CHECK_INT(seen.count, 3);
    CHECK(map_find(&seen, files[0].path) != NULL && map_find(&seen, expired.manifest_list) != NULL);
    for (MapEntry *entry = NULL; (entry = map_next(&seen, entry)) != NULL;) {
        CHECK_OK(lake_io_remove(io, entry->key, err));
    }
    check_files(table, "c 1 2\nb 0 1\n");
    size_t count = 0;
    CHECK_OK(table_unreachable(table, &expired, 1, count_rest, &count, err)); // again: some are gone
    map_release(&seen);
    close_table(table, io);
}
