// SPDX-License-Identifier: Apache-2.0
// Nanoseconds per row of the JSON lines writer. Single-threaded, CPU time.
//     cmake --build --preset release --target json_lines_bench && build/json_lines_bench
#include "rows.h"
#include "data/format/json_lines.h"

enum { ROWS = 1000, ROUNDS = 1000 };

static void measure(const char *name, const Column *columns, uint32_t count, RowMaker *row) {
    Arena arena;
    arena_init(&arena, "run", 0);
    Schema schema = {1, SLICE("public"), slice_of(name), IDENTITY_KEY, columns, count};
    JsonLines *lines = json_lines_new(&arena, &schema, &(JsonOptions){0});
    const Event *events = events_make(&arena, row, count, 1000000, ROWS);
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
