// SPDX-License-Identifier: Apache-2.0
// Events of the control topic of Iceberg's sink connector (org.apache.iceberg.connect.events.Event, 1.4 to 1.12), by
// which its tasks and their coordinator speak to each other. Each is Avro with its schema in front (org.apache.iceberg.
// avro.AvroEncoderUtil):
//
//     C2 01 · size of the schema in 2 bytes, big-endian · the schema as JSON · {id, type, timestamp, group_id, payload}
//
// Which tables and files the payload names is passed over.
#ifndef LEAT_DATA_CONNECT_CONTROL_EVENT_H
#define LEAT_DATA_CONNECT_CONTROL_EVENT_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef enum ControlEventType {
    CONTROL_START_COMMIT,    // the coordinator: all tasks are to close their files
    CONTROL_DATA_WRITTEN,    // a task: these files of a table are complete; in one transaction with the group's offsets
    CONTROL_DATA_COMPLETE,   // a task: that was all of it
    CONTROL_COMMIT_TO_TABLE, // the coordinator: a table has them
    CONTROL_COMMIT_COMPLETE, // the coordinator: all tables have
} ControlEventType;

typedef struct ControlEvent {
    ControlEventType type;
    Slice group; // of the connector: a topic may be that of several
} ControlEvent;

// What the event refers to lives in the arena. ERR_VALUE: it is none of these.
CHECKED bool control_event_parse(Arena *arena, Slice bytes, ControlEvent *event, Err *err);

#endif
