// SPDX-License-Identifier: Apache-2.0
#include "data/registry/json_schema_compare.h"

#include "core/base/map.h"
#include "core/config/regex.h"

enum {
    DEPTH_MAX = 300,  // a stack of 1 MiB
    PARTS_MAX = 1000, // of a combined schema
    REFERENCES_MAX = 64,
    PASSES_MAX = 8,
};

// What a difference is called, and how it is said.
typedef enum Wording {
    KEYWORD_MISSING,
    VALUE_MORE,
    VALUE_LESS,
    VALUE_DIFFERS,
    FEWER_PARTS,
    MORE_PARTS,
    TYPE_DIFFERS,
    OPEN_ADDED,
    UNOPEN_REQUIRED,
    CLOSED_REMOVED,
    NOT_COVERED_REMOVED,
    NOT_COVERED_ADDED,
    UNSAID,
} Wording;

// @ is the path, < what the update is called, > what the original is.
static const char *const WORDINGS[] = {
    [KEYWORD_MISSING] = "The keyword at path '@' in the < schema is not present in the > schema",
    [VALUE_MORE] = "The value at path '@' in the < schema is more than its value in the > schema",
    [VALUE_LESS] = "The value at path '@' in the < schema is less than its value in the > schema",
    [VALUE_DIFFERS] = "The value at path '@' is different between the < and > schema",
    [FEWER_PARTS] = "An array or combined type at path '@' has fewer elements in the < schema than the > schema",
    [MORE_PARTS] = "An array or combined type at path '@' has more elements in the < schema than the > schema",
    [TYPE_DIFFERS] = "A type at path '@' is different between the < schema and the > schema",
    [OPEN_ADDED] = "The < schema has an open content model and has a property or item at path '@' which is missing "
                   "in the > schema",
    [UNOPEN_REQUIRED] = "The < schema has an unopen content model and has a required property at path '@' which is "
                        "missing in the > schema",
    [CLOSED_REMOVED] = "The < has a closed content model and is missing a property or item present at path '@' in "
                       "the > schema",
    [NOT_COVERED_REMOVED] = "A property or item is missing in the < schema but present at path '@' in the > "
                            "schema and is not covered by its partially open content model",
    [NOT_COVERED_ADDED] = "The < schema has a property or item at path '@' which is missing in the > schema and "
                          "is not covered by its partially open content model",
    [UNSAID] = "",
};

typedef struct Finding {
    const char *name; // REQUIRED_ATTRIBUTE_ADDED
    Wording wording;
    const char *path; // within the pair
    struct Finding *next;
} Finding;

typedef struct Findings {
    Finding *first, *last;
    size_t count;
} Findings;

typedef struct Pair {
    Findings findings;
    bool open;   // is being compared
    bool done;   // …was, in this pass
    bool guilty; // an earlier pass has found differences
} Pair;

typedef struct Comparison {
    Arena *arena;
    Map pairs;
    size_t steps;
    int depth;
    bool exhausted;
    bool assumed; // a pair was taken as compatible within itself
} Comparison;

static const Findings *compare(Comparison *comparison, const JsonSchema *original, const JsonSchema *update);

static void add(const Comparison *comparison, Findings *list, const char *name, Wording wording, const char *path) {
    if (list->count >= DIFFERENCES_MAX) {
        return;
    }
    Finding *finding = ARENA_NEW(comparison->arena, Finding);
    *finding = (Finding){.name = name, .wording = wording, .path = path};
    if (list->last != NULL) {
        list->last->next = finding;
    } else {
        list->first = finding;
    }
    list->last = finding;
    list->count++;
}

static const char *joined(const Comparison *comparison, const char *path, const char *more) {
    return more[0] == '\0' ? path : path[0] == '\0' ? more : arena_printf(comparison->arena, "%s/%s", path, more);
}

static void append(const Comparison *comparison, Findings *list, const char *path, const Findings *more) {
    for (const Finding *at = more->first; at != NULL; at = at->next) {
        add(comparison, list, at->name, at->wording, joined(comparison, path, at->path));
    }
}

