// SPDX-License-Identifier: Apache-2.0
// Topics of a real Kafka as the entries that a sink takes (sink.h): Kafka itself is the journal. Each partition is a
// topic "TOPIC/PARTITION" whose offsets are Kafka's own; an entry stands for one record, or for offsets that have none.
// Between any two polls a cut may be made. Of several tasks (SinkContext.share) each reads its share of the partitions.
//
// How far the sink is, it says itself: it commits records and offsets in one act, so a partition goes on where the
// sink's own offset is. The group is told behind it, with the note "leat:CONNECTOR" beside each offset; one without
// that note was set by somebody else (Connect before us, kafka-consumer-groups --reset-offsets) and is where to go on:
// objects that were published from there on are withdrawn first, rows of a lake that it has are not written again.
//
//     DATA/pipelines/@topics.SINK FOLDER/epoch        of the newest opening: positions begin with it
//                                       /sinks/SINK FOLDER/
//     DATA/pipelines/@topics.SINK FOLDER@@1-of-3/…    of a task of several
#ifndef LEAT_FLOW_PIPELINE_TOPIC_FEED_H
#define LEAT_FLOW_PIPELINE_TOPIC_FEED_H

#include "flow/pipeline/connector_sink.h"
#include "flow/pipeline/sink_pump.h"
#include "flow/pipeline/topic_options.h"
#include "flow/pipeline/topic_records.h"
#include "storage/kafka/watch.h"

typedef struct TopicFeed TopicFeed;

typedef struct TopicFeedSpec {
    Slice connector;
    const char *directory; // DATA/pipelines/@topics.SINK FOLDER
    const SinkDriver *sink;
    const TopicChoice *topics;
    TopicOptions options;
    bool shared; // by several tasks: what each of them has is not known beside a run
    size_t memory_bytes_max;
    KafkaWatch *watch; // is told where the sink stands; NULL beside a run
} TopicFeedSpec;

// Before the sink is opened: connects, says where each partition begins, and has the sink take that up where somebody
// has set other offsets. The context gets that Kafka's identity, as the journal's; it and what else is borrowed outlive
// the feed. Transient errors: nobody answers.
CHECKED bool topic_feed_new(Arena *arena, const TopicFeedSpec *spec, SinkContext *context, TopicRecords *maker,
                            TopicFeed **feed, Err *err);
void topic_feed_free(TopicFeed *feed); // NULL is fine
// Its owner is a TopicFeed **, that of the attempt.
extern const SinkFeed TOPIC_FEED;

// Asked beside a run. What Connect's offsets of the connector are: the sink's own, or what somebody has set; of several
// tasks what the group was told last.
CHECKED bool topic_offsets(const TopicFeedSpec *spec, const SinkContext *context, Arena *arena, SinkOffset **offsets,
                           size_t *count, Err *err);
// Sets the group's offsets, to be followed by the next run; an offset of -1: auto.offset.reset says.
CHECKED bool topic_offsets_set(const TopicFeedSpec *spec, KafkaPartition *partitions, size_t count, Err *err);
// All partitions that there are, without offsets.
CHECKED bool topic_partitions(const TopicFeedSpec *spec, Arena *arena, KafkaPartition **partitions, size_t *count,
                              Err *err);
#endif
