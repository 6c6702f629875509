// SPDX-License-Identifier: Apache-2.0
// Predicates of Kafka Connect: whether a transform takes a record.
#ifndef LEAT_DATA_CONNECT_PREDICATE_H
#define LEAT_DATA_CONNECT_PREDICATE_H

#include "core/base/err.h"
#include "core/config/properties.h"
#include "core/config/regex.h"
#include "data/connect/connect_record.h"

typedef struct Predicate {
    Slice alias;
    int kind;
    Slice name;   // HasHeaderKey
    Regex *regex; // TopicNameMatches
} Predicate;

// "predicates.ALIAS.type" and what its class takes. ERR_OPTION names the key.
CHECKED bool predicate_new(Arena *arena, const Properties *config, Slice alias, Predicate *predicate, Err *err);
void predicate_release(Predicate *predicate);
bool predicate_holds(const Predicate *predicate, const ConnectRecord *record);
static inline Slice predicate_alias(const Predicate *predicate) {
    return predicate->alias;
}

#endif
