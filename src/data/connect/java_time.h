// SPDX-License-Identifier: Apache-2.0
// java.text.SimpleDateFormat in UTC and English: what TimestampRouter and TimestampConverter take as formats.
//
// All of Java's letters (G y Y M L w W D d F E u a H k K h m s S z Z X), quotes, and its lenient parsing: numbers past
// their range go on counting, text behind the format is not looked at. Two differences: the calendar is Gregorian
// before 1582 too, and years of two digits are 1950 to 2049, whatever the day.
#ifndef LEAT_DATA_CONNECT_JAVA_TIME_H
#define LEAT_DATA_CONNECT_JAVA_TIME_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct JavaTimeFormat JavaTimeFormat;

// ERR_OPTION names PREFIX + `option` and the letter that is none.
CHECKED bool java_time_new(Arena *arena, Slice pattern, const char *option, const char *prefix, JavaTimeFormat **format,
                           Err *err);
// Milliseconds since 1970.
void java_time_write(const JavaTimeFormat *format, int64_t ms, Buf *out);
CHECKED bool java_time_read(const JavaTimeFormat *format, Slice text, int64_t *ms);

#endif
