// SPDX-License-Identifier: Apache-2.0
// What the parts of one run share: topics.c (what is read, and from where), take.c (records into the journal), run.c
// (the loop, cuts, the group's offsets).
#ifndef LEAT_FLOW_SOURCE_KAFKA_SESSION_H
#define LEAT_FLOW_SOURCE_KAFKA_SESSION_H

#include "core/config/pattern.h"
#include "flow/source/kafka/options.h"
#include "flow/source/kafka/rows.h"
#include "storage/kafka/watch.h"

typedef struct SourcePartition {
    int64_t next;          // the offset of the record that is to be taken next
    int64_t cut;           // …as of the last cut; KAFKA_OFFSET_NONE = there was none
    int64_t candidate;     // …as of the cut that the group is to be told of
    int64_t committed;     // what the group has
    int64_t target;        // SOURCE_ONCE: done when `next` is there
    KafkaWatched *watched; // NULL without a watch
} SourcePartition;

typedef struct SourceTopic {
    const char *name;
    RowsOptions rows;
    SourcePartition *partitions;
    int32_t partition_count;
    RowsPlan *plans, *plan; // all, and the one of the newest record
    uint32_t journal_topic, journal_schema;
    bool stopped;
    Err why; // it was stopped
    TableReport report;
} SourceTopic;

typedef struct KafkaSession {
    const SourceContext *context;
    KafkaSourceOptions options;
    Arena run[1], scratch[1];
    KafkaPlace place;
    bool uncommitted; // is read too
    KafkaConsumer *consumer;
    KafkaWatch *watch; // how near retention is; NULL = this run does not stay
    KafkaWatchLook looked;
    Decoder decoder;
    Patterns tables, exclude;
    SourceTopic **topics;
    size_t topic_count, topic_capacity;
    Map by_name, by_table;
    SourceTopic *newest; // that of the newest record; NULL = none
    int64_t now_us;      // wall clock, of the last poll
    Journal *journal;
    const char *note; // beside the group's offsets, of those that leat has set
    uint64_t cut;     // number of the last one
    bool first;       // nothing was read before this run
    bool dirty;       // something is not cut yet
    SourceReport report;
} KafkaSession;

// --- topics.c ----------------------------------------------------------------------------------------------------

// Connects.
CHECKED bool kafka_session_open(KafkaSession *session, const SourceContext *context, Err *err);
void kafka_session_close(KafkaSession *session);
// Finds topics that are wanted, in the arena.
CHECKED bool kafka_session_look(KafkaSession *session, Arena *arena, KafkaTopicLook **topics, size_t *count, Err *err);
// Takes up topics and partitions that are new. ERR_SLOT_LOST: what was to be read next is not there any more.
CHECKED bool kafka_session_refresh(KafkaSession *session, Err *err);
// The place where a partition goes on when what it was to read is not there; data.loss=fail: ERR_SLOT_LOST.
CHECKED bool kafka_session_lost(KafkaSession *session, SourceTopic *topic, int32_t partition, Err *err);
// Nothing more is taken of it in this run; others go on.
CHECKED bool kafka_topic_stop(KafkaSession *session, SourceTopic *topic, const Err *why, Err *err);

// --- take.c ------------------------------------------------------------------------------------------------------

CHECKED bool kafka_record_take(KafkaSession *session, SourceTopic *topic, const KafkaFetched *record, Err *err);

#endif
