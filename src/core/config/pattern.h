// SPDX-License-Identifier: Apache-2.0
// Which tables: comma-separated globs over "schema.table".
#ifndef LEAT_CORE_CONFIG_PATTERN_H
#define LEAT_CORE_CONFIG_PATTERN_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef struct PatternPart {
    Slice text;
    bool literal; // was in quotes, or has no wildcard
} PatternPart;

typedef struct Pattern {
    Slice text; // as written
    PatternPart space, name;
    bool any_space; // "orders": in any schema
    bool exact;     // without wildcards
    bool used;      // something matched it
} Pattern;

typedef struct Patterns {
    Pattern *at;
    size_t count;
} Patterns;

// `option` is what an error names.
CHECKED bool patterns_parse(Arena *arena, const char *text, const char *option, Patterns *patterns, Err *err);
// Marks each pattern that matches as used. `exact_only`: patterns with wildcards do not count.
bool patterns_match(const Patterns *patterns, Slice space, Slice name, bool exact_only);
// How far a name is from what the pattern says, in characters to change; case does not count.
size_t pattern_distance(const Pattern *pattern, Slice space, Slice name);

#endif
