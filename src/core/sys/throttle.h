// SPDX-License-Identifier: Apache-2.0
// A limit of bytes per second that several threads share.
#ifndef LEAT_CORE_SYS_THROTTLE_H
#define LEAT_CORE_SYS_THROTTLE_H

#include "core/base/defs.h"

#include <stdatomic.h>

typedef struct Throttle {
    uint64_t bytes_per_second; // 0 = no limit
    _Atomic int64_t free_us;   // when what was taken so far is paid for (monotonic); 0 = nothing was taken yet
} Throttle;

// Notes that so many bytes were read and sleeps as long as the limit asks for, at most a quarter of a second a call.
// NULL is fine.
void throttle_take(Throttle *throttle, size_t bytes);

#endif
