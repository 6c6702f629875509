// SPDX-License-Identifier: Apache-2.0
// What a sink connector makes of the records of a real Kafka: key and value read by its converters, then its
// transforms. Records that fail go to the dead letters when errors.tolerance=all says so. One thread at a time.
//
//     JsonConverter, schemas.enable   the envelope's schema and payload
//     JsonConverter without           maps without schema; for the files of the S3 sink the JSON that they are
//     AvroConverter                   Confluent's frame, the schema from the registry of the configuration
//     JsonSchemaConverter             the same, around JSON of a JSON Schema
//     StringConverter, ByteArrayConverter
#ifndef LEAT_FLOW_PIPELINE_TOPIC_RECORDS_H
#define LEAT_FLOW_PIPELINE_TOPIC_RECORDS_H

#include "flow/pipeline/sink_records.h"
#include "storage/kafka/kafka.h"

typedef struct TopicRecords TopicRecords;

typedef struct TopicRecordsSpec {
    const Properties *config; // resolved; outlives the maker
    DeadLetters *letters;     // NULL: what is tolerated is dropped
    bool files;               // values without schema are to be JSON
} TopicRecordsSpec;

// ERR_OPTION: a converter that reads nothing here.
CHECKED bool topic_records_new(Arena *arena, const TopicRecordsSpec *spec, TopicRecords **maker, Err *err);
void topic_records_release(TopicRecords *maker); // NULL is fine
// The record that the next entry stands for, borrowed; NULL: offsets without one.
void topic_records_set(TopicRecords *maker, const KafkaFetched *record);
const SinkRecords *topic_records_seam(TopicRecords *maker);
void topic_records_stats(const TopicRecords *maker, SinkRecordStats *stats); // from any thread

#endif
