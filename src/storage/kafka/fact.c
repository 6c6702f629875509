// SPDX-License-Identifier: Apache-2.0
// Reads what a compacted topic says last of a key.
#include "core/sys/clock.h"
#include "storage/kafka/topics.h"

enum { ANSWER_MS = 15 * 1000, REFUSED_MS = 3 * 1000, STEP_MS = 500, POLL_MS = 200, READ_MS = 150 * 1000 };

typedef struct Reading {
    KafkaClient client;
    const char *topic;
    Slice key;
    Buf newest;
    bool found, wait;
    int64_t end; // of the topic when its end was first seen; -1 = not yet
} Reading;

static bool gives_up(KafkaClient *client, int64_t waited_us, bool met) {
    int64_t most_ms = kafka_client_down(client) && !met ? REFUSED_MS : ANSWER_MS;
    return waited_us >= most_ms * 1000 || kafka_client_refused(client);
}

bool kafka_probe(const KafkaPlace *place, bool met, Err *err) {
    KafkaClient client;
    TRY(kafka_client_open(&client, place, RD_KAFKA_CONSUMER, NULL, 0, err));
    int64_t began = clock_monotonic_us();
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    while (code != 0 && !gives_up(&client, clock_monotonic_us() - began, met)) {
        const struct rd_kafka_metadata *metadata = NULL;
        code = rd_kafka_metadata(client.handle, 0, NULL, &metadata, STEP_MS);
        if (metadata != NULL) {
            rd_kafka_metadata_destroy(metadata);
        }
        rd_kafka_poll(client.handle, 0); // why nobody answers
    }
    bool ok = code == 0 || KAFKA_FAIL(&client, err, code, rd_kafka_err2str(code), "connect");
    kafka_client_close(&client);
    return ok;
}

static void fact_take(Reading *reading, const rd_kafka_message_t *message) {
    Slice key = {message->key, message->key_len};
    if (!slice_equal(key, reading->key)) {
        return;
    }
    buf_reset(&reading->newest);
    buf_bytes(&reading->newest, message->payload, message->len);
    reading->found = message->payload != NULL;
}

// Readers of committed records stop at the first transaction that is open, which may be another's: ours may lie behind
// it. So what was in the topic when its end was first seen must have been passed.
static bool end_reached(Reading *reading, const rd_kafka_message_t *message) {
    int64_t low = 0, high = -1;
    if (reading->end < 0 &&
        rd_kafka_get_watermark_offsets(reading->client.handle, reading->topic, 0, &low, &high) == 0 && high >= 0) {
        reading->end = high;
    }
    return !reading->wait || (reading->end >= 0 && message->offset >= reading->end);
}

static bool facts_read(Reading *reading, Err *err) {
    int64_t deadline = clock_monotonic_us() + READ_MS * INT64_C(1000);
    int64_t answer = clock_monotonic_us() + ANSWER_MS * INT64_C(1000);
    for (bool done = false; !done;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reading->client.handle, POLL_MS);
        rd_kafka_resp_err_t code = message != NULL ? message->err : 0;
        if (message != NULL && code == 0) {
            fact_take(reading, message);
            answer = deadline;
        } else if (code == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            done = end_reached(reading, message);
            answer = deadline;
            code = 0;
        }
        char text[256];
        snprintf(text, sizeof(text), "%s", code != 0 ? rd_kafka_message_errstr(message) : "no broker answers");
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
        if (!done && (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || clock_monotonic_us() > answer)) {
            code = code != 0 ? code : RD_KAFKA_RESP_ERR__TIMED_OUT;
            char what[300];
            snprintf(what, sizeof(what), "read topic %s", reading->topic);
            return KAFKA_FAIL(&reading->client, err, code, text, what);
        }
    }
    return true;
}

static bool facts_assign(Reading *reading, Err *err) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reading->topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(reading->client.handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code == 0 || KAFKA_FAIL(&reading->client, err, code, rd_kafka_err2str(code), "read");
}

bool kafka_fact(const KafkaPlace *place, const char *topic, Slice key, bool wait, Arena *arena, bool *found,
                Slice *value, Err *err) {
    static const KafkaSetting SETTINGS[] = {{"group.id", "leat", false}, // none is joined
                                            {"isolation.level", "read_committed", true},
                                            {"enable.partition.eof", "true", true},
                                            {"enable.auto.commit", "false", true},
                                            {"fetch.wait.max.ms", "100", false},
                                            {"auto.offset.reset", "earliest", true}};
    Reading reading = {.topic = topic, .key = key, .wait = wait, .end = -1};
    bool exists = false;
    TRY(kafka_client_open(&reading.client, place, RD_KAFKA_CONSUMER, SETTINGS, ARRAY_LEN(SETTINGS), err));
    rd_kafka_poll_set_consumer(reading.client.handle);
    bool ok = kafka_topic_look(&reading.client, topic, &exists, err) &&
              (!exists || (facts_assign(&reading, err) && facts_read(&reading, err)));
    *found = ok && reading.found;
    *value = arena_slice(arena, buf_slice(&reading.newest));
    buf_release(&reading.newest);
    kafka_client_close(&reading.client);
    return ok;
}
