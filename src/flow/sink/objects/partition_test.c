// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/partition.c"

#include "core/base/test.h"
#include "flow/sink/objects/names.h"

// The folder of a record whose column `at`, a bigint, says its time; and its year and hour in a name.
static void check_folder(const char *zone, int64_t at, const char *want, const char *want_name) {
    DEFER(arena_release) Arena arena = {.name = "scratch"};
    Err err[1] = {{0}};
    ObjectsOptions options;
    option_defaults(&OBJECTS_OPTIONS, &options);
    options.partitioner = "daily";
    options.timestamp_extractor = "recordfield";
    options.timestamp_field = "at";
    options.timezone = zone;
    Rules rules;
    CHECK_OK(rules_make(&arena, &options, SLICE("test"), 1 * MIB, &rules, err));
    Column column = {.name = SLICE("at"), .type = {.kind = TYPE_INT64}};
    Schema schema = {.id = 1, .space = SLICE("s"), .table = SLICE("t"), .columns = &column, .column_count = 1};
    PartitionPlan plan;
    CHECK_OK(partition_plan(&arena, &rules, &schema, NULL, &plan, err));
    Value row = value_int(at);
    Event event = {.op = OP_CREATE, .column_count = 1, .after = &row};
    Record record = {.event = &event, .schema = &schema};
    Partitioner partitioner = {.rules = &rules};
    int64_t time_ms = 0;
    CHECK_OK(partition_time(&partitioner, &plan, &record, &time_ms, err));
    DEFER(buf_release) Buf folder = {0}, name = {0};
    partition_bucket_text(&partitioner, &folder, partition_bucket(&partitioner, time_ms));
    CHECK_TEXT(buf_slice(&folder), want);
    NameFill fill = {.local_s = partition_local_s(&partitioner, time_ms)};
    name_fill(&name, (Slice){(const uint8_t[]){HOLE_YEAR, '/', HOLE_HOUR}, 3}, &fill);
    CHECK_TEXT(buf_slice(&name), want_name);
}

TEST(partition_times_of_any_number) {
    const int64_t day = INT64_C(86400000);
    check_folder("UTC", 0, "year=1970/month=01/day=01", "1970/00");
    check_folder("+02:00", day - 1, "year=1970/month=01/day=02", "1970/01");
    check_folder("UTC", INT64_C(9224318015999999), "year=294276/month=12/day=31", "294276/23");
    // What is no time of the calendar's counts as its first or last one.
    check_folder("UTC", INT64_MAX, "year=294276/month=12/day=31", "294276/23");
    check_folder("+23:59", INT64_MAX, "year=294277/month=01/day=01", "294277/23");
    check_folder("UTC", INT64_MIN, "year=4714/month=11/day=24", "-4713/00");
    check_folder("-23:59", INT64_MIN, "year=4714/month=11/day=24", "-4713/00");
}
