// SPDX-License-Identifier: Apache-2.0
#include "core/config/definition.h"

#include "core/config/secret.h"

#include <errno.h>
#include <strings.h>

const char *definition_type_name(DefinitionType type) {
    static const char *const NAMES[] = {"BOOLEAN", "CLASS",    "DOUBLE", "INT",   "LIST",
                                        "LONG",    "PASSWORD", "SHORT",  "STRING"};
    return NAMES[type];
}

const char *definition_importance_name(DefinitionImportance importance) {
    static const char *const NAMES[] = {"HIGH", "MEDIUM", "LOW"};
    return NAMES[importance];
}

const char *definition_width_name(DefinitionWidth width) {
    static const char *const NAMES[] = {"NONE", "SHORT", "MEDIUM", "LONG"};
    return NAMES[width];
}

// --- names -----------------------------------------------------------------------------------------------------

bool definition_hidden(const Definition *definition) {
    size_t size = strlen(definition->name);
    return (size > 2 && strcmp(definition->name + size - 2, ".*") == 0) || strcmp(definition->name, "*") == 0;
}

static bool starts(Slice name, const char *with, size_t size) {
    return name.size >= size && memcmp(name.data, with, size) == 0;
}

// `pattern` is literal text with (…) for one byte or more.
static bool pattern_covers(const char *pattern, Slice name) {
    const char *open = strchr(pattern, '(');
    if (open == NULL) {
        return slice_is(name, pattern);
    }
    const char *close = strchr(open, ')');
    size_t literal = (size_t)(open - pattern);
    if (close == NULL || !starts(name, pattern, literal)) {
        return slice_is(name, pattern);
    }
    for (size_t at = literal + 1; at <= name.size; at++) {
        if (pattern_covers(close + 1, slice_from(name, at))) {
            return true;
        }
    }
    return slice_is(name, pattern);
}

bool definition_covers(const Definition *definition, Slice name) {
    if (definition_hidden(definition)) {
        size_t size = strlen(definition->name) - 1;
        return name.size > size && starts(name, definition->name, size);
    }
    return pattern_covers(definition->name, name);
}

// A number that a family is declared with (column.truncate.to.(d+).chars) is the one in its members' names: nobody
// reads their values by that type.
static bool is_family(const Definition *definition) {
    return strchr(definition->name, '(') != NULL;
}

static bool is_pattern(const Definition *definition) {
    return definition_hidden(definition) || is_family(definition);
}

void definition_rename(Arena *arena, const Definition *definitions, size_t count, Properties *config) {
    for (size_t i = 0; i < count; i++) {
        const char *today = definitions[i].alias_of;
        const Property *old = today == NULL ? NULL : properties_find(config, slice_of(definitions[i].name));
        if (old == NULL) {
            continue;
        }
        Slice value = old->value;
        properties_remove(config, slice_of(definitions[i].name));
        if (properties_find(config, slice_of(today)) == NULL) {
            properties_set(arena, config, slice_of(today), value);
        }
    }
}

// --- the list of outcomes --------------------------------------------------------------------------------------

DefinitionValue *validation_find(const Validation *validation, Slice name) {
    for (size_t i = 0; i < validation->count; i++) {
        if (slice_equal(validation->values[i].name, name)) {
            return &validation->values[i];
        }
    }
    return NULL;
}

static DefinitionValue *value_new(Validation *validation, Slice name) {
    // Room is made in powers of two: full when the count is one of them.
    if ((validation->count & (validation->count - 1)) == 0) {
        DefinitionValue *more =
            ARENA_ARRAY(validation->arena, DefinitionValue, validation->count == 0 ? 1 : validation->count * 2);
        if (validation->count > 0) {
            memcpy(more, validation->values, validation->count * sizeof(*more));
        }
        validation->values = more;
    }
    DefinitionValue *value = &validation->values[validation->count++];
    *value = (DefinitionValue){.name = name};
    return value;
}

