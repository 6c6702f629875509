// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/writer.c" // NOLINT

#include "core/base/test.h"
#include "storage/journal/local/segment.h"

static const char *make_directory(void) {
    static char directory[64];
    snprintf(directory, sizeof(directory), "/tmp/leat-journal-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    return directory;
}

static void remove_directory(const char *directory) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(directory, err));
}

static const Schema *schema_of(uint32_t columns) {
    static Column column[4];
    static Schema schemas[5];
    for (uint32_t i = 0; i < 4; i++) {
        column[i] = (Column){.name = SLICE("column"), .type = {.kind = i == 0 ? TYPE_INT64 : TYPE_STRING}};
    }
    schemas[columns] = (Schema){.space = SLICE("public"), .table = SLICE("t"), .columns = column};
    schemas[columns].column_count = columns;
    return &schemas[columns];
}

static bool append(Journal *journal, const char *topic, int64_t number, Slice text, Err *err) {
    uint32_t id = journal_topic(journal, slice_of(topic));
    Value row[] = {value_int(number), value_bytes(VALUE_STRING, text)};
    Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 2, .after = row, .ordinal = (uint64_t)number};
    event.commit_lsn = 1000 + (uint64_t)number;
    return journal_append(journal, id, journal_schema(journal, id, schema_of(2)), &event, err);
}

static size_t segments_in(const char *directory) {
    SegmentList list = {0};
    Err err[1] = {{0}};
    CHECK_OK(segment_list(&list, directory, err));
    size_t count = segment_count(&list);
    segment_list_release(&list);
    return count;
}

static Position position_text(const char *text) {
    return position_of(slice_of(text));
}

// All entries as text: "S topic · E topic offset number · C sequence position".
static void read_all(const char *directory, LogPosition from, Buf *text) {
    Err err[1] = {{0}};
    JournalReader *reader = NULL;
    buf_reset(text);
    CHECK_OK(journal_reader_open(directory, from, 0, &reader, err));
    JournalEntry entry;
    do {
        CHECK_OK(journal_reader_next(reader, &entry, err));
        switch (entry.kind) {
        case JOURNAL_SCHEMA:
            buf_printf(text, "S %.*s|", SLICE_ARG(entry.topic->name));
            break;
        case JOURNAL_EVENT:
            buf_printf(text, "E %.*s %" PRIu64 " %" PRId64 "|", SLICE_ARG(entry.topic->name), entry.offset,
                       entry.event->after[0].integer);
            break;
        case JOURNAL_CUT:
            buf_printf(text, "C %" PRIu64 " %.*s|", entry.cut_sequence, SLICE_ARG(position_slice(entry.position)));
            break;
        case JOURNAL_END:
            break;
        }
    } while (entry.kind != JOURNAL_END);
    journal_reader_close(reader);
}

static void cut(Journal *journal, const char *position) {
    Err err[1] = {{0}};
    Position at = position_text(position);
    CHECK_OK(journal_cut(journal, &at, err));
}

TEST(journal_gives_back_what_was_cut) {
    Err err[1] = {{0}};
    const char *directory = make_directory();
    Journal *journal = NULL;
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    CHECK_OK(append(journal, "a", 1, SLICE("x"), err));
    CHECK_OK(append(journal, "b", 2, SLICE("y"), err));
    CHECK_OK(append(journal, "a", 3, SLICE("z"), err));
    journal_state_put(journal, SLICE("key"), SLICE("value"));
    cut(journal, "one");
    CHECK_OK(append(journal, "b", 4, SLICE("z"), err));
    cut(journal, "two");
    CHECK_OK(append(journal, "b", 5, SLICE("never cut"), err));
    CHECK_OK(journal_sync(journal, err));
    DEFER(buf_release) Buf text = {0};
    static const char WANT[] = "S a|S b|E a 0 1|E a 1 3|E b 0 2|C 1 one|E b 1 4|C 2 two|";
    read_all(directory, 0, &text);
    CHECK_TEXT(buf_slice(&text), WANT);
    journal_close(journal);
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    CHECK_TEXT(journal_state_get(journal, SLICE("key")), "value");
    JournalInfo info;
    journal_info(journal, &info);
    CHECK_INT(info.cut_sequence, 2);
    CHECK_INT(info.epoch, 2);
    CHECK_TEXT(position_slice(&info.position), "two");
    CHECK_OK(append(journal, "b", 5, SLICE("again"), err));
    cut(journal, "three");
    journal_close(journal);
    read_all(directory, 0, &text);
    CHECK_TEXT(buf_slice(&text), "S a|S b|E a 0 1|E a 1 3|E b 0 2|C 1 one|E b 1 4|C 2 two|E b 2 5|C 3 three|");
    remove_directory(directory);
}

