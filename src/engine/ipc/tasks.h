// SPDX-License-Identifier: Apache-2.0
// Tasks of a connector in a cluster. A sink for objects that reads topics of a real Kafka has as many as tasks.max
// says, each with a slot, a worker and a state of its own; they share the topics' partitions (flow/sink/share.h). All
// else has one task.
//
// The processes know a task by its name: the connector's of task 0, "CONNECTOR\x1f2" of task 2; no connector's name
// has control characters.
#ifndef LEAT_ENGINE_IPC_TASKS_H
#define LEAT_ENGINE_IPC_TASKS_H

#include "core/base/arena.h"
#include "core/base/buf.h"

enum { TASKS_MAX = 64, TASK_SEPARATOR = '\x1f' };

typedef struct TaskShare {
    uint32_t task, tasks; // 0 … tasks - 1, of so many; 0 = one
} TaskShare;

// How many the connector of that document has in a cluster: 1 to TASKS_MAX.
uint32_t tasks_of(Slice document);
void task_name(Buf *out, Slice connector, uint32_t task); // appended
Slice task_connector(Slice name);
uint32_t task_number(Slice name);

#endif
