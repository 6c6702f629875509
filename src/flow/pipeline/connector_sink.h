// SPDX-License-Identifier: Apache-2.0
// A sink connector and the sources that it reads. Each has a pump (sink_pump.h) with its own pin and state:
//
//     DATA/pipelines/SOURCE FOLDER/journal/pins/SINK FOLDER@sink
//                                 /sinks/SINK FOLDER/
//                                 /sinks/SINK FOLDER@journal/     where the source's journal in Kafka is
// A source whose journal is in files is on this machine, once it has run. One whose journal is in Kafka may run on
// another: its document alone, in DATA/connectors, says where to read.
#ifndef LEAT_FLOW_PIPELINE_CONNECTOR_SINK_H
#define LEAT_FLOW_PIPELINE_CONNECTOR_SINK_H

#include "core/config/regex.h"
#include "flow/pipeline/topic_options.h"
#include "flow/sink/share.h"

// Which topics: `topics`, a list, or `topics.regex`, whole names.
typedef struct TopicChoice {
    const Slice *names;
    size_t count;
    Regex *regex; // NULL = the list
} TopicChoice;
CHECKED bool topic_choice_make(Arena *arena, const Properties *config, TopicChoice *choice, Err *err);
void topic_choice_release(TopicChoice *choice);
bool topic_choice_has(const TopicChoice *choice, Slice topic); // one thread at a time

// Where a sink's part in one source lies. All texts are in the arena.
typedef struct SinkPlace {
    const char *source;    // its folder
    const char *directory; // DATA/pipelines/SOURCE FOLDER
    const char *journal;
    const char *state_directory;
    const char *pin;
    const char *pipeline; // what the target knows it by
    bool remote;          // the journal is in Kafka
    SinkShare share;      // of topics of a real Kafka
} SinkPlace;
// `run` is the sink's; of `of`, source and remote.
void sink_place_make(Arena *arena, const ConnectorRun *run, const SinkPlace *of, SinkPlace *place);
// Where it lies that reads topics of a real Kafka: topic_feed.h.
void sink_topics_place(Arena *arena, const ConnectorRun *run, SinkPlace *place);
// What this task had here when there were more of them, or fewer: the target knows it. Nobody works with it.
CHECKED bool sink_shares_forget(Arena *arena, const ConnectorRun *run, Err *err);
// What it has read before, as the data directory says: KAFKA, JOURNAL, or AUTO, nothing.
TopicsFrom sink_topics_known(Arena *arena, const ConnectorRun *run);
// Has it read a journal in Kafka before, on whatever machine: has it a pin there? Asks Kafka.
CHECKED bool sink_topics_pinned(Arena *arena, const ConnectorRun *run, bool *pinned, Err *err);
// [{"name":…,"next_offset":…},…], one a topic of Kafka: its partitions' offsets together.
void sink_topics_json(Buf *out, const SinkOffset *offsets, size_t count);
// Calls `visit` for each source connector that may have a journal.
CHECKED bool sink_places(Arena *arena, const ConnectorRun *run,
                         bool (*visit)(void *context, const SinkPlace *place, Err *err), void *context, Err *err);
// In a cluster: others ran the sink since this node did: its state here is old, and what the target remembers is not.
// Nobody works with it.
CHECKED bool sink_places_forget(Arena *arena, const ConnectorRun *run, Err *err);

// The driver for the connector's class.
CHECKED bool sink_driver_find(const ConnectorRun *run, const SinkDriver **driver, Err *err);
// Options, URL and rules of a resolved configuration.
CHECKED bool sink_target(Arena *arena, const SinkDriver *driver, const Properties *config, SinkContext *context,
                         Err *err);
void sink_target_release(SinkContext *context);

#endif
