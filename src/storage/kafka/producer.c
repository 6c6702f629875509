// SPDX-License-Identifier: Apache-2.0
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "storage/kafka/topics.h"

#include <stdatomic.h>

enum {
    STEP_MS = 1000,       // of one call that is repeated
    INIT_MS = 30 * 1000,  // until somebody lets us begin
    ABORT_MS = 2000,      // a kindness to readers: brokers undo it anyhow
    ROOM_MS = 20,         // for room, before batches are sent that are not full
    KNOWN_MS = 30 * 1000, // until the brokers know a topic that was just made
    LOOK_MS = 50,
    MESSAGE_BYTES = 512, // what librdkafka has for a message beside its bytes, about
    // Five requests of batch.size: as many as one partition may have on the way.
    WAITING_BYTES_MAX = 5 * 1000 * 1000,
    SERVE_EVERY = 64, // puts between looks at what was delivered
    DELETE_MS = 20 * 1000
};

struct KafkaTopic {
    rd_kafka_topic_t *handle;
};

struct KafkaProducer {
    KafkaClient client;
    Arena arena[1];
    KafkaTopicRules *rules;
    Map topics; // by name
    int64_t timeout_us;
    bool transactional;
    bool begun; // a transaction is open
    int64_t begun_us;
    bool pending; // something was put since the last commit
    uint32_t puts;
};

// --- life --------------------------------------------------------------------------------------------------------

static bool client_open(KafkaProducer *producer, const KafkaProducerSpec *spec, Err *err) {
    Arena *arena = producer->arena;
    const char *kilobytes = arena_printf(arena, "%zu", MAX(spec->memory_bytes_max / KIB, (size_t)1024));
    const char *messages = arena_printf(arena, "%zu", MAX(spec->memory_bytes_max / MESSAGE_BYTES, (size_t)1024));
    const char *timeout = arena_printf(arena, "%" PRId64, spec->transaction_timeout_ms);
    bool is = spec->transactional_id != NULL;
    const KafkaSetting settings[] = {
        {"transactional.id", is ? spec->transactional_id : "", is},
        {"transaction.timeout.ms", is ? timeout : "", is},
        {"enable.idempotence", "true", true},
        {"acks", "all", true},
        {"partitioner", "murmur2_random", false}, // as Java's; without a key: any
        // Of all: only a report ends the wait of a flush at once, else it looks each 10 ms.
        {"delivery.report.only.error", "false", true},
        {"queue.buffering.max.kbytes", kilobytes, false},
        {"queue.buffering.max.messages", messages, false},
        {"linger.ms", spec->flushes ? "5000" : "", false},
    };
    return kafka_client_open(&producer->client, &spec->place, RD_KAFKA_PRODUCER, settings, ARRAY_LEN(settings), err);
}

