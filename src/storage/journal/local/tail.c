// SPDX-License-Identifier: Apache-2.0
// The reading side of a journal in files.
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/local/local.h"
#include "storage/journal/local/look.h"
#include "storage/journal/local/recover.h"

enum { WAIT_WITHOUT_HEAD_MS = 50 };
#define WINDOW_BYTES_MIN (64 * KIB)
#define WINDOW_BYTES_MAX (1 * MIB)

struct JournalTail {
    char directory[PATH_MAX];
    Head head;
    SegmentReader segment;
    Ledger *ledger;
    LogPosition at;      // of the next frame
    LogPosition end;     // durable, as of the last look
    LogPosition scanned; // without a head: what recovery found
    atomic_bool woken;
};

// --- opening ---------------------------------------------------------------------------------------------------

// The durable end by reading the last segment, for a journal whose head is missing or older than the truth.
static bool end_by_scan(const char *directory, const SegmentList *segments, LogPosition head_end, LogPosition *end,
                        Err *err) {
    SegmentReader segment;
    Ledger ledger;
    Recovered recovered = {0};
    segment_reader_init(&segment, WINDOW_BYTES_MAX);
    ledger_init(&ledger);
    LogPosition last = segment_start(segments, segment_count(segments) - 1);
    bool ok = segment_reader_open(&segment, directory, last, err) &&
              recover_segment(&segment, head_end, &ledger, &recovered, err);
    segment_reader_release(&segment);
    ledger_release(&ledger);
    *end = recovered.end;
    return ok;
}

LogPosition local_tail_end(JournalTail *tail) {
    LogPosition head = 0;
    if (tail->head.page == NULL) { // the writer may have made one meanwhile
        Err ignored[1] = {{0}};
        if (!head_open(&tail->head, tail->directory, ignored)) {
            return tail->scanned;
        }
    }
    if (tail->head.page != NULL) {
        head = atomic_load_explicit(&tail->head.page->end, memory_order_acquire);
    }
    return MAX(head, tail->scanned);
}

static bool segment_enter(JournalTail *tail, LogPosition start, Err *err) {
    if (!segment_reader_open(&tail->segment, tail->directory, start, err)) {
        return err_frame(err, __FILE__, __LINE__);
    }
    Frame frame;
    SegmentRead read = segment_read(&tail->segment, segment_first(&tail->segment), UINT64_MAX, &frame, err);
    if (read == SEGMENT_ERROR) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (read != SEGMENT_FRAME || frame.kind != FRAME_STATE) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "%s: the STATE frame at byte %d is damaged", tail->segment.path,
                    SEGMENT_HEADER_BYTES);
    }
    if (!ledger_apply_state(tail->ledger, frame.body, err)) {
        return err_prefix(err, "%s, byte %d", tail->segment.path, SEGMENT_HEADER_BYTES);
    }
    tail->at = MAX(tail->at, frame.next);
    return true;
}

static bool not_there(const char *directory, LogPosition from, LogPosition begin, LogPosition end, Err *err) {
    FAIL(err, ERR_NOT_FOUND, "%s holds positions %" PRIu64 " to %" PRIu64 ", not %" PRIu64, directory, begin, end,
         from);
    return err_hint(err, from < begin ? "it was trimmed: what read it was not pinned; read the tables again (resync)"
                                      : "the journal is older than what has read it (restored from a copy?)");
}

static bool tail_start(JournalTail *tail, LogPosition from, Err *err) {
    SegmentList segments = {0};
    bool ok = segment_list(&segments, tail->directory, err);
    if (ok && segment_count(&segments) == 0) {
        FAIL(err, ERR_NOT_FOUND, "%s holds no journal", tail->directory);
        ok = err_hint(err, "run the pipeline once");
    }
    ok = ok && head_open(&tail->head, tail->directory, err);
    if (ok) {
        tail->end = local_tail_end(tail);
        if (tail->head.page == NULL || (from > tail->end && !look_live(tail->directory))) {
            ok = end_by_scan(tail->directory, &segments, tail->end, &tail->scanned, err);
            tail->end = local_tail_end(tail);
        }
    }
    if (ok) {
        LogPosition begin = segment_start(&segments, 0);
        ptrdiff_t index = from == 0 ? 0 : segment_list_find(&segments, from);
        if (index < 0 || from > tail->end) {
            ok = not_there(tail->directory, from, begin, tail->end, err);
        } else {
            tail->at = from;
            ok = segment_enter(tail, segment_start(&segments, (size_t)index), err);
        }
    }
    segment_list_release(&segments);
    return ok;
}

