// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/producer.c" // NOLINT

#include "core/base/test.h"

#include <librdkafka/rdkafka_mock.h>

#ifndef __SANITIZE_THREAD__ // it does not know the threads of C11 that librdkafka makes, here alone

enum { TRANSACTION_MS = 20 * 1000, END_TXN = 26 };

// A transaction that was open for so long, and is to be committed when its name is another's.
static void fenced(rd_kafka_mock_cluster_t *brokers, int64_t open_us, const char *hint) {
    Err err[1] = {{0}};
    Arena arena[1];
    arena_init(arena, "test", 0);
    static const KafkaOptions options = {.security_protocol = "PLAINTEXT",
                                         .sasl_mechanism = "PLAIN",
                                         .topic_creation = "enable=false\n"}; // a mock makes none
    KafkaProducerSpec spec = {.place = {rd_kafka_mock_cluster_bootstraps(brokers), &options, "test"},
                              .transactional_id = "id",
                              .transaction_timeout_ms = TRANSACTION_MS,
                              .flushes = true};
    KafkaProducer *producer = NULL;
    KafkaTopic *topic = NULL;
    CHECK_OK(kafka_topic_rules_new(arena, &options, &spec.rules, err));
    CHECK_OK(kafka_producer_open(&spec, &producer, err));
    CHECK_OK(kafka_producer_init(producer, err));
    CHECK_OK(kafka_producer_topic(producer, SLICE("t"), &topic, err));
    CHECK_OK(kafka_put(producer, topic, &(KafkaMessage){.value = SLICE("v")}, err));
    producer->begun_us -= open_us;
    rd_kafka_mock_push_request_errors(brokers, END_TXN, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH);
    CHECK(!kafka_commit(producer, err));
    CHECK_INT(err->code, ERR_LOCKED);
    CHECK(strstr(err->hint, hint) != NULL);
    kafka_producer_close(producer);
    kafka_topic_rules_release(spec.rules);
    arena_release(arena);
}

TEST(kafka_a_transaction_that_brokers_undid_is_told_of) {
    char problem[256];
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, problem, sizeof(problem));
    ASSERT(host != NULL);
    rd_kafka_mock_cluster_t *brokers = rd_kafka_mock_cluster_new(host, 1);
    CHECK_INT(rd_kafka_mock_topic_create(brokers, "t", 1, 1), 0);
    fenced(brokers, 0, "another process writes");
    fenced(brokers, TRANSACTION_MS * INT64_C(1000), "stood still for 20 s");
    rd_kafka_mock_cluster_destroy(brokers);
    rd_kafka_destroy(host);
}

#endif
