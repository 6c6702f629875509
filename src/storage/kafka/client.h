// SPDX-License-Identifier: Apache-2.0
// One handle of librdkafka, with its configuration made of ours, its log in ours, its errors as ours. For this room
// alone: nobody else sees librdkafka.
#ifndef LEAT_STORAGE_KAFKA_CLIENT_H
#define LEAT_STORAGE_KAFKA_CLIENT_H

#include "storage/kafka/kafka.h"
#include "storage/kafka/tokens.h"

#include <librdkafka/rdkafka.h>
#include <pthread.h>

typedef struct KafkaSetting {
    const char *name, *value;
    bool fixed; // what leat's guarantees stand on: an override of it is refused
} KafkaSetting;

typedef struct KafkaClient {
    rd_kafka_t *handle;
    const char *brokers;
    bool old_scram;        // a SCRAM that brokers of Kafka 4 do not take: see kafka_fail
    KafkaTokens *tokens;   // NULL: it needs none
    size_t waiting_bytes;  // of messages put and not told of; of the thread that puts
    pthread_mutex_t mutex; // over what follows; librdkafka's threads write it
    rd_kafka_resp_err_t said;
    char said_text[256]; // of the newest error that no call has returned
    bool down;           // see kafka_client_down
    int64_t delivered;   // offset of the newest record that is in its topic
    rd_kafka_resp_err_t undelivered;
    char undelivered_topic[256]; // of the first message that could not be delivered
} KafkaClient;

// The handle connects by itself, later. ERR_OPTION names the setting that librdkafka does not take.
CHECKED bool kafka_client_open(KafkaClient *client, const KafkaPlace *place, rd_kafka_type_t type,
                               const KafkaSetting *settings, size_t count, Err *err);
// A consumer that joins its group: what the group gives and takes is told to `rebalance`, whose context is the client.
typedef void KafkaRebalance(rd_kafka_t *handle, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                            void *client);
CHECKED bool kafka_client_open_member(KafkaClient *client, const KafkaPlace *place, KafkaRebalance *rebalance,
                                      const KafkaSetting *settings, size_t count, Err *err);
void kafka_client_close(KafkaClient *client); // one that was not opened is fine
// The same, at most so long. False: threads of librdkafka have not ended, so the client stays theirs for ever. Versions
// below 2.1.1 wait for themselves once a topic that is read was deleted.
bool kafka_client_close_within(KafkaClient *client, int timeout_ms);
// A broker lets nobody in: waiting does not help.
bool kafka_client_refused(KafkaClient *client);
// Connections to all brokers have failed at least once, since the beginning: refused, most often.
bool kafka_client_down(KafkaClient *client);
// What it says passes by itself, unless the client was refused.
bool kafka_passes(rd_kafka_resp_err_t code);
// There is no such topic or partition, as who said so knows.
bool kafka_unknown(rd_kafka_resp_err_t code);
// The same, or LEADER_NOT_AVAILABLE for a topic that is not known, though it was when it was opened: a broker that has
// just come back, or has not heard of a new topic yet, knows none for a moment, and librdkafka takes its word for it.
// If it is gone indeed, opening it again will tell, or make it.
rd_kafka_resp_err_t kafka_code_opened(rd_kafka_resp_err_t code);
// leat's user lacks the right.
bool kafka_denies(rd_kafka_resp_err_t code);
// An error of librdkafka's as ours: what failed, where, why, and what to do.
bool kafka_fail(KafkaClient *client, Err *err, const char *file, int line, rd_kafka_resp_err_t code, const char *text,
                const char *what);
#define KAFKA_FAIL(client, err, code, text, what) \
    kafka_fail((client), (err), __FILE__, __LINE__, (code), (text), (what))

#endif
