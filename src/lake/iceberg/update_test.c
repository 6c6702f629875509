// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/update.c"

#include "core/base/test.h"

static Arena arena[1];
static Err err[1];

static void same(const char *json) {
    arena_init(arena, "test", 0);
    TableChange change;
    CHECK_OK(table_change_parse(slice_of(json), arena, &change, err));
    Buf out;
    buf_init(&out, 0);
    buf_u8(&out, '{');
    table_change_write(&change, &out);
    buf_u8(&out, '}');
    CHECK_TEXT(buf_slice(&out), json);
    buf_release(&out);
    arena_release(arena);
}

#define UPDATE(body) "{\"requirements\":[],\"updates\":[{" body "}]}"

TEST(table_change_is_written_as_read) {
    static const char *const REQUIREMENTS_OF_ALL =
        "{\"requirements\":[{\"type\":\"assert-create\"},{\"type\":\"assert-table-uuid\",\"uuid\":\"u\"},"
        "{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"main\",\"snapshot-id\":null},"
        "{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"b\",\"snapshot-id\":7},"
        "{\"type\":\"assert-last-assigned-field-id\",\"last-assigned-field-id\":1},"
        "{\"type\":\"assert-current-schema-id\",\"current-schema-id\":2},"
        "{\"type\":\"assert-last-assigned-partition-id\",\"last-assigned-partition-id\":3},"
        "{\"type\":\"assert-default-spec-id\",\"default-spec-id\":4},"
        "{\"type\":\"assert-default-sort-order-id\",\"default-sort-order-id\":5}],\"updates\":[]}";
    same(REQUIREMENTS_OF_ALL);
    same(UPDATE("\"action\":\"assign-uuid\",\"uuid\":\"u\""));
    same(UPDATE("\"action\":\"upgrade-format-version\",\"format-version\":3"));
    same(UPDATE("\"action\":\"add-schema\",\"schema\":{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{\"id\":4,"
                "\"name\":\"a\",\"required\":true,\"type\":\"int\"}]},\"last-column-id\":4"));
    same(UPDATE("\"action\":\"set-current-schema\",\"schema-id\":-1"));
    same(UPDATE("\"action\":\"add-spec\",\"spec\":{\"spec-id\":0,\"fields\":[{\"name\":\"a\",\"transform\":"
                "\"bucket[4]\",\"source-id\":4}]}"));
    same(UPDATE("\"action\":\"set-default-spec\",\"spec-id\":2"));
    same(UPDATE("\"action\":\"add-sort-order\",\"sort-order\":{\"order-id\":0,\"fields\":[]}"));
    same(UPDATE("\"action\":\"set-default-sort-order\",\"sort-order-id\":-1"));
    same(UPDATE("\"action\":\"add-snapshot\",\"snapshot\":{\"sequence-number\":1,\"snapshot-id\":9,\"timestamp-ms\":5,"
                "\"summary\":{\"operation\":\"append\"},\"manifest-list\":\"m\"}"));
    same(UPDATE("\"action\":\"remove-snapshots\",\"snapshot-ids\":[1,2]"));
    same(UPDATE("\"action\":\"set-snapshot-ref\",\"ref-name\":\"b\",\"snapshot-id\":9,\"type\":\"branch\","
                "\"min-snapshots-to-keep\":2,\"max-snapshot-age-ms\":3,\"max-ref-age-ms\":4"));
    same(UPDATE("\"action\":\"remove-snapshot-ref\",\"ref-name\":\"b\""));
    same(UPDATE("\"action\":\"set-location\",\"location\":\"l\""));
    same(UPDATE("\"action\":\"set-properties\",\"updates\":{\"a\":\"b\",\"c\":\"\"}"));
    same(UPDATE("\"action\":\"remove-properties\",\"removals\":[\"a\",\"b\"]"));
    same(UPDATE("\"action\":\"remove-partition-specs\",\"spec-ids\":[1]"));
    same(UPDATE("\"action\":\"remove-schemas\",\"schema-ids\":[1]"));
    same(UPDATE("\"action\":\"set-statistics\",\"snapshot-id\":9,\"statistics\":{\"snapshot-id\":9, \"x\":[]}"));
    same(UPDATE("\"action\":\"remove-statistics\",\"snapshot-id\":9"));
    same(UPDATE(
        "\"action\":\"set-partition-statistics\",\"snapshot-id\":9,\"partition-statistics\":{\"snapshot-id\":9}"));
    same(UPDATE("\"action\":\"remove-partition-statistics\",\"snapshot-id\":9"));
    same(UPDATE("\"action\":\"add-encryption-key\",\"encryption-key\":{\"key-id\":\"k\"}"));
    same(UPDATE("\"action\":\"remove-encryption-key\",\"key-id\":\"k\""));
}

static void refused(const char *json, const char *what) {
    arena_init(arena, "test", 0);
    TableChange change;
    if (table_change_parse(slice_of(json), arena, &change, err) || err->code != ERR_VALUE ||
        strstr(err->message, what) == NULL) {
        test_fail(__FILE__, __LINE__, "%s: '%s', not '%s'", json, err->message, what);
    }
    err_clear(err);
    arena_release(arena);
}

