// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/recover.h"

#include "core/base/digest.h"

// The frames since the last cut, of which the ledger must not know before their own cut.
typedef struct Open {
    Buf schemas; // bodies of SCHEMA frames, sized
    uint32_t crc;
    uint64_t frames;
    uint64_t bytes;
} Open;

static bool open_schemas_apply(Open *open, Ledger *ledger, Err *err) {
    if (open->schemas.size == 0) {
        return true;
    }
    Reader reader = reader_of(buf_slice(&open->schemas));
    while (reader_left(&reader) > 0) {
        LedgerSchema *schema = NULL;
        TRY(ledger_apply_schema(ledger, read_slice(&reader), &schema, err));
    }
    return true;
}

// False without an error: the frame does not belong here, so the log ends before it.
static bool scan_frame(Open *open, const Frame *frame, Ledger *ledger, bool *cut, Err *err) {
    *cut = false;
    if (frame->group != ledger->cut_sequence + 1 || frame->kind == FRAME_STATE) {
        return false;
    }
    if (frame->kind == FRAME_CUT) {
        Reader reader = reader_of(frame->body);
        CutHeader header = {0};
        if (!cut_header_decode(&reader, &header) || header.group_crc != open->crc || header.frames != open->frames ||
            header.bytes != open->bytes) {
            return false;
        }
        if (!open_schemas_apply(open, ledger, err) || !ledger_apply_cut(ledger, frame, err)) {
            return false;
        }
        *cut = true;
        buf_reset(&open->schemas);
        *open = (Open){.schemas = open->schemas};
        return true;
    }
    if (frame->kind == FRAME_SCHEMA) {
        buf_slice_sized(&open->schemas, frame->body);
    }
    open->crc = digest_crc32c(open->crc, (Slice){(const uint8_t *)&frame->crc, sizeof(frame->crc)});
    open->frames++;
    open->bytes += frame->next - frame->at;
    return true;
}

static bool scan_state(SegmentReader *segment, Ledger *ledger, LogPosition *at, Err *err) {
    Frame frame;
    SegmentRead read = segment_read(segment, segment_first(segment), UINT64_MAX, &frame, err);
    if (read == SEGMENT_ERROR) {
        return err_frame(err, __FILE__, __LINE__);
    }
    if (read != SEGMENT_FRAME || frame.kind != FRAME_STATE) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "%s: the STATE frame at byte %d is damaged", segment->path,
                    SEGMENT_HEADER_BYTES);
    }
    if (!ledger_apply_state(ledger, frame.body, err)) {
        return err_prefix(err, "%s, byte %d", segment->path, SEGMENT_HEADER_BYTES);
    }
    segment->state_bytes = frame.next - frame.at;
    *at = frame.next;
    return true;
}

// Reads on from the STATE frame. *stop: where the first thing is that is no frame of this log.
static bool scan(SegmentReader *segment, LogPosition limit, Ledger *ledger, LogPosition *end, LogPosition *stop,
                 Err *err) {
    TRY(scan_state(segment, ledger, stop, err));
    *end = *stop;
    Open open = {0};
    bool ok = true;
    while (*stop < limit) {
        Frame frame;
        bool cut = false;
        SegmentRead read = segment_read(segment, *stop, limit, &frame, err);
        if (read != SEGMENT_FRAME || !scan_frame(&open, &frame, ledger, &cut, err)) {
            ok = err->code == ERR_NONE;
            break;
        }
        *stop = frame.next;
        if (cut) {
            *end = frame.next;
        }
    }
    buf_release(&open.schemas);
    return ok || err_prefix(err, "%s, byte %" PRIu64, segment->path, *stop - segment->header.start);
}

static bool damage(const SegmentReader *segment, LogPosition at, const char *why, uint64_t position, Err *err) {
    FAIL(err, ERR_JOURNAL_CORRUPT, "%s is damaged at byte %" PRIu64 " (position %" PRIu64 "): %s %" PRIu64,
         segment->path, at - segment->header.start, at, why, position);
    return err_hint(err, "restore the journal from a copy; or, if this directory is itself a copy made while leat ran, "
                         "remove its file 'head' to accept the log up to its last whole cut");
}

bool recover_segment(SegmentReader *segment, LogPosition head_end, Ledger *ledger, Recovered *recovered, Err *err) {
    LogPosition stop = 0;
    TRY(scan(segment, UINT64_MAX, ledger, &recovered->end, &stop, err));
    recovered->tail = segment->header.start + segment->size;
    if (recovered->end < head_end) {
        return damage(segment, stop, "the log is known to be durable up to position", head_end, err);
    }
    if (stop < recovered->tail) {
        bool found = false;
        Frame frame;
        TRY(segment_search(segment, stop, ledger->cut_sequence + 2, &found, &frame, err));
        if (found) {
            return damage(segment, stop, "a later, whole group is at position", frame.at, err);
        }
    }
    return true;
}

bool recover_up_to(SegmentReader *segment, LogPosition limit, Ledger *ledger, Recovered *recovered, Err *err) {
    LogPosition stop = 0;
    TRY(scan(segment, limit, ledger, &recovered->end, &stop, err));
    recovered->tail = stop;
    return recovered->end >= limit || damage(segment, stop, "the log is durable up to position", limit, err);
}
