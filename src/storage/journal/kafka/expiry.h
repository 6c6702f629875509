// SPDX-License-Identifier: Apache-2.0
// Whether brokers remove records of a journal's topic. As leat makes it they do not, and a start refuses one of which
// they would; but its settings may be changed while leat runs. Then it is told, and watched how near what sinks need,
// and the next start, is to be removed. For this folder alone.
#ifndef LEAT_STORAGE_JOURNAL_KAFKA_EXPIRY_H
#define LEAT_STORAGE_JOURNAL_KAFKA_EXPIRY_H

#include "storage/journal/kafka/unit.h"
#include "storage/kafka/watch.h"

// One thread at a time.
typedef struct Expiry {
    KafkaWatch *watch; // NULL = nothing is removed, as far as is known
    KafkaWatched *watched;
    int64_t look_at;
    bool told;
} Expiry;

void expiry_release(Expiry *expiry);
// Asks the brokers now and then, by the consumer. `needed`: the segment below which all may go. `newest`: the one that
// is written; a record's size is known by the two.
void expiry_look(Expiry *expiry, const UnitLink *link, KafkaConsumer *consumer, const UnitSegment *needed,
                 const UnitSegment *newest);
// ERR_NET_SETUP: brokers remove records of the topic, by age or size (*expires) or by keys. Where they do not tell, it
// is taken that they do not.
CHECKED bool expiry_none(const UnitLink *link, KafkaConsumer *consumer, bool *expires, Err *err);

#endif