static void error_push(Validation *validation, DefinitionValue *value, const char *text) {
    const char **more = ARENA_ARRAY(validation->arena, const char *, value->error_count + 1);
    if (value->error_count > 0) {
        memcpy(more, value->errors, value->error_count * sizeof(*more));
    }
    more[value->error_count++] = text;
    value->errors = more;
    validation->errors++;
}

static char *vprinted(Arena *arena, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    ASSERT(size >= 0);
    char *text = arena_alloc(arena, (size_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, args);
    return text;
}

static DefinitionValue *value_named(Validation *validation, const char *name) {
    DefinitionValue *value = validation_find(validation, slice_of(name));
    return value != NULL ? value : value_new(validation, slice_of(arena_text(validation->arena, slice_of(name))));
}

void validation_error(Validation *validation, const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = vprinted(validation->arena, format, args);
    va_end(args);
    error_push(validation, value_named(validation, name), text);
}

void validation_warning(Validation *validation, const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    value_named(validation, name)->warning = vprinted(validation->arena, format, args);
    va_end(args);
}

// --- one value -------------------------------------------------------------------------------------------------

// What is wrong with it, in the words of the plugin; `debezium` NULL: the same text for both.
static void wrong(Validation *validation, DefinitionValue *value, const char *connect, const char *debezium) {
    Arena *arena = validation->arena;
    char *text;
    if (value->words == WORDS_DEBEZIUM) {
        text = arena_printf(arena, "The '%.*s' value is invalid: %s", SLICE_ARG(value->name),
                            debezium != NULL ? debezium : connect);
    } else {
        bool hidden = value->definition != NULL && value->definition->type == DEFINE_PASSWORD;
        Slice shown = hidden ? SLICE("[hidden]") : value->value.data == NULL ? SLICE("null") : value->value;
        text = arena_printf(arena, "Invalid value %.*s for configuration %.*s: %s", SLICE_ARG(shown),
                            SLICE_ARG(value->name), connect);
    }
    error_push(validation, value, text);
}

static Slice trimmed(Slice text) {
    while (text.size > 0 && text.data[0] <= ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] <= ' ') {
        text.size--;
    }
    return text;
}

static bool number_parse(Slice text, DefinitionType type, double *number) {
    char digits[64];
    if (text.size == 0 || text.size >= sizeof(digits) || memchr(text.data, '\0', text.size) != NULL) {
        return false;
    }
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    char *end;
    errno = 0;
    if (type == DEFINE_DOUBLE) {
        *number = strtod(digits, &end);
        return *end == '\0';
    }
    long long whole = strtoll(digits, &end, 10);
    int64_t most = type == DEFINE_SHORT ? INT16_MAX : type == DEFINE_INT ? INT32_MAX : INT64_MAX;
    *number = (double)whole;
    return *end == '\0' && errno == 0 && whole <= most && whole >= -most - 1;
}

static const char *number_expected(const Definition *definition) {
    bool whole_long = definition->type == DEFINE_LONG;
    if (definition->minimum != NULL && strcmp(definition->minimum, "1") == 0) {
        return whole_long ? "A positive, non-zero long value is expected"
                          : "A positive, non-zero integer value is expected";
    }
    if (definition->minimum != NULL && strcmp(definition->minimum, "0") == 0) {
        return whole_long ? "A non-negative long value is expected" : "A non-negative integer value is expected";
    }
    return whole_long ? "A long value is expected" : "An integer is expected";
}

static void check_number(Validation *validation, DefinitionValue *value) {
    const Definition *definition = value->definition;
    const char *expected = number_expected(definition);
    double number = 0;
    if (!number_parse(trimmed(value->value), definition->type, &number)) {
        wrong(validation, value,
              arena_printf(validation->arena, "Not a number of type %s", definition_type_name(definition->type)),
              expected);
        value->value = (Slice){0};
        if (value->words == WORDS_CONNECT && (definition->minimum != NULL || definition->maximum != NULL)) {
            wrong(validation, value, "Value must be non-null", NULL); // Connect asks its range too
        }
        return;
    }
    if (definition->minimum != NULL && number < strtod(definition->minimum, NULL)) {
        wrong(validation, value, arena_printf(validation->arena, "Value must be at least %s", definition->minimum),
              expected);
    } else if (definition->maximum != NULL && number > strtod(definition->maximum, NULL)) {
        char *text = arena_printf(validation->arena, "Value must be no more than %s", definition->maximum);
        wrong(validation, value, text, text);
    }
}

