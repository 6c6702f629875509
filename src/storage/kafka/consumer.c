// SPDX-License-Identifier: Apache-2.0
// Reads partitions. They are assigned, never subscribed to, so brokers see no member of the group. A partition whose
// offset is not to be had is told, not moved: auto.offset.reset=error.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "storage/kafka/topics.h"

enum {
    BATCH_MAX = 512,        // records of a poll
    REQUEST_MS = 15 * 1000, // of one question to the brokers
    STEP_MS = 1000,         // of it, before others are asked who leads
    CLOSE_MS = 5000,
    SURE_MS = 2000,  // that a topic has no such partition
    BACKOFF_MS = 100 // before one is asked again
};

#define QUEUE_BACKOFF "fetch.queue.backoff.ms"

struct KafkaConsumer {
    KafkaClient client;
    rd_kafka_queue_t *queue;
    int request_ms;
    Arena batch[1]; // of the last poll: headers
    Arena run[1];
    rd_kafka_message_t *messages[BATCH_MAX];
    size_t message_count;
    KafkaFetched records[BATCH_MAX];
    const rd_kafka_message_t *sources[BATCH_MAX]; // of `records`
    // Once its queue is full, librdkafka looks at it again when QUEUE_BACKOFF is over; before 2.2 that is a second, and
    // no option: nudge.
    bool nudged;
    size_t queue_peak;           // messages that waited since the last nudge
    const char *user, *password; // those of the connection; ""
};

// --- life --------------------------------------------------------------------------------------------------------

static bool client_knows(const char *option) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    size_t size = 0;
    bool known = rd_kafka_conf_get(conf, option, NULL, &size) == RD_KAFKA_CONF_OK;
    rd_kafka_conf_destroy(conf);
    return known;
}

static const char *client_option(KafkaConsumer *consumer, const char *name) {
    const rd_kafka_conf_t *conf = rd_kafka_conf(consumer->client.handle);
    size_t size = 0;
    if (rd_kafka_conf_get(conf, name, NULL, &size) != RD_KAFKA_CONF_OK || size == 0) {
        return "";
    }
    char *value = arena_alloc(consumer->run, size + 1);
    return rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK ? value : "";
}

static bool client_open(KafkaConsumer *consumer, const KafkaConsumerSpec *spec, Err *err) {
    Arena *arena = consumer->batch;
    const char *kilobytes = arena_printf(arena, "%zu", MAX(spec->memory_bytes_max / KIB, (size_t)1024));
    const KafkaSetting settings[] = {
        {"group.id", spec->group != NULL ? spec->group : "leat", true},
        {"isolation.level", spec->uncommitted ? "read_uncommitted" : "read_committed", true},
        {"enable.partition.eof", "true", true},
        {"enable.auto.commit", "false", true},
        {"enable.auto.offset.store", "false", true},
        {"auto.offset.reset", "error", true},
        {"allow.auto.create.topics", "false", true},
        {"queued.max.messages.kbytes", kilobytes, false},
        {"fetch.wait.max.ms", "100", false},
        {QUEUE_BACKOFF, "2", false}, // the last one: where it is known
    };
    consumer->nudged = !client_knows(QUEUE_BACKOFF);
    TRY(kafka_client_open(&consumer->client, &spec->place, RD_KAFKA_CONSUMER, settings,
                          ARRAY_LEN(settings) - consumer->nudged, err));
    consumer->user = client_option(consumer, "sasl.username");
    consumer->password = client_option(consumer, "sasl.password");
    return true;
}

