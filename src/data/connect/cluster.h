// SPDX-License-Identifier: Apache-2.0
// What the workers of a Kafka Connect cluster keep in their three topics, read record by record (org.apache.kafka.
// connect.storage: KafkaConfigBackingStore, OffsetUtils, KafkaStatusBackingStore of Kafka 4.0; JSON without schemas, or
// in the {"schema":…,"payload":…} that old workers wrote):
//
//     config.storage.topic   connector-NAME      {"properties":{…}}              null: deleted
//                            target-state-NAME   {"state":…,"state.v2":…}        STARTED, PAUSED, STOPPED
//                            commit-NAME         {"tasks":N}
//                            task-NAME-N, task-count-record-NAME, restart-connector-NAME, logger-cluster-…, session-key
//     offset.storage.topic   ["NAME",{partition}]     {offset}                   null: none any more
//     status.storage.topic   status-connector-NAME, status-task-NAME-N   {"state":…,"trace":…,"worker_id":…}
//                            status-topic-…
//
// The key that workers sign their calls with (session-key) is passed over, never kept. The bytes are foreign: what is
// not of these forms is counted, and changes nothing.
#ifndef LEAT_DATA_CONNECT_CLUSTER_H
#define LEAT_DATA_CONNECT_CLUSTER_H

#include "core/base/map.h"
#include "core/config/properties.h"

typedef struct ClusterOffset {
    const char *partition, *offset; // JSON objects, members in the order of their names; offset NULL: taken back
} ClusterOffset;

typedef struct ClusterConnector {
    const char *name;
    bool configured;    // else it is deleted, or only its offsets are left
    Properties config;  // as it was posted: with secrets and references
    const char *target; // STARTED (also when nothing is said), PAUSED, STOPPED
    int64_t tasks;      // that Connect has made of it; -1: unknown
    const char *state;  // as its worker said last; NULL = nobody has
    struct ClusterTask {
        const char *number, *state; // state NULL: gone
    } * task_states;
    size_t task_count, task_room;
    ClusterOffset *offsets;
    size_t offset_count, offset_room;
} ClusterConnector;

typedef struct Cluster {
    Arena *arena;
    ClusterConnector **connectors; // in the order in which they were met
    size_t count, room;
    Map by_name;
    uint64_t odd; // records that were not understood
} Cluster;

typedef enum ClusterTopic { CLUSTER_CONFIGS, CLUSTER_OFFSETS, CLUSTER_STATUS } ClusterTopic;

void cluster_init(Cluster *cluster, Arena *arena); // connectors live as long as the arena
void cluster_release(Cluster *cluster);
// One record; of each key the last one counts. Data NULL = null.
void cluster_record(Cluster *cluster, ClusterTopic topic, Slice key, Slice value);
ClusterConnector *cluster_find(const Cluster *cluster, Slice name); // NULL when there is none
// How many of its tasks a worker says are in this state.
size_t cluster_tasks_in(const ClusterConnector *connector, const char *state);

#endif
