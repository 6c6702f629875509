// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/dead_letters.h"

#include "core/base/json.h"
#include "core/config/folder.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/journal.h"

#include <limits.h>
#include <pthread.h>

#define RETENTION_BYTES (1 * GIB)
#define RETENTION_MS    (INT64_C(7) * 86400000)
#define SEGMENT_BYTES   (4 * MIB)
#define MEMORY_BYTES    (2 * MIB)
#define PRODUCER_MS     60000

struct DeadLetters {
    pthread_mutex_t mutex;   // over all
    Journal *journal;        // NULL: it is in Kafka
    KafkaProducer *producer; // else NULL
    KafkaTopic *kafka;
    KafkaTopicRules *rules;
    const KafkaPlace *place; // NULL: in a journal
    Slice topic_name, connector;
    bool context_headers;
    uint32_t topic, schema;
    bool dirty; // something is not cut yet
    Arena arena;
    Buf text;
};

static const OptionSpec CREATION_SPECS[] = {
    {"topic.creation.*", OPTION_MAP, 0, offsetof(KafkaOptions, topic_creation), NULL, 0, 0, NULL, ""}};
static const OptionTable CREATION_TABLE = {.specs = CREATION_SPECS, .count = ARRAY_LEN(CREATION_SPECS)};

static const Column COLUMNS[] = {
    [DEAD_LETTER_KEY] = {.name = {(const uint8_t *)"key", 3}, .type = {.kind = TYPE_BYTES}},
    [DEAD_LETTER_VALUE] = {.name = {(const uint8_t *)"value", 5}, .type = {.kind = TYPE_BYTES}},
    [DEAD_LETTER_HEADERS] = {.name = {(const uint8_t *)"headers", 7}, .type = {.kind = TYPE_JSON}},
    [DEAD_LETTER_TOPIC] = {.name = {(const uint8_t *)"topic", 5}, .type = {.kind = TYPE_STRING}},
    [DEAD_LETTER_OFFSET] = {.name = {(const uint8_t *)"offset", 6}, .type = {.kind = TYPE_INT64}},
};

static bool open_journal(DeadLetters *letters, const DeadLettersOptions *options, Err *err) {
    const JournalOptions journal = {.segment_bytes_max = SEGMENT_BYTES,
                                    .memory_bytes_max = MEMORY_BYTES,
                                    .retention_bytes = RETENTION_BYTES,
                                    .retention_ms = RETENTION_MS};
    const char *directory = arena_printf(&letters->arena, "%s/pipelines/@dlq.%s/journal", options->data_directory,
                                         connector_folder(&letters->arena, options->connector));
    TRY(file_make_directories(directory, err));
    TRY(journal_open(directory, &journal, &letters->journal, err));
    Schema schema = {.space = SLICE(DEAD_LETTER_SPACE),
                     .identity = IDENTITY_NOTHING,
                     .columns = COLUMNS,
                     .column_count = ARRAY_LEN(COLUMNS)};
    letters->topic = journal_topic(letters->journal, options->topic);
    letters->schema = journal_schema(letters->journal, letters->topic, &schema);
    return true;
}

// After an error a producer can only be closed; what it had is put again, as the sink has not gone past it.
static void kafka_leave(DeadLetters *letters) {
    kafka_producer_close(letters->producer);
    letters->producer = NULL;
    letters->dirty = false;
}