bool kafka_consumer_open(const KafkaConsumerSpec *spec, KafkaConsumer **consumer, Err *err) {
    KafkaConsumer *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init_small(made->batch, "batch", 2048);
    arena_init_small(made->run, "run", 512);
    made->request_ms = spec->request_ms > 0 ? spec->request_ms : REQUEST_MS;
    if (!client_open(made, spec, err)) {
        kafka_consumer_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    rd_kafka_poll_set_consumer(made->client.handle);
    made->queue = rd_kafka_queue_get_consumer(made->client.handle);
    *consumer = made;
    return true;
}

static void batch_release(KafkaConsumer *consumer) {
    for (size_t i = 0; i < consumer->message_count; i++) {
        rd_kafka_message_destroy(consumer->messages[i]);
    }
    consumer->message_count = 0;
    arena_reset(consumer->batch);
}

void kafka_consumer_close(KafkaConsumer *consumer) {
    if (consumer == NULL) {
        return;
    }
    batch_release(consumer);
    if (consumer->queue != NULL) {
        rd_kafka_queue_destroy(consumer->queue);
    }
    if (!kafka_client_close_within(&consumer->client, CLOSE_MS)) {
        return; // what librdkafka still has
    }
    arena_release(consumer->batch);
    arena_release(consumer->run);
    free(consumer);
}

// --- what there is -----------------------------------------------------------------------------------------------

static int by_name(const void *a, const void *b) {
    return strcmp(((const KafkaTopicLook *)a)->name, ((const KafkaTopicLook *)b)->name);
}

// A broker that lets nobody in is known before the answer's time is over.
static rd_kafka_resp_err_t metadata_read(KafkaConsumer *consumer, const struct rd_kafka_metadata **metadata) {
    int64_t deadline = clock_monotonic_us() + consumer->request_ms * INT64_C(1000);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    while (code != 0 && clock_monotonic_us() < deadline && !kafka_client_refused(&consumer->client)) {
        code = rd_kafka_metadata(consumer->client.handle, 1, NULL, metadata, MIN(1000, consumer->request_ms));
    }
    return code;
}

bool kafka_consumer_topics(KafkaConsumer *consumer, Arena *arena, KafkaTopicLook **topics, size_t *count, Err *err) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = metadata_read(consumer, &metadata);
    if (code != 0) {
        return KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), "list the topics");
    }
    KafkaTopicLook *found = ARENA_ARRAY(arena, KafkaTopicLook, (size_t)metadata->topic_cnt);
    size_t known = 0;
    for (int i = 0; i < metadata->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &metadata->topics[i];
        bool internal = strncmp(topic->topic, "__", 2) == 0;
        if (topic->err == 0 && topic->partition_cnt > 0 && !internal) {
            found[known++] = (KafkaTopicLook){arena_text(arena, slice_of(topic->topic)), topic->partition_cnt};
        }
    }
    rd_kafka_metadata_destroy(metadata);
    if (known > 0) {
        qsort(found, known, sizeof(*found), by_name);
    }
    *topics = found;
    *count = known;
    return true;
}

bool kafka_consumer_cluster(KafkaConsumer *consumer, Arena *arena, const char **id, Err *err) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = metadata_read(consumer, &metadata);
    if (code == 0) {
        rd_kafka_metadata_destroy(metadata);
    }
    char *told = code == 0 ? rd_kafka_clusterid(consumer->client.handle, consumer->request_ms) : NULL;
    if (told == NULL) {
        code = code != 0 ? code : RD_KAFKA_RESP_ERR__TIMED_OUT;
        return KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), "ask for the cluster's id");
    }
    *id = arena_printf(arena, "%s", told);
    rd_kafka_mem_free(consumer->client.handle, told);
    return true;
}

static rd_kafka_topic_partition_list_t *list_of(const KafkaPartition *partitions, size_t count) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_topic_partition_t *item =
            rd_kafka_topic_partition_list_add(list, partitions[i].topic, partitions[i].partition);
        item->offset = partitions[i].offset;
        size_t size = partitions[i].note != NULL ? strlen(partitions[i].note) : 0;
        if (size > 0) {
            item->metadata = calloc(1, size); // librdkafka frees it
            ASSERT(item->metadata != NULL);
            memcpy(item->metadata, partitions[i].note, size);
            item->metadata_size = size;
        }
    }
    return list;
}

