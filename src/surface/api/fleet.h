// SPDX-License-Identifier: Apache-2.0
// All connectors as the front knows them: their documents and newest states, so that reading never leaves the process.
// What lists are made of is rendered when it changes, not when it is asked for.
//
// Any thread may call any of it. Written by the supervisor's messages, and at once by whoever has just changed a
// connector, so that a client reads what it wrote.
#ifndef LEAT_SURFACE_API_FLEET_H
#define LEAT_SURFACE_API_FLEET_H

#include "engine/ipc/message.h"
#include "surface/api/connect_config.h"

typedef struct Fleet Fleet;

typedef struct FleetTopic {
    Slice name;
    int64_t next_offset;
} FleetTopic;

// One of several tasks that a connector may have in a cluster.
typedef struct FleetTask {
    const char *state;     // NULL = it is not there now
    const char *connector; // STOPPED: nothing of it runs any more
    const char *url;       // of the node of a cluster that it runs on; NULL = none is known
} FleetTask;

// A copy of what is known of one connector.
typedef struct FleetConnector {
    ConnectDocument document; // secrets sealed
    Properties shown;         // its configuration, secrets masked
    const Plugin *plugin;     // NULL: of a class that this leat does not have
    const char *type;         // source, sink, unknown
    const char *state;        // UNASSIGNED before the supervisor said anything
    const char *task;         // of task 0; NULL = there is none
    const char *trace;        // NULL = none
    const char *url;          // of the node of a cluster that it runs on; NULL = none is known
    FleetTopic *topics;       // reported by its worker, without those from before topics were reset
    size_t topic_count;
    Slice offsets;    // JSON list of the workers' reports; data NULL = not reported by each of its tasks
    FleetTask *tasks; // the first is task 0
    uint32_t task_count;
} FleetConnector;

Fleet *fleet_new(void);
void fleet_free(Fleet *fleet);
// Where the server's own API listens, for connectors of whose worker nothing is known yet.
void fleet_worker(Fleet *fleet, const char *worker_id);
void fleet_message(Fleet *fleet, const Message *message); // DOCUMENT and STATE; others are passed over

// What a change has just done, before the supervisor's message of it arrives.
void fleet_put(Fleet *fleet, Slice name, Slice document);
void fleet_remove(Fleet *fleet, Slice name);
void fleet_target(Fleet *fleet, Slice name, const char *target);
void fleet_topics_reset(Fleet *fleet, Slice name);

// False when there is none of that name.
bool fleet_find(Fleet *fleet, Slice name, Arena *arena, FleetConnector *connector);
bool fleet_info(Fleet *fleet, Slice name, Buf *out);     // {"name":…,"config":{…},"tasks":[…],"type":…}
bool fleet_info_new(Fleet *fleet, Slice name, Buf *out); // the same of one that was just made: without tasks
bool fleet_status(Fleet *fleet, Slice name, Buf *out);   // {"name":…,"connector":{…},"tasks":[…],"type":…}
// The status as it will be when what is to be restarted is RESTARTING, whatever that has come to meanwhile.
typedef struct FleetRestart {
    bool connector;
    const bool *tasks; // which of them
    uint32_t task_count;
} FleetRestart;
bool fleet_status_restarting(Fleet *fleet, Slice name, const FleetRestart *restart, Buf *out);
bool fleet_task_status(Fleet *fleet, Slice name, uint32_t task, Buf *out); // false: there is none
bool fleet_verify(Fleet *fleet, Slice name, Buf *out);                     // what its worker reports; false: nothing
void fleet_names(Fleet *fleet, Buf *out);                                  // ["a","b"], oldest first
void fleet_list(Fleet *fleet, bool info, bool status, Buf *out);
size_t fleet_count(Fleet *fleet);

#endif
