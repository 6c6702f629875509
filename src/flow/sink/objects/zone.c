// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/zone.h"

#include "core/base/calendar.h"
#include "core/sys/file.h"

#include <limits.h>

#define ZONE_BYTES_MAX (1 * MIB)
#define HEADER_BYTES   ((size_t)44)
enum { DAY_S = 86400, EPOCH_DAYS = 10957, SWITCHES_MAX = 100000 };

typedef enum RuleKind { RULE_MONTH, RULE_JULIAN, RULE_DAY } RuleKind; // Mm.w.d, Jn, n

// When the clocks change, every year.
typedef struct Rule {
    RuleKind kind;
    int32_t month, week, day;
    int32_t time; // seconds of the local day, may be negative or beyond it
} Rule;

typedef struct Switch {
    int64_t at;
    int32_t east; // from then on
} Switch;

struct Zone {
    const Switch *switches;
    size_t count;
    int32_t first; // before all of them
    bool has_rule; // after the last one: standard, and summer when `summer` says so
    bool summer;
    int32_t standard_east, summer_east;
    Rule begin, end; // of summer time
};

// --- the rule of the future (POSIX TZ with RFC 8536's extension) --------------------------------------------------

static bool read_number(Reader *reader, int32_t max, int32_t *number) {
    int32_t value = 0;
    bool any = false;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && value <= max) {
        value = value * 10 + (*reader->at++ - '0');
        any = true;
    }
    *number = value;
    return any && value <= max;
}

static bool read_char(Reader *reader, uint8_t c) {
    if (reader->at < reader->end && *reader->at == c) {
        reader->at++;
        return true;
    }
    return false;
}

// [+-]hh[:mm[:ss]] in seconds
static bool read_time(Reader *reader, int32_t *seconds) {
    bool negative = read_char(reader, '-');
    if (!negative) {
        (void)read_char(reader, '+');
    }
    int32_t hours = 0, minutes = 0, rest = 0;
    if (!read_number(reader, 167, &hours) ||
        (read_char(reader, ':') &&
         (!read_number(reader, 59, &minutes) || (read_char(reader, ':') && !read_number(reader, 59, &rest))))) {
        return false;
    }
    *seconds = (hours * 3600 + minutes * 60 + rest) * (negative ? -1 : 1);
    return true;
}

static bool read_zone_name(Reader *reader) {
    if (read_char(reader, '<')) {
        while (reader->at < reader->end && *reader->at != '>') {
            reader->at++;
        }
        return read_char(reader, '>');
    }
    const uint8_t *start = reader->at;
    while (reader->at < reader->end && ((*reader->at | 0x20) >= 'a' && (*reader->at | 0x20) <= 'z')) {
        reader->at++;
    }
    return reader->at - start >= 3;
}

static bool read_rule(Reader *reader, Rule *rule) {
    *rule = (Rule){.kind = RULE_DAY, .time = 7200};
    bool ok;
    if (read_char(reader, 'M')) {
        rule->kind = RULE_MONTH;
        ok = read_number(reader, 12, &rule->month) && rule->month > 0 && read_char(reader, '.') &&
             read_number(reader, 5, &rule->week) && rule->week > 0 && read_char(reader, '.') &&
             read_number(reader, 6, &rule->day);
    } else {
        rule->kind = read_char(reader, 'J') ? RULE_JULIAN : RULE_DAY;
        ok = read_number(reader, 365, &rule->day) && (rule->kind == RULE_DAY || rule->day > 0);
    }
    return ok && (!read_char(reader, '/') || read_time(reader, &rule->time));
}

static bool read_future(Slice text, Zone *zone) {
    if (text.size == 0) {
        return true;
    }
    Reader reader = reader_of(text);
    int32_t west = 0;
    if (!read_zone_name(&reader) || !read_time(&reader, &west)) {
        return false;
    }
    zone->has_rule = true;
    zone->standard_east = -west;
    if (reader.at == reader.end) {
        return true;
    }
    zone->summer = true;
    zone->summer_east = zone->standard_east + 3600;
    if (!read_zone_name(&reader)) {
        return false;
    }
    if (reader.at < reader.end && *reader.at != ',') {
        if (!read_time(&reader, &west)) {
            return false;
        }
        zone->summer_east = -west;
    }
    return read_char(&reader, ',') && read_rule(&reader, &zone->begin) && read_char(&reader, ',') &&
           read_rule(&reader, &zone->end) && reader_done(&reader);
}

