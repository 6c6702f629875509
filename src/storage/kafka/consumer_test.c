// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/consumer.c" // NOLINT

#include "core/base/test.h"

#include <librdkafka/rdkafka_mock.h>

enum { ANSWER_US = 5 * 1000000 }; // far below REQUEST_MS

#ifndef __SANITIZE_THREAD__ // it does not know the threads of C11 that librdkafka makes, here alone

TEST(kafka_bounds_are_asked_of_another_leader_when_one_has_died) {
    Err err[1] = {{0}};
    char problem[256];
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, problem, sizeof(problem));
    ASSERT(host != NULL);
    rd_kafka_mock_cluster_t *brokers = rd_kafka_mock_cluster_new(host, 2);
    CHECK_INT(rd_kafka_mock_topic_create(brokers, "t", 1, 2), 0);
    CHECK_INT(rd_kafka_mock_partition_set_leader(brokers, "t", 0, 1), 0);
    const KafkaOptions options = {.security_protocol = "PLAINTEXT", .sasl_mechanism = "PLAIN"};
    KafkaConsumerSpec spec = {
        .place = {.brokers = rd_kafka_mock_cluster_bootstraps(brokers), .options = &options, .client_id = "test"}};
    KafkaConsumer *consumer = NULL;
    int64_t first = -1, end = -1;
    CHECK_OK(kafka_consumer_open(&spec, &consumer, err));
    CHECK_OK(kafka_consumer_bounds(consumer, "t", 0, &first, &end, err)); // it knows a leader now
    CHECK_INT(first, 0);
    CHECK_INT(end, 0);
    CHECK_INT(rd_kafka_mock_broker_set_down(brokers, 1), 0);
    CHECK_INT(rd_kafka_mock_partition_set_leader(brokers, "t", 0, 2), 0);
    int64_t began = clock_monotonic_us();
    CHECK_OK(kafka_consumer_bounds(consumer, "t", 0, NULL, &end, err));
    CHECK(clock_monotonic_us() - began < ANSWER_US);
    CHECK_FAILS(kafka_consumer_bounds(consumer, "t", 7, NULL, &end, err), ERR_NOT_FOUND);
    kafka_consumer_close(consumer);
    rd_kafka_mock_cluster_destroy(brokers);
    rd_kafka_destroy(host);
}

#endif
