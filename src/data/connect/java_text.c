// SPDX-License-Identifier: Apache-2.0
#include "data/connect/java_text.h"

#include "core/base/calendar.h"

#include <errno.h>
#include <stdlib.h>

enum { NUMBER_TEXT_MAX = 64 };

// --- dates and times -------------------------------------------------------------------------------------------

typedef struct Scan {
    Slice rest;
    bool bad;
} Scan;

static int64_t scan_digits(Scan *scan, size_t count) {
    int64_t number = 0;
    scan->bad |= scan->rest.size < count;
    for (size_t i = 0; i < count && !scan->bad; i++) {
        uint8_t digit = scan->rest.data[i];
        scan->bad |= digit < '0' || digit > '9';
        number = number * 10 + (digit - '0');
    }
    if (!scan->bad) {
        scan->rest = slice_from(scan->rest, count);
    }
    return number;
}

static bool scan_mark(Scan *scan, char mark) {
    bool there = scan->rest.size > 0 && scan->rest.data[0] == (uint8_t)mark;
    scan->rest = there ? slice_from(scan->rest, 1) : scan->rest;
    return there;
}

static void scan_must(Scan *scan, char mark) {
    scan->bad |= !scan_mark(scan, mark);
}

static int64_t scan_date(Scan *scan) {
    CalendarDate date = {.year = (int32_t)scan_digits(scan, 4)};
    scan_must(scan, '-');
    date.month = (int32_t)scan_digits(scan, 2);
    scan_must(scan, '-');
    date.day = (int32_t)scan_digits(scan, 2);
    scan->bad |= date.month < 1 || date.month > 12 || date.day < 1;
    scan->bad = scan->bad || date.day > calendar_month_days(date.year, date.month);
    return scan->bad ? 0 : calendar_days(date);
}

static int64_t scan_fraction(Scan *scan) {
    int64_t micros = 0;
    int digits = 0;
    while (scan->rest.size > 0 && scan->rest.data[0] >= '0' && scan->rest.data[0] <= '9') {
        int digit = scan->rest.data[0] - '0';
        scan->bad |= digits >= 6 && digit != 0;
        micros = digits < 6 ? micros * 10 + digit : micros;
        digits++;
        scan->rest = slice_from(scan->rest, 1);
    }
    scan->bad |= digits == 0 || digits > 9;
    for (; digits < 6; digits++) {
        micros *= 10;
    }
    return micros;
}

static int64_t scan_time(Scan *scan) {
    int64_t hour = scan_digits(scan, 2), second = 0, micros = 0;
    scan_must(scan, ':');
    int64_t minute = scan_digits(scan, 2);
    if (scan_mark(scan, ':')) {
        second = scan_digits(scan, 2);
        micros = scan_mark(scan, '.') ? scan_fraction(scan) : 0;
    }
    scan->bad |= hour > 23 || minute > 59 || second > 59;
    return ((hour * 60 + minute) * 60 + second) * CALENDAR_SECOND_US + micros;
}

// Seconds east of UTC; 0 where there is no zone.
static int64_t scan_zone(Scan *scan) {
    if (scan->rest.size == 0 || scan_mark(scan, 'Z')) {
        return 0;
    }
    bool west = scan_mark(scan, '-');
    scan->bad |= !west && !scan_mark(scan, '+');
    int64_t hours = scan_digits(scan, 2), minutes = 0;
    if (scan->rest.size > 0) {
        (void)scan_mark(scan, ':');
        minutes = scan_digits(scan, 2);
    }
    scan->bad |= hours > 18 || minutes > 59;
    int64_t seconds = (hours * 60 + minutes) * 60;
    return west ? -seconds : seconds;
}

bool text_date(Slice text, int64_t *days) {
    Scan scan = {text, false};
    *days = scan_date(&scan);
    return !scan.bad && scan.rest.size == 0;
}

bool text_time(Slice text, int64_t *micros) {
    Scan scan = {text, false};
    *micros = scan_time(&scan);
    return !scan.bad && scan.rest.size == 0;
}

static inline int32_t two_digits(const uint8_t *at, bool *bad) {
    uint32_t tens = at[0] - (uint32_t)'0', ones = at[1] - (uint32_t)'0';
    *bad |= tens > 9 || ones > 9;
    return (int32_t)(tens * 10 + ones);
}

