// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/manifest_write.c"

#include "core/base/test.h"

#include <math.h>

static Arena arena;
static Err err[1];

static const ShapeField COLUMNS[] = {
    {.name = {(const uint8_t *)"id", 2}, .shape = {.kind = SHAPE_INT64, .id = 1}},
    {.name = {(const uint8_t *)"day", 3}, .shape = {.kind = SHAPE_DATE, .id = 2, .optional = true}},
    {.name = {(const uint8_t *)"name", 4}, .shape = {.kind = SHAPE_STRING, .id = 3, .optional = true}},
    {.name = {(const uint8_t *)"price", 5},
     .shape = {.kind = SHAPE_DECIMAL, .precision = 9, .scale = 2, .id = 4, .optional = true}},
    {.name = {(const uint8_t *)"key", 3}, .shape = {.kind = SHAPE_UUID, .id = 5, .optional = true}},
    {.name = {(const uint8_t *)"at", 2}, .shape = {.kind = SHAPE_TIMESTAMP, .id = 6, .optional = true}},
    {.name = {(const uint8_t *)"real", 4}, .shape = {.kind = SHAPE_FLOAT64, .id = 7, .optional = true}},
    {.name = {(const uint8_t *)"yes", 3}, .shape = {.kind = SHAPE_BOOL, .id = 8, .optional = true}},
    {.name = {(const uint8_t *)"key2", 4}, .shape = {.kind = SHAPE_UUID, .id = 9, .optional = true}},
};
static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = COLUMNS, .field_count = ARRAY_LEN(COLUMNS)};
static const TableSchema SCHEMA = {.id = 0, .shape = &SHAPE};
enum { FIELDS = ARRAY_LEN(COLUMNS) };

typedef struct Bench {
    PartitionField fields[FIELDS];
    PartitionSpec specs[2];
    TableMetadata table;
} Bench;

// Spec 0 is unpartitioned, spec 1 has every column as it is.
static void bench_init(Bench *bench, int32_t format_version) {
    arena_init(&arena, "test", 0);
    for (size_t i = 0; i < FIELDS; i++) {
        bench->fields[i] = (PartitionField){.source_id = (int32_t)i + 1,
                                            .field_id = 1000 + (int32_t)i,
                                            .name = i == 2 ? SLICE("2 na-me") : COLUMNS[i].name,
                                            .transform = TRANSFORM_IDENTITY,
                                            .transform_text = SLICE("identity")};
    }
    bench->specs[0] = (PartitionSpec){.id = 0};
    bench->specs[1] = (PartitionSpec){.id = 1, .fields = bench->fields, .field_count = FIELDS};
    bench->table = (TableMetadata){.format_version = format_version,
                                   .schemas = &SCHEMA,
                                   .schema_count = 1,
                                   .specs = bench->specs,
                                   .spec_count = 2};
}

static DataFile some_file(const char *path, int64_t records) {
    return (DataFile){.path = slice_of(path),
                      .format = SLICE("PARQUET"),
                      .record_count = records,
                      .size = records * 100,
                      .sort_order_id = -1,
                      .first_row_id = -1,
                      .content_offset = -1};
}

static ManifestFile write_all(Bench *bench, int spec, bool deletes, const ManifestEntry *entries, size_t count,
                              Buf *out) {
    ManifestWriter *writer = NULL;
    ManifestFile made;
    CHECK_OK(manifest_writer_open(&bench->table, &SCHEMA, &bench->specs[spec], deletes, 77, &writer, err));
    for (size_t i = 0; i < count; i++) {
        CHECK_OK(manifest_writer_add(writer, &entries[i], err));
    }
    CHECK(manifest_writer_estimate(writer) > 100);
    CHECK_OK(manifest_writer_finish(writer, &arena, out, &made, err));
    manifest_writer_close(writer);
    CHECK_INT(made.length, out->size);
    made.path = SLICE("file:///m.avro");
    return made;
}

