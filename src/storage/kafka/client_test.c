// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/client.c" // NOLINT

#include "core/base/test.h"

// What librdkafka told last, and what becomes of a call then that nobody answered.
TEST(kafka_what_was_told_decides_whether_waiting_helps) {
    static const struct {
        int told;
        const char *text;
        bool refused;
        ErrCode code;
    } CASES[] = {
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down", false, ERR_NET_UNREACHABLE},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL authentication error: invalid credentials", true, ERR_NET_AUTH},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION,
         "SASL PLAIN mechanism handshake failed: Local: Broker transport failure: broker's supported mechanisms: (n/a)",
         false, ERR_NET_UNREACHABLE},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION,
         "SASL PLAIN mechanism handshake failed: Local: Timed out: broker's supported mechanisms: (n/a)", false,
         ERR_NET_UNREACHABLE},
        {RD_KAFKA_RESP_ERR__SSL, "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed", true,
         ERR_NET_SETUP},
        {RD_KAFKA_RESP_ERR__SSL, "SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading",
         false, ERR_NET_UNREACHABLE},
        {RD_KAFKA_RESP_ERR__SSL, "SSL handshake failed: SSL transport error: Connection timed out", false,
         ERR_NET_UNREACHABLE},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "t [0]: topic does not exist", false, ERR_NET_UNREACHABLE},
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        Err err[1] = {{0}};
        KafkaClient client = {.brokers = "b", .mutex = PTHREAD_MUTEX_INITIALIZER};
        on_error(NULL, CASES[i].told, CASES[i].text, &client);
        CHECK(kafka_client_refused(&client) == CASES[i].refused);
        CHECK_FAILS(KAFKA_FAIL(&client, err, RD_KAFKA_RESP_ERR__TIMED_OUT, "timed out", "ask"), CASES[i].code);
        CHECK_FAILS(KAFKA_FAIL(&client, err, RD_KAFKA_RESP_ERR__SSL, "SSL error", "commit"), CASES[i].code);
        CHECK_FAILS(KAFKA_FAIL(&client, err, RD_KAFKA_RESP_ERR__AUTHENTICATION, "failure", "commit"), CASES[i].code);
    }
}

TEST(kafka_a_refusal_of_a_token_that_is_over_is_none) {
    KafkaOptions options = {.sasl_mechanism = "OAUTHBEARER", .oauth_url = "http://127.0.0.1:1/"};
    KafkaClient client = {.brokers = "b", .mutex = PTHREAD_MUTEX_INITIALIZER, .tokens = kafka_tokens_new(&options)};
    static const char TEXT[] = "SASL authentication error: {\"status\":\"invalid_token\"}";
    kafka_tokens_set(client.tokens, SLICE("old"), 0);
    on_error(NULL, RD_KAFKA_RESP_ERR__AUTHENTICATION, TEXT, &client);
    CHECK(!kafka_client_refused(&client));
    kafka_tokens_set(client.tokens, SLICE("new"), 600); // what is refused may still be the one before
    on_error(NULL, RD_KAFKA_RESP_ERR__AUTHENTICATION, TEXT, &client);
    CHECK(!kafka_client_refused(&client));
    kafka_tokens_free(client.tokens);
    client.tokens = kafka_tokens_new(&options);
    kafka_tokens_set(client.tokens, SLICE("first"), 600);
    on_error(NULL, RD_KAFKA_RESP_ERR__AUTHENTICATION, TEXT, &client);
    CHECK(kafka_client_refused(&client));
    kafka_tokens_free(client.tokens);
}