static bool kafka_reach(DeadLetters *letters, Err *err) {
    if (letters->producer != NULL) {
        return true;
    }
    KafkaProducerSpec spec = {.place = *letters->place,
                              .transaction_timeout_ms = PRODUCER_MS,
                              .memory_bytes_max = MEMORY_BYTES,
                              .rules = letters->rules};
    TRY(kafka_producer_open(&spec, &letters->producer, err));
    if (!kafka_producer_topic(letters->producer, letters->topic_name, &letters->kafka, err)) {
        kafka_leave(letters);
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

static bool open_kafka(DeadLetters *letters, const DeadLettersOptions *options, Err *err) {
    KafkaOptions made = *options->kafka->options;
    made.topic_creation = NULL;
    letters->place = options->kafka;
    letters->topic_name = arena_slice(&letters->arena, options->topic);
    TRY(option_set(&CREATION_TABLE, &made, "topic.creation.default.replication.factor",
                   arena_printf(&letters->arena, "%" PRId64, options->replicas), &letters->arena, err));
    return kafka_topic_rules_new(&letters->arena, &made, &letters->rules, err) && kafka_reach(letters, err);
}

bool dead_letters_open(const DeadLettersOptions *options, DeadLetters **letters, Err *err) {
    DeadLetters *opened = calloc(1, sizeof(*opened));
    ASSERT(opened != NULL);
    pthread_mutex_init(&opened->mutex, NULL);
    arena_init(&opened->arena, "run", 0);
    opened->connector = arena_slice(&opened->arena, options->connector);
    opened->context_headers = options->context_headers;
    if (!(options->kafka != NULL ? open_kafka(opened, options, err) : open_journal(opened, options, err))) {
        dead_letters_close(opened);
        return err_frame(err, __FILE__, __LINE__);
    }
    *letters = opened;
    return true;
}

void dead_letters_close(DeadLetters *letters) {
    if (letters == NULL) {
        return;
    }
    journal_close(letters->journal);
    kafka_leave(letters);
    kafka_topic_rules_release(letters->rules);
    pthread_mutex_destroy(&letters->mutex);
    buf_release(&letters->text);
    arena_release(&letters->arena);
    free(letters);
}

static const char *exception_of(const DeadLetter *letter) {
    bool value = letter->cause->code == ERR_VALUE;
    return value ? "org.apache.kafka.connect.errors.DataException" : "org.apache.kafka.connect.errors.ConnectException";
}

enum { CONTEXT_HEADERS = 10 };

// Connect's, in its order.
static size_t context_headers(DeadLetters *letters, Arena *scratch, const DeadLetter *letter,
                              KafkaHeader headers[CONTEXT_HEADERS]) {
    if (!letters->context_headers) {
        return 0;
    }
    const char *class_name = exception_of(letter), *message = letter->cause->message;
    const struct {
        const char *name, *text;
    } all[CONTEXT_HEADERS] = {
        {"topic", arena_text(scratch, letter->topic)},
        {"partition", arena_printf(scratch, "%d", letter->partition)},
        {"offset", arena_printf(scratch, "%" PRIu64, letter->offset)},
        {"connector.name", arena_text(scratch, letters->connector)},
        {"task.id", "0"},
        {"stage", letter->stage},
        {"class.name", letter->class_name},
        {"exception.class.name", class_name},
        {"exception.message", message},
        {"exception.stacktrace", arena_printf(scratch, "%s: %s", class_name, message)},
    };
    for (size_t i = 0; i < CONTEXT_HEADERS; i++) {
        headers[i].name = slice_of(arena_printf(scratch, "__connect.errors.%s", all[i].name));
        headers[i].value = slice_of(all[i].text);
    }
    return CONTEXT_HEADERS;
}

static void headers_write(Buf *out, const KafkaHeader *headers, size_t count) {
    buf_reset(out);
    buf_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? ",[" : "[");
        json_quote(out, headers[i].name);
        buf_u8(out, ',');
        json_quote(out, headers[i].value);
        buf_u8(out, ']');
    }
    buf_u8(out, ']');
}

