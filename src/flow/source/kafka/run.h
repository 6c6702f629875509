// SPDX-License-Identifier: Apache-2.0
// One run of the Kafka source: polls, cuts as soon as the journal is idle, tells the group of what is durable.
#ifndef LEAT_FLOW_SOURCE_KAFKA_RUN_H
#define LEAT_FLOW_SOURCE_KAFKA_RUN_H

#include "flow/source/source.h"

CHECKED bool kafka_source_run(const SourceContext *context, Err *err);

#endif
