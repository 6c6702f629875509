// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per row of the flat envelope for the orders table of the benchmarks (12 columns, with two numerics, two
// timestamptz and a jsonb). Single-threaded, CPU time.
//     cmake --build --preset release --target flat_bench && build/flat_bench
#include "core/base/decimal.h"
#include "data/format/flat.h"

#include <time.h>

enum { ROWS = 1000, ROUNDS = 3000 };

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Column ORDERS[] = {
    {.name = NAME("id"), .type = {.kind = TYPE_INT64}, .flags = COLUMN_KEY | COLUMN_PRIMARY, .key_ordinal = 1},
    {.name = NAME("customer_id"), .type = {.kind = TYPE_INT64}},
    {.name = NAME("product_id"), .type = {.kind = TYPE_INT32}},
    {.name = NAME("quantity"), .type = {.kind = TYPE_INT32}},
    {.name = NAME("status"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("unit_price"), .type = {.kind = TYPE_DECIMAL, .precision = 12, .scale = 2}},
    {.name = NAME("total"), .type = {.kind = TYPE_DECIMAL, .precision = 14, .scale = 2}},
    {.name = NAME("currency"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("created_at"), .type = {.kind = TYPE_TIMESTAMPTZ, .precision = 6}},
    {.name = NAME("updated_at"), .type = {.kind = TYPE_TIMESTAMPTZ, .precision = 6}},
    {.name = NAME("note"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("attributes"), .type = {.kind = TYPE_JSON}},
};

static Value stamp(int64_t us) {
    return (Value){.kind = VALUE_TIMESTAMPTZ, .integer = us};
}

static const Value *orders_row(Arena *arena, int64_t g) {
    static const char *const STATUS[] = {"new", "paid", "packed", "shipped", "delivered", "returned"};
    Value *row = ARENA_ARRAY(arena, Value, ARRAY_LEN(ORDERS));
    for (size_t i = 0; i < 4; i++) {
        row[i] = value_int(g * (int64_t)(i + 1) % 500000);
    }
    row[4] = value_bytes(VALUE_STRING, slice_of(STATUS[g % 6]));
    row[5] = value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, g % 100000, 2));
    row[6] = value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, g % 100000 * (1 + g % 9), 2));
    row[7] = value_bytes(VALUE_STRING, SLICE("EUR"));
    row[8] = stamp(820540800000000 + g * 1000);
    row[9] = g % 3 == 0 ? stamp(820627200000000 + g * 1000) : (Value){0};
    row[10] = g % 5 != 0 ? value_bytes(VALUE_STRING, SLICE("c4ca4238a0b923820dcc509a6f75849b")) : (Value){0};
    row[11] = value_bytes(VALUE_STRING, SLICE("{\"tags\": [\"c4ca42\", \"b\"], \"score\": 42}"));
    return row;
}

static int64_t cpu_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

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
