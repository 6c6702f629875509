// SPDX-License-Identifier: Apache-2.0
#include "surface/cli/when.h"

#include "core/config/option.h"
#include "core/sys/clock.h"

#include <ctype.h>
#include <errno.h>
#include <time.h>

// Reads digits; false unless there are exactly `count`.
static bool digits(const char **at, int count, int *number) {
    *number = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)**at)) {
            return false;
        }
        *number = *number * 10 + (*(*at)++ - '0');
    }
    return true;
}

static bool sign(const char **at, char c) {
    bool there = **at == c;
    *at += there;
    return there;
}

// 1 = 100 ms; any number of digits, those past microseconds are dropped.
static bool fraction(const char **at, int64_t *us) {
    int64_t unit = 100000;
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    for (; isdigit((unsigned char)**at); ++*at, unit /= 10) {
        *us += (**at - '0') * unit;
    }
    return true;
}

static bool zone(const char **at, int64_t *us) {
    int hours, minutes = 0;
    if (**at == '\0' || sign(at, 'Z')) {
        return true;
    }
    int east = **at == '+' ? 1 : -1;
    if ((!sign(at, '+') && !sign(at, '-')) || !digits(at, 2, &hours)) {
        return false;
    }
    if (**at != '\0' && (sign(at, ':'), !digits(at, 2, &minutes))) {
        return false;
    }
    *us -= (int64_t)east * (hours * 3600 + minutes * 60) * 1000000;
    return true;
}

static bool clock_of(const char **at, struct tm *utc, int64_t *us) {
    if (!sign(at, 'T') && !sign(at, ' ')) {
        return **at == '\0';
    }
    if (!digits(at, 2, &utc->tm_hour) || !sign(at, ':') || !digits(at, 2, &utc->tm_min)) {
        return false;
    }
    if (sign(at, ':') && (!digits(at, 2, &utc->tm_sec) || (sign(at, '.') && !fraction(at, us)))) {
        return false;
    }
    return zone(at, us);
}

static bool iso(const char *text, int64_t *time_us) {
    struct tm utc = {0};
    int64_t us = 0;
    const char *at = text;
    if (!digits(&at, 4, &utc.tm_year) || !sign(&at, '-') || !digits(&at, 2, &utc.tm_mon) || !sign(&at, '-') ||
        !digits(&at, 2, &utc.tm_mday) || !clock_of(&at, &utc, &us) || *at != '\0') {
        return false;
    }
    struct tm asked = utc;
    asked.tm_year -= 1900;
    asked.tm_mon -= 1;
    struct tm normal = asked;
    time_t seconds = timegm(&normal); // moves the 31st of February into March: then it was not a date
    *time_us = (int64_t)seconds * 1000000 + us;
    return normal.tm_mon == asked.tm_mon && normal.tm_mday == asked.tm_mday && normal.tm_hour == asked.tm_hour &&
           normal.tm_min == asked.tm_min;
}

static bool offset(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0;
}

bool when_parse(const char *text, When *when, Err *err) {
    *when = (When){.kind = WHEN_OLDEST};
    if (text == NULL) {
        return true;
    }
    if (offset(text, &when->offset)) {
        when->kind = WHEN_OFFSET;
        return true;
    }
    when->kind = WHEN_TIME;
    if (strncmp(text, "now", 3) == 0 && (text[3] == '\0' || text[3] == '-')) {
        int64_t ago_ms = 0;
        if (text[3] == '-') {
            TRY(option_parse_duration(text + 4, &ago_ms, err));
        }
        when->time_us = clock_wall_us() - ago_ms * 1000;
        return true;
    }
    if (iso(text, &when->time_us)) {
        return true;
    }
    FAIL(err, ERR_USAGE, "\"%.60s\" is neither an offset nor a time", text);
    return err_hint(err, "write 1200, 2026-01-31T12:00:00Z or now-5m");
}
