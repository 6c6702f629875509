// SPDX-License-Identifier: Apache-2.0
#include "core/sys/crash.h"

#ifdef LEAT_CRASH_POINTS
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const char *crash_name;
static size_t crash_name_size;
static _Atomic long crash_countdown;

static void crash_read_environment(void) {
    crash_name = getenv("LEAT_CRASH_POINT");
    if (crash_name != NULL) {
        const char *colon = strchr(crash_name, ':');
        crash_name_size = colon != NULL ? (size_t)(colon - crash_name) : strlen(crash_name);
        crash_countdown = colon != NULL ? strtol(colon + 1, NULL, 10) : 1;
    }
}

void crash_point(const char *name) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, crash_read_environment);
    if (crash_name != NULL && strlen(name) == crash_name_size && memcmp(name, crash_name, crash_name_size) == 0 &&
        atomic_fetch_sub(&crash_countdown, 1) == 1) {
        kill(getpid(), SIGKILL);
        pause();
    }
}
#endif