static void compare_at(Comparison *comparison, Findings *list, const char *path, const JsonSchema *original,
                       const JsonSchema *update) {
    append(comparison, list, path, compare(comparison, original, update));
}

// --- numbers ---------------------------------------------------------------------------------------------------

typedef struct Limit {
    const char *key;
    const char *added, *tightened; // names of what is not allowed
    bool upper;                    // it is tightened by becoming less
} Limit;

// A number under the key; of draft 4's exclusive limits, which are true or false, the limit that they speak of.
static bool limit_of(const JsonSchema *schema, const char *key, double *value) {
    const JsonNode *node = json_tree_member(schema->json, key);
    if (node != NULL && node->kind == TREE_TRUE && strncmp(key, "exclusive", 9) == 0) {
        node = json_tree_member(schema->json, strcmp(key, "exclusiveMaximum") == 0 ? "maximum" : "minimum");
    }
    return json_tree_number(node, value);
}

static void compare_limits(const Comparison *comparison, Findings *list, const Limit *limits, size_t count,
                           const JsonSchema *original, const JsonSchema *update) {
    for (size_t i = 0; i < count; i++) {
        const Limit *limit = &limits[i];
        double before, after;
        bool had = limit_of(original, limit->key, &before);
        if (!limit_of(update, limit->key, &after)) {
            continue;
        }
        if (!had) {
            add(comparison, list, limit->added, KEYWORD_MISSING, limit->key);
        } else if (limit->upper ? after < before : after > before) {
            add(comparison, list, limit->tightened, limit->upper ? VALUE_LESS : VALUE_MORE, limit->key);
        }
    }
}

// How often `by` goes into `value`; both are decimals of few digits.
static bool divides(double by, double value) {
    double times = by != 0 ? value / by : 0.5;
    double whole = times < 0x1p52 && times > -0x1p52 ? (double)(int64_t)(times < 0 ? times - 0.5 : times + 0.5) : times;
    double off = times - whole;
    return off < 1e-9 && off > -1e-9;
}

static void compare_numbers(const Comparison *comparison, Findings *list, const JsonSchema *original,
                            const JsonSchema *update) {
    static const Limit LIMITS[] = {
        {"maximum", "MAXIMUM_ADDED", "MAXIMUM_DECREASED", true},
        {"minimum", "MINIMUM_ADDED", "MINIMUM_INCREASED", false},
        {"exclusiveMaximum", "EXCLUSIVE_MAXIMUM_ADDED", "EXCLUSIVE_MAXIMUM_DECREASED", true},
        {"exclusiveMinimum", "EXCLUSIVE_MINIMUM_ADDED", "EXCLUSIVE_MINIMUM_INCREASED", false}};
    compare_limits(comparison, list, LIMITS, ARRAY_LEN(LIMITS), original, update);
    double before, after;
    bool had = limit_of(original, "multipleOf", &before);
    if (limit_of(update, "multipleOf", &after) && (!had || before != after)) {
        if (!had) {
            add(comparison, list, "MULTIPLE_OF_ADDED", KEYWORD_MISSING, "multipleOf");
        } else if (divides(before, after)) {
            add(comparison, list, "MULTIPLE_OF_EXPANDED", VALUE_MORE, "multipleOf");
        } else if (!divides(after, before)) {
            add(comparison, list, "MULTIPLE_OF_CHANGED", VALUE_DIFFERS, "multipleOf");
        }
    }
    if (update->integer && !original->integer) {
        add(comparison, list, "TYPE_NARROWED", TYPE_DIFFERS, "");
    }
}

static void compare_strings(const Comparison *comparison, Findings *list, const JsonSchema *original,
                            const JsonSchema *update) {
    static const Limit LIMITS[] = {{"maxLength", "MAX_LENGTH_ADDED", "MAX_LENGTH_DECREASED", true},
                                   {"minLength", "MIN_LENGTH_ADDED", "MIN_LENGTH_INCREASED", false}};
    compare_limits(comparison, list, LIMITS, ARRAY_LEN(LIMITS), original, update);
    Slice before = json_tree_text(original->json, "pattern"), after = json_tree_text(update->json, "pattern");
    if (after.data != NULL && before.data == NULL) {
        add(comparison, list, "PATTERN_ADDED", KEYWORD_MISSING, "pattern");
    } else if (after.data != NULL && !slice_equal(before, after)) {
        add(comparison, list, "PATTERN_CHANGED", VALUE_DIFFERS, "pattern");
    }
}

