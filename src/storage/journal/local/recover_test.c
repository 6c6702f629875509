// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/recover.c" // NOLINT

#include "core/base/test.h"
#include "core/sys/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

static char place[64];
static Err err[1];
static const JournalOptions OPTIONS = {.segment_bytes_max = 1 << 20};

static void append_cut(Journal *journal, int64_t first, int count) {
    Column columns[] = {{.name = SLICE("id"), .type = {.kind = TYPE_INT64}},
                        {.name = SLICE("s"), .type = {.kind = TYPE_STRING}}};
    Schema schema = {.space = SLICE("public"), .table = SLICE("t"), .columns = columns, .column_count = 2};
    for (int i = 0; i < count; i++) {
        Value row[] = {value_int(first + i), value_bytes(VALUE_STRING, SLICE("0123456789"))};
        Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 2, .after = row};
        uint32_t topic = journal_topic(journal, i % 2 == 0 ? SLICE("a") : SLICE("b"));
        CHECK_OK(journal_append(journal, topic, journal_schema(journal, topic, &schema), &event, err));
    }
    Position position = {.size = 1, .bytes = {(uint8_t)first}};
    CHECK_OK(journal_cut(journal, &position, err));
    CHECK_OK(journal_sync(journal, err));
}

static void path_in(char path[PATH_MAX], const char *name) {
    snprintf(path, PATH_MAX, "%s/%s", place, name);
}

// The files of a journal as bytes, to be put back.
typedef struct Image {
    Arena arena;
    Slice segment, head;
} Image;

static void image_take(Image *image) {
    char path[PATH_MAX];
    arena_init(&image->arena, "run", 0);
    path_in(path, "00000000000000000000.seg");
    CHECK_OK(file_read_all(path, 1 << 24, &image->arena, &image->segment, err));
    path_in(path, "head");
    CHECK_OK(file_read_all(path, 1 << 24, &image->arena, &image->head, err));
}

static void file_put(const char *name, Slice bytes) {
    char path[PATH_MAX];
    int fd = -1;
    path_in(path, name);
    CHECK_OK(file_open(path, O_WRONLY | O_CREAT | O_TRUNC, &fd, err));
    CHECK_OK(file_write(fd, path, bytes, 0, err));
    file_close(&fd);
}

static void show(void *context, const char *text) {
    fprintf(stderr, "%s\n", text);
}

static uint64_t opened_sequence(void) {
    Journal *journal = NULL;
    JournalInfo info;
    CHECK_OK(journal_open(place, &OPTIONS, &journal, err));
    journal_info(journal, &info);
    journal_close(journal);
    JournalCheck check;
    CHECK_OK(journal_check(place, &check, show, NULL, err));
    CHECK_INT(check.defects, 0);
    return info.cut_sequence;
}

// A journal with cuts 1, 2, 3; `before` and `after` are its files as of cut 2 and cut 3.
static void three_cuts(Image *before, Image *after) {
    test_folder(place, sizeof(place), "recover");
    Journal *journal = NULL;
    CHECK_OK(journal_open(place, &OPTIONS, &journal, err));
    append_cut(journal, 1, 3);
    append_cut(journal, 2, 5);
    image_take(before);
    append_cut(journal, 3, 4);
    image_take(after);
    journal_close(journal);
}

static void the_end(Image *before, Image *after) {
    arena_release(&before->arena);
    arena_release(&after->arena);
    CHECK_OK(file_remove_tree(place, err));
}

TEST(journal_a_torn_last_group_is_cut_off) {
    Image before, after;
    three_cuts(&before, &after);
    for (size_t size = before.segment.size; size <= after.segment.size; size++) {
        file_put("head", before.head);
        file_put("00000000000000000000.seg", (Slice){after.segment.data, size});
        CHECK_INT(opened_sequence(), size == after.segment.size ? 3 : 2);
        if (size < after.segment.size) { // had it been durable, then this is damage
            file_put("head", after.head);
            file_put("00000000000000000000.seg", (Slice){after.segment.data, size});
            Journal *journal = NULL;
            CHECK_FAILS(journal_open(place, &OPTIONS, &journal, err), ERR_JOURNAL_CORRUPT);
            char path[PATH_MAX];
            struct stat status;
            path_in(path, "00000000000000000000.seg");
            CHECK(stat(path, &status) == 0 && (size_t)status.st_size == size); // and left as it is
        }
    }
    the_end(&before, &after);
}