static bool put_kafka(DeadLetters *letters, Arena *scratch, const DeadLetter *letter, Err *err) {
    TRY(kafka_reach(letters, err));
    KafkaHeader *headers = ARENA_ARRAY(scratch, KafkaHeader, letter->header_count + CONTEXT_HEADERS);
    for (size_t i = 0; i < letter->header_count; i++) {
        headers[i] = letter->headers[i];
    }
    size_t added = context_headers(letters, scratch, letter, headers + letter->header_count);
    KafkaMessage message = {.key = letter->key != NULL ? *letter->key : (Slice){0},
                            .value = letter->value != NULL ? *letter->value : (Slice){0},
                            .timestamp_ms = letter->timestamp_ms,
                            .headers = headers,
                            .header_count = letter->header_count + added,
                            .partition = -1};
    letters->dirty = true;
    bool ok = kafka_put(letters->producer, letters->kafka, &message, err);
    if (!ok) {
        kafka_leave(letters);
    }
    return ok;
}

// Of each topic, what lies below was set aside before.
static uint64_t put_below(const DeadLetters *letters, Slice topic) {
    Slice value = journal_state_get(letters->journal, topic);
    return value.size == sizeof(uint64_t) ? load_u64le(value.data) : 0;
}

static bool put_journal(DeadLetters *letters, Arena *scratch, const DeadLetter *letter, Err *err) {
    KafkaHeader headers[CONTEXT_HEADERS];
    if (letter->offset < put_below(letters, letter->topic)) {
        return true;
    }
    headers_write(&letters->text, headers, context_headers(letters, scratch, letter, headers));
    int64_t now = clock_wall_us();
    uint64_t below = letter->offset + 1;
    Value row[ARRAY_LEN(COLUMNS)] = {
        [DEAD_LETTER_KEY] = letter->key != NULL ? value_bytes(VALUE_BYTES, *letter->key) : (Value){0},
        [DEAD_LETTER_VALUE] = letter->value != NULL ? value_bytes(VALUE_BYTES, *letter->value) : (Value){0},
        [DEAD_LETTER_HEADERS] = value_bytes(VALUE_STRING, buf_slice(&letters->text)),
        [DEAD_LETTER_TOPIC] = value_bytes(VALUE_STRING, letter->topic),
        [DEAD_LETTER_OFFSET] = value_int((int64_t)letter->offset),
    };
    Event event = {.op = OP_CREATE,
                   .offset_span = 1,
                   .column_count = ARRAY_LEN(COLUMNS),
                   .source_us = letter->timestamp_ms >= 0 ? letter->timestamp_ms * 1000 : now,
                   .capture_us = now,
                   .after = row};
    TRY(journal_append(letters->journal, letters->topic, letters->schema, &event, err));
    journal_state_put(letters->journal, letter->topic, (Slice){(const uint8_t *)&below, sizeof(below)});
    letters->dirty = true;
    return true;
}

bool dead_letters_put(DeadLetters *letters, const DeadLetter *letter, Err *err) {
    DEFER(arena_release) Arena scratch = {.name = "scratch"};
    pthread_mutex_lock(&letters->mutex);
    bool ok = letters->place != NULL ? put_kafka(letters, &scratch, letter, err)
                                     : put_journal(letters, &scratch, letter, err);
    pthread_mutex_unlock(&letters->mutex);
    return ok;
}

// What was not sent is put again: the sink has not gone past it.
static bool sync_kafka(DeadLetters *letters, Err *err) {
    bool ok = kafka_flush(letters->producer, err);
    if (!ok) {
        kafka_leave(letters);
    }
    return ok;
}

static bool sync_journal(DeadLetters *letters, Err *err) {
    const Position none = {0};
    return journal_cut(letters->journal, &none, err) && journal_sync(letters->journal, err) &&
           journal_trim(letters->journal, err);
}

bool dead_letters_sync(DeadLetters *letters, Err *err) {
    pthread_mutex_lock(&letters->mutex);
    bool ok = !letters->dirty || (letters->place != NULL ? sync_kafka(letters, err) : sync_journal(letters, err));
    letters->dirty = letters->dirty && !ok;
    pthread_mutex_unlock(&letters->mutex);
    return ok;
}