// Who leads these is asked of any broker that answers.
static void leaders_look(KafkaConsumer *consumer, const rd_kafka_topic_partition_list_t *list, int timeout_ms) {
    for (int i = 0; i < list->cnt; i++) {
        const char *name = list->elems[i].topic;
        const struct rd_kafka_metadata *metadata = NULL;
        if (i > 0 && strcmp(name, list->elems[i - 1].topic) == 0) {
            continue;
        }
        rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer->client.handle, name, NULL);
        if (topic != NULL && rd_kafka_metadata(consumer->client.handle, 0, topic, &metadata, timeout_ms) == 0) {
            rd_kafka_metadata_destroy(metadata);
        }
        rd_kafka_topic_destroy(topic);
    }
}

// librdkafka asks the leader that it knows until the time is over, also when that one has died and another one leads
// (and rd_kafka_query_watermark_offsets waits beyond it). So each question gets a part of the time, and before the next
// one the leaders are looked for. A topic that was just made has none either for a moment.
static rd_kafka_resp_err_t offsets_ask(KafkaConsumer *consumer, rd_kafka_topic_partition_list_t *list) {
    int64_t began = clock_monotonic_us();
    for (;;) {
        rd_kafka_topic_partition_list_t *answer = rd_kafka_topic_partition_list_copy(list);
        int64_t waited_ms = (clock_monotonic_us() - began) / 1000, left_ms = MAX(consumer->request_ms - waited_ms, 1);
        int step_ms = (int)MIN(MAX(waited_ms / 2, STEP_MS), left_ms);
        rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(consumer->client.handle, answer, step_ms);
        for (int i = 0; i < list->cnt && code == 0; i++) {
            list->elems[i].offset = answer->elems[i].offset;
            list->elems[i].err = answer->elems[i].err;
        }
        rd_kafka_topic_partition_list_destroy(answer);
        bool over = (clock_monotonic_us() - began) / 1000 >= consumer->request_ms;
        if (!kafka_passes(code) || over || kafka_client_refused(&consumer->client)) {
            return code;
        }
        clock_sleep_us(BACKOFF_MS * INT64_C(1000));
        leaders_look(consumer, list, step_ms);
    }
}

static rd_kafka_resp_err_t bound_once(KafkaConsumer *consumer, const KafkaPartition *of, int64_t *offset) {
    rd_kafka_topic_partition_list_t *list = list_of(of, 1);
    rd_kafka_resp_err_t code = offsets_ask(consumer, list);
    code = code != 0 ? code : list->elems[0].err;
    *offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

// Of a time, which is of->offset. A broker that has just begun may not know of topics that there are, and what it said
// of one is remembered for a while. *code: what was said last; kafka_unknown: there is no such partition.
static bool bound_ask(KafkaConsumer *consumer, const KafkaPartition *of, int64_t *offset, rd_kafka_resp_err_t *code,
                      Err *err) {
    int64_t deadline = clock_monotonic_us() + consumer->request_ms * INT64_C(1000);
    int64_t sure = clock_monotonic_us() + MIN(consumer->request_ms, SURE_MS) * INT64_C(1000);
    for (bool made = false;;) {
        *code = bound_once(consumer, of, offset);
        if (!kafka_unknown(*code)) {
            return true;
        }
        int known = 0;
        TRY(kafka_topic_partitions(&consumer->client, of->topic, &known, err));
        TRY(known > 0 || made || kafka_topic_made(&consumer->client, of->topic, &made, err));
        int64_t now = clock_monotonic_us();
        bool none = known == 0 && !made, fewer = known > 0 && known <= of->partition;
        if (none || (fewer && now > sure)) {
            return true;
        }
        *code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        if (now > deadline) {
            return true;
        }
        clock_sleep_us(BACKOFF_MS * INT64_C(1000));
    }
}

bool kafka_consumer_bounds(KafkaConsumer *consumer, const char *topic, int32_t partition, int64_t *first, int64_t *end,
                           Err *err) {
    KafkaPartition begin = {topic, partition, KAFKA_SINCE_FIRST, NULL},
                   last = {topic, partition, KAFKA_SINCE_END, NULL};
    rd_kafka_resp_err_t code = 0;
    TRY(first == NULL || bound_ask(consumer, &begin, first, &code, err));
    if (code == 0) { // behind the other: records may be removed meanwhile
        TRY(bound_ask(consumer, &last, end, &code, err));
    }
    if (kafka_unknown(code)) {
        return FAIL(err, ERR_NOT_FOUND, "Kafka at %s: topic %s has no partition %d", consumer->client.brokers, topic,
                    partition);
    }
    char what[300];
    snprintf(what, sizeof(what), "look at topic %s", topic);
    return code == 0 || KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), what);
}

