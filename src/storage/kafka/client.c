// SPDX-License-Identifier: Apache-2.0
#include "storage/kafka/client.h"

#include "core/base/log.h"
#include "core/config/seal.h"
#include "core/config/secret.h"

#include <time.h>

// The first that sends the nonce once, as RFC 5802 has it.
#define SCRAM_VERSION 0x020601ff

// --- what librdkafka tells ---------------------------------------------------------------------------------------

static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text) {
    if (level <= 2) {
        log_error(LOG_SINK, "librdkafka", LOG_TEXT("facility", facility), LOG_TEXT("text", text));
    } else if (level <= 4) {
        log_warn(LOG_SINK, "librdkafka", LOG_TEXT("facility", facility), LOG_TEXT("text", text));
    } else {
        log_debug(LOG_SINK, "librdkafka", LOG_TEXT("facility", facility), LOG_TEXT("text", text));
    }
}

static bool is_refusal(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
           code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || code == RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM;
}

// That a broker lets nobody in stays until another one does not: that all are away follows from it.
static void say(KafkaClient *client, rd_kafka_resp_err_t code, const char *text) {
    pthread_mutex_lock(&client->mutex);
    code = kafka_code_opened(code); // it is told of topics that are read, each time that a broker does not know one
    client->down |= code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    bool follows = code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && client->said != 0;
    if (!follows && (is_refusal(code) || !is_refusal(client->said))) {
        client->said = code;
        snprintf(client->said_text, sizeof(client->said_text), "%s", text);
    }
    pthread_mutex_unlock(&client->mutex);
}

// librdkafka calls each end of a handshake a refusal, also that the connection broke or nobody answered in it. Of TLS
// it knows how OpenSSL 1.1 said so.
static bool is_broken_handshake(int code, const char *text) {
    if (code == RD_KAFKA_RESP_ERR__SSL) {
        return strstr(text, "unexpected eof while reading") != NULL || strstr(text, "SSL transport error") != NULL;
    }
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION &&
           (strstr(text, rd_kafka_err2str(RD_KAFKA_RESP_ERR__TRANSPORT)) != NULL ||
            strstr(text, rd_kafka_err2str(RD_KAFKA_RESP_ERR__TIMED_OUT)) != NULL);
}

static void on_error(rd_kafka_t *handle, int number, const char *text, void *context) {
    KafkaClient *client = context;
    number = is_broken_handshake(number, text) ? RD_KAFKA_RESP_ERR__TRANSPORT : number;
    if (number == RD_KAFKA_RESP_ERR__AUTHENTICATION && kafka_tokens_over(client->tokens)) {
        number = RD_KAFKA_RESP_ERR__TRANSPORT;
    }
    if (number != RD_KAFKA_RESP_ERR__AUTHENTICATION || !kafka_tokens_away(client->tokens)) {
        say(client, (rd_kafka_resp_err_t)number, text);
    }
}

// In librdkafka's background thread. Errors that it is told reach us only where the handle is polled.
static void on_token(rd_kafka_t *handle, const char *config, void *context) {
    KafkaClient *client = context;
    Err err[1] = {{0}};
    (void)config;
    if (!kafka_tokens_refresh(client->tokens, handle, err)) {
        bool away = kafka_tokens_away(client->tokens);
        say(client, away ? RD_KAFKA_RESP_ERR__TRANSPORT : RD_KAFKA_RESP_ERR__AUTHENTICATION, err->message);
    }
}

bool kafka_client_refused(KafkaClient *client) {
    pthread_mutex_lock(&client->mutex);
    bool refused = is_refusal(client->said);
    pthread_mutex_unlock(&client->mutex);
    return refused;
}

bool kafka_client_down(KafkaClient *client) {
    pthread_mutex_lock(&client->mutex);
    bool down = client->down;
    pthread_mutex_unlock(&client->mutex);
    return down;
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *context) {
    KafkaClient *client = context;
    bool purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    client->waiting_bytes -= message->key_len + message->len;
    pthread_mutex_lock(&client->mutex);
    client->delivered = message->err == 0 ? message->offset : client->delivered;
    if (message->err != 0 && !purged && client->undelivered == 0) {
        client->undelivered = message->err;
        snprintf(client->undelivered_topic, sizeof(client->undelivered_topic), "%s",
                 message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "");
    }
    pthread_mutex_unlock(&client->mutex);
}

