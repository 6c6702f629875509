// SPDX-License-Identifier: Apache-2.0
#include "core/sys/thread.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLICE_NS       UINT64_C(100000) // the least that Linux takes
#define TIMER_SLACK_NS 1000UL           // 50,000 by default

// struct sched_attr, sched_setattr(2); C libraries before glibc 2.41 know neither.
typedef struct SchedAttributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
} SchedAttributes;

void thread_wakes_soon(void) {
    (void)prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
    SchedAttributes attributes = {0};
    if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0 || attributes.policy != 0) {
        return; // somebody has given it another policy
    }
    attributes.size = sizeof(attributes);
    attributes.runtime_ns = SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void thread_cond_init(pthread_cond_t *cond) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

struct timespec thread_until(int64_t us) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ns = now.tv_nsec + us % 1000000 * 1000;
    return (struct timespec){.tv_sec = now.tv_sec + us / 1000000 + ns / 1000000000, .tv_nsec = ns % 1000000000};
}
