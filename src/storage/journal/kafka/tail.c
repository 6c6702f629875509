// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/kafka/tail.h"

#include "core/base/digest.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "storage/journal/kafka/expiry.h"

#include <limits.h>

enum { SHOWN_MS = 2000, LOOK_MS = 20 }; // from a commit's answer until readers see it, at the most

struct JournalTail {
    UnitLink link;
    UnitReader reader;
    Ledger *ledger;
    Buf segments;        // UnitSegment, oldest first; the last one is being read
    LogPosition from;    // frames below it are applied, not given
    LogPosition at;      // of the next frame, at the least
    LogPosition written; // where frames end, with those of dropped parts
    uint64_t offset;     // of the newest unit
    // A large group whose CUT was not seen yet; then it is read again.
    bool open;
    uint64_t open_attempt, open_offset;
    uint64_t whole; // the attempt whose CUT was seen
    uint32_t group_crc;
    uint64_t group_frames, group_bytes;
};

// --- heads -------------------------------------------------------------------------------------------------------

static void group_reset(JournalTail *tail) {
    tail->group_crc = 0;
    tail->group_frames = tail->group_bytes = 0;
}

static bool head_apply(JournalTail *tail, const Unit *unit, Err *err) {
    Slice rest;
    SegmentHeader header;
    Frame frame;
    uint64_t size = 0;
    if (!unit_segments_decode(unit->bytes, &tail->segments, &rest) || rest.size < SEGMENT_HEADER_BYTES) {
        return unit_corrupt(&tail->reader, unit->offset, "the head of a segment is malformed", err);
    }
    TRY(segment_header_decode(rest, tail->link.topic, &header, err));
    Slice state = slice_from(rest, SEGMENT_HEADER_BYTES);
    if (state.size < FRAME_HEADER_BYTES ||
        !frame_plausible(state.data, header.start + SEGMENT_HEADER_BYTES, state.size, &size) ||
        !frame_decode(state.data, size, &frame) || frame.kind != FRAME_STATE) {
        return unit_corrupt(&tail->reader, unit->offset, "the STATE frame of a segment is damaged", err);
    }
    if (!ledger_apply_state(tail->ledger, frame.body, err)) {
        return err_prefix(err, "topic %s, offset %" PRIu64, tail->link.topic, unit->offset);
    }
    UnitSegment segment = {header.start, unit->offset, header.cut_ms};
    buf_bytes(&tail->segments, &segment, sizeof(segment));
    tail->written = MAX(tail->written, header.start);
    tail->open = false;
    group_reset(tail);
    return true;
}

// Reads the head at that offset, and stands behind it.
static bool head_enter(JournalTail *tail, uint64_t offset, Err *err) {
    Unit unit;
    bool found = false;
    TRY(unit_reader_seek(&tail->reader, offset, err));
    TRY(unit_reader_next(&tail->reader, &unit, &found, err));
    if (!found || unit.offset != offset || (unit.key.flags & UNIT_HEAD) == 0) {
        return unit_corrupt(&tail->reader, offset, "the head of a segment is not there", err);
    }
    return head_apply(tail, &unit, err);
}

bool kafka_tail_newest(const char *directory, Ledger *ledger, JournalTail **tail, bool *found, Err *err) {
    JournalTail *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        panic("out of memory: a reader");
    }
    *tail = made;
    made->ledger = ledger;
    uint64_t head = 0;
    TRY(unit_link_init(&made->link, directory, err));
    TRY(unit_reader_open(&made->reader, &made->link, 4 * MIB, err));
    TRY(unit_reader_newest(&made->reader, &head, found, err));
    return !*found || head_enter(made, head, err);
}

bool kafka_tail_kept(const JournalTail *tail, Err *err) {
    bool expires = false;
    return expiry_none(&tail->link, tail->reader.consumer, &expires, err);
}

void kafka_tail_close(JournalTail *tail) {
    if (tail != NULL) {
        unit_reader_close(&tail->reader);
        unit_link_release(&tail->link);
        buf_release(&tail->segments);
        free(tail);
    }
}

Slice kafka_tail_segments(const JournalTail *tail) {
    return buf_slice(&tail->segments);
}

LogPosition kafka_tail_written(const JournalTail *tail) {
    return tail->written;
}

// --- opening -----------------------------------------------------------------------------------------------------

static bool not_there(const JournalTail *tail, LogPosition begin, Err *err) {
    FAIL(err, ERR_NOT_FOUND, "topic %s holds positions %" PRIu64 " to %" PRIu64 ", not %" PRIu64, tail->link.topic,
         begin, tail->written, tail->from);
    return err_hint(err, tail->from < begin
                             ? "it was trimmed: what read it was not pinned; read the tables again (resync)"
                             : "the journal is older than what has read it (restored from a copy?)");
}