TEST(table_change_that_is_wrong_is_refused_with_its_place) {
    refused("[]", "table change: is to be an object");
    refused(UPDATE("\"x\":1"), "table change: updates[0]: action is missing");
    refused(UPDATE("\"action\":\"add-view-version\""), "updates[0]: unknown action 'add-view-version'");
    refused(UPDATE("\"action\":\"add-schema\""), "updates[0]: schema is missing");
    refused(UPDATE("\"action\":\"set-snapshot-ref\",\"ref-name\":\"b\",\"type\":\"branch\""), "snapshot-id is missing");
    refused(UPDATE("\"action\":\"set-snapshot-ref\",\"ref-name\":\"main\",\"type\":\"tag\",\"snapshot-id\":1"),
            "must be a branch");
    refused(UPDATE("\"action\":\"set-statistics\",\"statistics\":5"), "statistics: is to be an object");
    refused(UPDATE("\"action\":\"set-properties\",\"updates\":{\"a\":\"b\",\"a\":\"c\"}"), "updates.a: comes twice");
    refused("{\"requirements\":[{\"type\":\"assert-view-uuid\",\"uuid\":\"u\"}]}", "unknown requirement");
    refused("{\"requirements\":[{\"type\":\"assert-default-spec-id\"}]}", "default-spec-id is missing");
}

TEST(table_change_takes_the_old_names_of_members) {
    arena_init(arena, "test", 0);
    TableChange change;
    CHECK_OK(
        table_change_parse(slice_of("{\"identifier\":{\"namespace\":[\"a\"],\"name\":\"b\"},\"updates\":[{\"action\":"
                                    "\"set-properties\",\"updated\":{\"a\":\"b\"}},{\"action\":"
                                    "\"remove-properties\",\"removed\":[\"c\"]}]}"),
                           arena, &change, err));
    CHECK_TEXT(change.updates[0].properties[0].value, "b");
    CHECK_TEXT(change.updates[1].keys[0], "c");
    arena_release(arena);
}

static void check(const TableMetadata *base, TableRequirement requirement, const char *what) {
    const TableChange change = {.requirements = &requirement, .requirement_count = 1};
    bool held = table_requirements_check(base, &change, err);
    if (held != (what == NULL) || (!held && (err->code != ERR_CHANGED || strstr(err->message, what) == NULL))) {
        test_fail(__FILE__, __LINE__, "'%s', not '%s'", err->message, what != NULL ? what : "held");
    }
    err_clear(err);
}

TEST(table_requirements_hold_or_say_what_changed) {
    const SnapshotRef ref = {.name = SLICE("main"), .snapshot_id = 7};
    const TableMetadata base = {.uuid = SLICE("ab-CD"),
                                .last_column_id = 3,
                                .current_schema_id = 1,
                                .last_partition_id = 1000,
                                .default_spec_id = 2,
                                .default_order_id = 4,
                                .refs = &ref,
                                .ref_count = 1};
    check(NULL, (TableRequirement){.kind = REQUIRE_CREATE}, NULL);
    check(&base, (TableRequirement){.kind = REQUIRE_CREATE}, "table already exists");
    check(&base, (TableRequirement){.kind = REQUIRE_UUID, .text = SLICE("AB-cd")}, NULL);
    check(&base, (TableRequirement){.kind = REQUIRE_UUID, .text = SLICE("AB-ce")}, "UUID does not match");
    check(NULL, (TableRequirement){.kind = REQUIRE_UUID, .text = SLICE("AB-ce")}, "table does not exist");
    check(&base, (TableRequirement){.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = 7}, NULL);
    check(&base, (TableRequirement){.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = 8},
          "branch main has changed: expected id 8 != 7");
    check(&base, (TableRequirement){.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("main"), .id = -1},
          "branch main was created concurrently");
    check(&base, (TableRequirement){.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("b"), .id = -1}, NULL);
    check(&base, (TableRequirement){.kind = REQUIRE_REF_SNAPSHOT, .text = SLICE("b"), .id = 1},
          "branch or tag b is missing, expected 1");
    check(&base, (TableRequirement){.kind = REQUIRE_LAST_FIELD_ID, .id = 3}, NULL);
    check(&base, (TableRequirement){.kind = REQUIRE_LAST_FIELD_ID, .id = 2},
          "last assigned field id changed: expected id 2 != 3");
    check(&base, (TableRequirement){.kind = REQUIRE_CURRENT_SCHEMA, .id = 0}, "current schema changed");
    check(&base, (TableRequirement){.kind = REQUIRE_LAST_PARTITION_ID, .id = 999},
          "last assigned partition id changed");
    check(&base, (TableRequirement){.kind = REQUIRE_DEFAULT_SPEC, .id = 0}, "default partition spec changed");
    check(&base, (TableRequirement){.kind = REQUIRE_DEFAULT_SORT_ORDER, .id = 0}, "default sort order changed");
}
