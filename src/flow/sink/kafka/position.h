// SPDX-License-Identifier: Apache-2.0
// How far a pipeline is in Kafka: a record of the position topic, its key the pipeline's name, written in the
// transaction of the records that it tells of. The value is a line of JSON,
//
//     {"format_version":1,"owner":"…","log":…,"epoch":…,"cut":…,"offsets":{"public.orders":…}}
//
// and behind it, with ack.policy=sink, a newline and the journal's whole state as of that cut. Everything below `log`
// is there; of what follows, in topics that `offsets` names, also what lies below the offset there: those of a
// transaction of the source that was too large for one of Kafka's.
#ifndef LEAT_FLOW_SINK_KAFKA_POSITION_H
#define LEAT_FLOW_SINK_KAFKA_POSITION_H

#include "storage/journal/journal.h"

typedef struct KafkaOffset {
    Slice topic; // of the journal
    uint64_t next;
} KafkaOffset;

typedef struct KafkaPosition {
    Slice owner; // a data directory's own name: nobody else's journal has these log positions
    LogPosition log;
    uint64_t epoch, cut; // of the cut that ends there
    const KafkaOffset *offsets;
    size_t offset_count;
    Slice state;
} KafkaPosition;

void kafka_position_encode(Buf *out, const KafkaPosition *position);
// Texts are in the arena or borrowed from `bytes`. ERR_STATE_CORRUPT, ERR_FORMAT_NEWER.
CHECKED bool kafka_position_decode(Slice bytes, Arena *arena, KafkaPosition *position, Err *err);

// Who we are, in the state directory: "leat kafka 1\n", the owner, a space, "new" or "claimed" (the topic has had our
// position), a newline.
typedef struct KafkaOwner {
    char name[33];
    bool claimed;
} KafkaOwner;

CHECKED bool kafka_owner_load(const char *directory, KafkaOwner *owner, bool *found, Err *err);
CHECKED bool kafka_owner_save(const char *directory, const KafkaOwner *owner, Err *err);

#endif
