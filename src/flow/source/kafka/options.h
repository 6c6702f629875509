// SPDX-License-Identifier: Apache-2.0
// Options of the Kafka source: parameters of its URL,
//
//     kafka://HOST:PORT[,HOST:PORT…]/TOPICS[?NAME=VALUE&…]
//
// where TOPICS is a list of names, or regular expressions, with commas between them.
#ifndef LEAT_FLOW_SOURCE_KAFKA_OPTIONS_H
#define LEAT_FLOW_SOURCE_KAFKA_OPTIONS_H

#include "core/config/regex.h"
#include "flow/source/kafka/decode.h"
#include "flow/source/source.h"
#include "storage/kafka/kafka.h"

typedef struct KafkaSourceOptions {
    const char *group;        // group.id; "" = leat- and the pipeline's name
    const char *offset_reset; // earliest | latest
    const char *isolation;    // read_committed | read_uncommitted
    const char *format, *key_format;
    const char *registry, *registry_auth, *registry_ca;
    const char *schema; // file
    const char *rows;   // auto | upsert | append
    const char *data_loss;
    bool metadata;
    KafkaOptions kafka;
    // Made of them:
    KafkaUrl url;
    DecodeFormat value_form, key_form;
    RegexList topics; // each for whole names
} KafkaSourceOptions;
extern const OptionTable KAFKA_SOURCE_OPTIONS;

// ERR_OPTION: a parameter that is none, or has no such value; no topics.
CHECKED bool kafka_source_options(const SourceContext *context, Arena *arena, KafkaSourceOptions *options, Err *err);
void kafka_source_options_release(KafkaSourceOptions *options);
// *registrar is NULL where no registry is named.
CHECKED bool kafka_source_registrar(const KafkaSourceOptions *options, Arena *arena, Registrar **registrar, Err *err);

#endif
