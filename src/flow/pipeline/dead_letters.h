// SPDX-License-Identifier: Apache-2.0
// The dead-letter topic of a sink connector (errors.deadletterqueue.topic.name): records that its converters or
// transforms could not take, with what Connect's context headers say of them. A journal of its own:
//
//     DATA/pipelines/@dlq.SINK FOLDER/journal/     one topic; `leat topic read NAME --dead-letters` shows it
//
// An event of it is a create of schema "$dead_letter": key bytea, value bytea (as they stand in Kafka; NULL where
// null), headers json ([[name,text],…]), topic text, offset int8. What was set aside once is not when the sink reads
// it again, so it is there once.
#ifndef LEAT_FLOW_PIPELINE_DEAD_LETTERS_H
#define LEAT_FLOW_PIPELINE_DEAD_LETTERS_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef struct DeadLetters DeadLetters; // thread-safe

#define DEAD_LETTER_SPACE "$dead_letter"
enum { DEAD_LETTER_KEY, DEAD_LETTER_VALUE, DEAD_LETTER_HEADERS, DEAD_LETTER_TOPIC, DEAD_LETTER_OFFSET };

typedef struct DeadLettersOptions {
    const char *data_directory;
    Slice connector;
    Slice topic;
    bool context_headers; // errors.deadletterqueue.context.headers.enable
} DeadLettersOptions;

typedef struct DeadLetter {
    Slice topic; // that it was in
    uint64_t offset;
    int64_t timestamp_ms;
    const Slice *key, *value; // NULL = null
    const char *stage;        // VALUE_CONVERTER, TRANSFORMATION
    const char *class_name;   // of what failed
    const Err *cause;
} DeadLetter;

// ERR_LOCKED: another process has it.
CHECKED bool dead_letters_open(const DeadLettersOptions *options, DeadLetters **letters, Err *err);
void dead_letters_close(DeadLetters *letters); // NULL is fine
CHECKED bool dead_letters_put(DeadLetters *letters, const DeadLetter *letter, Err *err);
// Until all that was put is durable: before the sink goes past it.
CHECKED bool dead_letters_sync(DeadLetters *letters, Err *err);

#endif
