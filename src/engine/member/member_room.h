// SPDX-License-Identifier: Apache-2.0
// What the files of this room share.
//
//     member.c   the process: channel, loop, what the supervisor says     topics.c   records: written, read, taken in
//     record.c   their JSON                                               share.c    which connectors are ours
#ifndef LEAT_ENGINE_MEMBER_MEMBER_ROOM_H
#define LEAT_ENGINE_MEMBER_MEMBER_ROOM_H

#include "core/base/map.h"
#include "engine/ipc/channel.h"
#include "engine/ipc/server_options.h"
#include "engine/ipc/tasks.h"
#include "engine/member/member.h"
#include "storage/kafka/group.h"

// Format 2: a connector has several tasks, "slots".
enum {
    MEMBER_FORMAT = 2,
    MEMBER_FORMAT_PLAIN = 1,
    MEMBER_RECORD_BYTES_MAX = 900 * 1000
}; // brokers take a million by default

// A connector's task: most have one (tasks.h).
typedef struct MemberConnector {
    Buf name, document;
    uint32_t tasks; // of the connector; of task 0 alone
    int32_t slot;   // -1 = there is no document (any more)
    Buf holder;     // node that had it last; empty = none
    int64_t term;   // of that one
    bool claiming;  // our claim is on its way
    bool here;      // the supervisor was told that it runs here
    uint32_t leave; // id of what the supervisor has not answered yet: its worker runs on
    Buf state;      // newest of ours
    Buf told;       // state that was published last
    int64_t told_us;
    bool dirty;
} MemberConnector;

typedef struct MemberNode {
    Buf id, url, version;
    int64_t heard_ms; // wall clock
} MemberNode;

// A change that was written and not read back yet.
typedef struct MemberChange {
    uint32_t id; // of the ASK; 0 = nobody waits
    Buf key, value;
    int32_t slots[TASKS_MAX]; // one a task
    uint32_t tasks;
    int64_t deadline_us;
    struct MemberChange *next;
} MemberChange;

typedef struct Member {
    Arena run;
    Channel channel;
    ServerOptions options;
    const char *data_directory, *node;
    const KafkaOptions *kafka_options;
    KafkaPlace place;
    KafkaTopicRules *rules;
    const char *configs_name, *status_name, *assign_name;
    KafkaProducer *producer;
    KafkaTopic *configs, *status;
    KafkaConsumer *tail;
    bool configs_read, status_read; // to their ends, once
    bool sealed;                    // the topic has a seal
    KafkaGroup *group;
    bool joined; // the group has told us what is ours
    bool taken;  // slots are to be released when their workers have ended
    Map slots;   // ours: number + 1 by number
    Map connectors, nodes;
    MemberChange *changes;
    uint32_t last_leave;
    int64_t node_us, look_us; // when to publish ourselves, to look at nodes, next
    int64_t beat_us;          // when to tell the supervisor that we live, next
    Buf cluster;              // as last told
    bool stop;
} Member;

// --- record.c ----------------------------------------------------------------------------------------------------

typedef struct MemberRecord {
    int64_t slot, term;
    int32_t slots[TASKS_MAX]; // of all tasks, where there are several
    uint32_t tasks;           // at least 1
    Slice node, url, version; // texts; size 0 = absent
    Slice document, state;    // JSON objects, as they were; size 0 = absent or null
} MemberRecord;

// Texts are in the arena or borrowed. ERR_OPTION: it is none; ERR_FORMAT_NEWER.
CHECKED bool member_record_read(Slice json, Arena *arena, MemberRecord *record, Err *err);
void member_config_json(Buf *out, const int32_t *slots, uint32_t tasks, Slice document);
void member_status_json(Buf *out, const Member *member, int64_t term, Slice state); // size 0 = null
void member_node_json(Buf *out, const Member *member);
void member_cluster_json(Buf *out, const Member *member); // MESSAGE_CLUSTER
// The state of a connector that another node has just got.
void member_claimed_json(Buf *out, const Member *member, Slice holder);

// --- topics.c ----------------------------------------------------------------------------------------------------

CHECKED bool member_topics_open(Member *member, Err *err);
void member_topics_close(Member *member);
CHECKED bool member_topics_poll(Member *member, int timeout_ms, Err *err);
// Value data NULL: the key is taken back.
CHECKED bool member_put(Member *member, KafkaTopic *topic, char kind, Slice name, Slice value, Err *err);
// A connector's document is put; `id` is answered when it is read back.
CHECKED bool member_change(Member *member, uint32_t id, Slice name, Slice document, Err *err);
void member_changes_expire(Member *member);
CHECKED bool member_publish(Member *member, int64_t now_us, Err *err);

// --- share.c -----------------------------------------------------------------------------------------------------

MemberConnector *member_connector(Member *member, Slice name); // made when it is not there
void member_connector_free(MemberConnector *connector);
void member_node_free(MemberNode *node);
// One slot for each task of the connector: those that it has, and the lowest free ones, also of what is being written.
void member_slots(const Member *member, Slice connector, int32_t *slots, uint32_t tasks);
CHECKED bool member_group_poll(Member *member, Err *err);
// What became of a connector: takes it, when it is ours, or lets it go.
CHECKED bool member_settle(Member *member, MemberConnector *connector, Err *err);
CHECKED bool member_left(Member *member, uint32_t id, Err *err); // the supervisor has answered

// --- member.c ----------------------------------------------------------------------------------------------------

void member_tell(Member *member, const Message *message);
// What comes may wait for Kafka, and for long: the supervisor does not take it for a member that hangs.
CHECKED bool member_beat_before_wait(Member *member, Err *err);
void member_answer(Member *member, uint32_t id, const Err *err); // code ERR_NONE: done

#endif