bool local_tail_open(const char *directory, LogPosition from, size_t memory_bytes_max, Ledger *ledger,
                     JournalTail **tail, Err *err) {
    JournalTail *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        panic("out of memory: a reader");
    }
    made->ledger = ledger;
    size_t window = memory_bytes_max == 0 ? WINDOW_BYTES_MAX / 4 : memory_bytes_max / 4;
    segment_reader_init(&made->segment, MIN(MAX(window, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX));
    bool ok = snprintf(made->directory, PATH_MAX, "%s", directory) < PATH_MAX - 32 ||
              FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
    if (!ok || !tail_start(made, from, err)) {
        local_tail_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *tail = made;
    return true;
}

void local_tail_close(JournalTail *tail) {
    if (tail != NULL) {
        segment_reader_release(&tail->segment);
        head_close(&tail->head);
        free(tail);
    }
}

// --- frames ----------------------------------------------------------------------------------------------------

// A reader that was opened in the middle of a segment does not know what lies between the segment's STATE frame and
// where it began: it looks there for schemas, once, when it meets one that it does not know; for cuts when it is to
// keep the state.
bool local_tail_before(JournalTail *tail, LogPosition limit, bool cuts, Err *err) {
    SegmentReader segment;
    segment_reader_init(&segment, tail->segment.window_bytes);
    bool ok = segment_reader_open(&segment, tail->directory, tail->segment.header.start, err);
    LogPosition at = segment_first(&segment);
    while (ok && at < limit) {
        Frame frame;
        SegmentRead read = segment_read(&segment, at, limit, &frame, err);
        if (read != SEGMENT_FRAME) {
            ok = read != SEGMENT_ERROR && FAIL(err, ERR_JOURNAL_CORRUPT, "%s is damaged at byte %" PRIu64, segment.path,
                                               at - segment.header.start);
        } else if (frame.kind == FRAME_SCHEMA) {
            LedgerSchema *schema = NULL;
            ok = ledger_apply_schema(tail->ledger, frame.body, &schema, err);
        } else if (frame.kind == FRAME_CUT && cuts) {
            ok = ledger_apply_cut(tail->ledger, &frame, err);
        }
        at = ok ? frame.next : at;
    }
    segment_reader_release(&segment);
    return ok;
}

LogPosition local_tail_at(const JournalTail *tail) {
    return tail->at;
}

void local_tail_where(const JournalTail *tail, LogPosition at, char *text, size_t size) {
    snprintf(text, size, "%s, byte %" PRIu64, tail->segment.path, at - tail->segment.header.start);
}

// The next frame, over the border of segments; *found is false at the durable end.
bool local_tail_next(JournalTail *tail, Frame *frame, bool *found, Err *err) {
    *found = false;
    while (tail->at < tail->end || tail->at < (tail->end = local_tail_end(tail))) {
        SegmentRead read = segment_read(&tail->segment, tail->at, tail->end, frame, err);
        if (LIKELY(read == SEGMENT_FRAME)) {
            tail->at = frame->next;
            *found = true;
            return true;
        }
        if (read == SEGMENT_ERROR) {
            return err_frame(err, __FILE__, __LINE__);
        }
        bool file_ends = tail->at == tail->segment.header.start + tail->segment.size;
        if (!file_ends) {
            return FAIL(err, ERR_JOURNAL_CORRUPT,
                        "%s is damaged at byte %" PRIu64 " (position %" PRIu64 "): no whole frame is there",
                        tail->segment.path, tail->at - tail->segment.header.start, tail->at);
        }
        char path[PATH_MAX];
        memcpy(path, tail->segment.path, sizeof(path));
        if (!segment_enter(tail, tail->at, err)) {
            return err->code != ERR_NOT_FOUND ? err_frame(err, __FILE__, __LINE__)
                                              : err_prefix(err, "%s ends below the durable end", path);
        }
    }
    return true;
}

// --- waiting ---------------------------------------------------------------------------------------------------

void local_tail_wait(JournalTail *tail, int timeout_ms) {
    if (tail->head.page == NULL) {
        local_tail_end(tail); // maps a head that came meanwhile
    }
    if (tail->head.page == NULL) {
        int ms = timeout_ms < 0 || timeout_ms > WAIT_WITHOUT_HEAD_MS ? WAIT_WITHOUT_HEAD_MS : timeout_ms;
        clock_sleep_us((int64_t)ms * 1000);
        return;
    }
    uint32_t seen = atomic_load(&tail->head.page->events);
    if (tail->at < local_tail_end(tail) || atomic_exchange(&tail->woken, false)) {
        return;
    }
    head_wait(&tail->head, seen, timeout_ms);
    atomic_store(&tail->woken, false);
}

void local_tail_wake(JournalTail *tail) {
    atomic_store(&tail->woken, true);
    if (tail->head.page != NULL) {
        head_signal(&tail->head);
    }
}
