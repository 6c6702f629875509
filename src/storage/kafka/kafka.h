// SPDX-License-Identifier: Apache-2.0
// Kafka as leat writes and reads it: a producer whose records and position become visible in one act, a consumer that
// keeps no state of its own, and what a compacted topic says last of a key.
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

#include "core/config/properties.h"
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
    // Its owner waits for all that it puts (kafka_commit, kafka_flush): until then only full batches are sent. (While a
    // partition has five on the way, and a record that has lingered, librdkafka's thread looks for room without pause.)
    bool flushes;
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
    int32_t partition; // -1 = that of the key's hash; without a key any
} KafkaMessage;

CHECKED bool kafka_producer_open(const KafkaProducerSpec *spec, KafkaProducer **producer, Err *err);
// What is in an open transaction is undone. NULL is fine.
void kafka_producer_close(KafkaProducer *producer);
CHECKED bool kafka_producer_init(KafkaProducer *producer, Err *err);
// The topic, made by the rules when it is not there.
CHECKED bool kafka_producer_topic(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err);
// A compacted topic of one partition for small facts by key.
CHECKED bool kafka_producer_facts(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err);
// A topic of one partition that is a log: nothing of it goes by age or size. topic.creation.default says the rest.
CHECKED bool kafka_producer_log(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err);
// Copies the message and sends it some time. Without an open transaction it begins one. Waits while memory_bytes_max is
// taken.
CHECKED bool kafka_put(KafkaProducer *producer, KafkaTopic *topic, const KafkaMessage *message, Err *err);
// Everything put so far is in the topics, visible to read_committed readers in one act. When nobody answers it waits,
// at most as long as brokers keep a transaction open.
CHECKED bool kafka_commit(KafkaProducer *producer, Err *err);
// Without a transaction: what was put before is in the topics, before what is put after it.
CHECKED bool kafka_flush(KafkaProducer *producer, Err *err);
// The offset that the newest record got which is in its topic: ask behind kafka_commit.
int64_t kafka_producer_last(KafkaProducer *producer);
// Deletes the records of partition 0 that are below `before`.
CHECKED bool kafka_delete_below(KafkaProducer *producer, KafkaTopic *topic, int64_t before, Err *err);
// Deletes the topic; brokers do it some time later.
CHECKED bool kafka_topic_delete(KafkaProducer *producer, KafkaTopic *topic, Err *err);
// Why it waits, for reports; "" = it does not.
void kafka_producer_trouble(KafkaProducer *producer, char *text, size_t size);

// --- consuming ---------------------------------------------------------------------------------------------------

// Reads partitions that its caller names, from offsets that its caller keeps. It joins no group: the group's offsets
// are only looked at and set, so that Kafka's own tools see them.
typedef struct KafkaConsumer KafkaConsumer; // one thread at a time, but kafka_consumer_wake

typedef struct KafkaConsumerSpec {
    KafkaPlace place;
    const char *group;       // whose offsets; NULL = none are asked for or set
    bool uncommitted;        // records of open and undone transactions too
    size_t memory_bytes_max; // records that wait to be taken
    int request_ms;          // how long one question may take; 0 = a time that suits work that must be done
} KafkaConsumerSpec;

enum { KAFKA_OFFSET_NONE = -1 };

// A partition and a place in it: of the record that comes next.
typedef struct KafkaPartition {
    const char *topic;
    int32_t partition;
    int64_t offset;
    const char *note; // what stands beside a group's offset; NULL or "" = nothing
} KafkaPartition;

// Beside an offset that leat has given a group stands "leat:READER".
const char *kafka_note(Arena *arena, Slice reader);
typedef enum KafkaSetBy {
    KAFKA_SET_BY_NOBODY, // the group has no offset
    KAFKA_SET_BY_SELF,
    KAFKA_SET_BY_READER, // another one of leat's: *name
    KAFKA_SET_BY_OTHER,  // somebody else has set it (Connect, kafka-consumer-groups): it says where to go on
} KafkaSetBy;
// Whose the group's offset is, for the reader with this note.
KafkaSetBy kafka_set_by(const KafkaPartition *group, const char *note, const char **name);

typedef enum KafkaFetchedKind {
    KAFKA_FETCHED,
    KAFKA_AT_END,       // `offset` comes next; records that nobody sees (transactions' markers) are passed over
    KAFKA_OUT_OF_RANGE, // what was asked for is not in the partition: removed, or never there. Nothing more comes of it
    KAFKA_GONE,         // there is no such topic or partition (any more)
} KafkaFetchedKind;

// Borrowed until the next poll.
typedef struct KafkaFetched {
    KafkaFetchedKind kind;
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;       // -1 = none
    Slice key, value;           // data NULL = null
    const KafkaHeader *headers; // NULL before kafka_consumer_headers
    size_t header_count;
} KafkaFetched;

typedef struct KafkaTopicLook {
    const char *name;
    int32_t partitions;
} KafkaTopicLook;

