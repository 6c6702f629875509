// SPDX-License-Identifier: Apache-2.0
// Topics that others fill, Debezium too, as a source.
#ifndef LEAT_FLOW_SOURCE_KAFKA_KAFKA_H
#define LEAT_FLOW_SOURCE_KAFKA_KAFKA_H

#include "flow/source/source.h"

extern const SourceDriver KAFKA_SOURCE;

#endif
