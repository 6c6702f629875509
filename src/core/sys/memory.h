// SPDX-License-Identifier: Apache-2.0
// Memory that a process has and does not need.
#ifndef LEAT_CORE_SYS_MEMORY_H
#define LEAT_CORE_SYS_MEMORY_H

#include "core/base/defs.h"

// At the start of a process, before its threads: what is freed goes back to the system, and is not kept for the next
// one that needs as much. Large blocks are mappings of their own, so that they leave no holes on the heap, and threads
// share so many heaps, as each would keep free what it needed most once.
void memory_bound(int heaps);

// Gives back what is free on the heap, and unmaps the clean pages of the executable and its libraries: symbol tables,
// relocations and start-up code that the dynamic linker walked through, most of an idle process's resident set. What
// is needed comes back from the page cache by a fault. Worth it when a process that will live long has started, and, as
// it costs about a millisecond of CPU, rarely afterwards.
void memory_settle(void);
// Freed memory up to so many bytes stays with the process: for one whose large buffers come and go all the time, to
// which giving them back is a page fault for each 4 KiB of the next one.
void memory_keep(int bytes);

#endif
