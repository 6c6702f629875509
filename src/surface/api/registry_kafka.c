// SPDX-License-Identifier: Apache-2.0
#include "surface/api/registry_kafka.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/random.h"
#include "storage/journal/kafka/unit.h"
#include "surface/api/registry_record.h"

enum {
    ANSWER_MS = 5000,      // of one question
    READ_MS = 15000,       // without a record
    MADE_MS = 15000,       // until all brokers know a topic that was just made
    APPEND_MS = 9000,      // from then on nothing is tried again
    TRANSACTION_MS = 6000, // brokers undo what is open longer
    STEP_MS = 100,
    LOOK_MS = 5,
    HOLD_MS = 2000, // that one stays the writer who has nothing more to write
    YIELD_MS = 40,  // to who has fenced us: about what a transaction takes
};
#define MEMORY_BYTES (4 * MIB)

typedef struct KafkaRegistry {
    UnitLink link; // of no journal: how its Kafka is reached
    const char *topic;
    KafkaTopicRules *rules;
    KafkaConsumer *tail;
    int64_t at;              // all below is known
    KafkaProducer *producer; // NULL: we are not the writer
    int64_t written_us;      // by it, last
    KafkaTopic *handle;
    Err broken[1]; // for good: what is there cannot be read
} KafkaRegistry;

// --- reading -----------------------------------------------------------------------------------------------------

static bool producer_open(KafkaRegistry *registry, Err *err) {
    KafkaProducerSpec spec = {.place = registry->link.kafka,
                              .transactional_id = registry->topic,
                              .transaction_timeout_ms = TRANSACTION_MS,
                              .memory_bytes_max = MEMORY_BYTES,
                              .rules = registry->rules};
    return kafka_producer_open(&spec, &registry->producer, err) &&
           kafka_producer_facts(registry->producer, slice_of(registry->topic), &registry->handle, err);
}

static void producer_close(KafkaRegistry *registry) {
    kafka_producer_close(registry->producer);
    registry->producer = NULL;
    registry->handle = NULL;
}

// Behind what readers see.
static bool end_of(KafkaRegistry *registry, int64_t *end, Err *err) {
    int64_t deadline = clock_monotonic_us() + ANSWER_MS * INT64_C(1000);
    for (;;) {
        KafkaPartition place = {.topic = registry->topic, .offset = KAFKA_SINCE_END};
        TRY(kafka_consumer_since(registry->tail, &place, 1, err));
        *end = place.offset;
        if (place.offset != KAFKA_OFFSET_NONE) {
            return true;
        }
        if (clock_monotonic_us() > deadline) {
            return FAIL(err, ERR_NET_UNREACHABLE, "Kafka at %s: topic %s: no broker answers for it",
                        registry->link.kafka.brokers, registry->topic);
        }
        clock_sleep_us(STEP_MS * INT64_C(1000));
    }
}

static bool bounds_of(KafkaRegistry *registry, int64_t *first, Err *err) {
    int64_t end = 0;
    return kafka_consumer_bounds(registry->tail, registry->topic, 0, first, &end, err);
}

// A broker that has not heard of a new topic says that it is not there: it must not be taken for an empty one.
static bool topic_make(KafkaRegistry *registry, int64_t *first, Err *err) {
    int64_t deadline = clock_monotonic_us() + MADE_MS * INT64_C(1000);
    bool made = producer_open(registry, err);
    producer_close(registry);
    while (made) {
        err_clear(err);
        if (bounds_of(registry, first, err)) {
            return true;
        }
        made = err->code == ERR_NOT_FOUND && clock_monotonic_us() < deadline;
        clock_sleep_us(STEP_MS * INT64_C(1000));
    }
    return err_frame(err, __FILE__, __LINE__);
}

static bool tail_open(KafkaRegistry *registry, Err *err) {
    KafkaConsumerSpec spec = {.place = registry->link.kafka, .memory_bytes_max = MEMORY_BYTES, .request_ms = ANSWER_MS};
    int64_t first = 0;
    TRY(kafka_consumer_open(&spec, &registry->tail, err));
    TRY(bounds_of(registry, &first, err) || (err->code == ERR_NOT_FOUND && topic_make(registry, &first, err)));
    KafkaPartition partition = {.topic = registry->topic, .offset = first};
    registry->at = first;
    return kafka_consumer_assign(registry->tail, &partition, 1, err);
}

