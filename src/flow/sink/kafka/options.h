// SPDX-License-Identifier: Apache-2.0
// Options of the Kafka sink.
#ifndef LEAT_FLOW_SINK_KAFKA_OPTIONS_H
#define LEAT_FLOW_SINK_KAFKA_OPTIONS_H

#include "core/config/properties.h"
#include "storage/kafka/kafka.h"

typedef struct KafkaSinkOptions {
    const char *format;
    const char *envelope;
    const char *topic_prefix;
    const char *registry, *registry_auth, *registry_ca;
    bool json_schemas, tombstones;
    const char *inexact, *decimals, *documents;
    const char *exactly_once;
    const char *position_topic, *transactional_id;
    int64_t transaction_timeout_ms, transaction_linger_ms, transaction_interval_ms, transaction_bytes_max;
    const char *debezium, *key_converter, *value_converter; // maps
    KafkaOptions kafka;
} KafkaSinkOptions;

extern const OptionTable KAFKA_SINK_OPTIONS;

// What a source connector of Debezium would be told, for its records and converters; `name` is the pipeline's.
CHECKED bool kafka_sink_config(const KafkaSinkOptions *options, const char *name, Arena *arena, Properties *config,
                               Err *err);

#endif
