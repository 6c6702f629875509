// SPDX-License-Identifier: Apache-2.0
#include "core/sys/clock.h"
#include "surface/cli/takeover.h"

enum { POLL_MS = 500, PARTITIONS_MAX = 10000 };
#define MEMORY_BYTES (16 * MIB)
#define SILENCE_US   60000000

typedef struct Reading {
    Takeover *takeover;
    KafkaConsumer *consumer;
    KafkaTopicLook *topics;
    size_t topic_count;
} Reading;

bool takeover_consumer_open(Takeover *takeover, const char *group, bool uncommitted, KafkaConsumer **consumer,
                            Err *err) {
    const TakeoverOptions *options = &takeover->options;
    const KafkaConsumerSpec spec = {.place = {options->brokers, &options->kafka, "leat-takeover"},
                                    .group = group,
                                    .uncommitted = uncommitted,
                                    .memory_bytes_max = MEMORY_BYTES};
    return kafka_consumer_open(&spec, consumer, err);
}

static const KafkaTopicLook *topic_find(const Reading *reading, const char *name) {
    for (size_t i = 0; i < reading->topic_count; i++) {
        if (strcmp(reading->topics[i].name, name) == 0) {
            return &reading->topics[i];
        }
    }
    return NULL;
}

// --- one topic ---------------------------------------------------------------------------------------------------

static size_t place_of(const KafkaPartition *from, size_t count, const KafkaFetched *record) {
    size_t at = 0;
    while (at < count && (from[at].partition != record->partition || strcmp(from[at].topic, record->topic) != 0)) {
        at++;
    }
    return at;
}

bool takeover_partitions_read(Takeover *takeover, KafkaConsumer *consumer, const KafkaPartition *from, size_t count,
                              TakeoverTake *take, void *context, Err *err) {
    const char *topic = count > 0 ? from[0].topic : "";
    bool *ended = ARENA_ARRAY(takeover->arena, bool, count);
    size_t open = count;
    TRY(kafka_consumer_assign(consumer, from, count, err));
    for (int64_t heard_us = clock_monotonic_us(); open > 0;) {
        const KafkaFetched *records;
        size_t fetched;
        TRY(kafka_consumer_poll(consumer, POLL_MS, &records, &fetched, err));
        heard_us = fetched > 0 ? clock_monotonic_us() : heard_us;
        if (cli_stop || clock_monotonic_us() - heard_us > SILENCE_US) {
            return cli_stop ? FAIL(err, ERR_INTERRUPTED, "stopped")
                            : FAIL(err, ERR_NET_UNREACHABLE, "Kafka at %s: nothing more comes of topic %s",
                                   takeover->options.brokers, topic);
        }
        for (size_t i = 0; i < fetched; i++) {
            size_t at = records[i].kind != KAFKA_FETCHED ? place_of(from, count, &records[i]) : count;
            if (at < count && !ended[at]) {
                ended[at] = true;
                open--;
            }
            take(context, &records[i]);
        }
    }
    return kafka_consumer_drop(consumer, from, count, err);
}

typedef struct TopicOf {
    Cluster *cluster;
    ClusterTopic kind;
} TopicOf;

static void cluster_take(void *context, const KafkaFetched *record) {
    const TopicOf *topic = context;
    if (record->kind == KAFKA_FETCHED) {
        cluster_record(topic->cluster, topic->kind, record->key, record->value);
    }
}

static bool topic_read(Reading *reading, const KafkaTopicLook *topic, ClusterTopic kind, Err *err) {
    Takeover *takeover = reading->takeover;
    TopicOf of = {&takeover->cluster, kind};
    if (topic->partitions > PARTITIONS_MAX) {
        return FAIL(err, ERR_OPTION, "topic %s has %d partitions: it is none of Connect's", topic->name,
                    topic->partitions);
    }
    KafkaPartition *partitions = ARENA_ARRAY(takeover->arena, KafkaPartition, (size_t)topic->partitions);
    for (int32_t i = 0; i < topic->partitions; i++) {
        int64_t first = 0, end = 0;
        TRY(kafka_consumer_bounds(reading->consumer, topic->name, i, &first, &end, err));
        partitions[i] = (KafkaPartition){topic->name, i, first, NULL};
    }
    return takeover_partitions_read(takeover, reading->consumer, partitions, (size_t)topic->partitions, cluster_take,
                                    &of, err);
}

// --- which topics ------------------------------------------------------------------------------------------------