// --- errors ------------------------------------------------------------------------------------------------------

typedef struct Meaning {
    rd_kafka_resp_err_t code;
    ErrCode ours;
    const char *hint;
} Meaning;

#define ACL_HINT  "give leat's user the ACLs that docs/sinks/kafka.md lists"
#define SIZE_HINT "raise producer.override.max.request.size, and the topic's max.message.bytes"
#define AUTH_HINT "see security.protocol, sasl.mechanism, sasl.username, sasl.password"
static const Meaning MEANINGS[] = {
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, ERR_NET_BUSY,
     "fewer replicas are in sync than min.insync.replicas: leat waits for the brokers that are missing"},
    {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND, ERR_NET_BUSY,
     "fewer replicas are in sync than min.insync.replicas: leat waits for the brokers that are missing"},
    {RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED, ERR_NET_BUSY, "a quota of the cluster is used up"},
    {RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR, ERR_NET_BUSY, "a broker's disk has failed or is full"},
    {RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, ERR_NET_BUSY, NULL},
    {RD_KAFKA_RESP_ERR_UNKNOWN, ERR_NET_BUSY, "a broker has failed within: its log says why"},
    {RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT, ERR_NET_BUSY, NULL}, // of a transaction that is open
    {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ERR_NET_BUSY, NULL},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, ERR_NET_AUTH, AUTH_HINT},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, ERR_NET_AUTH, AUTH_HINT},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, ERR_NET_AUTH, AUTH_HINT},
    {RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, ERR_NET_AUTH, AUTH_HINT},
    {RD_KAFKA_RESP_ERR__SSL, ERR_NET_SETUP,
     "see security.protocol and ssl.ca.location; certificates name the addresses that brokers advertise"},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_NET_PERMISSION, ACL_HINT},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERR_NET_PERMISSION, ACL_HINT},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_NET_PERMISSION, ACL_HINT},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ERR_NET_PERMISSION, ACL_HINT},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_NET_SETUP,
     "make the topic, or let leat make it: topic.creation.enable=true"},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_NET_SETUP,
     "make the topic, or let leat make it: topic.creation.enable=true"},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_NET_SETUP, "names of topics are 1 to 249 of a-z A-Z 0-9 . _ -"},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_NET_SETUP,
     "set topic.creation.default.replication.factor to what the cluster's brokers allow"},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_NET_SETUP, "see topic.creation.default.partitions"},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_NET_SETUP, "see topic.creation.*"},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ERR_NET_SETUP, "the cluster's policy does not allow such a topic"},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, ERR_NET_SETUP,
     "set transaction.timeout to at most the brokers' transaction.max.timeout.ms"},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, ERR_NET_SETUP,
     "set cluster.session.timeout to a time from the brokers' group.min.session.timeout.ms to their "
     "group.max.session.timeout.ms: leat doctor says them"},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, ERR_NET_SETUP, NULL},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ERR_NET_SETUP, "transactions need brokers of Kafka 0.11 and newer"},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_VALUE, SIZE_HINT},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, ERR_VALUE, SIZE_HINT},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, ERR_VALUE,
     "the topic takes no such record: one that is compacted takes none without a key"},
    {RD_KAFKA_RESP_ERR__FENCED, ERR_LOCKED,
     "another process writes under this pipeline's name: each cluster knows a name once"},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, ERR_LOCKED,
     "another process writes under this pipeline's name: each cluster knows a name once"},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, ERR_LOCKED,
     "another process writes under this pipeline's name: each cluster knows a name once"},
    {RD_KAFKA_RESP_ERR__TRANSPORT, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR__RESOLVE, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE, ERR_NET_UNREACHABLE, NULL}, // of a leader that has just become one
    {RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_NOT_COORDINATOR, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR__WAIT_COORD, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR__WAIT_CACHE, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_NOT_CONTROLLER, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_LISTENER_NOT_FOUND, ERR_NET_UNREACHABLE, NULL}, // of a leader that begins
    {RD_KAFKA_RESP_ERR_FETCH_SESSION_ID_NOT_FOUND, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_INVALID_FETCH_SESSION_EPOCH, ERR_NET_UNREACHABLE, NULL},
    {RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED, ERR_NET_UNREACHABLE, NULL},
};

