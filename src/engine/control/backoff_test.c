// SPDX-License-Identifier: Apache-2.0
#include "engine/control/backoff.c"

#include "core/base/test.h"

TEST(backoff_doubles_up_to_its_maximum) {
    Backoff backoff = {.min_us = 400, .max_us = 3000};
    static const int64_t STEPS[] = {400, 800, 1600, 3000, 3000, 3000};
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        Backoff low = backoff, high = backoff;
        CHECK_INT(backoff_next(&low, 0), STEPS[i] - STEPS[i] / 4);
        CHECK_INT(backoff_next(&high, 1024), STEPS[i] + STEPS[i] / 4);
        int64_t wait = backoff_next(&backoff, 0xdeadbeef);
        CHECK(wait >= STEPS[i] * 3 / 4 && wait <= STEPS[i] * 5 / 4);
    }
    backoff_reset(&backoff);
    CHECK_INT(backoff_next(&backoff, 0), 300);
}

TEST(backoff_stays_in_range_for_ever) {
    Backoff backoff = {.min_us = 1, .max_us = INT64_C(86400) * 1000000};
    for (int i = 0; i < 200; i++) {
        int64_t wait = backoff_next(&backoff, UINT32_MAX);
        CHECK(wait > 0 && wait <= backoff.max_us * 5 / 4);
    }
    Backoff reversed = {.min_us = 5000, .max_us = 1000};
    CHECK_INT(backoff_next(&reversed, 512), 1000);
}
