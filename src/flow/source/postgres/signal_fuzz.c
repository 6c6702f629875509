// SPDX-License-Identifier: Apache-2.0
#include "flow/source/postgres/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const TYPES[] = {"log", "execute-snapshot", "stop-snapshot", "pause-snapshot"};
    Err err[1] = {{0}};
    Arena arena;
    PgSignal signal;
    arena_init(&arena, "test", 0);
    Slice bytes = {data, size};
    if (size > 0 && data[0] < ARRAY_LEN(TYPES)) {
        bytes = (Slice){data + 1, size - 1};
        if (!pg_signal_parse(&arena, SLICE("id"), slice_of(TYPES[data[0]]), bytes, &signal, err)) {
            err_clear(err);
        }
    } else if (!pg_signal_line(&arena, bytes, &signal, err)) {
        err_clear(err);
    }
    arena_release(&arena);
    return 0;
}
