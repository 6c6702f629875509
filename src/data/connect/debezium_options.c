// SPDX-License-Identifier: Apache-2.0
#include "data/connect/debezium_options.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { MONEY_DIGITS_MAX = 9 };

typedef struct Choice {
    const char *name;
    int value;
} Choice;

static bool choice_of(Arena *arena, const Properties *config, const char *key, const Choice *choices, size_t count,
                      int *value, Err *err) {
    const char *given = properties_text(arena, config, key, NULL);
    *value = choices[0].value;
    for (size_t i = 0; given != NULL && i < count; i++) {
        if (strcasecmp(given, choices[i].name) == 0) {
            *value = choices[i].value;
            return true;
        }
    }
    if (given == NULL) {
        return true;
    }
    Buf names;
    buf_init(&names, 0);
    for (size_t i = 0; i < count; i++) {
        buf_text(&names, i > 0 ? ", " : "");
        buf_text(&names, choices[i].name);
    }
    (void)FAIL(err, ERR_OPTION, "%s: %.100s is not one of %.*s", key, given, SLICE_ARG(buf_slice(&names)));
    buf_release(&names);
    return false;
}

static bool bool_of(Arena *arena, const Properties *config, const char *key, bool otherwise, bool *value, Err *err) {
    const Choice choices[] = {{otherwise ? "true" : "false", otherwise}, {otherwise ? "false" : "true", !otherwise}};
    int chosen;
    TRY(choice_of(arena, config, key, choices, 2, &chosen, err));
    *value = chosen != 0;
    return true;
}

static bool skipped_of(Arena *arena, const Properties *config, RecordOptions *made, Err *err) {
    size_t count;
    Slice *items = properties_list(arena, slice_of(properties_text(arena, config, "skipped.operations", "t")), &count);
    for (size_t i = 0; i < count; i++) {
        uint8_t letter = items[i].size == 1 ? items[i].data[0] : 0;
        made->skip_create |= letter == 'c';
        made->skip_update |= letter == 'u';
        made->skip_delete |= letter == 'd';
        made->skip_truncate |= letter == 't';
        made->skip_message |= letter == 'm';
        if (memchr("cudtrm", letter, 7) == NULL || (letter == 0 && !(slice_is(items[i], "none") && count == 1))) {
            return FAIL(err, ERR_OPTION,
                        "skipped.operations: %.*s is none of c (create), u (update), d (delete), t (truncate), and "
                        "not \"none\" alone",
                        SLICE_ARG(items[i]));
        }
    }
    return true;
}

// "hex:…" is bytes in hexadecimal digits.
static bool placeholder_of(Arena *arena, const Properties *config, Slice *placeholder, Err *err) {
    const char *given = properties_text(arena, config, "unavailable.value.placeholder", NULL);
    if (given == NULL) {
        return true;
    }
    *placeholder = slice_of(given);
    if (strncmp(given, "hex:", 4) != 0) {
        return true;
    }
    size_t size = (placeholder->size - 4) / 2;
    uint8_t *bytes = arena_alloc(arena, size);
    bool good = placeholder->size % 2 == 0;
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        good &= isxdigit((unsigned char)given[4 + 2 * i]) && isxdigit((unsigned char)given[5 + 2 * i]) &&
                sscanf(given + 4 + 2 * i, "%2x", &byte) == 1;
        bytes[i] = (uint8_t)byte;
    }
    *placeholder = (Slice){bytes, size};
    return good ||
           FAIL(err, ERR_OPTION, "unavailable.value.placeholder: after \"hex:\" come pairs of hexadecimal digits");
}

