// SPDX-License-Identifier: Apache-2.0
// The one list of drivers. Nothing else names one.
#ifndef LEAT_APP_DRIVERS_H
#define LEAT_APP_DRIVERS_H

#include "flow/pipeline/pipeline.h"

extern const PipelineDrivers DRIVERS;

#endif
