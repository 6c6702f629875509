// SPDX-License-Identifier: Apache-2.0
// What the files of this room share: the supervisor's state. One thread, one epoll loop (supervisor.c); every function
// here runs on it and does not wait.
//
//     supervisor.c   start, loop, signals, end            child.c   processes, their messages and ends
//     managed.c      a connector: what runs, what is next  state.c   what the front is told of it
//     ask.c          what the front asks                   call.c    short-lived workers that answer one question
//     cluster.c      the member of a cluster: what runs here, documents that all nodes have
#ifndef LEAT_ENGINE_CONTROL_CONTROL_H
#define LEAT_ENGINE_CONTROL_CONTROL_H

#include "core/base/map.h"
#include "engine/control/backoff.h"
#include "engine/control/cgroup.h"
#include "engine/control/document.h"
#include "engine/control/process.h"
#include "engine/control/supervisor.h"

typedef struct Supervisor Supervisor;
typedef struct Managed Managed;
typedef struct Call Call;

// --- children --------------------------------------------------------------------------------------------------

typedef enum ChildKind { CHILD_FRONT, CHILD_WORKER, CHILD_CALL, CHILD_MEMBER } ChildKind;
typedef enum StopStep { STOP_NONE, STOP_ASKED, STOP_TERMED, STOP_KILLED } StopStep;

typedef struct Child {
    ChildKind kind;
    Process process;
    Managed *managed; // of a worker
    Call *call;       // of a call
    bool greeted;     // its HELLO came, its START is on the way
    bool ready, done; // it said so
    bool watched_out; // epoll tells when the channel takes more
    bool unwatched;   // its channel is at its end
    ErrCode failed;   // it said so; ERR_NONE = not
    Buf failed_text;
    StopStep stop;
    bool asked;          // to stop: its end is no failure
    int64_t deadline_us; // monotonic: the next step of its end; 0 = none
    int64_t began_us, began_wall_ms;
    char cgroup[CGROUP_PATH_MAX]; // "" = none of its own
    struct Child *next;
} Child;

// How a process ended.
typedef struct ChildEnd {
    ErrCode code;    // ERR_NONE: by itself, done or as asked
    char text[1024]; // message, newline, hint
    char how[48];    // "stopped", "done", "signal 9", an error's name
    int64_t elapsed_us, cpu_us;
    int64_t memory_bytes_max; // peak resident set
} ChildEnd;

// NULL, with err: it could not be started.
Child *child_start(Supervisor *supervisor, ChildKind kind, Slice title, Err *err);
void child_put(Supervisor *supervisor, Child *child, const Message *message);
void child_stop(Supervisor *supervisor, Child *child); // at a checkpoint, then harder; again is fine
void child_kill(Child *child);
void child_input(Supervisor *supervisor, Child *child); // its channel is readable
void children_reap(Supervisor *supervisor);
// Deadlines and buffers; returns the earliest deadline, INT64_MAX = none.
int64_t children_tend(Supervisor *supervisor, int64_t now_us);

// --- connectors ------------------------------------------------------------------------------------------------

typedef enum ManagedPhase {
    MANAGED_DOWN,     // nothing runs; settle starts it when it is to run
    MANAGED_STARTING, // a process, not yet READY
    MANAGED_UP,
    MANAGED_STOPPING,
    MANAGED_WAITING, // for next_us
    MANAGED_FAILED,  // for the operator
    MANAGED_DONE,    // its configuration says that there is no more to do
} ManagedPhase;

enum { RUNS_MAX = 8 };
typedef struct Run {
    int64_t began_wall_ms, elapsed_ms, cpu_ms, memory_bytes_max;
    char end[48];
} Run;

struct Managed {
    Buf name, document; // of its task (tasks.h), of the connector
    TaskShare share;
    const char *kind;
    DocumentTarget target;
    ManagedPhase phase;
    Child *worker;
    bool restart;      // as soon as the worker that is being stopped has ended
    bool restarting;   // shown as RESTARTING until it is up: an operator asked
    bool task_alone;   // …for its task: the connector is not shown so
    bool begun;        // it was up since it was last told to run: UNASSIGNED before
    bool removing;     // the worker ends, then `remove` is called, then the document goes
    bool remove_stuck; // it failed
    bool gone;         // to be forgotten
    uint32_t remove_ask;
    int64_t remove_front; // whose ask that is; 0 = nobody's
    Call *remove_call;
    Backoff backoff;
    int crashes; // in a row
    int64_t next_us;
    uint64_t restarts;
    ErrCode error; // of the last end; ERR_NONE = none
    Buf trace, report;
    bool assigned;      // of a cluster: it runs on this node
    bool anew;          // and the directory has an old copy of its state
    uint32_t leave;     // the member waits until nothing of it runs; 0 = it does not
    bool erased;        // of a cluster: it was removed, and the member knows
    Buf elsewhere;      // the state of one that another node runs; empty = not known
    Run runs[RUNS_MAX]; // newest first
    int run_count;
    bool state_dirty, document_dirty; // the front does not know it yet
};