static const Meaning *meaning_of(rd_kafka_resp_err_t code) {
    for (size_t i = 0; i < ARRAY_LEN(MEANINGS); i++) {
        if (MEANINGS[i].code == code) {
            return &MEANINGS[i];
        }
    }
    return NULL;
}

// What waits for a connection ends with the code of any end of its handshakes: whether that was a refusal, on_error was
// told.
static bool is_handshake(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL;
}

bool kafka_passes(rd_kafka_resp_err_t code) {
    const Meaning *meaning = meaning_of(is_handshake(code) ? RD_KAFKA_RESP_ERR__TRANSPORT : code);
    return meaning != NULL && (meaning->ours == ERR_NET_UNREACHABLE || meaning->ours == ERR_NET_BUSY);
}

bool kafka_denies(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
           code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
}

bool kafka_unknown(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

rd_kafka_resp_err_t kafka_code_opened(rd_kafka_resp_err_t code) {
    return kafka_unknown(code) ? RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE : code;
}

bool kafka_fail(KafkaClient *client, Err *err, const char *file, int line, rd_kafka_resp_err_t code, const char *text,
                const char *what) {
    char said[256], topic[256];
    pthread_mutex_lock(&client->mutex);
    rd_kafka_resp_err_t before = client->said, undelivered = client->undelivered;
    snprintf(said, sizeof(said), "%s", client->said_text);
    snprintf(topic, sizeof(topic), "%s", client->undelivered_topic);
    pthread_mutex_unlock(&client->mutex);
    const Meaning *meaning = meaning_of(code);
    if (meaning != NULL && meaning->ours == ERR_LOCKED) {
        topic[0] = '\0';
    } else if (undelivered != 0) { // why a transaction had to end
        meaning = meaning_of(kafka_code_opened(undelivered));
        code = undelivered;
        text = rd_kafka_err2str(undelivered);
    }
    if (is_handshake(code)) {
        meaning = meaning_of(RD_KAFKA_RESP_ERR__TRANSPORT);
    }
    bool away = meaning == NULL || meaning->ours == ERR_NET_UNREACHABLE;
    if (away && before != 0 && meaning_of(before) != NULL) { // why nobody answers
        meaning = meaning_of(before);
        text = said;
    }
    err_fail(err, file, line, meaning != NULL ? meaning->ours : ERR_NET_PROTOCOL, "Kafka at %.100s: %s%s%.100s: %.250s",
             client->brokers, what, topic[0] != '\0' ? ": topic " : "", topic, text);
    if (err->code == ERR_NET_AUTH && client->old_scram) {
        return err_hint(
            err,
            "besides user and password: SCRAM of librdkafka %s, before 2.6.1, is refused by brokers of Kafka "
            "4 and newer; update librdkafka, or use sasl.mechanism=PLAIN with security.protocol=SASL_SSL",
            rd_kafka_version_str());
    }
    return meaning != NULL && meaning->hint != NULL ? err_hint(err, "%s", meaning->hint) : false;
}

// --- configuration -----------------------------------------------------------------------------------------------

// Names of Java's client for what librdkafka calls otherwise.
static const char *const NAMES[][2] = {{"max.request.size", "message.max.bytes"},
                                       {"ssl.truststore.location", "ssl.ca.location"},
                                       {"sasl.mechanism", "sasl.mechanisms"},
                                       {"max.poll.records", NULL},
                                       {"key.serializer", NULL},
                                       {"value.serializer", NULL},
                                       {"key.deserializer", NULL},
                                       {"value.deserializer", NULL},
                                       {"ssl.truststore.type", NULL},
                                       {"max.block.ms", NULL}};

static bool conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, Err *err) {
    char problem[256];
    if (value == NULL || value[0] == '\0' ||
        rd_kafka_conf_set(conf, name, value, problem, sizeof(problem)) == RD_KAFKA_CONF_OK) {
        return true;
    }
    // Its words may repeat the value.
    FAIL(err, ERR_OPTION, "librdkafka does not take %s=%s", name, seal_is_secret(slice_of(name)) ? "******" : value);
    return err_hint(err, "its options are listed in CONFIGURATION.md of librdkafka %s", rd_kafka_version_str());
}

