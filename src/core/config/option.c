// SPDX-License-Identifier: Apache-2.0
#include "core/config/option.h"

#include "core/config/seal.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>

typedef struct Unit {
    const char *name;
    int64_t factor;
} Unit;

// From the largest to the smallest: printing takes the first that divides.
static const Unit BYTE_UNITS[] = {
    {"TiB", INT64_C(1) << 40}, {"TB", 1000000000000}, {"GiB", INT64_C(1) << 30},
    {"GB", 1000000000},        {"MiB", 1 << 20},      {"MB", 1000000},
    {"KiB", 1 << 10},          {"KB", 1000},          {"B", 1},
};
static const Unit TIME_UNITS[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

const char *option_type_name(OptionType type) {
    switch (type) {
    case OPTION_TEXT:
        return "text";
    case OPTION_BOOL:
        return "boolean";
    case OPTION_INT:
        return "integer";
    case OPTION_BYTES:
        return "bytes";
    case OPTION_DURATION:
        return "duration";
    case OPTION_LIST:
        return "list";
    case OPTION_CHOICE:
        return "choice";
    case OPTION_MAP:
        return "texts by name";
    }
    UNREACHABLE();
}

static void *field(const OptionSpec *spec, void *options) {
    return (char *)options + spec->offset;
}

static const void *field_const(const OptionSpec *spec, const void *options) {
    return (const char *)options + spec->offset;
}

static bool is_text(OptionType type) {
    return type == OPTION_TEXT || type == OPTION_LIST || type == OPTION_CHOICE || type == OPTION_MAP;
}

// Digits with an optional sign, and where they end; false when there are none or too many.
static bool parse_number(const char *text, int64_t *number, const char **end) {
    const char *digits = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*digits)) {
        return false;
    }
    char *stop;
    errno = 0;
    *number = strtoll(text, &stop, 10);
    *end = stop;
    return errno == 0;
}

// A whole number and one of the units; 0 needs none, and with `bare` no number does.
static bool parse_with_unit(const char *text, const Unit *units, size_t count, bool bare, int64_t *value) {
    int64_t number;
    const char *unit;
    if (!parse_number(text, &number, &unit) || number < 0) {
        return false;
    }
    unit += strspn(unit, " ");
    if (*unit == '\0') {
        *value = number;
        return bare || number == 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(unit, units[i].name) == 0) {
            return !__builtin_mul_overflow(number, units[i].factor, value);
        }
    }
    return false;
}

bool option_parse_bytes(const char *text, int64_t *bytes, Err *err) {
    if (!parse_with_unit(text, BYTE_UNITS, ARRAY_LEN(BYTE_UNITS), true, bytes)) {
        FAIL(err, ERR_OPTION, "'%s' is not a number of bytes", text);
        return err_hint(err, "write a whole number, with a unit if you like: 4096, 64KiB, 64MiB, 10GB, 1TiB");
    }
    return true;
}

bool option_parse_duration(const char *text, int64_t *ms, Err *err) {
    if (!parse_with_unit(text, TIME_UNITS, ARRAY_LEN(TIME_UNITS), false, ms)) {
        FAIL(err, ERR_OPTION, "'%s' is not a duration", text);
        return err_hint(err, "write a whole number and a unit: 500ms, 60s, 5m, 1h, 7d");
    }
    return true;
}

static bool parse_int(const char *text, int64_t *value, Err *err) {
    const char *end;
    if (!parse_number(text, value, &end) || *end != '\0') {
        FAIL(err, ERR_OPTION, "'%s' is not a whole number", text);
        return err_hint(err, "write digits only, such as 4");
    }
    return true;
}

static bool parse_bool(const char *text, bool *value, Err *err) {
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) {
        FAIL(err, ERR_OPTION, "'%s' is neither true nor false", text);
        return err_hint(err, "write true or false");
    }
    *value = yes;
    return true;
}

static void print_unit(int64_t value, const Unit *units, size_t count, const char *smallest, Buf *out) {
    for (size_t i = 0; value != 0 && i < count; i++) {
        if (value % units[i].factor == 0 && units[i].factor > 1) {
            buf_int(out, value / units[i].factor);
            buf_text(out, units[i].name);
            return;
        }
    }
    buf_int(out, value);
    buf_text(out, smallest);
}

static void print_number(OptionType type, int64_t value, Buf *out) {
    if (type == OPTION_BYTES) {
        print_unit(value, BYTE_UNITS, ARRAY_LEN(BYTE_UNITS), "", out);
    } else if (type == OPTION_DURATION) {
        print_unit(value, TIME_UNITS, ARRAY_LEN(TIME_UNITS), "ms", out);
    } else {
        buf_int(out, value);
    }
}

