// SPDX-License-Identifier: Apache-2.0
// A lake in a folder, written by the sink itself; damaged by the library; compared and mended.
#include "flow/sink/iceberg/repair.c"

#include "core/base/test.h"
#include "flow/sink/iceberg/compare.h"
#include "flow/sink/iceberg/iceberg.h"
#include "flow/sink/iceberg/places.h"

#include <limits.h>

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static Err err[1];
static Arena arena;

// --- a sink that is fed by hand --------------------------------------------------------------------------------

static const Column COLUMNS[] = {{.name = NAME("id"),
                                  .type = {.kind = TYPE_INT64},
                                  .flags = COLUMN_KEY | COLUMN_PRIMARY | COLUMN_NOT_NULL,
                                  .key_ordinal = 1},
                                 {.name = NAME("name"), .type = {.kind = TYPE_STRING}}};
static const Schema SCHEMA = {.space = NAME("public"), .table = NAME("t"), .columns = COLUMNS, .column_count = 2};

typedef struct Bench {
    char folder[PATH_MAX - 100];
    LakeOptions options;
    SinkContext context;
    void *sink;
    uint64_t offset, log;
} Bench;

static void bench_start(Bench *bench) {
    CHECK_OK(ICEBERG_SINK.open(&bench->context, &bench->sink, err));
    (void)ICEBERG_SINK.start(bench->sink);
}

static void bench_stop(Bench *bench) {
    ICEBERG_SINK.close(bench->sink);
    bench->sink = NULL;
}

static void bench_open(Bench *bench, int64_t format_version) {
    *bench = (Bench){0};
    arena_init(&arena, "test", 0);
    test_folder(bench->folder, sizeof(bench->folder), "repair");
    option_defaults(&ICEBERG_OPTIONS, &bench->options);
    bench->options.format_version = format_version;
    bench->options.freshness_ms = 24 * 3600 * 1000; // only when asked
    bench->context = (SinkContext){.name = "lake",
                                   .pipeline = "shop",
                                   .url = arena_printf(&arena, "%s/wh", bench->folder),
                                   .state_directory = arena_printf(&arena, "%s/state", bench->folder),
                                   .data_directory = bench->folder,
                                   .options = &bench->options,
                                   .memory_bytes_max = 16 * MIB};
    CHECK_OK(file_make_directories(bench->context.state_directory, err));
    CHECK_OK(file_make_directories(bench->context.url, err));
    bench_start(bench);
}

static void bench_close(Bench *bench) {
    if (bench->sink != NULL) {
        bench_stop(bench);
    }
    CHECK_OK(file_remove_tree(bench->folder, err));
    arena_release(&arena);
}

static void row_values(Value values[2], int64_t id, const char *name) {
    values[0] = value_int(id);
    values[1] = name != NULL ? value_bytes(VALUE_STRING, slice_of(name)) : (Value){.kind = VALUE_NULL};
}

static void event(Bench *bench, EventOp op, int64_t id, const char *name) {
    Value values[2];
    row_values(values, id, name);
    JournalTopic topic = {.id = 1, .name = SLICE("public.t")};
    Event made = {.op = op,
                  .offset_span = 1,
                  .column_count = 2,
                  .before = op == OP_DELETE ? values : NULL,
                  .after = op == OP_DELETE || op == OP_TRUNCATE ? NULL : values};
    JournalEntry entry = {
        .kind = JOURNAL_EVENT, .topic = &topic, .schema = &SCHEMA, .offset = bench->offset++, .event = &made};
    CHECK_OK(ICEBERG_SINK.take(bench->sink, &entry, err));
}

static void cut(Bench *bench) {
    Position position = position_of(SLICE("somewhere"));
    bench->log += 100;
    JournalEntry entry = {
        .kind = JOURNAL_CUT, .next = bench->log, .position = &position, .epoch = 1, .cut_sequence = 1};
    CHECK_OK(ICEBERG_SINK.take(bench->sink, &entry, err));
}

static void tag(Bench *bench, const char *name) {
    bool done = false;
    Position at = position_of(SLICE("moment"));
    CHECK_OK(ICEBERG_SINK.hold(bench->sink, err));
    CHECK_OK(ICEBERG_SINK.commit_at(bench->sink, &at, name, &done, err));
    CHECK(done);
}

// --- what the lake has -----------------------------------------------------------------------------------------

