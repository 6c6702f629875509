// SPDX-License-Identifier: Apache-2.0
#include "core/sys/throttle.c"

#include "core/base/test.h"

TEST(throttle_without_a_limit_takes_at_once) {
    Throttle throttle = {0};
    throttle_take(&throttle, SIZE_MAX);
    throttle_take(NULL, 1);
    CHECK(throttle.free_us == 0);
}

TEST(throttle_adds_up_what_was_taken) {
    Throttle throttle = {.bytes_per_second = 1000000};
    int64_t began = clock_monotonic_us();
    throttle_take(&throttle, 1000);
    throttle_take(&throttle, 1000);
    CHECK(throttle.free_us >= began + 2000);
}

// A long pause is no credit: what comes after it is limited all the same.
TEST(throttle_gives_no_credit_for_silence) {
    Throttle throttle = {.bytes_per_second = 1000000, .free_us = 1};
    int64_t began = clock_monotonic_us();
    throttle_take(&throttle, 1000);
    CHECK(throttle.free_us >= began + 1000);
}