TEST(journal_rolls_back_to_the_last_cut) {
    Err err[1] = {{0}};
    const char *directory = make_directory();
    Journal *journal = NULL;
    JournalOptions options = {.memory_bytes_max = 256 * KIB};
    CHECK_OK(journal_open(directory, &options, &journal, err));
    CHECK_OK(append(journal, "a", 1, SLICE("x"), err));
    journal_state_put(journal, SLICE("key"), SLICE("old"));
    cut(journal, "one");
    journal_state_put(journal, SLICE("key"), SLICE("new"));
    static uint8_t kilobyte[1024];
    for (int i = 0; i < 1000; i++) { // past the memory: parts are written early
        CHECK_OK(append(journal, i % 2 == 0 ? "a" : "fresh", i, (Slice){kilobyte, sizeof(kilobyte)}, err));
        CHECK(journal_pending_bytes(journal) < options.memory_bytes_max);
    }
    CHECK_OK(journal_rollback(journal, err));
    CHECK_TEXT(journal_state_get(journal, SLICE("key")), "old");
    CHECK_INT(journal_pending_bytes(journal), 0);
    CHECK_OK(append(journal, "fresh", 2, SLICE("y"), err));
    CHECK_OK(append(journal, "a", 3, SLICE("y"), err));
    cut(journal, "two");
    journal_close(journal);
    DEFER(buf_release) Buf text = {0};
    read_all(directory, 0, &text);
    CHECK_TEXT(buf_slice(&text), "S a|E a 0 1|C 1 one|S fresh|E fresh 0 2|E a 1 3|C 2 two|");
    remove_directory(directory);
}

TEST(journal_has_one_writer) {
    Err err[1] = {{0}};
    const char *directory = make_directory();
    Journal *first = NULL, *second = NULL;
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &first, err));
    CHECK_FAILS(journal_open(directory, &(JournalOptions){0}, &second, err), ERR_LOCKED);
    CHECK(second == NULL);
    journal_close(first);
    remove_directory(directory);
}

TEST(journal_rotates_and_trims_below_the_lowest_pin) {
    Err err[1] = {{0}};
    const char *directory = make_directory();
    Journal *journal = NULL;
    JournalOptions options = {.segment_bytes_max = 4096};
    CHECK_OK(journal_open(directory, &options, &journal, err));
    static uint8_t kilobyte[1024];
    for (int i = 0; i < 100; i++) {
        CHECK_OK(append(journal, "a", i, (Slice){kilobyte, sizeof(kilobyte)}, err));
        cut(journal, "p");
        if (i == 50) {
            JournalInfo info;
            CHECK_OK(journal_sync(journal, err));
            journal_info(journal, &info);
            CHECK_OK(journal_pin(directory, "sink", info.end, err));
        }
    }
    CHECK_OK(journal_sync(journal, err));
    CHECK(segments_in(directory) > 20);
    CHECK_OK(journal_trim(journal, err));
    size_t pinned = segments_in(directory);
    CHECK(pinned > 10 && pinned < 20);
    // One that cannot be read holds everything, until its sink writes it.
    char path[PATH_MAX];
    JournalPin *pin = NULL;
    LogPosition at = 1;
    snprintf(path, sizeof(path), "%s/pins/sink", directory);
    CHECK_OK(file_replace(path, SLICE("1 "), err));
    CHECK_FAILS(journal_trim(journal, err), ERR_STATE_CORRUPT);
    err_clear(err);
    CHECK_OK(journal_pin_open(directory, "sink", NULL, 0, &pin, &at, err));
    CHECK_INT(at, 0);
    CHECK_OK(journal_pin_raise(pin, 0, err));
    journal_pin_close(pin);
    CHECK_OK(journal_trim(journal, err));
    CHECK_OK(journal_unpin(directory, "sink", err));
    CHECK_OK(journal_trim(journal, err));
    CHECK_INT(segments_in(directory), 1);
    JournalReader *reader = NULL;
    CHECK_FAILS(journal_reader_open(directory, 8, 0, &reader, err), ERR_NOT_FOUND);
    journal_close(journal);
    CHECK_OK(journal_open(directory, &options, &journal, err));
    CHECK_OK(append(journal, "a", 100, SLICE("x"), err));
    cut(journal, "q");
    journal_close(journal);
    DEFER(buf_release) Buf text = {0};
    read_all(directory, 0, &text);
    Slice last = slice_from(buf_slice(&text), text.size - strlen("E a 100 100|C 101 q|"));
    CHECK_TEXT(last, "E a 100 100|C 101 q|");
    remove_directory(directory);
}