typedef struct Seen {
    int64_t id;
    const char *name;
    CorrectionPlace place;
} Seen;

typedef struct Rows {
    Seen at[64];
    size_t count;
} Rows;

static bool row_see(void *context, const SinkCompareRow *row, Err *fault) {
    Rows *rows = context;
    CHECK(rows->count < ARRAY_LEN(rows->at));
    rows->at[rows->count++] = (Seen){row->values[0].integer,
                                     arena_text(&arena, row->values[1].bytes),
                                     {arena_slice(&arena, row->file), row->position}};
    return true;
}

static int by_id(const void *a, const void *b) {
    int64_t left = ((const Seen *)a)->id, right = ((const Seen *)b)->id;
    return left < right ? -1 : left > right;
}

static void rows_at(Bench *bench, const char *name, const Schema *schema, Rows *rows) {
    void *compare = NULL;
    SinkCompareTable table;
    *rows = (Rows){0};
    CHECK_OK(lake_compare_open(&bench->context, &(SinkCompareOptions){.tag = name}, &compare, err));
    CHECK_OK(lake_compare_table(compare, SLICE("public.t"), schema, &arena, &table, err));
    CHECK_INT(table.record->field_count, 2);
    CHECK_INT(table.key_count, 1);
    CHECK_OK(lake_compare_rows(&table, row_see, rows, err));
    lake_compare_table_close(&table);
    lake_compare_close(compare);
    qsort(rows->at, rows->count, sizeof(rows->at[0]), by_id);
}

static void check_rows(Bench *bench, const char *name, const char *want) {
    Rows rows;
    Buf text = {0};
    rows_at(bench, name, &SCHEMA, &rows);
    for (size_t i = 0; i < rows.count; i++) {
        buf_printf(&text, "%s%" PRId64 "%s", i > 0 ? " " : "", rows.at[i].id, rows.at[i].name);
    }
    CHECK_TEXT(text.size > 0 ? buf_slice(&text) : SLICE(""), want);
    buf_release(&text);
}

// --- corrections -----------------------------------------------------------------------------------------------

static void correct(CorrectionsWriter *writer, const Rows *rows, int64_t id, const char *name) {
    Value after[2], key = value_int(id);
    CorrectionPlace places[8];
    size_t count = 0;
    row_values(after, id, name);
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->at[i].id == id) {
            places[count++] = rows->at[i].place;
        }
    }
    Correction correction = {.topic = SLICE("public.t"),
                             .key = &key,
                             .key_count = 1,
                             .schema = &SCHEMA,
                             .after = name != NULL ? after : NULL,
                             .places = places,
                             .place_count = count};
    corrections_add(writer, &correction);
}

static SinkRepair mend(Bench *bench, CorrectionsWriter *writer) {
    SinkRepair done;
    const char *path = arena_printf(&arena, "%s/corrections", bench->folder);
    CHECK_OK(corrections_finish(writer, path, err));
    corrections_free(writer);
    CHECK_OK(ICEBERG_SINK.repair(bench->sink, path, &done, err));
    return done;
}

// --- damage ----------------------------------------------------------------------------------------------------

typedef struct Damage {
    LakeIo *io;
    Catalog *catalog;
    Table *table;
    DataFile files[8];
    size_t count;
} Damage;

static bool file_note(void *context, const ManifestEntry *entry, Err *fault) {
    Damage *damage = context;
    CHECK(damage->count < ARRAY_LEN(damage->files));
    DataFile *file = &damage->files[damage->count++];
    *file = entry->file;
    file->path = arena_slice(&arena, file->path);
    file->format = arena_slice(&arena, file->format);
    file->referenced_file =
        file->referenced_file.data != NULL ? arena_slice(&arena, file->referenced_file) : (Slice){0};
    return true;
}

static TableName damage_open(Bench *bench, Damage *damage) {
    TableName name = {SLICE("public"), SLICE("t")};
    LakePlaces places = {
        .url = bench->context.url, .data_directory = bench->folder, .owner = "damage", .s3 = &bench->options.s3};
    CatalogTable found;
    *damage = (Damage){0};
    CHECK_OK(lake_places_open(&places, &arena, &damage->io, &damage->catalog, err));
    CHECK_OK(catalog_load(damage->catalog, name, &arena, &found, err));
    CHECK_OK(table_open(damage->io, found.metadata_json, found.metadata_file, &damage->table, err));
    CHECK_OK(table_each_file(damage->table, table_snapshot_current(table_metadata(damage->table)), false, file_note,
                             damage, err));
    return name;
}

