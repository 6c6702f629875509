// SPDX-License-Identifier: Apache-2.0
// The rules of iceberg.tables.cdc-field and upsert-mode-enabled as Tabular's sink has them, and where leat's differ
// (docs/sinks/iceberg-connector.md): one test each, so that each can fail by itself. Records go through the whole sink,
// and the rows of the table are read back.
#include "flow/sink/iceberg/record_sink.c"

#include "core/base/test.h"
#include "flow/sink/iceberg/iceberg.h"
#include "flow/sink/iceberg/places.h"
#include "lake/iceberg/rows.h"

#include <limits.h>

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }
#define NOTHING ((Value){.kind = VALUE_NULL})

enum { ROWS_MAX = 16 };

static Err err[1];
static Arena arena;

// --- a sink whose records are given by hand --------------------------------------------------------------------

typedef struct Bench {
    char folder[PATH_MAX - 100];
    LakeOptions options;
    RecordRules rules;
    SinkRecords records;
    SinkContext context;
    void *sink;
    const ConnectRecord *record; // of the entry under way
    uint64_t offset;
} Bench;

static bool record_give(void *context, Arena *scratch, const JournalEntry *entry, ConnectRecord *records, size_t *count,
                        Err *failed) {
    records[0] = *((const Bench *)context)->record;
    *count = 1;
    return true;
}

// Of a table shop.t with the key `id`, made from the first record.
static void bench_open(Bench *bench, bool upsert, const Slice *operation, size_t parts) {
    static const Slice TABLES[] = {NAME("shop.t")};
    *bench = (Bench){0};
    arena_init(&arena, "test", 0);
    test_folder(bench->folder, sizeof(bench->folder), "records");
    option_defaults(&ICEBERG_OPTIONS, &bench->options);
    bench->options.freshness_ms = 24 * 3600 * 1000; // one commit, at the end
    bench->rules = (RecordRules){.tables = TABLES,
                                 .table_count = 1,
                                 .default_ids = SLICE("id"),
                                 .create = true,
                                 .upsert = upsert,
                                 .operation = {operation, parts},
                                 .schemaless = true};
    bench->records = (SinkRecords){.make = record_give, .context = bench};
    bench->context = (SinkContext){.name = "lake",
                                   .pipeline = "shop",
                                   .url = arena_printf(&arena, "%s/wh", bench->folder),
                                   .state_directory = arena_printf(&arena, "%s/state", bench->folder),
                                   .data_directory = bench->folder,
                                   .options = &bench->options,
                                   .rules = &bench->rules,
                                   .records = &bench->records,
                                   .memory_bytes_max = 16 * MIB};
    CHECK_OK(file_make_directories(bench->context.state_directory, err));
    CHECK_OK(file_make_directories(bench->context.url, err));
    CHECK_OK(ICEBERG_SINK.open(&bench->context, &bench->sink, err));
    (void)ICEBERG_SINK.start(bench->sink);
}

static void bench_append(Bench *bench) {
    bench_open(bench, false, NULL, 0);
}

static void bench_upsert(Bench *bench) {
    bench_open(bench, true, NULL, 0);
}

// cdc-field=_op
static void bench_cdc(Bench *bench) {
    static const Slice FIELD[] = {NAME("_op")};
    bench_open(bench, true, FIELD, 1);
}

static void record_take(Bench *bench, const ConnectRecord *record) {
    JournalTopic topic = {.id = 1, .name = SLICE("shop.t")};
    Event event = {.op = OP_CREATE, .offset_span = 1};
    JournalEntry entry = {.kind = JOURNAL_EVENT, .topic = &topic, .offset = bench->offset++, .event = &event};
    bench->record = record;
    CHECK_OK(ICEBERG_SINK.take(bench->sink, &entry, err));
}

static Value text(const char *is) {
    return is != NULL ? value_bytes(VALUE_STRING, slice_of(is)) : NOTHING;
}

#define ABSENT ((Value){.kind = VALUE_UNCHANGED}) // an operation that is left out

// {"id":…,"name":…,"_op":…}
static void row(Bench *bench, int64_t id, const char *name, Value operation) {
    Value members[] = {text("id"), value_int(id), text("name"), text(name), text("_op"), operation};
    size_t count = operation.kind == VALUE_UNCHANGED ? 4 : 6;
    Value value = {.kind = VALUE_MAP, .items = {members, count}};
    record_take(bench, &(ConnectRecord){.topic = SLICE("shop.t"), .value = &value, .partition = -1});
}

// --- what the table has ----------------------------------------------------------------------------------------

typedef struct Reading {
    LakeIo *io;
    Catalog *catalog;
    Table *table;
    LakeDeletes *deletes;
    int32_t ids[2];
    char *rows[ROWS_MAX];
    size_t count;
} Reading;

