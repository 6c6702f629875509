// SPDX-License-Identifier: Apache-2.0
// A connector's document as a worker needs it: kind and configuration.
#ifndef LEAT_ENGINE_WORKER_DOCUMENT_CONFIG_H
#define LEAT_ENGINE_WORKER_DOCUMENT_CONFIG_H

#include "core/config/properties.h"

// Everything is copied into the arena. ERR_OPTION: it is no document.
CHECKED bool document_config(Slice json, Arena *arena, const char **kind, Properties *config, Err *err);

#endif
