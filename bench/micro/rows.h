// SPDX-License-Identifier: Apache-2.0
// Rows of the benchmarks' two tables (bench/tables.sql): narrow (4 columns) and orders (12 columns, with two numerics,
// two timestamptz and a jsonb), as events.
#ifndef LEAT_BENCH_MICRO_ROWS_H
#define LEAT_BENCH_MICRO_ROWS_H

#include "core/base/decimal.h"
#include "data/event/event.h"
#include "data/event/schema.h"

#include <time.h>

#define NAME(text) \
    { (const uint8_t *)(text), sizeof(text) - 1 }

static const Column NARROW[] = {
    {.name = NAME("id"), .type = {.kind = TYPE_INT64}},
    {.name = NAME("a"), .type = {.kind = TYPE_INT32}},
    {.name = NAME("b"), .type = {.kind = TYPE_STRING}},
    {.name = NAME("c"), .type = {.kind = TYPE_TIMESTAMPTZ, .precision = 6}},
};

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

// As many hexadecimal digits as md5() has in the benchmarks' tables, and as little to be compressed.
static inline const char *hex32(Arena *arena, int64_t seed) {
    uint64_t half[2] = {(uint64_t)seed * UINT64_C(0x9e3779b97f4a7c15), (uint64_t)seed * UINT64_C(0xd1b54a32d192ed03)};
    for (int i = 0; i < 2; i++) {
        half[i] = (half[i] ^ (half[i] >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        half[i] = (half[i] ^ (half[i] >> 27)) * UINT64_C(0x94d049bb133111eb);
        half[i] ^= half[i] >> 31;
    }
    return arena_printf(arena, "%016" PRIx64 "%016" PRIx64, half[0], half[1]);
}

static inline Value text(Arena *arena, const char *literal) {
    return value_bytes(VALUE_STRING, slice_of(arena_printf(arena, "%s", literal)));
}

static inline Value decimal(Arena *arena, int64_t cents) {
    return value_bytes(VALUE_DECIMAL, decimal_from_int64(arena, cents, 2));
}

static inline Value stamp(int64_t us) {
    return (Value){.kind = VALUE_TIMESTAMPTZ, .integer = us};
}

static inline const Value *narrow_row(Arena *arena, int64_t g) {
    Value *row = ARENA_ARRAY(arena, Value, 4);
    row[0] = value_int(g);
    row[1] = value_int(g % 1000);
    row[2] = text(arena, arena_printf(arena, "%.20s", hex32(arena, g)));
    row[3] = stamp(820540800000000 + g * 1000);
    return row;
}

static inline const Value *orders_row(Arena *arena, int64_t g) {
    static const char *const STATUS[] = {"new", "paid", "packed", "shipped", "delivered", "returned"};
    static const char *const CURRENCY[] = {"EUR", "USD", "GBP", "JPY"}, *const CHANNEL[] = {"web", "app", "store"};
    Value *row = ARENA_ARRAY(arena, Value, 12);
    row[0] = value_int(g);
    row[1] = value_int(g * 7919 % 500000);
    row[2] = value_int(g * 31 % 20000);
    row[3] = value_int(1 + g % 9);
    row[4] = text(arena, STATUS[g % 6]);
    row[5] = decimal(arena, g % 100000);
    row[6] = decimal(arena, g % 100000 * (1 + g % 9));
    row[7] = text(arena, CURRENCY[g % 4]);
    row[8] = stamp(820540800000000 + g * 1000);
    row[9] = g % 3 == 0 ? stamp(820627200000000 + g * 1000) : (Value){0};
    const char *note = arena_printf(arena, "%s %s", hex32(arena, g), hex32(arena, g + 1));
    row[10] = g % 5 != 0 ? text(arena, note) : (Value){0};
    row[11] = text(arena, arena_printf(arena, "{\"tags\": [\"%.6s\", \"b\"], \"score\": %d, \"channel\": \"%s\"}",
                                       hex32(arena, g), (int)(g % 100), CHANNEL[g % 3]));
    return row;
}

// Events of rows `first` and on, in transactions of 1,000, as a load of them makes them.
typedef const Value *RowMaker(Arena *arena, int64_t g);

static inline Event *events_make(Arena *arena, RowMaker *row, uint32_t column_count, int64_t first, size_t count) {
    Event *events = ARENA_ARRAY(arena, Event, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t transaction = i / 1000;
        events[i] = (Event){.op = OP_CREATE,
                            .offset_span = 1,
                            .column_count = column_count,
                            .commit_lsn = 0x1a2b3c4d5e + transaction * 400000,
                            .ordinal = i % 1000,
                            .source_us = 1767225600123456 + (int64_t)transaction * 3000};
        events[i].after = row(arena, first + (int64_t)i);
    }
    return events;
}

static inline int64_t cpu_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

#endif
