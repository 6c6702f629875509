// SPDX-License-Identifier: Apache-2.0
// What every journal driver must do, through storage/journal/journal.h alone. conformance_begin gives a fresh, empty
// journal: in files, or where LEAT_JOURNAL_URL says.
#include "core/base/test.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/journal.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

static char place[64];
static Journal *journal;
static Err err[1];

static void conformance_open(const JournalOptions *options) {
    CHECK_OK(journal_open(place, options, &journal, err));
}

static const char *journal_url(void) {
    return getenv("LEAT_JOURNAL_URL");
}

// How many of them: a cut of a driver over a network takes milliseconds.
static int cuts_of(int count) {
    return journal_url() == NULL ? count : count / 10;
}

static void conformance_begin(const JournalOptions *options) {
    snprintf(place, sizeof(place), "/tmp/leat-conformance-XXXXXX");
    CHECK(mkdtemp(place) != NULL);
    CHECK_OK(journal_place(place, journal_url() != NULL ? journal_url() : "", place + strlen("/tmp/leat-"), err));
    conformance_open(options);
}

static void conformance_end(void) {
    journal_close(journal);
    journal = NULL;
    CHECK_OK(file_remove_tree(place, err));
}

static const JournalOptions DEFAULTS = {0};
static const JournalOptions SMALL = {.segment_bytes_max = 20000, .memory_bytes_max = 256 * KIB};

// --- small helpers ---------------------------------------------------------------------------------------------

static Schema shape(const char *table, const char *column) {
    static Column columns[2];
    columns[0] = (Column){.name = SLICE("id"), .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY};
    columns[1] = (Column){.name = slice_of(column), .type = {.kind = TYPE_STRING}};
    return (Schema){.space = SLICE("public"), .table = slice_of(table), .columns = columns, .column_count = 2};
}

static bool put_shaped(const char *topic, const char *column, int64_t number, Slice text) {
    uint32_t id = journal_topic(journal, slice_of(topic));
    Schema schema = shape(topic, column);
    Value row[] = {value_int(number), value_bytes(VALUE_STRING, text)};
    Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 2, .after = row, .commit_lsn = 7};
    event.ordinal = (uint64_t)number;
    return journal_append(journal, id, journal_schema(journal, id, &schema), &event, err);
}

static void put(const char *topic, int64_t number) {
    CHECK_OK(put_shaped(topic, "text", number, SLICE("text")));
}

static void cut(const char *position) {
    Position at = position_of(slice_of(position));
    CHECK_OK(journal_cut(journal, &at, err));
}

static void entry_print(const JournalEntry *entry, Buf *text) {
    switch (entry->kind) {
    case JOURNAL_SCHEMA:
        buf_printf(text, "S %.*s %.*s|", SLICE_ARG(entry->topic->name), SLICE_ARG(entry->schema->columns[1].name));
        break;
    case JOURNAL_EVENT:
        buf_printf(text, "%.*s %" PRIu64 " %" PRId64 "|", SLICE_ARG(entry->topic->name), entry->offset,
                   entry->event->after[0].integer);
        break;
    case JOURNAL_CUT:
        buf_printf(text, "C %.*s|", SLICE_ARG(position_slice(entry->position)));
        break;
    case JOURNAL_END:
        break;
    }
}

static void read_on(JournalReader *reader, Buf *text) {
    buf_reset(text);
    JournalEntry entry;
    do {
        CHECK_OK(journal_reader_next(reader, &entry, err));
        entry_print(&entry, text);
    } while (entry.kind != JOURNAL_END);
}

static void expect_from(LogPosition from, const char *want) {
    DEFER(buf_release) Buf text = {0};
    JournalReader *reader = NULL;
    CHECK_OK(journal_reader_open(place, from, 0, &reader, err));
    read_on(reader, &text);
    journal_reader_close(reader);
    CHECK_TEXT(buf_slice(&text), want);
}

// --- the list --------------------------------------------------------------------------------------------------

TEST(conformance_an_empty_journal_has_nothing_to_read) {
    conformance_begin(&DEFAULTS);
    Position position = {.size = 1};
    CHECK_INT(journal_durable(journal, &position), 0);
    CHECK_INT(position.size, 0);
    expect_from(0, "");
    journal_close(journal);
    conformance_open(&DEFAULTS);
    expect_from(0, "");
    conformance_end();
}

