// SPDX-License-Identifier: Apache-2.0
// JSON Schemas (drafts 4 to 2020-12) as far as a registry looks into them: what kind of values each part allows. The
// keywords of one schema that speak of several kinds of values become parts that must all hold, as in the library that
// Confluent's registry uses; numbers, lengths and the like are read from the JSON when two schemas are compared.
#ifndef LEAT_DATA_REGISTRY_JSON_SCHEMA_H
#define LEAT_DATA_REGISTRY_JSON_SCHEMA_H

#include "data/registry/json_tree.h"

typedef enum JsonSchemaType {
    SCHEMA_ANY, // {} and true
    SCHEMA_NOTHING,
    SCHEMA_STRING,
    SCHEMA_NUMBER,
    SCHEMA_BOOLEAN,
    SCHEMA_NULL,
    SCHEMA_CONST,
    SCHEMA_ENUM,
    SCHEMA_COMBINED,
    SCHEMA_NOT,
    SCHEMA_CONDITION, // if, then, else
    SCHEMA_OBJECT,
    SCHEMA_ARRAY,
    SCHEMA_REFERENCE,
} JsonSchemaType;

typedef enum JsonCriterion { CRITERION_ALL, CRITERION_ANY, CRITERION_ONE } JsonCriterion;

typedef struct JsonSchema JsonSchema;

typedef struct JsonProperty {
    Slice name;
    JsonSchema *schema;   // NULL in a list of required names
    const JsonNode *list; // of a dependency on other properties
} JsonProperty;

// Sorted by name.
typedef struct JsonProperties {
    JsonProperty *at;
    size_t count;
} JsonProperties;

struct JsonSchema {
    JsonSchemaType type;
    JsonCriterion criterion;
    bool integer;         // NUMBER
    const JsonNode *json; // where it stands
    JsonSchema *target;   // REFERENCE
    JsonSchema **parts;   // COMBINED, NOT (one)
    size_t part_count;
    JsonProperties properties, required, patterns, depend_on, depend_on_schema; // OBJECT
    JsonSchema **items;                                                         // ARRAY: by place
    size_t item_count;
    JsonSchema *item;        // ARRAY: every one
    bool closed;             // additionalProperties or additionalItems is false
    JsonSchema *additional;  // their schema; NULL = none
    JsonSchema *unevaluated; // unevaluatedProperties or unevaluatedItems; NULL = none
};

typedef struct JsonSchemaReference {
    Slice name; // what $ref says before its '#'
    Slice text;
} JsonSchemaReference;

// The schema lives in the arena. ERR_VALUE says what is wrong and where.
CHECKED bool json_schema_parse(Arena *arena, Slice text, const JsonSchemaReference *references, size_t reference_count,
                               JsonSchema **schema, Err *err);
// The property of that name; NULL when absent.
const JsonProperty *json_property(const JsonProperties *properties, Slice name);

#endif
