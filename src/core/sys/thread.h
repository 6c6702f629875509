// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CORE_SYS_THREAD_H
#define LEAT_CORE_SYS_THREAD_H

#include "core/base/defs.h"

#include <pthread.h>
#include <time.h>

// The calling thread runs for a short while each time it wakes, and must run soon: where all cores are taken it does
// not wait until another thread has used up its slice, as it else would (Linux 6.12 and newer), and its sleeps end when
// they are over, not up to 50 us later. Its share of the CPU stays the same. Threads that it makes from now on are like
// it.
void thread_wakes_soon(void);

// A condition that is waited for until a time by the monotonic clock: thread_until. Setting the machine's clock changes
// nothing.
void thread_cond_init(pthread_cond_t *cond);
struct timespec thread_until(int64_t us); // so many microseconds from now

#endif