// --- lists of values -------------------------------------------------------------------------------------------

static bool holds_all(Comparison *comparison, const JsonNode *list, const JsonNode *wanted) {
    for (const JsonNode *value = wanted->first; value != NULL; value = value->next) {
        const JsonNode *found = list->first;
        while (found != NULL && !json_tree_equal(found, value)) {
            found = found->next;
            comparison->steps++;
        }
        if (found == NULL) {
            return false;
        }
        if (comparison->steps > 100 * (size_t)COMPARE_STEPS_MAX) {
            comparison->exhausted = true;
            return false;
        }
    }
    return true;
}

static void compare_enums(Comparison *comparison, Findings *list, const JsonSchema *original,
                          const JsonSchema *update) {
    const JsonNode *before = json_tree_member(original->json, "enum"), *after = json_tree_member(update->json, "enum");
    if (holds_all(comparison, after, before)) {
        return;
    }
    bool narrowed = holds_all(comparison, before, after);
    add(comparison, list, narrowed ? "ENUM_ARRAY_NARROWED" : "ENUM_ARRAY_CHANGED",
        narrowed ? FEWER_PARTS : TYPE_DIFFERS, "enum");
}

// --- objects ---------------------------------------------------------------------------------------------------

// The schema of a property or item that has none of its own; NULL when any will do or none is allowed.
static const JsonSchema *rest_schema(const JsonSchema *schema, Slice name) {
    for (size_t i = 0; i < schema->patterns.count; i++) {
        Regex *regex = NULL;
        Err ignored[1] = {{0}};
        bool found = regex_new(schema->patterns.at[i].name, 0, "pattern", &regex, ignored) && regex_finds(regex, name);
        regex_release(regex);
        if (found) {
            return schema->patterns.at[i].schema;
        }
    }
    if (schema->additional != NULL || schema->closed) {
        return schema->additional;
    }
    bool partial = schema->unevaluated != NULL && schema->unevaluated->type != SCHEMA_ANY &&
                   schema->unevaluated->type != SCHEMA_NOTHING;
    return partial ? schema->unevaluated : NULL;
}

static bool is_open(const JsonSchema *schema) {
    return !schema->closed && schema->additional == NULL && schema->patterns.count == 0 &&
           (schema->unevaluated == NULL || schema->unevaluated->type == SCHEMA_ANY);
}

static bool has_default(const JsonSchema *schema) {
    return json_tree_member(schema->json, "default") != NULL;
}

static void property_removed(Comparison *comparison, Findings *list, const char *path, const JsonProperty *property,
                             const JsonSchema *update) {
    if (is_open(update)) {
        return;
    }
    const JsonSchema *rest = rest_schema(update, property->name);
    if (rest != NULL) {
        const Findings *findings = compare(comparison, property->schema, rest);
        append(comparison, list, path, findings);
        if (findings->count > 0) {
            add(comparison, list, "PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", NOT_COVERED_REMOVED,
                path);
        }
    } else if (property->schema->type != SCHEMA_NOTHING) {
        add(comparison, list, "PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", CLOSED_REMOVED, path);
    }
}

