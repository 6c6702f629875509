// SPDX-License-Identifier: Apache-2.0
// CPU nanoseconds per row through the objects sink, files on disk included: narrow rows, groups of 1,000.
//     cmake --build --preset release --target objects_bench && build/objects_bench [DIRECTORY [TABLES]]
#include "core/base/log.h"
#include "core/sys/file.h"
#include "flow/sink/objects/objects.h"

#include <time.h>

enum { ROWS = 2000000, GROUP = 1000 };

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Column COLUMNS[] = {
    {.name = NAME("id"), .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY},
    {.name = NAME("a"), .type = {.kind = TYPE_INT32}},
    {.name = NAME("b"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("c"), .type = {.kind = TYPE_TIMESTAMPTZ, .precision = 6}},
};

static int64_t now_ns(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static bool feed(Sink *sink, uint32_t tables, Err *err) {
    static char names[10000][16];
    for (uint32_t i = 0; i < tables; i++) {
        snprintf(names[i], sizeof(names[i]), "narrow%u", i);
    }
    for (uint64_t g = 0; g < ROWS; g++) {
        uint32_t table = (uint32_t)(g % tables);
        Schema schema = {table + 1, NAME("public"), slice_of(names[table]), IDENTITY_KEY, COLUMNS, 4};
        JournalTopic topic = {table, slice_of(names[table])};
        Value row[] = {value_int((int64_t)g),
                       value_int((int64_t)(g % 1000)),
                       value_bytes(VALUE_STRING, SLICE("c4ca4238a0b923820dcc")),
                       {.kind = VALUE_TIMESTAMPTZ, .integer = 820540800000000 + (int64_t)g * 1000}};
        Event event = {.op = OP_CREATE, .offset_span = 1, .column_count = 4, .commit_lsn = g, .after = row};
        JournalEntry entry = {.kind = JOURNAL_EVENT,
                              .at = g,
                              .next = g + 1,
                              .topic = &topic,
                              .schema = &schema,
                              .offset = g / tables,
                              .event = &event};
        TRY(sink_take(sink, &entry, err));
        if (g % GROUP == GROUP - 1) {
            entry = (JournalEntry){.kind = JOURNAL_CUT, .at = g, .next = g + 1, .epoch = 1, .cut_sequence = g + 1};
            TRY(sink_take(sink, &entry, err));
        }
    }
    return sink_flush(sink, err);
}

int main(int argc, char **argv) {
    Err err[1] = {{0}};
    char folder[] = "/tmp/leat_bench_XXXXXX", state[64];
    uint32_t tables = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1;
    ASSERT(tables > 0 && tables <= 10000 && mkdtemp(folder) != NULL);
    snprintf(state, sizeof(state), "%s/state", folder);
    char *target = argc > 1 ? argv[1] : folder;
    char lake[512];
    snprintf(lake, sizeof(lake), "%s/leat_bench_lake", target);
    ObjectsOptions options;
    option_defaults(&OBJECTS_OPTIONS, &options);
    SinkContext context = {
        .name = "main", .url = lake, .state_directory = state, .options = &options, .memory_bytes_max = 16 * MIB};
    Sink *sink = NULL;
    bool ok = file_make_directories(state, err) && sink_open(&OBJECTS_SINK, &context, &sink, err);
    int64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns(CLOCK_MONOTONIC);
    ok = ok && feed(sink, tables, err);
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = now_ns(CLOCK_MONOTONIC) - wall;
    SinkStats stats = {0};
    if (sink != NULL) {
        sink_stats(sink, &stats);
    }
    sink_close(sink);
    if (!ok) {
        log_err(LOG_SINK, "the benchmark failed", err);
        return 1;
    }
    printf("%u tables, %d rows: %" PRId64 " ns CPU a row, %" PRId64 " ns wall a row, %" PRIu64 " files, %" PRIu64
           " bytes\n",
           tables, ROWS, cpu / ROWS, wall / ROWS, stats.files, stats.bytes);
    return file_remove_tree(lake, err) && file_remove_tree(folder, err) ? 0 : 1;
}
