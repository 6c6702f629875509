// SPDX-License-Identifier: Apache-2.0
// The writing side of a journal in files, and its driver.
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "storage/journal/driver.h"
#include "storage/journal/local/head.h"
#include "storage/journal/local/local.h"
#include "storage/journal/local/pins.h"
#include "storage/journal/local/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#define READ_WINDOW_BYTES (1 * MIB)

struct JournalLog {
    char directory[PATH_MAX];
    int lock_fd;
    int fd; // of the last segment
    Head head;
    pthread_mutex_t mutex; // over the list, which grows in the flusher's thread
    SegmentList segments;
};

// --- opening ---------------------------------------------------------------------------------------------------

typedef struct RemoveTemporary {
    const char *directory;
    Err *err;
    bool ok;
} RemoveTemporary;

static bool remove_temporary(void *context, const char *name) {
    RemoveTemporary *remove = context;
    size_t size = strlen(name);
    char path[PATH_MAX];
    if (size > 4 && strcmp(name + size - 4, ".tmp") == 0 &&
        snprintf(path, sizeof(path), "%s/%s", remove->directory, name) < (int)sizeof(path)) {
        remove->ok = file_remove(path, remove->err);
    }
    return remove->ok;
}

static bool local_seed(const char *directory, Slice preamble, Err *err) {
    SegmentList segments = {0};
    TRY(file_make_directories(directory, err));
    bool ok = segment_list(&segments, directory, err);
    if (ok && segment_count(&segments) > 0) {
        ok = FAIL(err, ERR_EXISTS, "%s holds a journal", directory);
    }
    int fd = -1;
    ok = ok && segment_make(directory, 0, preamble, &fd, err);
    file_close(&fd);
    segment_list_release(&segments);
    return ok;
}

// Opens the last segment for writing, and cuts off what does not count. What counts is synced: a process that was
// killed may have left whole groups that only the page cache has.
static bool resume(JournalLog *log, LogPosition start, const Recovered *recovered, Err *err) {
    char path[PATH_MAX];
    TRY(segment_path(path, log->directory, start, err));
    TRY(file_open(path, O_RDWR, &log->fd, err));
    if (recovered->tail > recovered->end) {
        log_info(LOG_JOURNAL, "cut off what follows the last cut", LOG_TEXT("file", path),
                 LOG_UINT("bytes", recovered->tail - recovered->end));
        CRASH_POINT("journal.before_truncate");
        if (ftruncate(log->fd, (off_t)(recovered->end - start)) != 0) {
            return FAIL_ERRNO(err, "truncate %s", path);
        }
        CRASH_POINT("journal.after_truncate");
    }
    return file_sync(log->fd, path, err);
}

static bool recover(JournalLog *log, Ledger *ledger, LogStart *start, Err *err) {
    TRY(segment_list(&log->segments, log->directory, err));
    TRY(head_open(&log->head, log->directory, err));
    LogPosition head_end = log->head.page != NULL ? log->head.page->end : 0;
    uint64_t head_epoch = log->head.page != NULL ? log->head.page->epoch : 0;
    size_t count = segment_count(&log->segments);
    if (count == 0) {
        if (head_end > 0) {
            FAIL(err, ERR_JOURNAL_CORRUPT, "%s: no segment is left of a log of %" PRIu64 " bytes", log->directory,
                 head_end);
            return err_hint(err, "restore the journal from a copy");
        }
        ledger->epoch = head_epoch;
        start->empty = true;
        return true;
    }
    TRY(segment_list_check(&log->segments, log->directory, err));
    LogPosition last = segment_start(&log->segments, count - 1);
    SegmentReader segment;
    Recovered recovered = {0};
    segment_reader_init(&segment, READ_WINDOW_BYTES);
    bool ok = segment_reader_open(&segment, log->directory, last, err) &&
              recover_segment(&segment, head_end, ledger, &recovered, err);
    start->body = segment_first(&segment) + segment.state_bytes;
    segment_reader_release(&segment);
    TRY(ok);
    TRY(resume(log, last, &recovered, err));
    ledger->epoch = MAX(ledger->epoch, head_epoch);
    start->end = recovered.end;
    return true;
}

