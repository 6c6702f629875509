// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/kafka/expiry.h"

#include "core/base/log.h"
#include "core/sys/clock.h"

enum { LOOK_MS = 10 * 1000 };

bool expiry_none(const UnitLink *link, KafkaConsumer *consumer, bool *expires, Err *err) {
    KafkaTopicPolicy policy;
    *expires = false;
    if (!kafka_consumer_policy(consumer, link->topic, &policy, err)) {
        bool denied = err->code == ERR_NET_PERMISSION;
        if (denied) {
            err_clear(err);
        }
        return denied;
    }
    *expires = policy.expires;
    if (!policy.compacts && !policy.expires) {
        return true;
    }
    FAIL(err, ERR_NET_SETUP, "Kafka at %s: topic %s is %s, and a journal must stay whole", link->kafka.brokers,
         link->topic, policy.compacts ? "compacted" : "deleted from by age or size");
    return err_hint(err, "set cleanup.policy=delete, retention.ms=-1 and retention.bytes=-1 of the topic");
}

void expiry_release(Expiry *expiry) {
    kafka_watch_end(expiry->watch);
    *expiry = (Expiry){0};
}

static bool watch_begin(Expiry *expiry, const UnitLink *link, Err *err) {
    TRY(kafka_watch_start(&link->kafka, false, &expiry->watch, err));
    expiry->watched = kafka_watch_partition(expiry->watch, link->topic, 0);
    return true;
}

static void policy_ask(Expiry *expiry, const UnitLink *link, KafkaConsumer *consumer) {
    Err err[1] = {{0}};
    bool expires = false, kept = expiry_none(link, consumer, &expires, err);
    if (!kept && err->code != ERR_NET_SETUP) {
        return; // nobody answers now
    }
    if (!kept && !expiry->told) {
        log_err(LOG_JOURNAL, "brokers remove records of the journal", err);
    }
    expiry->told = !kept;
    err_clear(err);
    if (!expires && expiry->watch != NULL) {
        kafka_watch_end(expiry->watch);
        expiry->watch = NULL;
    } else if (expires && expiry->watch == NULL && !watch_begin(expiry, link, err)) {
        log_err(LOG_JOURNAL, "it is not watched how near they are to it", err);
    }
}

void expiry_look(Expiry *expiry, const UnitLink *link, KafkaConsumer *consumer, const UnitSegment *needed,
                 const UnitSegment *newest) {
    int64_t now = clock_monotonic_us();
    if (now >= expiry->look_at) {
        expiry->look_at = now + LOOK_MS * INT64_C(1000);
        policy_ask(expiry, link, consumer);
    }
    if (expiry->watch != NULL) {
        atomic_store(&expiry->watched->bytes, newest->position - needed->position);
        atomic_store(&expiry->watched->records, MAX(newest->offset - needed->offset, UINT64_C(1)));
        kafka_watched_at(expiry->watched, (int64_t)needed->offset);
    }
}