// *denied: it is not told.
static bool describe(KafkaConsumer *consumer, rd_kafka_ResourceType_t type, const char *name, Arena *arena,
                     bool *denied, Properties *values, Err *err) {
    char problem[256];
    size_t count = 0, entries = 0;
    rd_kafka_t *handle = consumer->client.handle;
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(type, name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(handle);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, consumer->request_ms, problem, sizeof(problem));
    rd_kafka_DescribeConfigs(handle, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, consumer->request_ms + 1000);
    rd_kafka_resp_err_t code = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const rd_kafka_ConfigResource_t **resources =
        code == 0 ? rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &count)
                  : NULL;
    code = code == 0 && count == 1 ? kafka_code_opened(rd_kafka_ConfigResource_error(resources[0])) : code;
    *denied = kafka_denies(code) || (code == 0 && count != 1);
    code = *denied ? 0 : code;
    *values = (Properties){0};
    const rd_kafka_ConfigEntry_t **configs =
        code == 0 && !*denied ? rd_kafka_ConfigResource_configs(resources[0], &entries) : NULL;
    for (size_t i = 0; i < entries; i++) {
        const char *value = rd_kafka_ConfigEntry_value(configs[i]); // NULL: a secret
        if (value != NULL) {
            properties_set(arena, values, slice_of(rd_kafka_ConfigEntry_name(configs[i])), slice_of(value));
        }
    }
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
    char what[300];
    snprintf(what, sizeof(what), "read the configuration of %s %s",
             type == RD_KAFKA_RESOURCE_TOPIC ? "topic" : "broker", name);
    return code == 0 || KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), what);
}

static int64_t limit_of(Arena *arena, const Properties *values, const char *name) {
    return MAX(strtoll(properties_text(arena, values, name, "-1"), NULL, 10), -1LL);
}

bool kafka_consumer_policy(KafkaConsumer *consumer, const char *topic, KafkaTopicPolicy *policy, Err *err) {
    Arena scratch[1];
    Properties values;
    bool denied = false;
    arena_init_small(scratch, "scratch", 4096);
    *policy = (KafkaTopicPolicy){.retention_ms = -1, .retention_bytes = -1};
    bool ok = describe(consumer, RD_KAFKA_RESOURCE_TOPIC, topic, scratch, &denied, &values, err);
    const char *cleanup = ok ? properties_text(scratch, &values, "cleanup.policy", NULL) : NULL;
    if (cleanup != NULL && strstr(cleanup, "delete") != NULL) {
        policy->retention_ms = limit_of(scratch, &values, "retention.ms");
        policy->retention_bytes = limit_of(scratch, &values, "retention.bytes");
    }
    policy->compacts = cleanup != NULL && strstr(cleanup, "compact") != NULL;
    policy->expires = policy->retention_ms >= 0 || policy->retention_bytes >= 0;
    if (ok && cleanup == NULL) {
        FAIL(err, ERR_NET_PERMISSION, "Kafka at %s: read the configuration of topic %s: it is denied",
             consumer->client.brokers, topic);
        ok = err_hint(err, "give leat's user DESCRIBE_CONFIGS on the topic");
    }
    arena_release(scratch);
    return ok;
}

