// SPDX-License-Identifier: Apache-2.0
// Dates and times as Debezium writes them: integers since 1970, ISO 8601 text in UTC. ERR_VALUE: the value is out of
// PostgreSQL's own range. What 64 bits since 1970, or 32 of days, cannot tell leaves *to as it is.
#ifndef LEAT_DATA_CONNECT_TEMPORAL_H
#define LEAT_DATA_CONNECT_TEMPORAL_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/event/value.h"

#define CALENDAR_1970_US INT64_C(946684800000000) // from 1970 to 2000

CHECKED bool temporal_date(int64_t days, Value *to, Err *err);
// In units of `unit_us` microseconds, cut off towards the past.
CHECKED bool temporal_time(int64_t micros, int64_t unit_us, Value *to, Err *err);
CHECKED bool temporal_timestamp(int64_t micros, int64_t unit_us, Value *to, Err *err);
// Microseconds, with 30.4375 days a month, in double precision; at the ends of 64 bits where it would pass them.
int64_t temporal_duration(const Interval *interval);
// Of a TIMETZ or TIMESTAMPTZ.
CHECKED bool temporal_valid(const Value *value, Err *err);
// "2024-02-29T11:14:15.123456Z", with exactly `digits` digits of the fraction; "infinity".
void zoned_timestamp_text(Buf *buf, int64_t micros, int32_t digits);
// "11:14:15.123456Z", moved to UTC; as many digits of the fraction as are needed.
void zoned_time_text(Buf *buf, int64_t micros, int32_t east);
// "2024-02-29Z"; "infinity".
void iso_date_text(Buf *buf, int32_t days);
// "2024-02-29T13:14:15.5Z", as many digits of the fraction as are needed. Infinite: what Debezium's numbers for it come
// to as dates, or, `exact`, "infinity".
void iso_timestamp_text(Buf *buf, int64_t micros, bool exact);
// "P1Y2M3DT4H5M6.5S", all parts.
void iso_interval_text(Buf *buf, const Interval *interval);

#endif
