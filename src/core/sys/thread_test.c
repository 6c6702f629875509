// SPDX-License-Identifier: Apache-2.0
#include "core/sys/thread.c" // NOLINT

#include "core/base/test.h"

#include <errno.h>

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

TEST(thread_until_is_that_long) {
    struct timespec from, until = {0};
    clock_gettime(CLOCK_MONOTONIC, &from);
    until = thread_until(INT64_C(2999999));
    int64_t us = (until.tv_sec - from.tv_sec) * INT64_C(1000000) + (until.tv_nsec - from.tv_nsec) / 1000;
    CHECK(us >= 2999998 && us < 60 * INT64_C(1000000));
    CHECK(until.tv_nsec >= 0 && until.tv_nsec < 1000000000);
}

TEST(thread_cond_ends_by_the_monotonic_clock) {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    thread_cond_init(&cond);
    struct timespec until = thread_until(1000);
    pthread_mutex_lock(&mutex);
    CHECK_INT(pthread_cond_timedwait(&cond, &mutex, &until), ETIMEDOUT); // decades by the real-time clock
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&cond);
}