// From the newest head, which knows where the others are, to the one whose segment has `from`.
static bool segment_find(JournalTail *tail, LogPosition from, Err *err) {
    size_t count = tail->segments.size / sizeof(UnitSegment), oldest = 0, index = count;
    while (oldest + 1 < count && unit_segment_at(&tail->segments, oldest).offset < tail->reader.begin) {
        oldest++; // deleted since the newest head was written
    }
    while (index > 0 && unit_segment_at(&tail->segments, index - 1).position > from) {
        index--;
    }
    if (from != 0 && index <= oldest) {
        return not_there(tail, unit_segment_at(&tail->segments, oldest).position, err);
    }
    index = MAX(index, oldest + 1);
    if (index == count) {
        return true;
    }
    ledger_release(tail->ledger); // what came later is not known there
    ledger_init(tail->ledger);
    return head_enter(tail, unit_segment_at(&tail->segments, index - 1).offset, err);
}

bool kafka_tail_open(const char *directory, LogPosition from, size_t memory_bytes_max, Ledger *ledger,
                     JournalTail **tail, Err *err) {
    bool found = false;
    JournalTail *made = NULL;
    int64_t until = clock_monotonic_us() + SHOWN_MS * INT64_C(1000);
    bool ok = kafka_tail_newest(directory, ledger, &made, &found, err);
    while (ok && !found && clock_monotonic_us() < until) { // the writer's first transaction is not shown yet
        kafka_tail_close(made);
        clock_sleep_us(LOOK_MS * INT64_C(1000));
        ok = kafka_tail_newest(directory, ledger, &made, &found, err);
    }
    if (ok && !found) {
        FAIL(err, ERR_NOT_FOUND, "topic %s holds no journal", made->link.topic);
        ok = err_hint(err, "run the pipeline once");
    }
    if (ok) {
        made->from = made->at = from;
        ok = segment_find(made, from, err);
    }
    if (!ok) {
        kafka_tail_close(made);
        return err_frame(err, __FILE__, __LINE__);
    }
    *tail = made;
    return true;
}

// --- frames ------------------------------------------------------------------------------------------------------

// Parts of a large group are passed over until the group's CUT comes: then it is read again, from its first part.
// *hidden: the frame is not to be seen, or not now.
static bool group_look(JournalTail *tail, const Unit *unit, FrameKind kind, bool *hidden, Err *err) {
    bool part = (unit->key.flags & UNIT_PART) != 0;
    if (tail->open && unit->key.attempt != tail->open_attempt) {
        tail->open = false; // dropped
    }
    if (part && !tail->open && unit->key.attempt != tail->whole) {
        tail->open = true;
        tail->open_attempt = unit->key.attempt;
        tail->open_offset = unit->offset;
    }
    *hidden = tail->open;
    if (tail->open && kind == FRAME_CUT) {
        tail->open = false;
        tail->whole = tail->open_attempt;
        return unit_reader_seek(&tail->reader, tail->open_offset, err);
    }
    return true;
}

static bool group_count(JournalTail *tail, const Unit *unit, const Frame *frame, Err *err) {
    if (frame->kind != FRAME_CUT) {
        tail->group_crc = digest_crc32c(tail->group_crc, (Slice){(const uint8_t *)&frame->crc, sizeof(frame->crc)});
        tail->group_frames++;
        tail->group_bytes += frame->next - frame->at;
        return true;
    }
    Reader body = reader_of(frame->body);
    CutHeader header = {0};
    bool ok = cut_header_decode(&body, &header) && header.group_crc == tail->group_crc &&
              header.frames == tail->group_frames && header.bytes == tail->group_bytes;
    group_reset(tail);
    return ok || unit_corrupt(&tail->reader, unit->offset, "the cut does not count the frames that are before it", err);
}

static bool frame_of(JournalTail *tail, const Unit *unit, Frame *frame, Err *err) {
    Slice bytes = unit->bytes;
    uint64_t size = 0;
    if (bytes.size < FRAME_HEADER_BYTES ||
        !frame_plausible(bytes.data, load_u64le(bytes.data + 8), bytes.size, &size) ||
        frame_padded(size) != bytes.size || !frame_decode(bytes.data, size, frame) || frame->kind == FRAME_STATE) {
        return unit_corrupt(&tail->reader, unit->offset, "the frame is damaged", err);
    }
    return true;
}

// The next frame that counts, wherever it is.
static bool frame_next(JournalTail *tail, Frame *frame, bool *found, Err *err) {
    for (;;) {
        Unit unit;
        bool hidden = false;
        TRY(unit_reader_next(&tail->reader, &unit, found, err));
        if (!*found) {
            return true;
        }
        tail->offset = unit.offset;
        if ((unit.key.flags & UNIT_HEAD) != 0) {
            TRY(head_apply(tail, &unit, err));
            continue;
        }
        TRY(frame_of(tail, &unit, frame, err));
        tail->written = MAX(tail->written, frame->next);
        TRY(group_look(tail, &unit, frame->kind, &hidden, err));
        if (!hidden) {
            return group_count(tail, &unit, frame, err);
        }
    }
}

