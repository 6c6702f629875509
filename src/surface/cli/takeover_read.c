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

static bool consumer_open(Takeover *takeover, const char *group, KafkaConsumer **consumer, Err *err) {
    const TakeoverOptions *options = &takeover->options;
    const KafkaConsumerSpec spec = {.place = {options->brokers, &options->kafka, "leat-takeover"},
                                    .group = group,
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

static bool assign(Reading *reading, const KafkaTopicLook *topic, KafkaPartition *partitions, size_t *open, Err *err) {
    *open = 0;
    for (int32_t i = 0; i < topic->partitions; i++) {
        int64_t first = 0, end = 0;
        TRY(kafka_consumer_bounds(reading->consumer, topic->name, i, &first, &end, err));
        partitions[i] = (KafkaPartition){topic->name, i, first, NULL};
    }
    *open = (size_t)topic->partitions;
    return kafka_consumer_assign(reading->consumer, partitions, *open, err);
}

static bool topic_read(Reading *reading, const KafkaTopicLook *topic, ClusterTopic kind, Err *err) {
    size_t open = 0;
    if (topic->partitions > PARTITIONS_MAX) {
        return FAIL(err, ERR_OPTION, "topic %s has %d partitions: it is none of Connect's", topic->name,
                    topic->partitions);
    }
    KafkaPartition *partitions = ARENA_ARRAY(reading->takeover->arena, KafkaPartition, (size_t)topic->partitions);
    bool *ended = ARENA_ARRAY(reading->takeover->arena, bool, (size_t)topic->partitions);
    TRY(assign(reading, topic, partitions, &open, err));
    for (int64_t heard_us = clock_monotonic_us(); open > 0;) {
        const KafkaFetched *records;
        size_t count;
        TRY(kafka_consumer_poll(reading->consumer, POLL_MS, &records, &count, err));
        heard_us = count > 0 ? clock_monotonic_us() : heard_us;
        if (cli_stop || clock_monotonic_us() - heard_us > SILENCE_US) {
            return cli_stop ? FAIL(err, ERR_INTERRUPTED, "stopped")
                            : FAIL(err, ERR_NET_UNREACHABLE, "Kafka at %s: nothing more comes of topic %s",
                                   reading->takeover->options.brokers, topic->name);
        }
        for (size_t i = 0; i < count; i++) {
            bool last = records[i].kind != KAFKA_FETCHED && !ended[records[i].partition];
            ended[records[i].partition] |= last;
            open -= last;
            if (records[i].kind == KAFKA_FETCHED) {
                cluster_record(&reading->takeover->cluster, kind, records[i].key, records[i].value);
            }
        }
    }
    return kafka_consumer_drop(reading->consumer, partitions, (size_t)topic->partitions, err);
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
    bool ok = consumer_open(takeover, NULL, &reading.consumer, err) && read_all(&reading, err);
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
    for (size_t i = 0; i < known; i++) {
        if (all[i].offset != KAFKA_OFFSET_NONE) {
            all[item->committed_count++] = all[i];
        }
    }
    return true;
}

bool takeover_committed(Takeover *takeover, TakeoverItem *item, Err *err) {
    Reading reading = {.takeover = takeover};
    const char *usual = arena_printf(takeover->arena, "connect-%s", item->connector->name);
    const char *group = properties_text(takeover->arena, &item->connector->config, "consumer.override.group.id", usual);
    bool ok = consumer_open(takeover, group, &reading.consumer, err) && committed_read(&reading, item, err);
    kafka_consumer_close(reading.consumer);
    return ok;
}
