// SPDX-License-Identifier: Apache-2.0
// The format of CURRENT, version 1. All numbers are little-endian.
//
//     "LEATKIDX"  u32 version  u32 whether keys are exact  u64 number of the next segment
//     the mark: 40 bytes table_uuid, NUL-padded; u64 snapshot_id, sequence_number, keys_of; u32 next_file
//     u32 number of segments; each, newest first: u64 number, u32 CRC-32C of its header
//     u64 size of the caller's bytes, the bytes
//     u32 CRC-32C of all before it
#include "lake/index/current.h"

#include "core/base/digest.h"

#define CURRENT_MAGIC SLICE("LEATKIDX")
enum { CURRENT_VERSION = 1, CURRENT_SEGMENTS_MAX = 4096 };

void index_state_set(IndexState *state, const IndexMark *mark, Slice files) {
    state->mark = *mark;
    if (files.data != state->files.data) { // else they are its own
        buf_reset(&state->files);
        buf_put(&state->files, files);
    }
}

void index_current_encode(Buf *buf, bool exact, const IndexState *state, Segment *const *segments, size_t count,
                          uint64_t next_number) {
    const IndexMark *mark = &state->mark;
    buf_put(buf, CURRENT_MAGIC);
    buf_u32le(buf, CURRENT_VERSION);
    buf_u32le(buf, exact);
    buf_u64le(buf, next_number);
    buf_bytes(buf, mark->table_uuid, sizeof(mark->table_uuid));
    buf_u64le(buf, (uint64_t)mark->snapshot_id);
    buf_u64le(buf, (uint64_t)mark->sequence_number);
    buf_u64le(buf, mark->keys_of);
    buf_u32le(buf, mark->next_file);
    buf_u32le(buf, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        buf_u64le(buf, segments[i]->number);
        buf_u32le(buf, segments[i]->header_crc);
    }
    buf_u64le(buf, state->files.size);
    buf_put(buf, buf_slice(&state->files));
    buf_u32le(buf, digest_crc32c(0, buf_slice(buf)));
}

bool index_current_decode(Slice bytes, bool exact, Arena *arena, Current *current) {
    *current = (Current){0};
    if (bytes.size < 4 ||
        load_u32le(bytes.data + bytes.size - 4) != digest_crc32c(0, (Slice){bytes.data, bytes.size - 4})) {
        return false;
    }
    Reader reader = reader_of((Slice){bytes.data, bytes.size - 4});
    bool ok = slice_equal(read_bytes(&reader, CURRENT_MAGIC.size), CURRENT_MAGIC);
    ok &= read_u32le(&reader) == CURRENT_VERSION;
    ok &= read_u32le(&reader) == (uint32_t)exact;
    current->next_number = read_u64le(&reader);
    Slice uuid = read_bytes(&reader, sizeof(current->mark.table_uuid));
    current->mark.snapshot_id = (int64_t)read_u64le(&reader);
    current->mark.sequence_number = (int64_t)read_u64le(&reader);
    current->mark.keys_of = read_u64le(&reader);
    current->mark.next_file = read_u32le(&reader);
    uint32_t count = read_u32le(&reader);
    if (!ok || reader.bad || count > CURRENT_SEGMENTS_MAX || uuid.data[uuid.size - 1] != '\0') {
        return false;
    }
    memcpy(current->mark.table_uuid, uuid.data, uuid.size);
    current->count = count;
    current->segments = ARENA_ARRAY(arena, CurrentSegment, count);
    for (uint32_t i = 0; i < count; i++) {
        current->segments[i].number = read_u64le(&reader);
        current->segments[i].header_crc = read_u32le(&reader);
        ok &= current->segments[i].number < current->next_number;
    }
    uint64_t size = read_u64le(&reader);
    current->files = read_bytes(&reader, (size_t)size);
    return ok && reader_done(&reader);
}
