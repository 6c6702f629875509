// SPDX-License-Identifier: Apache-2.0
// A source connector's records into a real Kafka, as Kafka Connect would put them there: beside the source, in the same
// process, a pump of the Kafka sink (flow/sink/kafka) with its own pin and state,
//
//     DATA/pipelines/FOLDER/journal/pins/@kafka
//                          /sinks/@kafka/
//
// Which Kafka, and how: options of that sink under "kafka." of the server's, over them those under "leat.kafka." of the
// connector's configuration, and over both what Kafka Connect has: topic.creation.*, producer.override.*,
// consumer.override.*, exactly.once.support, transaction.boundary. Without bootstrap.servers there is none.
#ifndef LEAT_FLOW_PIPELINE_CONNECTOR_KAFKA_H
#define LEAT_FLOW_PIPELINE_CONNECTOR_KAFKA_H

#include "flow/pipeline/connector.h"
#include "flow/pipeline/sink_pump.h"

#define CONNECTOR_KAFKA_PIN "@kafka" // no folder of a sink connector begins so

typedef struct ConnectorKafka ConnectorKafka;

// Are these options of the server's (without "kafka.")? ERR_OPTION names the one that is none.
CHECKED bool connector_kafka_check(const PipelineDrivers *drivers, const Properties *server, Err *err);
// Can that connector write there? Asks nobody. ERR_OPTION; `key` is the one of the configuration that it is about.
CHECKED bool connector_kafka_validate(const ConnectorRun *run, const Properties *config, Arena *arena, const char **key,
                                      Err *err);
// With the journal made; `journal_id` as in flow/sink/sink.h. *kafka NULL: the connector has no Kafka, and its journal
// is no more kept for one. `directory` is that of the connector and stays, as `run` does, until it ends.
CHECKED bool connector_kafka_start(const ConnectorRun *run, const char *directory, const char *journal_id,
                                   ConnectorKafka **kafka, Err *err);
void connector_kafka_look(const ConnectorKafka *kafka, SinkPumpLook *look);
typedef struct ConnectorKafkaFinish {
    bool all;     // everything durable in the journal is written first
    bool stopped; // see SinkPumpLast
} ConnectorKafkaFinish;
CHECKED bool connector_kafka_finish(ConnectorKafka *kafka, ConnectorKafkaFinish how, Err *err); // NULL is fine
// Of a connector that is deleted: the topics stay, their position goes.
CHECKED bool connector_kafka_remove(const ConnectorRun *run, const char *directory, Err *err);

#endif
