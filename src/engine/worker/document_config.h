// SPDX-License-Identifier: Apache-2.0
// A connector's document as a worker gets it: kind, configuration, and what the server says of Kafka.
#ifndef LEAT_ENGINE_WORKER_DOCUMENT_CONFIG_H
#define LEAT_ENGINE_WORKER_DOCUMENT_CONFIG_H

#include "core/config/properties.h"

typedef struct DocumentConfig {
    const char *kind;
    Properties config;
    Properties kafka;     // options, without "kafka."; none = there is no Kafka
    const char *journal;  // kafka://…: where source connectors have their journals; "" = in the data directory
    bool clustered;       // the server is a node of a cluster
    uint32_t task, tasks; // server_options_document
    Slice pipeline; // config.json of a pipeline of `leat sync` that any node may run; size 0 = it is in its folder
} DocumentConfig;

// Everything is copied into the arena. ERR_OPTION: it is no document.
CHECKED bool document_config(Slice json, Arena *arena, DocumentConfig *document, Err *err);

#endif
