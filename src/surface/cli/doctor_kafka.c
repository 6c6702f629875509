// SPDX-License-Identifier: Apache-2.0
// leat doctor, Kafka: what brokers and topics are set to, against what leat asks of them, and a cluster's nodes.
#include "core/base/map.h"
#include "core/base/version.h"
#include "core/config/properties.h"
#include "core/net/http.h"
#include "core/sys/clock.h"
#include "surface/cli/doctor.h"
#include "surface/cli/output.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

enum {
    SINK_TRANSACTION_MS = 60 * 1000, // of the sinks that write into Kafka, at least
    HEARD_MS = 35 * 1000,            // a node says each ten seconds that it is there
    FORGOTTEN_MS = 3600 * 1000,      // one that said nothing for so long was taken away
    CLOCK_MS = 5 * 1000,             // HTTP tells whole seconds
    READ_MS = 15 * 1000,
    CONSUMER_BYTES = 4 << 20,
    CONSUMER_POLL_MS = 200
};

typedef struct Look {
    Doctor *doctor;
    const DoctorKafka *what;
    KafkaConsumer *consumer;
    int brokers;
    int topics;     // that were looked at
    int complaints; // about them
    bool topic_denied;
} Look;

static int64_t number_of(const Look *look, const KafkaSettings *settings, const char *name) {
    const char *text = properties_text(look->doctor->arena, &settings->values, name, NULL);
    return text != NULL ? strtoll(text, NULL, 10) : INT64_MIN;
}

static const char *duration(const Look *look, int64_t ms) {
    DEFER(buf_release) Buf text = {0};
    text_duration(&text, ms);
    return arena_text(look->doctor->arena, buf_slice(&text));
}

// --- brokers -----------------------------------------------------------------------------------------------------

static void transactions(const Look *look, const KafkaSettings *broker) {
    int64_t most = number_of(look, broker, "transaction.max.timeout.ms");
    int64_t asked = MAX(look->what->transaction_timeout_ms, SINK_TRANSACTION_MS);
    if (most == INT64_MIN) {
        return;
    }
    const char *remedy = arena_printf(look->doctor->arena,
                                      "raise the brokers' transaction.max.timeout.ms, or set transaction.timeout "
                                      "to %s at most, in the journal's URL and of sinks",
                                      duration(look, most));
    finding(look->doctor, most < asked ? FINDING_PROBLEM : FINDING_OK, "transaction.max.timeout.ms",
            most < asked ? remedy : NULL, "brokers keep a transaction open for %s at most; leat asks for %s",
            duration(look, most), duration(look, asked));
}

static void session(const Look *look, const KafkaSettings *broker) {
    int64_t least = number_of(look, broker, "group.min.session.timeout.ms");
    int64_t most = number_of(look, broker, "group.max.session.timeout.ms"), asked = look->what->session_ms;
    if (look->what->group == NULL || least == INT64_MIN || most == INT64_MIN) {
        return;
    }
    bool good = asked >= least && asked <= most;
    finding(look->doctor, good ? FINDING_OK : FINDING_PROBLEM, "cluster.session.timeout",
            good ? NULL
                 : "set cluster.session.timeout to a time between the two, or change the brokers' "
                   "group.min.session.timeout.ms and group.max.session.timeout.ms",
            "cluster.session.timeout is %s; brokers take %s to %s", duration(look, asked), duration(look, least),
            duration(look, most));
}

static void offsets_kept(const Look *look, const KafkaSettings *broker) {
    int64_t minutes = number_of(look, broker, "offsets.retention.minutes");
    if (minutes != INT64_MIN) {
        bool little = minutes < 24 * 60;
        finding(look->doctor, little ? FINDING_WARN : FINDING_OK, "offsets.retention.minutes",
                little ? "raise the brokers' offsets.retention.minutes (Kafka's default is seven days)" : NULL,
                "brokers forget the offsets of a group without members after %s", duration(look, minutes * 60 * 1000));
    }
}

static void new_topics(const Look *look, const KafkaSettings *broker) {
    int64_t replicas =
        look->what->replicas > 0 ? look->what->replicas : number_of(look, broker, "default.replication.factor");
    if (replicas != INT64_MIN && look->brokers > 1) {
        finding(look->doctor, replicas == 1 ? FINDING_WARN : FINDING_OK, "default.replication.factor",
                replicas == 1 ? "topic.creation.default.replication.factor=3, in the journal's URL and as kafka.…"
                              : NULL,
                "topics that leat makes get %" PRId64 " replica%s, on %d brokers", replicas, replicas == 1 ? "" : "s",
                look->brokers);
    }
}

