// SPDX-License-Identifier: Apache-2.0
#include "flow/sink/objects/time_path.h"

#include "core/base/calendar.h"

enum { DAY_MS = 86400000, EPOCH_DAYS = 10957 };

typedef struct TimeField {
    char letter; // '\0' = the text
    int count;
    Slice text;
} TimeField;

struct TimePath {
    const TimeField *fields;
    size_t count;
};

static const char LETTERS[] = "GCYyxweEDMdaHkKhmsSZ";
static const char *const MONTHS[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const DAYS[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

// --- compiling -------------------------------------------------------------------------------------------------

// The quoted text at *at, which stands on its quote.
static bool quoted(const char **at, Buf *text, Err *err) {
    const char *from = *at + 1;
    if (*from == '\'') {
        buf_u8(text, '\'');
        *at = from + 1;
        return true;
    }
    for (; *from != '\0'; from++) {
        if (from[0] == '\'' && from[1] == '\'') {
            from++;
        } else if (from[0] == '\'') {
            *at = from + 1;
            return true;
        }
        buf_u8(text, (uint8_t)*from);
    }
    return FAIL(err, ERR_OPTION, "path.format has a quote that does not end");
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool letter_check(char letter, int count, Err *err) {
    if (strchr(LETTERS, letter) == NULL || (letter == 'Z' && count > 2)) {
        FAIL(err, ERR_OPTION, "path.format: the letter %c, %d times, is no field that leat writes", letter, count);
        return err_hint(err, "put text into single quotes, as in 'day'=dd; names of zones (z) have no place in a path");
    }
    return count <= 20 || FAIL(err, ERR_OPTION, "path.format: the letter %c comes %d times", letter, count);
}

static bool fields_parse(Arena *arena, const char *format, TimeField *fields, size_t *count, Err *err) {
    Buf text;
    buf_init(&text, 0);
    bool ok = true;
    for (const char *at = format; ok && *at != '\0';) {
        if (is_letter(*at)) {
            int run = 1;
            while (at[run] == at[0]) {
                run++;
            }
            ok = letter_check(*at, run, err);
            fields[(*count)++] = (TimeField){.letter = *at, .count = run};
            at += run;
            continue;
        }
        buf_reset(&text);
        if (*at == '\'') {
            ok = quoted(&at, &text, err);
        } else {
            buf_u8(&text, (uint8_t)*at++);
        }
        fields[(*count)++] = (TimeField){.text = arena_slice(arena, buf_slice(&text))};
    }
    buf_release(&text);
    return ok || err_frame(err, __FILE__, __LINE__);
}

bool time_path_make(Arena *arena, const char *format, const TimePath **path, Err *err) {
    size_t size = strlen(format);
    while (size > 0 && format[size - 1] == '/') {
        size--;
    }
    char *trimmed = arena_text(arena, (Slice){(const uint8_t *)format, size});
    TimePath *made = ARENA_NEW(arena, TimePath);
    TimeField *fields = ARENA_ARRAY(arena, TimeField, size);
    TRY(fields_parse(arena, trimmed, fields, &made->count, err));
    made->fields = fields;
    Buf sample;
    buf_init(&sample, 0);
    time_path_write(made, &sample, 0, 0);
    buf_u8(&sample, 0);
    const char *text = (const char *)sample.data;
    bool ok = text[0] != '\0' && text[0] != '/' && strstr(text, "//") == NULL;
    if (!ok) {
        FAIL(err, ERR_OPTION, "path.format '%.100s' gives an empty folder", format);
        err_hint(err, "for example 'year'=YYYY/'month'=MM/'day'=dd");
    }
    buf_release(&sample);
    *path = made;
    return ok;
}

// --- writing ---------------------------------------------------------------------------------------------------

typedef struct Moment {
    CalendarDate date;
    int32_t weekday;  // 1 is Monday
    int32_t year_day; // 1 to 366
    int32_t week_year, week;
    int32_t ms; // of the day
    int32_t east;
} Moment;

static int64_t year_start(int32_t year) {
    return calendar_days((CalendarDate){year, 1, 1});
}

// ISO 8601: the week of a Thursday's year.
static void week_set(Moment *at, int64_t days) {
    int64_t thursday = days + 4 - at->weekday;
    at->week_year = calendar_date((int32_t)thursday).year;
    at->week = (int32_t)((thursday - year_start(at->week_year)) / 7) + 1;
}

static Moment moment_of(int64_t local_ms, int32_t east) {
    int64_t ms = local_ms % DAY_MS;
    ms += ms < 0 ? DAY_MS : 0;
    int64_t days = (local_ms - ms) / DAY_MS - EPOCH_DAYS;
    days = MAX(MIN(days, (int64_t)CALENDAR_DAY_END), (int64_t)CALENDAR_DAY_MIN);
    Moment at = {.date = calendar_date((int32_t)days), .ms = (int32_t)ms, .east = east};
    at.weekday = (int32_t)(((days + 5) % 7 + 7) % 7) + 1; // 2000-01-01 was a Saturday
    at.year_day = (int32_t)(days - year_start(at.date.year)) + 1;
    week_set(&at, days);
    return at;
}

static void number(Buf *buf, int32_t value, int count) {
    buf_printf(buf, "%0*d", count, value);
}

static void year(Buf *buf, int32_t value, int count) {
    number(buf, count == 2 ? ((value % 100) + 100) % 100 : value, count);
}

static void name(Buf *buf, const char *full, int count) {
    buf_bytes(buf, full, count >= 4 ? strlen(full) : 3);
}

static void fraction(Buf *buf, int32_t ms, int count) {
    char digits[24];
    snprintf(digits, sizeof(digits), "%03d00000000000000000", ms);
    buf_bytes(buf, digits, (size_t)count);
}

static void zone_offset(Buf *buf, int32_t east, int count) {
    int32_t minutes = (east < 0 ? -east : east) / 60;
    buf_printf(buf, count == 1 ? "%c%02d%02d" : "%c%02d:%02d", east < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static void day_field(Buf *buf, const TimeField *field, const Moment *at) {
    int32_t of_era = at->date.year > 0 ? at->date.year : 1 - at->date.year;
    switch (field->letter) {
    case 'G':
        buf_text(buf, at->date.year > 0 ? "AD" : "BC");
        break;
    case 'C':
        number(buf, of_era / 100, field->count);
        break;
    case 'Y':
        year(buf, of_era, field->count);
        break;
    case 'y':
        year(buf, at->date.year, field->count);
        break;
    case 'x':
        year(buf, at->week_year, field->count);
        break;
    case 'w':
        number(buf, at->week, field->count);
        break;
    case 'e':
        number(buf, at->weekday, field->count);
        break;
    case 'E':
        name(buf, DAYS[at->weekday - 1], field->count);
        break;
    case 'D':
        number(buf, at->year_day, field->count);
        break;
    case 'M':
        if (field->count >= 3) {
            name(buf, MONTHS[at->date.month - 1], field->count);
        } else {
            number(buf, at->date.month, field->count);
        }
        break;
    default:
        number(buf, at->date.day, field->count);
    }
}

static void time_field(Buf *buf, const TimeField *field, const Moment *at) {
    int32_t hour = at->ms / 3600000;
    switch (field->letter) {
    case 'a':
        buf_text(buf, hour < 12 ? "AM" : "PM");
        break;
    case 'H':
        number(buf, hour, field->count);
        break;
    case 'k':
        number(buf, hour == 0 ? 24 : hour, field->count);
        break;
    case 'K':
        number(buf, hour % 12, field->count);
        break;
    case 'h':
        number(buf, hour % 12 == 0 ? 12 : hour % 12, field->count);
        break;
    case 'm':
        number(buf, at->ms / 60000 % 60, field->count);
        break;
    case 's':
        number(buf, at->ms / 1000 % 60, field->count);
        break;
    case 'S':
        fraction(buf, at->ms % 1000, field->count);
        break;
    default:
        zone_offset(buf, at->east, field->count);
    }
}

void time_path_write(const TimePath *path, Buf *buf, int64_t local_ms, int32_t east) {
    Moment at = moment_of(local_ms, east);
    for (size_t i = 0; i < path->count; i++) {
        const TimeField *field = &path->fields[i];
        if (field->letter == '\0') {
            buf_put(buf, field->text);
        } else if (strchr("GCYyxweEDMd", field->letter) != NULL) {
            day_field(buf, field, &at);
        } else {
            time_field(buf, field, &at);
        }
    }
}
