// SPDX-License-Identifier: Apache-2.0
#include "core/sys/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t ahead_us; // of a simulation

static int64_t clock_us(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000 + atomic_load_explicit(&ahead_us, memory_order_relaxed);
}

void clock_advance_us(int64_t us) {
    atomic_fetch_add(&ahead_us, us);
}

int64_t clock_wall_us(void) {
    return clock_us(CLOCK_REALTIME);
}

int64_t clock_monotonic_us(void) {
    return clock_us(CLOCK_MONOTONIC);
}

void clock_sleep_us(int64_t us) {
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = (us % 1000000) * 1000};
    nanosleep(&left, NULL);
}