static bool file_read_rows(void *context, const ManifestEntry *entry, Err *failed) {
    Reading *reading = context;
    const TableMetadata *metadata = table_metadata(reading->table);
    LakeRead how = {.table = metadata,
                    .schema = table_schema_current(metadata),
                    .ids = reading->ids,
                    .count = 2,
                    .deleted = lake_deletes_of(reading->deletes, entry->file.path),
                    .sequence = entry->sequence_number};
    LakeRows *rows = NULL;
    const Value *values = NULL;
    uint64_t position = 0;
    if (entry->file.content != CONTENT_DATA) {
        return true;
    }
    CHECK_OK(lake_rows_open(reading->io, &entry->file, &how, &rows, err));
    for (;;) {
        CHECK_OK(lake_rows_next(rows, &values, &position, err));
        if (values == NULL) {
            break;
        }
        CHECK(reading->count < ROWS_MAX);
        reading->rows[reading->count++] =
            arena_printf(&arena, "%" PRId64 "%.*s", values[0].integer, SLICE_ARG(values[1].bytes));
    }
    lake_rows_close(rows);
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void rows_read(Bench *bench, Reading *reading) {
    LakePlaces places = {
        .url = bench->context.url, .data_directory = bench->folder, .owner = "reader", .s3 = &bench->options.s3};
    CatalogTable found;
    CHECK_OK(lake_places_open(&places, &arena, &reading->io, &reading->catalog, err));
    CHECK_OK(catalog_load(reading->catalog, (TableName){SLICE("shop"), SLICE("t")}, &arena, &found, err));
    CHECK_OK(table_open(reading->io, found.metadata_json, found.metadata_file, &reading->table, err));
    const TableMetadata *metadata = table_metadata(reading->table);
    const Shape *shape = table_schema_current(metadata)->shape;
    const Snapshot *snapshot = table_snapshot_current(metadata);
    int32_t id = shape_find(shape, SLICE("id")), name = shape_find(shape, SLICE("name"));
    CHECK(id >= 0 && name >= 0 && snapshot != NULL);
    reading->ids[0] = shape->fields[id].shape.id;
    reading->ids[1] = shape->fields[name].shape.id;
    CHECK_OK(lake_deletes_load(reading->io, reading->table, snapshot, &reading->deletes, err));
    CHECK_OK(table_each_file(reading->table, snapshot, false, file_read_rows, reading, err));
    lake_deletes_free(reading->deletes);
    table_close(reading->table);
    catalog_close(reading->catalog);
    lake_io_close(reading->io);
}

// Commits; the rows of the table are these, by id: "1one 2two". Ends the bench.
static void check_rows(Bench *bench, const char *want) {
    Position position = position_of(SLICE("somewhere"));
    JournalEntry cut = {.kind = JOURNAL_CUT, .next = 100, .position = &position, .epoch = 1, .cut_sequence = 1};
    Reading reading = {0};
    Buf got = {0};
    CHECK_OK(ICEBERG_SINK.take(bench->sink, &cut, err));
    CHECK_OK(ICEBERG_SINK.flush(bench->sink, err));
    ICEBERG_SINK.close(bench->sink);
    rows_read(bench, &reading);
    qsort(reading.rows, reading.count, sizeof(reading.rows[0]), by_text);
    for (size_t i = 0; i < reading.count; i++) {
        buf_printf(&got, "%s%s", i > 0 ? " " : "", reading.rows[i]);
    }
    CHECK_TEXT(got.size > 0 ? buf_slice(&got) : SLICE(""), want);
    buf_release(&got);
    CHECK_OK(file_remove_tree(bench->folder, err));
    arena_release(&arena);
}

// --- which operation a record is -------------------------------------------------------------------------------

// By _cdc.op, of a record without a schema.
static bool deletes(Value operation) {
    static const Slice PATH[] = {NAME("_cdc"), NAME("op")};
    RecordRules rules = {.operation = {PATH, 2}};
    Value inner[] = {text("ts"), value_int(7), text("op"), operation};
    Value cdc = {.kind = VALUE_MAP, .items = {inner, operation.kind == VALUE_UNCHANGED ? 2 : 4}};
    Value members[] = {text("op"), text("X"), text("_cdc"), cdc};
    Value value = {.kind = VALUE_MAP, .items = {members, 4}};
    RecordOp op = operation_of(&rules, &(ConnectRecord){.value = &value}, &arena);
    arena_release(&arena);
    return op == RECORD_DROP;
}

TEST(an_operation_is_a_delete_by_its_first_letter) {
    CHECK(deletes(text("D")) && deletes(text("DELETE")) && deletes(text("Dx")));
    CHECK(!deletes(text("UD")) && !deletes(text("ID")));
}

TEST(an_operations_letter_has_any_case) {
    CHECK(deletes(text("d")) && deletes(text("delete")));
}

TEST(blanks_before_an_operation_are_passed_over) {
    CHECK(deletes(text(" D")) && deletes(text("\t\n d")));
}

TEST(every_other_operation_puts) {
    CHECK(!deletes(text("I")) && !deletes(text("U")) && !deletes(text("u")) && !deletes(text("r")) &&
          !deletes(text("c")) && !deletes(text("t")) && !deletes(value_int(4)) &&
          !deletes((Value){.kind = VALUE_TRUE}) && !deletes((Value){.kind = VALUE_FALSE}));
}

TEST(an_operation_that_is_null_empty_or_missing_puts) {
    CHECK(!deletes(NOTHING) && !deletes(text("")) && !deletes(text("  ")) && !deletes(ABSENT));
}

TEST(without_an_operation_field_nothing_is_a_delete) {
    RecordRules rules = {0};
    Value members[] = {text(""), text("D")};
    Value value = {.kind = VALUE_MAP, .items = {members, 2}};
    CHECK_INT(operation_of(&rules, &(ConnectRecord){.value = &value}, &arena), RECORD_PUT);
}

TEST(an_operation_is_found_by_its_path_in_a_schema) {
    static const ShapeField INNER[] = {{.name = NAME("ts"), .shape = {.kind = SHAPE_INT64}},
                                       {.name = NAME("op"), .shape = {.kind = SHAPE_STRING, .optional = true}}};
    static const ShapeField FIELDS[] = {
        {.name = NAME("op"), .shape = {.kind = SHAPE_STRING}},
        {.name = NAME("_cdc"), .shape = {.kind = SHAPE_STRUCT, .optional = true, .fields = INNER, .field_count = 2}}};
    static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = FIELDS, .field_count = 2};
    static const Slice PATH[] = {NAME("_cdc"), NAME("op")}, OTHER[] = {NAME("_cdc"), NAME("operation")};
    Value inner[] = {value_int(7), text("D")};
    Value members[] = {text("U"), {.kind = VALUE_STRUCT, .items = {inner, 2}}};
    Value value = {.kind = VALUE_STRUCT, .items = {members, 2}};
    ConnectRecord record = {.value = &value, .value_shape = &SHAPE};
    CHECK_INT(operation_of(&(RecordRules){.operation = {PATH, 2}}, &record, &arena), RECORD_DROP);
    CHECK_INT(operation_of(&(RecordRules){.operation = {OTHER, 2}}, &record, &arena), RECORD_PUT);
    members[1] = NOTHING; // no struct at all
    CHECK_INT(operation_of(&(RecordRules){.operation = {PATH, 2}}, &record, &arena), RECORD_PUT);
}

