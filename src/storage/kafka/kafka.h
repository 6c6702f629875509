// SPDX-License-Identifier: Apache-2.0
// Kafka as leat writes and reads it: a producer whose records and position become visible in one act, and what a
// compacted topic says last of a key.
//
// A transactional producer has a stable transactional id. kafka_producer_init fences whoever else has it (an older
// process that still lives, or a network that still delivers) and waits until what that one had under way is committed
// or undone: only a position that is read after it is the last one. What was fenced gets ERR_LOCKED.
//
// Errors: ERR_NET_UNREACHABLE and ERR_NET_BUSY (fewer replicas in sync than min.insync.replicas, quotas) pass by
// themselves; ERR_NET_AUTH, ERR_NET_PERMISSION, ERR_NET_SETUP and ERR_LOCKED wait for the operator; ERR_VALUE: a record
// that the brokers do not take (too large). After any error of a producer nothing is certain but what is in the topics:
// close it, open another, init, read the position.
#ifndef LEAT_STORAGE_KAFKA_KAFKA_H
#define LEAT_STORAGE_KAFKA_KAFKA_H

#include "storage/kafka/options.h"

typedef struct KafkaPlace {
    const char *brokers;
    const KafkaOptions *options; // secrets may be references: they are resolved at each open
    const char *client_id;       // how brokers know us, in their logs and quotas
} KafkaPlace;

// --- topics ------------------------------------------------------------------------------------------------------

typedef struct KafkaTopicRules KafkaTopicRules;
// Of topic.creation.*, as Kafka Connect reads it. One partition and the cluster's own replication where nothing is
// said: one partition keeps the order of a table.
CHECKED bool kafka_topic_rules_new(Arena *arena, const KafkaOptions *options, KafkaTopicRules **rules, Err *err);
void kafka_topic_rules_release(KafkaTopicRules *rules); // what is not in the arena; NULL is fine

// --- producing ---------------------------------------------------------------------------------------------------

typedef struct KafkaProducer KafkaProducer; // one thread at a time
typedef struct KafkaTopic KafkaTopic;       // lives as long as its producer

typedef struct KafkaProducerSpec {
    KafkaPlace place;
    const char *transactional_id;   // NULL: at least once, each record by itself
    int64_t transaction_timeout_ms; // brokers undo what is open longer
    size_t memory_bytes_max;        // records that wait to be sent
    KafkaTopicRules *rules;
} KafkaProducerSpec;

typedef struct KafkaHeader {
    Slice name;
    Slice value; // data NULL = null
} KafkaHeader;

typedef struct KafkaMessage {
    Slice key, value; // data NULL = null
    int64_t timestamp_ms;
    const KafkaHeader *headers;
    size_t header_count;
} KafkaMessage;

CHECKED bool kafka_producer_open(const KafkaProducerSpec *spec, KafkaProducer **producer, Err *err);
// What is in an open transaction is undone. NULL is fine.
void kafka_producer_close(KafkaProducer *producer);
CHECKED bool kafka_producer_init(KafkaProducer *producer, Err *err);
// The topic, made by the rules when it is not there.
CHECKED bool kafka_producer_topic(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err);
// A compacted topic of one partition for small facts by key.
CHECKED bool kafka_producer_facts(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err);
// Copies the message and sends it some time. Without an open transaction it begins one. Waits while memory_bytes_max is
// taken.
CHECKED bool kafka_put(KafkaProducer *producer, KafkaTopic *topic, const KafkaMessage *message, Err *err);
// Everything put so far is in the topics, visible to read_committed readers in one act. When nobody answers it waits,
// at most as long as brokers keep a transaction open.
CHECKED bool kafka_commit(KafkaProducer *producer, Err *err);
// Without a transaction: what was put before is in the topics, before what is put after it.
CHECKED bool kafka_flush(KafkaProducer *producer, Err *err);
// Something was put since the last commit.
bool kafka_producer_pending(const KafkaProducer *producer);
// Why it waits, for reports; "" = it does not.
void kafka_producer_trouble(KafkaProducer *producer, char *text, size_t size);

// --- looking -----------------------------------------------------------------------------------------------------

// Does a broker answer, and let us in?
CHECKED bool kafka_probe(const KafkaPlace *place, Err *err);
// The newest committed value of the key in a topic made by kafka_producer_facts; *found false: none, or it was taken
// back, or there is no such topic. What is committed behind a transaction that is open there, whoever's, is not seen
// before that one ends: with `wait` it is waited for, up to brokers' undoing it. Only what was read so after
// kafka_producer_init is certainly the last.
CHECKED bool kafka_fact(const KafkaPlace *place, const char *topic, Slice key, bool wait, Arena *arena, bool *found,
                        Slice *value, Err *err);

#endif
