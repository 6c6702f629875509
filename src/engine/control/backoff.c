// SPDX-License-Identifier: Apache-2.0
#include "engine/control/backoff.h"

enum { DOUBLINGS_MAX = 40 };

void backoff_reset(Backoff *backoff) {
    backoff->failures = 0;
}

int64_t backoff_next(Backoff *backoff, uint32_t random) {
    int64_t step = MIN(backoff->min_us, backoff->max_us);
    for (int i = 0; i < backoff->failures && step < backoff->max_us; i++) {
        step = step > backoff->max_us / 2 ? backoff->max_us : step * 2;
    }
    if (backoff->failures < DOUBLINGS_MAX) {
        backoff->failures++;
    }
    return step - step / 4 + (int64_t)(random % 1025) * (step / 2) / 1024;
}
