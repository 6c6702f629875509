// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/watch.h"

#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "core/sys/thread.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define POLICY_US (INT64_C(60) * 1000000)
enum {
    LOOK_MS = 3000,
    REQUEST_MS = 2000, // the thread ends with the reader, which must not wait long for it
    HALVINGS = 5,      // of the share of retention.ms
};
#define SHARE_LOW 0.25 // below it nobody wants to know better

typedef struct Topic {
    KafkaTopicPolicy policy;
    int64_t policy_at; // when it is read again
} Topic;

typedef struct Partition {
    KafkaWatched watched; // first: what callers have
    const char *topic;
    int32_t number;
    Topic *of;
    // Of the newest look:
    int64_t at, end, first, behind;
    double low, high, share; // its age is between these shares of retention.ms
} Partition;

struct KafkaWatch {
    KafkaPlace place;
    bool uncommitted;
    pthread_t thread;
    Arena scratch[1]; // of a look
    bool said;        // that it cannot look

    pthread_mutex_t mutex; // over what follows
    pthread_cond_t news;
    bool ending;
    Arena run[1];
    Map topics;     // Topic
    Map partitions; // "TOPIC/PARTITION" to Partition
    KafkaWatchLook look;
};

// --- what is asked -----------------------------------------------------------------------------------------------

typedef struct Asked {
    KafkaConsumer *consumer;
    Partition **at; // those that are looked at
    size_t count;
    KafkaPartition *places;
} Asked;

static bool ends_ask(Asked *asked, Err *err) {
    for (size_t i = 0; i < asked->count; i++) {
        asked->places[i] = (KafkaPartition){asked->at[i]->topic, asked->at[i]->number, KAFKA_SINCE_END, NULL};
    }
    TRY(kafka_consumer_since(asked->consumer, asked->places, asked->count, err));
    for (size_t i = 0; i < asked->count; i++) {
        Partition *partition = asked->at[i];
        partition->end = asked->places[i].offset;
        partition->behind = MAX(partition->end - partition->at, 0);
    }
    return true;
}

// The rest is about those that are behind in topics from which brokers remove: they come first, *count of them.
static bool expiring_choose(Asked *asked, size_t *count, Err *err) {
    *count = 0;
    for (size_t i = 0; i < asked->count; i++) {
        Partition *partition = asked->at[i];
        Topic *topic = partition->of;
        int64_t now = clock_monotonic_us();
        if (now >= topic->policy_at) {
            topic->policy_at = now + POLICY_US;
            if (!kafka_consumer_policy(asked->consumer, partition->topic, &topic->policy, err)) {
                if (err->code != ERR_NET_PERMISSION) {
                    topic->policy_at = 0;
                    return err_frame(err, __FILE__, __LINE__);
                }
                log_warn(LOG_SOURCE, "a topic's retention is not told: nothing warns of it",
                         LOG_TEXT("topic", partition->topic), LOG_TEXT("hint", err->hint));
                err_clear(err);
                topic->policy = (KafkaTopicPolicy){.retention_ms = -1, .retention_bytes = -1};
            }
        }
        partition->share = topic->policy.expires ? 0 : -1;
        if (topic->policy.expires && partition->behind > 0) {
            asked->at[i] = asked->at[*count];
            asked->at[(*count)++] = partition;
        }
    }
    return true;
}

static bool firsts_ask(Asked *asked, size_t count, Err *err) {
    for (size_t i = 0; i < count; i++) {
        asked->places[i] = (KafkaPartition){asked->at[i]->topic, asked->at[i]->number, KAFKA_SINCE_FIRST, NULL};
    }
    TRY(kafka_consumer_since(asked->consumer, asked->places, count, err));
    for (size_t i = 0; i < count; i++) {
        asked->at[i]->first = asked->places[i].offset;
    }
    return true;
}

