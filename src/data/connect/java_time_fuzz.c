// SPDX-License-Identifier: Apache-2.0
// Patterns and texts of SimpleDateFormat: what a pattern writes without names of zones it reads again.
#include "data/connect/java_time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 10) {
        return 0;
    }
    Reader reader = reader_of((Slice){data, size});
    int64_t ms = (int64_t)read_u64be(&reader);
    size_t pattern_size = read_u8(&reader);
    Slice pattern = read_bytes(&reader, MIN(pattern_size, reader_left(&reader)));
    Slice text = read_bytes(&reader, reader_left(&reader));
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Err err[1] = {{0}};
    JavaTimeFormat *format = NULL;
    if (java_time_new(&arena, pattern, "format", "fuzz.", &format, err)) {
        Buf out;
        buf_init(&out, 0);
        int64_t read = 0;
        java_time_write(format, ms, &out);
        bool ok = java_time_read(format, buf_slice(&out), &read) && java_time_read(format, text, &read);
        (void)ok;
        buf_release(&out);
    }
    JavaTimeFormat *whole = NULL;
    ms = ms % (INT64_C(250000) * 31556952 * 1000 / 31); // some thousands of years
    if (java_time_new(&arena, SLICE("yyyy-MM-dd HH:mm:ss.SSS G X"), "format", "fuzz.", &whole, err)) {
        Buf out;
        buf_init(&out, 0);
        int64_t read = 0;
        java_time_write(whole, ms, &out);
        if (ms > INT64_C(-62135596800000)) { // year 1
            bool ok = java_time_read(whole, buf_slice(&out), &read);
            ASSERT(ok && read == ms);
        }
        buf_release(&out);
    }
    arena_release(&arena);
    return 0;
}
