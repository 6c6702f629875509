// SPDX-License-Identifier: Apache-2.0
// How a sink connector reads topics of a real Kafka: which one, as what group, from where. The server's options
// (kafka.*), over them those of the connector behind "leat.kafka.", over both Kafka Connect's consumer.override.*.
// Options that only writers have are passed over.
#ifndef LEAT_FLOW_PIPELINE_TOPIC_OPTIONS_H
#define LEAT_FLOW_PIPELINE_TOPIC_OPTIONS_H

#include "flow/pipeline/connector.h"
#include "storage/kafka/kafka.h"

typedef enum TopicsFrom {
    TOPICS_AUTO, // where the first of them is found, and then for ever
    TOPICS_JOURNAL,
    TOPICS_KAFKA,
} TopicsFrom;

typedef struct TopicOptions {
    TopicsFrom from;     // leat.topics.from; JOURNAL where there is no Kafka
    const char *brokers; // "" = there is none
    KafkaOptions kafka;
    const char *group; // consumer.override.group.id, else connect-NAME
    const char *reset; // auto.offset.reset: earliest, latest, none
    uint32_t task;     // whose clients these are
    bool uncommitted;  // isolation.level=read_uncommitted
} TopicOptions;

// `config` has its references resolved. Asks nobody. ERR_OPTION names the key.
CHECKED bool topic_options(Arena *arena, const ConnectorRun *run, const Properties *config, TopicOptions *options,
                           Err *err);
KafkaPlace topic_place(Arena *arena, const TopicOptions *options, Slice connector);

#endif
