// SPDX-License-Identifier: Apache-2.0
// What the reader and the writer of segments share. The format is described in segment.c.
#ifndef LEAT_LAKE_INDEX_SEGMENT_FORMAT_H
#define LEAT_LAKE_INDEX_SEGMENT_FORMAT_H

#include "lake/index/segment.h"

#define SEGMENT_MAGIC "LEATKEYS"
enum { SEGMENT_VERSION = 1, SEGMENT_BODY_PAD = 16 };

typedef struct Header {
    char magic[8];
    uint32_t version;
    uint32_t exact;
    uint64_t number;
    uint64_t entries, gone, stale;
    uint32_t bucket_bits, filter_words;
    uint32_t file_base, file_bits, gone_code, row_bits;
    uint32_t file_max, row_max;
    uint32_t crcs_crc, zero;
} Header;
static_assert(sizeof(Header) == 88, "stands in files");

typedef struct SegmentLayout {
    uint32_t record_bytes, rest_bits, entry_bits;
    uint64_t body_at, crcs_at, blocks, size;
} SegmentLayout;
void key_segment_layout(const SegmentShape *shape, SegmentLayout *layout);
// The file's mapping; then, with its shape, all that follows from that.
CHECKED bool key_segment_map(const char *path, Segment *segment, Err *err);
CHECKED bool key_segment_attach(Segment *segment);

static inline uint64_t block_up(uint64_t bytes) {
    return (bytes + SEGMENT_BLOCK_BYTES - 1) / SEGMENT_BLOCK_BYTES * SEGMENT_BLOCK_BYTES;
}
// Four times 16 bits that choose bits of a filter.
static inline uint64_t filter_bits(uint64_t high, uint32_t low) {
    uint64_t bits = (high ^ (uint64_t)low << 13) * 0x9e3779b97f4a7c15u;
    return bits ^ high;
}
static inline uint32_t filter_at(uint64_t bits, uint32_t filter_words) {
    return ((uint32_t)(bits & 0xffff) * (filter_words * 32)) >> 16;
}

#endif