static void property_added(Comparison *comparison, Findings *list, const char *path, const JsonProperty *property,
                           const JsonSchema *original, const JsonSchema *update) {
    bool required = json_property(&update->required, property->name) != NULL;
    if (is_open(original)) {
        if (property->schema->type != SCHEMA_ANY) {
            const char *name = !required ? "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL"
                               : has_default(property->schema)
                                   ? "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_OPEN_CONTENT_MODEL"
                                   : "REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL";
            add(comparison, list, name, OPEN_ADDED, path);
        }
        return;
    }
    const JsonSchema *rest = rest_schema(original, property->name);
    if (rest != NULL) {
        const Findings *findings = compare(comparison, rest, property->schema);
        append(comparison, list, path, findings);
        if (findings->count > 0) {
            add(comparison, list, "PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", NOT_COVERED_ADDED,
                path);
        }
    }
    if (required && !has_default(property->schema)) {
        add(comparison, list, "REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", UNOPEN_REQUIRED, path);
    }
}

static const char *named(const Comparison *comparison, const char *group, Slice name) {
    return arena_printf(comparison->arena, "%s/%.*s", group, SLICE_ARG(name));
}

static void compare_properties(Comparison *comparison, Findings *list, const JsonSchema *original,
                               const JsonSchema *update) {
    for (size_t i = 0; i < original->properties.count; i++) {
        const JsonProperty *before = &original->properties.at[i];
        const JsonProperty *after = json_property(&update->properties, before->name);
        bool now_required = json_property(&update->required, before->name) != NULL &&
                            json_property(&original->required, before->name) == NULL;
        if (after != NULL && now_required && !has_default(after->schema)) {
            add(comparison, list, "REQUIRED_ATTRIBUTE_ADDED", KEYWORD_MISSING,
                named(comparison, "required", before->name));
        }
    }
    for (size_t i = 0; i < original->properties.count; i++) {
        const JsonProperty *before = &original->properties.at[i];
        const JsonProperty *after = json_property(&update->properties, before->name);
        const char *path = named(comparison, "properties", before->name);
        if (after == NULL) {
            property_removed(comparison, list, path, before, update);
        } else {
            compare_at(comparison, list, path, before->schema, after->schema);
        }
    }
    for (size_t i = 0; i < update->properties.count; i++) {
        const JsonProperty *after = &update->properties.at[i];
        if (json_property(&original->properties, after->name) == NULL) {
            property_added(comparison, list, named(comparison, "properties", after->name), after, original, update);
        }
    }
}

static void compare_dependencies(Comparison *comparison, Findings *list, const JsonSchema *original,
                                 const JsonSchema *update) {
    for (size_t i = 0; i < update->depend_on.count; i++) {
        const JsonProperty *after = &update->depend_on.at[i];
        const JsonProperty *before = json_property(&original->depend_on, after->name);
        const char *path = named(comparison, "dependencies", after->name);
        if (before == NULL) {
            add(comparison, list, "DEPENDENCY_ARRAY_ADDED", KEYWORD_MISSING, path);
        } else if (!holds_all(comparison, before->list, after->list)) {
            bool extended = holds_all(comparison, after->list, before->list);
            add(comparison, list, extended ? "DEPENDENCY_ARRAY_EXTENDED" : "DEPENDENCY_ARRAY_CHANGED",
                extended ? MORE_PARTS : VALUE_DIFFERS, path);
        }
    }
    for (size_t i = 0; i < update->depend_on_schema.count; i++) {
        const JsonProperty *after = &update->depend_on_schema.at[i];
        const JsonProperty *before = json_property(&original->depend_on_schema, after->name);
        const char *path = named(comparison, "dependencies", after->name);
        if (before == NULL) {
            add(comparison, list, "DEPENDENCY_SCHEMA_ADDED", KEYWORD_MISSING, path);
        } else {
            compare_at(comparison, list, path, before->schema, after->schema);
        }
    }
}

static void compare_rest(Comparison *comparison, Findings *list, const char *key, const char *name,
                         const JsonSchema *original, const JsonSchema *update) {
    if (original->closed != update->closed) {
        if (update->closed) {
            add(comparison, list, arena_printf(comparison->arena, "%s_REMOVED", name), KEYWORD_MISSING, key);
        }
    } else if (original->additional == NULL && update->additional != NULL) {
        add(comparison, list, arena_printf(comparison->arena, "%s_NARROWED", name), FEWER_PARTS, key);
    } else if (original->additional != NULL && update->additional != NULL) {
        compare_at(comparison, list, key, original->additional, update->additional);
    }
}

