// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/frame.h"

#include "core/base/digest.h"

static const char MAGIC[8] = {'L', 'E', 'A', 'T', 'J', 'R', 'N', 'L'};

static void store_u32(uint8_t *to, uint32_t v) {
    memcpy(to, &v, sizeof(v));
}
static void store_u64(uint8_t *to, uint64_t v) {
    memcpy(to, &v, sizeof(v));
}

// --- segment headers -------------------------------------------------------------------------------------------

void segment_header_encode(Buf *buf, const SegmentHeader *header) {
    uint8_t bytes[SEGMENT_HEADER_BYTES] = {0};
    memcpy(bytes, MAGIC, sizeof(MAGIC));
    store_u32(bytes + 8, FORMAT_VERSION);
    store_u64(bytes + 16, header->start);
    store_u64(bytes + 24, header->epoch);
    store_u64(bytes + 32, header->cut_ms);
    store_u32(bytes + 60, digest_crc32c(0, (Slice){bytes, 60}));
    buf_bytes(buf, bytes, sizeof(bytes));
}

bool segment_header_decode(Slice bytes, const char *path, SegmentHeader *header, Err *err) {
    if (bytes.size < SEGMENT_HEADER_BYTES || memcmp(bytes.data, MAGIC, sizeof(MAGIC)) != 0) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "%s: not a journal segment: its header is damaged at byte 0", path);
    }
    uint32_t version = load_u32le(bytes.data + 8);
    if (version > FORMAT_VERSION) {
        FAIL(err, ERR_FORMAT_NEWER, "%s has journal format %" PRIu32 ", this leat knows up to %d", path, version,
             FORMAT_VERSION);
        return err_hint(err, "use the newer leat that wrote it");
    }
    if (version == 0 || digest_crc32c(0, (Slice){bytes.data, 60}) != load_u32le(bytes.data + 60)) {
        return FAIL(err, ERR_JOURNAL_CORRUPT, "%s: the segment's header is damaged at byte 0", path);
    }
    *header = (SegmentHeader){load_u64le(bytes.data + 16), load_u64le(bytes.data + 24), load_u64le(bytes.data + 32)};
    return true;
}

// --- frames ----------------------------------------------------------------------------------------------------

const char *frame_kind_name(FrameKind kind) {
    switch (kind) {
    case FRAME_STATE:
        return "STATE";
    case FRAME_SCHEMA:
        return "SCHEMA";
    case FRAME_BATCH:
        return "BATCH";
    case FRAME_CUT:
        return "CUT";
    }
    return "unknown";
}

void frame_begin(Buf *buf) {
    uint8_t *room = buf_room(buf, FRAME_HEADER_BYTES);
    if (room != NULL) {
        memset(room, 0, FRAME_HEADER_BYTES);
        buf_advance(buf, FRAME_HEADER_BYTES);
    }
}

uint32_t frame_seal(Buf *buf, size_t start, FrameKind kind, LogPosition at, uint64_t group) {
    static const uint8_t ZEROS[8] = {0};
    ASSERT(!buf->overflow && buf->size - start <= FRAME_BYTES_MAX && at % 8 == 0);
    size_t size = buf->size - start;
    uint8_t *header = buf->data + start;
    store_u32(header + 4, (uint32_t)size);
    store_u64(header + 8, at);
    store_u64(header + 16, group);
    store_u64(header + 24, (uint64_t)kind);
    uint32_t crc = digest_crc32c(0, (Slice){header + 4, size - 4});
    store_u32(header, crc);
    buf_bytes(buf, ZEROS, frame_padded(size) - size);
    return crc;
}

bool frame_plausible(const uint8_t *header, LogPosition at, uint64_t left, uint64_t *size) {
    *size = load_u32le(header + 4);
    uint64_t kind = load_u64le(header + 24);
    return load_u64le(header + 8) == at && *size >= FRAME_HEADER_BYTES && frame_padded(*size) <= left &&
           kind >= FRAME_STATE && kind <= FRAME_CUT;
}

bool frame_decode(const uint8_t *bytes, uint64_t size, Frame *frame) {
    uint32_t crc = load_u32le(bytes);
    if (digest_crc32c(0, (Slice){bytes + 4, size - 4}) != crc) {
        return false;
    }
    LogPosition at = load_u64le(bytes + 8);
    *frame = (Frame){
        .kind = (FrameKind)bytes[24],
        .at = at,
        .next = at + frame_padded(size),
        .group = load_u64le(bytes + 16),
        .crc = crc,
        .body = {bytes + FRAME_HEADER_BYTES, size - FRAME_HEADER_BYTES},
    };
    return true;
}

// --- bodies ----------------------------------------------------------------------------------------------------

void batch_header_write(uint8_t to[BATCH_HEADER_BYTES], const BatchHeader *header) {
    store_u32(to, header->topic);
    store_u32(to + 4, header->schema);
    store_u64(to + 8, header->base_offset);
    store_u64(to + 16, header->next_offset);
    store_u32(to + 24, header->count);
    store_u32(to + 28, 0);
    store_u64(to + 32, header->commit_lsn);
    store_u64(to + 40, (uint64_t)header->source_us);
}

bool batch_header_read(Slice body, BatchHeader *header) {
    if (body.size < BATCH_HEADER_BYTES) {
        return false;
    }
    const uint8_t *at = body.data;
    *header = (BatchHeader){
        .topic = load_u32le(at),
        .schema = load_u32le(at + 4),
        .base_offset = load_u64le(at + 8),
        .next_offset = load_u64le(at + 16),
        .count = load_u32le(at + 24),
        .commit_lsn = load_u64le(at + 32),
        .source_us = (int64_t)load_u64le(at + 40),
    };
    return true;
}

void cut_header_encode(Buf *buf, const CutHeader *header) {
    buf_varint(buf, header->epoch);
    buf_varint(buf, header->cut_ms);
    buf_slice_sized(buf, position_slice(&header->position));
    buf_u32le(buf, header->group_crc);
    buf_varint(buf, header->frames);
    buf_varint(buf, header->bytes);
}

bool cut_header_decode(Reader *reader, CutHeader *header) {
    header->epoch = read_varint(reader);
    header->cut_ms = read_varint(reader);
    Slice position = read_slice(reader);
    header->group_crc = read_u32le(reader);
    header->frames = read_varint(reader);
    header->bytes = read_varint(reader);
    if (reader->bad || position.size > POSITION_BYTES_MAX) {
        return false;
    }
    header->position = position_of(position);
    return true;
}