static inline Slice managed_name(const Managed *managed) {
    return buf_slice(&managed->name);
}
static inline Slice managed_connector(const Managed *managed) {
    return task_connector(managed_name(managed));
}
// Does a task of that connector have a worker here?
bool managed_works(const Supervisor *supervisor, Slice connector);
Managed *managed_find(const Supervisor *supervisor, Slice name); // NULL when absent or being removed
// Puts a document in place of the one that there is, or makes a connector's task. Nothing is written.
Managed *managed_take(Supervisor *supervisor, const TaskShare *share, const Document *document, Slice json);
void managed_target(Managed *managed, DocumentTarget target);
void managed_restart(Managed *managed);
void managed_remove(Supervisor *supervisor, Managed *managed);
// Does what is next; returns when to look again, INT64_MAX = after the next event.
int64_t managed_settle(Supervisor *supervisor, Managed *managed, int64_t now_us);
void managed_ready(Managed *managed);
void managed_reported(Managed *managed, Slice json);
void managed_ended(Supervisor *supervisor, Managed *managed, const ChildEnd *end);
// Its state is removed (failure NULL), or cannot be: the document goes, whoever asked is answered.
void managed_remove_end(Supervisor *supervisor, Managed *managed, const Err *failure);
void managed_free(Managed *managed);
void managed_forget(Supervisor *supervisor, Managed *managed); // its document is gone; frees it

// --- the front -------------------------------------------------------------------------------------------------

void state_json(Buf *out, const Supervisor *supervisor, const Managed *managed);
// Sends what changed; `all`: also when much waits to be sent.
void front_push(Supervisor *supervisor, Managed *managed, bool all);
void front_greet(Supervisor *supervisor, Child *front); // documents and states, then START
void front_removed(Supervisor *supervisor, Slice name);
bool front_is(const Supervisor *supervisor, int64_t front); // that one still runs
void front_answer(Supervisor *supervisor, uint32_t ask, ErrCode code, Slice text);
void front_answer_err(Supervisor *supervisor, uint32_t ask, const Err *err);
void ask_serve(Supervisor *supervisor, const Message *message);

// --- the cluster -----------------------------------------------------------------------------------------------

// A change of the front's that waits until the cluster has it.
typedef struct Relay {
    uint32_t id, ask;
    int64_t front; // 0 = nobody's: a document of this node's own, which goes when the cluster has it
    Buf name;
    struct Relay *next;
} Relay;
// Starts the member when it is time; returns when to look again.
int64_t cluster_tend(Supervisor *supervisor, int64_t now_us);
void cluster_greet(Supervisor *supervisor, Child *member);
void cluster_ready(Supervisor *supervisor);
void cluster_message(Supervisor *supervisor, const Message *message);
void cluster_hangs(Supervisor *supervisor); // the member does: what runs here ends before others may have it
void cluster_ended(Supervisor *supervisor, const ChildEnd *end);
// A document is written for all nodes; `ask` of the front is answered then.
CHECKED bool cluster_change(Supervisor *supervisor, uint32_t ask, Slice name, Slice json, Err *err);
// A document that this node had for itself: given to the cluster as soon as it can be.
CHECKED bool cluster_share(Supervisor *supervisor, const Document *document, Slice json, Err *err);
void cluster_erase(Supervisor *supervisor, const Managed *managed); // it is removed, for all nodes
void cluster_left(Supervisor *supervisor, Managed *managed);        // nothing of it runs here any more
void cluster_state(Supervisor *supervisor, const Managed *managed, Slice json);
void cluster_front_greet(Supervisor *supervisor);
void cluster_forget(Supervisor *supervisor);
// DATA/cluster/connectors has a copy of each document of the cluster while this node is in it; none of before counts.
CHECKED bool cluster_copies_clear(const Supervisor *supervisor, Err *err);

// --- calls -----------------------------------------------------------------------------------------------------

struct Call {
    uint32_t ask;
    int64_t front;    // who asked; 0 = the supervisor itself (remove)
    Managed *managed; // whose `remove` this is
    bool answered;
    Child *child;
    Buf name, document, request;
};
CHECKED bool call_start(Supervisor *supervisor, const Message *ask, Err *err); // true: it answers in time
CHECKED bool call_remove(Supervisor *supervisor, Managed *managed, Err *err);
void call_greeted(Supervisor *supervisor, Call *call);
void call_answered(Supervisor *supervisor, Call *call, const Message *message);
void call_ended(Supervisor *supervisor, Call *call, const ChildEnd *end);

// --- all -------------------------------------------------------------------------------------------------------

enum { LEVELS_MAX = 64 };

struct Supervisor {
    const char *data_directory;
    const ServerOptions *options;
    Arena run;
    int lock, signals, epoll;
    Cgroup cgroup;
    Map managed; // by name
    Child *children;
    Child *front;
    int64_t front_number; // counts them
    bool front_was_ready;
    Backoff front_backoff;
    int front_failures; // before it was ever ready
    int64_t front_next_us;
    Child *member; // of a cluster
    bool member_ready, member_was_ready;
    Backoff member_backoff;
    int64_t member_next_us;
    uint32_t last_relay;
    Relay *relays;
    Map shares;          // documents of this node's own, as Buf by name
    Buf cluster;         // what the member says of it
    int starting, calls; // workers that have not greeted; calls under way
    bool workers_wanted; // the front was ready once
    bool stopping;
    int stop_signals;
    Map levels; // logger to Buf: {"logger":…,"level":…}
    Err fatal;
};

static inline bool clustered(const Supervisor *supervisor) {
    return server_options_cluster(supervisor->options);
}
uint32_t supervisor_random(void);
void supervisor_front_ready(Supervisor *supervisor, int64_t port);
void supervisor_front_ended(Supervisor *supervisor, const ChildEnd *end, bool was_ready);
void levels_send(Supervisor *supervisor, Child *child); // all that were set

#endif