TEST(journal_a_group_with_one_wrong_byte_is_cut_off) {
    Image before, after;
    three_cuts(&before, &after);
    uint8_t *bytes = arena_alloc(&after.arena, after.segment.size);
    for (size_t at = before.segment.size; at < after.segment.size; at++) {
        memcpy(bytes, after.segment.data, after.segment.size);
        bytes[at] ^= 0x40;
        file_put("head", before.head);
        file_put("00000000000000000000.seg", (Slice){bytes, after.segment.size});
        uint64_t sequence = opened_sequence();
        CHECK(sequence == 2 || (sequence == 3 && after.segment.data[at] == 0)); // padding does not matter
    }
    // Blocks of it that the disk never wrote: zeros.
    for (size_t at = before.segment.size; at + 64 < after.segment.size; at += 32) {
        memcpy(bytes, after.segment.data, after.segment.size);
        memset(bytes + at, 0, 64);
        file_put("head", before.head);
        file_put("00000000000000000000.seg", (Slice){bytes, after.segment.size});
        CHECK_INT(opened_sequence(), 2);
    }
    the_end(&before, &after);
}

TEST(journal_damage_below_the_last_cut_is_never_cut_off) {
    Image before, after;
    three_cuts(&before, &after);
    uint8_t *bytes = arena_alloc(&after.arena, after.segment.size);
    char path[PATH_MAX];
    for (int with_head = 0; with_head < 2; with_head++) {
        for (size_t at = 0; at < before.segment.size; at++) {
            memcpy(bytes, after.segment.data, after.segment.size);
            bytes[at] ^= 0x04;
            path_in(path, "head");
            CHECK_OK(file_remove(path, err));
            if (with_head) {
                file_put("head", after.head);
            }
            file_put("00000000000000000000.seg", (Slice){bytes, after.segment.size});
            Journal *journal = NULL;
            bool opened = journal_open(place, &OPTIONS, &journal, err);
            journal_close(journal);
            if (opened) {
                // Padding; or, without the head, a group of which only its own cut tells that it was durable: the
                // one before the last.
                CHECK(after.segment.data[at] == 0 || !with_head);
                JournalLook look;
                CHECK_OK(journal_look(place, &look, NULL, NULL, NULL, err));
                CHECK(look.info.cut_sequence == 3);
            } else {
                CHECK(err->code == ERR_JOURNAL_CORRUPT || err->code == ERR_FORMAT_NEWER);
                CHECK(strstr(err->message, ".seg") != NULL);
                err_clear(err);
            }
        }
    }
    the_end(&before, &after);
}

TEST(journal_leftovers_of_a_crash_are_removed) {
    Image before, after;
    three_cuts(&before, &after);
    char path[PATH_MAX];
    file_put("00000000000000009999.seg.tmp", SLICE("half of a header"));
    file_put("head.tmp", SLICE(""));
    CHECK_INT(opened_sequence(), 3);
    path_in(path, "00000000000000009999.seg.tmp");
    CHECK(!file_exists(path));
    the_end(&before, &after);
}

TEST(journal_missing_segments_are_damage) {
    Image before, after;
    three_cuts(&before, &after);
    char path[PATH_MAX];
    Journal *journal = NULL;
    path_in(path, "00000000000000000000.seg");
    CHECK_OK(file_remove(path, err));
    CHECK_FAILS(journal_open(place, &OPTIONS, &journal, err), ERR_JOURNAL_CORRUPT);
    the_end(&before, &after);

    three_cuts(&before, &after);
    CHECK_OK(journal_open(place, &(JournalOptions){.segment_bytes_max = 1}, &journal, err));
    append_cut(journal, 4, 4);
    append_cut(journal, 5, 4);
    JournalInfo info;
    journal_info(journal, &info);
    journal_close(journal);
    file_put("00000000000000000000.seg", before.segment);
    CHECK_FAILS(journal_open(place, &OPTIONS, &journal, err), ERR_JOURNAL_CORRUPT);
    the_end(&before, &after);
}

