// SPDX-License-Identifier: Apache-2.0
// What a plugin (connector class, converter, transform, predicate) can be told, as Kafka Connect's ConfigDef says it:
// one row a key. The same rows answer /connector-plugins/…/config and …/validate, check what users give, and make the
// reference pages.
//
// Every row says what leat does with its key: honoured; no effect here (accepted, with a warning that says why); or
// refused, where ignoring it would change data. Warning and refusal are for values that differ from the default.
//
// A row's name may stand for many: "column.mask.with.(d+).chars" for all names with something in the place of (…), and
// "producer.override.*" for all that begin so ("*" for all). Those that end with * are not shown to clients.
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

// In whose words a plugin tells what is wrong with a value.
typedef enum DefinitionWords {
    WORDS_CONNECT,  // "Invalid value x for configuration tasks.max: Not a number of type INT"
    WORDS_DEBEZIUM, // "The 'max.batch.size' value is invalid: An integer is expected"
} DefinitionWords;

// One key's outcome, as …/validate tells it.
typedef struct DefinitionValue {
    const Definition *definition; // NULL: unknown to the plugin
    DefinitionWords words;
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

// Checks types, ranges, choices, required ones, aliases and effects. Unknown names become warnings. Values that are
// references (secret.h) are checked by whoever resolves them. What is given must outlive the validation.
void definition_validate(Arena *arena, const Definition *definitions, size_t count, const Properties *given,
                         Validation *validation);
// The same in parts, for a configuration that is for several plugins: validation_add for each, then what none of them
// knows. An empty validation is {.arena = arena}.
void validation_add(Validation *validation, const Definition *definitions, size_t count, DefinitionWords words,
                    const Properties *given);
void validation_unknown(Validation *validation, const Properties *given);
// One more error or warning for a key, for checks that look at several. A warning replaces one that is there.
void validation_error(Validation *validation, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
void validation_warning(Validation *validation, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
// NULL when the name is neither given nor defined.
DefinitionValue *validation_find(const Validation *validation, Slice name);
// True when a row's name is this one or stands for it.
bool definition_covers(const Definition *definition, Slice name);
// True for names that clients do not see: "producer.override.*".
bool definition_hidden(const Definition *definition);
// Old names become the names of today; where both are given, the old one goes.
void definition_rename(Arena *arena, const Definition *definitions, size_t count, Properties *config);
const char *definition_type_name(DefinitionType type);
const char *definition_importance_name(DefinitionImportance importance);
const char *definition_width_name(DefinitionWidth width);

#endif