static bool brokers(Look *look) {
    Err err[1] = {{0}};
    KafkaSettings broker;
    Doctor *doctor = look->doctor;
    if (!kafka_probe(&look->what->place, false, err) ||
        !kafka_consumer_settings(look->consumer, NULL, doctor->arena, &broker, err)) {
        finding_err(doctor, "kafka", err);
        return false;
    }
    look->brokers = broker.brokers;
    finding(doctor, FINDING_OK, "kafka", NULL, "Kafka at %s answers: %d broker%s", look->what->place.brokers,
            broker.brokers, broker.brokers == 1 ? "" : "s");
    if (broker.denied) {
        finding(doctor, FINDING_WARN, "acl",
                "kafka-acls.sh --add --allow-principal User:NAME --operation DescribeConfigs --cluster",
                "the brokers' settings are not told to leat's user, and were not looked at");
    }
    transactions(look, &broker);
    session(look, &broker);
    offsets_kept(look, &broker);
    new_topics(look, &broker);
    return true;
}

// --- topics ------------------------------------------------------------------------------------------------------

typedef enum TopicKind { TOPIC_KAFKAS, TOPIC_FACTS, TOPIC_LOG, TOPIC_SLOTS } TopicKind;

static void complain(Look *look, FindingLevel level, const char *check, const char *remedy, const char *text) {
    look->complaints++;
    finding(look->doctor, level, check, remedy, "%s", text);
}

static void kept(Look *look, const char *name, TopicKind kind, const KafkaSettings *topic) {
    Arena *arena = look->doctor->arena;
    const char *policy = properties_text(arena, &topic->values, "cleanup.policy", "");
    bool deletes = strstr(policy, "delete") != NULL;
    int64_t ms = number_of(look, topic, "retention.ms"), bytes = number_of(look, topic, "retention.bytes");
    if (kind == TOPIC_FACTS && (deletes || strstr(policy, "compact") == NULL)) {
        complain(
            look, FINDING_PROBLEM, "cleanup.policy",
            arena_printf(arena,
                         "kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config "
                         "cleanup.policy=compact",
                         name),
            arena_printf(arena, "cleanup.policy of topic %s is %s: what it remembers is removed by age", name, policy));
    } else if (kind == TOPIC_LOG && deletes && (ms >= 0 || bytes >= 0)) {
        complain(look, FINDING_WARN, "retention",
                 arena_printf(arena,
                              "kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config "
                              "retention.ms=-1,retention.bytes=-1   # leat removes what nobody needs",
                              name),
                 arena_printf(arena,
                              "brokers remove records of topic %s (%s%s%s): a sink that is further behind, or a start "
                              "after that time, has lost them",
                              name, ms >= 0 ? "older than " : "", ms >= 0 ? duration(look, ms) : "",
                              bytes >= 0 ? (ms >= 0 ? ", and by size" : "by size") : ""));
    }
}

static void topic_look(Look *look, const char *name, TopicKind kind) {
    Err err[1] = {{0}};
    KafkaSettings topic;
    Arena *arena = look->doctor->arena;
    if (!kafka_consumer_settings(look->consumer, name, arena, &topic, err)) {
        look->complaints++;
        finding_err(look->doctor, "topic", err);
        return;
    }
    if (topic.replicas == 0) {
        return;
    }
    look->topics++;
    if (topic.replicas == 1 && look->brokers > 1) {
        complain(look, FINDING_WARN, "replication.factor", "add replicas with kafka-reassign-partitions.sh",
                 arena_printf(arena,
                              "topic %s has one replica, on %d brokers: while its broker is away nothing goes on, and "
                              "with its disk the topic is lost",
                              name, look->brokers));
    }
    if (topic.denied && kind != TOPIC_KAFKAS && !look->topic_denied) {
        look->topic_denied = true;
        complain(
            look, FINDING_WARN, "acl",
            arena_printf(
                arena, "kafka-acls.sh --add --allow-principal User:NAME --operation DescribeConfigs --topic %s", name),
            arena_printf(arena, "the settings of topic %s are not told to leat's user, and were not looked at", name));
    }
    int64_t in_sync = number_of(look, &topic, "min.insync.replicas");
    if (kind != TOPIC_SLOTS && topic.replicas > 1 && in_sync >= topic.replicas) {
        complain(look, FINDING_WARN, "min.insync.replicas",
                 arena_printf(arena,
                              "kafka-configs.sh --alter --entity-type topics --entity-name %s --add-config "
                              "min.insync.replicas=%d",
                              name, topic.replicas - 1),
                 arena_printf(arena,
                              "min.insync.replicas of topic %s is %" PRId64
                              ", of %d replicas: each broker that is away "
                              "stops its writers",
                              name, in_sync, topic.replicas));
    }
    kept(look, name, kind, &topic);
}

