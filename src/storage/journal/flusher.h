// SPDX-License-Identifier: Apache-2.0
// The journal's second thread: takes one job at a time and has the driver make it durable. The first error stays:
// nothing is written after it.
#ifndef LEAT_STORAGE_JOURNAL_FLUSHER_H
#define LEAT_STORAGE_JOURNAL_FLUSHER_H

#include "storage/journal/driver.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct Flusher {
    pthread_t thread;
    pthread_mutex_t mutex; // guards what follows; the job and the log belong to the thread while it is busy
    pthread_cond_t wake, idle;
    bool started, stop;
    _Atomic bool busy;
    _Atomic bool failed;
    _Atomic size_t bytes; // in the job
    Err err;              // why it failed
    LogJob job;
    LogCut durable;
    uint64_t cuts;    // durable since open
    uint64_t cuts_us; // and what they took
    const JournalDriver *driver;
    JournalLog *log;
    int event_fd;
} Flusher;

CHECKED bool flusher_start(Flusher *flusher, Err *err);
// Waits for the job that is there; then the thread ends.
void flusher_stop(Flusher *flusher);
// Waits until it is idle; false with its error when it has failed.
CHECKED bool flusher_wait(Flusher *flusher, Err *err);
// Takes `bytes` and `preamble` (both come back empty, with memory for the next round). Waits until it is idle.
CHECKED bool flusher_give(Flusher *flusher, Buf *bytes, LogPosition at, const LogCut *cut, Buf *preamble, Err *err);
// The error that it has; false.
bool flusher_failure(Flusher *flusher, Err *err);

#endif