static bool check_bounds(const OptionSpec *spec, int64_t value, Err *err) {
    bool bounded = spec->min != 0 || spec->max != 0;
    if (!bounded || (value >= spec->min && (spec->max == 0 || value <= spec->max))) {
        return true;
    }
    DEFER(buf_release) Buf text = {0};
    buf_text(&text, value < spec->min ? "at least " : "at most ");
    print_number(spec->type, value < spec->min ? spec->min : spec->max, &text);
    Slice bound = buf_slice(&text);
    return FAIL(err, ERR_OPTION, "the value must be %.*s", SLICE_ARG(bound));
}

// True when `value` is one of the comma-separated `choices`.
static bool is_choice(const char *choices, const char *value) {
    size_t size = strlen(value);
    for (const char *at = choices; size > 0; at++) {
        size_t length = strcspn(at, ",");
        if (length == size && memcmp(at, value, size) == 0) {
            return true;
        }
        at += length;
        if (*at == '\0') {
            break;
        }
    }
    return false;
}

static bool parse_value(const OptionSpec *spec, void *to, const char *value, Err *err) {
    int64_t number = 0;
    switch (spec->type) {
    case OPTION_CHOICE:
        if (!is_choice(spec->choices, value)) {
            FAIL(err, ERR_OPTION, "'%s' is not one of: %s", value, spec->choices);
            return err_hint(err, "choose one of: %s", spec->choices);
        }
        *(const char **)to = value;
        return true;
    case OPTION_TEXT:
    case OPTION_LIST:
    case OPTION_MAP:
        *(const char **)to = value;
        return true;
    case OPTION_BOOL:
        return parse_bool(value, to, err);
    case OPTION_INT:
        TRY(parse_int(value, &number, err));
        break;
    case OPTION_BYTES:
        TRY(option_parse_bytes(value, &number, err));
        break;
    case OPTION_DURATION:
        TRY(option_parse_duration(value, &number, err));
        break;
    }
    TRY(check_bounds(spec, number, err));
    *(int64_t *)to = number;
    return true;
}

static void set_zero(const OptionSpec *spec, void *to) {
    if (is_text(spec->type)) {
        *(const char **)to = NULL;
    } else if (spec->type == OPTION_BOOL) {
        *(bool *)to = false;
    } else {
        *(int64_t *)to = 0;
    }
}

void option_defaults(const OptionTable *table, void *options) {
    for (size_t i = 0; i < table->count; i++) {
        const OptionSpec *spec = &table->specs[i];
        Err err[1] = {{0}};
        if (spec->default_text == NULL) {
            set_zero(spec, field(spec, options));
        } else if (!parse_value(spec, field(spec, options), spec->default_text, err)) {
            panic("the default of option %s: %s", spec->name, err->message);
        }
    }
}

// --- maps: KEY=VALUE lines --------------------------------------------------------------------------------------

static size_t map_prefix(const OptionSpec *spec) {
    return strlen(spec->name) - 1; // without the *
}

const OptionSpec *option_find(const OptionTable *table, const char *name) {
    for (size_t i = 0; i < table->count; i++) {
        const OptionSpec *spec = &table->specs[i];
        bool covers = spec->type == OPTION_MAP && strncmp(name, spec->name, map_prefix(spec)) == 0 &&
                      name[map_prefix(spec)] != '\0';
        if (covers || strcmp(spec->name, name) == 0) {
            return spec;
        }
    }
    return NULL;
}

bool option_map_next(const char **at, Slice *key, Slice *value) {
    const char *line = *at;
    if (line == NULL || *line == '\0') {
        return false;
    }
    size_t size = strcspn(line, "\n"), split = strcspn(line, "=");
    *key = (Slice){(const uint8_t *)line, split};
    *value = (Slice){(const uint8_t *)line + split + 1, size - split - 1};
    *at = line + size + 1;
    return true;
}

char *option_map_name(const OptionSpec *spec, Slice key, Arena *arena) {
    return arena_printf(arena, "%.*s%.*s", (int)map_prefix(spec), spec->name, SLICE_ARG(key));
}

static void map_line(Buf *out, Slice key, Slice value) {
    buf_put(out, key);
    buf_u8(out, '=');
    buf_put(out, value);
    buf_u8(out, '\n');
}

