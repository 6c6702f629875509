// SPDX-License-Identifier: Apache-2.0
// Random bytes of the kernel: for names that nobody else may have, and for jitter. Not for keys (config/seal).
#ifndef LEAT_CORE_SYS_RANDOM_H
#define LEAT_CORE_SYS_RANDOM_H

#include "core/base/defs.h"

// Never fails. Waits only where the kernel has just started and has gathered nothing yet.
void random_bytes(void *bytes, size_t size);
uint64_t random_number(void);
void random_uuid(char text[37]); // version 4 (RFC 9562)

#endif