bool kafka_consumer_settings(KafkaConsumer *consumer, const char *topic, Arena *arena, KafkaSettings *settings,
                             Err *err) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *of = topic != NULL ? rd_kafka_topic_new(consumer->client.handle, topic, NULL) : NULL;
    *settings = (KafkaSettings){0};
    rd_kafka_resp_err_t code = rd_kafka_metadata(consumer->client.handle, 0, of, &metadata, consumer->request_ms);
    char broker[16] = "";
    if (code == 0) {
        settings->brokers = metadata->broker_cnt;
        snprintf(broker, sizeof(broker), "%d", metadata->broker_cnt > 0 ? metadata->brokers[0].id : -1);
        const rd_kafka_metadata_topic_t *found = of != NULL && metadata->topic_cnt == 1 ? metadata->topics : NULL;
        for (int i = 0; found != NULL && i < found->partition_cnt; i++) {
            int replicas = found->partitions[i].replica_cnt;
            settings->replicas = i == 0 ? replicas : MIN(settings->replicas, replicas);
        }
        rd_kafka_metadata_destroy(metadata);
    }
    if (of != NULL) {
        rd_kafka_topic_destroy(of);
    }
    if (code != 0) {
        return KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), "look at brokers and topics");
    }
    if (topic != NULL && settings->replicas == 0) {
        return true;
    }
    return describe(consumer, topic != NULL ? RD_KAFKA_RESOURCE_TOPIC : RD_KAFKA_RESOURCE_BROKER,
                    topic != NULL ? topic : broker, arena, &settings->denied, &settings->values, err);
}

// --- assignment --------------------------------------------------------------------------------------------------

bool kafka_consumer_since(KafkaConsumer *consumer, KafkaPartition *partitions, size_t count, Err *err) {
    rd_kafka_topic_partition_list_t *list = list_of(partitions, count);
    rd_kafka_resp_err_t code = offsets_ask(consumer, list);
    for (size_t i = 0; i < count && code == 0; i++) {
        const rd_kafka_topic_partition_t *item = &list->elems[i];
        partitions[i].offset = item->err == 0 && item->offset >= 0 ? item->offset : KAFKA_OFFSET_NONE;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code == 0 ||
           KAFKA_FAIL(&consumer->client, err, kafka_code_opened(code), rd_kafka_err2str(code), "look for offsets");
}

// What a call over a list came to, which it takes.
static bool list_end(KafkaConsumer *consumer, rd_kafka_topic_partition_list_t *list, rd_kafka_error_t *error,
                     const char *what, Err *err) {
    bool ok = error == NULL;
    if (!ok) {
        KAFKA_FAIL(&consumer->client, err, rd_kafka_error_code(error), rd_kafka_error_string(error), what);
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return ok;
}

bool kafka_consumer_assign(KafkaConsumer *consumer, const KafkaPartition *partitions, size_t count, Err *err) {
    rd_kafka_topic_partition_list_t *list = list_of(partitions, count);
    return list_end(consumer, list, rd_kafka_incremental_assign(consumer->client.handle, list), "read", err);
}

bool kafka_consumer_drop(KafkaConsumer *consumer, const KafkaPartition *partitions, size_t count, Err *err) {
    rd_kafka_topic_partition_list_t *list = list_of(partitions, count);
    return list_end(consumer, list, rd_kafka_incremental_unassign(consumer->client.handle, list), "stop reading", err);
}

bool kafka_consumer_pause(KafkaConsumer *consumer, bool paused, Err *err) {
    rd_kafka_topic_partition_list_t *list = NULL;
    rd_kafka_resp_err_t code = rd_kafka_assignment(consumer->client.handle, &list);
    if (code == 0) {
        code = paused ? rd_kafka_pause_partitions(consumer->client.handle, list)
                      : rd_kafka_resume_partitions(consumer->client.handle, list);
        rd_kafka_topic_partition_list_destroy(list);
    }
    return code == 0 || KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), "pause");
}

// --- records -----------------------------------------------------------------------------------------------------