static bool same_letters(Slice a, Slice b) {
    return a.size == b.size && strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0;
}

static void check_choice(Validation *validation, DefinitionValue *value) {
    size_t count;
    Slice *choices = properties_list(validation->arena, slice_of(value->definition->choices), &count);
    Slice text = trimmed(value->value);
    const char *list = "";
    for (size_t i = 0; i < count; i++) {
        if (same_letters(text, choices[i])) {
            return;
        }
        list = arena_printf(validation->arena, "%s%s%.*s", list, i > 0 ? ", " : "", SLICE_ARG(choices[i]));
    }
    wrong(validation, value, arena_printf(validation->arena, "String must be one of: %s", list),
          arena_printf(validation->arena, "Value must be one of %s", list));
}

static void check_value(Validation *validation, DefinitionValue *value) {
    switch (value->definition->type) {
    case DEFINE_BOOLEAN:
        if (!same_letters(trimmed(value->value), SLICE("true")) &&
            !same_letters(trimmed(value->value), SLICE("false"))) {
            wrong(validation, value, "Expected value to be either true or false",
                  "Either 'true' or 'false' is expected");
            value->value = (Slice){0};
        }
        return;
    case DEFINE_DOUBLE:
    case DEFINE_INT:
    case DEFINE_LONG:
    case DEFINE_SHORT:
        if (!is_family(value->definition)) {
            check_number(validation, value);
        }
        return;
    case DEFINE_CLASS:
    case DEFINE_LIST:
    case DEFINE_PASSWORD:
    case DEFINE_STRING:
        if (value->definition->choices != NULL) {
            check_choice(validation, value);
        }
        return;
    }
}

static bool is_default(const DefinitionValue *value) {
    const char *usual = value->definition->default_value;
    return usual == NULL ? value->value.size == 0 : slice_is(trimmed(value->value), usual);
}

static void check_effect(Validation *validation, DefinitionValue *value) {
    const Definition *definition = value->definition;
    const char *note = definition->note != NULL ? definition->note : "";
    if (definition->effect == EFFECT_NONE && !is_default(value)) {
        value->warning = arena_printf(validation->arena, "'%.*s' has no effect in leat%s%s", SLICE_ARG(value->name),
                                      *note != '\0' ? ": " : "", note);
    } else if (definition->effect == EFFECT_REFUSED && !is_default(value)) {
        wrong(validation, value, arena_printf(validation->arena, "leat does not do this: %s", note), NULL);
    }
}

static void check_given(Validation *validation, DefinitionValue *value) {
    bool referenced = secret_referenced(arena_text(validation->arena, value->value));
    if (!referenced && value->definition->effect != EFFECT_REFUSED) {
        check_value(validation, value);
    }
    check_effect(validation, value);
}

static void check_absent(Validation *validation, DefinitionValue *value) {
    const Definition *definition = value->definition;
    if (!definition->required) {
        value->value = slice_of(definition->default_value);
        return;
    }
    Arena *arena = validation->arena;
    error_push(validation, value,
               value->words == WORDS_DEBEZIUM
                   ? arena_printf(arena, "The '%s' value is invalid: A value is required", definition->name)
                   : arena_printf(arena, "Missing required configuration \"%s\" which has no default value.",
                                  definition->name));
}

// --- all of them -----------------------------------------------------------------------------------------------

