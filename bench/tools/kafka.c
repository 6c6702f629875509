// SPDX-License-Identifier: Apache-2.0
// Kafka without leat, for benchmarks: librdkafka alone.
//
//     leat_kafka copy BROKERS FROM TO INTERVAL_MS     all committed records of partition 0 of FROM into memory;
//     "ready";
//                                                     after a line on stdin into TO, by a bare producer
//     leat_kafka latency BROKERS TOPIC SECONDS        commit in the source (source.ts_us of Debezium's JSON records
//                                                     without schemas) -> here, of each record from now on
//     leat_kafka count BROKERS TOPIC                  what read_committed readers see: records, bytes, the sum of the
//                                                     keys ({"id":N}, or an Avro record of one long)
//
// The bare producer is idempotent and commits a transaction each INTERVAL_MS; 0: without transactions. It does not copy
// what it sends. Each prints one JSON object.
#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/sys/clock.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

enum { QUIET_MS = 10 * 1000, BUCKETS = 1000000 };

typedef struct Held {
    Slice key, value;
    int64_t timestamp_ms;
    rd_kafka_headers_t *headers;
} Held;

static rd_kafka_t *opened(rd_kafka_type_t type, const char *brokers, const char *const settings[][2], size_t count) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char problem[256];
    rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], problem, sizeof(problem)) != RD_KAFKA_CONF_OK) {
            panic("%s", problem);
        }
    }
    rd_kafka_t *handle = rd_kafka_new(type, conf, problem, sizeof(problem));
    if (handle == NULL) {
        panic("%s", problem);
    }
    return handle;
}

static rd_kafka_t *consumer(const char *brokers, const char *topic, int64_t from) {
    const char *const settings[][2] = {{"group.id", "leat-bench"},
                                       {"isolation.level", "read_committed"},
                                       {"enable.auto.commit", "false"},
                                       {"enable.partition.eof", "true"},
                                       {"queued.min.messages", "1000000"}};
    rd_kafka_t *handle = opened(RD_KAFKA_CONSUMER, brokers, settings, ARRAY_LEN(settings));
    rd_kafka_poll_set_consumer(handle);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = from;
    if (rd_kafka_assign(handle, list) != 0) {
        panic("%s cannot be assigned", topic);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return handle;
}

// The next record; NULL at the end, or when nothing came for `timeout_ms`.
static rd_kafka_message_t *next(rd_kafka_t *handle, int timeout_ms) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(handle, timeout_ms);
    if (message == NULL || message->err == 0) {
        return message;
    }
    if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        panic("%s", rd_kafka_message_errstr(message));
    }
    rd_kafka_message_destroy(message);
    return NULL;
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// --- copying -----------------------------------------------------------------------------------------------------

static void must(rd_kafka_error_t *error) {
    if (error != NULL) {
        panic("%s", rd_kafka_error_string(error));
    }
}

static size_t hold(const char *brokers, const char *topic, Arena *arena, Buf *held) {
    rd_kafka_t *handle = consumer(brokers, topic, RD_KAFKA_OFFSET_BEGINNING);
    size_t count = 0;
    for (rd_kafka_message_t *message; (message = next(handle, QUIET_MS)) != NULL; count++) {
        Held one = {.key = arena_slice(arena, (Slice){message->key, message->key_len}),
                    .value = arena_slice(arena, (Slice){message->payload, message->len}),
                    .timestamp_ms = rd_kafka_message_timestamp(message, NULL)};
        (void)rd_kafka_message_detach_headers(message, &one.headers);
        buf_bytes(held, &one, sizeof(one));
        rd_kafka_message_destroy(message);
    }
    rd_kafka_consumer_close(handle);
    rd_kafka_destroy(handle);
    return count;
}

static void put(rd_kafka_t *handle, rd_kafka_topic_t *topic, Held *one) {
    rd_kafka_vu_t parts[7] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = 0},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)one->key.data, one->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)one->value.data, one->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = one->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = 0},
    };
    size_t count = 6;
    if (one->headers != NULL) {
        parts[count++] = (rd_kafka_vu_t){.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = one->headers};
    }
    for (rd_kafka_error_t *error; (error = rd_kafka_produceva(handle, parts, count)) != NULL;) {
        if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            must(error);
        }
        rd_kafka_error_destroy(error);
        rd_kafka_poll(handle, 10);
    }
}

