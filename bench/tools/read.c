// SPDX-License-Identifier: Apache-2.0
// Reads a journal as a sink does, for benchmarks.
//
//     leat_read count JOURNAL              all that is in it: events, cuts, the sum of the first column's integers
//     leat_read latency JOURNAL SECONDS    from now on: commit in the source -> seen durable here, of each event
//     leat_read first JOURNAL SECONDS      when the first event behind the end was seen durable, µs since 1970
#include "core/base/buf.h"
#include "core/sys/clock.h"
#include "storage/journal/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define READER_BYTES (1 * MIB)
#define WARM_UP_US   2000000

#define MUST(call)                                                                    \
    do {                                                                              \
        if (!(call)) {                                                                \
            fprintf(stderr, "%s: %s %s\n", #call, err_name(err->code), err->message); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

static JournalReader *open_at(const char *directory, bool end) {
    Err err[1] = {{0}};
    JournalReader *reader = NULL;
    JournalLook look = {0};
    if (end) {
        MUST(journal_look(directory, &look, NULL, NULL, NULL, err));
    }
    MUST(journal_reader_open(directory, end ? look.info.end : 0, READER_BYTES, &reader, err));
    return reader;
}

static void count(const char *directory) {
    Err err[1] = {{0}};
    JournalReader *reader = open_at(directory, false);
    uint64_t events = 0, cuts = 0, sum = 0;
    for (JournalEntry entry = {0}; entry.kind != JOURNAL_END;) {
        MUST(journal_reader_next(reader, &entry, err));
        cuts += entry.kind == JOURNAL_CUT;
        if (entry.kind == JOURNAL_EVENT) {
            const Value *row = entry.event->after;
            events++;
            sum += row != NULL && row[0].kind == VALUE_INT ? (uint64_t)row[0].integer : 0;
        }
    }
    journal_reader_close(reader);
    printf("{\"events\":%" PRIu64 ",\"cuts\":%" PRIu64 ",\"sum\":%" PRIu64 "}\n", events, cuts, sum);
}

static int by_size(const void *a, const void *b) {
    uint32_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static void quantiles(Buf *latencies, uint64_t cuts) {
    size_t events = latencies->size / sizeof(uint32_t);
    if (events == 0) {
        printf("{\"events\":0}\n");
        return;
    }
    uint32_t *at = (uint32_t *)(void *)latencies->data;
    qsort(at, events, sizeof(*at), by_size);
    printf("{\"events\":%zu,\"cuts\":%" PRIu64 ",\"p50_us\":%u,\"p90_us\":%u,\"p99_us\":%u,\"p999_us\":%u,"
           "\"max_us\":%u}\n",
           events, cuts, at[events / 2], at[events * 9 / 10], at[events * 99 / 100], at[events * 999 / 1000],
           at[events - 1]);
}

static void latency(const char *directory, int64_t seconds) {
    Err err[1] = {{0}};
    JournalReader *reader = open_at(directory, true);
    Buf latencies = {0};
    uint64_t cuts = 0;
    int64_t from = clock_wall_us() + WARM_UP_US, until = from + seconds * 1000000, seen = 0;
    while (clock_wall_us() < until) {
        JournalEntry entry;
        MUST(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_END) {
            journal_reader_wait(reader, 100);
            seen = clock_wall_us(); // what is read until the next wait was durable by now
        } else if (entry.kind == JOURNAL_EVENT && seen >= from) {
            uint32_t took = (uint32_t)(seen - entry.event->source_us);
            buf_bytes(&latencies, &took, sizeof(took));
        }
        cuts += entry.kind == JOURNAL_CUT && seen >= from;
    }
    quantiles(&latencies, cuts);
    buf_release(&latencies);
    journal_reader_close(reader);
}

static void first(const char *directory, int64_t seconds) {
    Err err[1] = {{0}};
    JournalReader *reader = open_at(directory, true);
    printf("ready\n");
    fflush(stdout);
    int64_t until = clock_wall_us() + seconds * 1000000, seen = 0;
    while (clock_wall_us() < until) {
        JournalEntry entry;
        MUST(journal_reader_next(reader, &entry, err));
        if (entry.kind == JOURNAL_EVENT) {
            printf("{\"at_us\":%" PRId64 ",\"source_us\":%" PRId64 "}\n", seen, entry.event->source_us);
            break;
        }
        if (entry.kind == JOURNAL_END) {
            journal_reader_wait(reader, 20);
            seen = clock_wall_us();
        }
    }
    journal_reader_close(reader);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "count") == 0) {
        count(argv[2]);
    } else if (argc == 4 && strcmp(argv[1], "latency") == 0) {
        latency(argv[2], strtol(argv[3], NULL, 10));
    } else if (argc == 4 && strcmp(argv[1], "first") == 0) {
        first(argv[2], strtol(argv[3], NULL, 10));
    } else {
        fprintf(stderr, "usage: leat_read count JOURNAL | latency JOURNAL SECONDS | first JOURNAL SECONDS\n");
        return 2;
    }
    return 0;
}
