// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/flusher.h"

#include "core/sys/clock.h"

#include <signal.h>
#include <unistd.h>

static void durable_set(Flusher *flusher, uint64_t took_us) {
    pthread_mutex_lock(&flusher->mutex);
    flusher->durable = flusher->job.cut;
    flusher->cuts++;
    flusher->cuts_us += took_us;
    pthread_mutex_unlock(&flusher->mutex);
}

static void signal_event(const Flusher *flusher) {
    uint64_t one = 1;
    ssize_t wrote = write(flusher->event_fd, &one, sizeof(one));
    (void)wrote; // full means that it is readable already
}

static bool work(Flusher *flusher, Err *err) {
    const LogJob *job = &flusher->job;
    int64_t began_us = clock_monotonic_us();
    TRY(flusher->driver->write(flusher->log, job, err));
    if (job->has_cut) {
        durable_set(flusher, (uint64_t)(clock_monotonic_us() - began_us));
        if (job->preamble.size > 0) {
            signal_event(flusher);
            TRY(flusher->driver->rotate(flusher->log, job->cut.end, buf_slice(&job->preamble), err));
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
        pthread_mutex_unlock(&flusher->mutex);
        Err err[1] = {{0}};
        bool ok = work(flusher, err);
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

bool flusher_give(Flusher *flusher, Buf *bytes, LogPosition at, const LogCut *cut, Buf *preamble, Err *err) {
    pthread_mutex_lock(&flusher->mutex);
    bool ok = wait_locked(flusher);
    if (ok) {
        LogJob *job = &flusher->job;
        swap(&job->bytes, bytes);
        swap(&job->preamble, preamble);
        job->at = at;
        job->has_cut = cut != NULL;
        job->cut = cut != NULL ? *cut : (LogCut){0};
        flusher->bytes = job->bytes.size;
        flusher->busy = true;
        pthread_cond_signal(&flusher->wake);
    }
    pthread_mutex_unlock(&flusher->mutex);
    buf_reset(bytes);
    buf_reset(preamble);
    return ok || flusher_failure(flusher, err);
}