void kafka_consumer_headers(KafkaConsumer *consumer, const KafkaFetched *fetched) {
    size_t at = (size_t)(fetched - consumer->records);
    KafkaFetched *record = &consumer->records[at];
    rd_kafka_headers_t *headers = NULL;
    if (record->headers != NULL || rd_kafka_message_headers(consumer->sources[at], &headers) != 0) {
        return;
    }
    size_t count = rd_kafka_header_cnt(headers);
    KafkaHeader *taken = ARENA_ARRAY(consumer->batch, KafkaHeader, count);
    for (size_t i = 0; i < count; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        if (rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0) {
            taken[i] = (KafkaHeader){slice_of(name), {value, size}};
        }
    }
    record->headers = taken;
    record->header_count = count;
}

// Of a code that is no record's: what became of the partition. False: it is no news of a partition.
static bool kind_of(rd_kafka_resp_err_t code, KafkaFetchedKind *kind) {
    bool range = code == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || code == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    *kind = code == 0                                  ? KAFKA_FETCHED
            : code == RD_KAFKA_RESP_ERR__PARTITION_EOF ? KAFKA_AT_END
            : range                                    ? KAFKA_OUT_OF_RANGE
                                                       : KAFKA_GONE;
    return *kind != KAFKA_GONE || kafka_unknown(code);
}

static bool message_take(KafkaConsumer *consumer, const rd_kafka_message_t *message, size_t *count, Err *err) {
    KafkaFetchedKind kind = KAFKA_FETCHED;
    if (!kind_of(message->err, &kind) || message->rkt == NULL) {
        const char *topic = message->rkt != NULL ? rd_kafka_topic_name(message->rkt) : "";
        char what[300];
        snprintf(what, sizeof(what), "read%s%.250s", topic[0] != '\0' ? " topic " : "", topic);
        if (!kafka_passes(message->err)) {
            return KAFKA_FAIL(&consumer->client, err, message->err, rd_kafka_message_errstr(message), what);
        }
        log_debug(LOG_SOURCE, "Kafka passes", LOG_TEXT("reason", rd_kafka_message_errstr(message)));
        return true;
    }
    consumer->sources[*count] = message;
    KafkaFetched *record = &consumer->records[(*count)++];
    *record = (KafkaFetched){.kind = kind,
                             .topic = rd_kafka_topic_name(message->rkt),
                             .partition = message->partition,
                             .offset = message->offset,
                             .timestamp_ms = -1};
    if (kind == KAFKA_FETCHED) {
        record->timestamp_ms = rd_kafka_message_timestamp(message, NULL);
        record->key = (Slice){message->key, message->key_len};
        record->value = (Slice){message->payload, message->len};
    }
    return true;
}

// Setting the credentials that it has wakes librdkafka's threads, and does nothing else to connections that stand: they
// see that half of the queue is taken, and fetch.
static void nudge(KafkaConsumer *consumer) {
    size_t waiting = rd_kafka_queue_length(consumer->queue);
    if (waiting >= consumer->queue_peak / 2) {
        consumer->queue_peak = MAX(consumer->queue_peak, waiting);
        return;
    }
    consumer->queue_peak = waiting;
    rd_kafka_error_t *ignored =
        rd_kafka_sasl_set_credentials(consumer->client.handle, consumer->user, consumer->password);
    if (ignored != NULL) {
        rd_kafka_error_destroy(ignored);
    }
}

bool kafka_consumer_poll(KafkaConsumer *consumer, int timeout_ms, const KafkaFetched **records, size_t *count,
                         Err *err) {
    batch_release(consumer);
    *records = consumer->records;
    *count = 0;
    ssize_t got = rd_kafka_consume_batch_queue(consumer->queue, timeout_ms, consumer->messages, BATCH_MAX);
    consumer->message_count = got > 0 ? (size_t)got : 0;
    if (consumer->nudged && consumer->message_count > 0) {
        nudge(consumer);
    }
    for (size_t i = 0; i < consumer->message_count; i++) {
        TRY(message_take(consumer, consumer->messages[i], count, err));
    }
    if (kafka_client_refused(&consumer->client)) {
        return KAFKA_FAIL(&consumer->client, err, RD_KAFKA_RESP_ERR__TRANSPORT, "", "read");
    }
    return true;
}