static bool resolved_set(rd_kafka_conf_t *conf, Arena *arena, const char *name, const char *value, Err *err) {
    char *text = NULL;
    if (value == NULL || value[0] == '\0') {
        return true;
    }
    if (!secret_resolve(value, arena, &text, err)) {
        return err_prefix(err, "%s", name);
    }
    return conf_set(conf, name, text, err);
}

// name="VALUE" of a line for JAAS.
static const char *jaas_value(Arena *arena, const char *jaas, const char *name) {
    const char *at = strstr(jaas, name);
    at = at != NULL ? at + strlen(name) : "";
    at += strspn(at, " ");
    at += *at == '=';
    at += strspn(at, " ");
    size_t size = *at == '"' || *at == '\'' ? strcspn(at + 1, *at == '"' ? "\"" : "'") : 0;
    return size > 0 ? arena_printf(arena, "%.*s", (int)size, at + 1) : NULL;
}

static bool jaas_set(rd_kafka_conf_t *conf, Arena *arena, const char *value, Err *err) {
    char *jaas = NULL;
    TRY(secret_resolve(value, arena, &jaas, err));
    const char *user = jaas_value(arena, jaas, "username"), *password = jaas_value(arena, jaas, "password");
    if (user == NULL || password == NULL) {
        FAIL(err, ERR_OPTION, "sasl.jaas.config: no username=\"…\" and password=\"…\" in it");
        return err_hint(err, "use sasl.username and sasl.password");
    }
    return conf_set(conf, "sasl.username", user, err) && conf_set(conf, "sasl.password", password, err);
}

static bool override_set(rd_kafka_conf_t *conf, Arena *arena, Slice key, Slice value, const KafkaSetting *settings,
                         size_t count, Err *err) {
    const char *name = arena_text(arena, key), *text = arena_text(arena, value);
    if (strcmp(name, "sasl.jaas.config") == 0) {
        return jaas_set(conf, arena, text, err);
    }
    if (strcmp(name, "buffer.memory") == 0) {
        return true; // memory.limit says it
    }
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (strcmp(NAMES[i][0], name) == 0 && NAMES[i][1] == NULL) {
            log_debug(LOG_SINK, "librdkafka has no such option", LOG_TEXT("option", name));
            return true;
        }
        name = strcmp(NAMES[i][0], name) == 0 ? NAMES[i][1] : name;
    }
    for (size_t i = 0; i < count; i++) {
        if (settings[i].fixed && strcmp(settings[i].name, name) == 0 && strcmp(settings[i].value, text) != 0) {
            FAIL(err, ERR_OPTION, "override.%s: it is %s here", name, settings[i].value);
            return err_hint(err, "leat's guarantees stand on it: leave it out");
        }
    }
    return resolved_set(conf, arena, name, text, err);
}

static bool security_set(rd_kafka_conf_t *conf, Arena *arena, const KafkaOptions *options, Err *err) {
    bool sasl = strncmp(options->security_protocol, "SASL", 4) == 0;
    bool plain = strcmp(options->sasl_mechanism, "PLAIN") == 0 || strncmp(options->sasl_mechanism, "SCRAM", 5) == 0;
    TRY(conf_set(conf, "security.protocol", options->security_protocol, err));
    TRY(resolved_set(conf, arena, "ssl.ca.location", options->ssl_ca, err));
    TRY(resolved_set(conf, arena, "ssl.certificate.location", options->ssl_certificate, err));
    TRY(resolved_set(conf, arena, "ssl.key.location", options->ssl_key, err));
    TRY(resolved_set(conf, arena, "ssl.key.password", options->ssl_key_password, err));
    TRY(conf_set(conf, "ssl.endpoint.identification.algorithm", options->ssl_identification, err));
    if (!sasl) {
        return true;
    }
    TRY(conf_set(conf, "sasl.mechanisms", options->sasl_mechanism, err));
    return !plain || (resolved_set(conf, arena, "sasl.username", options->sasl_username, err) &&
                      resolved_set(conf, arena, "sasl.password", options->sasl_password, err));
}

