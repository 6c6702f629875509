// SPDX-License-Identifier: Apache-2.0
// --from: an offset or a time.
#ifndef LEAT_SURFACE_CLI_WHEN_H
#define LEAT_SURFACE_CLI_WHEN_H

#include "core/base/err.h"

typedef enum WhenKind { WHEN_OLDEST, WHEN_OFFSET, WHEN_TIME } WhenKind;
typedef struct When {
    WhenKind kind;
    uint64_t offset;
    int64_t time_us; // since 1970, UTC
} When;

// NULL = the oldest; "17"; "2026-01-31", "2026-01-31T12:00", "2026-01-31T12:00:00.5Z", "…+01:00" (without a zone: UTC);
// "now", "now-5m".
CHECKED bool when_parse(const char *text, When *when, Err *err);

#endif