bool kafka_producer_open(const KafkaProducerSpec *spec, KafkaProducer **producer, Err *err) {
    KafkaProducer *made = calloc(1, sizeof(*made));
    ASSERT(made != NULL);
    arena_init_small(made->arena, "run", 2048);
    made->rules = spec->rules;
    made->transactional = spec->transactional_id != NULL;
    made->timeout_us = spec->transaction_timeout_ms * 1000;
    KafkaProducerSpec kept = *spec;
    kept.place.brokers = arena_printf(made->arena, "%s", spec->place.brokers);
    if (!client_open(made, &kept, err)) {
        kafka_producer_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *producer = made;
    return true;
}

void kafka_producer_close(KafkaProducer *producer) {
    if (producer == NULL) {
        return;
    }
    rd_kafka_t *handle = producer->client.handle;
    if (handle != NULL && producer->pending) {
        rd_kafka_purge(handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    }
    if (handle != NULL && producer->begun) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(handle, ABORT_MS);
        if (error != NULL) {
            rd_kafka_error_destroy(error);
        }
    }
    for (MapEntry *entry = NULL; (entry = map_next(&producer->topics, entry)) != NULL;) {
        rd_kafka_topic_destroy(((KafkaTopic *)entry->value)->handle);
    }
    map_release(&producer->topics);
    kafka_client_close(&producer->client);
    arena_release(producer->arena);
    free(producer);
}

// After transaction.timeout brokers undo what is open, and tell who comes back to it what they tell one whose name
// another process has taken. Only who begins anew finds out which it was: one that goes on could fence its successor.
static bool producer_fail(KafkaProducer *producer, rd_kafka_resp_err_t code, const char *text, const char *what,
                          Err *err) {
    KAFKA_FAIL(&producer->client, err, kafka_code_opened(code), text, what);
    int64_t open_us = producer->begun ? clock_wall_us() - producer->begun_us : 0;
    if (err->code == ERR_LOCKED && open_us >= producer->timeout_us) {
        err->hint[0] = '\0';
        err_hint(err,
                 "leat stood still for %" PRId64 " s, longer than transaction.timeout, so brokers undid its "
                 "transaction, or another process has taken its work: if none has, start it again",
                 open_us / 1000000);
    }
    return false;
}

// --- calls that are repeated -------------------------------------------------------------------------------------

typedef rd_kafka_error_t *(*Call)(rd_kafka_t *handle, int timeout_ms);

static bool call_until(KafkaProducer *producer, Call call, int64_t limit_us, const char *what, Err *err) {
    int64_t deadline = clock_monotonic_us() + limit_us;
    for (;;) {
        rd_kafka_error_t *error = call(producer->client.handle, STEP_MS);
        if (error == NULL) {
            return true;
        }
        rd_kafka_poll(producer->client.handle, 0); // what was not delivered, and why nobody answers
        rd_kafka_resp_err_t code = rd_kafka_error_code(error);
        bool again = rd_kafka_error_is_retriable(error) && clock_monotonic_us() < deadline;
        if (!again) {
            char fatal[256];
            if (rd_kafka_error_is_fatal(error)) {
                rd_kafka_resp_err_t cause = rd_kafka_fatal_error(producer->client.handle, fatal, sizeof(fatal));
                code = cause != 0 ? cause : code;
            }
            producer_fail(producer, code, rd_kafka_error_string(error), what, err);
        }
        rd_kafka_error_destroy(error);
        if (!again) {
            return false;
        }
    }
}

bool kafka_producer_init(KafkaProducer *producer, Err *err) {
    return !producer->transactional ||
           call_until(producer, rd_kafka_init_transactions, INIT_MS * INT64_C(1000), "begin as a producer", err);
}

static bool begin(KafkaProducer *producer, Err *err) {
    if (!producer->transactional || producer->begun) {
        return true;
    }
    rd_kafka_error_t *error = rd_kafka_begin_transaction(producer->client.handle);
    if (error != NULL) {
        KAFKA_FAIL(&producer->client, err, rd_kafka_error_code(error), rd_kafka_error_string(error),
                   "begin a transaction");
        rd_kafka_error_destroy(error);
        return false;
    }
    producer->begun = true;
    producer->begun_us = clock_wall_us();
    return true;
}

// --- putting -----------------------------------------------------------------------------------------------------

typedef bool (*Ensure)(KafkaClient *client, KafkaTopicRules *rules, const char *name, Err *err);

// Records that are put before the client knows a topic's partitions wait apart, unordered with what comes later.
static bool topic_known(KafkaProducer *producer, const char *name, Err *err) {
    int64_t deadline = clock_monotonic_us() + KNOWN_MS * INT64_C(1000);
    for (bool known = false;;) {
        TRY(kafka_topic_look(&producer->client, name, &known, err));
        if (known) {
            return true;
        }
        if (clock_monotonic_us() > deadline) {
            rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
            return KAFKA_FAIL(&producer->client, err, code, rd_kafka_err2str(code), "look at a new topic");
        }
        clock_sleep_us(LOOK_MS * INT64_C(1000));
    }
}

static bool topic_open(KafkaProducer *producer, Slice name, Ensure ensure, KafkaTopic **topic, Err *err) {
    KafkaTopic *found = map_find(&producer->topics, name);
    if (LIKELY(found != NULL)) {
        *topic = found;
        return true;
    }
    const char *text = arena_text(producer->arena, name);
    TRY(ensure(&producer->client, producer->rules, text, err));
    found = ARENA_NEW(producer->arena, KafkaTopic);
    found->handle = rd_kafka_topic_new(producer->client.handle, text, NULL);
    if (found->handle == NULL) {
        return FAIL(err, ERR_NET_SETUP, "Kafka: topic %s: %s", text, rd_kafka_err2str(rd_kafka_last_error()));
    }
    if (!topic_known(producer, text, err)) {
        rd_kafka_topic_destroy(found->handle);
        return err_frame(err, __FILE__, __LINE__);
    }
    map_put(&producer->topics, name, found);
    *topic = found;
    return true;
}

bool kafka_producer_topic(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err) {
    return topic_open(producer, name, kafka_topic_ensure, topic, err);
}

bool kafka_producer_facts(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err) {
    return topic_open(producer, name, kafka_facts_ensure, topic, err);
}

bool kafka_producer_log(KafkaProducer *producer, Slice name, KafkaTopic **topic, Err *err) {
    return topic_open(producer, name, kafka_log_ensure, topic, err);
}

static rd_kafka_headers_t *headers_make(const KafkaMessage *message) {
    if (message->header_count == 0) {
        return NULL;
    }
    rd_kafka_headers_t *headers = rd_kafka_headers_new(message->header_count);
    for (size_t i = 0; i < message->header_count; i++) {
        const KafkaHeader *header = &message->headers[i];
        (void)rd_kafka_header_add(headers, (const char *)header->name.data, (ssize_t)header->name.size,
                                  header->value.data, (ssize_t)header->value.size);
    }
    return headers;
}

static void *borrowed(Slice slice) {
    return (void *)(uintptr_t)slice.data; // it is copied
}

static rd_kafka_resp_err_t send_once(KafkaProducer *producer, KafkaTopic *topic, const KafkaMessage *message) {
    rd_kafka_headers_t *headers = headers_make(message);
    rd_kafka_vu_t parts[8] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic->handle},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {borrowed(message->key), message->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {borrowed(message->value), message->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = message->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = message->partition},
    };
    size_t count = 6;
    if (headers != NULL) {
        parts[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers};
    }
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client.handle, parts, count);
    rd_kafka_resp_err_t code = 0;
    if (error != NULL) {
        code = rd_kafka_error_code(error);
        rd_kafka_error_destroy(error);
        if (headers != NULL) {
            rd_kafka_headers_destroy(headers);
        }
    }
    return code;
}