static bool open_files(JournalLog *log, const char *directory, Ledger *ledger, LogStart *start, Err *err) {
    char path[PATH_MAX];
    if (snprintf(log->directory, PATH_MAX, "%s", directory) >= PATH_MAX ||
        snprintf(path, PATH_MAX, "%s/lock", directory) >= PATH_MAX) {
        return FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    }
    TRY(file_make_directories(directory, err));
    TRY(file_lock(path, &log->lock_fd, err));
    RemoveTemporary remove = {directory, err, true};
    TRY(file_list(directory, remove_temporary, &remove, err));
    TRY(remove.ok);
    return recover(log, ledger, start, err);
}

static void local_close(JournalLog *log) {
    if (log == NULL) {
        return;
    }
    head_close(&log->head);
    segment_list_release(&log->segments);
    file_close(&log->fd);
    file_close(&log->lock_fd);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

static bool local_open(const char *directory, Ledger *ledger, LogStart *start, JournalLog **log, Err *err) {
    JournalLog *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        panic("out of memory: a journal");
    }
    made->lock_fd = made->fd = -1;
    pthread_mutex_init(&made->mutex, NULL);
    if (!open_files(made, directory, ledger, start, err)) {
        local_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *log = made;
    return true;
}

static bool local_ready(JournalLog *log, const Ledger *ledger, LogPosition end, Err *err) {
    TRY(head_make(&log->head, log->directory, end, err));
    HeadPage *page = log->head.page;
    page->epoch = ledger->epoch;
    page->pid = (uint32_t)getpid();
    page->cut_ms = ledger->cut_ms;
    page->cut_sequence = ledger->cut_sequence;
    page->begin = segment_start(&log->segments, 0);
    page->end = end;
    CRASH_POINT("journal.opened");
    head_signal(&log->head);
    return true;
}

// --- writing ---------------------------------------------------------------------------------------------------

static LogPosition last_start(JournalLog *log) {
    pthread_mutex_lock(&log->mutex);
    LogPosition start = segment_start(&log->segments, segment_count(&log->segments) - 1);
    pthread_mutex_unlock(&log->mutex);
    return start;
}

static void publish(JournalLog *log, const LogCut *cut) {
    HeadPage *page = log->head.page;
    atomic_store_explicit(&page->cut_ms, cut->ms, memory_order_relaxed);
    atomic_store_explicit(&page->cut_sequence, cut->sequence, memory_order_relaxed);
    atomic_store_explicit(&page->end, cut->end, memory_order_release);
    CRASH_POINT("journal.after_head");
    head_signal(&log->head);
}

// A job without a cut is written and not synced. One with a cut ends a group: one fdatasync, then `head` is raised.
static bool local_write(JournalLog *log, const LogJob *job, Err *err) {
    char path[PATH_MAX];
    LogPosition start = last_start(log);
    TRY(segment_path(path, log->directory, start, err));
    CRASH_POINT("journal.before_write");
#ifdef LEAT_CRASH_POINTS
    // In two writes, so that a test can die between them.
    Slice half = {job->bytes.data, job->bytes.size / 2};
    TRY(file_write(log->fd, path, half, (off_t)(job->at - start), err));
    CRASH_POINT("journal.half_written");
#endif
    TRY(file_write(log->fd, path, buf_slice(&job->bytes), (off_t)(job->at - start), err));
    if (!job->has_cut) {
        // Ask the kernel to begin writing it out, so that the sync at the cut does not find gigabytes to do. A hint:
        // errors show at the sync.
        sync_file_range(log->fd, (off_t)(job->at - start), (off_t)job->bytes.size, SYNC_FILE_RANGE_WRITE);
        CRASH_POINT("journal.part_written");
        return true;
    }
    CRASH_POINT("journal.after_write");
    TRY(file_sync(log->fd, path, err));
    CRASH_POINT("journal.after_fsync");
    publish(log, &job->cut);
    return true;
}

static bool local_rotate(JournalLog *log, LogPosition at, Slice preamble, Err *err) {
    int fd = -1;
    CRASH_POINT("journal.before_rotate");
    TRY(segment_make(log->directory, at, preamble, &fd, err));
    file_close(&log->fd);
    log->fd = fd;
    pthread_mutex_lock(&log->mutex);
    segment_list_add(&log->segments, at);
    pthread_mutex_unlock(&log->mutex);
    return true;
}

static bool local_undo(JournalLog *log, LogPosition cut_end, LogPosition *next, Err *err) {
    if (ftruncate(log->fd, (off_t)(cut_end - last_start(log))) != 0) {
        return FAIL_ERRNO(err, "truncate the last segment in %s", log->directory);
    }
    *next = cut_end;
    return true;
}

// --- trimming --------------------------------------------------------------------------------------------------

static LogPosition local_begin(JournalLog *log) {
    pthread_mutex_lock(&log->mutex);
    LogPosition begin = segment_count(&log->segments) > 0 ? segment_start(&log->segments, 0) : 0;
    pthread_mutex_unlock(&log->mutex);
    return begin;
}

// Segments that nobody needs go: those wholly below the lowest.
static bool trim(JournalLog *log, const LogTrim *how, size_t *dropped, Err *err) {
    SegmentList *segments = &log->segments;
    SegmentReader reader;
    segment_reader_init(&reader, 0);
    uint64_t now_ms = (uint64_t)clock_wall_us() / 1000;
    bool ok = true;
    while (ok && *dropped + 1 < segment_count(segments)) {
        LogPosition end = segment_start(segments, *dropped + 1);
        bool past = end <= how->lowest && how->lowest - end >= how->keep;
        if (!past && end <= how->lowest && how->keep_ms != 0) {
            ok = segment_reader_open(&reader, log->directory, end, err);
            past = ok && reader.header.cut_ms + how->keep_ms <= now_ms;
        }
        if (!past) {
            break;
        }
        char path[PATH_MAX];
        CRASH_POINT("journal.before_trim");
        ok = segment_path(path, log->directory, segment_start(segments, *dropped), err) && file_remove(path, err);
        CRASH_POINT("journal.trimmed_one");
        *dropped += ok;
    }
    segment_reader_release(&reader);
    return ok;
}

static bool local_trim(JournalLog *log, const LogTrim *how, Err *err) {
    size_t dropped = 0;
    pthread_mutex_lock(&log->mutex);
    bool ok = trim(log, how, &dropped, err);
    if (dropped > 0) {
        segment_list_drop(&log->segments, dropped);
        log->head.page->begin = segment_start(&log->segments, 0);
        ok = ok && file_sync_directory(log->directory, err);
    }
    pthread_mutex_unlock(&log->mutex);
    return ok;
}

static bool local_pinned(JournalLog *log, LogPosition none, LogPosition *lowest, Err *err) {
    return local_pins_lowest(log->directory, none, lowest, err);
}

const JournalDriver LOCAL_JOURNAL = {
    .pinned = local_pinned,
    .pin_set = local_pin_set,
    .pin_remove = local_pin_remove,
    .pin_open = local_pin_open,
    .pin_raise = local_pin_raise,
    .pin_close = local_pin_close,
    .name = "local",
    .open = local_open,
    .close = local_close,
    .ready = local_ready,
    .write = local_write,
    .rotate = local_rotate,
    .undo = local_undo,
    .trim = local_trim,
    .begin = local_begin,
    .tail_open = local_tail_open,
    .tail_close = local_tail_close,
    .tail_next = local_tail_next,
    .tail_at = local_tail_at,
    .tail_before = local_tail_before,
    .tail_end = local_tail_end,
    .tail_wait = local_tail_wait,
    .tail_wake = local_tail_wake,
    .tail_where = local_tail_where,
    .seed = local_seed,
    .look = local_look,
    .check = local_check,
};