// "2026-01-01T00:00:00Z", with up to six digits of a second's fraction: nearly all are. False: it is to be scanned.
static bool usual_timestamp(Slice text, int64_t *micros) {
    const uint8_t *at = text.data;
    if (text.size < 20 || text.size > 27 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' ||
        at[16] != ':' || at[text.size - 1] != 'Z' || (text.size > 20 && at[19] != '.') || text.size == 21) {
        return false;
    }
    bool bad = false;
    CalendarDate date = {.year = two_digits(at, &bad) * 100 + two_digits(at + 2, &bad),
                         .month = two_digits(at + 5, &bad),
                         .day = two_digits(at + 8, &bad)};
    int32_t hour = two_digits(at + 11, &bad), minute = two_digits(at + 14, &bad), second = two_digits(at + 17, &bad);
    int64_t fraction = 0;
    for (size_t i = 20; i < 26; i++) {
        uint32_t digit = i + 1 < text.size ? at[i] - (uint32_t)'0' : 0;
        bad |= digit > 9;
        fraction = fraction * 10 + digit;
    }
    if (bad || date.month < 1 || date.month > 12 || date.day < 1 || hour > 23 || minute > 59 || second > 59 ||
        date.day > calendar_month_days(date.year, date.month)) {
        return false;
    }
    *micros = calendar_days(date) * CALENDAR_DAY_US +
              ((int64_t)hour * 3600 + minute * 60 + second) * CALENDAR_SECOND_US + fraction;
    return true;
}

bool text_timestamp(Slice text, bool utc, int64_t *micros) {
    if (usual_timestamp(text, micros)) {
        return true;
    }
    Scan scan = {text, false};
    int64_t days = scan_date(&scan);
    scan.bad |= !scan_mark(&scan, 'T') && !scan_mark(&scan, ' ');
    int64_t time = scan_time(&scan), east = scan_zone(&scan);
    *micros = days * CALENDAR_DAY_US + time - (utc ? east * CALENDAR_SECOND_US : 0);
    return !scan.bad && scan.rest.size == 0;
}

// --- numbers ---------------------------------------------------------------------------------------------------

static bool number_text(Slice text, char room[NUMBER_TEXT_MAX]) {
    if (text.size == 0 || text.size >= NUMBER_TEXT_MAX || memchr(text.data, 0, text.size) != NULL) {
        return false;
    }
    memcpy(room, text.data, text.size);
    room[text.size] = '\0';
    return strchr("+-.0123456789NI", room[0]) != NULL;
}

bool text_int(Slice text, int64_t *number) {
    char room[NUMBER_TEXT_MAX], *end = NULL;
    if (!number_text(text, room)) {
        return false;
    }
    errno = 0;
    *number = strtoll(room, &end, 10);
    return errno == 0 && *end == '\0';
}

bool text_real(Slice text, double *number) {
    char room[NUMBER_TEXT_MAX], *end = NULL;
    text = slice_trim(text, " ");
    if (!number_text(text, room)) {
        return false;
    }
    *number = strtod(room, &end);
    return *end == '\0';
}

// --- bytes -----------------------------------------------------------------------------------------------------

bool text_uuid(Slice text, uint8_t bytes[16]) {
    size_t at = 0;
    if (text.size != 36) {
        return false;
    }
    for (size_t i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text.data[at++] != '-') {
            return false;
        }
        int high = hex_digit(text.data[at]), low = hex_digit(text.data[at + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high * 16 + low);
        at += 2;
    }
    return true;
}

static int base64_digit(uint8_t c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

bool text_base64(Arena *arena, Slice text, Slice *bytes) {
    while (text.size > 0 && text.size % 4 == 0 && text.data[text.size - 1] == '=') {
        text.size--;
        if (text.size % 4 == 3 && text.data[text.size - 1] == '=') {
            text.size--;
        }
        break;
    }
    uint8_t *made = ARENA_ARRAY(arena, uint8_t, text.size * 3 / 4 + 1);
    uint32_t bits = 0;
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = base64_digit(text.data[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 6 | (uint32_t)digit;
        if (i % 4 != 0) {
            made[size++] = (uint8_t)(bits >> (i % 4 == 1 ? 4 : i % 4 == 2 ? 2 : 0));
        }
    }
    *bytes = (Slice){made, size};
    return text.size % 4 != 1;
}