static void state_at_end(const char *directory, LogPosition from, Buf *state) {
    Err err[1] = {{0}};
    JournalReader *reader = NULL;
    JournalEntry entry;
    buf_reset(state);
    CHECK_OK(journal_reader_open(directory, from, 0, &reader, err));
    CHECK_OK(journal_reader_keep_state(reader, err));
    do {
        CHECK_OK(journal_reader_next(reader, &entry, err));
    } while (entry.kind != JOURNAL_END);
    journal_reader_state(reader, state);
    journal_reader_close(reader);
}

TEST(a_journal_goes_on_from_a_state_that_a_reader_kept) {
    Err err[1] = {{0}};
    const char *directory = make_directory();
    Journal *journal = NULL;
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    CHECK_OK(append(journal, "a", 1, SLICE("x"), err));
    journal_state_put(journal, SLICE("fact"), SLICE("one"));
    journal_state_put(journal, SLICE("gone"), SLICE("soon"));
    cut(journal, "p1");
    CHECK_OK(journal_sync(journal, err));
    JournalInfo info;
    journal_info(journal, &info);
    CHECK_OK(append(journal, "a", 2, SLICE("x"), err));
    CHECK_OK(append(journal, "b", 3, SLICE("x"), err));
    journal_state_put(journal, SLICE("fact"), SLICE("two"));
    journal_state_put(journal, SLICE("gone"), (Slice){0});
    cut(journal, "p2");
    CHECK_OK(journal_sync(journal, err));
    journal_close(journal);
    Buf whole = {0}, late = {0}, text = {0};
    state_at_end(directory, 0, &whole);
    state_at_end(directory, info.end, &late); // opened behind the first cut: the same
    CHECK(slice_equal(buf_slice(&whole), buf_slice(&late)));
    CHECK(!journal_seed(directory, buf_slice(&whole), err) && err->code == ERR_EXISTS);
    err_clear(err);
    remove_directory(directory);

    directory = make_directory();
    CHECK(!journal_seed(directory, slice_from(buf_slice(&whole), 1), err));
    err_clear(err);
    CHECK_OK(journal_seed(directory, buf_slice(&whole), err));
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    journal_info(journal, &info);
    CHECK_INT(info.epoch, 2);
    CHECK(slice_equal(position_slice(&info.position), SLICE("p2")));
    CHECK(slice_equal(journal_state_get(journal, SLICE("fact")), SLICE("two")));
    CHECK(journal_state_get(journal, SLICE("gone")).size == 0);
    CHECK_OK(append(journal, "a", 4, SLICE("x"), err));
    cut(journal, "p3");
    journal_close(journal);
    read_all(directory, 0, &text);
    CHECK(slice_equal(buf_slice(&text), SLICE("S a|E a 2 4|C 3 p3|")));
    JournalCheck check;
    CHECK_OK(journal_check(directory, &check, NULL, NULL, err));
    CHECK_INT(check.defects, 0);
    buf_release(&whole);
    buf_release(&late);
    buf_release(&text);
    remove_directory(directory);
}

TEST(offsets_and_epoch_start_above_their_floors) {
    Err err[1] = {{0}};
    const char *directory = make_directory();
    Journal *journal = NULL;
    CHECK_OK(journal_open(directory, &(JournalOptions){0}, &journal, err));
    CHECK_OK(append(journal, "a", 1, SLICE("x"), err));
    cut(journal, "p1");
    journal_close(journal);
    JournalFloor floors[] = {{SLICE("a"), 10}, {SLICE("new"), 5}};
    JournalOptions options = {.epoch_floor = 7, .floors = floors, .floor_count = 2};
    CHECK_OK(journal_open(directory, &options, &journal, err));
    JournalInfo info;
    journal_info(journal, &info);
    CHECK_INT(info.epoch, 8);
    CHECK_OK(append(journal, "a", 2, SLICE("x"), err));
    CHECK_OK(append(journal, "new", 3, SLICE("x"), err));
    CHECK_OK(append(journal, "b", 4, SLICE("x"), err));
    cut(journal, "p2");
    journal_close(journal);
    Buf text = {0};
    read_all(directory, 0, &text);
    CHECK(slice_equal(buf_slice(&text), SLICE("S a|E a 0 1|C 1 p1|S new|S b|E a 10 2|E new 5 3|E b 0 4|C 2 p2|")));
    JournalCheck check;
    CHECK_OK(journal_check(directory, &check, NULL, NULL, err));
    CHECK_INT(check.defects, 0);
    CHECK_OK(journal_open(directory, &options, &journal, err)); // nothing to raise any more
    journal_close(journal);
    buf_release(&text);
    remove_directory(directory);
}