TEST(conformance_topics_and_schemas_keep_their_numbers) {
    conformance_begin(&DEFAULTS);
    uint32_t a = journal_topic(journal, SLICE("a")), b = journal_topic(journal, SLICE("b"));
    CHECK(a != b && journal_topic(journal, SLICE("a")) == a);
    Schema one = shape("a", "one"), copy;
    uint32_t first = journal_schema(journal, a, &one);
    put_shaped("a", "one", 1, SLICE("x"));
    copy = shape("a", "two");
    uint32_t second = journal_schema(journal, a, &copy);
    CHECK(first != second);
    put_shaped("a", "two", 2, SLICE("x"));
    put_shaped("b", "one", 3, SLICE("x"));
    cut("p");
    journal_close(journal);
    conformance_open(&DEFAULTS);
    CHECK_INT(journal_topic(journal, SLICE("a")), a);
    CHECK_INT(journal_topic(journal, SLICE("b")), b);
    one = shape("a", "one");
    CHECK_INT(journal_schema(journal, a, &one), first);
    expect_from(0, "S a one|a 0 1|S a two|S b one|a 1 2|b 0 3|C p|");
    conformance_end();
}

TEST(conformance_nothing_is_seen_before_its_cut) {
    conformance_begin(&SMALL);
    DEFER(buf_release) Buf text = {0};
    JournalReader *reader = NULL;
    CHECK_OK(journal_reader_open(place, 0, 0, &reader, err));
    static uint8_t large[300000];
    put("a", 1);
    CHECK_OK(put_shaped("a", "text", 2, (Slice){large, sizeof(large)})); // is written early
    CHECK_OK(journal_sync(journal, err));
    read_on(reader, &text);
    CHECK_TEXT(buf_slice(&text), "");
    cut("p");
    CHECK_OK(journal_sync(journal, err));
    read_on(reader, &text);
    CHECK_TEXT(buf_slice(&text), "S a text|a 0 1|a 1 2|C p|");
    journal_reader_close(reader);
    conformance_end();
}

TEST(conformance_a_cut_may_be_empty_and_moves_the_position) {
    conformance_begin(&DEFAULTS);
    cut("one");
    cut("two");
    CHECK_OK(journal_sync(journal, err));
    Position position;
    CHECK_INT(journal_durable(journal, &position), 2);
    CHECK_TEXT(position_slice(&position), "two");
    expect_from(0, "C one|C two|");
    conformance_end();
}

TEST(conformance_closing_drops_what_was_not_cut) {
    conformance_begin(&DEFAULTS);
    put("a", 1);
    cut("one");
    put("a", 2);
    journal_state_put(journal, SLICE("k"), SLICE("v"));
    journal_close(journal);
    conformance_open(&DEFAULTS);
    CHECK_INT(journal_state_get(journal, SLICE("k")).size, 0);
    put("a", 3);
    cut("two");
    CHECK_OK(journal_sync(journal, err));
    expect_from(0, "S a text|a 0 1|C one|a 1 3|C two|");
    conformance_end();
}

TEST(conformance_rollback_takes_back_offsets_schemas_and_facts) {
    conformance_begin(&SMALL);
    put("a", 1);
    journal_state_put(journal, SLICE("k"), SLICE("one"));
    cut("one");
    for (int i = 0; i < 5000; i++) {
        put(i % 2 == 0 ? "a" : "b", i);
    }
    journal_state_put(journal, SLICE("k"), SLICE(""));
    journal_state_put(journal, SLICE("new"), SLICE("x"));
    CHECK_OK(journal_rollback(journal, err));
    CHECK_OK(journal_rollback(journal, err)); // of nothing
    CHECK_TEXT(journal_state_get(journal, SLICE("k")), "one");
    CHECK_INT(journal_state_get(journal, SLICE("new")).size, 0);
    put("b", 2);
    put("a", 3);
    cut("two");
    CHECK_OK(journal_sync(journal, err));
    expect_from(0, "S a text|a 0 1|C one|S b text|b 0 2|a 1 3|C two|");
    conformance_end();
}

static void count_fact(void *context, Slice key, Slice value) {
    CHECK(key.size > 0 && value.size > 0);
    (*(int *)context)++;
}