TEST(journal_a_newer_format_is_refused) {
    Image before, after;
    three_cuts(&before, &after);
    uint8_t *bytes = arena_alloc(&after.arena, after.segment.size + after.head.size);
    memcpy(bytes, after.segment.data, after.segment.size);
    bytes[8] = FORMAT_VERSION + 1;
    file_put("00000000000000000000.seg", (Slice){bytes, after.segment.size});
    Journal *journal = NULL;
    JournalReader *reader = NULL;
    CHECK_FAILS(journal_open(place, &OPTIONS, &journal, err), ERR_FORMAT_NEWER);
    CHECK_FAILS(journal_reader_open(place, 0, 0, &reader, err), ERR_FORMAT_NEWER);
    file_put("00000000000000000000.seg", after.segment);
    memcpy(bytes, after.head.data, after.head.size);
    bytes[8]++;
    file_put("head", (Slice){bytes, after.head.size});
    CHECK_FAILS(journal_open(place, &OPTIONS, &journal, err), ERR_FORMAT_NEWER);
    the_end(&before, &after);
}

TEST(journal_readers_need_no_head) {
    Image before, after;
    three_cuts(&before, &after);
    for (int stale = 0; stale < 2; stale++) {
        char path[PATH_MAX];
        path_in(path, "head");
        CHECK_OK(file_remove(path, err));
        if (stale) { // after a power cut it may be older than what it tells about
            file_put("head", before.head);
        }
        JournalReader *reader = NULL;
        JournalEntry entry;
        LogPosition end = after.segment.size;
        CHECK_OK(journal_reader_open(place, stale ? end : 0, 0, &reader, err));
        CHECK_INT(journal_reader_end(reader), end);
        journal_reader_wait(reader, 1);
        uint64_t cuts = 0;
        do {
            CHECK_OK(journal_reader_next(reader, &entry, err));
            cuts += entry.kind == JOURNAL_CUT;
        } while (entry.kind != JOURNAL_END);
        CHECK_INT(cuts, stale ? 0 : 3);
        journal_reader_close(reader);
    }
    JournalReader *reader = NULL;
    CHECK_FAILS(journal_reader_open(place, after.segment.size + 8, 0, &reader, err), ERR_NOT_FOUND);
    the_end(&before, &after);
}

// A disk that is full, by the limit on the size of files: the group fails, the journal can only be closed, and what was
// acknowledged is there when there is room again.
TEST(journal_a_full_disk_loses_nothing_that_was_durable) {
    test_folder(place, sizeof(place), "recover");
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {100000, RLIM_INFINITY};
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    Journal *journal = NULL;
    CHECK_OK(journal_open(place, &OPTIONS, &journal, err));
    Position position = {.size = 1};
    uint64_t durable = 0;
    for (;;) {
        Value row = value_int(1);
        Column column = {.name = SLICE("id"), .type = {.kind = TYPE_INT64}};
        Schema schema = {.space = SLICE("public"), .table = SLICE("t"), .columns = &column, .column_count = 1};
        Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 1, .after = &row};
        uint32_t topic = journal_topic(journal, SLICE("a")), id = journal_schema(journal, topic, &schema);
        bool ok = true;
        for (int i = 0; ok && i < 100; i++) {
            ok = journal_append(journal, topic, id, &event, err);
        }
        if (!ok || !journal_cut(journal, &position, err) || !journal_sync(journal, err)) {
            break;
        }
        durable = journal_durable(journal, &position);
    }
    CHECK(err->code == ERR_IO_FULL || err->code == ERR_IO_FAILED);
    ErrCode code = err->code;
    err_clear(err);
    CHECK_FAILS(journal_cut(journal, &position, err), code);
    CHECK_FAILS(journal_sync(journal, err), code);
    CHECK_FAILS(journal_rollback(journal, err), code);
    CHECK_INT(journal_durable(journal, &position), durable);
    journal_close(journal);
    limit.rlim_cur = RLIM_INFINITY;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(durable > 10);
    CHECK_INT(opened_sequence(), durable);
    CHECK_OK(file_remove_tree(place, err));
}
