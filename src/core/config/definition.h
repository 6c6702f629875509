// SPDX-License-Identifier: Apache-2.0
// What a plugin (connector class, converter, transform, predicate) can be told, as Kafka Connect's ConfigDef says it:
// one row a key. The same rows answer /connector-plugins/…/config and …/validate, check what users give, and make the
// reference pages.
//
// Every row says what leat does with its key: honoured; no effect here (accepted, with a warning that says why); or
// refused, where ignoring it would change data.
#ifndef LEAT_CORE_CONFIG_DEFINITION_H
#define LEAT_CORE_CONFIG_DEFINITION_H

#include "core/config/properties.h"

typedef enum DefinitionType {
    DEFINE_BOOLEAN,
    DEFINE_CLASS,
    DEFINE_DOUBLE,
    DEFINE_INT,
    DEFINE_LIST,
    DEFINE_LONG,
    DEFINE_PASSWORD,
    DEFINE_SHORT,
    DEFINE_STRING,
} DefinitionType;

typedef enum DefinitionImportance { IMPORTANCE_HIGH, IMPORTANCE_MEDIUM, IMPORTANCE_LOW } DefinitionImportance;
typedef enum DefinitionWidth { WIDTH_NONE, WIDTH_SHORT, WIDTH_MEDIUM, WIDTH_LONG } DefinitionWidth;
typedef enum DefinitionEffect { EFFECT_HONOURED, EFFECT_NONE, EFFECT_REFUSED } DefinitionEffect;

typedef struct Definition {
    const char *name;
    DefinitionType type;
    bool required;
    const char *default_value; // NULL = null
    DefinitionImportance importance;
    const char *documentation; // our own words
    const char *group;         // NULL = null
    int order_in_group;        // -1 = none
    DefinitionWidth width;
    const char *display_name;
    const char *dependents; // comma-separated; NULL = none
    DefinitionEffect effect;
    const char *note;              // of EFFECT_NONE and EFFECT_REFUSED: why, and what to do
    const char *choices;           // comma-separated: a value must be one of them, whatever the case; NULL = any
    const char *minimum, *maximum; // of numbers; NULL = none
    const char *alias_of;          // an old name: the value goes to this one, with a warning
} Definition;

// One key's outcome, as …/validate tells it.
typedef struct DefinitionValue {
    const Definition *definition; // NULL: unknown to the plugin
    Slice name;
    Slice value; // data NULL = null; the default where none was given
    bool given;
    const char **errors; // in Connect's own words where it has them
    size_t error_count;
    const char *warning; // of leat: no effect, unknown, an old name; NULL = none
} DefinitionValue;

typedef struct Validation {
    DefinitionValue *values; // in the order of the definitions, then what is unknown
    size_t count;
    size_t errors;
    Arena *arena;
} Validation;

// Checks types, ranges, choices, required ones, aliases and effects. Unknown names become warnings.
void definition_validate(Arena *arena, const Definition *definitions, size_t count, const Properties *given,
                         Validation *validation);
// One more error for a key, for checks that look at several.
void validation_error(Validation *validation, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
const char *definition_type_name(DefinitionType type);

#endif
