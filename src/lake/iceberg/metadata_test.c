// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/metadata.c"

#include "core/base/test.h"

#include <time.h>

static Arena arena[1];
static Err err[1];

// As Java writes it (format version 2), with members that no version has.
static const char *const SECOND =
    "{\"format-version\":2,\"table-uuid\":\"9c12d441-03fe-4693-9a96-a0705ddf69c1\",\"location\":\"s3://lake/shop/"
    "orders\",\"last-sequence-number\":34,\"last-updated-ms\":1602638573590,\"last-column-id\":3,\"current-schema-id\":"
    "1,\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,"
    "\"type\":\"long\"}]},{\"type\":\"struct\",\"schema-id\":1,\"identifier-field-ids\":[1,2],\"fields\":[{\"id\":1,"
    "\"name\":\"x\",\"required\":true,\"type\":\"long\"},{\"id\":2,\"name\":\"y\",\"required\":true,\"type\":\"long\","
    "\"doc\":\"comment\"},{\"id\":3,\"name\":\"z\",\"required\":true,\"type\":\"timestamptz\"}]}],\"default-spec-id\":"
    "0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"name\":\"x\",\"transform\":\"identity\",\"source-id\":1,"
    "\"field-id\":1000},{\"name\":\"z_zig\",\"transform\":\"zigzag[3]\",\"source-id\":3,\"field-id\":1001,"
    "\"hue\":7}]}],\"last-partition-id\":1001,\"default-sort-order-id\":3,\"sort-orders\":[{\"order-id\":3,\"fields\":"
    "[{\"transform\":\"identity\",\"source-id\":2,\"direction\":\"asc\",\"null-order\":\"nulls-first\"},"
    "{\"transform\":\"bucket[4]\",\"source-id\":3,\"direction\":\"desc\",\"null-order\":\"nulls-last\"}]}],"
    "\"properties\":{\"read.split.target.size\":\"134217728\"},\"current-snapshot-id\":3055729675574597004,\"refs\":{"
    "\"main\":{\"snapshot-id\":3055729675574597004,\"type\":\"branch\",\"max-ref-age-ms\":10,\"hue\":1},\"t\":{"
    "\"snapshot-id\":3051729675574597004,\"type\":\"tag\"}},\"snapshots\":[{\"snapshot-id\":3051729675574597004,"
    "\"timestamp-ms\":1515100955770,\"summary\":{\"operation\":\"append\"},\"manifest-list\":\"s3://a/b/1.avro\"},{"
    "\"sequence-number\":34,\"snapshot-id\":3055729675574597004,\"parent-snapshot-id\":3051729675574597004,"
    "\"timestamp-ms\":1555100955770,\"summary\":{\"operation\":\"append\",\"total-records\":\"7\"},\"manifest-list\":"
    "\"s3://a/b/2.avro\",\"schema-id\":1,\"key-id\":\"k1\"}],\"statistics\":[{\"snapshot-id\":3055729675574597004}],"
    "\"partition-statistics\":[],\"snapshot-log\":[{\"timestamp-ms\":1515100955770,\"snapshot-id\":"
    "3051729675574597004},{\"timestamp-ms\":1555100955770,\"snapshot-id\":3055729675574597004}],\"metadata-log\":[{"
    "\"timestamp-ms\":1515100955770,\"metadata-file\":\"s3://lake/shop/orders/metadata/00000-a.metadata.json\"}],"
    "\"answer\":{\"to\": [42, 1e400]},\"more\":null}";

static void written(const TableMetadata *metadata, const char *wanted) {
    Buf out;
    buf_init(&out, 0);
    table_metadata_write(metadata, &out);
    CHECK_TEXT(buf_slice(&out), wanted);
    buf_release(&out);
}

TEST(table_metadata_is_written_as_read) {
    arena_init(arena, "test", 0);
    TableMetadata metadata;
    CHECK_OK(table_metadata_parse(slice_of(SECOND), arena, &metadata, err));
    written(&metadata, SECOND);
    CHECK_INT(table_schema_current(&metadata)->shape->field_count, 3);
    CHECK(metadata.specs[0].fields[1].transform == TRANSFORM_OTHER);
    CHECK_INT(table_snapshot_current(&metadata)->sequence_number, 34);
    CHECK_TEXT(snapshot_summary(table_snapshot_current(&metadata), "total-records"), "7");
    CHECK_TEXT(table_property(&metadata, "read.split.target.size"), "134217728");
    CHECK(table_property(&metadata, "absent").data == NULL);
    CHECK(table_ref_find(&metadata, SLICE("t"))->tag);
    CHECK(table_is_ancestor(&metadata, 3051729675574597004, 3055729675574597004));
    CHECK(!table_is_ancestor(&metadata, 3055729675574597004, 3051729675574597004));
    arena_release(arena);
}

