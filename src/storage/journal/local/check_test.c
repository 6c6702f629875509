// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/check.c" // NOLINT

#include "core/base/test.h"
#include "core/sys/file.h"

#include <fcntl.h>
#include <unistd.h>

static void fill(const char *directory, int cuts) {
    Err err[1] = {{0}};
    Journal *journal = NULL;
    CHECK_OK(journal_open(directory, &(JournalOptions){.segment_bytes_max = 2000}, &journal, err));
    Column column = {.name = SLICE("id"), .type = {.kind = TYPE_INT64}};
    Schema schema = {.space = SLICE("public"), .table = SLICE("t"), .columns = &column, .column_count = 1};
    for (int i = 0; i < cuts; i++) {
        Value row = value_int(i);
        Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 1, .after = &row};
        uint32_t topic = journal_topic(journal, i % 3 == 0 ? SLICE("a") : SLICE("b"));
        CHECK_OK(journal_append(journal, topic, journal_schema(journal, topic, &schema), &event, err));
        journal_state_put(journal, i % 2 == 0 ? SLICE("k") : SLICE("l"), (Slice){(const uint8_t *)&i, i % 5 ? 4u : 0});
        CHECK_OK(journal_cut(journal, &(Position){.size = 1, .bytes = {(uint8_t)i}}, err));
    }
    CHECK_OK(journal_append(journal, 1, 1, &(Event){.op = OP_TRUNCATE, .column_count = 1}, err));
    journal_close(journal);
}

static void count_text(void *context, const char *text) {
    CHECK(strstr(text, "leat-check-") != NULL);
    (*(int *)context)++;
}

TEST(journal_check_finds_every_flipped_byte) {
    Err err[1] = {{0}};
    char directory[] = "/tmp/leat-check-XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    fill(directory, 40);
    JournalCheck check;
    int findings = 0;
    CHECK_OK(journal_check(directory, &check, count_text, &findings, err));
    CHECK_INT(findings, 0);
    CHECK_INT(check.events, 40);
    CHECK_INT(check.cuts, 40);
    CHECK(check.segments > 2);
    char path[PATH_MAX];
    CHECK_OK(segment_path(path, directory, 0, err));
    int fd = -1;
    uint64_t size = 0;
    CHECK_OK(file_open(path, O_RDWR, &fd, err));
    CHECK_OK(file_size(fd, path, &size, err));
    for (off_t at = 0; at < (off_t)size; at++) {
        uint8_t byte = 0, other;
        CHECK(pread(fd, &byte, 1, at) == 1);
        other = byte ^ 0x10;
        CHECK(pwrite(fd, &other, 1, at) == 1);
        findings = 0;
        bool ok = journal_check(directory, &check, count_text, &findings, err);
        CHECK(findings > 0 || (!ok && err->code == ERR_FORMAT_NEWER) || byte == 0); // padding does not matter
        err_clear(err);
        CHECK(pwrite(fd, &byte, 1, at) == 1);
    }
    file_close(&fd);
    CHECK_OK(file_remove(path, err));
    CHECK_OK(segment_path(path, directory, 0, err));
    findings = 0;
    CHECK_OK(journal_check(directory, &check, count_text, &findings, err));
    CHECK_INT(findings, 0); // the front is gone as if trimmed
    CHECK_OK(file_remove_tree(directory, err));
}

typedef struct Seen {
    int facts, topics;
    uint64_t offsets;
} Seen;

static void see_fact(void *context, Slice key, Slice value) {
    CHECK(key.size == 1 && value.size == 4);
    ((Seen *)context)->facts++;
}

static void see_topic(void *context, Slice name, uint64_t next_offset) {
    CHECK(slice_is(name, "a") || slice_is(name, "b"));
    ((Seen *)context)->topics++;
    ((Seen *)context)->offsets += next_offset;
}

TEST(journal_look_tells_what_is_durable) {
    Err err[1] = {{0}};
    char directory[] = "/tmp/leat-check-XXXXXX";
    CHECK(mkdtemp(directory) != NULL);
    JournalLook look;
    CHECK_FAILS(journal_look(directory, &look, NULL, NULL, NULL, err), ERR_NOT_FOUND);
    fill(directory, 33);
    for (int head = 0; head < 2; head++) {
        Seen seen = {0};
        CHECK_OK(journal_look(directory, &look, see_fact, see_topic, &seen, err));
        CHECK_INT(seen.facts, 2);
        CHECK_INT(seen.topics, 2);
        CHECK_INT(seen.offsets, 33);
        CHECK_INT(look.topic_count, 2);
        CHECK_INT(look.info.cut_sequence, 33);
        CHECK_INT(look.info.position.bytes[0], 32);
        CHECK(!look.live);
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/head", directory);
        CHECK_OK(file_remove(path, err)); // the second time without it
    }
    Journal *journal = NULL;
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    CHECK_OK(journal_look(directory, &look, NULL, NULL, NULL, err));
    CHECK(look.live && look.info.cut_sequence == 33);
    journal_close(journal);
    CHECK_OK(file_remove_tree(directory, err));
}
