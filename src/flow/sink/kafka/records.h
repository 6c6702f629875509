// SPDX-License-Identifier: Apache-2.0
// The journal's events as Kafka's records: those of a source connector, as its own configuration has them (SinkRecords
// of sink.h), Debezium's, made by a program (data/connect/program.h) and Connect's converters, or flat ones, as files
// have them (data/format/flat.h, json_lines.h), with the row's key as the key.
#ifndef LEAT_FLOW_SINK_KAFKA_RECORDS_H
#define LEAT_FLOW_SINK_KAFKA_RECORDS_H

#include "data/connect/connect_record.h"
#include "flow/sink/kafka/options.h"
#include "flow/sink/sink.h"

typedef struct KafkaRecords KafkaRecords;

typedef struct KafkaRecord {
    Slice topic;
    KafkaMessage message;
} KafkaRecord;

// `options` stay as long as the records. Nothing is asked of anybody yet.
CHECKED bool kafka_records_new(const KafkaSinkOptions *options, const SinkContext *context, KafkaRecords **records,
                               Err *err);
void kafka_records_free(KafkaRecords *records); // NULL is fine
// Of an event, at most CONNECT_RECORDS_MAX, good until the next call. ERR_VALUE, ERR_TABLE: what cannot be said in this
// form; an Avro schema that is not registered yet is.
CHECKED bool kafka_records_make(KafkaRecords *records, const JournalEntry *entry, KafkaRecord *made, size_t *count,
                                Err *err);
// Does the registry answer, and let us in? True where there is none.
CHECKED bool kafka_records_probe(KafkaRecords *records, Err *err);

#endif
