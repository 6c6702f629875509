// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/consumer.c" // NOLINT

#include "core/base/test.h"

#include <arpa/inet.h>
#include <librdkafka/rdkafka_mock.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_US = 5 * 1000000 }; // far below REQUEST_MS

#ifndef __SANITIZE_THREAD__ // it does not know the threads of C11 that librdkafka makes, here alone

// Two brokers with a topic "t" of one partition, and a consumer of them.
typedef struct Mock {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *brokers;
    KafkaConsumer *consumer;
} Mock;

static void mock_open(Mock *mock, const char *group, int request_ms) {
    Err err[1] = {{0}};
    char problem[256];
    mock->host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, problem, sizeof(problem));
    ASSERT(mock->host != NULL);
    mock->brokers = rd_kafka_mock_cluster_new(mock->host, 2);
    CHECK_INT(rd_kafka_mock_topic_create(mock->brokers, "t", 1, 2), 0);
    static const KafkaOptions options = {.security_protocol = "PLAINTEXT", .sasl_mechanism = "PLAIN"};
    KafkaConsumerSpec spec = {
        .place = {.brokers = rd_kafka_mock_cluster_bootstraps(mock->brokers), .options = &options, .client_id = "test"},
        .group = group,
        .request_ms = request_ms};
    CHECK_OK(kafka_consumer_open(&spec, &mock->consumer, err));
}

static void mock_close(Mock *mock) {
    kafka_consumer_close(mock->consumer);
    rd_kafka_mock_cluster_destroy(mock->brokers);
    rd_kafka_destroy(mock->host);
}

TEST(kafka_bounds_are_asked_of_another_leader_when_one_has_died) {
    Err err[1] = {{0}};
    Mock mock = {0};
    int64_t first = -1, end = -1;
    mock_open(&mock, NULL, 0);
    CHECK_INT(rd_kafka_mock_partition_set_leader(mock.brokers, "t", 0, 1), 0);
    CHECK_OK(kafka_consumer_bounds(mock.consumer, "t", 0, &first, &end, err)); // it knows a leader now
    CHECK_INT(first, 0);
    CHECK_INT(end, 0);
    CHECK_INT(rd_kafka_mock_broker_set_down(mock.brokers, 1), 0);
    CHECK_INT(rd_kafka_mock_partition_set_leader(mock.brokers, "t", 0, 2), 0);
    int64_t began = clock_monotonic_us();
    CHECK_OK(kafka_consumer_bounds(mock.consumer, "t", 0, NULL, &end, err));
    CHECK(clock_monotonic_us() - began < ANSWER_US);
    CHECK_FAILS(kafka_consumer_bounds(mock.consumer, "t", 7, NULL, &end, err), ERR_NOT_FOUND);
    mock_close(&mock);
}

// Commits, in as many tries as that takes.
static bool committed(KafkaConsumer *consumer, const KafkaPartition *at) {
    Err err[1] = {{0}};
    int64_t began = clock_monotonic_us();
    bool ok = false;
    while (!ok && clock_monotonic_us() - began < 12 * ANSWER_US) {
        err_clear(err);
        ok = kafka_consumer_commit(consumer, at, 1, err);
    }
    return ok;
}

TEST(kafka_commits_wait_for_a_coordinator_that_is_away_no_longer_than_they_may) {
    Err err[1] = {{0}};
    Mock mock = {0};
    const KafkaPartition at = {.topic = "t", .offset = 7};
    mock_open(&mock, "g", 1000);
    CHECK_INT(rd_kafka_mock_coordinator_set(mock.brokers, "group", "g", 2), 0);
    CHECK(committed(mock.consumer, &at));
    CHECK_INT(rd_kafka_mock_broker_set_down(mock.brokers, 2), 0);
    int64_t began = clock_monotonic_us();
    CHECK_FAILS(kafka_consumer_commit(mock.consumer, &at, 1, err), ERR_NET_UNREACHABLE);
    CHECK(clock_monotonic_us() - began < ANSWER_US);
    CHECK_INT(rd_kafka_mock_broker_set_up(mock.brokers, 2), 0);
    CHECK(committed(mock.consumer, &at));
    mock_close(&mock);
}

TEST(kafka_a_broker_that_has_not_heard_of_a_topic_is_asked_again) {
    enum { LIST_OFFSETS = 2, TIMES = 4 };
    Err err[1] = {{0}};
    Mock mock = {0};
    int64_t end = -1;
    mock_open(&mock, NULL, 0);
    rd_kafka_mock_push_request_errors(mock.brokers, LIST_OFFSETS, TIMES, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                                      RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    CHECK_OK(kafka_consumer_bounds(mock.consumer, "t", 0, NULL, &end, err));
    CHECK_INT(end, 0);
    mock_close(&mock);
}

// A broker that hangs up when the handshake begins: TLS's, or SASL's after it has said what it understands. It accepts
// until shut down.
typedef struct Hanging {
    int listener;
    bool tls;
    _Atomic int ended; // connections
} Hanging;

static void *hang_up(void *context) {
    Hanging *broker = context;
    // ApiVersions, version 3, of https://kafka.apache.org/protocol: SaslHandshake and ApiVersions themselves
    char answer[] = {0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 3, 0, 17, 0, 0, 0, 1, 0, 0, 18, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0};
    for (int peer; (peer = accept(broker->listener, NULL, NULL)) >= 0; broker->ended++) {
        char request[1024];
        if (recv(peer, request, sizeof(request), 0) > 12 && !broker->tls) {
            memcpy(answer + 4, request + 8, 4); // the correlation id
            CHECK_INT(send(peer, answer, sizeof(answer), MSG_NOSIGNAL), sizeof(answer));
            CHECK(recv(peer, request, sizeof(request), 0) >= 0);
        }
        close(peer);
    }
    return NULL;
}

static void hangs_up(const char *protocol) {
    Err err[1] = {{0}};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    Hanging broker = {.listener = socket(AF_INET, SOCK_STREAM, 0), .tls = strcmp(protocol, "SSL") == 0};
    ASSERT(bind(broker.listener, (struct sockaddr *)&at, size) == 0 && listen(broker.listener, 8) == 0);
    ASSERT(getsockname(broker.listener, (struct sockaddr *)&at, &size) == 0);
    char brokers[32];
    snprintf(brokers, sizeof(brokers), "127.0.0.1:%d", ntohs(at.sin_port));
    pthread_t thread;
    ASSERT(pthread_create(&thread, NULL, hang_up, &broker) == 0);
    const KafkaOptions options = {
        .security_protocol = protocol, .sasl_mechanism = "PLAIN", .sasl_username = "u", .sasl_password = "p"};
    KafkaPlace place = {.brokers = brokers, .options = &options, .client_id = "test"};
    KafkaClient client = {0};
    CHECK_OK(kafka_client_open(&client, &place, RD_KAFKA_CONSUMER, NULL, 0, err));
    int64_t began = clock_monotonic_us();
    while (broker.ended < 3 && clock_monotonic_us() - began < 6 * ANSWER_US) {
        rd_kafka_poll(client.handle, 50);
    }
    CHECK(broker.ended >= 3);
    CHECK(client.said != 0);
    CHECK(!kafka_client_refused(&client));
    kafka_client_close(&client);
    shutdown(broker.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(broker.listener);
}

TEST(kafka_a_connection_that_breaks_in_the_handshake_refuses_nobody) {
    hangs_up("SASL_PLAINTEXT");
    hangs_up("SSL");
}

#endif
