// SPDX-License-Identifier: Apache-2.0
// What the processes of `leat server` tell each other, over one socketpair a child. A message is a type, an id that
// pairs question and answer, a number, and three texts whose meaning the type gives. Bytes: u32 size of what follows,
// u16 type, u32 id, i64 number, then name, verb and text, each u32 size and bytes; little-endian; at most 16 MiB.
//
// A peer that closes the channel is gone: a child that loses its supervisor exits at once.
#ifndef LEAT_ENGINE_IPC_MESSAGE_H
#define LEAT_ENGINE_IPC_MESSAGE_H

#include "core/base/buf.h"
#include "core/base/err.h"

typedef enum MessageType {
    // child to supervisor
    MESSAGE_HELLO = 1, // text: LEAT_VERSION; the supervisor ends a child of another version
    MESSAGE_READY,     // it works; number: the listeners' first port, of the front
    MESSAGE_REPORT,    // text: JSON, see flow/pipeline/connector.h; about once a second and at every change of state
    MESSAGE_FAILED,    // verb: the error's name (err.h), number: its class, text: message and hint. Then it exits
    MESSAGE_DONE,      // what was asked for is done (a call, a snapshot_only connector). Then it exits
    // supervisor to child
    MESSAGE_START, // name: the connector's; verb: source, sink, sync, call, front; text: its document (JSON)
    MESSAGE_STOP,  // at a checkpoint; then DONE
    // either way
    MESSAGE_ASK,    // verb: what; name: of the connector; text: JSON
    MESSAGE_ANSWER, // to the ASK of this id; number: 0 = done, else an ErrCode; text: JSON or the error's message
    // supervisor to front
    MESSAGE_STATE, // name: of the connector; text: {"state":…,"worker":…,"task":…,"trace":…,"restarts":…,"report":{…}}
} MessageType;

// Verbs of ASK, front to supervisor:
//     apply    a connector is created or changed: text is its document; written durably before the answer
//     target   text: RUNNING, PAUSED or STOPPED
//     restart  text: {"connector":true,"tasks":true}
//     remove   its document and, of a sink, its state; journals stay
//     call     a short-lived worker does what text says ({"do":"validate"|"offsets"|"alter"|"reset"|"resync"|…}) and
//              its answer comes back
//     level    text: {"logger":…,"level":…} for all processes
typedef struct Message {
    MessageType type;
    uint32_t id;
    int64_t number;
    Slice name, verb, text;
} Message;

#endif
