// SPDX-License-Identifier: Apache-2.0
// Membership in a consumer group whose topic has no records: its partitions are slots, and the group says which member
// has which. One that goes, or is not heard of for session_timeout_ms, loses them to the others. Slots are spread
// evenly and move no more than that needs (cooperative-sticky).
//
// What is taken away stays this member's until it is released: nobody else gets it before, as long as brokers hear of
// this member. `lost`: they have not heard of it for that long, and the slots may be others' already.
#ifndef LEAT_STORAGE_KAFKA_GROUP_H
#define LEAT_STORAGE_KAFKA_GROUP_H

#include "storage/kafka/kafka.h"

typedef struct KafkaGroup KafkaGroup; // one thread

typedef struct KafkaGroupSpec {
    KafkaPlace place;
    const char *group, *topic;
    int64_t session_timeout_ms;
    int64_t release_ms; // longest time from taking away to release
    KafkaTopicRules *rules;
} KafkaGroupSpec;

typedef enum KafkaGroupNews {
    KAFKA_GROUP_QUIET,
    KAFKA_GROUP_GIVEN,
    KAFKA_GROUP_TAKEN, // kafka_group_release is due, as soon as may be
    KAFKA_GROUP_LOST,  // likewise
} KafkaGroupNews;

// Makes the topic when it is not there, with one slot.
CHECKED bool kafka_group_open(const KafkaGroupSpec *spec, KafkaGroup **group, Err *err);
// Releases all and leaves: others get it at once. NULL is fine.
void kafka_group_close(KafkaGroup *group);
// To be called at least once a second: brokers take a member that is not for dead. `slots` (borrowed until the next
// call): what this is about. Errors are those of kafka.h; what passes by itself is not told.
CHECKED bool kafka_group_poll(KafkaGroup *group, int timeout_ms, KafkaGroupNews *news, const int32_t **slots,
                              size_t *count, Err *err);
CHECKED bool kafka_group_release(KafkaGroup *group, Err *err);
// At least so many slots.
CHECKED bool kafka_group_slots(KafkaGroup *group, int slots, Err *err);

#endif