TEST(manifest_entries_inherit) {
    Bench bench;
    bench_init(&bench, 3);
    static const int64_t splits[] = {4, 1000};
    static const ColumnMetrics metrics[] = {
        {.id = 1, .size = 10, .values = 3, .nulls = 0, .nans = -1, .lower = {(const uint8_t *)"a", 1}},
        {.id = 7, .size = -1, .values = 3, .nulls = 1, .nans = 2, .upper = {(const uint8_t *)"", 0}}};
    ManifestEntry entries[] = {
        {ENTRY_ADDED, -1, -1, -1, some_file("s3://b/1", 3)},
        {ENTRY_EXISTING, 5, 2, 3, some_file("s3://b/2", 10)},
        {ENTRY_DELETED, 77, 4, 4, some_file("s3://b/3", 100)},
        {ENTRY_ADDED, -1, 1, -1, some_file("s3://b/4", 1000)},
    };
    entries[0].file.metrics = metrics;
    entries[0].file.metric_count = 2;
    entries[0].file.split_offsets = splits;
    entries[0].file.split_count = 2;
    entries[0].file.sort_order_id = 0;
    entries[1].file.first_row_id = 500;
    DEFER(buf_release) Buf out = {0};
    ManifestFile made = write_all(&bench, 0, false, entries, 4, &out);
    CHECK(made.added_files == 2 && made.existing_files == 1 && made.deleted_files == 1);
    CHECK(made.added_rows == 1003 && made.existing_rows == 10 && made.deleted_rows == 100);
    CHECK(made.sequence_number == -1 && made.min_sequence_number == 1 && made.added_snapshot_id == 77);
    made.sequence_number = 9;
    made.first_row_id = 10000;
    ManifestEntry *read = NULL;
    size_t count = 0;
    CHECK_OK(manifest_read(buf_slice(&out), &made, &bench.table, (ManifestRead){.metrics = true}, &arena, &read, &count,
                           err));
    CHECK_INT(count, 4);
    CHECK(read[0].snapshot_id == 77 && read[0].sequence_number == 9 && read[0].file_sequence_number == 9);
    CHECK(read[1].snapshot_id == 5 && read[1].sequence_number == 2 && read[1].file_sequence_number == 3);
    CHECK(read[2].status == ENTRY_DELETED && read[2].snapshot_id == 77 && read[2].sequence_number == 4);
    CHECK(read[3].sequence_number == 1 && read[3].file_sequence_number == 9);
    CHECK(read[0].file.first_row_id == 10000 && read[1].file.first_row_id == 500);
    CHECK(read[2].file.first_row_id == -1 && read[3].file.first_row_id == 10003);
    CHECK_TEXT(read[0].file.path, "s3://b/1");
    CHECK_TEXT(read[0].file.format, "PARQUET");
    CHECK(read[0].file.size == 300 && read[0].file.sort_order_id == 0 && read[1].file.sort_order_id == -1);
    CHECK(read[0].file.split_count == 2 && read[0].file.split_offsets[1] == 1000);
    CHECK_INT(read[0].file.metric_count, 2);
    const ColumnMetrics *got = read[0].file.metrics;
    CHECK(got[0].id == 1 && got[0].size == 10 && got[0].values == 3 && got[0].nulls == 0 && got[0].nans == -1);
    CHECK(got[0].upper.data == NULL && slice_is(got[0].lower, "a"));
    CHECK(got[1].id == 7 && got[1].size == -1 && got[1].nans == 2 && got[1].lower.data == NULL);
    CHECK(got[1].upper.data != NULL && got[1].upper.size == 0);
    CHECK_OK(
        manifest_read(buf_slice(&out), &made, &bench.table, (ManifestRead){.live = true}, &arena, &read, &count, err));
    CHECK_INT(count, 3);
    CHECK(read[2].file.first_row_id == 10003 && read[0].file.metric_count == 0);
    arena_release(&arena);
}

TEST(manifests_of_every_partition_type) {
    Bench bench;
    bench_init(&bench, 2);
    Value values[2][FIELDS] = {
        {value_int(-5),
         {.kind = VALUE_DATE, .integer = -10957},
         value_bytes(VALUE_STRING, SLICE("Zürich")),
         {0},
         value_bytes(VALUE_UUID, SLICE("0123456789abcdef")),
         {.kind = VALUE_TIMESTAMP, .integer = 1},
         {.kind = VALUE_FLOAT64, .real = -1.5},
         value_bool(true),
         value_bytes(VALUE_UUID, SLICE("fedcba9876543210"))},
        {value_int(1)},
    };
    CHECK(decimal_from_text(&arena, SLICE("-1234567.89"), &values[0][3].bytes));
    values[0][3].kind = VALUE_DECIMAL;
    values[1][6] = (Value){.kind = VALUE_FLOAT64, .real = (double)NAN};
    ManifestEntry entries[2];
    for (size_t i = 0; i < 2; i++) {
        entries[i] = (ManifestEntry){ENTRY_ADDED, -1, -1, -1, some_file("s3://b/1", 3)};
        entries[i].file.spec_id = 1;
        entries[i].file.partition = values[i];
        entries[i].file.partition_count = FIELDS;
    }
    DEFER(buf_release) Buf out = {0};
    ManifestFile made = write_all(&bench, 1, false, entries, 2, &out);
    ManifestEntry *read = NULL;
    size_t count = 0;
    CHECK_OK(manifest_read(buf_slice(&out), &made, &bench.table, (ManifestRead){0}, &arena, &read, &count, err));
    CHECK_INT(count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_INT(read[i].file.partition_count, FIELDS);
        for (size_t j = 0; j < FIELDS; j++) {
            CHECK(value_equal(&read[i].file.partition[j], &values[i][j]));
        }
    }
    CHECK_INT(made.partition_count, FIELDS);
    CHECK(!made.partitions[0].contains_null && made.partitions[1].contains_null);
    CHECK(made.partitions[6].contains_nan == 1 && made.partitions[0].contains_nan == 0);
    CHECK(made.partitions[0].lower.size == 8 && load_u64le(made.partitions[0].lower.data) == (uint64_t)-5);
    CHECK(load_u64le(made.partitions[0].upper.data) == 1);
    CHECK_TEXT(made.partitions[2].upper, "Zürich");
    CHECK(made.partitions[1].lower.size == 4 && load_u32le(made.partitions[1].lower.data) == 0);
    CHECK(made.partitions[6].lower.size == 8);
    CHECK(made.partitions[8].lower.size == 16);
    // One of another type, too few of them.
    ManifestWriter *writer = NULL;
    CHECK_OK(manifest_writer_open(&bench.table, &SCHEMA, &bench.specs[1], false, 77, &writer, err));
    values[0][1] = value_int(3);
    CHECK_FAILS(manifest_writer_add(writer, &entries[0], err), ERR_VALUE);
    entries[1].file.partition_count = 1;
    CHECK_FAILS(manifest_writer_add(writer, &entries[1], err), ERR_VALUE);
    manifest_writer_close(writer);
    arena_release(&arena);
}

