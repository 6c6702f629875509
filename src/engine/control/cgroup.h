// SPDX-License-Identifier: Apache-2.0
// A cgroup (version 2) for each worker, where the service manager has delegated ours (systemd: Delegate=memory): the
// kernel then counts all that a worker uses, file buffers included, and ends it alone when that is too much. Elsewhere
// nothing of this happens, and the resource limit of the process is all there is.
//
//     CGROUP/supervisor/   this process and the front: a cgroup with children may hold no processes itself
//           /worker-N/     memory.max
#ifndef LEAT_ENGINE_CONTROL_CGROUP_H
#define LEAT_ENGINE_CONTROL_CGROUP_H

#include "core/base/bytes.h"

enum { CGROUP_PATH_MAX = 512 };

typedef struct Cgroup {
    char directory[CGROUP_PATH_MAX]; // "" = not ours to divide
    uint64_t last;                   // number of the last worker's
} Cgroup;

// Our cgroup's directory by /proc/self/cgroup; false when there is none of version 2.
bool cgroup_find(char directory[CGROUP_PATH_MAX]);
// Takes it over when it is delegated: this process moves to supervisor/.
void cgroup_open(Cgroup *cgroup, const char *directory);
// A new one with that limit; false: none, go on without.
bool cgroup_new(Cgroup *cgroup, int64_t memory_bytes_max, char directory[CGROUP_PATH_MAX]);
// True when the kernel ended a process in it for want of memory.
bool cgroup_ran_out(const char *directory);
void cgroup_remove(const char *directory); // its processes have ended; "" is fine

#endif
