// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per row of the JSON lines writer, for the two tables of the benchmarks: narrow (4 columns) and orders
// (12 columns, with two numerics, two timestamptz and a jsonb). Single-threaded, CPU time.
//     cmake --build --preset release --target json_lines_bench && build/json_lines_bench
#include "core/base/decimal.h"
#include "data/format/json_lines.h"

#include <time.h>

enum { ROWS = 1000, ROUNDS = 1000 };

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Column NARROW[] = {
    {.name = NAME("id"), .type = {.kind = TYPE_INT64}},
    {.name = NAME("a"), .type = {.kind = TYPE_INT32}},
    {.name = NAME("b"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("c"), .type = {.kind = TYPE_TIMESTAMPTZ, .precision = 6}},
};

static const Column ORDERS[] = {
    {.name = NAME("id"), .type = {.kind = TYPE_INT64}},
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

static Value text(Arena *arena, const char *literal) {
    return value_bytes(VALUE_STRING, slice_of(arena_printf(arena, "%s", literal)));
}

static Value decimal(Arena *arena, int64_t cents) {
    return value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, cents, 2));
}

static Value stamp(int64_t us) {
    return (Value){.kind = VALUE_TIMESTAMPTZ, .integer = us};
}

static const Value *narrow_row(Arena *arena, int64_t g) {
    Value *row = ARENA_ARRAY(arena, Value, 4);
    row[0] = value_int(g);
    row[1] = value_int(g % 1000);
    row[2] = text(arena, "c4ca4238a0b923820dcc");
    row[3] = stamp(820540800000000 + g * 1000);
    return row;
}

static const Value *orders_row(Arena *arena, int64_t g) {
    static const char *const STATUS[] = {"new", "paid", "packed", "shipped", "delivered", "returned"};
    Value *row = ARENA_ARRAY(arena, Value, 12);
    row[0] = value_int(g);
    row[1] = value_int(g * 7919 % 500000);
    row[2] = value_int(g * 31 % 20000);
    row[3] = value_int(1 + g % 9);
    row[4] = text(arena, STATUS[g % 6]);
    row[5] = decimal(arena, g % 100000);
    row[6] = decimal(arena, g % 100000 * (1 + g % 9));
    row[7] = text(arena, "EUR");
    row[8] = stamp(820540800000000 + g * 1000);
    row[9] = g % 3 == 0 ? stamp(820627200000000 + g * 1000) : (Value){0};
    row[10] =
        g % 5 != 0 ? text(arena, "c4ca4238a0b923820dcc509a6f75849b c81e728d9d4c2f636f067f89cc14862c") : (Value){0};
    row[11] = text(arena, "{\"tags\": [\"c4ca42\", \"b\"], \"score\": 42, \"channel\": \"web\"}");
    return row;
}

static int64_t cpu_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static void measure(const char *name, const Column *columns, uint32_t count,
                    const Value *(*row)(Arena *arena, int64_t g)) {
    Arena arena;
    arena_init(&arena, "run", 0);
    Schema schema = {1, SLICE("public"), slice_of(name), IDENTITY_KEY, columns, count};
    JsonLines *lines = json_lines_new(&arena, &schema, &(JsonOptions){0});
    Event *events = ARENA_ARRAY(&arena, Event, ROWS);
    for (int i = 0; i < ROWS; i++) {
        events[i] = (Event){.op = OP_CREATE,
                            .offset_span = 1,
                            .column_count = count,
                            .commit_lsn = 0x1a2b3c4d5e,
                            .ordinal = (uint64_t)i,
                            .source_us = 1767225600123456 + i};
        events[i].after = row(&arena, 1000000 + i);
    }
    Buf buf;
    buf_init(&buf, 0);
    int64_t best = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        buf_reset(&buf);
        int64_t start = cpu_ns();
        for (int i = 0; i < ROWS; i++) {
            json_lines_write(lines, &buf, &events[i]);
        }
        best = MIN(best, cpu_ns() - start);
    }
    printf("%s: %" PRId64 " ns a row, %zu bytes\n", name, best / ROWS, buf.size / ROWS);
    printf("%.*s",
           SLICE_ARG(((Slice){buf.data, (size_t)((uint8_t *)memchr(buf.data, '\n', buf.size) + 1 - buf.data)})));
    buf_release(&buf);
    arena_release(&arena);
}

int main(void) {
    measure("narrow", NARROW, ARRAY_LEN(NARROW), narrow_row);
    measure("orders", ORDERS, ARRAY_LEN(ORDERS), orders_row);
    return 0;
}
