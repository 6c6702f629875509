// SPDX-License-Identifier: Apache-2.0
// A connector as a worker of `leat server` runs it: a source half (source into journal), a sink half (the journals of
// all sources that have its topics, into a sink), or a whole `leat sync` pipeline that the server has adopted.
//
//     DATA/connectors/FOLDER.json      the document: {"format_version":1,"name":…,"kind":"source"|"sink"|"sync",
//                                      "target":"RUNNING"|"PAUSED"|"STOPPED","config":{…}}; secrets sealed or
//                                      referenced
//     DATA/pipelines/FOLDER/           of a source: journal/, spool/, programs/ (the configurations that its records
//                                      were appended under, by log position), sinks/SINK FOLDER/
// FOLDER is made of the connector's name by core/config/folder.h.
//
// What a worker reports (JSON, MESSAGE_REPORT):
//     {"phase":…,"trouble":…,"tables":[…],                 as status.json (report.h), plus
//      "topics":[{"name":…,"next_offset":…}],              of a source: what it wrote; of a sink: what it reads
//      "offsets":[{"partition":{…},"offset":{…}}],         in Connect's form
//      "quarantined_tables":[{"table":…,"reason":…,"lsn":…}],   put aside, why, and where if that is known
//      "quarantined":N,"records":N,"bytes":N,…,
//      "verify":{…}}                                       of kind sync: verify_state.h
#ifndef LEAT_FLOW_PIPELINE_CONNECTOR_H
#define LEAT_FLOW_PIPELINE_CONNECTOR_H

#include "core/config/folder.h"
#include "core/config/properties.h"
#include "flow/pipeline/pipeline.h"

typedef struct ConnectorRun {
    const char *data_directory;
    Slice name;
    const char *kind;         // source, sink, sync
    const Properties *config; // references and seals not yet resolved
    const Properties *kafka;  // of the server: connector_kafka.h; NULL = none
    const char *journal;      // of the server: connector_journal.h; "" = in files
    bool clustered;           // any node of a cluster may run it next
    Slice pipeline;           // of kind sync, in a cluster: config.json; size 0 = the folder has it
    uint32_t task, tasks;     // of a sink whose tasks share topics: 0 … tasks - 1, of so many; else 0 of 1
    bool anew;                // in a cluster: others ran it since this node did: what the folder has is old
    const PipelineDrivers *drivers;
    const volatile bool *stop;
    void (*report)(void *context, Slice json); // about once a second and at every change of state; from any thread
    void *context;
} ConnectorRun;

// Works until *stop, or an error that a new attempt in this process would not cure: its class says what the supervisor
// does. True with a source that is done by its configuration (snapshot.mode=initial_only).
CHECKED bool connector_run(const ConnectorRun *run, Err *err);

// What a call worker does, while the connector's own worker does not run (but for `resync`, `verify`, which may):
// `request` is {"do":…} and what that needs; the answer is JSON.
//     validate   {"config":{…}}: connects to source, target and registry; {"errors":[{"key":…,"message":…}]}
//     offsets    {"offsets":[…]}            in Connect's form, also when nothing runs
//     alter      {"offsets":[…]}            {"message":…}
//     reset      {}                         {"message":…}
//     resync     {"tables":…}               {}
//     verify     {"tables":…}               {"id":…}; of kind sync: its worker begins a verification
//     verified   {}                         of kind sync: what is known of verifications (verify_state.h)
//     topics     {}                         {"topics":[…]}
//     remove     {}                         of a sink: its pins; of a source: a journal that is in Kafka
CHECKED bool connector_call(const ConnectorRun *run, Slice request, Arena *arena, Slice *answer, Err *err);

#endif