static void compare_unevaluated(Comparison *comparison, Findings *list, const char *key, const char *name,
                                const JsonSchema *before, const JsonSchema *after) {
    if (after == NULL || (before != NULL && before->type == SCHEMA_NOTHING)) {
        return;
    }
    if (after->type == SCHEMA_NOTHING) {
        add(comparison, list, arena_printf(comparison->arena, "%s_REMOVED", name), KEYWORD_MISSING, key);
    } else if (before == NULL || (before->type == SCHEMA_ANY && after->type != SCHEMA_ANY)) {
        add(comparison, list, arena_printf(comparison->arena, "%s_NARROWED", name), FEWER_PARTS, key);
    } else if (after->type != SCHEMA_ANY) {
        compare_at(comparison, list, key, before, after);
    }
}

static void compare_objects(Comparison *comparison, Findings *list, const JsonSchema *original,
                            const JsonSchema *update) {
    static const Limit LIMITS[] = {{"maxProperties", "MAX_PROPERTIES_ADDED", "MAX_PROPERTIES_DECREASED", true},
                                   {"minProperties", "MIN_PROPERTIES_ADDED", "MIN_PROPERTIES_INCREASED", false}};
    compare_properties(comparison, list, original, update);
    compare_dependencies(comparison, list, original, update);
    compare_rest(comparison, list, "additionalProperties", "ADDITIONAL_PROPERTIES", original, update);
    compare_unevaluated(comparison, list, "unevaluatedProperties", "UNEVALUATED_PROPERTIES", original->unevaluated,
                        update->unevaluated);
    compare_limits(comparison, list, LIMITS, ARRAY_LEN(LIMITS), original, update);
}

// --- arrays ----------------------------------------------------------------------------------------------------

static void item_removed(Comparison *comparison, Findings *list, const char *path, const JsonSchema *item,
                         const JsonSchema *update) {
    if (is_open(update)) {
        return;
    }
    const JsonSchema *rest = rest_schema(update, SLICE(""));
    if (rest != NULL) {
        const Findings *findings = compare(comparison, item, rest);
        append(comparison, list, path, findings);
        if (findings->count > 0) {
            add(comparison, list, "ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", NOT_COVERED_REMOVED,
                path);
        }
    } else if (item->type != SCHEMA_NOTHING) {
        add(comparison, list, "ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", CLOSED_REMOVED, path);
    }
}

static void item_added(Comparison *comparison, Findings *list, const char *path, const JsonSchema *item,
                       const JsonSchema *original) {
    if (is_open(original)) {
        if (item->type != SCHEMA_ANY) {
            add(comparison, list, "ITEM_ADDED_TO_OPEN_CONTENT_MODEL", OPEN_ADDED, path);
        }
        return;
    }
    const JsonSchema *rest = rest_schema(original, SLICE(""));
    if (rest != NULL) {
        const Findings *findings = compare(comparison, rest, item);
        append(comparison, list, path, findings);
        if (findings->count > 0) {
            add(comparison, list, "ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", NOT_COVERED_ADDED, path);
        }
    }
}

static bool is_true(const JsonSchema *schema, const char *key) {
    const JsonNode *node = json_tree_member(schema->json, key);
    return node != NULL && node->kind == TREE_TRUE;
}

