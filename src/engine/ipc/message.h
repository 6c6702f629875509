// SPDX-License-Identifier: Apache-2.0
// What the processes of `leat server` tell each other, over one socketpair a child. A message is a type, an id that
// pairs question and answer, a number, and three texts whose meaning the type gives. Bytes: u32 size of what follows,
// u16 type, u32 id, i64 number, then name, verb and text, each u32 size and bytes; little-endian; at most 16 MiB.
//
// A peer that closes the channel is gone: a child that loses its supervisor exits at once.
//
// A child begins with HELLO and gets START. The front gets DOCUMENT and STATE of every connector before its START, so
// that its first answer is complete; from then on both whenever they change. A `call` worker gets START, then one ASK
// (verb call), answers it, and ends with DONE.
#ifndef LEAT_ENGINE_IPC_MESSAGE_H
#define LEAT_ENGINE_IPC_MESSAGE_H

#include "core/base/buf.h"
#include "core/base/err.h"

typedef enum MessageType {
    // child to supervisor
    MESSAGE_HELLO = 1, // text: LEAT_VERSION; the supervisor ends a child of another version
    MESSAGE_READY,     // it works: of a worker, there is a report, or it has not failed for a second; number: the
                       // listeners' first port, of the front
    MESSAGE_REPORT,    // text: JSON, see flow/pipeline/connector.h; about once a second and at every change of state
    MESSAGE_FAILED,    // verb: the error's name (err.h), number: its class, text: message, newline, hint. Then it exits
    MESSAGE_DONE,      // what was asked for is done (a call, a snapshot_only connector). Then it exits
    // supervisor to child
    MESSAGE_START, // name: the connector's; verb: source, sink, sync, call, front, member; text: its document (JSON),
                   // with the
                   // server's Kafka in it (server_options_document); of the front: the server's options, see
                   // server_options.h
    MESSAGE_STOP,  // at a checkpoint; then DONE
    // either way
    MESSAGE_ASK,    // verb: what; name: of the connector; text: JSON
    MESSAGE_ANSWER, // to the ASK of this id; number: 0 = done, else an ErrCode; text: JSON or the error's message
    // supervisor to front
    MESSAGE_STATE,    // name: of the connector; text: the state, below
    MESSAGE_DOCUMENT, // name: of the connector; text: its document (connector.h), empty = it is removed;
                      // of a cluster's member: number: its tasks
    // of a cluster: member to supervisor, DOCUMENT and STATE too
    MESSAGE_ASSIGN,  // name: of a connector; number: see MessageAssign; with an id: wants an ANSWER when its worker has
                     // ended; verb "lost": at once, others may run it already
    MESSAGE_CLUSTER, // and on to the front; text: what is known of the cluster, below
    MESSAGE_BEAT,    // of a member: it lives; number: in so many milliseconds it says so again, or it hangs
} MessageType;

// Of a cluster (START of a member: name: the server's Kafka, JSON; text: the server's options):
//     {"group":"leat","id":"10.0.0.1:8083","member":true,       false: it is joining, or Kafka has not heard of it
//      "slots":N,                                               of the group that this node has
//      "nodes":[{"id":…,"url":…,"version":…}]}                  heard of lately, this one too
// A STATE with number 1 is of a connector that another node runs; the member gets the STATE of those that run here. Its
// ASKs are `apply` and `remove`, which are answered when all nodes will see them, and `erase`: what was to be removed
// is.
//
// In a cluster a connector may have several tasks (tasks.h): from task 1 on DOCUMENT, STATE and ASSIGN come for each,
// under the task's name; so may `restart` be asked.
//
// A state:
//     {"state":"UNASSIGNED"|"RUNNING"|"PAUSED"|"STOPPED"|"FAILED"|"RESTARTING",   of the connector
//      "worker":"127.0.0.1:8083",          Connect's worker_id, for connector and task
//      "url":"http://10.0.0.1:8083",       in a cluster: where the REST API of that node is
//      "task":"RUNNING"|…|null,            of the task; null = there is none (STOPPED, not yet started)
//      "trace":"…"|null,                   of a task or connector that failed or waits to be tried again
//      "error":{"code":"source_auth","class":"config"}|null,   the same by name
//      "restarts":N,                       since the connector was last started by an operator or the server
//      "retry_in_ms":N|null, "pid":N|null, "started_ms":N|null,
//      "runs":[{"started_ms":…,"elapsed_ms":…,"cpu_ms":…,"memory_bytes_max":…,"end":"stopped"|"done"|"signal 9"|
//               an error's name}],         of processes that ended, newest first, eight at most
//      "report":{…}|null}                  the worker's newest, see flow/pipeline/connector.h
//
// Verbs of ASK, front to supervisor:
//     apply    a connector is created or changed: text is its document; written durably before the answer
//     target   text: RUNNING, PAUSED or STOPPED
//     restart  text: {"connector":true,"tasks":true}
//     remove   its document and, of a sink, its state; journals stay. The answer comes when its worker has ended
//     call     a short-lived worker does what text says ({"do":"validate"|"offsets"|"alter"|"reset"|"resync"|…}, see
//              connector.h) and its answer comes back. A connector that does not exist (validate): {"kind":…,
//              "config":{…}} must be in text too
//     level    text: {"logger":…,"level":…} for all processes; children get the same as an ASK with id 0, which wants
//              no answer
// An answer's number is an ErrCode: ERR_NOT_FOUND, no such connector; ERR_EXISTS, it works and what is asked needs it
// stopped; ERR_OPTION, text is not understood; ERR_INTERRUPTED, the server stops; ERR_NET_BUSY, too many calls at once.
typedef enum MessageAssign {
    ASSIGN_AWAY, // it does not run here
    ASSIGN_HERE, // it does
    ASSIGN_ANEW, // it does, and others ran it since it ran here last: what the data directory has of it is old
} MessageAssign;

typedef struct Message {
    MessageType type;
    uint32_t id;
    int64_t number;
    Slice name, verb, text;
} Message;

enum { MESSAGE_BYTES_MAX = 16 << 20 }; // of one message, its size field not counted

// Appends its bytes. ERR_MEMORY: it is larger than MESSAGE_BYTES_MAX; then nothing is appended.
CHECKED bool message_encode(const Message *message, Buf *out, Err *err);
// The first message of `bytes`; its texts lie in them. *size: the bytes that it takes, 0 = it is not complete yet.
// ERR_INTERNAL: these bytes are none; what follows cannot be read either.
CHECKED bool message_decode(Slice bytes, Message *message, size_t *size, Err *err);

#endif