static int64_t days_1970(int32_t year, int32_t month, int32_t day) {
    return calendar_days((CalendarDate){year, month, day}) + EPOCH_DAYS;
}

// Local seconds since 1970 at which the rule changes the clocks that year.
static int64_t rule_at(const Rule *rule, int32_t year) {
    int64_t days = days_1970(year, 1, 1);
    if (rule->kind == RULE_DAY) {
        days += rule->day;
    } else if (rule->kind == RULE_JULIAN) { // 29 February is not counted
        days += rule->day - 1 + (rule->day >= 60 && calendar_month_days(year, 2) == 29 ? 1 : 0);
    } else {
        int64_t first = days_1970(year, rule->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; // 1970-01-01 was a Thursday; 0 = Sunday
        int64_t day = 1 + (rule->day - weekday + 7) % 7 + 7 * (rule->week - 1);
        while (day > calendar_month_days(year, rule->month)) {
            day -= 7; // week 5 is the last one
        }
        days = first + day - 1;
    }
    return days * DAY_S + rule->time;
}

// --- spans -----------------------------------------------------------------------------------------------------

static ZoneSpan future_span(const Zone *zone, int64_t utc_s, int64_t from) {
    ZoneSpan span = {from, INT64_MAX, zone->standard_east};
    const int64_t year_s = (int64_t)366 * DAY_S;
    if (!zone->summer || utc_s < -INT64_C(60000000000) || utc_s > INT64_C(9000000000000)) {
        return span;
    }
    int32_t year = calendar_date((int32_t)((utc_s - (utc_s % DAY_S + DAY_S) % DAY_S) / DAY_S - EPOCH_DAYS)).year;
    span.from = MAX(from, utc_s - year_s);
    span.until = utc_s + year_s;
    int64_t latest = INT64_MIN;
    for (int32_t i = 2 * (year - 1); i <= 2 * (year + 1) + 1; i++) { // the last change before, the first one behind
        bool summer = i % 2 == 0;
        int64_t at =
            rule_at(summer ? &zone->begin : &zone->end, i / 2) - (summer ? zone->standard_east : zone->summer_east);
        if (at <= utc_s && at > latest) {
            latest = at;
            span.east = summer ? zone->summer_east : zone->standard_east;
        } else if (at > utc_s) {
            span.until = MIN(span.until, at);
        }
    }
    span.from = MAX(span.from, latest);
    return span;
}

ZoneSpan zone_span(const Zone *zone, int64_t utc_s) {
    size_t low = 0, high = zone->count; // the first switch that comes after
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (zone->switches[middle].at <= utc_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    int64_t from = low > 0 ? zone->switches[low - 1].at : INT64_MIN;
    if (low == zone->count && zone->has_rule) {
        return future_span(zone, utc_s, from);
    }
    return (ZoneSpan){from, low < zone->count ? zone->switches[low].at : INT64_MAX,
                      low > 0 ? zone->switches[low - 1].east : zone->first};
}

int64_t zone_utc(const Zone *zone, int64_t local_s) {
    int32_t guess = zone_span(zone, local_s).east;
    int32_t east = zone_span(zone, local_s - guess).east;
    if (east != guess && zone_span(zone, local_s - east).east != east) {
        east = MIN(east, guess); // passed over
    }
    return local_s - east;
}

// --- files -----------------------------------------------------------------------------------------------------

typedef struct Header {
    uint8_t version;
    uint32_t is_ut, is_standard, leaps, switches, types, chars;
} Header;

static bool read_header(Reader *reader, Header *header) {
    Slice magic = read_bytes(reader, 4);
    header->version = read_u8(reader);
    (void)read_bytes(reader, 15);
    header->is_ut = read_u32be(reader);
    header->is_standard = read_u32be(reader);
    header->leaps = read_u32be(reader);
    header->switches = read_u32be(reader);
    header->types = read_u32be(reader);
    header->chars = read_u32be(reader);
    return !reader->bad && slice_is(magic, "TZif") && header->types > 0 && header->types <= 256 &&
           header->switches <= SWITCHES_MAX && header->chars <= 4096 && header->leaps <= 4096 && header->is_ut <= 256 &&
           header->is_standard <= 256;
}

static size_t body_bytes(const Header *header, size_t time_bytes) {
    return header->switches * (time_bytes + 1) + (size_t)header->types * 6 + header->chars +
           header->leaps * (time_bytes + 4) + header->is_standard + header->is_ut;
}

// The types: i32 east, u8 is summer, u8 name.
static bool type_east(Slice types, uint8_t type, int32_t *east) {
    if (type >= types.size / 6) {
        return false;
    }
    *east = (int32_t)load_u32be(types.data + (size_t)type * 6);
    return *east > -DAY_S * 2 && *east < DAY_S * 2;
}

static bool read_switches(Arena *arena, Reader *reader, const Header *header, Zone *zone) {
    Slice times = read_bytes(reader, (size_t)header->switches * 8);
    Slice kinds = read_bytes(reader, header->switches);
    Slice types = read_bytes(reader, (size_t)header->types * 6);
    (void)read_bytes(reader, header->chars + header->leaps * (size_t)12 + header->is_standard + header->is_ut);
    if (reader->bad || !type_east(types, 0, &zone->first)) {
        return false;
    }
    Switch *switches = ARENA_ARRAY(arena, Switch, header->switches);
    for (size_t i = 0; i < header->switches; i++) {
        switches[i].at = (int64_t)load_u64be(times.data + i * 8);
        if (!type_east(types, kinds.data[i], &switches[i].east) || (i > 0 && switches[i].at <= switches[i - 1].at)) {
            return false;
        }
    }
    zone->switches = switches;
    zone->count = header->switches;
    return true;
}

bool zone_parse(Arena *arena, Slice bytes, const Zone **zone) {
    Zone *made = ARENA_NEW(arena, Zone);
    Reader reader = reader_of(bytes);
    Header header = {0};
    if (!read_header(&reader, &header) || header.version < '2') {
        return false; // version 1 knows nothing behind 2038
    }
    (void)read_bytes(&reader, body_bytes(&header, 4));
    if (!read_header(&reader, &header) || !read_switches(arena, &reader, &header, made) || !read_char(&reader, '\n')) {
        return false;
    }
    const uint8_t *end = memchr(reader.at, '\n', reader_left(&reader));
    if (end == NULL || !read_future((Slice){reader.at, (size_t)(end - reader.at)}, made)) {
        return false;
    }
    *zone = made;
    return true;
}

// "UTC", "Z", "+02:00", "-0330"
static bool fixed_parse(const char *name, int32_t *east) {
    *east = 0;
    if (strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0 || strcmp(name, "GMT") == 0) {
        return true;
    }
    int hours = 0, minutes = 0;
    char sign = '\0', end = '\0';
    int found = sscanf(name, "%c%2d:%2d%c", &sign, &hours, &minutes, &end);
    if ((sign != '+' && sign != '-') || (found != 2 && found != 3) || hours < 0 || hours > 23 || minutes < 0 ||
        minutes > 59) {
        return false;
    }
    *east = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return true;
}

static bool is_zone_name(const char *name) {
    return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == strlen(name);
}

bool zone_load(Arena *arena, const char *name, const Zone **zone, Err *err) {
    int32_t east = 0;
    if (fixed_parse(name, &east)) {
        Zone *fixed = ARENA_NEW(arena, Zone);
        fixed->first = east;
        *zone = fixed;
        return true;
    }
    Slice bytes = {0};
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.200s", name);
    if (!is_zone_name(name) || !file_read_all(path, ZONE_BYTES_MAX, arena, &bytes, &(Err){0}) ||
        !zone_parse(arena, bytes, zone)) {
        FAIL(err, ERR_OPTION, "timezone: there is no '%.100s'", name);
        return err_hint(err, "a name such as UTC, Europe/Berlin or +02:00; the names are those below "
                             "/usr/share/zoneinfo (package tzdata)");
    }
    return true;
}