void kafka_consumer_wake(KafkaConsumer *consumer) {
    rd_kafka_queue_yield(consumer->queue);
}

// --- the group's offsets -----------------------------------------------------------------------------------------

bool kafka_consumer_committed(KafkaConsumer *consumer, Arena *arena, KafkaPartition *partitions, size_t count,
                              Err *err) {
    rd_kafka_topic_partition_list_t *list = list_of(partitions, count);
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer->client.handle, list, consumer->request_ms);
    for (size_t i = 0; i < count && code == 0; i++) {
        const rd_kafka_topic_partition_t *item = &list->elems[i];
        code = kafka_unknown(item->err) ? 0 : item->err;
        partitions[i].offset = item->err == 0 && item->offset >= 0 ? item->offset : KAFKA_OFFSET_NONE;
        partitions[i].note = arena_text(arena, (Slice){item->metadata, item->metadata_size});
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code == 0 ||
           KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), "look at the consumer group's offsets");
}

static rd_kafka_resp_err_t committed_code(rd_kafka_event_t *event) {
    rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = event != NULL ? rd_kafka_event_topic_partition_list(event) : NULL;
    code = kafka_unknown(code) ? 0 : code; // that of a partition: the others have theirs
    for (int i = 0; list != NULL && i < list->cnt && code == 0; i++) {
        code = kafka_unknown(list->elems[i].err) ? 0 : list->elems[i].err;
    }
    return code;
}

// (rd_kafka_commit waits for as long as the group's coordinator is away, and a minute.)
bool kafka_consumer_commit(KafkaConsumer *consumer, const KafkaPartition *partitions, size_t count, Err *err) {
    rd_kafka_topic_partition_list_t *list = list_of(partitions, count);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client.handle);
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(consumer->client.handle, list, queue, NULL, NULL);
    if (code == 0) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, consumer->request_ms);
        code = committed_code(event);
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
    }
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION) {
        FAIL(err, ERR_LOCKED, "Kafka at %s: the consumer group has members, so its offsets cannot be set",
             consumer->client.brokers);
        return err_hint(err, "give the pipeline a group of its own: group.id");
    }
    return code == 0 || KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), "commit offsets");
}

static rd_kafka_resp_err_t deleted_code(rd_kafka_event_t *event) {
    size_t count = 0;
    rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    const rd_kafka_DeleteGroups_result_t *result = code == 0 ? rd_kafka_event_DeleteGroups_result(event) : NULL;
    const rd_kafka_group_result_t **groups =
        result != NULL ? rd_kafka_DeleteGroups_result_groups(result, &count) : NULL;
    if (count == 1 && rd_kafka_group_result_error(groups[0]) != NULL) {
        code = rd_kafka_error_code(rd_kafka_group_result_error(groups[0]));
    }
    return code == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND ? 0 : code;
}

bool kafka_consumer_group_delete(KafkaConsumer *consumer, Err *err) {
    char name[512];
    size_t size = sizeof(name);
    char problem[256];
    if (rd_kafka_conf_get(rd_kafka_conf(consumer->client.handle), "group.id", name, &size) != RD_KAFKA_CONF_OK) {
        return true;
    }
    rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer->client.handle);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(consumer->client.handle, RD_KAFKA_ADMIN_OP_DELETEGROUPS);
    rd_kafka_AdminOptions_set_request_timeout(options, consumer->request_ms, problem, sizeof(problem));
    rd_kafka_DeleteGroups(consumer->client.handle, &group, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, consumer->request_ms + 1000);
    rd_kafka_resp_err_t code = deleted_code(event);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteGroup_destroy(group);
    return code == 0 || KAFKA_FAIL(&consumer->client, err, code, rd_kafka_err2str(code), "delete the consumer group");
}