// What Java wrote before there were lists.
static const char *const FIRST =
    "{\"format-version\":1,\"table-uuid\":\"d20125c8-7284-442c-9aea-15fee620737c\",\"location\":\"file:///t/\","
    "\"last-updated-ms\":1602638573874,\"last-column-id\":2,\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,"
    "\"name\":\"x\",\"required\":true,\"type\":\"long\"}]},\"partition-spec\":[{\"name\":\"x\",\"transform\":"
    "\"identity\",\"source-id\":1}],\"properties\":{},\"current-snapshot-id\":7,\"snapshots\":[{\"snapshot-id\":7,"
    "\"timestamp-ms\":5,\"manifests\":[\"file:///t/m.avro\"]}],\"snapshot-log\":[]}";

TEST(table_metadata_of_version_1_is_written_as_2) {
    arena_init(arena, "test", 0);
    TableMetadata metadata;
    CHECK_OK(table_metadata_parse(slice_of(FIRST), arena, &metadata, err));
    written(&metadata,
            "{\"format-version\":2,\"table-uuid\":\"d20125c8-7284-442c-9aea-15fee620737c\",\"location\":\"file:///t\","
            "\"last-sequence-number\":0,\"last-updated-ms\":1602638573874,\"last-column-id\":2,\"current-schema-id\":0,"
            "\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"x\",\"required\":true,"
            "\"type\":\"long\"}]}],\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"name\":"
            "\"x\",\"transform\":\"identity\",\"source-id\":1,\"field-id\":1000}]}],\"last-partition-id\":1000,"
            "\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"properties\":{},"
            "\"current-snapshot-id\":7,\"refs\":{\"main\":{\"snapshot-id\":7,\"type\":\"branch\"}},\"snapshots\":[{"
            "\"snapshot-id\":7,\"timestamp-ms\":5,\"manifests\":[\"file:///t/m.avro\"]}],\"statistics\":[],"
            "\"partition-statistics\":[],\"snapshot-log\":[],\"metadata-log\":[]}");
    arena_release(arena);
}

// SECOND with the first `from` replaced.
static void refused(const char *from, const char *to, ErrCode code, const char *what) {
    arena_init(arena, "test", 0);
    const char *at = strstr(SECOND, from);
    CHECK(at != NULL);
    char *json = arena_printf(arena, "%.*s%s%s", (int)(at - SECOND), SECOND, to, at + strlen(from));
    TableMetadata metadata;
    if (table_metadata_parse(slice_of(json), arena, &metadata, err) || err->code != code ||
        strstr(err->message, what) == NULL) {
        test_fail(__FILE__, __LINE__, "%s → %s: '%s', not '%s'", from, to, err->message, what);
    }
    err_clear(err);
    arena_release(arena);
}

TEST(table_metadata_that_is_wrong_is_refused_with_its_place) {
    refused("\"format-version\":2", "\"format-version\":4", ERR_FORMAT_NEWER, "version 4");
    refused("\"format-version\":2,", "", ERR_VALUE, "table metadata: format-version is missing");
    refused("\"format-version\":2", "\"format-version\":3", ERR_VALUE, "next-row-id is missing");
    refused("\"last-sequence-number\":34,", "", ERR_VALUE, "last-sequence-number is missing");
    refused("\"last-sequence-number\":34", "\"last-sequence-number\":33", ERR_VALUE, "snapshots[1].sequence-number 34");
    refused("\"current-schema-id\":1", "\"current-schema-id\":5", ERR_VALUE, "current-schema-id: no schema");
    refused("\"default-spec-id\":0", "\"default-spec-id\":5", ERR_VALUE, "default-spec-id: no partition spec");
    refused("\"schemas\":", "\"schemaz\":", ERR_VALUE, "schemas is missing");
    refused("\"schema-id\":0", "\"schema-id\":1", ERR_VALUE, "two schemas have the id 1");
    refused("{\"snapshot-id\":3051729675574597004,\"timestamp-ms\"", "{\"snapshot-id\":8,\"timestamp-ms\"", ERR_VALUE,
            "refs.t: there is no snapshot");
    refused("{\"snapshot-id\":3051729675574597004,\"timestamp-ms\"",
            "{\"snapshot-id\":3055729675574597004,\"timestamp-ms\"", ERR_VALUE, "two snapshots have the id");
    refused("\"current-snapshot-id\":3055729675574597004", "\"current-snapshot-id\":null", ERR_VALUE,
            "is not that of refs.main");
    refused("\"current-snapshot-id\":3055729675574597004", "\"current-snapshot-id\":92233720368547758070", ERR_VALUE,
            "table metadata: current-snapshot-id: is too large");
    refused("\"timestamp-ms\":1515100955770", "\"timestamp-ms\":1.5e3", ERR_VALUE,
            "snapshots[0].timestamp-ms: is to be");
    refused("\"total-records\":\"7\"", "\"total-records\":7", ERR_VALUE,
            "table metadata: snapshots[1].summary.total-records: is to be a text, not a number");
    refused("\"total-records\":\"7\"", "\"operation\":\"7\"", ERR_VALUE, "summary.operation: comes twice");
    refused("\"type\":\"tag\"", "\"type\":\"tag\",\"min-snapshots-to-keep\":3", ERR_VALUE, "tags do not support");
    refused("\"max-ref-age-ms\":10", "\"max-ref-age-ms\":0", ERR_VALUE, "greater than 0");
    refused("\"manifest-list\":\"s3://a/b/1.avro\"", "\"schema-id\":0", ERR_VALUE, "manifest-list is missing");
    refused("\"more\":null}", "\"more\":null", ERR_VALUE, "at byte");
    refused("\"more\":null", "\"answer\":null", ERR_VALUE, "answer: comes twice");
    refused("\"more\":null", "\"location\":\"x\"", ERR_VALUE, "location: comes twice");
}

