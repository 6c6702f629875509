// SPDX-License-Identifier: Apache-2.0
// Nanoseconds and bytes per row of JSON files, plain and gzipped with each level. Single-threaded, CPU time.
//     cmake --build --preset release --target json_file_bench && build/json_file_bench
#include "data/format/json_file.h"
#include "rows.h"

enum { ROWS = 40000, ROUNDS = 5 };

static bool write_file(const FilePlan *plan, const Event *events, FileEncoder **encoder, Err *err) {
    TRY(JSON_FORMAT.open(plan, encoder, err));
    for (size_t i = 0; i < ROWS; i++) {
        Record record = {.event = &events[i]};
        TRY(JSON_FORMAT.append(*encoder, &record, err));
        if ((*encoder)->out.size >= MIB) {
            buf_reset(&(*encoder)->out);
        }
    }
    return JSON_FORMAT.finish(*encoder, err);
}

static bool measure(const Schema *schema, const Event *events, Codec codec, int level, Err *err) {
    Arena arena;
    arena_init(&arena, "run", 0);
    FileFormatOptions options = {.codec = codec, .level = level};
    FilePlan wanted = {.schema = schema, .options = &options};
    const FilePlan *plan = NULL;
    int64_t best = INT64_MAX;
    uint64_t written = 0;
    bool done = JSON_FORMAT.plan(&arena, &wanted, &plan, err);
    for (int round = 0; done && round < ROUNDS; round++) {
        FileEncoder *encoder = NULL;
        int64_t start = cpu_ns();
        done = write_file(plan, events, &encoder, err);
        best = MIN(best, cpu_ns() - start);
        written = done ? encoder->written : 0;
        JSON_FORMAT.close(encoder);
    }
    printf("%.*s %s %d: %" PRId64 " ns, %.1f bytes a row\n", SLICE_ARG(schema->table), codec_name(codec), level,
           best / ROWS, (double)written / ROWS);
    arena_release(&arena);
    return done;
}

static bool measure_all(const char *name, const Column *columns, uint32_t count, RowMaker *row, Err *err) {
    static const int LEVELS[] = {0, 1, 2, 3, 4, 6};
    Arena arena;
    arena_init(&arena, "rows", 0);
    Schema schema = {1, SLICE("public"), slice_of(name), IDENTITY_KEY, columns, count};
    const Event *events = events_make(&arena, row, count, 1000000, ROWS);
    bool done = measure(&schema, events, CODEC_NONE, 0, err);
    for (size_t i = 0; i < ARRAY_LEN(LEVELS); i++) {
        done = done && measure(&schema, events, CODEC_GZIP, LEVELS[i], err);
    }
    arena_release(&arena);
    return done;
}

int main(void) {
    Err err[1] = {{0}};
    bool done = measure_all("narrow", NARROW, ARRAY_LEN(NARROW), narrow_row, err) &&
                measure_all("orders", ORDERS, ARRAY_LEN(ORDERS), orders_row, err);
    if (!done) {
        fprintf(stderr, "%s\n", err->message);
    }
    return done ? 0 : 1;
}
