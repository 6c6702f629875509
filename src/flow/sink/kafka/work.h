// SPDX-License-Identifier: Apache-2.0
// The Kafka sink's own state; for this folder alone.
#ifndef LEAT_FLOW_SINK_KAFKA_WORK_H
#define LEAT_FLOW_SINK_KAFKA_WORK_H

#include "core/base/map.h"
#include "flow/sink/kafka/position.h"
#include "flow/sink/kafka/records.h"

// A topic of the journal.
typedef struct KafkaTable {
    Slice name;
    uint64_t next;  // what lies below is in the transaction or committed
    uint64_t below; // …and this far it was committed before we began
    bool touched;   // since the last cut: it is in the sink's list
    struct KafkaTable *next_touched;
} KafkaTable;

typedef struct KafkaSink {
    Arena run[1], scratch[1];
    KafkaSinkOptions options; // with what the URL says
    KafkaUrl url;
    KafkaPlace place;
    const char *directory;
    KafkaOwner owner;
    bool complete;
    KafkaTopicRules *rules;
    KafkaProducer *producer;
    KafkaRecords *records;
    Slice key;         // of the position
    KafkaTopic *facts; // where the position is written
    Map tables;
    KafkaTable *touched;
    LogPosition cut; // the last cut taken
    uint64_t cut_epoch, cut_sequence;
    // With ack.policy=sink: who knows the journal's state as of that cut; NULL before the first one in this run, when
    // it is `adopted`, if anything.
    const JournalReader *reader;
    Slice adopted;
    LogPosition committed; // the position's
    bool moved;            // the cut is above the position
    int64_t begun_us;      // when the transaction's first record was put; 0 = it has none
    int64_t committed_us;
    uint64_t bytes; // of the transaction
    bool unsent;    // at least once: records were put and not waited for
    bool failed;
    SinkStats stats;
} KafkaSink;

// The position as Kafka has it (see kafka_fact); *found false: none.
CHECKED bool kafka_sink_position(KafkaSink *sink, bool wait, KafkaPosition *position, bool *found, Err *err);
// Options, URL, names: asks nobody.
CHECKED bool kafka_sink_prepare(KafkaSink *sink, const SinkContext *context, Err *err);
void kafka_sink_release(KafkaSink *sink);
// Commits what was taken, with its position.
CHECKED bool kafka_sink_commit(KafkaSink *sink, Err *err);
// What lies below `next` of it, and above the last cut, is in the transaction or committed.
void kafka_sink_touch(KafkaSink *sink, KafkaTable *table, uint64_t next);
// Fences, reads the position, claims it when it is ours to claim.
CHECKED bool kafka_sink_begin(KafkaSink *sink, const SinkContext *context, Err *err);
// See SinkDriver.
CHECKED bool kafka_sink_checkpoint(const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint, Err *err);
CHECKED bool kafka_sink_remove(const SinkContext *context, bool purge_data, Err *err);

#endif
