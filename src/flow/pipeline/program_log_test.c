// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/program_log.c" // NOLINT

#include "core/base/test.h"

static Arena arena;
static char directory[64];

static Properties config_of(const char *json) {
    Err err[1] = {{0}};
    Properties config;
    CHECK_OK(properties_parse(&arena, slice_of(json), &config, err));
    return config;
}

static ProgramNote keep(const char *json, LogPosition begin, LogPosition end) {
    Err err[1] = {{0}};
    ProgramNote note;
    Properties config = config_of(json);
    CHECK_OK(program_log_keep(directory, SLICE("Shop/1"), &config, begin, end, &arena, &note, err));
    return note;
}

TEST(program_log_notes_what_records_depend_on) {
    Err err[1] = {{0}};
    snprintf(directory, sizeof(directory), "/tmp/leat_program_XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    ProgramNote first = keep("{\"topic.prefix\":\"a\",\"slot.name\":\"x\",\"database.dbname\":\"d\"}", 0, 0);
    CHECK_INT(first.number, 1);
    // Neither another order nor what no record depends on makes another one.
    ProgramNote same = keep("{\"database.dbname\":\"d\",\"slot.name\":\"y\",\"topic.prefix\":\"a\"}", 0, 500);
    CHECK_INT(same.number, 1);
    CHECK(slice_equal(same.run_id, first.run_id) && first.run_id.size == 36);
    ProgramNote second = keep("{\"topic.prefix\":\"b\"}", 0, 700);
    CHECK_INT(second.number, 2);
    CHECK_INT(second.from, 700);
    ProgramNote read;
    CHECK_OK(program_log_read(directory, 1, &arena, &read, err));
    CHECK_TEXT(read.name, "Shop/1");
    CHECK_INT(read.config.count, 2);
    CHECK_INT(keep("{\"topic.prefix\":\"b\",\"leat.memory.limit\":1}", 0, 700).number, 2);
    // The first goes when nothing of it is left.
    keep("{\"topic.prefix\":\"b\"}", 699, 900);
    CHECK(program_log_has(directory, 1));
    keep("{\"topic.prefix\":\"b\"}", 700, 900);
    CHECK(!program_log_has(directory, 1) && program_log_has(directory, 2));
    CHECK_FAILS(program_log_read(directory, 1, &arena, &read, err), ERR_NOT_FOUND);
    CHECK_OK(file_remove_tree(directory, err));
}

TEST(program_log_keeps_every_key_that_makes_records) {
    Err err[1] = {{0}};
    snprintf(directory, sizeof(directory), "/tmp/leat_program_XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    ProgramNote note = keep("{\"leat.exact\":true,\"leat.journal.segment.bytes\":1,\"heartbeat.interval.ms\":1,"
                            "\"heartbeat.topics.prefix\":\"h\",\"notification.enabled.channels\":\"sink\","
                            "\"notification.sink.topic.name\":\"n\"}",
                            0, 0);
    CHECK_INT(note.config.count, 3);
    CHECK(properties_find(&note.config, SLICE("leat.exact")) != NULL);
    CHECK(properties_find(&note.config, SLICE("heartbeat.topics.prefix")) != NULL);
    CHECK(properties_find(&note.config, SLICE("notification.sink.topic.name")) != NULL);
    CHECK_OK(file_remove_tree(directory, err));
}
