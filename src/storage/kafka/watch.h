// SPDX-License-Identifier: Apache-2.0
// How far a reader of partitions is behind their ends, and how near brokers are to removing what it has not done with.
// A thread with a connection of its own asks every few seconds, so that it is known also while the reader waits for
// something else. What brokers do not answer stays as it was.
#ifndef LEAT_STORAGE_KAFKA_WATCH_H
#define LEAT_STORAGE_KAFKA_WATCH_H

#include "storage/kafka/kafka.h"

#include <stdatomic.h>

typedef struct KafkaWatch KafkaWatch;

// A partition; lives as long as its watch. One thread writes.
typedef struct KafkaWatched {
    _Atomic int64_t at;              // records below are done with; KAFKA_OFFSET_NONE = it is not looked at
    _Atomic uint64_t records, bytes; // that were read: what one is like
    _Atomic uint64_t lost;           // that were removed before they were read
} KafkaWatched;

typedef struct KafkaWatchLook {
    int64_t records; // behind; -1 = not known yet
    int64_t bytes;   // about so many, by the mean of those read; -1 = none were read
    double share; // 0 to 1, the worst partition's: the age of what comes next of retention.ms, or the bytes behind of
                  // retention.bytes, whichever is more. 1 = records are gone. -1 = nothing expires, or not known
    char where[300]; // TOPIC-PARTITION of `share`; "" = none
    uint64_t lost;
} KafkaWatchLook;

// What `place` names lives as long as the watch.
CHECKED bool kafka_watch_start(const KafkaPlace *place, bool uncommitted, KafkaWatch **watch, Err *err);
void kafka_watch_end(KafkaWatch *watch); // NULL is fine
// The same one for the same partition.
KafkaWatched *kafka_watch_partition(KafkaWatch *watch, const char *topic, int32_t partition);
void kafka_watch_look(KafkaWatch *watch, KafkaWatchLook *look); // from any thread

// NULL is fine: nobody watches.
static inline void kafka_watched_at(KafkaWatched *watched, int64_t offset) {
    if (watched != NULL) {
        atomic_store_explicit(&watched->at, offset, memory_order_relaxed);
    }
}

static inline void kafka_watched_read(KafkaWatched *watched, size_t bytes) {
    if (watched == NULL) {
        return;
    }
    uint64_t records = atomic_load_explicit(&watched->records, memory_order_relaxed);
    uint64_t all = atomic_load_explicit(&watched->bytes, memory_order_relaxed);
    atomic_store_explicit(&watched->bytes, all + bytes, memory_order_relaxed);
    atomic_store_explicit(&watched->records, records + 1, memory_order_relaxed);
}

#endif
