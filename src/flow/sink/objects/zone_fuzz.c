// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Whatever the file says, a span holds its moment.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    const Zone *zone = NULL;
    if (zone_parse(&arena, (Slice){data, size}, &zone)) {
        for (int64_t at = -10000000000; at < 10000000000; at += 777777777) {
            ZoneSpan span = zone_span(zone, at);
            ASSERT(span.from <= at && at < span.until);
            (void)zone_utc(zone, at);
        }
    }
    arena_release(&arena);
    return 0;
}