CHECKED bool kafka_consumer_open(const KafkaConsumerSpec *spec, KafkaConsumer **consumer, Err *err);
void kafka_consumer_close(KafkaConsumer *consumer); // NULL is fine
// All topics that leat's user may see, in the order of their names, without those of the brokers themselves.
CHECKED bool kafka_consumer_topics(KafkaConsumer *consumer, Arena *arena, KafkaTopicLook **topics, size_t *count,
                                   Err *err);
// The id that this Kafka gave itself when it was made, as brokers tell it.
CHECKED bool kafka_consumer_cluster(KafkaConsumer *consumer, Arena *arena, const char **id, Err *err);
// The offsets of a partition: of its first record that there is, and behind its last one that readers see (behind no
// transaction that is open, but with `uncommitted`). `first` NULL: only the end, in one question. ERR_NOT_FOUND: there
// is no such partition.
CHECKED bool kafka_consumer_bounds(KafkaConsumer *consumer, const char *topic, int32_t partition, int64_t *first,
                                   int64_t *end, Err *err);
// Puts into each `offset`, which is a time in ms, or KAFKA_SINCE_FIRST or KAFKA_SINCE_END, the offset of the first
// record that is not older: KAFKA_OFFSET_NONE where there is none (up to the end that readers see). One question a
// broker.
enum { KAFKA_SINCE_END = -1, KAFKA_SINCE_FIRST = -2 };
CHECKED bool kafka_consumer_since(KafkaConsumer *consumer, KafkaPartition *partitions, size_t count, Err *err);
// What brokers remove of the topic (cleanup.policy, retention.*). ERR_NET_PERMISSION: it is not told.
typedef struct KafkaTopicPolicy {
    bool compacts;                         // all but the newest record of each key
    bool expires;                          // what is older than retention.ms, or more than retention.bytes
    int64_t retention_ms, retention_bytes; // of a partition; -1 = no limit, or it does not expire
} KafkaTopicPolicy;
CHECKED bool kafka_consumer_policy(KafkaConsumer *consumer, const char *topic, KafkaTopicPolicy *policy, Err *err);
// What is set, for who looks for mistakes.
typedef struct KafkaSettings {
    int brokers;  // how many there are
    int replicas; // of a topic: the fewest that a partition of it has; 0 = there is no such topic, or none we may see
    bool denied;  // leat's user has no DESCRIBE_CONFIGS: `values` is empty
    Properties values; // names and values as brokers have them; in the arena
} KafkaSettings;
// Of a topic; NULL: of the first broker.
CHECKED bool kafka_consumer_settings(KafkaConsumer *consumer, const char *topic, Arena *arena, KafkaSettings *settings,
                                     Err *err);
// These partitions are read from now on, beside those assigned before.
CHECKED bool kafka_consumer_assign(KafkaConsumer *consumer, const KafkaPartition *partitions, size_t count, Err *err);
// Nothing more comes of these.
CHECKED bool kafka_consumer_drop(KafkaConsumer *consumer, const KafkaPartition *partitions, size_t count, Err *err);
// Fetching stops, or goes on, for all.
CHECKED bool kafka_consumer_pause(KafkaConsumer *consumer, bool paused, Err *err);
// Some records of one or more partitions, in order in each; waits up to `timeout_ms` for the first. A record's errors
// are the partition's: see KafkaFetchedKind. The call's own are the connection's; what passes by itself is not told.
CHECKED bool kafka_consumer_poll(KafkaConsumer *consumer, int timeout_ms, const KafkaFetched **records, size_t *count,
                                 Err *err);
// Reads the headers of a record of the last poll into it: each is an allocation of librdkafka's, so none is read that
// nobody wants.
void kafka_consumer_headers(KafkaConsumer *consumer, const KafkaFetched *record);
// Ends a poll of another thread, or the next one.
void kafka_consumer_wake(KafkaConsumer *consumer);
// Sets offset and note of each to the group's, in the arena; KAFKA_OFFSET_NONE where it has none.
CHECKED bool kafka_consumer_committed(KafkaConsumer *consumer, Arena *arena, KafkaPartition *partitions, size_t count,
                                      Err *err);
// Sets the group's. ERR_LOCKED: the group has members, and takes none from others.
CHECKED bool kafka_consumer_commit(KafkaConsumer *consumer, const KafkaPartition *partitions, size_t count, Err *err);
// Deletes the group; one that is not there is fine.
CHECKED bool kafka_consumer_group_delete(KafkaConsumer *consumer, Err *err);

// --- looking -----------------------------------------------------------------------------------------------------

// Does a broker answer, and let us in? That is waited for for 15 s. When a connection to each has failed (most often:
// was refused), for 3 s only, unless brokers were `met` there before: those are away, and come back; else the address
// may be wrong.
CHECKED bool kafka_probe(const KafkaPlace *place, bool met, Err *err);
// The newest committed value of the key in a topic made by kafka_producer_facts; *found false: none, or it was taken
// back, or there is no such topic. What is committed behind a transaction that is open there, whoever's, is not seen
// before that one ends: with `wait` it is waited for, up to brokers' undoing it. Only what was read so after
// kafka_producer_init is certainly the last.
CHECKED bool kafka_fact(const KafkaPlace *place, const char *topic, Slice key, bool wait, Arena *arena, bool *found,
                        Slice *value, Err *err);

#endif
