// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/kafka.h"

#define NOTE "leat:"

const char *kafka_note(Arena *arena, Slice reader) {
    return arena_printf(arena, NOTE "%.*s", SLICE_ARG(reader));
}

KafkaSetBy kafka_set_by(const KafkaPartition *group, const char *note, const char **name) {
    const char *found = group->note != NULL ? group->note : "";
    bool of_leat = strncmp(found, NOTE, strlen(NOTE)) == 0;
    *name = of_leat ? found + strlen(NOTE) : "";
    if (group->offset == KAFKA_OFFSET_NONE) {
        return KAFKA_SET_BY_NOBODY;
    }
    return strcmp(found, note) == 0 ? KAFKA_SET_BY_SELF : of_leat ? KAFKA_SET_BY_READER : KAFKA_SET_BY_OTHER;
}