static void compare_arrays(Comparison *comparison, Findings *list, const JsonSchema *original,
                           const JsonSchema *update) {
    static const Limit LIMITS[] = {{"maxItems", "MAX_ITEMS_ADDED", "MAX_ITEMS_DECREASED", true},
                                   {"minItems", "MIN_ITEMS_ADDED", "MIN_ITEMS_INCREASED", false},
                                   {"maxContains", "MAX_CONTAINS_ADDED", "MAX_CONTAINS_DECREASED", true},
                                   {"minContains", "MIN_CONTAINS_ADDED", "MIN_CONTAINS_INCREASED", false}};
    if (original->item == NULL && update->item != NULL) {
        add(comparison, list, "SCHEMA_ADDED", UNSAID, "items");
    } else if (original->item != NULL && update->item != NULL) {
        compare_at(comparison, list, "items", original->item, update->item);
    }
    for (size_t i = 0; i < MAX(original->item_count, update->item_count); i++) {
        const char *path = arena_printf(comparison->arena, "items/%zu", i);
        if (i >= update->item_count) {
            item_removed(comparison, list, path, original->items[i], update);
        } else if (i >= original->item_count) {
            item_added(comparison, list, path, update->items[i], original);
        } else {
            compare_at(comparison, list, path, original->items[i], update->items[i]);
        }
    }
    compare_rest(comparison, list, "additionalItems", "ADDITIONAL_ITEMS", original, update);
    compare_unevaluated(comparison, list, "unevaluatedItems", "UNEVALUATED_ITEMS", original->unevaluated,
                        update->unevaluated);
    compare_limits(comparison, list, LIMITS, 2, original, update);
    if (is_true(update, "uniqueItems") && !is_true(original, "uniqueItems")) {
        add(comparison, list, "UNIQUE_ITEMS_ADDED", KEYWORD_MISSING, "uniqueItems");
    }
    compare_limits(comparison, list, LIMITS + 2, 2, original, update);
}

// --- combined schemas ------------------------------------------------------------------------------------------

typedef struct Matching {
    size_t count_before, count_after;
    const JsonSchema **before, **after; // without those that are there twice
    bool *fits;                         // before[i] may become after[j]
    size_t *taken_by;                   // after[j] is taken by before[taken_by[j] - 1]
    bool *seen;
} Matching;

static const JsonSchema **distinct(const Comparison *comparison, const JsonSchema *schema, size_t *count) {
    const JsonSchema **parts = ARENA_ARRAY(comparison->arena, const JsonSchema *, schema->part_count);
    for (size_t i = 0; i < schema->part_count; i++) {
        const JsonSchema *part = schema->parts[i];
        bool twice = false;
        for (size_t j = 0; j < *count && !twice; j++) {
            twice = parts[j]->type == part->type && parts[j]->integer == part->integer &&
                    parts[j]->criterion == part->criterion && json_tree_equal(parts[j]->json, part->json);
        }
        if (!twice) {
            parts[(*count)++] = part;
        }
    }
    return parts;
}

// A partner for before[i], moving others where that helps.
static bool match_one(Matching *matching, size_t i) {
    for (size_t j = 0; j < matching->count_after; j++) {
        if (!matching->fits[i * matching->count_after + j] || matching->seen[j]) {
            continue;
        }
        matching->seen[j] = true;
        if (matching->taken_by[j] == 0 || match_one(matching, matching->taken_by[j] - 1)) {
            matching->taken_by[j] = i + 1;
            return true;
        }
    }
    return false;
}

// How many parts find a partner at most.
static size_t match_all(Comparison *comparison, Matching *matching) {
    size_t pairs = matching->count_before * matching->count_after, matched = 0;
    matching->fits = ARENA_ARRAY(comparison->arena, bool, pairs);
    matching->taken_by = ARENA_ARRAY(comparison->arena, size_t, matching->count_after);
    matching->seen = ARENA_ARRAY(comparison->arena, bool, matching->count_after);
    for (size_t i = 0; i < pairs; i++) {
        const JsonSchema *before = matching->before[i / matching->count_after];
        matching->fits[i] = compare(comparison, before, matching->after[i % matching->count_after])->count == 0;
    }
    for (size_t i = 0; i < matching->count_before; i++) {
        memset(matching->seen, 0, matching->count_after * sizeof(*matching->seen));
        matched += match_one(matching, i) ? 1 : 0;
    }
    return matched;
}

// False: the criteria cannot follow each other.
static bool compare_criteria(const Comparison *comparison, Findings *list, const JsonSchema *original,
                             const JsonSchema *update) {
    bool single_before = original->part_count == 1, single_after = update->part_count == 1;
    bool good = original->criterion == update->criterion || update->criterion == CRITERION_ANY ||
                (single_before && single_after) || (single_before && update->criterion == CRITERION_ONE) ||
                (single_after && original->criterion == CRITERION_ALL);
    if (!good) {
        add(comparison, list, "COMBINED_TYPE_CHANGED", TYPE_DIFFERS, "");
    }
    return good;
}