// Is what comes next older than the middle of what is known of its age?
static bool ages_halve(Asked *asked, size_t count, Err *err) {
    size_t open = 0;
    int64_t now_ms = clock_wall_us() / 1000;
    for (size_t i = 0; i < count; i++) {
        Partition *partition = asked->at[i];
        if (partition->of->policy.retention_ms > 0 && partition->high > SHARE_LOW) {
            double age_ms = (partition->low + partition->high) / 2 * (double)partition->of->policy.retention_ms;
            asked->at[i] = asked->at[open];
            asked->at[open] = partition;
            asked->places[open++] =
                (KafkaPartition){partition->topic, partition->number, MAX(now_ms - (int64_t)age_ms, 0), NULL};
        }
    }
    TRY(open == 0 || kafka_consumer_since(asked->consumer, asked->places, open, err));
    for (size_t i = 0; i < open; i++) {
        Partition *partition = asked->at[i];
        double middle = (partition->low + partition->high) / 2;
        bool older = asked->places[i].offset == KAFKA_OFFSET_NONE || asked->places[i].offset > partition->at;
        partition->low = older ? middle : partition->low;
        partition->high = older ? partition->high : middle;
    }
    return true;
}

// Bytes as they were read: compressed ones are fewer. Where brokers have removed some already, the partition is about
// as large as it may be.
static double bytes_share(const Partition *partition) {
    uint64_t records = partition->watched.records, limit = (uint64_t)MAX(partition->of->policy.retention_bytes, 0);
    double behind = (double)partition->behind;
    double whole = partition->first > 0 ? behind / (double)MAX(partition->end - partition->first, 1) : 1;
    if (partition->of->policy.retention_bytes < 0) {
        return 0;
    }
    return records == 0 || limit == 0
               ? whole * (partition->first > 0)
               : MIN(whole, behind * (double)partition->watched.bytes / (double)records / (double)limit);
}

static bool shares_ask(Asked *asked, Err *err) {
    size_t count = 0;
    TRY(expiring_choose(asked, &count, err));
    if (count == 0) {
        return true;
    }
    TRY(firsts_ask(asked, count, err));
    for (size_t i = 0; i < count; i++) {
        asked->at[i]->low = 0;
        asked->at[i]->high = 1;
    }
    for (int i = 0; i < HALVINGS; i++) {
        TRY(ages_halve(asked, count, err));
    }
    for (size_t i = 0; i < count; i++) {
        Partition *partition = asked->at[i];
        double share = MAX(partition->low, bytes_share(partition));
        partition->share = partition->first > partition->at ? 1 : MIN(share, 1);
    }
    return true;
}

// --- a look ------------------------------------------------------------------------------------------------------

static void partitions_choose(KafkaWatch *watch, Asked *asked) {
    arena_reset(watch->scratch);
    pthread_mutex_lock(&watch->mutex);
    asked->at = ARENA_ARRAY(watch->scratch, Partition *, watch->partitions.count + 1);
    for (MapEntry *entry = NULL; (entry = map_next(&watch->partitions, entry)) != NULL;) {
        Partition *partition = entry->value;
        partition->at = atomic_load_explicit(&partition->watched.at, memory_order_relaxed);
        if (partition->at >= 0) {
            asked->at[asked->count++] = partition;
        }
    }
    pthread_mutex_unlock(&watch->mutex);
    asked->places = ARENA_ARRAY(watch->scratch, KafkaPartition, asked->count + 1);
}

static void look_make(KafkaWatch *watch, const Asked *asked) {
    KafkaWatchLook look = {.share = -1};
    double bytes = 0;
    bool sized = true;
    for (size_t i = 0; i < asked->count; i++) {
        const Partition *partition = asked->at[i];
        uint64_t records = partition->watched.records;
        look.records += partition->behind;
        sized = sized && (partition->behind == 0 || records > 0);
        bytes += records > 0 ? (double)partition->behind * (double)partition->watched.bytes / (double)records : 0;
        if (partition->share > look.share) {
            look.share = partition->share;
            snprintf(look.where, sizeof(look.where), "%s-%d", partition->topic, partition->number);
        }
    }
    look.bytes = sized ? (int64_t)bytes : -1;
    pthread_mutex_lock(&watch->mutex);
    watch->look = look;
    pthread_mutex_unlock(&watch->mutex);
}