static void copy(char **words) {
    Arena arena[1];
    Buf all = {0};
    arena_init(arena, "records", 0);
    size_t count = hold(words[0], words[1], arena, &all);
    int64_t interval_us = strtol(words[3], NULL, 10) * 1000;
    const char *const settings[][2] = {{"enable.idempotence", "true"},
                                       {"acks", "all"},
                                       {"delivery.report.only.error", "true"},
                                       {"transactional.id", "leat-bench"}};
    rd_kafka_t *handle = opened(RD_KAFKA_PRODUCER, words[0], settings, interval_us > 0 ? 4 : 3);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, words[2], NULL);
    const struct rd_kafka_metadata *known = NULL;
    if (rd_kafka_metadata(handle, 0, topic, &known, QUIET_MS) == 0) {
        rd_kafka_metadata_destroy(known);
    }
    if (interval_us > 0) {
        must(rd_kafka_init_transactions(handle, QUIET_MS));
    }
    printf("ready\n");
    fflush(stdout);
    (void)getchar();
    double cpu = cpu_seconds();
    int64_t began = clock_monotonic_us(), begun = 0;
    uint64_t bytes = 0, commits = 0;
    for (size_t i = 0; i < count; i++) {
        Held *one = (Held *)(void *)all.data + i;
        if (begun == 0 && interval_us > 0) {
            must(rd_kafka_begin_transaction(handle));
        }
        begun = begun == 0 ? clock_monotonic_us() : begun;
        put(handle, topic, one);
        bytes += one->key.size + one->value.size;
        if (interval_us > 0 && (i % 100 == 99 || i + 1 == count) &&
            (i + 1 == count || clock_monotonic_us() - begun >= interval_us)) {
            must(rd_kafka_commit_transaction(handle, -1));
            begun = 0;
            commits++;
        }
    }
    rd_kafka_flush(handle, QUIET_MS);
    printf("{\"records\":%zu,\"bytes\":%" PRIu64 ",\"commits\":%" PRIu64 ",\"seconds\":%.3f,\"cpu_seconds\":%.3f}\n",
           count, bytes, commits, (double)(clock_monotonic_us() - began) / 1e6, cpu_seconds() - cpu);
    fflush(stdout);
    _Exit(0);
}

// --- reading -----------------------------------------------------------------------------------------------------

// source.ts_us of Debezium's envelope: when the source committed. 0 = none.
static int64_t committed_us(const rd_kafka_message_t *message) {
    static const char SOURCE[] = "\"source\":{", AT[] = "\"ts_us\":";
    const char *source = memmem(message->payload, message->len, SOURCE, sizeof(SOURCE) - 1);
    if (source == NULL) {
        return 0;
    }
    size_t left = message->len - (size_t)(source - (const char *)message->payload);
    const char *at = memmem(source, left, AT, sizeof(AT) - 1);
    return at != NULL ? strtoll(at + sizeof(AT) - 1, NULL, 10) : 0;
}

static double part_ms(const uint32_t *buckets, uint64_t count, double part) {
    uint64_t below = (uint64_t)((double)count * part);
    size_t at = 0;
    for (uint64_t seen = 0; at < BUCKETS - 1 && (seen += buckets[at]) <= below;) {
        at++;
    }
    return (double)at / 100;
}

static void latency(char **words) {
    static uint32_t buckets[BUCKETS]; // of 10 µs
    rd_kafka_t *handle = consumer(words[0], words[1], RD_KAFKA_OFFSET_END);
    int64_t until = clock_monotonic_us() + strtol(words[2], NULL, 10) * 1000000, highest = 0;
    uint64_t count = 0;
    while (clock_monotonic_us() < until) {
        rd_kafka_message_t *message = next(handle, 100);
        int64_t at = message != NULL ? committed_us(message) : 0;
        if (at > 0) {
            int64_t took = MAX(clock_wall_us() - at, INT64_C(0));
            buckets[MIN(took / 10, BUCKETS - 1)]++;
            highest = MAX(highest, took);
            count++;
        }
        if (message != NULL) {
            rd_kafka_message_destroy(message);
        }
    }
    printf("{\"records\":%" PRIu64 ",\"p50_ms\":%.2f,\"p90_ms\":%.2f,\"p99_ms\":%.2f,\"p99.9_ms\":%.2f,\"max_ms\":%.2f}"
           "\n",
           count, part_ms(buckets, count, 0.5), part_ms(buckets, count, 0.9), part_ms(buckets, count, 0.99),
           part_ms(buckets, count, 0.999), (double)highest / 1000);
    fflush(stdout);
    _Exit(0);
}

// {"id":N}, or Confluent's form of an Avro record of one long.
static int64_t key_id(const rd_kafka_message_t *message) {
    const uint8_t *key = message->key;
    if (message->key_len > 6 && key[0] == '{') {
        return strtoll((const char *)key + 6, NULL, 10);
    }
    uint64_t raw = 0;
    for (size_t i = 5; i < message->key_len; i++) {
        raw |= (uint64_t)(key[i] & 127) << (7 * (i - 5));
    }
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

static void count(char **words) {
    rd_kafka_t *handle = consumer(words[0], words[1], RD_KAFKA_OFFSET_BEGINNING);
    uint64_t records = 0, bytes = 0, sum = 0;
    for (rd_kafka_message_t *message; (message = next(handle, QUIET_MS)) != NULL; records++) {
        bytes += message->key_len + message->len;
        sum += (uint64_t)key_id(message);
        rd_kafka_message_destroy(message);
    }
    printf("{\"records\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"sum\":%" PRIu64 "}\n", records, bytes, sum);
    fflush(stdout);
    _Exit(0);
}

int main(int argc, char **argv) {
    if (argc == 6 && strcmp(argv[1], "copy") == 0) {
        copy(argv + 2);
    } else if (argc == 5 && strcmp(argv[1], "latency") == 0) {
        latency(argv + 2);
    } else if (argc == 4 && strcmp(argv[1], "count") == 0) {
        count(argv + 2);
    }
    fprintf(
        stderr,
        "usage: leat_kafka copy BROKERS FROM TO INTERVAL_MS | latency BROKERS TOPIC SECONDS | count BROKERS TOPIC\n");
    return 2;
}
