// SPDX-License-Identifier: Apache-2.0
#include "data/registry/avsc_compare.h"

#include "core/base/map.h"

enum {
    PLACES_MAX = 3 * TREE_DEPTH_MAX + 8,
    DEPTH_MAX = 500, // schemas in one another, by name too: as deep as a stack of 1 MiB takes
};

typedef struct Pair {
    Differences list;
    bool open; // is being compared
} Pair;

typedef struct Comparison {
    Arena *arena;
    const char *reader_name, *writer_name;
    Map pairs; // {reader, writer} to Pair
    size_t steps;
    int depth;
    bool exhausted;
} Comparison;

// Where in the schema, as a JSON pointer: each part lies on the stack of its caller.
typedef struct Place {
    const struct Place *outside; // NULL = the root
    const char *name;            // NULL: a number
    size_t number;
} Place;

static const Differences *compare(Comparison *comparison, const AvscSchema *reader, const AvscSchema *writer,
                                  const Place *place);

static const char *upper(const Comparison *comparison, AvscType type) {
    char *text = arena_printf(comparison->arena, "%s", avsc_type_name(type));
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)(*at - 'a' + 'A');
    }
    return text;
}

static const char *pointer(const Comparison *comparison, const Place *place) {
    const Place *path[PLACES_MAX];
    size_t count = 0;
    for (; place->outside != NULL && count < PLACES_MAX; place = place->outside) {
        path[count++] = place;
    }
    DEFER(buf_release) Buf text = {0};
    buf_init(&text, 0);
    buf_u8(&text, '/');
    while (count > 0) {
        const Place *part = path[--count];
        if (part->name != NULL) {
            buf_text(&text, part->name);
        } else {
            buf_uint(&text, part->number);
        }
        buf_text(&text, count > 0 ? "/" : "");
    }
    return arena_text(comparison->arena, buf_slice(&text));
}

static void add(const Comparison *comparison, Differences *list, const char *type, const char *description,
                const char *info) {
    differences_add(comparison->arena, list,
                    arena_printf(comparison->arena, "{errorType:'%s', description:'%s', additionalInfo:'%s'}", type,
                                 description, info));
}

static void type_mismatch(const Comparison *comparison, Differences *list, const AvscSchema *reader,
                          const AvscSchema *writer, const Place *place) {
    Arena *arena = comparison->arena;
    add(comparison, list, "TYPE_MISMATCH",
        arena_printf(arena, "The type (path '%s') of a field in the %s schema does not match with the %s schema",
                     pointer(comparison, place), comparison->reader_name, comparison->writer_name),
        arena_printf(arena, "reader type: %s not compatible with writer type: %s", upper(comparison, reader->type),
                     upper(comparison, writer->type)));
}

static void missing_branch(const Comparison *comparison, Differences *list, AvscType lacking, const Place *place) {
    Arena *arena = comparison->arena;
    add(comparison, list, "MISSING_UNION_BRANCH",
        arena_printf(arena, "The %s schema is missing a type inside a union field at path '%s' in the %s schema",
                     comparison->reader_name, pointer(comparison, place), comparison->writer_name),
        arena_printf(arena, "reader union lacking writer type: %s", upper(comparison, lacking)));
}

static void compare_names(const Comparison *comparison, Differences *list, const AvscSchema *reader,
                          const AvscSchema *writer, const Place *place) {
    if (slice_equal(reader->name, writer->name)) {
        return;
    }
    for (size_t i = 0; i < reader->alias_count; i++) {
        if (slice_equal(reader->aliases[i], writer->full)) {
            return;
        }
    }
    Place at = {.outside = place, .name = "name"};
    add(comparison, list, "NAME_MISMATCH",
        arena_printf(comparison->arena, "The name of the schema has changed (path '%s')", pointer(comparison, &at)),
        arena_printf(comparison->arena, "expected: %.*s", SLICE_ARG(writer->full)));
}

static bool has_symbol(const AvscSchema *schema, Slice symbol) {
    for (size_t i = 0; i < schema->symbol_count; i++) {
        if (slice_equal(schema->symbols[i], symbol)) {
            return true;
        }
    }
    return false;
}

static void compare_symbols(Comparison *comparison, Differences *list, const AvscSchema *reader,
                            const AvscSchema *writer, const Place *place) {
    if (reader->enum_default.data != NULL) {
        return; // what it does not know becomes that one
    }
    comparison->steps += reader->symbol_count * writer->symbol_count / 64;
    DEFER(buf_release) Buf missing = {0};
    buf_init(&missing, 0);
    for (size_t i = 0; i < writer->symbol_count; i++) {
        bool same_place = i < reader->symbol_count && slice_equal(reader->symbols[i], writer->symbols[i]);
        if (!same_place && !has_symbol(reader, writer->symbols[i])) {
            buf_text(&missing, missing.size == 0 ? "[" : ", ");
            buf_put(&missing, writer->symbols[i]);
        }
    }
    if (missing.size == 0) {
        return;
    }
    buf_u8(&missing, ']');
    Place at = {.outside = place, .name = "symbols"};
    const char *symbols = arena_text(comparison->arena, buf_slice(&missing));
    add(comparison, list, "MISSING_ENUM_SYMBOLS",
        arena_printf(comparison->arena, "The %s schema is missing enum symbols '%s' at path '%s' in the %s schema",
                     comparison->reader_name, symbols, pointer(comparison, &at), comparison->writer_name),
        symbols);
}

