// SPDX-License-Identifier: Apache-2.0
#include "data/connect/predicate.h"

typedef enum PredicateKind { PREDICATE_TOPIC, PREDICATE_HEADER, PREDICATE_TOMBSTONE } PredicateKind;

static const struct {
    PredicateKind kind;
    const char *name, *simple_name;
} CLASSES[] = {
    {PREDICATE_TOPIC, "org.apache.kafka.connect.transforms.predicates.TopicNameMatches", "TopicNameMatches"},
    {PREDICATE_HEADER, "org.apache.kafka.connect.transforms.predicates.HasHeaderKey", "HasHeaderKey"},
    {PREDICATE_TOMBSTONE, "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone", "RecordIsTombstone"},
};

static bool option(Arena *arena, const Properties *config, const char *prefix, const char *name, Slice *text,
                   Err *err) {
    const Property *found = properties_find(config, slice_of(arena_printf(arena, "%s%s", prefix, name)));
    if (found == NULL || found->value.data == NULL) {
        return FAIL(err, ERR_OPTION, "%s%s: it must be given, and it is not", prefix, name);
    }
    *text = arena_slice(arena, found->value);
    return true;
}

bool predicate_new(Arena *arena, const Properties *config, Slice alias, Predicate *predicate, Err *err) {
    const char *prefix = arena_printf(arena, "predicates.%.*s.", SLICE_ARG(alias));
    Slice type = {0}, pattern = {0};
    TRY(option(arena, config, prefix, "type", &type, err));
    predicate->alias = arena_slice(arena, alias);
    for (size_t i = 0; i < ARRAY_LEN(CLASSES); i++) {
        if (!slice_is(type, CLASSES[i].name) && !slice_is(type, CLASSES[i].simple_name)) {
            continue;
        }
        predicate->kind = (int)CLASSES[i].kind;
        if (CLASSES[i].kind == PREDICATE_TOPIC) {
            TRY(option(arena, config, prefix, "pattern", &pattern, err));
            TRY(regex_new(pattern, 0, arena_printf(arena, "%spattern", prefix), &predicate->regex, err));
        } else if (CLASSES[i].kind == PREDICATE_HEADER) {
            TRY(option(arena, config, prefix, "name", &predicate->name, err));
        }
        return true;
    }
    FAIL(err, ERR_OPTION, "%stype: leat has no predicate %.*s", prefix, (int)MIN(type.size, 100),
         (const char *)type.data);
    return err_hint(err, "there are TopicNameMatches, HasHeaderKey, RecordIsTombstone");
}

void predicate_release(Predicate *predicate) {
    regex_release(predicate->regex);
    predicate->regex = NULL;
}

bool predicate_holds(const Predicate *predicate, const ConnectRecord *record) {
    switch ((PredicateKind)predicate->kind) {
    case PREDICATE_TOPIC:
        return regex_matches(predicate->regex, record->topic);
    case PREDICATE_HEADER:
        for (size_t i = 0; i < record->header_count; i++) {
            if (slice_equal(record->headers[i].name, predicate->name)) {
                return true;
            }
        }
        return false;
    case PREDICATE_TOMBSTONE:
        return record->value == NULL || record->value->kind == VALUE_NULL;
    }
    UNREACHABLE();
}
