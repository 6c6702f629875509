// SPDX-License-Identifier: Apache-2.0
// The dead-letter topic of a sink connector (errors.deadletterqueue.topic.name): records that its converters or
// transforms could not take, with what Connect's context headers say of them. A journal of its own:
//
//     DATA/pipelines/@dlq.SINK FOLDER/journal/     one topic; `leat topic read NAME --dead-letters` shows it
//
// A sink that reads topics of a real Kafka has it there: a topic of one partition, made where it is missing, whose
// records are those that failed, with their headers; at least once, as with Connect.
//
// An event of the journal is a create of schema "$dead_letter": key bytea, value bytea (as they stand in Kafka; NULL
// where null), headers json ([[name,text],…]), topic text, offset int8. What was set aside once is not when the sink
// reads it again, so it is there once.
#ifndef LEAT_FLOW_PIPELINE_DEAD_LETTERS_H
#define LEAT_FLOW_PIPELINE_DEAD_LETTERS_H

#include "storage/kafka/kafka.h"

typedef struct DeadLetters DeadLetters; // thread-safe

#define DEAD_LETTER_SPACE "$dead_letter"
enum { DEAD_LETTER_KEY, DEAD_LETTER_VALUE, DEAD_LETTER_HEADERS, DEAD_LETTER_TOPIC, DEAD_LETTER_OFFSET };

typedef struct DeadLettersOptions {
    const char *data_directory;
    Slice connector;
    Slice topic;
    bool context_headers;    // errors.deadletterqueue.context.headers.enable
    const KafkaPlace *kafka; // NULL: in a journal
    int64_t replicas;        // errors.deadletterqueue.topic.replication.factor
} DeadLettersOptions;

typedef struct DeadLetter {
    Slice topic; // that it was in
    int32_t partition;
    uint64_t offset;
    int64_t timestamp_ms;
    const Slice *key, *value;   // NULL = null
    const KafkaHeader *headers; // that it had in Kafka
    size_t header_count;
    const char *stage;      // VALUE_CONVERTER, TRANSFORMATION
    const char *class_name; // of what failed
    const Err *cause;
} DeadLetter;

// ERR_LOCKED: another process has it.
CHECKED bool dead_letters_open(const DeadLettersOptions *options, DeadLetters **letters, Err *err);
void dead_letters_close(DeadLetters *letters); // NULL is fine
CHECKED bool dead_letters_put(DeadLetters *letters, const DeadLetter *letter, Err *err);
// Until all that was put is durable: before the sink goes past it.
CHECKED bool dead_letters_sync(DeadLetters *letters, Err *err);

#endif