// What was given under an old name of this row.
static const Property *under_old_name(const Definition *definitions, size_t count, const char *name,
                                      const Properties *given) {
    for (size_t i = 0; i < count; i++) {
        if (definitions[i].alias_of != NULL && strcmp(definitions[i].alias_of, name) == 0) {
            const Property *found = properties_find(given, slice_of(definitions[i].name));
            if (found != NULL && found->value.data != NULL) {
                return found;
            }
        }
    }
    return NULL;
}

static void check_old_name(Validation *validation, DefinitionValue *value, const Properties *given) {
    const char *today = value->definition->alias_of;
    bool both = properties_find(given, slice_of(today)) != NULL;
    value->warning = both ? arena_printf(validation->arena,
                                         "'%.*s' is an old name of '%s', which is given too: it is "
                                         "not looked at",
                                         SLICE_ARG(value->name), today)
                          : arena_printf(validation->arena, "'%.*s' is an old name: it is taken as '%s'",
                                         SLICE_ARG(value->name), today);
}

static void add_row(Validation *validation, const Definition *definitions, size_t count, size_t at,
                    DefinitionWords words, const Properties *given) {
    const Definition *definition = &definitions[at];
    const Property *property = properties_find(given, slice_of(definition->name));
    bool is_null = property != NULL && property->value.data == NULL;
    if (definition->alias_of != NULL && property == NULL) {
        return; // an old name that nobody uses is not shown
    }
    DefinitionValue *value = value_new(validation, slice_of(definition->name));
    value->definition = definition;
    value->words = words;
    if (property == NULL && definition->alias_of == NULL) {
        property = under_old_name(definitions, count, definition->name, given);
    }
    value->given = property != NULL;
    if (property == NULL) {
        check_absent(validation, value);
        return;
    }
    value->value = property->value;
    if (is_null) {
        error_push(validation, value, "Null value can not be supplied as the configuration value.");
    } else if (definition->alias_of != NULL) {
        check_old_name(validation, value, given);
    } else if (words == WORDS_DEBEZIUM && definition->required && trimmed(value->value).size == 0) {
        wrong(validation, value, "A value is required", NULL);
    } else {
        check_given(validation, value);
    }
}

// Those given whose names a row with a pattern stands for.
static void add_covered(Validation *validation, const Definition *definition, DefinitionWords words,
                        const Properties *given) {
    for (size_t i = 0; i < given->count; i++) {
        const Property *property = &given->at[i];
        if (!definition_covers(definition, property->name) || validation_find(validation, property->name) != NULL) {
            continue;
        }
        DefinitionValue *value = value_new(validation, property->name);
        *value = (DefinitionValue){definition, words, property->name, property->value, true, NULL, 0, NULL};
        if (property->value.data == NULL) {
            error_push(validation, value, "Null value can not be supplied as the configuration value.");
        } else {
            check_given(validation, value);
        }
    }
}

void validation_add(Validation *validation, const Definition *definitions, size_t count, DefinitionWords words,
                    const Properties *given) {
    for (size_t i = 0; i < count; i++) {
        if (!definition_hidden(&definitions[i]) && validation_find(validation, slice_of(definitions[i].name)) == NULL) {
            add_row(validation, definitions, count, i, words, given);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (is_pattern(&definitions[i])) {
            add_covered(validation, &definitions[i], words, given);
        }
    }
}

void validation_unknown(Validation *validation, const Properties *given) {
    for (size_t i = 0; i < given->count; i++) {
        const Property *property = &given->at[i];
        if (validation_find(validation, property->name) != NULL) {
            continue;
        }
        DefinitionValue *value = value_new(validation, property->name);
        value->value = property->value;
        value->given = true;
        value->warning =
            arena_printf(validation->arena, "'%.*s' is not known here and has no effect", SLICE_ARG(property->name));
        if (property->value.data == NULL) {
            error_push(validation, value, "Null value can not be supplied as the configuration value.");
        }
    }
}

void definition_validate(Arena *arena, const Definition *definitions, size_t count, const Properties *given,
                         Validation *validation) {
    *validation = (Validation){.arena = arena};
    validation_add(validation, definitions, count, WORDS_CONNECT, given);
    validation_unknown(validation, given);
}
