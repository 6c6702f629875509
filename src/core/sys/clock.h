// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CORE_SYS_CLOCK_H
#define LEAT_CORE_SYS_CLOCK_H

#include "core/base/defs.h"

int64_t clock_wall_us(void);      // microseconds since 1970, UTC
int64_t clock_monotonic_us(void); // for durations and deadlines
void clock_sleep_us(int64_t us);
// Both clocks are ahead by so much more from here on: a day of commits in minutes (bench/tools/lake_clock.c).
void clock_advance_us(int64_t us);

#endif
