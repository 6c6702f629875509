// SPDX-License-Identifier: Apache-2.0
// A lake under a simulated clock: each second every table has a commit of ten changes, and maintenance does what it
// finds to do. Says at checkpoints what has become of the tables.
//
//     leat_lake_clock DIRECTORY SECONDS TABLES CHECKPOINT-SECONDS [format.version=3]
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "flow/sink/iceberg/iceberg.h"
#include "flow/sink/iceberg/options.h"
#include "flow/sink/iceberg/places.h"
#include "lake/iceberg/commit.h"

#include <stdio.h>
#include <stdlib.h>

enum { CHANGES = 10, KEYS = 100000 };

#define MUST(call)                                                                    \
    do {                                                                              \
        if (!(call)) {                                                                \
            fprintf(stderr, "%s: %s %s\n", #call, err_name(err->code), err->message); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

typedef struct Feed {
    void *sink;
    JournalTopic topic;
    Schema schema;
    uint64_t offset;
    int64_t next_id;
} Feed;

static const Column COLUMNS[] = {
    {.name = {(const uint8_t *)"id", 2}, .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY | 1},
    {.name = {(const uint8_t *)"n", 1}, .type = {.kind = TYPE_INT64}},
    {.name = {(const uint8_t *)"note", 4}, .type = {.kind = TYPE_STRING}},
};

static void change(Feed *feed, LogPosition *at) {
    Err err[1] = {{0}};
    int kind = rand() % 10;
    int64_t id = kind < 4 || feed->next_id == 0 ? feed->next_id++ % KEYS : rand() % feed->next_id % KEYS;
    Value row[] = {value_int(id), value_int(rand()),
                   value_bytes(VALUE_STRING, SLICE("a note of some thirty bytes or so"))};
    Value key[] = {value_int(id), {.kind = VALUE_NULL}, {.kind = VALUE_NULL}};
    bool gone = kind == 9;
    Event event = {.op = gone       ? OP_DELETE
                         : kind < 4 ? OP_CREATE
                                    : OP_UPDATE,
                   .offset_span = 1,
                   .column_count = ARRAY_LEN(COLUMNS),
                   .commit_lsn = *at,
                   .ordinal = feed->offset,
                   .source_us = clock_wall_us(),
                   .before = gone ? key : NULL,
                   .after = gone ? NULL : row};
    JournalEntry entry = {.kind = JOURNAL_EVENT,
                          .at = *at,
                          .next = *at + 1,
                          .topic = &feed->topic,
                          .schema = &feed->schema,
                          .offset = feed->offset++,
                          .event = &event};
    (*at)++;
    MUST(ICEBERG_SINK.take(feed->sink, &entry, err));
}

static void cut(void *sink, LogPosition *at) {
    Err err[1] = {{0}};
    Position position = {0};
    JournalEntry entry = {.kind = JOURNAL_CUT,
                          .at = *at,
                          .next = *at + 1,
                          .epoch = 1,
                          .cut_sequence = *at,
                          .position = &position,
                          .cut_ms = (uint64_t)(clock_wall_us() / 1000)};
    (*at)++;
    MUST(ICEBERG_SINK.take(sink, &entry, err));
}

// Until there is nothing that the sink would do now.
static void settle(void *sink) {
    Err err[1] = {{0}};
    for (int64_t next_ms = 0;;) {
        MUST(ICEBERG_SINK.tick(sink, &next_ms, err));
        if (next_ms < 0) {
            return;
        }
        clock_sleep_us(100);
    }
}

typedef struct Files {
    size_t count;
    uint64_t bytes, newest_json;
    size_t data, deletes;
} Files;

static bool file_count(void *context, Slice uri, uint64_t size) {
    Files *files = context;
    files->count++;
    files->bytes += size;
    return true;
}

static bool live_count(void *context, const ManifestEntry *entry, Err *err) {
    Files *files = context;
    *(entry->file.content == CONTENT_DATA ? &files->data : &files->deletes) += 1;
    return true;
}

static void report(const LakePlaces *places, int64_t second, double commit_ms) {
    Err err[1] = {{0}};
    Arena arena[1];
    LakeIo *io = NULL;
    Catalog *catalog = NULL;
    CatalogTable found;
    Table *table = NULL;
    Files files = {0};
    arena_init(arena, "report", 0);
    MUST(lake_places_open(places, arena, &io, &catalog, err));
    TableName name = {SLICE("s"), SLICE("t0")};
    int64_t began_us = clock_monotonic_us();
    MUST(catalog_load(catalog, name, arena, &found, err));
    MUST(table_open(io, found.metadata_json, found.metadata_file, &table, err));
    const TableMetadata *metadata = table_metadata(table);
    MUST(table_each_file(table, table_snapshot_current(metadata), true, live_count, &files, err));
    double plan_ms = (double)(clock_monotonic_us() - began_us) / 1000;
    Slice folder = slice_of(arena_printf(arena, "%.*s/", SLICE_ARG(metadata->location)));
    MUST(lake_io_list(io, folder, file_count, &files, err));
    printf("| %lld | %zu | %zu | %zu | %zu | %.1f | %.1f | %zu | %.1f |\n", (long long)second, metadata->snapshot_count,
           files.data, files.deletes, found.metadata_json.size / 1024, plan_ms, commit_ms, files.count,
           (double)files.bytes / 1e6);
    fflush(stdout);
    table_close(table);
    catalog_close(catalog);
    lake_io_close(io);
    arena_release(arena);
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: leat_lake_clock DIRECTORY SECONDS TABLES CHECKPOINT-SECONDS [NAME=VALUE]\n");
        return 2;
    }
    Err err[1] = {{0}};
    Arena run[1];
    arena_init(run, "run", 0);
    const char *directory = argv[1], *state = arena_printf(run, "%s/state", directory);
    const char *warehouse = arena_printf(run, "%s/lake", directory);
    int64_t seconds = atoll(argv[2]), tables = atoll(argv[3]), step = atoll(argv[4]);
    MUST(file_make_directories(state, err));
    LakeOptions options;
    option_defaults(&ICEBERG_OPTIONS, &options);
    MUST(option_set(&ICEBERG_OPTIONS, &options, "freshness", "1s", run, err));
    MUST(option_set(&ICEBERG_OPTIONS, &options, "maintenance.cpu", "100", run, err));
    for (int i = 5; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        MUST(value != NULL || FAIL(err, ERR_OPTION, "%s is no NAME=VALUE", argv[i]));
        *value = '\0';
        MUST(option_set(&ICEBERG_OPTIONS, &options, argv[i], value + 1, run, err));
    }
    SinkContext context = {.name = "out",
                           .pipeline = "clock",
                           .url = warehouse,
                           .state_directory = state,
                           .data_directory = directory,
                           .options = &options,
                           .memory_bytes_max = 64 * MIB};
    void *sink = NULL;
    MUST(ICEBERG_SINK.open(&context, &sink, err));
    Feed *feeds = ARENA_ARRAY(run, Feed, (size_t)tables);
    for (int64_t i = 0; i < tables; i++) {
        Slice table = slice_of(arena_printf(run, "t%lld", (long long)i));
        feeds[i] = (Feed){.sink = sink, .schema = {.id = 1, .space = SLICE("s"), .table = table, .columns = COLUMNS}};
        feeds[i].schema.column_count = ARRAY_LEN(COLUMNS);
        feeds[i].topic.name = slice_of(arena_printf(run, "s.t%lld", (long long)i));
    }
    LakePlaces places = {.url = warehouse, .data_directory = directory, .owner = "report"};
    printf(
        "| second | snapshots | data files | delete files | metadata KiB | planning ms | second's work ms | files on "
        "disk | MB |\n|---|---|---|---|---|---|---|---|---|\n");
    LogPosition at = 1;
    int64_t since_us = clock_monotonic_us(), ahead = 0;
    for (int64_t second = 1; second <= seconds; second++) {
        for (int64_t i = 0; i < tables * CHANGES; i++) {
            change(&feeds[i / CHANGES], &at);
        }
        cut(sink, &at);
        clock_advance_us(1000000);
        ahead += 1000000;
        settle(sink);
        if (second % step == 0) {
            int64_t now_us = clock_monotonic_us();
            report(&places, second, (double)(now_us - since_us - ahead) / 1000 / (double)step);
            since_us = clock_monotonic_us();
            ahead = 0;
        }
    }
    ICEBERG_SINK.close(sink);
    arena_release(run);
    return 0;
}
