// SPDX-License-Identifier: Apache-2.0
// The journal's second thread: takes one job at a time, writes it, makes it durable, tells the readers.
//
// A job without a cut is a part of a large group, written early and not synced. A job with a cut ends a group: one
// fdatasync, then `head` is raised. The first error stays: nothing is written or synced after it.
#ifndef LEAT_STORAGE_JOURNAL_LOCAL_FLUSHER_H
#define LEAT_STORAGE_JOURNAL_LOCAL_FLUSHER_H

#include "storage/journal/local/frame.h"
#include "storage/journal/local/head.h"
#include "storage/journal/local/segment.h"

#include <pthread.h>

typedef struct FlushCut {
    uint64_t sequence;
    uint64_t ms;
    Position position;
    LogPosition end;
} FlushCut;

typedef struct FlushJob {
    Buf bytes;
    LogPosition at;
    bool has_cut;
    FlushCut cut;
    Buf preamble; // not empty: after the cut, the head of a new segment at cut.end
} FlushJob;

typedef struct Flusher {
    pthread_t thread;
    pthread_mutex_t mutex; // guards what follows; the job and the file belong to the thread while it is busy
    pthread_cond_t wake, idle;
    bool started, stop;
    _Atomic bool busy;
    _Atomic bool failed;
    _Atomic size_t bytes; // in the job
    Err err;              // why it failed
    FlushJob job;
    FlushCut durable;
    uint64_t cuts;    // durable since open
    uint64_t cuts_us; // and what they took
    SegmentList segments;
    const char *directory;
    int fd; // of the last segment
    Head head;
    int event_fd;
} Flusher;

CHECKED bool flusher_start(Flusher *flusher, Err *err);
// Waits for the job that is there; then the thread ends.
void flusher_stop(Flusher *flusher);
// Waits until it is idle; false with its error when it has failed.
CHECKED bool flusher_wait(Flusher *flusher, Err *err);
// Takes `bytes` and `preamble` (both come back empty, with memory for the next round). Waits until it is idle.
CHECKED bool flusher_give(Flusher *flusher, Buf *bytes, LogPosition at, const FlushCut *cut, Buf *preamble, Err *err);
// The error that it has; false.
bool flusher_failure(Flusher *flusher, Err *err);

#endif
