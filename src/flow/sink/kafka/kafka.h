// SPDX-License-Identifier: Apache-2.0
// The Kafka sink: every table's changes into a topic, records and position in one transaction. docs/sinks/kafka.md.
//
// A transaction holds whole cuts; one that would be too large or too long for the brokers is ended within a cut, and
// its position then says so (position.h). What is committed stands in the position topic alone: a start fences older
// producers, reads it and goes on there. So a commit whose answer never came is either seen there or made again.
#ifndef LEAT_FLOW_SINK_KAFKA_KAFKA_H
#define LEAT_FLOW_SINK_KAFKA_KAFKA_H

#include "flow/sink/sink.h"

extern const SinkDriver KAFKA_SINK;

#endif