static void damage_close(Damage *damage) {
    table_close(damage->table);
    catalog_close(damage->catalog);
    lake_io_close(damage->io);
}

static DataFile damaged_file(Bench *bench, Damage *damage, const int64_t *ids, const char *const *names, size_t count) {
    static const ShapeField FIELDS[] = {
        {.name = NAME("id"), .shape = {.kind = SHAPE_INT64, .id = 1}},
        {.name = NAME("name"), .shape = {.kind = SHAPE_STRING, .id = 2, .optional = true}}};
    static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 2};
    Buf bytes = {0};
    ParquetWriter *writer = NULL;
    CHECK_OK(parquet_writer_open(&SHAPE, &(ParquetWriterOptions){0}, &bytes, &writer, err));
    for (size_t i = 0; i < count; i++) {
        Value values[2];
        row_values(values, ids[i], names[i]);
        CHECK_OK(parquet_writer_record(writer, values, err));
    }
    CHECK_OK(parquet_writer_finish(writer, err));
    parquet_writer_close(writer);
    Slice uri = slice_of(arena_printf(&arena, "file://%s/damaged.parquet", bench->context.url));
    CHECK_OK(lake_io_put(damage->io, uri, buf_slice(&bytes), true, err));
    DataFile file = {.path = uri,
                     .format = SLICE("PARQUET"),
                     .record_count = (int64_t)count,
                     .size = (int64_t)bytes.size,
                     .sort_order_id = -1,
                     .first_row_id = -1,
                     .content_offset = -1,
                     .content_size = -1};
    buf_release(&bytes);
    return file;
}

static void damage_commit(Damage *damage, TableName name, const DataFile *removed, size_t removed_count,
                          const DataFile *added, size_t added_count) {
    SnapshotWork work = {.operation = "overwrite",
                         .snapshot_id = snapshot_id_new(),
                         .added = added,
                         .added_count = added_count,
                         .removed = removed,
                         .removed_count = removed_count};
    SnapshotMade made;
    CHECK_OK(table_make_snapshot(damage->table, &work, &arena, &made, err));
    CatalogCommit commit = {.name = name, .change = {made.requirements, 2, made.updates, 2}};
    CHECK_OK(catalog_commit(damage->catalog, &commit, 1, 1000, &arena, err));
}

// --- tests -----------------------------------------------------------------------------------------------------

TEST(lake_shows_its_rows_as_of_a_tag) {
    Bench bench;
    bench_open(&bench, 2);
    for (int64_t i = 1; i <= 5; i++) {
        event(&bench, OP_READ, i, "a");
    }
    cut(&bench);
    event(&bench, OP_UPDATE, 2, "b");
    event(&bench, OP_DELETE, 3, NULL);
    tag(&bench, "one"); // in the middle of a group
    event(&bench, OP_UPDATE, 1, "later");
    event(&bench, OP_CREATE, 6, "later");
    cut(&bench);
    CHECK_OK(ICEBERG_SINK.flush(bench.sink, err));
    check_rows(&bench, "one", "1a 2b 4a 5a");
    tag(&bench, "two");
    check_rows(&bench, "two", "1later 2b 4a 5a 6later");
    Rows rows;
    rows_at(&bench, "two", NULL, &rows); // as where the source has no rows
    CHECK_INT(rows.count, 5);
    CHECK_OK(ICEBERG_SINK.release(bench.sink, "one", err));
    CHECK_OK(ICEBERG_SINK.release(bench.sink, "one", err));
    check_rows(&bench, "one", "");
    bench_stop(&bench); // what was committed within a group is passed over when it comes again
    bench_start(&bench);
    bench.offset = 0;
    for (int64_t i = 1; i <= 5; i++) {
        event(&bench, OP_READ, i, "a");
    }
    cut(&bench);
    tag(&bench, "three");
    check_rows(&bench, "three", "1later 2b 4a 5a 6later");
    bench_close(&bench);
}

