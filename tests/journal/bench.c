// SPDX-License-Identifier: Apache-2.0
// How fast the journal is: bench_journal DIRECTORY [events]. Prints ns per event of append and read for the rows of the
// benchmark tables narrow and orders, and groups per second.
#include "core/base/digest.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

#define MUST(call)                                                                    \
    do {                                                                              \
        if (!(call)) {                                                                \
            fprintf(stderr, "%s: %s %s\n", #call, err_name(err->code), err->message); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

typedef struct Table {
    const char *name;
    uint32_t columns;
    TypeKind kinds[12];
} Table;

static const Table TABLES[] = {
    {"narrow", 4, {TYPE_INT64, TYPE_INT32, TYPE_STRING, TYPE_TIMESTAMPTZ}},
    {"orders",
     12,
     {TYPE_INT64, TYPE_INT64, TYPE_INT32, TYPE_INT32, TYPE_STRING, TYPE_DECIMAL, TYPE_DECIMAL, TYPE_STRING,
      TYPE_TIMESTAMPTZ, TYPE_TIMESTAMPTZ, TYPE_STRING, TYPE_JSON}},
};
static const char TEXT[] = "0123456789abcdef0123456789abcdef 0123456789abcdef0123456789abcdef";
static const char JSON[] = "{\"tags\": [\"c4ca42\", \"b\"], \"score\": 42, \"channel\": \"app\"}";

static Slice part(const char *text, size_t size) {
    return (Slice){(const uint8_t *)text, size};
}

static void row_fill(const Table *table, int64_t i, Value *row) {
    int64_t time = 820454400000000 + i * 1000;
    row[0] = value_int(i);
    if (table->columns == 4) {
        row[1] = value_int(i % 1000);
        row[2] = value_bytes(VALUE_STRING, part(TEXT, 20));
        row[3] = (Value){.kind = VALUE_TIMESTAMPTZ, .integer = time};
        return;
    }
    row[1] = value_int((i * 7919) % 500000);
    row[2] = value_int((i * 31) % 20000);
    row[3] = value_int(1 + i % 9);
    row[4] = value_bytes(VALUE_STRING, SLICE("shipped"));
    row[5] = value_bytes(VALUE_DECIMAL, part(TEXT, 6));
    row[6] = value_bytes(VALUE_DECIMAL, part(TEXT, 7));
    row[7] = value_bytes(VALUE_STRING, SLICE("EUR"));
    row[8] = (Value){.kind = VALUE_TIMESTAMPTZ, .integer = time};
    row[9] = i % 3 == 0 ? (Value){.kind = VALUE_TIMESTAMPTZ, .integer = time} : (Value){0};
    row[10] = i % 5 != 0 ? value_bytes(VALUE_STRING, part(TEXT, 65)) : (Value){0};
    row[11] = value_bytes(VALUE_STRING, part(JSON, sizeof(JSON) - 1));
}

static Event event_of(const Table *table, int64_t i, const Value *row) {
    return (Event){
        .op = OP_CREATE,
        .offset_span = 1,
        .column_count = table->columns,
        .commit_lsn = 0x16b374d848 + (uint64_t)(i / 100) * 12000,
        .ordinal = 1 + (uint64_t)(i % 100),
        .lsn = 0x16b374d848 + (uint64_t)i * 110,
        .transaction_id = 700 + (uint64_t)(i / 100),
        .source_us = 1767225600000000 + i,
        .capture_us = 1767225600003000 + i,
        .after = row,
    };
}

static void bench_append(const Table *table, const char *directory, int64_t events, int64_t group) {
    Err err[1] = {{0}};
    Journal *journal = NULL;
    Column columns[12];
    for (uint32_t i = 0; i < table->columns; i++) {
        columns[i] = (Column){.name = SLICE("column"), .type = {.kind = table->kinds[i]}};
    }
    Schema schema = {.space = SLICE("public"), .table = slice_of(table->name), .columns = columns};
    schema.column_count = table->columns;
    MUST(journal_open(directory, &(JournalOptions){0}, &journal, err));
    uint32_t topic = journal_topic(journal, slice_of(table->name));
    uint32_t schema_id = journal_schema(journal, topic, &schema);
    Value row[12];
    Position position = {.size = 8};
    int64_t wall = clock_monotonic_us(), thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID),
            cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t fill = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (int64_t i = 0; i < events; i++) {
        row_fill(table, i, row);
        __asm__ volatile("" ::"r"(row) : "memory");
    }
    fill = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - fill;
    for (int64_t i = 0; i < events; i++) {
        row_fill(table, i, row);
        Event event = event_of(table, i, row);
        MUST(journal_append(journal, topic, schema_id, &event, err));
        if ((i + 1) % group == 0) {
            MUST(journal_cut(journal, &position, err));
        }
    }
    thread = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - thread - 2 * fill;
    MUST(journal_sync(journal, err));
    wall = clock_monotonic_us() - wall;
    cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu - 2 * fill;
    JournalInfo info;
    journal_info(journal, &info);
    printf("append %s: %" PRId64 " ns of the caller, %" PRId64 " ns of both threads, %" PRIu64
           " bytes an event; %.2f M/s, %.0f MB/s, groups of %" PRId64 "\n",
           table->name, thread / events, cpu / events, (info.end - info.begin) / (uint64_t)events,
           (double)events / (double)wall, (double)(info.end - info.begin) / (double)wall, group);
    journal_close(journal);
}

static void bench_read(const Table *table, const char *directory) {
    Err err[1] = {{0}};
    JournalReader *reader = NULL;
    JournalEntry entry;
    int64_t events = 0, sum = 0;
    int64_t cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    MUST(journal_reader_open(directory, 0, 0, &reader, err));
    do {
        MUST(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_EVENT) {
            events++;
            sum += entry.event->after[0].integer;
        }
    } while (entry.kind != JOURNAL_END);
    cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    printf("read %s: %" PRId64 " ns an event, %.2f M/s a core (sum %" PRId64 ")\n", table->name, cpu / events,
           (double)events * 1000 / (double)cpu, sum);
    journal_reader_close(reader);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void bench_groups(const char *directory, int64_t topics) {
    Err err[1] = {{0}};
    enum { GROUPS = 1000 };
    static int64_t times[GROUPS];
    Journal *journal = NULL;
    MUST(journal_open(directory, &(JournalOptions){0}, &journal, err));
    Column column = {.name = SLICE("id"), .type = {.kind = TYPE_INT64}};
    Schema schema = {.space = SLICE("public"), .table = SLICE("t"), .columns = &column, .column_count = 1};
    Value row = value_int(1);
    Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 1, .after = &row};
    Position position = {.size = 8};
    for (int i = 0; i < GROUPS; i++) {
        for (int64_t t = 0; t < topics; t++) {
            char name[32];
            snprintf(name, sizeof(name), "topic%" PRId64, t);
            uint32_t topic = journal_topic(journal, slice_of(name));
            MUST(journal_append(journal, topic, journal_schema(journal, topic, &schema), &event, err));
        }
        times[i] = clock_monotonic_us();
        MUST(journal_cut(journal, &position, err));
        MUST(journal_sync(journal, err));
        times[i] = clock_monotonic_us() - times[i];
    }
    qsort(times, GROUPS, sizeof(times[0]), compare);
    printf("groups of %" PRId64 " topics: cut to durable p50 %" PRId64 " us, p99 %" PRId64 " us, max %" PRId64 " us\n",
           topics, times[GROUPS / 2], times[GROUPS * 99 / 100], times[GROUPS - 1]);
    journal_close(journal);
}

int main(int argc, char **argv) {
    Err err[1] = {{0}};
    if (argc < 2) {
        fprintf(stderr, "bench_journal DIRECTORY [events]\n");
        return 2;
    }
    int64_t events = argc > 2 ? strtoll(argv[2], NULL, 10) : 2000000;
    char directory[512];
    snprintf(directory, sizeof(directory), "%s/bench-journal-%d", argv[1], (int)getpid());
    for (size_t i = 0; i < ARRAY_LEN(TABLES); i++) {
        for (int64_t group = 1000; group <= 100000; group *= 100) {
            bench_append(&TABLES[i], directory, events, group);
            bench_read(&TABLES[i], directory);
            MUST(file_remove_tree(directory, err));
        }
    }
    for (int64_t topics = 1; topics <= 1000; topics *= 1000) {
        bench_groups(directory, topics);
        MUST(file_remove_tree(directory, err));
    }
    return 0;
}