// --- what becomes of the rows ----------------------------------------------------------------------------------

TEST(with_neither_option_each_record_is_a_row) {
    Bench bench;
    bench_append(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 1, "b", text("D"));
    check_rows(&bench, "1a 1b");
}

TEST(an_upsert_takes_the_place_of_the_row_with_its_key) {
    Bench bench;
    bench_upsert(&bench);
    row(&bench, 1, "a", ABSENT);
    row(&bench, 2, "b", ABSENT);
    row(&bench, 1, "c", ABSENT);
    check_rows(&bench, "1c 2b");
}

TEST(an_upsert_without_an_operation_field_deletes_nothing) {
    Bench bench;
    bench_upsert(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 1, "b", text("D"));
    check_rows(&bench, "1b");
}

TEST(a_delete_takes_the_row_of_its_key_away) {
    Bench bench;
    bench_cdc(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 2, "b", text("I"));
    row(&bench, 1, "a", text("D"));
    check_rows(&bench, "2b");
}

TEST(a_delete_needs_no_more_than_the_key) {
    Bench bench;
    bench_cdc(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 2, "b", text("I"));
    row(&bench, 2, NULL, text("D"));
    check_rows(&bench, "1a");
}

TEST(a_delete_of_a_row_that_is_not_there_deletes_nothing) {
    Bench bench;
    bench_cdc(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 2, "b", text("D"));
    check_rows(&bench, "1a");
}

TEST(a_row_that_was_deleted_may_come_again) {
    Bench bench;
    bench_cdc(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 1, "a", text("D"));
    row(&bench, 1, "b", text("I"));
    check_rows(&bench, "1b");
}

TEST(an_update_takes_the_place_of_the_row_with_its_key) {
    Bench bench;
    bench_cdc(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 1, "b", text("U"));
    row(&bench, 2, "c", text("U")); // that was not there
    check_rows(&bench, "1b 2c");
}

TEST(an_insert_that_comes_twice_is_one_row) { // the original has two
    Bench bench;
    bench_cdc(&bench);
    row(&bench, 1, "a", text("I"));
    row(&bench, 1, "b", text("I"));
    row(&bench, 2, "c", NOTHING);
    row(&bench, 2, "d", ABSENT);
    check_rows(&bench, "1b 2d");
}

TEST(a_row_that_moves_to_another_partition_leaves_its_old_one) { // the original leaves both
    Bench bench;
    bench_cdc(&bench);
    bench.rules.default_partition_by = SLICE("name");
    row(&bench, 1, "a", text("I"));
    row(&bench, 2, "a", text("I"));
    row(&bench, 1, "b", text("U"));
    row(&bench, 2, "c", text("D")); // of whatever partition it says
    check_rows(&bench, "1b");
}

TEST(a_tombstone_says_nothing) {
    Bench bench;
    bench_cdc(&bench);
    Value key = value_int(1);
    row(&bench, 1, "a", text("I"));
    record_take(&bench, &(ConnectRecord){.topic = SLICE("shop.t"), .key = &key, .partition = -1});
    check_rows(&bench, "1a");
}