static void topics(Look *look) {
    Err err[1] = {{0}};
    Arena *arena = look->doctor->arena;
    const DoctorKafka *what = look->what;
    KafkaTopicLook *all = NULL;
    size_t count = 0;
    topic_look(look, "__consumer_offsets", TOPIC_KAFKAS);
    topic_look(look, "__transaction_state", TOPIC_KAFKAS);
    if (!kafka_consumer_topics(look->consumer, arena, &all, &count, err)) {
        finding_err(look->doctor, "topic", err);
        return;
    }
    size_t prefix_size = what->prefix != NULL ? strlen(what->prefix) : 0;
    size_t group_size = what->group != NULL ? strlen(what->group) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = all[i].name;
        bool journals = prefix_size > 0 && strncmp(name, what->prefix, prefix_size) == 0 && name[prefix_size] == '.';
        bool cluster = group_size > 0 && strncmp(name, what->group, group_size) == 0;
        const char *of_journals = journals ? name + prefix_size : "", *of_cluster = cluster ? name + group_size : "";
        size_t size = strlen(of_journals);
        if (strcmp(of_journals, ".pins") == 0 || strcmp(of_journals, ".schemas") == 0 ||
            strcmp(of_cluster, "-configs") == 0 || strcmp(of_cluster, "-status") == 0) {
            topic_look(look, name, TOPIC_FACTS);
        } else if (strcmp(of_cluster, "-assign") == 0) {
            topic_look(look, name, TOPIC_SLOTS);
        } else if (size > 8 && strcmp(of_journals + size - 8, ".journal") == 0) {
            topic_look(look, name, TOPIC_LOG);
        }
    }
    if (look->topics > 0 && look->complaints == 0) {
        finding(look->doctor, FINDING_OK, "topics", NULL,
                "%d topics of leat and Kafka: replicas and retention are fine", look->topics);
    }
}

// --- nodes -------------------------------------------------------------------------------------------------------

typedef struct Node {
    const char *id, *url, *version; // url NULL: it has said that it goes
    int64_t said_ms;
} Node;

static void node_take(Map *nodes, Arena *arena, const KafkaFetched *record) {
    Err ignored[1] = {{0}};
    Properties said;
    if (record->key.size < 3 || memcmp(record->key.data, "n/", 2) != 0) {
        return;
    }
    Node *node = map_find(nodes, record->key);
    if (node == NULL) {
        node = ARENA_NEW(arena, Node);
        map_put(nodes, record->key, node);
    }
    *node = (Node){.id = arena_text(arena, slice_from(record->key, 2)), .said_ms = record->timestamp_ms};
    if (record->value.size > 0 && properties_parse(arena, record->value, &said, ignored)) {
        node->url = properties_text(arena, &said, "url", NULL);
        node->version = properties_text(arena, &said, "version", "?");
    }
}

static bool nodes_read(const Look *look, const char *topic, Map *nodes, Err *err) {
    KafkaPartition from = {.topic = topic};
    const KafkaFetched *records = NULL;
    size_t count = 0;
    int64_t end, deadline = clock_monotonic_us() + READ_MS * INT64_C(1000);
    TRY(kafka_consumer_bounds(look->consumer, topic, 0, &from.offset, &end, err));
    TRY(kafka_consumer_assign(look->consumer, &from, 1, err));
    for (;;) {
        TRY(kafka_consumer_poll(look->consumer, CONSUMER_POLL_MS, &records, &count, err));
        for (size_t i = 0; i < count; i++) {
            if (records[i].kind != KAFKA_FETCHED) {
                return true;
            }
            node_take(nodes, look->doctor->arena, &records[i]);
        }
        if (clock_monotonic_us() > deadline) {
            return FAIL(err, ERR_NET_UNREACHABLE, "topic %s cannot be read to its end", topic);
        }
    }
}