// As given; else as Strimzi names it (GROUP-configs) where that is there; else as Kafka's own example has it.
static bool topic_named(Reading *reading, const char *option, const char **name, const char *kind,
                        const KafkaTopicLook **topic, Err *err) {
    const TakeoverOptions *options = &reading->takeover->options;
    if ((*name)[0] == '\0') {
        const char *of_group = arena_printf(reading->takeover->arena, "%s-%s", options->group, kind);
        *name = topic_find(reading, of_group) != NULL ? of_group
                                                      : arena_printf(reading->takeover->arena, "connect-%s", kind);
    }
    *topic = topic_find(reading, *name);
    if (*topic == NULL) {
        FAIL(err, ERR_NOT_FOUND, "Kafka at %s: there is no topic %s that this user may see", options->brokers, *name);
        return err_hint(err, "name it as the workers' file does: --%s TOPIC", option);
    }
    return true;
}

static bool own_offsets(Reading *reading, Err *err) {
    const Cluster *cluster = &reading->takeover->cluster;
    for (size_t i = 0; i < cluster->count; i++) {
        const ClusterConnector *connector = cluster->connectors[i];
        const char *name = properties_text(reading->takeover->arena, &connector->config, "offsets.storage.topic", "");
        const KafkaTopicLook *topic = topic_find(reading, name);
        if (connector->configured && topic != NULL && strcmp(name, reading->takeover->options.offsets) != 0) {
            TRY(topic_read(reading, topic, CLUSTER_OFFSETS, err));
        }
    }
    return true;
}

static bool read_all(Reading *reading, Err *err) {
    TakeoverOptions *options = &reading->takeover->options;
    const KafkaTopicLook *configs, *offsets, *status;
    TRY(kafka_consumer_topics(reading->consumer, reading->takeover->arena, &reading->topics, &reading->topic_count,
                              err));
    TRY(topic_named(reading, "config.storage.topic", &options->configs, "configs", &configs, err));
    TRY(topic_named(reading, "offset.storage.topic", &options->offsets, "offsets", &offsets, err));
    TRY(topic_named(reading, "status.storage.topic", &options->status, "status", &status, err));
    return topic_read(reading, configs, CLUSTER_CONFIGS, err) && topic_read(reading, offsets, CLUSTER_OFFSETS, err) &&
           topic_read(reading, status, CLUSTER_STATUS, err) && own_offsets(reading, err);
}

bool takeover_read(Takeover *takeover, Err *err) {
    Reading reading = {.takeover = takeover};
    bool ok = takeover_consumer_open(takeover, NULL, false, &reading.consumer, err) && read_all(&reading, err);
    kafka_consumer_close(reading.consumer);
    return ok;
}

// --- groups of sinks ---------------------------------------------------------------------------------------------

static bool committed_read(Reading *reading, TakeoverItem *item, Err *err) {
    Arena *arena = reading->takeover->arena;
    size_t count = 0, known = 0;
    TRY(kafka_consumer_topics(reading->consumer, arena, &reading->topics, &reading->topic_count, err));
    for (size_t i = 0; i < reading->topic_count; i++) {
        count += (size_t)reading->topics[i].partitions;
    }
    KafkaPartition *all = ARENA_ARRAY(arena, KafkaPartition, count);
    for (size_t i = 0; i < reading->topic_count; i++) {
        for (int32_t j = 0; j < reading->topics[i].partitions; j++) {
            all[known++] = (KafkaPartition){reading->topics[i].name, j, KAFKA_OFFSET_NONE, NULL};
        }
    }
    TRY(kafka_consumer_committed(reading->consumer, arena, all, known, err));
    item->committed = all;
    item->committed_count = 0;
    for (size_t i = 0; i < known; i++) {
        if (all[i].offset != KAFKA_OFFSET_NONE) {
            all[item->committed_count++] = all[i];
        }
    }
    return true;
}

const char *takeover_group(const Takeover *takeover, const TakeoverItem *item) {
    const char *usual = arena_printf(takeover->arena, "connect-%s", item->connector->name);
    return properties_text(takeover->arena, &item->connector->config, "consumer.override.group.id", usual);
}

bool takeover_committed(Takeover *takeover, TakeoverItem *item, Err *err) {
    Reading reading = {.takeover = takeover};
    bool ok = takeover_consumer_open(takeover, takeover_group(takeover, item), false, &reading.consumer, err) &&
              committed_read(&reading, item, err);
    kafka_consumer_close(reading.consumer);
    return ok;
}
