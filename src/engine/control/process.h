// SPDX-License-Identifier: Apache-2.0
// A child of the supervisor: this same executable in another role, started by fork and exec, with a channel to it.
//
// It cannot outlive the supervisor: the kernel kills it when its parent dies, and a channel that ends ends it too. It
// leaves no core file (they would hold rows and passwords).
#ifndef LEAT_ENGINE_CONTROL_PROCESS_H
#define LEAT_ENGINE_CONTROL_PROCESS_H

#include "engine/ipc/channel.h"

typedef struct Process {
    int pid; // 0 = none
    Channel channel;
} Process;

typedef struct ProcessStart {
    const char *role;         // argv[1]
    const char *title;        // argv[2], for whoever reads `ps`; NULL = none
    int64_t memory_bytes_max; // of what it allocates; 0 = no limit
    const char *cgroup;       // directory of a cgroup that it joins; NULL = none
} ProcessStart;

// The calling process must have one thread, and SIGCHLD must reach it. The child starts with no signal blocked.
CHECKED bool process_start(Process *process, const ProcessStart *how, Err *err);
void process_signal(const Process *process, int number);
// After it has been waited for: forgets the pid, closes the channel.
void process_release(Process *process);

#endif