static void damaged_and_mended(int64_t format_version) {
    Bench bench;
    Damage damage;
    bench_open(&bench, format_version);
    for (int64_t i = 1; i <= 6; i++) {
        event(&bench, OP_READ, i, "a");
    }
    cut(&bench);
    CHECK_OK(ICEBERG_SINK.flush(bench.sink, err));
    event(&bench, OP_DELETE, 2, NULL);
    cut(&bench);
    CHECK_OK(ICEBERG_SINK.flush(bench.sink, err));
    tag(&bench, "sound");
    check_rows(&bench, "sound", "1a 3a 4a 5a 6a");
    bench_stop(&bench);

    // The delete goes, so 2 is there again; 4 is there twice; the first of two rows of 7 is not the source's.
    TableName name = damage_open(&bench, &damage);
    CHECK_INT(damage.count, 2);
    const DataFile *deletes = damage.files[0].content == CONTENT_DATA ? &damage.files[1] : &damage.files[0];
    DataFile wrong = damaged_file(&bench, &damage, (const int64_t[]){4, 7, 8}, (const char *const[]){"x", "y", "z"}, 3);
    damage_commit(&damage, name, deletes, 1, &wrong, 1);
    damage_close(&damage);
    bench_start(&bench);
    event(&bench, OP_UPDATE, 5, "b");
    cut(&bench);
    tag(&bench, "damaged");
    Rows rows;
    rows_at(&bench, "damaged", &SCHEMA, &rows);
    CHECK_INT(rows.count, 9);

    // The source: 1 a, 3 a, 4 a, 5 b, 6 c, 8 a, 9 a.
    CorrectionsWriter *writer = corrections_new();
    correct(writer, &rows, 2, NULL);
    correct(writer, &rows, 4, "a");
    correct(writer, &rows, 6, "c");
    correct(writer, &rows, 7, NULL);
    correct(writer, &rows, 8, "a");
    correct(writer, &rows, 9, "a");
    SinkRepair done = mend(&bench, writer);
    CHECK_INT(done.put, 4);
    CHECK_INT(done.removed, 3); // 2, 7 and one of 4
    CHECK_INT(done.passed_over, 0);
    tag(&bench, "mended");
    check_rows(&bench, "mended", "1a 3a 4a 5b 6c 8a 9a");
    event(&bench, OP_UPDATE, 4, "d"); // the index knows the rows that were put
    event(&bench, OP_DELETE, 9, NULL);
    cut(&bench);
    tag(&bench, "after");
    check_rows(&bench, "after", "1a 3a 4d 5b 6c 8a");
    bench_close(&bench);
}

TEST(lake_is_mended_where_it_was_damaged) {
    damaged_and_mended(2);
}

TEST(lake_with_deletion_vectors_is_mended_where_it_was_damaged) {
    damaged_and_mended(3);
}

TEST(lake_passes_over_corrections_of_rows_that_have_changed_since) {
    Bench bench;
    Rows rows;
    bench_open(&bench, 2);
    for (int64_t i = 1; i <= 6; i++) {
        event(&bench, OP_READ, i, "a");
    }
    cut(&bench);
    tag(&bench, "t");
    rows_at(&bench, "t", &SCHEMA, &rows);
    event(&bench, OP_UPDATE, 1, "newer");
    event(&bench, OP_DELETE, 2, NULL);
    event(&bench, OP_DELETE, 7, NULL); // the lake never had it
    event(&bench, OP_CREATE, 8, "newer");
    cut(&bench);
    CorrectionsWriter *writer = corrections_new();
    correct(writer, &rows, 1, "old");
    correct(writer, &rows, 2, "old");
    correct(writer, &rows, 7, "old");
    correct(writer, &rows, 8, "old");
    correct(writer, &rows, 3, NULL);
    correct(writer, &rows, 9, "b");
    SinkRepair done = mend(&bench, writer);
    CHECK_INT(done.passed_over, 4);
    CHECK_INT(done.put, 1);
    CHECK_INT(done.removed, 1);
    CHECK_OK(ICEBERG_SINK.release(bench.sink, "t", err));
    tag(&bench, "u");
    check_rows(&bench, "u", "1newer 4a 5a 6a 8newer 9b");
    event(&bench, OP_TRUNCATE, 0, NULL);
    cut(&bench);
    writer = corrections_new();
    rows_at(&bench, "u", &SCHEMA, &rows);
    correct(writer, &rows, 4, "b");
    correct(writer, &rows, 10, "b");
    done = mend(&bench, writer);
    CHECK_INT(done.passed_over, 2);
    tag(&bench, "v");
    check_rows(&bench, "v", "");
    bench_close(&bench);
}
