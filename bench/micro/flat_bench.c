// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per row of the flat envelope for the orders table of the benchmarks (12 columns, with two numerics, two
// timestamptz and a jsonb). Single-threaded, CPU time.
//     cmake --build --preset release --target flat_bench && build/flat_bench
#include "data/format/flat.h"

#include "rows.h"

enum { ROWS = 1000, ROUNDS = 3000 };

int main(void) {
    Arena arena, scratch;
    arena_init(&arena, "run", 0);
    arena_init(&scratch, "scratch", 0);
    Err err[1] = {{0}};
    Schema schema = {.id = 1, .space = NAME("public"), .table = NAME("orders"), .identity = IDENTITY_KEY};
    schema.columns = ORDERS;
    schema.column_count = ARRAY_LEN(ORDERS);
    RecordPlan *plan;
    EnvelopeOptions options = {.fail_on_inexact = true};
    bool ok = FLAT_ENVELOPE.compile(&arena, &schema, &options, &plan, err);
    const Value *rows[ROWS];
    for (int64_t g = 0; g < ROWS; g++) {
        rows[g] = orders_row(&arena, g);
    }
    uint64_t seen = 0;
    int64_t start = cpu_ns();
    for (int round = 0; ok && round < ROUNDS; round++) {
        for (uint64_t g = 0; ok && g < ROWS; g++) {
            Event event = {.op = OP_CREATE,
                           .column_count = ARRAY_LEN(ORDERS),
                           .commit_lsn = g,
                           .ordinal = 1,
                           .source_us = 1700000000000000,
                           .after = rows[g]};
            Record record = {0};
            ok = FLAT_ENVELOPE.make(plan, &scratch, &event, &record, err);
            seen += ok ? record.value[0].kind + (uint64_t)record.key[0].integer : 0;
        }
    }
    int64_t spent = cpu_ns() - start;
    if (!ok) {
        printf("%s\n", err->message);
        return 1;
    }
    printf("flat orders: %.1f ns/row (%" PRIu64 ")\n", (double)spent / ((double)ROWS * ROUNDS), seen);
    arena_release(&scratch);
    arena_release(&arena);
    return 0;
}