static bool put_failed(KafkaProducer *producer, KafkaTopic *topic, rd_kafka_resp_err_t code, Err *err) {
    char fatal[256], what[300];
    rd_kafka_poll(producer->client.handle, 0); // what was not delivered
    rd_kafka_resp_err_t cause = rd_kafka_fatal_error(producer->client.handle, fatal, sizeof(fatal));
    code = cause != 0 ? cause : code;
    snprintf(what, sizeof(what), "write to topic %s", rd_kafka_topic_name(topic->handle));
    return producer_fail(producer, code, cause != 0 ? fatal : rd_kafka_err2str(code), what, err);
}

// For what is on the way; when that takes long, what waits for full batches goes too.
static void room_wait(KafkaProducer *producer) {
    size_t before = producer->client.waiting_bytes;
    rd_kafka_poll(producer->client.handle, ROOM_MS);
    if (producer->client.waiting_bytes == before) {
        rd_kafka_flush(producer->client.handle, 1);
    }
}

bool kafka_put(KafkaProducer *producer, KafkaTopic *topic, const KafkaMessage *message, Err *err) {
    TRY(begin(producer, err));
    int64_t deadline = 0;
    producer->pending = true;
    for (;;) {
        bool full = producer->client.waiting_bytes > WAITING_BYTES_MAX;
        rd_kafka_resp_err_t code = full ? RD_KAFKA_RESP_ERR__QUEUE_FULL : send_once(producer, topic, message);
        if (LIKELY(code == 0)) {
            producer->client.waiting_bytes += message->key.size + message->value.size;
            if (++producer->puts % SERVE_EVERY == 0) {
                rd_kafka_poll(producer->client.handle, 0); // frees what was delivered
            }
            return true;
        }
        int64_t now = clock_monotonic_us();
        deadline = deadline == 0 ? now + producer->timeout_us : deadline;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || now > deadline) {
            return put_failed(producer, topic,
                              code == RD_KAFKA_RESP_ERR__QUEUE_FULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : code, err);
        }
        room_wait(producer);
    }
}

// --- committing --------------------------------------------------------------------------------------------------

bool kafka_flush(KafkaProducer *producer, Err *err) {
    int64_t deadline = clock_monotonic_us() + producer->timeout_us;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_flush(producer->client.handle, STEP_MS);
        pthread_mutex_lock(&producer->client.mutex);
        rd_kafka_resp_err_t undelivered = producer->client.undelivered;
        pthread_mutex_unlock(&producer->client.mutex);
        if (code == 0 && undelivered == 0) {
            return true;
        }
        if (undelivered != 0 || clock_monotonic_us() > deadline) {
            code = undelivered != 0 ? undelivered : code;
            return producer_fail(producer, code, rd_kafka_err2str(code), "write", err);
        }
    }
}