static void compare_sizes(const Comparison *comparison, Differences *list, const AvscSchema *reader,
                          const AvscSchema *writer, const Place *place) {
    if (reader->size == writer->size) {
        return;
    }
    Place at = {.outside = place, .name = "size"};
    add(comparison, list, "FIXED_SIZE_MISMATCH",
        arena_printf(comparison->arena,
                     "The size of FIXED type field at path '%s' in the %s schema does not match with the %s schema",
                     pointer(comparison, &at), comparison->reader_name, comparison->writer_name),
        arena_printf(comparison->arena, "expected: %" PRId64 ", found: %" PRId64, writer->size, reader->size));
}

static const AvscField *writer_field(const AvscSchema *writer, const AvscField *field) {
    const AvscField *found = avsc_field(writer, field->name);
    for (size_t i = 0; i < field->alias_count && found == NULL; i++) {
        found = avsc_field(writer, field->aliases[i]);
    }
    return found;
}

static void compare_fields(Comparison *comparison, Differences *list, const AvscSchema *reader,
                           const AvscSchema *writer, const Place *place) {
    Place fields = {.outside = place, .name = "fields"};
    for (size_t i = 0; i < reader->field_count; i++) {
        const AvscField *field = &reader->fields[i], *written = writer_field(writer, field);
        Place at = {.outside = &fields, .number = i}, type = {.outside = &at, .name = "type"};
        if (written != NULL) {
            differences_append(comparison->arena, list, compare(comparison, field->schema, written->schema, &type));
        } else if (field->default_value == NULL) {
            const char *name = arena_text(comparison->arena, field->name);
            add(comparison, list, "READER_FIELD_MISSING_DEFAULT_VALUE",
                arena_printf(comparison->arena,
                             "The field '%s' at path '%s' in the %s schema has no default value and is missing in the "
                             "%s schema",
                             name, pointer(comparison, &at), comparison->reader_name, comparison->writer_name),
                name);
        }
    }
}

static void compare_same_type(Comparison *comparison, Differences *list, const AvscSchema *reader,
                              const AvscSchema *writer, const Place *place) {
    static const Place ROOT = {0};
    Place within = {.outside = place};
    switch (reader->type) {
    case AVSC_NULL:
    case AVSC_BOOLEAN:
    case AVSC_INT:
    case AVSC_LONG:
    case AVSC_FLOAT:
    case AVSC_DOUBLE:
    case AVSC_BYTES:
    case AVSC_STRING:
        return;
    case AVSC_ARRAY:
    case AVSC_MAP:
        within.name = reader->type == AVSC_ARRAY ? "items" : "values";
        differences_append(comparison->arena, list, compare(comparison, reader->items, writer->items, &within));
        return;
    case AVSC_FIXED:
        compare_names(comparison, list, reader, writer, place);
        compare_sizes(comparison, list, reader, writer, place);
        return;
    case AVSC_ENUM:
        compare_names(comparison, list, reader, writer, place);
        compare_symbols(comparison, list, reader, writer, place);
        return;
    case AVSC_RECORD:
        compare_names(comparison, list, reader, writer, place);
        compare_fields(comparison, list, reader, writer, place);
        return;
    case AVSC_UNION:
        for (size_t i = 0; i < writer->branch_count; i++) {
            within.number = i;
            if (compare(comparison, reader, writer->branches[i], &ROOT)->count > 0) {
                missing_branch(comparison, list, writer->branches[i]->type, &within);
            }
        }
        return;
    }
}

// Reader's types that take a writer's of another one.
static bool promotes(AvscType reader, AvscType writer) {
    switch ((int)reader) {
    case AVSC_LONG:
        return writer == AVSC_INT;
    case AVSC_FLOAT:
        return writer == AVSC_INT || writer == AVSC_LONG;
    case AVSC_DOUBLE:
        return writer == AVSC_INT || writer == AVSC_LONG || writer == AVSC_FLOAT;
    case AVSC_BYTES:
        return writer == AVSC_STRING;
    case AVSC_STRING:
        return writer == AVSC_BYTES;
    default:
        return false;
    }
}

