// SPDX-License-Identifier: Apache-2.0
#include "core/sys/thread.c" // NOLINT

#include "core/base/test.h"

#include <pthread.h>

static void *soon(void *context) {
    SchedAttributes *attributes = context;
    thread_wakes_soon();
    syscall(SYS_sched_getattr, 0, &attributes[1], sizeof(attributes[1]), 0);
    return NULL;
}

TEST(thread_wakes_soon_keeps_the_share) {
    SchedAttributes attributes[2] = {{0}};
    if (syscall(SYS_sched_getattr, 0, &attributes[0], sizeof(attributes[0]), 0) != 0) {
        return; // not here
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, soon, attributes) == 0);
    pthread_join(thread, NULL);
    CHECK_INT(attributes[1].policy, attributes[0].policy);
    CHECK_INT(attributes[1].nice, attributes[0].nice);
    CHECK(attributes[1].runtime_ns == SLICE_NS || attributes[1].runtime_ns == attributes[0].runtime_ns);
}