TEST(table_metadata_begins_as_java_begins_it) {
    arena_init(arena, "test", 0);
    const ShapeField column = {.name = SLICE("id"), .shape = {.kind = SHAPE_INT64, .id = 1}};
    const Shape shape = {.kind = SHAPE_STRUCT, .fields = &column, .field_count = 1};
    const TableSchema schema = {.id = 9, .shape = &shape};
    const Property properties[] = {{SLICE("format-version"), SLICE("3")}, {SLICE("a"), SLICE("b")}};
    TableMetadata metadata;
    CHECK_OK(table_metadata_new(3, SLICE("u"), SLICE("file:///w/t/"), &schema, NULL, NULL, properties, 2, 77, arena,
                                &metadata, err));
    written(&metadata,
            "{\"format-version\":3,\"table-uuid\":\"u\",\"location\":\"file:///w/t\",\"last-sequence-number\":0,"
            "\"last-updated-ms\":77,\"last-column-id\":1,\"current-schema-id\":0,\"schemas\":[{\"type\":\"struct\","
            "\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"}]}],"
            "\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999,"
            "\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"properties\":{\"a\":\"b\"},"
            "\"current-snapshot-id\":null,\"next-row-id\":0,\"refs\":{},\"snapshots\":[],\"statistics\":[],"
            "\"partition-statistics\":[],\"snapshot-log\":[],\"metadata-log\":[]}");
    CHECK_FAILS(table_metadata_new(4, SLICE("u"), SLICE("l"), &schema, NULL, NULL, NULL, 0, 0, arena, &metadata, err),
                ERR_VALUE);
    arena_release(arena);
}

static void next(const TableMetadata *metadata, const char *previous, const char *wanted) {
    Slice file = table_metadata_next_file(metadata, slice_of(previous), arena);
    size_t size = strlen(wanted);
    CHECK_INT(file.size, size + 36 + strlen(".metadata.json"));
    CHECK_TEXT(((Slice){file.data, size}), wanted);
    CHECK_TEXT(slice_from(file, size + 36), ".metadata.json");
}

TEST(table_metadata_files_count_up) {
    arena_init(arena, "test", 0);
    TableMetadata metadata = {.location = SLICE("file:///w/t")};
    next(&metadata, "", "file:///w/t/metadata/00000-");
    next(&metadata, "file:///w/t/metadata/00041-9c12d441-03fe-4693-9a96-a0705ddf69c1.metadata.json",
         "file:///w/t/metadata/00042-");
    next(&metadata, "v7.metadata.json", "file:///w/t/metadata/00008-");
    const Property path = {SLICE("write.metadata.path"), SLICE("s3://other/")};
    metadata.properties = &path;
    metadata.property_count = 1;
    next(&metadata, "99999-", "s3://other/100000-");
    arena_release(arena);
}

TEST(table_metadata_of_many_snapshots_is_quick_to_write) {
    arena_init(arena, "test", 0);
    TableMetadata metadata;
    CHECK_OK(table_metadata_parse(slice_of(SECOND), arena, &metadata, err));
    Property summary[20];
    for (size_t i = 0; i < ARRAY_LEN(summary); i++) {
        summary[i] = (Property){slice_of(arena_printf(arena, "added-position-deletes-%zu", i)), SLICE("1234567")};
    }
    Snapshot *snapshots = ARENA_ARRAY(arena, Snapshot, 1000);
    for (size_t i = 0; i < 1000; i++) {
        snapshots[i] = metadata.snapshots[1];
        snapshots[i].id = (int64_t)i;
        snapshots[i].summary = summary;
        snapshots[i].summary_count = ARRAY_LEN(summary);
    }
    metadata.snapshots = snapshots;
    metadata.snapshot_count = 1000;
    Buf out;
    buf_init(&out, 0);
    struct timespec from, to;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    table_metadata_write(&metadata, &out);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    int64_t micros = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
    CHECK(out.size > 900 * KIB / 2);
    CHECK(micros < 500000); // about 1 ms in a release build: the bound catches what is quadratic
    buf_release(&out);
    arena_release(arena);
}