TEST(conformance_facts_outlive_restarts_and_rotation) {
    conformance_begin(&SMALL);
    int cuts = cuts_of(300);
    for (int i = 0; i < 3000; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i % 300);
        journal_state_put(journal, slice_of(key), i < 2900 ? slice_of(key) : SLICE(""));
        put("a", i);
        if (i % (3000 / cuts) == 3000 / cuts - 1) {
            cut("p");
        }
    }
    journal_close(journal);
    conformance_open(&SMALL);
    int count = 0;
    journal_state_each(journal, count_fact, &count);
    CHECK_INT(count, 200);
    CHECK_TEXT(journal_state_get(journal, SLICE("k7")), "k7");
    conformance_end();
}

TEST(conformance_the_epoch_grows_with_each_writer) {
    conformance_begin(&DEFAULTS);
    JournalInfo before, after;
    journal_info(journal, &before);
    for (int i = 0; i < 3; i++) {
        journal_close(journal);
        conformance_open(&DEFAULTS);
        journal_info(journal, &after);
        CHECK(after.epoch > before.epoch);
        before = after;
    }
    conformance_end();
}

TEST(conformance_a_reader_goes_on_at_any_next) {
    conformance_begin(&SMALL);
    int events = cuts_of(2000);
    for (int i = 0; i < events; i++) {
        CHECK_OK(put_shaped(i % 3 == 0 ? "a" : "b", i % 500 < 250 ? "text" : "other", i, SLICE("0123456789012345")));
        if (i % 7 == 6 || i == events - 1) {
            cut("p");
        }
    }
    CHECK_OK(journal_sync(journal, err));
    JournalReader *reader = NULL;
    CHECK_OK(journal_reader_open(place, 0, 0, &reader, err));
    JournalEntry entry;
    uint64_t left = (uint64_t)events;
    do {
        CHECK_OK(journal_reader_next(reader, &entry, err));
        left -= entry.kind == JOURNAL_EVENT;
        if (entry.kind == JOURNAL_CUT) {
            JournalReader *other = NULL;
            JournalEntry there = {0};
            uint64_t count = 0;
            CHECK_OK(journal_reader_open(place, entry.next, 0, &other, err));
            for (int n = 0; n < 40 && there.kind != JOURNAL_END; n++) { // a few, else this is quadratic
                CHECK_OK(journal_reader_next(other, &there, err));
                count += there.kind == JOURNAL_EVENT;
            }
            CHECK(left == 0 ? count == 0 : count > 0 && count <= left);
            journal_reader_close(other);
        }
    } while (entry.kind != JOURNAL_END);
    CHECK_INT(left, 0);
    journal_reader_close(reader);
    conformance_end();
}

TEST(conformance_all_that_an_event_says_comes_back) {
    conformance_begin(&DEFAULTS);
    Schema schema = shape("a", "text");
    uint32_t topic = journal_topic(journal, SLICE("a")), id = journal_schema(journal, topic, &schema);
    Value before[] = {value_int(-5), {.kind = VALUE_NULL}}, after[] = {value_int(INT64_MIN), {.kind = VALUE_UNCHANGED}};
    Event event = {.op = OP_UPDATE,
                   .flags = EVENT_KEY_CHANGE,
                   .offset_span = 2,
                   .column_count = 2,
                   .commit_lsn = UINT64_MAX,
                   .ordinal = 3,
                   .lsn = 1,
                   .transaction_id = UINT32_MAX,
                   .source_us = -1,
                   .capture_us = INT64_MAX,
                   .before = before,
                   .after = after};
    CHECK_OK(journal_append(journal, topic, id, &event, err));
    CHECK_OK(journal_append(journal, topic, id, &(Event){.op = OP_TRUNCATE, .offset_span = 1, .column_count = 2}, err));
    cut("p");
    CHECK_OK(journal_sync(journal, err));
    JournalReader *reader = NULL;
    JournalEntry entry;
    CHECK_OK(journal_reader_open(place, 0, 0, &reader, err));
    CHECK_OK(journal_reader_next(reader, &entry, err));
    CHECK(entry.kind == JOURNAL_SCHEMA && schema_equal(entry.schema, &schema) && entry.schema->id == id);
    CHECK_OK(journal_reader_next(reader, &entry, err));
    CHECK(entry.kind == JOURNAL_EVENT && entry.offset == 0 && entry.topic->id == topic);
    const Event *got = entry.event;
    CHECK(got->op == OP_UPDATE && got->flags == EVENT_KEY_CHANGE && got->offset_span == 2 && got->column_count == 2);
    CHECK(got->commit_lsn == UINT64_MAX && got->ordinal == 3 && got->lsn == 1 && got->transaction_id == UINT32_MAX);
    CHECK(got->source_us == -1 && got->capture_us == INT64_MAX);
    for (int i = 0; i < 2; i++) {
        CHECK(value_equal(&got->before[i], &before[i]) && value_equal(&got->after[i], &after[i]));
    }
    CHECK_OK(journal_reader_next(reader, &entry, err));
    CHECK(entry.kind == JOURNAL_EVENT && entry.offset == 2 && entry.event->op == OP_TRUNCATE);
    CHECK(entry.event->before == NULL && entry.event->after == NULL);
    CHECK_OK(journal_reader_next(reader, &entry, err));
    CHECK(entry.kind == JOURNAL_CUT && entry.epoch == 1 && entry.cut_ms > 1600000000000);
    journal_reader_close(reader);
    conformance_end();
}

