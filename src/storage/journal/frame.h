// SPDX-License-Identifier: Apache-2.0
// The journal's frames, format version 1.
//
// A segment: header, one STATE frame, then frames. The next segment starts at the position where this one ends, and a
// segment ends behind a CUT. All numbers are little-endian; v = LEB128 varint, sized = v length, then the bytes. What
// holds segments is the driver's: a directory of files (local/segment.h).
//
// Segment header, 64 bytes:
//     0 "LEATJRNL" · 8 u32 version · 12 u32 zero · 16 u64 position of the segment · 24 u64 epoch of the writer
//     32 u64 wall clock of the last cut before it, ms since 1970 · 40 zeros · 60 u32 CRC-32C of bytes 0 to 59
// Frame, starts at a multiple of 8, padded to one with zeros:
//     0 u32 CRC-32C of bytes 4 to size-1 · 4 u32 size, header and body without padding · 8 u64 its own position
//     16 u64 group: the sequence of the cut that ends the group (STATE: of the last cut before) · 24 u8 kind · 7 zeros
//     32 body
// Its own position makes a misplaced or stale block worthless; the group number makes a frame of group N+2 a proof
// that cut N+1 was durable, because nothing of a group is written before the cut before the last one was synced.
//
// Bodies:
//     STATE (1)  all that is known at the segment's start, so that one segment is enough to go on: v epoch, v cut
//                sequence, v cut ms, sized position, v topics {v id, sized name, v next offset}, v schemas {v id,
//                v topic, sized schema}, v entries {sized key, sized value}
//     SCHEMA (2) v topic, sized topic name, v id, sized schema (data/event/schema.c)
//     BATCH (3)  u32 topic, u32 schema, u64 base offset, u64 next offset, u32 records, u32 zero, u64 base commit_lsn,
//                i64 base source_us, records (data/event/event_codec.h)
//     CUT (4)    v epoch, v cut ms, sized position, u32 CRC-32C over the CRCs of the group's other frames, v their
//                number, v their bytes with padding, v topics touched {v id, v next offset}, v state changes
//                {sized key, sized value; empty = removed}
#ifndef LEAT_STORAGE_JOURNAL_FRAME_H
#define LEAT_STORAGE_JOURNAL_FRAME_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "storage/journal/journal.h"

enum {
    FORMAT_VERSION = 1,
    SEGMENT_HEADER_BYTES = 64,
    FRAME_HEADER_BYTES = 32,
    BATCH_HEADER_BYTES = 48,
};
#define FRAME_BYTES_MAX ((uint64_t)UINT32_MAX - 8)

typedef enum FrameKind { FRAME_STATE = 1, FRAME_SCHEMA, FRAME_BATCH, FRAME_CUT } FrameKind;

typedef struct Frame {
    FrameKind kind;
    LogPosition at;
    LogPosition next;
    uint64_t group;
    uint32_t crc;
    Slice body; // borrowed
} Frame;

typedef struct SegmentHeader {
    LogPosition start;
    uint64_t epoch;
    uint64_t cut_ms;
} SegmentHeader;

typedef struct BatchHeader {
    uint32_t topic;
    uint32_t schema;
    uint64_t base_offset;
    uint64_t next_offset;
    uint32_t count;
    uint64_t commit_lsn;
    int64_t source_us;
} BatchHeader;

// The fixed part of a CUT; the lists follow in `lists`.
typedef struct CutHeader {
    uint64_t epoch;
    uint64_t cut_ms;
    Position position;
    uint32_t group_crc;
    uint64_t frames;
    uint64_t bytes;
} CutHeader;

static inline uint64_t frame_padded(uint64_t size) {
    return (size + 7) & ~(uint64_t)7;
}

void segment_header_encode(Buf *buf, const SegmentHeader *header);
// False with ERR_FORMAT_NEWER or ERR_JOURNAL_CORRUPT; `path` for the message.
CHECKED bool segment_header_decode(Slice bytes, const char *path, SegmentHeader *header, Err *err);

// Leaves room for a frame's header at the end of `buf`; frame_seal fills it in when the body is there, and pads.
void frame_begin(Buf *buf);
// `start` is where frame_begin was called, `at` the frame's position. Gives the frame's CRC.
uint32_t frame_seal(Buf *buf, size_t start, FrameKind kind, LogPosition at, uint64_t group);
// The header alone, from its 32 bytes: size and position plausible? The CRC is another matter.
bool frame_plausible(const uint8_t *header, LogPosition at, uint64_t left, uint64_t *size);
// From `size` bytes (frame_plausible has said how many): false when the CRC differs.
bool frame_decode(const uint8_t *bytes, uint64_t size, Frame *frame);
const char *frame_kind_name(FrameKind kind);

void batch_header_write(uint8_t to[BATCH_HEADER_BYTES], const BatchHeader *header);
bool batch_header_read(Slice body, BatchHeader *header);

void cut_header_encode(Buf *buf, const CutHeader *header);
bool cut_header_decode(Reader *reader, CutHeader *header);

#endif