static bool frame_apply(JournalTail *tail, const Frame *frame, Err *err) {
    LedgerSchema *schema = NULL;
    bool ok = frame->kind == FRAME_SCHEMA ? ledger_apply_schema(tail->ledger, frame->body, &schema, err)
                                          : frame->kind != FRAME_CUT || ledger_apply_cut(tail->ledger, frame, err);
    return ok || err_prefix(err, "topic %s, offset %" PRIu64, tail->link.topic, tail->offset);
}

static bool frames_apply(JournalTail *tail, Err *err) {
    for (;;) {
        Frame frame;
        bool found = false;
        TRY(frame_next(tail, &frame, &found, err));
        if (!found) {
            return true;
        }
        TRY(frame_apply(tail, &frame, err));
        tail->at = frame.next;
    }
}

bool kafka_tail_apply(JournalTail *tail, Err *err) {
    TRY(unit_reader_hold(&tail->reader, err));
    bool ok = frames_apply(tail, err);
    unit_reader_let_go(&tail->reader);
    return ok;
}

bool kafka_tail_next(JournalTail *tail, Frame *frame, bool *found, Err *err) {
    for (;;) {
        TRY(frame_next(tail, frame, found, err));
        if (!*found) {
            return tail->written >= tail->from || not_there(tail, unit_segment_at(&tail->segments, 0).position, err);
        }
        if (frame->at >= tail->from) {
            tail->at = frame->next;
            return true;
        }
        TRY(frame_apply(tail, frame, err));
    }
}

LogPosition kafka_tail_at(const JournalTail *tail) {
    return tail->at;
}

// All that is before was applied on the way.
bool kafka_tail_before(JournalTail *tail, LogPosition limit, bool cuts, Err *err) {
    return true;
}

void kafka_tail_where(const JournalTail *tail, LogPosition at, char *text, size_t size) {
    snprintf(text, size, "Kafka at %s: topic %s, offset %" PRIu64, tail->link.kafka.brokers, tail->link.topic,
             tail->offset);
}

// --- waiting -----------------------------------------------------------------------------------------------------

// Positions are of bytes, and a topic's end is told as an offset. What lies between is taken to be as dense as what was
// read; at the end that is nothing.
LogPosition kafka_tail_end(JournalTail *tail) {
    const UnitReader *reader = &tail->reader;
    uint64_t offset = reader->at, end = reader->end;
    if (end <= offset) {
        return tail->at;
    }
    UnitSegment oldest = unit_segment_at(&tail->segments, 0);
    uint64_t bytes = tail->written - MIN(oldest.position, tail->written), offsets = offset - MIN(oldest.offset, offset);
    return tail->at + (offsets > 0 ? bytes / offsets : 1) * (end - offset) + 1;
}

void kafka_tail_wait(JournalTail *tail, int timeout_ms) {
    unit_reader_wait(&tail->reader, timeout_ms);
}

void kafka_tail_wake(JournalTail *tail) {
    unit_reader_wake(&tail->reader);
}

// --- looking -----------------------------------------------------------------------------------------------------

bool kafka_look(const char *directory, JournalLook *look, Ledger *ledger, Err *err) {
    JournalTail *tail = NULL;
    bool found = false;
    char path[PATH_MAX];
    int pid = 0;
    bool ok = kafka_tail_newest(directory, ledger, &tail, &found, err);
    if (ok && !found) {
        ok = FAIL(err, ERR_NOT_FOUND, "topic %s holds no journal", tail->link.topic);
    }
    ok = ok && kafka_tail_apply(tail, err);
    if (ok) {
        look->info.epoch = ledger->epoch;
        look->info.begin = unit_segment_at(&tail->segments, 0).position;
        look->info.end =
            MAX(tail->at, unit_segment_at(&tail->segments, tail->segments.size / sizeof(UnitSegment) - 1).position);
        look->live = snprintf(path, sizeof(path), "%s/lock", directory) < (int)sizeof(path) && file_locked(path, &pid);
    }
    kafka_tail_close(tail);
    return ok;
}

// A journal's reader checks each event, the tail each frame and each group.
bool kafka_check(const char *directory, JournalCheck *check, void (*finding)(void *context, const char *text),
                 void *context, Err *err) {
    JournalReader *reader = NULL;
    JournalEntry entry = {0};
    *check = (JournalCheck){.segments = 1};
    TRY(journal_reader_open(directory, 0, 0, &reader, err));
    LogPosition begin = 0;
    bool ok = true;
    do {
        ok = journal_reader_next(reader, &entry, err);
        begin = begin == 0 && ok ? entry.at : begin;
        check->events += ok && entry.kind == JOURNAL_EVENT;
        check->cuts += ok && entry.kind == JOURNAL_CUT;
        check->bytes = ok ? entry.next - begin : check->bytes;
    } while (ok && entry.kind != JOURNAL_END);
    journal_reader_close(reader);
    if (!ok && err->code == ERR_JOURNAL_CORRUPT) {
        check->defects++;
        if (finding != NULL) {
            finding(context, err->message);
        }
        err_clear(err);
        ok = true;
    }
    return ok || err_frame(err, __FILE__, __LINE__);
}
