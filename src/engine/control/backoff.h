// SPDX-License-Identifier: Apache-2.0
// How long to wait before the next attempt: doubling from `min_us` to `max_us`, each with jitter, so that a thousand
// workers that lost one server do not come back at one instant.
#ifndef LEAT_ENGINE_CONTROL_BACKOFF_H
#define LEAT_ENGINE_CONTROL_BACKOFF_H

#include "core/base/defs.h"

typedef struct Backoff {
    int64_t min_us, max_us;
    int failures; // in a row
} Backoff;

void backoff_reset(Backoff *backoff);
// Counts a failure. The wait lies between three quarters and five quarters of its step; `random` decides.
int64_t backoff_next(Backoff *backoff, uint32_t random);

#endif
