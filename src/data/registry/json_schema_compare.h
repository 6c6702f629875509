// SPDX-License-Identifier: Apache-2.0
// Does every value that one JSON Schema allows fit another one? By the differences between their keywords, as
// Confluent's registry judges them ("strict" policy). What it does not look into is not looked into here: formats,
// if/then/else, contains, propertyNames.
#ifndef LEAT_DATA_REGISTRY_JSON_SCHEMA_COMPARE_H
#define LEAT_DATA_REGISTRY_JSON_SCHEMA_COMPARE_H

#include "data/registry/difference.h"
#include "data/registry/json_schema.h"

// What keeps values of `original` from being values of `update`, none when nothing does. The names are what the texts
// call the two. ERR_MEMORY: the schemas are too large or entangled for an answer within the limit.
CHECKED bool json_schema_compare(Arena *arena, const JsonSchema *original, const JsonSchema *update,
                                 const char *update_name, const char *original_name, Differences *differences,
                                 Err *err);

#endif
