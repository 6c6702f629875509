// SPDX-License-Identifier: Apache-2.0
#include "core/sys/throttle.h"

#include "core/sys/clock.h"

enum { SLEEP_US_MIN = 2000, SLEEP_US_MAX = 250000 };

void throttle_take(Throttle *throttle, size_t bytes) {
    if (throttle == NULL || throttle->bytes_per_second == 0) {
        return;
    }
    int64_t cost_us = (int64_t)((double)bytes * 1e6 / (double)throttle->bytes_per_second);
    int64_t now = clock_monotonic_us();
    int64_t paid = atomic_load(&throttle->free_us), until;
    do {
        until = MAX(paid, now) + cost_us;
    } while (!atomic_compare_exchange_weak(&throttle->free_us, &paid, until));
    if (until - now > SLEEP_US_MIN) { // small debts wait for the next call
        clock_sleep_us(MIN(until - now, SLEEP_US_MAX));
    }
}