TEST(conformance_a_transaction_may_be_larger_than_the_memory) {
    conformance_begin(&SMALL);
    enum { EVENTS = 200000 };
    size_t most = 0;
    for (int i = 0; i < EVENTS; i++) {
        char topic[16];
        snprintf(topic, sizeof(topic), "t%d", i % 100);
        put(topic, i);
        most = MAX(most, journal_pending_bytes(journal));
    }
    CHECK(most < SMALL.memory_bytes_max);
    cut("p");
    journal_close(journal);
    conformance_open(&SMALL);
    JournalReader *reader = NULL;
    JournalEntry entry;
    uint64_t count = 0;
    CHECK_OK(journal_reader_open(place, 0, 0, &reader, err));
    do {
        CHECK_OK(journal_reader_next(reader, &entry, err));
        count += entry.kind == JOURNAL_EVENT;
    } while (entry.kind != JOURNAL_END);
    CHECK_INT(count, EVENTS);
    journal_reader_close(reader);
    conformance_end();
}

TEST(conformance_one_event_may_be_larger_than_the_memory) {
    conformance_begin(&SMALL);
    size_t size = 40 * MIB;
    uint8_t *bytes = calloc(1, size);
    put("a", 1);
    CHECK_OK(put_shaped("a", "text", 2, (Slice){bytes, size}));
    put("a", 3);
    cut("p");
    CHECK_OK(put_shaped("a", "text", 4, (Slice){bytes, size}));
    free(bytes);
    CHECK_OK(journal_rollback(journal, err));
    put("a", 5);
    cut("q");
    journal_close(journal);
    conformance_open(&SMALL);
    expect_from(0, "S a text|a 0 1|a 1 2|a 2 3|C p|a 3 5|C q|");
    conformance_end();
}

TEST(conformance_the_event_descriptor_tells_of_cuts) {
    conformance_begin(&DEFAULTS);
    struct pollfd event = {.fd = journal_event_fd(journal), .events = POLLIN};
    CHECK_INT(poll(&event, 1, 0), 0);
    for (int i = 0; i < 20; i++) {
        cut("p");
        uint64_t count = 0;
        CHECK_INT(poll(&event, 1, 10000), 1);
        CHECK_INT(read(event.fd, &count, sizeof(count)), sizeof(count));
        CHECK_OK(journal_sync(journal, err));
        CHECK(!journal_busy(journal));
    }
    conformance_end();
}

static void *wait_main(void *context) {
    DEFER(buf_release) Buf text = {0};
    do {
        journal_reader_wait(context, 20000);
        read_on(context, &text);
    } while (text.size == 0);
    return NULL;
}

TEST(conformance_a_waiting_reader_is_woken_by_a_cut) {
    conformance_begin(&DEFAULTS);
    for (int i = 0; i < cuts_of(50); i++) {
        JournalReader *reader = NULL;
        JournalInfo info;
        pthread_t thread;
        journal_info(journal, &info);
        CHECK_OK(journal_reader_open(place, info.end, 0, &reader, err));
        int64_t begin = clock_monotonic_us();
        CHECK_INT(pthread_create(&thread, NULL, wait_main, reader), 0);
        cut("p");
        pthread_join(thread, NULL);
        CHECK(clock_monotonic_us() - begin < 15000000);
        CHECK_OK(journal_sync(journal, err));
        journal_reader_close(reader);
    }
    conformance_end();
}

static void *wait_once(void *context) {
    journal_reader_wait(context, -1);
    return NULL;
}

