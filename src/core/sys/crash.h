// SPDX-License-Identifier: Apache-2.0
// Crash points: places where a test kills the process as kill -9 would, to prove that nothing is lost or doubled.
// LEAT_CRASH_POINT=journal.after_fsync:3 dies the third time that this point is passed. Compiled into every build but
// the release one (LEAT_CRASH_POINTS).
#ifndef LEAT_CORE_SYS_CRASH_H
#define LEAT_CORE_SYS_CRASH_H

#include "core/base/defs.h"

#ifdef LEAT_CRASH_POINTS
void crash_point(const char *name);
#define CRASH_POINT(name) crash_point(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

#endif
