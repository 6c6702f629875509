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

static const ProgramPlace place = {directory, directory};

static ProgramNote keep(const char *json, LogPosition begin, LogPosition end) {
    Err err[1] = {{0}};
    ProgramNote note;
    Properties config = config_of(json);
    const ProgramKeep keep = {.name = SLICE("Shop/1"), .config = &config, .begin = begin, .end = end};
    CHECK_OK(program_log_keep(directory, &keep, &arena, &note, err));
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
    ProgramNote *read;
    size_t count;
    uint64_t epoch;
    CHECK_OK(program_log_load(&place, 0, &arena, &read, &count, &epoch, err));
    CHECK_INT(count, 2);
    CHECK_TEXT(read[0].name, "Shop/1");
    CHECK_INT(read[0].config.count, 2);
    CHECK_OK(program_log_load(&place, 2, &arena, &read, &count, &epoch, err));
    CHECK(count == 1 && read[0].number == 2);
    CHECK_INT(keep("{\"topic.prefix\":\"b\",\"leat.memory.limit\":1}", 0, 700).number, 2);
    // The first goes when nothing of it is left.
    keep("{\"topic.prefix\":\"b\"}", 699, 900);
    CHECK(program_log_has(&place, 1));
    keep("{\"topic.prefix\":\"b\"}", 700, 900);
    CHECK(!program_log_has(&place, 1) && program_log_has(&place, 2));
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

// As a journal in Kafka has them; here the log is in files.
TEST(program_log_in_a_journal) {
    Err err[1] = {{0}};
    ProgramNote note, again;
    JournalInfo before, after;
    Journal *journal = NULL;
    snprintf(directory, sizeof(directory), "/tmp/leat_program_XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    Properties config = config_of("{\"topic.prefix\":\"a\"}"), other = config_of("{\"topic.prefix\":\"b\"}");
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    CHECK(program_log_journal_id(journal, &arena) == NULL);
    ProgramKeep how = {.name = SLICE("shop"), .config = &config, .journal = journal};
    CHECK_OK(program_log_keep(directory, &how, &arena, &note, err));
    const char *id = program_log_journal_id(journal, &arena);
    CHECK(id != NULL && note.number == 1);
    journal_info(journal, &before);
    CHECK_OK(program_log_keep(directory, &how, &arena, &again, err)); // nothing new: no cut
    journal_info(journal, &after);
    CHECK(before.cut_sequence == 1 && after.cut_sequence == 1 && slice_equal(note.run_id, again.run_id));
    journal_close(journal);
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    how = (ProgramKeep){.name = SLICE("shop"), .config = &other, .end = 500, .journal = journal};
    CHECK_OK(program_log_keep(directory, &how, &arena, &note, err));
    CHECK(note.number == 2 && note.from == 500);
    CHECK_TEXT(slice_of(program_log_journal_id(journal, &arena)), id);
    how.begin = 500;
    CHECK_OK(program_log_keep(directory, &how, &arena, &note, err));
    CHECK(journal_state_get(journal, SLICE("program/0000000001")).size == 0);
    CHECK(journal_state_get(journal, SLICE("program/0000000002")).size > 0);
    journal_close(journal);
    CHECK_OK(file_remove_tree(directory, err));
}