static bool follow(KafkaRegistry *registry, Err *err) {
    if (registry->tail != NULL || tail_open(registry, err)) {
        return true;
    }
    kafka_consumer_close(registry->tail);
    registry->tail = NULL;
    return false;
}

static bool record_take(KafkaRegistry *registry, const KafkaFetched *record, const RegistryTaker *taker, size_t *count,
                        Err *err) {
    Arena scratch[1];
    RegistryEntry entry;
    bool known = false;
    arena_init_small(scratch, "scratch", 4096);
    bool ok = registry_record_read(record->key, record->value, scratch, &entry, &known, err) &&
              (!known || taker->take(taker->context, &entry, err));
    *count += known;
    arena_release(scratch);
    return ok || err_prefix(err, "Kafka at %s: topic %s, offset %" PRId64, registry->link.kafka.brokers,
                            registry->topic, record->offset);
}

static bool fetched(KafkaRegistry *registry, const KafkaFetched *record, const RegistryTaker *taker, size_t *count,
                    Err *err) {
    bool ok = true;
    switch (record->kind) {
    case KAFKA_FETCHED:
        if (record->offset >= registry->at) { // else we have written it
            ok = record_take(registry, record, taker, count, err);
            registry->at = record->offset + 1;
        }
        break;
    case KAFKA_AT_END:
        registry->at = MAX(registry->at, record->offset);
        break;
    case KAFKA_OUT_OF_RANGE:
    case KAFKA_GONE:
        FAIL(err, ERR_NET_SETUP, "Kafka at %s: what was in topic %s is gone", registry->link.kafka.brokers,
             registry->topic);
        ok = err_hint(err, "nobody may delete that topic or from it; once it is as it should be, restart the server");
        break;
    }
    if (!ok) {
        *registry->broken = *err;
    }
    return ok;
}

static bool poll_tail(KafkaRegistry *registry, int timeout_ms, const RegistryTaker *taker, size_t *count, Err *err) {
    const KafkaFetched *records = NULL;
    size_t many = 0;
    TRY(kafka_consumer_poll(registry->tail, timeout_ms, &records, &many, err));
    for (size_t i = 0; i < many; i++) {
        TRY(fetched(registry, &records[i], taker, count, err));
    }
    return true;
}

static bool read_to_end(KafkaRegistry *registry, const RegistryTaker *taker, size_t *count, Err *err) {
    int64_t end = 0, deadline = clock_monotonic_us() + READ_MS * INT64_C(1000);
    TRY(end_of(registry, &end, err));
    while (registry->at < end) {
        int64_t before = registry->at, now = clock_monotonic_us();
        TRY(poll_tail(registry, STEP_MS, taker, count, err));
        if (registry->at > before) {
            deadline = now + READ_MS * INT64_C(1000);
        } else if (now > deadline) {
            return FAIL(err, ERR_NET_UNREACHABLE, "Kafka at %s: read topic %s: no broker answers",
                        registry->link.kafka.brokers, registry->topic);
        }
    }
    return true;
}

static bool whole(const KafkaRegistry *registry, Err *err) {
    if (registry->broken->code != ERR_NONE) {
        *err = *registry->broken;
        return false;
    }
    return true;
}

static bool log_read(void *context, bool to_end, const RegistryTaker *taker, Err *err) {
    KafkaRegistry *registry = context;
    size_t count = 0;
    // Another one need not fence us then, which librdkafka calls a fatal error in its log.
    if (registry->producer != NULL && clock_monotonic_us() > registry->written_us + HOLD_MS * INT64_C(1000)) {
        producer_close(registry);
    }
    TRY(whole(registry, err) && follow(registry, err));
    return to_end ? read_to_end(registry, taker, &count, err) : poll_tail(registry, 0, taker, &count, err);
}

// --- writing -----------------------------------------------------------------------------------------------------

