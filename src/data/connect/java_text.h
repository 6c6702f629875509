// SPDX-License-Identifier: Apache-2.0
// Texts that stand for values of other types: ISO 8601 dates and times as java.time parses them, UUIDs, base64,
// numbers. False: it is none, or it says more than the type holds (a fraction below the microsecond).
#ifndef LEAT_DATA_CONNECT_JAVA_TEXT_H
#define LEAT_DATA_CONNECT_JAVA_TEXT_H

#include "core/base/arena.h"

bool text_date(Slice text, int64_t *days);   // "2026-01-31"; since 2000
bool text_time(Slice text, int64_t *micros); // "13:14", "13:14:15.5"
// "2026-01-31T13:14:15.5", with a space for the T, with or without zone ("Z", "+01:00", "+0100"). Since 2000, in UTC
// where `utc`; else the zone is passed over.
bool text_timestamp(Slice text, bool utc, int64_t *micros);
bool text_int(Slice text, int64_t *number); // as Long.parseLong
bool text_real(Slice text, double *number);
bool text_uuid(Slice text, uint8_t bytes[16]);
bool text_base64(Arena *arena, Slice text, Slice *bytes); // padded or not

#endif
