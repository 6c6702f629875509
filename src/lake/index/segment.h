// SPDX-License-Identifier: Apache-2.0
// One immutable file of the key index: entries sorted by hash. Written once, front to back, in bounded memory; read
// through a mapping, each block checked when it is first touched.
#ifndef LEAT_LAKE_INDEX_SEGMENT_H
#define LEAT_LAKE_INDEX_SEGMENT_H

#include "lake/index/entry.h"

#include <linux/limits.h>

enum { SEGMENT_FILTER_WORDS_MAX = 12, SEGMENT_HEADER_BYTES = 4096, SEGMENT_BLOCK_BYTES = 4096 };
#define SEGMENT_ENTRIES_MAX ((uint64_t)UINT32_MAX - 1)
#define SEGMENT_GONE_NONE   UINT32_MAX

// What the file's header says: how its bits are laid out (segment.c).
typedef struct SegmentShape {
    bool exact;
    uint32_t bucket_bits;  // 1 to 32: the hash's first bits choose the bucket
    uint32_t filter_words; // of a bucket's record, 0 to SEGMENT_FILTER_WORDS_MAX
    uint32_t file_base;    // added to the file numbers that stand in the entries
    uint32_t file_bits;    // 1 to 25
    uint32_t gone_code;    // in place of a file number: the key is gone; SEGMENT_GONE_NONE: no entry is
    uint32_t row_bits;     // 0 to 32
    EntryCounts counts;
    uint32_t file_max, row_max; // of the places in it
} SegmentShape;

typedef struct Segment {
    uint64_t number; // its file's name
    char *path;
    SegmentShape shape;
    uint32_t header_crc; // tells it from any other of that number
    uint64_t size;       // of the file
    const uint8_t *map;
    const uint8_t *records;
    const uint8_t *body;
    const uint32_t *crcs;
    uint32_t record_bytes;
    uint32_t rest_bits;  // of the hash's upper 64, in an entry
    uint32_t entry_bits; // in all
    uint64_t blocks;
    uint8_t *checked; // a bit a block
    uint32_t cold;    // in so many more calls its pages are taken to be on the disk only
    uint32_t mapped;  // windows of the mapping that were touched since it was given back (segment.c)
    uint64_t window;  // the last of them
    bool durable;     // stands in CURRENT
    bool busy;        // a merge reads it
} Segment;

// One key that is looked for.
typedef struct Probe {
    uint64_t high;
    uint32_t low;
    uint32_t order; // its place in the caller's batch
    KeyPlace at;
    bool found;
} Probe;

void key_segment_path(char path[PATH_MAX], const char *directory, uint64_t number);
// ERR_STATE_CORRUPT when it is not a whole segment.
CHECKED bool key_segment_open(const char *directory, uint64_t number, Segment **segment, Err *err);
void key_segment_close(Segment *segment); // NULL is fine
// What is mapped of it is this process's memory: unmaps it, for as long as nobody touches it.
void key_segment_rest(Segment *segment);
// Looks for probes[pending[i]], sorted by hash, and takes those that it finds (`found`, `at`) off the list, in order.
CHECKED bool key_segment_find(Segment *segment, Probe *probes, uint32_t *pending, size_t *pending_count, Err *err);
static inline size_t key_segment_memory_bytes(const Segment *segment) {
    return sizeof(*segment) + (size_t)(segment->blocks + 7) / 8;
}

// --- all entries, in order -------------------------------------------------------------------------------------

typedef struct SegmentCursor {
    Segment *segment;
    uint64_t at;        // the next entry
    uint64_t bucket;    // it is in this one or a later one
    uint64_t bucket_at; // where the next bucket begins
    uint64_t step_at;   // when the body's byte there is read, what was passed is given back
    uint64_t asked;     // behind it more is asked for ahead; so with the records
    uint64_t records_asked;
    uint64_t given_back, records_given_back; // the mapping's bytes below, of the body and of the records
} SegmentCursor;

SegmentCursor key_segment_cursor(Segment *segment);
// *more is false behind the last one.
CHECKED bool key_segment_next(SegmentCursor *cursor, IndexEntry *entry, bool *more, Err *err);

// --- writing ---------------------------------------------------------------------------------------------------

typedef struct SegmentPlan {
    bool exact;
    uint64_t entries_max;    // how many may come
    uint64_t entries_likely; // how many will, about; 0: not known
    uint32_t file_min, file_max, row_max;
    bool gone; // keys that are gone may come
    size_t buffer_bytes;
    bool small; // fewer bits of filter: for the one large segment below all others
} SegmentPlan;

typedef struct SegmentWriter SegmentWriter;
CHECKED bool key_segment_create(const char *directory, uint64_t number, const SegmentPlan *plan, SegmentWriter **writer,
                                Err *err);
// In the order of the hashes, no key twice.
CHECKED bool key_segment_put(SegmentWriter *writer, const IndexEntry *entry, Err *err);
// Durable on return (but its name in the folder), and open for reading. `stale` goes into the counts.
CHECKED bool key_segment_finish(SegmentWriter *writer, uint64_t stale, Segment **segment, Err *err);
// After key_segment_finish, or in place of it: then the file is removed.
void key_segment_writer_release(SegmentWriter *writer); // NULL is fine

#endif