TEST(manifests_of_deletes_name_their_data_file) {
    Bench bench;
    bench_init(&bench, 3);
    ManifestEntry entry = {ENTRY_ADDED, 77, -1, -1, some_file("s3://b/1.puffin", 3)};
    entry.file.content = CONTENT_POSITION_DELETES;
    entry.file.format = SLICE("PUFFIN");
    entry.file.referenced_file = SLICE("s3://b/a-name-that-is-longer-than-sixteen-bytes");
    entry.file.content_offset = 4;
    entry.file.content_size = 44;
    DEFER(buf_release) Buf out = {0};
    ManifestFile made = write_all(&bench, 0, true, &entry, 1, &out);
    CHECK(made.deletes);
    ManifestEntry *read = NULL;
    size_t count = 0;
    CHECK_OK(manifest_read(buf_slice(&out), &made, &bench.table, (ManifestRead){.metrics = true}, &arena, &read, &count,
                           err));
    CHECK_INT(count, 1);
    CHECK(read->file.content_offset == 4 && read->file.content_size == 44);
    CHECK(slice_equal(read->file.referenced_file, entry.file.referenced_file));
    CHECK(read->file.metric_count == 1 && read->file.metrics[0].id == ICEBERG_ID_FILE_PATH);
    CHECK(slice_equal(read->file.metrics[0].upper, entry.file.referenced_file));
    made.deletes = false; // the list says otherwise
    CHECK_FAILS(manifest_read(buf_slice(&out), &made, &bench.table, (ManifestRead){0}, &arena, &read, &count, err),
                ERR_VALUE);
    bench.table.format_version = 2;
    ManifestWriter *writer = NULL;
    CHECK_OK(manifest_writer_open(&bench.table, &SCHEMA, &bench.specs[0], true, 77, &writer, err));
    CHECK_FAILS(manifest_writer_add(writer, &entry, err), ERR_VALUE);
    entry.file.content = CONTENT_DATA;
    CHECK_FAILS(manifest_writer_add(writer, &entry, err), ERR_VALUE);
    entry.file.content = CONTENT_POSITION_DELETES;
    entry.file.content_offset = -1;
    entry.status = ENTRY_EXISTING;
    CHECK_FAILS(manifest_writer_add(writer, &entry, err), ERR_VALUE);
    manifest_writer_close(writer);
    arena_release(&arena);
}

TEST(damaged_manifests_are_refused) {
    Bench bench;
    bench_init(&bench, 2);
    ManifestEntry entries[200];
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        entries[i] = (ManifestEntry){ENTRY_ADDED, -1, -1, -1, some_file(arena_printf(&arena, "s3://b/%zu", i), 3)};
    }
    DEFER(buf_release) Buf out = {0};
    ManifestFile made = write_all(&bench, 0, false, entries, ARRAY_LEN(entries), &out);
    ManifestEntry *read = NULL;
    size_t count = 0;
    for (size_t size = 0; size < out.size; size += 1 + size / 50) {
        Slice cut = {out.data, size};
        CHECK_FAILS(manifest_read(cut, &made, &bench.table, (ManifestRead){0}, &arena, &read, &count, err), ERR_VALUE);
    }
    made.spec_id = 4;
    CHECK_FAILS(manifest_read(buf_slice(&out), &made, &bench.table, (ManifestRead){0}, &arena, &read, &count, err),
                ERR_VALUE);
    arena_release(&arena);
}