bool kafka_commit(KafkaProducer *producer, Err *err) {
    // A record that could not be delivered does not end librdkafka's transaction in every case (a partition that is not
    // known any more): such a one must not be committed without it.
    TRY(kafka_flush(producer, err));
    if (producer->begun) {
        CRASH_POINT("kafka.before_commit");
        TRY(call_until(producer, rd_kafka_commit_transaction, producer->timeout_us, "commit a transaction", err));
        CRASH_POINT("kafka.after_commit");
        producer->begun = false;
    }
    producer->pending = false;
    pthread_mutex_lock(&producer->client.mutex);
    producer->client.said = 0;
    pthread_mutex_unlock(&producer->client.mutex);
    return true;
}

int64_t kafka_producer_last(KafkaProducer *producer) {
    rd_kafka_poll(producer->client.handle, 0);
    pthread_mutex_lock(&producer->client.mutex);
    int64_t last = producer->client.delivered;
    pthread_mutex_unlock(&producer->client.mutex);
    return last;
}

// --- deleting ----------------------------------------------------------------------------------------------------

static rd_kafka_resp_err_t deleted_code(rd_kafka_event_t *event) {
    rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    const rd_kafka_DeleteRecords_result_t *result = code == 0 ? rd_kafka_event_DeleteRecords_result(event) : NULL;
    const rd_kafka_topic_partition_list_t *list = result != NULL ? rd_kafka_DeleteRecords_result_offsets(result) : NULL;
    return list != NULL && list->cnt == 1 ? list->elems[0].err : code;
}

// The answer to a question that was asked for one topic, through its queue.
static rd_kafka_event_t *answer_wait(rd_kafka_queue_t *queue) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, DELETE_MS);
    rd_kafka_queue_destroy(queue);
    return event;
}

static rd_kafka_resp_err_t topic_deleted_code(rd_kafka_event_t *event) {
    rd_kafka_resp_err_t code = event == NULL ? RD_KAFKA_RESP_ERR__TIMED_OUT : rd_kafka_event_error(event);
    const rd_kafka_DeleteTopics_result_t *result = code == 0 ? rd_kafka_event_DeleteTopics_result(event) : NULL;
    size_t count = 0;
    const rd_kafka_topic_result_t **topics =
        result != NULL ? rd_kafka_DeleteTopics_result_topics(result, &count) : NULL;
    return count == 1 ? rd_kafka_topic_result_error(topics[0]) : code;
}

bool kafka_topic_delete(KafkaProducer *producer, KafkaTopic *topic, Err *err) {
    const char *name = rd_kafka_topic_name(topic->handle);
    rd_kafka_DeleteTopic_t *request = rd_kafka_DeleteTopic_new(name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer->client.handle);
    rd_kafka_DeleteTopics(producer->client.handle, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_wait(queue);
    rd_kafka_resp_err_t code = topic_deleted_code(event);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_DeleteTopic_destroy(request);
    char what[300];
    snprintf(what, sizeof(what), "delete topic %s", name);
    // Deleted by somebody else, or by a request whose answer was lost.
    bool done = code == 0 || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    return done || KAFKA_FAIL(&producer->client, err, code, rd_kafka_err2str(code), what);
}

bool kafka_delete_below(KafkaProducer *producer, KafkaTopic *topic, int64_t before, Err *err) {
    const char *name = rd_kafka_topic_name(topic->handle);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, name, 0)->offset = before;
    rd_kafka_DeleteRecords_t *request = rd_kafka_DeleteRecords_new(list);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(producer->client.handle);
    rd_kafka_DeleteRecords(producer->client.handle, &request, 1, NULL, queue);
    rd_kafka_event_t *event = answer_wait(queue);
    rd_kafka_resp_err_t code = deleted_code(event);
    if (event != NULL) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_DeleteRecords_destroy(request);
    rd_kafka_topic_partition_list_destroy(list);
    char what[300];
    snprintf(what, sizeof(what), "delete records of topic %s", name);
    return code == 0 || KAFKA_FAIL(&producer->client, err, kafka_code_opened(code), rd_kafka_err2str(code), what);
}

void kafka_producer_trouble(KafkaProducer *producer, char *text, size_t size) {
    rd_kafka_poll(producer->client.handle, 0);
    pthread_mutex_lock(&producer->client.mutex);
    bool away = producer->pending && producer->client.said != 0;
    snprintf(text, size, "%s%.300s", away ? "Kafka: " : "", away ? producer->client.said_text : "");
    pthread_mutex_unlock(&producer->client.mutex);
}