static bool look_once(KafkaWatch *watch, KafkaConsumer **consumer, Err *err) {
    KafkaConsumerSpec spec = {.place = watch->place, .uncommitted = watch->uncommitted, .request_ms = REQUEST_MS};
    Asked asked = {0};
    partitions_choose(watch, &asked);
    if (asked.count == 0) {
        return true;
    }
    TRY(*consumer != NULL || kafka_consumer_open(&spec, consumer, err));
    asked.consumer = *consumer;
    TRY(ends_ask(&asked, err) && shares_ask(&asked, err));
    look_make(watch, &asked);
    return true;
}

static bool wait_next(KafkaWatch *watch) {
    struct timespec until = thread_until(LOOK_MS * INT64_C(1000));
    int code = 0;
    pthread_mutex_lock(&watch->mutex);
    while (!watch->ending && code != ETIMEDOUT) {
        code = pthread_cond_timedwait(&watch->news, &watch->mutex, &until);
    }
    bool ending = watch->ending;
    pthread_mutex_unlock(&watch->mutex);
    return !ending;
}

static void *watch_thread(void *context) {
    KafkaWatch *watch = context;
    KafkaConsumer *consumer = NULL;
    do {
        Err err[1] = {{0}};
        bool ok = look_once(watch, &consumer, err);
        if (!ok && !watch->said) {
            log_warn(LOG_SOURCE, "it is not known how far partitions are read", LOG_TEXT("reason", err->message));
        }
        watch->said = !ok;
    } while (wait_next(watch));
    kafka_consumer_close(consumer);
    return NULL;
}

// --- life --------------------------------------------------------------------------------------------------------

static void watch_free(KafkaWatch *watch) {
    pthread_cond_destroy(&watch->news);
    pthread_mutex_destroy(&watch->mutex);
    map_release(&watch->topics);
    map_release(&watch->partitions);
    arena_release(watch->scratch);
    arena_release(watch->run);
    free(watch);
}

bool kafka_watch_start(const KafkaPlace *place, bool uncommitted, KafkaWatch **watch, Err *err) {
    KafkaWatch *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    made->place = *place;
    made->uncommitted = uncommitted;
    made->look = (KafkaWatchLook){.records = -1, .bytes = -1, .share = -1};
    arena_init_small(made->scratch, "scratch", 1024);
    arena_init_small(made->run, "run", 1024);
    pthread_mutex_init(&made->mutex, NULL);
    thread_cond_init(&made->news);
    int failed = pthread_create(&made->thread, NULL, watch_thread, made);
    if (failed != 0) {
        watch_free(made);
        return err_errno(err, __FILE__, __LINE__, failed, "start a thread");
    }
    *watch = made;
    return true;
}

void kafka_watch_end(KafkaWatch *watch) {
    if (watch != NULL) {
        pthread_mutex_lock(&watch->mutex);
        watch->ending = true;
        pthread_cond_signal(&watch->news);
        pthread_mutex_unlock(&watch->mutex);
        pthread_join(watch->thread, NULL);
        watch_free(watch);
    }
}

KafkaWatched *kafka_watch_partition(KafkaWatch *watch, const char *topic, int32_t number) {
    char text[300];
    snprintf(text, sizeof(text), "%s/%d", topic, number);
    Slice key = slice_of(text);
    pthread_mutex_lock(&watch->mutex);
    Partition *partition = map_find(&watch->partitions, key);
    if (partition == NULL) {
        Topic *of = map_find(&watch->topics, slice_of(topic));
        if (of == NULL) {
            of = ARENA_NEW(watch->run, Topic);
            map_put(&watch->topics, slice_of(topic), of);
        }
        partition = ARENA_NEW(watch->run, Partition);
        partition->topic = arena_printf(watch->run, "%s", topic);
        partition->number = number;
        partition->of = of;
        atomic_store(&partition->watched.at, KAFKA_OFFSET_NONE);
        map_put(&watch->partitions, key, partition);
    }
    pthread_mutex_unlock(&watch->mutex);
    return &partition->watched;
}

void kafka_watch_look(KafkaWatch *watch, KafkaWatchLook *look) {
    pthread_mutex_lock(&watch->mutex);
    *look = watch->look;
    for (MapEntry *entry = NULL; (entry = map_next(&watch->partitions, entry)) != NULL;) {
        look->lost += ((const Partition *)entry->value)->watched.lost;
    }
    pthread_mutex_unlock(&watch->mutex);
}
