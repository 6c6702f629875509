// SPDX-License-Identifier: Apache-2.0
// The halves that connector_run and connector_call (connector.h) are made of.
#ifndef LEAT_FLOW_PIPELINE_CONNECTOR_RUN_H
#define LEAT_FLOW_PIPELINE_CONNECTOR_RUN_H

#include "core/base/buf.h"
#include "flow/pipeline/connector.h"

// One of a list of offsets in Connect's form.
typedef struct ConnectorOffset {
    Properties partition;
    Properties offset;
    bool reset; // "offset": null
} ConnectorOffset;

typedef struct ConnectorRequest {
    const char *what; // "do"
    const char *tables;
    const Properties *config; // of validate: what is asked for; else the connector's
    const ConnectorOffset *offsets;
    size_t offset_count;
} ConnectorRequest;

// DATA/pipelines/FOLDER of the connector.
char *connector_directory(Arena *arena, const ConnectorRun *run);

CHECKED bool connector_source_run(const ConnectorRun *run, Err *err);
CHECKED bool connector_sink_run(const ConnectorRun *run, Err *err);
// What connector_call does for them; `request` is parsed, without its "config" and "offsets".
CHECKED bool connector_source_call(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out,
                                   Err *err);
CHECKED bool connector_sink_call(const ConnectorRun *run, const ConnectorRequest *request, Arena *arena, Buf *out,
                                 Err *err);

const SourceDriver *connector_source_driver(const ConnectorRun *run); // NULL: there is none
// {"key":…,"message":…} of validate's list; the error is cleared.
void connector_error_json(Buf *out, const char *key, Err *err);
// {"partition":{"kafka_topic":…},"offset":{"kafka_offset":…}} of a list. `kafka`: the topic is one of topic_feed.h.
void sink_offset_json(Buf *out, const SinkOffset *offset, bool kafka);
// ,"topics":[{"name":…,"next_offset":…},…] of a connector's journal; nothing is appended when it cannot be read.
void connector_topics_json(Buf *out, const char *directory);

#endif