static void compare_combined(Comparison *comparison, Findings *list, const JsonSchema *original,
                             const JsonSchema *update) {
    if (original->part_count > PARTS_MAX || update->part_count > PARTS_MAX) {
        comparison->exhausted = true;
        return;
    }
    if (!compare_criteria(comparison, list, original, update)) {
        return;
    }
    Matching matching = {0};
    matching.before = distinct(comparison, original, &matching.count_before);
    matching.after = distinct(comparison, update, &matching.count_after);
    if (matching.count_before < matching.count_after && update->criterion == CRITERION_ALL) {
        add(comparison, list, "PRODUCT_TYPE_EXTENDED", MORE_PARTS, "");
    } else if (matching.count_before > matching.count_after && original->criterion != CRITERION_ALL) {
        add(comparison, list, "SUM_TYPE_NARROWED", FEWER_PARTS, "");
    }
    if (match_all(comparison, &matching) < MIN(matching.count_before, matching.count_after)) {
        add(comparison, list, "COMBINED_TYPE_SUBSCHEMAS_CHANGED", TYPE_DIFFERS, "");
    }
}

// One side is a combination, the other is not: true when that settles it.
static bool compare_one_combined(Comparison *comparison, const JsonSchema *original, const JsonSchema *update) {
    bool after = update->type == SCHEMA_COMBINED;
    if ((original->type == SCHEMA_COMBINED) == after) {
        return false;
    }
    const JsonSchema *all = after ? update : original;
    bool single = all->part_count == 1;
    if (!single && (after ? all->criterion == CRITERION_ALL : all->criterion != CRITERION_ALL)) {
        return false;
    }
    for (size_t i = 0; i < all->part_count; i++) {
        const Findings *findings =
            after ? compare(comparison, original, all->parts[i]) : compare(comparison, all->parts[i], update);
        if (findings->count == 0) {
            return true;
        }
    }
    return false;
}

// --- any two ---------------------------------------------------------------------------------------------------

static void compare_types(Comparison *comparison, Findings *list, const JsonSchema *original,
                          const JsonSchema *update) {
    if (compare_one_combined(comparison, original, update)) {
        return;
    }
    if (original->type != update->type) {
        bool bytes = slice_is(json_tree_text(original->json, "connect.type"), "bytes") &&
                     slice_is(json_tree_text(update->json, "connect.type"), "bytes");
        if (original->type != SCHEMA_NOTHING && update->type != SCHEMA_ANY && !bytes) {
            add(comparison, list, "TYPE_CHANGED", TYPE_DIFFERS, "");
        }
        return;
    }
    switch (original->type) {
    case SCHEMA_STRING:
        compare_strings(comparison, list, original, update);
        return;
    case SCHEMA_NUMBER:
        compare_numbers(comparison, list, original, update);
        return;
    case SCHEMA_ENUM:
        compare_enums(comparison, list, original, update);
        return;
    case SCHEMA_COMBINED:
        compare_combined(comparison, list, original, update);
        return;
    case SCHEMA_OBJECT:
        compare_objects(comparison, list, original, update);
        return;
    case SCHEMA_ARRAY:
        compare_arrays(comparison, list, original, update);
        return;
    case SCHEMA_CONST:
        if (!json_tree_equal(json_tree_member(original->json, "const"), json_tree_member(update->json, "const"))) {
            add(comparison, list, "ENUM_ARRAY_CHANGED", TYPE_DIFFERS, "const");
        }
        return;
    case SCHEMA_NOT: // what must not be, the other way around
        if (compare(comparison, update->parts[0], original->parts[0])->count > 0) {
            add(comparison, list, "NOT_TYPE_EXTENDED", MORE_PARTS, "not");
        }
        return;
    case SCHEMA_ANY:
    case SCHEMA_NOTHING:
    case SCHEMA_BOOLEAN:
    case SCHEMA_NULL:
    case SCHEMA_CONDITION:
    case SCHEMA_REFERENCE:
        return;
    }
}

