// SPDX-License-Identifier: Apache-2.0
#include "app/drivers.h"

#include "flow/sink/iceberg/iceberg.h"
#include "flow/sink/kafka/kafka.h"
#include "flow/sink/objects/objects.h"
#include "flow/source/kafka/kafka.h"
#include "flow/source/postgres/postgres.h"

static const SourceDriver *const SOURCES[] = {&POSTGRES_SOURCE, &KAFKA_SOURCE, NULL};
static const SinkDriver *const SINKS[] = {&ICEBERG_SINK, &OBJECTS_SINK, &KAFKA_SINK, NULL};

const PipelineDrivers DRIVERS = {SOURCES, SINKS};
