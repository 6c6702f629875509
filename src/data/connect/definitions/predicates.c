// SPDX-License-Identifier: Apache-2.0
// What Kafka Connect's predicates can be told (data/connect/predicate.c).
#include "core/config/regex.h"
#include "data/connect/definitions/rows.h"

const Definition HAS_HEADER_KEY_DEFINITIONS[] = {
    {KEY("name", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), .required = true,
     TEXT("The header that a record must have, one or more.")},
};
const size_t HAS_HEADER_KEY_DEFINITIONS_COUNT = ARRAY_LEN(HAS_HEADER_KEY_DEFINITIONS);

const Definition TOPIC_NAME_MATCHES_DEFINITIONS[] = {
    {KEY("pattern", DEFINE_STRING, NULL, IMPORTANCE_MEDIUM), .required = true,
     TEXT("A regular expression that the topic's whole name must match.")},
};
const size_t TOPIC_NAME_MATCHES_DEFINITIONS_COUNT = ARRAY_LEN(TOPIC_NAME_MATCHES_DEFINITIONS);

void topic_name_matches_check(const Properties *config, Validation *validation) {
    const Property *pattern = properties_find(config, SLICE("pattern"));
    Regex *regex = NULL;
    Err err[1] = {{0}};
    if (pattern == NULL || pattern->value.data == NULL) {
        return; // the row says it
    }
    if (!regex_new(pattern->value, 0, "pattern", &regex, err)) {
        validation_error(validation, "pattern", "Invalid value %.*s for configuration pattern: %s",
                         (int)MIN(pattern->value.size, 200), (const char *)pattern->value.data, err->message);
    }
    regex_release(regex);
}