// Becomes the writer, and knows all then. A Kafka that does not answer is found out by the cheapest question.
static bool writer_begin(KafkaRegistry *registry, const RegistryTaker *taker, bool *behind, Err *err) {
    int64_t end = 0;
    size_t count = 0;
    TRY(follow(registry, err) && end_of(registry, &end, err) && producer_open(registry, err) &&
        kafka_producer_init(registry->producer, err));
    bool ok = read_to_end(registry, taker, &count, err);
    *behind = count > 0;
    return ok;
}

static bool put_all(KafkaRegistry *registry, const RegistryEntry *entries, size_t count, Err *err) {
    DEFER(buf_release) Buf key = {0};
    DEFER(buf_release) Buf value = {0};
    int64_t now_ms = clock_wall_us() / 1000;
    for (size_t i = 0; i < count; i++) {
        buf_reset(&key);
        buf_reset(&value);
        registry_record_write(&entries[i], &key, &value);
        KafkaMessage message = {.key = buf_slice(&key), .timestamp_ms = now_ms};
        if (value.size > 0) {
            message.value = buf_slice(&value);
        }
        TRY(kafka_put(registry->producer, registry->handle, &message, err));
    }
    return kafka_commit(registry->producer, err);
}

// Brokers say that a transaction is committed a moment before readers see it: whoever is given an id now may have
// another node asked for it next.
static void until_seen(KafkaRegistry *registry, int64_t last) {
    Err err[1] = {{0}};
    int64_t end = 0, deadline = clock_monotonic_us() + ANSWER_MS * INT64_C(1000);
    while (end_of(registry, &end, err) && end <= last && clock_monotonic_us() < deadline) {
        clock_sleep_us(LOOK_MS * INT64_C(1000));
    }
}

static bool append_once(KafkaRegistry *registry, const RegistryEntry *entries, size_t count, const RegistryTaker *taker,
                        bool *behind, Err *err) {
    if (registry->producer == NULL) {
        TRY(writer_begin(registry, taker, behind, err));
        if (*behind) {
            return true;
        }
    }
    TRY(put_all(registry, entries, count, err));
    int64_t last = kafka_producer_last(registry->producer);
    registry->at = last + 1;
    registry->written_us = clock_monotonic_us();
    until_seen(registry, last);
    return true;
}

static bool log_append(void *context, const RegistryEntry *entries, size_t count, const RegistryTaker *taker,
                       bool *behind, Err *err) {
    KafkaRegistry *registry = context;
    int64_t deadline = clock_monotonic_us() + APPEND_MS * INT64_C(1000);
    *behind = false;
    TRY(whole(registry, err));
    if (count == 0) {
        return true;
    }
    for (uint64_t times = 1;; times++) {
        if (append_once(registry, entries, count, taker, behind, err)) {
            return true;
        }
        producer_close(registry);
        bool again = err->code == ERR_LOCKED || err_class(err->code) == ERR_CLASS_TRANSIENT;
        if (!again || *behind || clock_monotonic_us() > deadline) {
            return false;
        }
        // Who was faster gets his turn; two that fence each other part by chance.
        clock_sleep_us((int64_t)(YIELD_MS + random_number() % (YIELD_MS * MIN(times, 10))) * 1000);
        err_clear(err);
    }
}

// --- life --------------------------------------------------------------------------------------------------------

static void log_close(void *context) {
    KafkaRegistry *registry = context;
    producer_close(registry);
    kafka_consumer_close(registry->tail);
    kafka_topic_rules_release(registry->rules);
    unit_link_release(&registry->link);
    free(registry);
}

bool registry_kafka_log(const char *journal_url, RegistryLog *log, Err *err) {
    KafkaRegistry *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    const JournalPlace place = {.url = journal_url, .name = "registry"};
    if (!unit_link_of(&made->link, &place, err) ||
        !kafka_topic_rules_new(made->link.run, made->link.kafka.options, &made->rules, err)) {
        log_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    made->topic = made->link.schemas;
    *log = (RegistryLog){.read = log_read,
                         .append = log_append,
                         .close = log_close,
                         .context = made,
                         .name = arena_printf(made->link.run, "topic %s", made->topic)};
    return true;
}