static bool columns_of(Arena *arena, const Properties *config, ColumnOptions *columns, Err *err) {
    static const Choice DECIMAL[] = {
        {"precise", DECIMAL_PRECISE}, {"double", DECIMAL_DOUBLE}, {"string", DECIMAL_STRING}};
    static const Choice TIME[] = {
        {"adaptive", TIME_ADAPTIVE},         {"adaptive_time_microseconds", TIME_ADAPTIVE_MICROSECONDS},
        {"connect", TIME_CONNECT},           {"isostring", TIME_ISOSTRING},
        {"microseconds", TIME_MICROSECONDS}, {"nanoseconds", TIME_NANOSECONDS}};
    static const Choice BINARY[] = {{"bytes", BINARY_BYTES},
                                    {"base64", BINARY_BASE64},
                                    {"base64-url-safe", BINARY_BASE64_URL},
                                    {"hex", BINARY_HEX}};
    static const Choice HSTORE[] = {{"json", 0}, {"map", 1}}, INTERVAL[] = {{"numeric", 0}, {"string", 1}};
    int decimal, time, binary, hstore, interval;
    *columns = COLUMN_DEFAULTS;
    TRY(choice_of(arena, config, "decimal.handling.mode", DECIMAL, ARRAY_LEN(DECIMAL), &decimal, err));
    TRY(choice_of(arena, config, "time.precision.mode", TIME, ARRAY_LEN(TIME), &time, err));
    TRY(choice_of(arena, config, "binary.handling.mode", BINARY, ARRAY_LEN(BINARY), &binary, err));
    TRY(choice_of(arena, config, "hstore.handling.mode", HSTORE, ARRAY_LEN(HSTORE), &hstore, err));
    TRY(choice_of(arena, config, "interval.handling.mode", INTERVAL, ARRAY_LEN(INTERVAL), &interval, err));
    TRY(bool_of(arena, config, "include.unknown.datatypes", false, &columns->unknown, err));
    TRY(bool_of(arena, config, "leat.exact", false, &columns->exact, err));
    TRY(placeholder_of(arena, config, &columns->placeholder, err));
    columns->decimal = (DecimalMode)decimal;
    columns->time = (TimeMode)time;
    columns->binary = (BinaryMode)binary;
    columns->hstore_map = hstore != 0;
    columns->interval_text = interval != 0;
    const char *digits = properties_text(arena, config, "money.fraction.digits", "2");
    char *end;
    long number = strtol(digits, &end, 10);
    if (*digits == '\0' || *end != '\0' || number < 0 || number > MONEY_DIGITS_MAX) {
        return FAIL(err, ERR_OPTION, "money.fraction.digits: %.50s is not a number from 0 to %d", digits,
                    MONEY_DIGITS_MAX);
    }
    columns->money_digits = (int32_t)number;
    return true;
}

static bool adjust_of(Arena *arena, const Properties *config, const char *key, NameAdjust *adjust, Err *err) {
    static const Choice ADJUST[] = {
        {"none", ADJUST_NONE}, {"avro", ADJUST_AVRO}, {"avro_unicode", ADJUST_AVRO_UNICODE}};
    int chosen;
    TRY(choice_of(arena, config, key, ADJUST, ARRAY_LEN(ADJUST), &chosen, err));
    *adjust = (NameAdjust)chosen;
    return true;
}

Properties record_config(Arena *arena, const Properties *config) {
    static const struct {
        const char *old, *name;
    } NAMES[] = {
        {"database.server.name", "topic.prefix"},
        {"column.whitelist", "column.include.list"},
        {"column.blacklist", "column.exclude.list"},
        {"toasted.value.placeholder", "unavailable.value.placeholder"},
        {"heartbeat.topics.prefix", "topic.heartbeat.prefix"},
    };
    Properties copy = {ARENA_ARRAY(arena, Property, config->count), config->count};
    if (config->count > 0) {
        memcpy(copy.at, config->at, config->count * sizeof(*copy.at));
    }
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const Property *old = properties_find(&copy, slice_of(NAMES[i].old));
        if (old != NULL && properties_find(&copy, slice_of(NAMES[i].name)) == NULL) {
            properties_set(arena, &copy, slice_of(NAMES[i].name), old->value);
        }
    }
    const char *sanitize = properties_text(arena, config, "sanitize.field.names", "");
    if (strcasecmp(sanitize, "true") == 0 && properties_find(&copy, SLICE("field.name.adjustment.mode")) == NULL) {
        properties_set(arena, &copy, SLICE("field.name.adjustment.mode"), SLICE("avro"));
    }
    return copy;
}

bool record_options_new(Arena *arena, const Properties *config, RecordOptions *made, Err *err) {
    *made = (RecordOptions){0};
    TRY(columns_of(arena, config, &made->options.columns, err));
    made->options.fail_on_inexact = made->options.columns.exact;
    TRY(adjust_of(arena, config, "schema.name.adjustment.mode", &made->options.schema_names, err));
    TRY(adjust_of(arena, config, "field.name.adjustment.mode", &made->options.field_names, err));
    TRY(skipped_of(arena, config, made, err));
    TRY(column_rules_new(arena, config, &made->rules, err));
    made->options.rules = made->rules;
    TRY(bool_of(arena, config, "tombstones.on.delete", true, &made->tombstones, err));
    TRY(bool_of(arena, config, "extended.headers.enabled", true, &made->context_headers, err));
    TRY(bool_of(arena, config, "skip.messages.without.change", false, &made->skip_unchanged, err));
    TRY(bool_of(arena, config, "provide.transaction.metadata", false, &made->options.transactions, err));
    return true;
}

void record_options_release(RecordOptions *options) {
    column_rules_release(options->rules);
    options->rules = NULL;
}