static void node_visit(const Look *look, HttpClient *client, const Node *node) {
    Err err[1] = {{0}};
    HttpAnswer answer = {0};
    Doctor *doctor = look->doctor;
    int64_t then_ms, before_ms = clock_wall_us() / 1000;
    HttpRequest request = {.method = "GET", .url = node->url, .file = -1};
    if (!http_send(client, &request, &answer, err)) {
        finding(
            doctor, FINDING_PROBLEM, "node",
            "cluster.advertised.url of each node must be reached from all others (and from here): see listen.connect, "
            "firewalls and, with TLS, cluster.ca.location",
            "node %s is not reached at %s: %s", node->id, node->url, err->message);
    } else {
        finding(doctor, FINDING_OK, "node", NULL, "node %s answers at %s, leat %s", node->id, node->url, node->version);
        int64_t now_ms = clock_wall_us() / 1000;
        if (http_date(http_header(&answer, "date"), &then_ms) &&
            (then_ms + CLOCK_MS < before_ms || then_ms - CLOCK_MS > now_ms)) {
            finding(doctor, FINDING_WARN, "clock", "let NTP set the clocks of all nodes",
                    "the clock of node %s is %s %s this machine's", node->id,
                    duration(look, llabs(then_ms - before_ms)), then_ms < before_ms ? "behind" : "ahead of");
        }
    }
    http_answer_release(&answer);
}

static void nodes_visit(const Look *look, const Map *nodes) {
    Err err[1] = {{0}};
    HttpClient *client = NULL;
    const char *version = NULL;
    int64_t now_ms = clock_wall_us() / 1000;
    bool differ = false;
    const HttpClientOptions options = {
        .connect_ms = 3000, .stalled_ms = 5000, .ca_file = look->what->ca_file, .proxy = ""};
    if (!http_client_open(&options, &client, err)) {
        finding_err(look->doctor, "node", err);
        return;
    }
    for (MapEntry *at = NULL; (at = map_next(nodes, at)) != NULL;) {
        const Node *node = at->value;
        if (node->url == NULL || now_ms - node->said_ms > FORGOTTEN_MS) {
            continue;
        }
        if (now_ms - node->said_ms > HEARD_MS) {
            finding(look->doctor, FINDING_WARN, "node", "is it to run? see its log, and /health there",
                    "node %s has said nothing for %s", node->id, duration(look, now_ms - node->said_ms));
            continue;
        }
        node_visit(look, client, node);
        differ = differ || (version != NULL && strcmp(version, node->version) != 0) ||
                 strcmp(node->version, LEAT_VERSION) != 0;
        version = node->version;
    }
    if (differ) {
        finding(look->doctor, FINDING_WARN, "version", "update all nodes within a short time",
                "not all nodes are of the same version as this leat, " LEAT_VERSION);
    }
    http_client_close(client);
}

static void cluster(const Look *look) {
    Err err[1] = {{0}};
    Map nodes = {0};
    const char *topic = arena_printf(look->doctor->arena, "%s-status", look->what->group);
    if (nodes_read(look, topic, &nodes, err)) {
        nodes_visit(look, &nodes);
    } else if (err->code == ERR_NOT_FOUND) {
        finding(look->doctor, FINDING_OK, "node", NULL, "cluster %s has had no node yet", look->what->group);
    } else {
        finding_err(look->doctor, "node", err);
    }
    map_release(&nodes);
}

void doctor_kafka(Doctor *doctor, const DoctorKafka *what) {
    Err err[1] = {{0}};
    Look look = {.doctor = doctor, .what = what};
    const KafkaConsumerSpec spec = {
        .place = what->place, .uncommitted = true, .memory_bytes_max = CONSUMER_BYTES, .request_ms = READ_MS};
    if (!kafka_consumer_open(&spec, &look.consumer, err)) {
        finding_err(doctor, "kafka", err);
        return;
    }
    if (brokers(&look)) {
        topics(&look);
        if (what->group != NULL) {
            cluster(&look);
        }
    }
    kafka_consumer_close(look.consumer);
}