static bool conf_make(rd_kafka_conf_t *conf, Arena *arena, const KafkaPlace *place, rd_kafka_type_t type,
                      const KafkaSetting *settings, size_t count, Err *err) {
    const KafkaOptions *options = place->options;
    TRY(conf_set(conf, "bootstrap.servers", place->brokers, err));
    TRY(conf_set(conf, "client.id", place->client_id, err));
    TRY(conf_set(conf, "socket.nagle.disable", "true", err));
    TRY(conf_set(conf, "reconnect.backoff.max.ms", "2000", err));
    TRY(conf_set(conf, "log.connection.close", "false", err));
    TRY(security_set(conf, arena, options, err));
    for (size_t i = 0; i < count; i++) {
        TRY(conf_set(conf, settings[i].name, settings[i].value, err));
    }
    Slice key, value;
    const char *overrides = type == RD_KAFKA_PRODUCER ? options->producer_override : options->consumer_override;
    for (const char *at = overrides; option_map_next(&at, &key, &value);) {
        if (!override_set(conf, arena, key, value, settings, count, err)) {
            return err_prefix(err, type == RD_KAFKA_PRODUCER ? "producer.override" : "consumer.override");
        }
    }
    return true;
}

// --- life --------------------------------------------------------------------------------------------------------

static bool open_with(KafkaClient *client, const KafkaPlace *place, rd_kafka_type_t type, KafkaRebalance *rebalance,
                      const KafkaSetting *settings, size_t count, Err *err) {
    Arena scratch[1];
    arena_init_small(scratch, "scratch", 2048);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char problem[256];
    *client = (KafkaClient){.brokers = place->brokers,
                            .old_scram = rd_kafka_version() < SCRAM_VERSION &&
                                         strncmp(place->options->sasl_mechanism, "SCRAM", 5) == 0};
    pthread_mutex_init(&client->mutex, NULL);
    client->tokens = kafka_tokens_new(place->options);
    bool made = conf_make(conf, scratch, place, type, settings, count, err);
    arena_release(scratch);
    if (made) {
        rd_kafka_conf_set_opaque(conf, client);
        rd_kafka_conf_set_log_cb(conf, on_log);
        rd_kafka_conf_set_error_cb(conf, on_error);
        if (type == RD_KAFKA_PRODUCER) {
            rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        }
        if (rebalance != NULL) {
            rd_kafka_conf_set_rebalance_cb(conf, rebalance);
        }
        if (client->tokens != NULL) {
            kafka_tokens_configure(conf);
            rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token);
        }
        client->handle = rd_kafka_new(type, conf, problem, sizeof(problem));
    }
    if (client->handle == NULL) {
        rd_kafka_conf_destroy(conf);
        kafka_tokens_free(client->tokens);
        return made ? FAIL(err, ERR_OPTION, "librdkafka: %s", problem) : err_frame(err, __FILE__, __LINE__);
    }
    if (client->tokens != NULL && !kafka_tokens_begin(client->handle, err)) {
        kafka_client_close(client);
        return false;
    }
    return true;
}

bool kafka_client_open(KafkaClient *client, const KafkaPlace *place, rd_kafka_type_t type, const KafkaSetting *settings,
                       size_t count, Err *err) {
    return open_with(client, place, type, NULL, settings, count, err);
}

bool kafka_client_open_member(KafkaClient *client, const KafkaPlace *place, KafkaRebalance *rebalance,
                              const KafkaSetting *settings, size_t count, Err *err) {
    return open_with(client, place, RD_KAFKA_CONSUMER, rebalance, settings, count, err);
}

static void *destroy_thread(void *handle) {
    rd_kafka_destroy(handle);
    return NULL;
}

bool kafka_client_close_within(KafkaClient *client, int timeout_ms) {
    pthread_t thread;
    if (client->handle == NULL || pthread_create(&thread, NULL, destroy_thread, client->handle) != 0) {
        kafka_client_close(client);
        return true;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    if (pthread_timedjoin_np(thread, NULL, &until) != 0) {
        pthread_detach(thread);
        log_warn(LOG_SINK, "librdkafka does not end: its threads are left behind",
                 LOG_TEXT("brokers", client->brokers));
        return false;
    }
    pthread_mutex_destroy(&client->mutex);
    kafka_tokens_free(client->tokens);
    client->handle = NULL;
    return true;
}

void kafka_client_close(KafkaClient *client) {
    if (client->handle != NULL) {
        rd_kafka_destroy(client->handle);
        client->handle = NULL;
        pthread_mutex_destroy(&client->mutex);
        kafka_tokens_free(client->tokens);
    }
}
