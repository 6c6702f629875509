// SPDX-License-Identifier: Apache-2.0
// leat takeover: the connectors of a running Kafka Connect cluster, on a leat server; and back. In parts:
//
//     takeover.c          the command and its options
//     takeover_read.c     what Connect keeps in its topics
//     takeover_plan.c     what can be done with each connector, and why not
//     takeover_server.c   what leat's server and Connect's workers say over REST
//     takeover_print.c    the plan, as text and JSON
//     takeover_execute.c  one connector after the other from Connect to leat
//     takeover_iceberg.c  what Iceberg's sink connector needs besides: nothing may wait in its control topic
//     takeover_back.c     and back
//
// Each step may be done twice: what fails half-way is gone on with by the same command.
#ifndef LEAT_SURFACE_CLI_TAKEOVER_H
#define LEAT_SURFACE_CLI_TAKEOVER_H

#include "data/connect/cluster.h"
#include "data/connect/plugin.h"
#include "storage/kafka/kafka.h"
#include "surface/cli/rest.h"

// Of this command; names are those of connect-distributed.properties.
typedef struct TakeoverOptions {
    KafkaOptions kafka;
    const char *brokers;
    const char *group;
    const char *configs, *offsets, *status; // topics; "" = Connect's usual names
} TakeoverOptions;

typedef enum TakeoverAction {
    TAKEOVER_NOT,      // it stays with Connect
    TAKEOVER_CONTINUE, // from its offset on
    TAKEOVER_ANEW,     // from nothing, as snapshot.mode says
} TakeoverAction;

typedef struct TakeoverNote {
    bool against; // the connector cannot be taken over; else a warning
    const char *text;
} TakeoverNote;

typedef struct TakeoverItem {
    const ClusterConnector *connector;
    const Plugin *plugin;        // NULL: leat has none
    Properties config;           // what leat's server gets
    const ClusterOffset *offset; // of its topic.prefix; NULL = none
    bool sink;
    KafkaPartition *committed; // of a sink's consumer group
    size_t committed_count;
    const char *there; // its state on leat's server; NULL = it is not there
    TakeoverAction action;
    const char *goes_on; // where, in words
    TakeoverNote *notes;
    size_t note_count;
} TakeoverItem;

typedef struct Takeover {
    Cli *cli;
    Arena *arena;
    TakeoverOptions options;
    Properties worker; // of --worker-config
    Properties client; // how Kafka is reached, besides its brokers: NAME=VALUE as given
    Cluster cluster;
    Rest leat;
    Rest connect; // base NULL: --connect-url was not given
    bool leat_answers;
    const char *leat_silence; // why not
    TakeoverItem *items;
    size_t count;
    bool json;
} Takeover;

// Reads the three topics, and offsets topics of connectors that have their own, to their ends.
CHECKED bool takeover_read(Takeover *takeover, Err *err);
// Of one topic, from these offsets to the ends: every record, and what ends a partition.
typedef void TakeoverTake(void *context, const KafkaFetched *record);
CHECKED bool takeover_partitions_read(Takeover *takeover, KafkaConsumer *consumer, const KafkaPartition *from,
                                      size_t count, TakeoverTake *take, void *context, Err *err);
// `group` NULL: no offsets are asked for; `uncommitted`: as in kafka.h.
CHECKED bool takeover_consumer_open(Takeover *takeover, const char *group, bool uncommitted, KafkaConsumer **consumer,
                                    Err *err);
const char *takeover_group(const Takeover *takeover, const TakeoverItem *item); // of a sink
// The offsets that the connector's consumer group has.
CHECKED bool takeover_committed(Takeover *takeover, TakeoverItem *item, Err *err);

// Makes the items: those that are named on the command line, else all.
CHECKED bool takeover_plan(Takeover *takeover, Err *err);
void takeover_note(Takeover *takeover, TakeoverItem *item, bool against, const char *format, ...) PRINTF_LIKE(4, 5);

// Is leat's server there? Not being there is no error.
void takeover_server_look(Takeover *takeover);
// Notes what its validation says, connections included.
CHECKED bool takeover_server_validate(Takeover *takeover, TakeoverItem *item, Err *err);
CHECKED bool takeover_server_state(Takeover *takeover, TakeoverItem *item, Err *err);

// The offset of the connector's topic.prefix; NULL = none.
const ClusterOffset *takeover_offset(const Takeover *takeover, const ClusterConnector *connector);

void takeover_print(const Takeover *takeover);
CHECKED bool takeover_execute(Takeover *takeover, Err *err);
// With or without --execute.
CHECKED bool takeover_back(Takeover *takeover, Err *err);

// A connector's state at a server of Connect's interface.
typedef struct TakeoverState {
    bool found;
    const char *state; // of the connector: RUNNING, STOPPED, …
    const char *trace; // of whatever failed; NULL = nothing did
    size_t tasks, running, paused;
    uint64_t behind_bytes; // of leat: what Kafka has not got
} TakeoverState;
CHECKED bool takeover_state(Takeover *takeover, Rest *rest, const char *name, TakeoverState *state, Err *err);
// Asks until it and its tasks are RUNNING or PAUSED, or it is STOPPED without any tasks. One that fails is an error.
CHECKED bool takeover_state_wait(Takeover *takeover, Rest *rest, const char *name, const char *wanted,
                                 TakeoverState *state, Err *err);
// PUT or PATCH, again while the workers are busy with something else (409).
CHECKED bool takeover_ask(Takeover *takeover, Rest *rest, const char *method, const char *format, const char *name,
                          Slice body, Err *err);
// The first of GET …/offsets, as JSON; NULL: there is none.
CHECKED bool takeover_offset_ask(Takeover *takeover, Rest *rest, const char *name, const char **partition,
                                 const char **offset, Err *err);
// All of a sink's on leat.
CHECKED bool takeover_sink_offsets(Takeover *takeover, const char *name, KafkaPartition **partitions, size_t *count,
                                   Err *err);
// The LSN from which an offset in Debezium's form goes on; 0: it names none.
uint64_t takeover_offset_lsn(const char *offset);
// Whether it is one of a snapshot that has not ended.
bool takeover_offset_unfinished(const char *offset);

// --- sinks of Iceberg ---

bool takeover_is_iceberg(const TakeoverItem *item);
// Notes what is against it, and what waits.
CHECKED bool takeover_iceberg_judge(Takeover *takeover, TakeoverItem *item, Err *err);
// Stops it in Connect with nothing left in the control topic; without --connect-url looks whether it is so.
CHECKED bool takeover_iceberg_stop(Takeover *takeover, TakeoverItem *item, Err *err);
// Of one that runs on leat: until its tables have all that its topics had when this was called.
CHECKED bool takeover_iceberg_caught_up(Takeover *takeover, TakeoverItem *item, Err *err);
// Of one that has stopped there: the group's offsets are those that the tables have.
CHECKED bool takeover_iceberg_group_check(Takeover *takeover, TakeoverItem *item, Err *err);

void takeover_say(const Takeover *takeover, const char *name, const char *what);

#endif