static bool map_set(const OptionSpec *spec, const char **to, const char *name, const char *value, Arena *arena,
                    Err *err) {
    DEFER(buf_release) Buf lines = {0};
    Slice key = slice_of(name + map_prefix(spec)), other, kept;
    if (strcspn(name, "=\n") != strlen(name) || strchr(value, '\n') != NULL || slice_is(key, "*")) {
        return FAIL(err, ERR_OPTION, "option '%s': not a name and a value of one line", name);
    }
    for (const char *at = *to; option_map_next(&at, &other, &kept);) {
        if (!slice_equal(other, key)) {
            map_line(&lines, other, kept);
        }
    }
    map_line(&lines, key, slice_of(value));
    *to = arena_text(arena, buf_slice(&lines));
    return true;
}

static void map_print(const char *lines, Buf *out) {
    Slice key, value;
    for (size_t count = 0; option_map_next(&lines, &key, &value); count++) {
        buf_text(out, count > 0 ? "," : "");
        buf_put(out, key);
        buf_u8(out, '=');
        buf_put(out, seal_is_secret(key) ? SLICE("******") : value);
    }
}

// How many single-letter edits lead from one to the other; names longer than 63 bytes count as far apart.
static size_t edit_distance(const char *a, const char *b) {
    size_t row[64];
    size_t width = strlen(b);
    if (width >= ARRAY_LEN(row)) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t above = row[j];
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            row[j] = MIN(replaced, MIN(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[width];
}

static bool fail_unknown(const OptionTable *table, const char *name, Err *err) {
    FAIL(err, ERR_OPTION, "%s has no option '%s'", table->name, name);
    size_t nearest = SIZE_MAX;
    const char *guess = NULL;
    for (size_t i = 0; i < table->count; i++) {
        size_t distance = edit_distance(name, table->specs[i].name);
        if (distance < nearest) {
            nearest = distance;
            guess = table->specs[i].name;
        }
    }
    if (guess != NULL && nearest <= MAX(2, strlen(name) / 3)) {
        return err_hint(err, "did you mean '%s'?", guess);
    }
    DEFER(buf_release) Buf names = {0};
    for (size_t i = 0; i < table->count; i++) {
        buf_text(&names, i > 0 ? ", " : "");
        buf_text(&names, table->specs[i].name);
    }
    Slice list = buf_slice(&names);
    return err_hint(err, "its options: %.*s", SLICE_ARG(list));
}

bool option_set(const OptionTable *table, void *options, const char *name, const char *value, Arena *arena, Err *err) {
    const OptionSpec *spec = option_find(table, name);
    if (spec == NULL) {
        return fail_unknown(table, name, err);
    }
    if (spec->type == OPTION_MAP) {
        return map_set(spec, field(spec, options), name, value, arena, err);
    }
    const char *kept = arena_text(arena, slice_of(value));
    Err problem[1] = {{0}};
    if (parse_value(spec, field(spec, options), kept, problem)) {
        return true;
    }
    if ((spec->flags & OPTION_SECRET) != 0) {
        return FAIL(err, ERR_OPTION, "option '%s': its value is not a valid %s", name, option_type_name(spec->type));
    }
    *err = *problem;
    return err_prefix(err, "option '%s'", name);
}

bool option_complete(const OptionTable *table, const void *options, Err *err) {
    for (size_t i = 0; i < table->count; i++) {
        const OptionSpec *spec = &table->specs[i];
        if ((spec->flags & OPTION_REQUIRED) == 0 || !is_text(spec->type)) {
            continue;
        }
        const char *value = *(const char *const *)field_const(spec, options);
        if (value == NULL || *value == '\0') {
            FAIL(err, ERR_OPTION, "%s: option '%s' must be given", table->name, spec->name);
            return err_hint(err, "%s", spec->text);
        }
    }
    return true;
}

void option_print(const OptionSpec *spec, const void *options, Buf *out) {
    const void *from = field_const(spec, options);
    if (spec->type == OPTION_MAP) {
        map_print(*(const char *const *)from, out);
    } else if (is_text(spec->type)) {
        const char *value = *(const char *const *)from;
        if (value != NULL && *value != '\0') {
            buf_text(out, (spec->flags & OPTION_SECRET) != 0 ? "******" : value);
        }
    } else if ((spec->flags & OPTION_SECRET) != 0) {
        buf_text(out, "******");
    } else if (spec->type == OPTION_BOOL) {
        buf_text(out, *(const bool *)from ? "true" : "false");
    } else {
        print_number(spec->type, *(const int64_t *)from, out);
    }
}
