// SPDX-License-Identifier: Apache-2.0
// Time zones from the system's tz database (RFC 8536 files, the rule of the future included), independent of the
// process's own TZ. "UTC", "+02:00" and the like need no database.
#ifndef LEAT_FLOW_SINK_OBJECTS_ZONE_H
#define LEAT_FLOW_SINK_OBJECTS_ZONE_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef struct Zone Zone;

// A stretch of time without a change of the clocks: [from, until) in seconds since 1970, UTC.
typedef struct ZoneSpan {
    int64_t from, until;
    int32_t east; // seconds that local time is ahead of UTC
} ZoneSpan;

// ERR_OPTION: there is no such zone, or its file is damaged.
CHECKED bool zone_load(Arena *arena, const char *name, const Zone **zone, Err *err);
// The parser alone. False: the bytes are no such file.
CHECKED bool zone_parse(Arena *arena, Slice bytes, const Zone **zone);
ZoneSpan zone_span(const Zone *zone, int64_t utc_s);
// Of a local time; one that the clocks pass over counts as before the change.
int64_t zone_utc(const Zone *zone, int64_t local_s);

#endif