TEST(conformance_a_waiting_reader_can_be_woken_by_hand) {
    conformance_begin(&DEFAULTS);
    JournalReader *reader = NULL;
    CHECK_OK(journal_reader_open(place, 0, 0, &reader, err));
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        CHECK_INT(pthread_create(&thread, NULL, wait_once, reader), 0);
        journal_reader_wake(reader);
        pthread_join(thread, NULL); // hangs if the wake is lost
    }
    journal_reader_close(reader);
    conformance_end();
}

// A pin in Kafka is seen a moment later.
static void put_when_room(int64_t number) {
    int64_t until = clock_monotonic_us() + INT64_C(180) * 1000000;
    while (!put_shaped("a", "text", number, SLICE("text"))) {
        CHECK_INT(err->code, ERR_JOURNAL_FULL);
        CHECK(clock_monotonic_us() < until);
        err_clear(err);
        clock_sleep_us(10000);
        CHECK_OK(journal_trim(journal, err));
    }
}

TEST(conformance_a_limit_blocks_until_the_sinks_have_moved) {
    static uint8_t filler[2000];
    conformance_begin(&(JournalOptions){.segment_bytes_max = 10000, .bytes_max = 100000});
    CHECK_OK(journal_pin(place, "sink", 0, err));
    int64_t n = 0;
    while (put_shaped("a", "text", n, (Slice){filler, journal_url() == NULL ? 40 : sizeof(filler)})) {
        n++;
        cut("p");
        CHECK(n < 10000);
    }
    CHECK_INT(err->code, ERR_JOURNAL_FULL);
    err_clear(err);
    cut("still possible");
    CHECK(!put_shaped("a", "text", n, SLICE("x")));
    err_clear(err);
    CHECK_OK(journal_sync(journal, err));
    JournalInfo info;
    journal_info(journal, &info);
    CHECK(info.end - info.begin < 120000);
    CHECK_OK(journal_pin(place, "sink", info.end, err));
    for (int i = 0; i < cuts_of(2000); i++) {
        put_when_room(n + i);
        cut("p");
        CHECK_OK(journal_sync(journal, err));
        journal_info(journal, &info);
        CHECK_OK(journal_pin(place, "sink", info.end, err));
    }
    conformance_end();
}

TEST(conformance_what_a_sink_has_pinned_stays) {
    static uint8_t filler[1000];
    conformance_begin(&SMALL);
    LogPosition pin = 0;
    int cuts = cuts_of(3000);
    for (int i = 0; i < cuts; i++) {
        CHECK_OK(put_shaped("a", "text", i, (Slice){filler, journal_url() == NULL ? 10 : 1000}));
        cut("p");
        if (i == cuts / 2) {
            CHECK_OK(journal_sync(journal, err));
            JournalInfo info;
            journal_info(journal, &info);
            pin = info.end;
            CHECK_OK(journal_pin(place, "slow", pin, err));
            CHECK_OK(journal_pin(place, "fast", pin + 100, err));
        }
    }
    CHECK_OK(journal_sync(journal, err));
    CHECK_OK(journal_trim(journal, err));
    JournalReader *reader = NULL;
    JournalEntry entry;
    CHECK_OK(journal_reader_open(place, pin, 0, &reader, err));
    CHECK_OK(journal_reader_next(reader, &entry, err));
    CHECK(entry.kind == JOURNAL_SCHEMA);
    CHECK_OK(journal_reader_next(reader, &entry, err));
    CHECK(entry.kind == JOURNAL_EVENT && entry.offset == (uint64_t)(cuts / 2) + 1);
    journal_reader_close(reader);
    CHECK_OK(journal_unpin(place, "slow", err));
    CHECK_OK(journal_unpin(place, "slow", err)); // absent is fine
    CHECK_OK(journal_unpin(place, "fast", err));
    CHECK_OK(journal_trim(journal, err));
    int64_t until = clock_monotonic_us() + INT64_C(180) * 1000000;
    while (journal_reader_open(place, pin, 0, &reader, err) && clock_monotonic_us() < until) {
        journal_reader_close(reader); // in Kafka, that a pin is gone is seen a moment later
        clock_sleep_us(10000);
        CHECK_OK(journal_trim(journal, err));
    }
    CHECK_INT(err->code, ERR_NOT_FOUND);
    err_clear(err);
    conformance_end();
}
