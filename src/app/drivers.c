// SPDX-License-Identifier: Apache-2.0
#include "app/drivers.h"

static const SourceDriver *const SOURCES[] = {NULL};
static const SinkDriver *const SINKS[] = {NULL};

const PipelineDrivers DRIVERS = {SOURCES, SINKS};
