// SPDX-License-Identifier: Apache-2.0
// Folders of time: "'year'=YYYY/'month'=MM/'day'=dd/'hour'=HH" and a moment become "year=2024/month=02/day=29/hour=13".
// Patterns as Joda-Time writes them, which are what Confluent's path.format takes: letters stand for fields, their
// number for the digits at least, what is in single quotes for itself ('' for a quote), other characters likewise.
//
//     G era · C century · Y y year (two letters: two digits) · x year of the week (likewise) · w week of it · e day of
//     the week, 1 is Monday · E its name (4: in full) · D day of the year · M month (3: its name, 4: in full) · d day ·
//     a AM or PM · H hour 0-23 · k 1-24 · K 0-11 · h 1-12 · m minute · s second · S fraction · Z offset (2: with a
//     colon)
#ifndef LEAT_FLOW_SINK_OBJECTS_TIME_PATH_H
#define LEAT_FLOW_SINK_OBJECTS_TIME_PATH_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct TimePath TimePath;

// ERR_OPTION: a letter that stands for nothing, a quote that does not end, an empty folder.
CHECKED bool time_path_make(Arena *arena, const char *format, const TimePath **path, Err *err);
// `local_ms` since 1970 as the clocks of the zone show it, `east` seconds ahead of UTC.
void time_path_write(const TimePath *path, Buf *buf, int64_t local_ms, int32_t east);

#endif