static const JsonSchema *referred(const JsonSchema *schema) {
    static const JsonSchema ANY = {.type = SCHEMA_ANY};
    for (int i = 0; i < REFERENCES_MAX && schema->type == SCHEMA_REFERENCE; i++) {
        schema = schema->target;
    }
    return schema->type != SCHEMA_REFERENCE ? schema : &ANY;
}

// A pair is compared once in a pass. Met within itself it counts as compatible, unless an earlier pass knows better.
static const Findings *compare(Comparison *comparison, const JsonSchema *original, const JsonSchema *update) {
    static Finding guilt = {.name = "TYPE_CHANGED", .wording = TYPE_DIFFERS, .path = ""};
    static const Findings NONE = {0}, GUILTY = {.first = &guilt, .last = &guilt, .count = 1};
    original = referred(original);
    update = referred(update);
    const JsonSchema *key_of[2] = {original, update};
    Slice key = {(const uint8_t *)key_of, sizeof(key_of)};
    Pair *pair = map_find(&comparison->pairs, key);
    if (pair != NULL && pair->done) {
        return &pair->findings;
    }
    if (pair != NULL && pair->open) {
        comparison->assumed = comparison->assumed || !pair->guilty;
        return pair->guilty ? &GUILTY : &NONE;
    }
    if (++comparison->steps > COMPARE_STEPS_MAX || comparison->depth >= DEPTH_MAX) {
        comparison->exhausted = true;
        return &NONE;
    }
    if (pair == NULL) {
        pair = ARENA_NEW(comparison->arena, Pair);
        map_put(&comparison->pairs, key, pair);
    }
    pair->open = true;
    comparison->depth++;
    compare_types(comparison, &pair->findings, original, update);
    comparison->depth--;
    pair->open = false;
    pair->done = true;
    return &pair->findings;
}

// What this pass has found becomes what the next one knows; true when that is more than this one knew.
static bool next_pass(Comparison *comparison) {
    bool more = false;
    for (MapEntry *entry = NULL; (entry = map_next(&comparison->pairs, entry)) != NULL;) {
        Pair *pair = entry->value;
        bool guilty = pair->findings.count > 0;
        more = more || (guilty && !pair->guilty);
        *pair = (Pair){.guilty = guilty || pair->guilty};
    }
    return more;
}

static const char *worded(const Comparison *comparison, const Finding *finding, const char *update_name,
                          const char *original_name) {
    DEFER(buf_release) Buf text = {0};
    buf_init(&text, 0);
    buf_printf(&text, "{errorType:\"%s\", description:\"", finding->name);
    for (const char *at = WORDINGS[finding->wording]; *at != '\0'; at++) {
        if (*at == '@') {
            buf_text(&text, "#/");
            buf_text(&text, finding->path);
        } else if (*at == '<' || *at == '>') {
            buf_text(&text, *at == '<' ? update_name : original_name);
        } else {
            buf_u8(&text, (uint8_t)*at);
        }
    }
    buf_text(&text, "'}");
    return arena_text(comparison->arena, buf_slice(&text));
}

bool json_schema_compare(Arena *arena, const JsonSchema *original, const JsonSchema *update, const char *update_name,
                         const char *original_name, Differences *differences, Err *err) {
    Comparison comparison = {.arena = arena};
    Findings found = {0};
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        comparison.assumed = false;
        found = *compare(&comparison, original, update);
        if (!comparison.assumed || comparison.exhausted || !next_pass(&comparison)) {
            break;
        }
    }
    map_release(&comparison.pairs);
    for (const Finding *at = found.first; at != NULL; at = at->next) {
        differences_add(arena, differences, worded(&comparison, at, update_name, original_name));
    }
    if (comparison.exhausted) {
        return FAIL(err, ERR_MEMORY, "the schemas are too large or refer to each other too often to be compared");
    }
    return true;
}
