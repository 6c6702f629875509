// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/update_apply.c"

#include "core/base/test.h"

#include <time.h>

static Arena arena[1];
static Err err[1];

#define CREATE                                                                                                \
    "{\"action\":\"assign-uuid\",\"uuid\":\"u\"},{\"action\":\"add-schema\",\"schema\":{\"type\":\"struct\"," \
    "\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"},{\"id\":2,\"name\":\"ts\","   \
    "\"required\":false,\"type\":\"timestamptz\"}]}},{\"action\":\"set-current-schema\",\"schema-id\":-1},"   \
    "{\"action\":\"add-spec\",\"spec\":{\"fields\":[]}},{\"action\":\"set-default-spec\",\"spec-id\":-1},"    \
    "{\"action\":\"add-sort-order\",\"sort-order\":{\"order-id\":0,\"fields\":[]}},{\"action\":"              \
    "\"set-default-sort-order\",\"sort-order-id\":-1},{\"action\":\"set-location\",\"location\":\"file:///w/t/\"}"
#define SNAPSHOT(id, parent, sequence, at)                                                                     \
    "{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":" #id parent ",\"sequence-number\":" #sequence \
    ",\"timestamp-ms\":" #at ",\"summary\":{\"operation\":\"append\"},\"manifest-list\":\"m\"}}"
#define PARENT(id) ",\"parent-snapshot-id\":" #id
#define REF(name, id) \
    "{\"action\":\"set-snapshot-ref\",\"ref-name\":\"" name "\",\"type\":\"branch\",\"snapshot-id\":" #id "}"

static bool apply_at(const TableMetadata *base, const char *updates, int64_t now_ms, TableMetadata *made) {
    TableChange *change = ARENA_NEW(arena, TableChange);
    char *json = arena_printf(arena, "{\"updates\":[%s]}", updates);
    CHECK_OK(table_change_parse(slice_of(json), arena, change, err));
    return table_metadata_apply(base, base != NULL ? SLICE("f") : SLICE(""), change, now_ms, arena, made, NULL, NULL,
                                err);
}

static TableMetadata apply(const TableMetadata *base, const char *updates) {
    TableMetadata made;
    CHECK_OK(apply_at(base, updates, 1000, &made));
    // What is made can be read, and is the same then.
    Buf out, again;
    buf_init(&out, 0);
    buf_init(&again, 0);
    table_metadata_write(&made, &out);
    TableMetadata read;
    CHECK_OK(table_metadata_parse(buf_slice(&out), arena, &read, err));
    table_metadata_write(&read, &again);
    CHECK(slice_equal(buf_slice(&out), buf_slice(&again)));
    buf_release(&out);
    buf_release(&again);
    return made;
}

static void fails(const TableMetadata *base, const char *updates, ErrCode code, const char *what) {
    TableMetadata made;
    if (apply_at(base, updates, 1000, &made) || err->code != code || strstr(err->message, what) == NULL) {
        test_fail(__FILE__, __LINE__, "%s: '%s', not '%s'", updates, err->message, what);
    }
    err_clear(err);
}

static TableMetadata created(void) {
    arena_init(arena, "test", 0);
    return apply(NULL, CREATE);
}

TEST(table_is_made_of_updates_alone) {
    TableMetadata made = created();
    Buf out;
    buf_init(&out, 0);
    table_metadata_write(&made, &out);
    CHECK_TEXT(buf_slice(&out),
               "{\"format-version\":2,\"table-uuid\":\"u\",\"location\":\"file:///w/t\",\"last-sequence-number\":0,"
               "\"last-updated-ms\":1000,\"last-column-id\":2,\"current-schema-id\":0,\"schemas\":[{\"type\":"
               "\"struct\",\"schema-id\":0,\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"},{"
               "\"id\":2,\"name\":\"ts\",\"required\":false,\"type\":\"timestamptz\"}]}],\"default-spec-id\":0,"
               "\"partition-specs\":[{\"spec-id\":0,\"fields\":[]}],\"last-partition-id\":999,"
               "\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"properties\":{},"
               "\"current-snapshot-id\":-1,\"refs\":{},\"snapshots\":[],\"statistics\":[],\"partition-statistics\":[],"
               "\"snapshot-log\":[],\"metadata-log\":[]}");
    buf_release(&out);
    CHECK_INT(apply(NULL, "{\"action\":\"upgrade-format-version\",\"format-version\":3}," CREATE).format_version, 3);
    CHECK_INT(apply(NULL, "{\"action\":\"upgrade-format-version\",\"format-version\":1}," CREATE).format_version, 2);
    fails(NULL, "{\"action\":\"assign-uuid\",\"uuid\":\"u\"}", ERR_VALUE, "no location");
    fails(NULL, SNAPSHOT(1, "", 1, 1), ERR_VALUE, "before a schema is added");
    arena_release(arena);
}

TEST(table_snapshots_follow_each_other) {
    TableMetadata table = created();
    table = apply(&table, SNAPSHOT(11, "", 1, 900) "," REF("main", 11));
    CHECK_INT(table.last_sequence_number, 1);
    CHECK_INT(table.current_snapshot_id, 11);
    CHECK_INT(table.snapshot_log_count, 1);
    CHECK_INT(table.snapshot_log[0].timestamp_ms, 900);
    CHECK_INT(table.metadata_log_count, 1);
    CHECK_INT(table.metadata_log[0].timestamp_ms, 1000);
    fails(&table, SNAPSHOT(12, PARENT(11), 1, 900), ERR_CHANGED, "older than last sequence number 1");
    fails(&table, SNAPSHOT(11, PARENT(11), 2, 900), ERR_VALUE, "Snapshot already exists for id: 11");
    fails(&table, REF("b", 99), ERR_VALUE, "Cannot set b to unknown snapshot: 99");
    // Clocks: one that is behind, one that is a little ahead, one that is far ahead.
    table = apply(&table, SNAPSHOT(12, PARENT(11), 2, 100) "," REF("main", 12));
    CHECK_INT(table.snapshot_log[1].timestamp_ms, 900);
    table = apply(&table, SNAPSHOT(13, PARENT(12), 3, 2000) "," REF("main", 13));
    CHECK_INT(table.snapshot_log[2].timestamp_ms, 2000);
    CHECK_INT(table.last_updated_ms, 2000);
    table = apply(&table, SNAPSHOT(14, PARENT(13), 4, 9999999999) "," REF("main", 14));
    CHECK_INT(table.snapshot_log[3].timestamp_ms, 2000);
    // Back to an old one: at the time of the change.
    TableMetadata back;
    CHECK_OK(apply_at(&table, REF("main", 11), 3000, &back));
    CHECK_INT(back.current_snapshot_id, 11);
    CHECK_INT(back.snapshot_log[4].timestamp_ms, 3000);
    // The same again changes nothing.
    CHECK_INT(apply(&back, REF("main", 11)).snapshot_log_count, 5);
    // Two at once: the first was never seen.
    table = apply(&table, SNAPSHOT(15, PARENT(14), 5, 1) "," REF("main", 15) "," SNAPSHOT(16, PARENT(15), 6,
                                                                                          1) "," REF("main", 16));
    CHECK_INT(table.snapshot_log_count, 5);
    CHECK_INT(table.snapshot_log[4].snapshot_id, 16);
    CHECK_INT(table.last_sequence_number, 6);
    arena_release(arena);
}

TEST(table_snapshots_that_are_removed_take_refs_log_and_statistics_along) {
    TableMetadata table = created();
    table = apply(&table, SNAPSHOT(11, "", 1, 1) "," REF("main", 11));
    table = apply(&table, SNAPSHOT(12, PARENT(11), 2, 2) "," REF("main", 12) "," REF("b", 11));
    table = apply(&table, SNAPSHOT(13, PARENT(12), 3, 3) "," REF("main", 13));
    table = apply(&table, "{\"action\":\"set-statistics\",\"statistics\":{\"snapshot-id\":12,\"a\":1}},"
                          "{\"action\":\"set-statistics\",\"statistics\":{\"snapshot-id\":13,\"a\":1}},"
                          "{\"action\":\"set-statistics\",\"statistics\":{\"snapshot-id\":13,\"a\":2}},"
                          "{\"action\":\"set-partition-statistics\",\"partition-statistics\":{\"snapshot-id\":11}},"
                          "{\"action\":\"add-encryption-key\",\"encryption-key\":{\"key-id\":\"k\",\"v\":1}},"
                          "{\"action\":\"add-encryption-key\",\"encryption-key\":{\"key-id\":\"k\",\"v\":2}}");
    CHECK_TEXT(table.statistics, "[{\"snapshot-id\":12,\"a\":1},{\"snapshot-id\":13,\"a\":2}]");
    CHECK_TEXT(table.encryption_keys, "[{\"key-id\":\"k\",\"v\":1}]");
    TableMetadata less = apply(&table, "{\"action\":\"remove-snapshots\",\"snapshot-ids\":[12,77]},"
                                       "{\"action\":\"remove-snapshots\",\"snapshot-ids\":[11]}");
    CHECK_INT(less.snapshot_count, 1);
    CHECK_INT(less.snapshots[0].id, 13);
    CHECK_INT(less.ref_count, 1);
    CHECK_INT(less.snapshot_log_count, 1);
    CHECK_TEXT(less.statistics, "[{\"snapshot-id\":13,\"a\":2}]");
    CHECK_INT(less.partition_statistics.size, 0);
    // In the middle: what was before is gone from the log, too.
    less = apply(&table, "{\"action\":\"remove-snapshots\",\"snapshot-ids\":[12]}");
    CHECK_INT(less.snapshot_log_count, 1);
    CHECK_INT(less.ref_count, 2);
    // The current one: main goes.
    less = apply(&table, "{\"action\":\"remove-snapshots\",\"snapshot-ids\":[13]},"
                         "{\"action\":\"remove-encryption-key\",\"key-id\":\"k\"}");
    CHECK_INT(less.current_snapshot_id, -1);
    CHECK_INT(less.ref_count, 1);
    CHECK_INT(less.snapshot_log_count, 0);
    CHECK_INT(less.encryption_keys.size, 0);
    less = apply(&table, "{\"action\":\"remove-snapshot-ref\",\"ref-name\":\"main\"}");
    CHECK_INT(less.current_snapshot_id, -1);
    CHECK_INT(less.snapshot_count, 3);
    CHECK_INT(table.snapshot_count, 3); // the base is as it was
    arena_release(arena);
}

#define SCHEMA(fields)                                                                                            \
    "{\"action\":\"add-schema\",\"schema\":{\"type\":\"struct\",\"schema-id\":77,\"fields\":[{\"id\":1,\"name\":" \
    "\"id\","                                                                                                     \
    "\"required\":true,\"type\":\"long\"}" fields "]}}"
#define SCHEMA_3 SCHEMA(",{\"id\":3,\"name\":\"x\",\"required\":false,\"type\":\"string\"}")
#define LATEST   "{\"action\":\"set-current-schema\",\"schema-id\":-1}"

TEST(table_schemas_are_added_once) {
    TableMetadata table = created();
    TableMetadata more = apply(&table, SCHEMA_3 "," LATEST);
    CHECK_INT(more.schema_count, 2);
    CHECK_INT(more.schemas[1].id, 1);
    CHECK_INT(more.current_schema_id, 1);
    CHECK_INT(more.last_column_id, 3);
    more = apply(&more, SCHEMA_3 "," LATEST);
    CHECK_INT(more.schema_count, 2);
    CHECK_INT(more.current_schema_id, 1);
    more = apply(&more, SCHEMA("") "," LATEST);
    CHECK_INT(more.current_schema_id, 2);
    CHECK_INT(more.last_column_id, 3);
    more = apply(&more, "{\"action\":\"remove-schemas\",\"schema-ids\":[0,1,9]}");
    CHECK_INT(more.schema_count, 1);
    fails(&more, "{\"action\":\"remove-schemas\",\"schema-ids\":[2]}", ERR_VALUE, "Cannot remove the current schema");
    fails(&more, LATEST, ERR_VALUE, "Cannot set last added schema: no schema has been added");
    fails(&more, "{\"action\":\"set-current-schema\",\"schema-id\":8}", ERR_VALUE, "set-current-schema: Cannot set");
    fails(&more, SCHEMA(",{\"id\":4,\"name\":\"x\",\"required\":false,\"type\":\"timestamp_ns\"}"), ERR_VALUE,
          "Invalid schema for v2");
    fails(&more, SCHEMA(",{\"id\":4,\"name\":\"x\",\"required\":false,\"type\":\"int\",\"initial-default\":1}"),
          ERR_VALUE, "Invalid schema for v2");
    fails(&more, "{\"action\":\"upgrade-format-version\",\"format-version\":1}", ERR_VALUE, "Cannot downgrade v2");
    fails(&more, "{\"action\":\"upgrade-format-version\",\"format-version\":4}", ERR_VALUE, "Unsupported format");
    arena_release(arena);
}

#define SPEC(fields) "{\"action\":\"add-spec\",\"spec\":{\"spec-id\":5,\"fields\":[" fields "]}}"
#define DAY          "{\"name\":\"ts_day\",\"transform\":\"day\",\"source-id\":2}"
#define BUCKET       "{\"name\":\"id_bucket\",\"transform\":\"bucket[4]\",\"source-id\":1}"
#define SPEC_LATEST  "{\"action\":\"set-default-spec\",\"spec-id\":-1}"

TEST(table_specs_are_added_once_and_their_fields_numbered) {
    TableMetadata table = created();
    table = apply(&table, SPEC(DAY) "," SPEC_LATEST);
    CHECK_INT(table.default_spec_id, 1);
    CHECK_INT(table.specs[1].fields[0].field_id, 1000);
    CHECK_INT(table.last_partition_id, 1000);
    table = apply(&table, SPEC(BUCKET "," DAY) "," SPEC_LATEST);
    CHECK_INT(table.default_spec_id, 2);
    CHECK_INT(table.specs[2].fields[0].field_id, 1001);
    CHECK_INT(table.specs[2].fields[1].field_id, 1000);
    CHECK_INT(table.last_partition_id, 1001);
    table = apply(&table, SPEC(DAY) "," SPEC_LATEST);
    CHECK_INT(table.spec_count, 3);
    CHECK_INT(table.default_spec_id, 1);
    table = apply(&table, "{\"action\":\"remove-partition-specs\",\"spec-ids\":[0,2]}");
    CHECK_INT(table.spec_count, 1);
    fails(&table, "{\"action\":\"remove-partition-specs\",\"spec-ids\":[1]}", ERR_VALUE, "default partition spec");
    fails(&table, SPEC("{\"name\":\"x\",\"transform\":\"day\",\"source-id\":9}"), ERR_VALUE, "Cannot find source");
    fails(&table, SPEC("{\"name\":\"x\",\"transform\":\"day\",\"source-id\":1}"), ERR_VALUE, "does not take");
    fails(&table, SPEC("{\"name\":\"id\",\"transform\":\"day\",\"source-id\":2}"), ERR_VALUE, "name of a column");
    // The default spec's column may not go.
    fails(&table, SCHEMA("") "," LATEST, ERR_VALUE, "Cannot find source column for partition field: ts_day");
    arena_release(arena);
}

TEST(table_sort_orders_are_added_once) {
    TableMetadata table = created();
#define ORDER(direction)                                                                                     \
    "{\"action\":\"add-sort-order\",\"sort-order\":{\"order-id\":9,\"fields\":[{\"transform\":\"identity\"," \
    "\"source-id\":1,\"direction\":\"" direction "\",\"null-order\":\"nulls-last\"}]}},{\"action\":"         \
    "\"set-default-sort-order\",\"sort-order-id\":-1}"
    table = apply(&table, ORDER("asc"));
    CHECK_INT(table.default_order_id, 1);
    table = apply(&table, ORDER("desc"));
    CHECK_INT(table.default_order_id, 2);
    table = apply(&table, ORDER("asc"));
    CHECK_INT(table.default_order_id, 1);
    CHECK_INT(table.order_count, 3);
    arena_release(arena);
}

TEST(table_properties_are_set_and_reserved_ones_are_not) {
    TableMetadata table = created();
    table = apply(&table,
                  "{\"action\":\"set-properties\",\"updates\":{\"a\":\"1\",\"b\":\"2\",\"uuid\":\"x\",\"c\":\"3\"}}");
    CHECK_INT(table.property_count, 3);
    table = apply(&table, "{\"action\":\"remove-properties\",\"removals\":[\"a\",\"z\"]},{\"action\":"
                          "\"set-properties\",\"updates\":{\"a\":\"4\",\"b\":\"5\",\"format-version\":\"3\"}}");
    CHECK_INT(table.property_count, 3);
    CHECK_TEXT(table.properties[0].key, "b");
    CHECK_TEXT(table_property(&table, "a"), "4");
    CHECK_TEXT(table_property(&table, "b"), "5");
    CHECK_INT(table.format_version, 3);
    fails(&table, "{\"action\":\"set-properties\",\"updates\":{\"format-version\":\"2\"}}", ERR_VALUE, "downgrade");
    arena_release(arena);
}

TEST(table_rows_are_numbered_in_version_3) {
    TableMetadata table = created();
    table = apply(&table, SNAPSHOT(11, "", 1, 1) "," REF("main", 11));
    table = apply(&table, "{\"action\":\"upgrade-format-version\",\"format-version\":3}");
    CHECK_INT(table.next_row_id, 0);
    fails(&table, SNAPSHOT(12, PARENT(11), 2, 2), ERR_VALUE, "first-row-id is null");
#define ROWS(id, sequence, first, added)                              \
    "{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":" #id \
    ",\"parent-snapshot-id\":11,\"sequence-number\":" #sequence       \
    ",\"timestamp-ms\":2,\"manifest-list\":\"m\",\"first-row-id\":" #first ",\"added-rows\":" #added "}}"
    table = apply(&table, ROWS(12, 2, 0, 10));
    CHECK_INT(table.next_row_id, 10);
    fails(&table, ROWS(13, 3, 9, 1), ERR_CHANGED, "first-row-id is behind table next-row-id: 9 < 10");
    fails(&table, ROWS(13, 3, 10, 9223372036854775807), ERR_VALUE, "too large");
    table = apply(&table, ROWS(13, 3, 20, 5));
    CHECK_INT(table.next_row_id, 25);
    arena_release(arena);
}

TEST(table_metadata_log_has_a_bound) {
    TableMetadata table = created();
    table =
        apply(&table, "{\"action\":\"set-properties\",\"updates\":{\"write.metadata.previous-versions-max\":\"3\"}}");
    TableMetadata made = table;
    const TableChange nothing = {0};
    const MetadataLogEntry *dropped = NULL;
    size_t count = 0;
    for (int64_t i = 0; i < 5; i++) {
        table = made;
        CHECK_OK(table_metadata_apply(&table, slice_of(arena_printf(arena, "f%" PRId64, i)), &nothing, 500 + i, arena,
                                      &made, &dropped, &count, err));
        CHECK_INT(count, i >= 2);
        CHECK_INT(made.metadata_log_count, MIN(i + 2, 3));
    }
    CHECK_TEXT(dropped[0].file, "f1");
    CHECK_TEXT(made.metadata_log[2].file, "f4");
    CHECK_INT(made.last_updated_ms, 1000); // a clock that goes back does not count
    const Property one = {SLICE("write.metadata.previous-versions-max"), SLICE("1")};
    made.properties = &one;
    made.property_count = 1;
    table = made;
    CHECK_OK(table_metadata_apply(&table, SLICE("g"), &nothing, 1, arena, &made, &dropped, &count, err));
    CHECK_INT(count, 3);
    CHECK_INT(made.metadata_log_count, 1);
    arena_release(arena);
}

TEST(table_change_of_many_parts_takes_no_more_than_its_size) {
    TableMetadata table = created();
    enum { MANY = 20000 };
    Buf updates;
    buf_init(&updates, 0);
    for (int i = 1; i <= MANY; i++) {
        buf_printf(&updates,
                   "%s{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":%d,\"sequence-number\":%d,"
                   "\"timestamp-ms\":1,\"manifest-list\":\"m\"}},{\"action\":\"set-snapshot-ref\",\"ref-name\":\"r%d\","
                   "\"type\":\"tag\",\"snapshot-id\":%d},{\"action\":\"set-properties\",\"updates\":{\"p%d\":\"\"}},"
                   "{\"action\":\"set-statistics\",\"statistics\":{\"snapshot-id\":%d}}",
                   i > 1 ? "," : "", i, i, i, i, i, i);
    }
    for (int i = 1; i <= MANY; i += 2) {
        buf_printf(&updates, ",{\"action\":\"remove-snapshots\",\"snapshot-ids\":[%d]}", i);
    }
    buf_u8(&updates, 0);
    struct timespec from, to;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    table = apply(&table, (const char *)updates.data);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    CHECK_INT(table.snapshot_count, MANY / 2);
    CHECK_INT(table.ref_count, MANY / 2);
    CHECK_INT(table.property_count, MANY);
    CHECK(to.tv_sec - from.tv_sec < 10); // half a second; a minute were it quadratic
    buf_release(&updates);
    arena_release(arena);
}
