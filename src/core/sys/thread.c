// SPDX-License-Identifier: Apache-2.0
#include "core/sys/thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS UINT64_C(100000) // the least that Linux takes

// struct sched_attr, sched_setattr(2); C libraries before glibc 2.41 know neither.
typedef struct SchedAttributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} SchedAttributes;

void thread_wakes_soon(void) {
    SchedAttributes attributes = {0};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0 || attributes.policy != 0) {
        return; // somebody has given it another policy
    }
    attributes.size = sizeof(attributes);
    attributes.runtime_ns = SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}
