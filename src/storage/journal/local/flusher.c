// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/flusher.h"

#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static LogPosition last_start(const Flusher *flusher) {
    return segment_start(&flusher->segments, segment_count(&flusher->segments) - 1);
}

static bool write_job(Flusher *flusher, LogPosition start, Err *err) {
    FlushJob *job = &flusher->job;
    char path[PATH_MAX];
    TRY(segment_path(path, flusher->directory, start, err));
    CRASH_POINT("journal.before_write");
#ifdef LEAT_CRASH_POINTS
    // In two writes, so that a test can die between them.
    Slice half = {job->bytes.data, job->bytes.size / 2};
    TRY(file_write(flusher->fd, path, half, (off_t)(job->at - start), err));
    CRASH_POINT("journal.half_written");
#endif
    TRY(file_write(flusher->fd, path, buf_slice(&job->bytes), (off_t)(job->at - start), err));
    if (!job->has_cut) {
        // Ask the kernel to begin writing it out, so that the sync at the cut does not find gigabytes to do. A hint:
        // errors show at the sync.
        sync_file_range(flusher->fd, (off_t)(job->at - start), (off_t)job->bytes.size, SYNC_FILE_RANGE_WRITE);
        CRASH_POINT("journal.part_written");
        return true;
    }
    CRASH_POINT("journal.after_write");
    TRY(file_sync(flusher->fd, path, err));
    CRASH_POINT("journal.after_fsync");
    return true;
}

static void publish(Flusher *flusher, uint64_t took_us) {
    const FlushCut *cut = &flusher->job.cut;
    HeadPage *page = flusher->head.page;
    atomic_store_explicit(&page->cut_ms, cut->ms, memory_order_relaxed);
    atomic_store_explicit(&page->cut_sequence, cut->sequence, memory_order_relaxed);
    atomic_store_explicit(&page->end, cut->end, memory_order_release);
    CRASH_POINT("journal.after_head");
    head_signal(&flusher->head);
    pthread_mutex_lock(&flusher->mutex);
    flusher->durable = *cut;
    flusher->cuts++;
    flusher->cuts_us += took_us;
    pthread_mutex_unlock(&flusher->mutex);
}

static bool rotate(Flusher *flusher, Err *err) {
    int fd = -1;
    LogPosition start = flusher->job.cut.end;
    CRASH_POINT("journal.before_rotate");
    TRY(segment_make(flusher->directory, start, buf_slice(&flusher->job.preamble), &fd, err));
    file_close(&flusher->fd);
    flusher->fd = fd;
    pthread_mutex_lock(&flusher->mutex);
    segment_list_add(&flusher->segments, start);
    pthread_mutex_unlock(&flusher->mutex);
    return true;
}

static void signal_event(const Flusher *flusher) {
    uint64_t one = 1;
    ssize_t wrote = write(flusher->event_fd, &one, sizeof(one));
    (void)wrote; // full means that it is readable already
}

static bool work(Flusher *flusher, LogPosition start, Err *err) {
    FlushJob *job = &flusher->job;
    int64_t began_us = clock_monotonic_us();
    TRY(write_job(flusher, start, err));
    if (job->has_cut) {
        publish(flusher, (uint64_t)(clock_monotonic_us() - began_us));
        if (job->preamble.size > 0) {
            signal_event(flusher);
            TRY(rotate(flusher, err));
        }
    }
    return true;
}

static void *flusher_main(void *context) {
    Flusher *flusher = context;
    pthread_mutex_lock(&flusher->mutex);
    for (;;) {
        while (!flusher->busy && !flusher->stop) {
            pthread_cond_wait(&flusher->wake, &flusher->mutex);
        }
        if (!flusher->busy) {
            break;
        }
        LogPosition start = last_start(flusher);
        pthread_mutex_unlock(&flusher->mutex);
        Err err[1] = {{0}};
        bool ok = work(flusher, start, err);
        pthread_mutex_lock(&flusher->mutex);
        if (!ok) {
            flusher->err = *err;
            flusher->failed = true;
        }
        flusher->bytes = 0;
        flusher->busy = false;
        pthread_cond_broadcast(&flusher->idle);
        signal_event(flusher);
    }
    pthread_mutex_unlock(&flusher->mutex);
    return NULL;
}

bool flusher_start(Flusher *flusher, Err *err) {
    pthread_mutex_init(&flusher->mutex, NULL);
    pthread_cond_init(&flusher->wake, NULL);
    pthread_cond_init(&flusher->idle, NULL);
    // Signals are for the thread that the program listens with.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int errnum = pthread_create(&flusher->thread, NULL, flusher_main, flusher);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    flusher->started = errnum == 0;
    return errnum == 0 || err_errno(err, __FILE__, __LINE__, errnum, "start the journal's thread");
}

void flusher_stop(Flusher *flusher) {
    if (flusher->started) {
        pthread_mutex_lock(&flusher->mutex);
        flusher->stop = true;
        pthread_cond_signal(&flusher->wake);
        pthread_mutex_unlock(&flusher->mutex);
        pthread_join(flusher->thread, NULL);
        flusher->started = false;
        pthread_cond_destroy(&flusher->wake);
        pthread_cond_destroy(&flusher->idle);
        pthread_mutex_destroy(&flusher->mutex);
    }
    buf_release(&flusher->job.bytes);
    buf_release(&flusher->job.preamble);
}

static bool wait_locked(Flusher *flusher) {
    while (flusher->busy) {
        pthread_cond_wait(&flusher->idle, &flusher->mutex);
    }
    return !flusher->failed;
}

bool flusher_failure(Flusher *flusher, Err *err) {
    pthread_mutex_lock(&flusher->mutex);
    *err = flusher->err;
    pthread_mutex_unlock(&flusher->mutex);
    return err_frame(err, __FILE__, __LINE__);
}

bool flusher_wait(Flusher *flusher, Err *err) {
    pthread_mutex_lock(&flusher->mutex);
    bool ok = wait_locked(flusher);
    pthread_mutex_unlock(&flusher->mutex);
    return ok || flusher_failure(flusher, err);
}

static void swap(Buf *a, Buf *b) {
    Buf c = *a;
    *a = *b;
    *b = c;
}

bool flusher_give(Flusher *flusher, Buf *bytes, LogPosition at, const FlushCut *cut, Buf *preamble, Err *err) {
    pthread_mutex_lock(&flusher->mutex);
    bool ok = wait_locked(flusher);
    if (ok) {
        FlushJob *job = &flusher->job;
        swap(&job->bytes, bytes);
        swap(&job->preamble, preamble);
        job->at = at;
        job->has_cut = cut != NULL;
        job->cut = cut != NULL ? *cut : (FlushCut){0};
        flusher->bytes = job->bytes.size;
        flusher->busy = true;
        pthread_cond_signal(&flusher->wake);
    }
    pthread_mutex_unlock(&flusher->mutex);
    buf_reset(bytes);
    buf_reset(preamble);
    return ok || flusher_failure(flusher, err);
}