static void compare_types(Comparison *comparison, Differences *list, const AvscSchema *reader, const AvscSchema *writer,
                          const Place *place) {
    static const Place ROOT = {0};
    if (reader->type == writer->type) {
        compare_same_type(comparison, list, reader, writer, place);
    } else if (writer->type == AVSC_UNION) {
        for (size_t i = 0; i < writer->branch_count; i++) {
            differences_append(comparison->arena, list, compare(comparison, reader, writer->branches[i], &ROOT));
        }
    } else if (reader->type == AVSC_UNION) {
        for (size_t i = 0; i < reader->branch_count; i++) {
            if (compare(comparison, reader->branches[i], writer, &ROOT)->count == 0) {
                return;
            }
        }
        missing_branch(comparison, list, writer->type, place);
    } else if (!promotes(reader->type, writer->type)) {
        type_mismatch(comparison, list, reader, writer, place);
    }
}

// A pair is compared once; within itself it counts as compatible until shown otherwise.
static const Differences *compare(Comparison *comparison, const AvscSchema *reader, const AvscSchema *writer,
                                  const Place *place) {
    static const Differences NONE = {0};
    const AvscSchema *key_of[2] = {reader, writer};
    Slice key = {(const uint8_t *)key_of, sizeof(key_of)};
    Pair *pair = map_find(&comparison->pairs, key);
    if (pair != NULL) {
        return pair->open ? &NONE : &pair->list;
    }
    if (++comparison->steps > COMPARE_STEPS_MAX || comparison->depth >= DEPTH_MAX) {
        comparison->exhausted = true;
        return &NONE;
    }
    pair = ARENA_NEW(comparison->arena, Pair);
    pair->open = true;
    map_put(&comparison->pairs, key, pair);
    comparison->depth++;
    compare_types(comparison, &pair->list, reader, writer, place);
    comparison->depth--;
    pair->open = false;
    return &pair->list;
}

bool avsc_compare(Arena *arena, const AvscSchema *reader, const AvscSchema *writer, const char *reader_name,
                  const char *writer_name, Differences *differences, Err *err) {
    static const Place ROOT = {0};
    Comparison comparison = {.arena = arena, .reader_name = reader_name, .writer_name = writer_name};
    differences_append(arena, differences, compare(&comparison, reader, writer, &ROOT));
    map_release(&comparison.pairs);
    if (comparison.exhausted) {
        return FAIL(err, ERR_MEMORY, "the schemas are too entangled to be compared");
    }
    return true;
}

// --- the same bytes ----------------------------------------------------------------------------------------------

static bool same_logical(const AvscSchema *a, const AvscSchema *b) {
    static const char *const NAMES[] = {"logicalType", "precision", "scale"};
    for (size_t n = 0; n < ARRAY_LEN(NAMES); n++) {
        const JsonNode *of_a = NULL, *of_b = NULL;
        for (size_t i = 0; i < a->property_count; i++) {
            of_a = slice_is(a->properties[i]->name, NAMES[n]) ? a->properties[i] : of_a;
        }
        for (size_t i = 0; i < b->property_count; i++) {
            of_b = slice_is(b->properties[i]->name, NAMES[n]) ? b->properties[i] : of_b;
        }
        if (!json_tree_equal(of_a, of_b)) {
            return false;
        }
    }
    return true;
}

static bool same_bytes(Map *seen, const AvscSchema *a, const AvscSchema *b, int depth);

static bool same_parts(Map *seen, const AvscSchema *a, const AvscSchema *b, int depth) {
    bool same = a->field_count == b->field_count && a->branch_count == b->branch_count &&
                a->symbol_count == b->symbol_count && a->size == b->size;
    for (size_t i = 0; i < a->field_count && same; i++) {
        same = slice_equal(a->fields[i].name, b->fields[i].name) &&
               same_bytes(seen, a->fields[i].schema, b->fields[i].schema, depth);
    }
    for (size_t i = 0; i < a->branch_count && same; i++) {
        same = same_bytes(seen, a->branches[i], b->branches[i], depth);
    }
    for (size_t i = 0; i < a->symbol_count && same; i++) {
        same = slice_equal(a->symbols[i], b->symbols[i]);
    }
    return same && (a->items == NULL || same_bytes(seen, a->items, b->items, depth));
}

static bool same_bytes(Map *seen, const AvscSchema *a, const AvscSchema *b, int depth) {
    const AvscSchema *pair[2] = {a, b};
    Slice key = {(const uint8_t *)pair, sizeof(pair)};
    if (a->type != b->type || !same_logical(a, b) || depth > DEPTH_MAX) {
        return false;
    }
    if (map_find(seen, key) != NULL) {
        return true; // or what is under way says no
    }
    map_put(seen, key, seen);
    return same_parts(seen, a, b, depth + 1);
}

bool avsc_same_bytes(const AvscSchema *a, const AvscSchema *b) {
    Map seen = {0};
    bool same = same_bytes(&seen, a, b, 0);
    map_release(&seen);
    return same;
}
