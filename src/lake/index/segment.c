// SPDX-License-Identifier: Apache-2.0
// The format of a segment, NUMBER.seg, version 1. All numbers are little-endian.
//
//     header        4096 bytes: struct Header below, zeros; its last four bytes are the CRC-32C of those before
//     records       one for each of 2^bucket_bits buckets, and one more: u32 the number of the bucket's first entry,
//                   filter_words × u32 the bucket's filter; padded to 4096
//     body          entries, entry_bits each, the lowest bit of a byte first; at least 16 bytes of zeros; padded to
//     4096 checksums     u32 a block of 4096 bytes of records and body, CRC-32C; their own CRC-32C is in the header
//
// An entry: the rest of the hash's upper 64 bits (64 - bucket_bits), its lower 32 unless keys are exact, file -
// file_base or gone_code (file_bits), row (row_bits). Entries are sorted by hash, so a bucket's are too.
//
// The filter of a bucket has 32 × filter_words bits, of which each entry sets four: 16 bits each of filter_bits(),
// scaled. Filter and place of a bucket are side by side: a key that is not there costs one miss of the cache.
#include "lake/index/segment.h"

#include "core/base/digest.h"
#include "core/sys/file.h"
#include "lake/index/segment_format.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

enum {
    FIND_GROUP = 48,       // keys whose misses of the cache overlap
    FIND_GROUP_COLD = 512, // and whose reads of the disk
    COLD_GROUPS = 8,       // so often one looks whether it is read at all
    COLD_FAULTS = COLD_GROUPS * FIND_GROUP / 16,
    COLD_CALLS = 8, // so long it is taken to be
    READ_AHEAD = 2 << 20,
    CURSOR_MAPPED = 256 << 10, // of what a cursor has passed, at most
    WINDOW_BYTES = 64 << 10,   // the kernel maps so much around a page that is touched
    WINDOWS_FEW = 4,           // a segment of so many is not worth reads of its blocks
    WINDOWS_MAX = 64,          // may be mapped while many keys are looked up
    WINDOW_KEYS = 16,          // below so many a window its mapping costs more than they do
    DIRECT_KEYS = 4096,
};

void key_segment_path(char path[PATH_MAX], const char *directory, uint64_t number) {
    snprintf(path, PATH_MAX, "%s/%016" PRIx64 ".seg", directory, number);
}

// --- opening ---------------------------------------------------------------------------------------------------

static bool shape_valid(const SegmentShape *shape) {
    return shape->bucket_bits >= 1 && shape->bucket_bits <= 32 && shape->filter_words <= SEGMENT_FILTER_WORDS_MAX &&
           shape->file_bits >= 1 && shape->file_bits <= 25 && shape->row_bits <= 32 && shape->file_base < 1 << 24 &&
           shape->file_max < 1 << 24 && shape->counts.entries <= SEGMENT_ENTRIES_MAX &&
           shape->counts.gone <= shape->counts.entries;
}

static bool header_read(const uint8_t *bytes, Segment *segment, uint32_t *crcs_crc) {
    Header header;
    memcpy(&header, bytes, sizeof(header));
    segment->header_crc = load_u32le(bytes + SEGMENT_HEADER_BYTES - 4);
    if (memcmp(header.magic, SEGMENT_MAGIC, sizeof(header.magic)) != 0 || header.version != SEGMENT_VERSION ||
        digest_crc32c(0, (Slice){bytes, SEGMENT_HEADER_BYTES - 4}) != segment->header_crc ||
        header.number != segment->number) {
        return false;
    }
    segment->shape = (SegmentShape){.exact = header.exact != 0,
                                    .bucket_bits = header.bucket_bits,
                                    .filter_words = header.filter_words,
                                    .file_base = header.file_base,
                                    .file_bits = header.file_bits,
                                    .gone_code = header.gone_code,
                                    .row_bits = header.row_bits,
                                    .counts = {header.entries, header.gone, header.stale},
                                    .file_max = header.file_max,
                                    .row_max = header.row_max};
    *crcs_crc = header.crcs_crc;
    return shape_valid(&segment->shape);
}

void key_segment_layout(const SegmentShape *shape, SegmentLayout *layout) {
    layout->record_bytes = 4 + 4 * shape->filter_words;
    layout->rest_bits = 64 - shape->bucket_bits;
    layout->entry_bits = layout->rest_bits + (shape->exact ? 0 : 32) + shape->file_bits + shape->row_bits;
    uint64_t records = (((uint64_t)1 << shape->bucket_bits) + 1) * layout->record_bytes;
    layout->body_at = SEGMENT_HEADER_BYTES + block_up(records);
    uint64_t body = (shape->counts.entries * layout->entry_bits + 7) / 8 + SEGMENT_BODY_PAD;
    layout->crcs_at = layout->body_at + block_up(body);
    layout->blocks = (layout->crcs_at - SEGMENT_HEADER_BYTES) / SEGMENT_BLOCK_BYTES;
    layout->size = layout->crcs_at + layout->blocks * 4;
}

// The rest of the segment, whose header was read and whose file is mapped.
bool key_segment_attach(Segment *segment) {
    SegmentLayout layout;
    key_segment_layout(&segment->shape, &layout);
    if (layout.size != segment->size) {
        return false;
    }
    segment->record_bytes = layout.record_bytes;
    segment->rest_bits = layout.rest_bits;
    segment->entry_bits = layout.entry_bits;
    segment->blocks = layout.blocks;
    segment->records = segment->map + SEGMENT_HEADER_BYTES;
    segment->body = segment->map + layout.body_at;
    segment->crcs = (const uint32_t *)(const void *)(segment->map + layout.crcs_at);
    segment->checked = calloc((segment->blocks + 7) / 8, 1);
    if (segment->checked == NULL) {
        panic("no memory for the blocks of a segment");
    }
    return true;
}

bool key_segment_map(const char *path, Segment *segment, Err *err) {
    int fd = -1;
    size_t length = strlen(path);
    segment->path = calloc(length + 1, 1);
    if (segment->path == NULL) {
        panic("no memory for a segment");
    }
    memcpy(segment->path, path, length);
    TRY(file_open(path, O_RDONLY, &fd, err));
    bool ok = file_size(fd, path, &segment->size, err);
    if (ok && segment->size >= SEGMENT_HEADER_BYTES) {
        void *map = mmap(NULL, (size_t)segment->size, PROT_READ, MAP_SHARED, fd, 0);
        ok = map != MAP_FAILED || FAIL_ERRNO(err, "map %s", path);
        if (ok) {
            segment->map = map;
            (void)madvise(map, (size_t)segment->size, MADV_RANDOM);
        }
    } else if (ok) {
        ok = FAIL(err, ERR_STATE_CORRUPT, "%s: it is too short", path);
    }
    file_close(&fd);
    return ok;
}

bool key_segment_open(const char *directory, uint64_t number, Segment **opened, Err *err) {
    char path[PATH_MAX];
    key_segment_path(path, directory, number);
    Segment *segment = calloc(1, sizeof(Segment));
    if (segment == NULL) {
        panic("no memory for a segment");
    }
    segment->number = number;
    uint32_t crcs_crc = 0;
    bool ok = key_segment_map(path, segment, err);
    if (ok && (!header_read(segment->map, segment, &crcs_crc) || !key_segment_attach(segment) ||
               digest_crc32c(0, (Slice){(const uint8_t *)segment->crcs, segment->blocks * 4}) != crcs_crc)) {
        ok = FAIL(err, ERR_STATE_CORRUPT, "%s: header, size or checksums are damaged", path);
    }
    if (!ok) {
        key_segment_close(segment);
        return err_frame(err, __FILE__, __LINE__);
    }
    key_segment_rest(segment);
    *opened = segment;
    return true;
}

void key_segment_close(Segment *segment) {
    if (segment != NULL) {
        if (segment->map != NULL) {
            munmap((void *)(uintptr_t)segment->map, (size_t)segment->size);
        }
        free(segment->checked);
        free(segment->path);
        free(segment);
    }
}

void key_segment_rest(Segment *segment) {
    (void)madvise((void *)(uintptr_t)segment->map, (size_t)segment->size, MADV_DONTNEED);
    segment->mapped = 0;
    segment->window = UINT64_MAX;
}

// --- blocks ----------------------------------------------------------------------------------------------------

static bool segment_damaged(const Segment *segment, const char *what, Err *err) {
    FAIL(err, ERR_STATE_CORRUPT, "segment %016" PRIx64 " of the key index: %s", segment->number, what);
    return err_hint(err, "the index is made again from the table when it is opened next");
}

static bool block_check(Segment *segment, uint64_t block, const uint8_t *bytes, Err *err) {
    if ((segment->checked[block / 8] >> (block % 8) & 1) == 0) {
        segment->mapped++; // the checksums are
        if (digest_crc32c(0, (Slice){bytes, SEGMENT_BLOCK_BYTES}) != segment->crcs[block]) {
            return segment_damaged(segment, "a block's checksum differs", err);
        }
        segment->checked[block / 8] |= (uint8_t)(1u << (block % 8));
    }
    return true;
}

static bool blocks_check_slow(Segment *segment, uint64_t first, uint64_t last, Err *err) {
    for (uint64_t block = first; block <= last; block++) {
        TRY(block_check(segment, block, segment->records + block * SEGMENT_BLOCK_BYTES, err));
    }
    return true;
}

// The bytes from `at` on, within records or body, are as they were written.
static inline bool blocks_check(Segment *segment, const uint8_t *at, uint64_t size, Err *err) {
    uint64_t from = (uint64_t)(at - segment->records);
    uint64_t first = from / SEGMENT_BLOCK_BYTES, last = (from + size - 1) / SEGMENT_BLOCK_BYTES;
    if (LIKELY((segment->checked[first / 8] >> (first % 8) & 1) != 0 &&
               (segment->checked[last / 8] >> (last % 8) & 1) != 0 && last - first <= 1)) {
        return true;
    }
    return blocks_check_slow(segment, first, last, err);
}

// --- entries ---------------------------------------------------------------------------------------------------

static inline uint64_t bits_at(const uint8_t *bytes, uint64_t at, uint32_t width) {
    const uint8_t *p = bytes + (at >> 3);
    uint32_t shift = (uint32_t)at & 7;
    uint64_t v = load_u64le(p) >> shift;
    if (width + shift > 64) {
        v |= (uint64_t)p[8] << (64 - shift);
    }
    return width == 64 ? v : v & (((uint64_t)1 << width) - 1);
}

static inline KeyPlace place_at(const Segment *segment, const uint8_t *body, uint64_t bit) {
    const SegmentShape *shape = &segment->shape;
    uint64_t bits = bits_at(body, bit, shape->file_bits + shape->row_bits);
    uint32_t file = (uint32_t)(bits & (((uint64_t)1 << shape->file_bits) - 1));
    if (file == shape->gone_code) {
        return KEY_NOWHERE;
    }
    return (KeyPlace){shape->file_base + file, (uint32_t)(bits >> shape->file_bits)};
}

static inline const uint8_t *record_of(const Segment *segment, uint64_t bucket) {
    return segment->records + bucket * segment->record_bytes;
}

// --- memory ----------------------------------------------------------------------------------------------------

// What is mapped counts as this process's memory for as long as it is. Keys are looked up in order, so what they have
// passed is of no more use to them, and is given back; it stays in the page cache. Few keys read what they need into a
// buffer, as mapping costs more than that. What many look up in a segment that is much larger stays mapped.
typedef struct Access {
    int fd;                         // of few keys; else -1
    uint64_t block_from, block_end; // in the buffer
    uint8_t buffer[2 * SEGMENT_BLOCK_BYTES];
    bool dense;  // many keys a window: each is passed once
    bool sparse; // many keys, and far more windows
    long waited; // reads that the page cache did not have
} Access;

static bool access_open(const Segment *segment, size_t count, Access *access, Err *err) {
    access->fd = -1;
    access->block_from = access->block_end = 0;
    access->waited = 0;
    uint64_t windows = segment->size / WINDOW_BYTES;
    access->dense = count >= windows * WINDOW_KEYS;
    bool direct = !access->dense && count <= DIRECT_KEYS && windows > WINDOWS_FEW;
    access->sparse = !access->dense && !direct && windows > WINDOWS_FEW;
    return !direct || file_open(segment->path, O_RDONLY, &access->fd, err);
}

static void windows_give_back(Segment *segment, uint32_t most) {
    if (segment->mapped > most) {
        key_segment_rest(segment);
    }
}

static bool access_read(Segment *segment, Access *access, uint64_t first, uint64_t last, Err *err) {
    access->block_end = 0;
    size_t size = (size_t)(last - first + 1) * SEGMENT_BLOCK_BYTES, got = 0;
    off_t at = (off_t)(SEGMENT_HEADER_BYTES + first * SEGMENT_BLOCK_BYTES);
    struct iovec whole = {access->buffer, size};
    ssize_t there = preadv2(access->fd, &whole, 1, at, RWF_NOWAIT);
    if (there != (ssize_t)size) {
        access->waited += there >= 0 || errno == EAGAIN;
        TRY(file_read(access->fd, segment->path, access->buffer, size, at, &got, err));
        if (got != size) {
            return segment_damaged(segment, "it is shorter than it was", err);
        }
    }
    for (uint64_t block = first; block <= last; block++) {
        TRY(block_check(segment, block, access->buffer + (block - first) * SEGMENT_BLOCK_BYTES, err));
    }
    access->block_from = first;
    access->block_end = last + 1;
    return true;
}

// Bytes of records or body, as they were written, until the next are asked for.
static bool access_get(Segment *segment, Access *access, const uint8_t *at, uint64_t size, const uint8_t **bytes,
                       Err *err) {
    uint64_t from = (uint64_t)(at - segment->records);
    uint64_t first = from / SEGMENT_BLOCK_BYTES, last = (from + size - 1) / SEGMENT_BLOCK_BYTES;
    if (access->fd < 0 || last - first > 1) {
        uint64_t window = (uint64_t)(at - segment->map) / WINDOW_BYTES;
        segment->mapped += window != segment->window;
        segment->window = window;
        *bytes = at;
        return blocks_check(segment, at, size, err);
    }
    if (first < access->block_from || last >= access->block_end) {
        TRY(access_read(segment, access, first, last, err));
    }
    *bytes = access->buffer + (from - access->block_from * SEGMENT_BLOCK_BYTES);
    return true;
}

// --- looking up ------------------------------------------------------------------------------------------------

typedef struct Candidate {
    Probe *probe;
    uint64_t from, until; // its bucket's entries
    uint64_t guess;       // near the key's place among them
} Candidate;

static bool filter_has(const uint8_t *words, uint32_t filter_words, const Probe *probe) {
    uint64_t bits = filter_bits(probe->high, probe->low);
    for (int i = 0; i < 4; i++, bits >>= 16) {
        uint32_t at = filter_at(bits, filter_words);
        if ((load_u32le(words + at / 32 * 4) >> (at % 32) & 1) == 0) {
            return false;
        }
    }
    return true;
}

// Whether the key can be in its bucket, and where to look.
static bool bucket_look(Segment *segment, Access *access, Probe *probe, Candidate *candidate, bool *maybe, Err *err) {
    const uint8_t *record = record_of(segment, probe->high >> segment->rest_bits);
    TRY(access_get(segment, access, record, segment->record_bytes + 4, &record, err));
    *maybe = false;
    if (segment->shape.filter_words > 0 && !filter_has(record + 4, segment->shape.filter_words, probe)) {
        return true;
    }
    uint64_t from = load_u32le(record), until = load_u32le(record + segment->record_bytes);
    if (UNLIKELY(from > until || until > segment->shape.counts.entries)) {
        return segment_damaged(segment, "its buckets are out of order", err);
    }
    if (from == until) {
        return true;
    }
    // Hashes are even, so a key stands about where its share of the bucket's range says. (One bit less: no overflow.)
    uint64_t rest = probe->high & (((uint64_t)1 << segment->rest_bits) - 1);
    uint64_t share = (uint64_t)(((UInt128)rest * (until - from)) >> segment->rest_bits);
    *candidate = (Candidate){probe, from, until, from + share};
    if (access->fd < 0) {
        __builtin_prefetch(segment->body + (candidate->guess * segment->entry_bits >> 3));
    }
    *maybe = true;
    return true;
}

static bool bucket_find(Segment *segment, Access *access, const Candidate *candidate, Err *err) {
    uint64_t first = candidate->from * segment->entry_bits >> 3;
    uint64_t size = ((candidate->until - candidate->from) * segment->entry_bits >> 3) + 10;
    const uint8_t *bytes = NULL;
    TRY(access_get(segment, access, segment->body + first, size, &bytes, err));
    Probe *probe = candidate->probe;
    uint64_t rest = probe->high & (((uint64_t)1 << segment->rest_bits) - 1);
    uint64_t at = candidate->guess, bit = at * segment->entry_bits - first * 8;
    while (at > candidate->from && bits_at(bytes, bit, segment->rest_bits) >= rest) {
        at--;
        bit -= segment->entry_bits;
    }
    for (; at < candidate->until; at++, bit += segment->entry_bits) {
        uint64_t there = bits_at(bytes, bit, segment->rest_bits), behind = bit + segment->rest_bits;
        if (there > rest) {
            return true;
        }
        if (there == rest && (segment->shape.exact || bits_at(bytes, behind, 32) == probe->low)) {
            probe->at = place_at(segment, bytes, behind + (segment->shape.exact ? 0 : 32));
            probe->found = true;
            return true;
        }
    }
    return true;
}

// Asks for the page, once for each run of keys on it.
static void ask_page(const Segment *segment, const uint8_t *at, uint64_t *last) {
    uint64_t page = (uint64_t)(at - segment->map) / SEGMENT_BLOCK_BYTES;
    if (page != *last) {
        (void)madvise((void *)(uintptr_t)(segment->map + page * SEGMENT_BLOCK_BYTES), SEGMENT_BLOCK_BYTES,
                      MADV_WILLNEED);
        *last = page;
    }
}

static long waits(const Access *access) {
    struct rusage usage;
    return access->waited + (getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_majflt : 0);
}

// One group of the list, [from, until). Cold: its pages are asked for before the first of them is waited for.
static bool group_find(Segment *segment, Access *access, Probe *probes, const uint32_t *pending, size_t from,
                       size_t until, Err *err) {
    Candidate candidates[FIND_GROUP_COLD];
    size_t candidate_count = 0;
    uint64_t last = UINT64_MAX;
    bool cold = segment->cold > 0;
    for (size_t i = from; cold && i < until; i++) {
        ask_page(segment, record_of(segment, probes[pending[i]].high >> segment->rest_bits), &last);
    }
    for (size_t i = from; i < until; i++) {
        bool maybe = false;
        Candidate *candidate = &candidates[candidate_count];
        TRY(bucket_look(segment, access, &probes[pending[i]], candidate, &maybe, err));
        if (maybe && cold) {
            ask_page(segment, segment->body + (candidate->guess * segment->entry_bits >> 3), &last);
        }
        candidate_count += maybe;
    }
    for (size_t i = 0; i < candidate_count; i++) {
        TRY(bucket_find(segment, access, &candidates[i], err));
    }
    return true;
}

static bool segment_find(Segment *segment, Access *access, Probe *probes, uint32_t *pending, size_t *pending_count,
                         Err *err) {
    size_t count = *pending_count, kept = 0, ahead = 0, groups = 0;
    long waited = waits(access);
    for (size_t start = 0; start < count; groups++) {
        size_t end = MIN(start + (segment->cold > 0 ? FIND_GROUP_COLD : FIND_GROUP), count);
        bool near = segment->cold == 0 && access->fd < 0;
        for (size_t to = MIN(end + FIND_GROUP, count); near && ahead < to; ahead++) {
            __builtin_prefetch(record_of(segment, probes[pending[ahead]].high >> segment->rest_bits));
        }
        TRY(group_find(segment, access, probes, pending, start, end, err));
        for (size_t i = start; i < end; i++) {
            uint32_t which = pending[i];
            pending[kept] = which;
            kept += !probes[which].found;
        }
        start = end;
        windows_give_back(segment, access->dense ? WINDOWS_MAX : UINT32_MAX);
        if (segment->cold == 0 && groups % COLD_GROUPS == COLD_GROUPS - 1) {
            long now = waits(access);
            segment->cold = now - waited > COLD_FAULTS ? COLD_CALLS : 0;
            waited = now;
        }
    }
    segment->cold -= segment->cold > 0;
    windows_give_back(segment, access->sparse ? UINT32_MAX : 0);
    *pending_count = kept;
    return true;
}

bool key_segment_find(Segment *segment, Probe *probes, uint32_t *pending, size_t *pending_count, Err *err) {
    Access access;
    TRY(access_open(segment, *pending_count, &access, err));
    bool ok = segment_find(segment, &access, probes, pending, pending_count, err);
    file_close(&access.fd);
    return ok || err_frame(err, __FILE__, __LINE__);
}

// --- all entries, in order -------------------------------------------------------------------------------------

SegmentCursor key_segment_cursor(Segment *segment) {
    return (SegmentCursor){.segment = segment};
}

static void ask(const Segment *segment, const uint8_t *at) {
    uint64_t from = (uint64_t)(at - segment->map);
    uint64_t end = (uint64_t)((const uint8_t *)segment->crcs - segment->map);
    from -= from % SEGMENT_BLOCK_BYTES;
    if (from < end) {
        (void)madvise((void *)(uintptr_t)(segment->map + from), MIN((size_t)READ_AHEAD, (size_t)(end - from)),
                      MADV_WILLNEED);
    }
}

// Of a part of the mapping, what is below is of no more use.
static void cursor_pass(const uint8_t *part, uint64_t *given_back, uint64_t at) {
    uint64_t passed = at / SEGMENT_BLOCK_BYTES * SEGMENT_BLOCK_BYTES;
    if (passed > *given_back) {
        (void)madvise((void *)(uintptr_t)(part + *given_back), passed - *given_back, MADV_DONTNEED);
        *given_back = passed;
    }
}

// Asks for what comes next, in large pieces: the mapping is one for random access.
static void cursor_step(SegmentCursor *cursor, uint64_t body_at) {
    const Segment *segment = cursor->segment;
    uint64_t record_at = cursor->bucket * segment->record_bytes;
    cursor_pass(segment->body, &cursor->given_back, body_at);
    cursor_pass(segment->records, &cursor->records_given_back, record_at);
    cursor->step_at = body_at + CURSOR_MAPPED;
    if (body_at >= cursor->asked) {
        ask(segment, segment->body + body_at);
        cursor->asked = body_at + READ_AHEAD / 2;
    }
    if (record_at >= cursor->records_asked) {
        ask(segment, segment->records + record_at);
        cursor->records_asked = record_at + READ_AHEAD / 2;
    }
}

bool key_segment_next(SegmentCursor *cursor, IndexEntry *entry, bool *more, Err *err) {
    Segment *segment = cursor->segment;
    *more = cursor->at < segment->shape.counts.entries;
    if (!*more) {
        return true;
    }
    while (UNLIKELY(cursor->at >= cursor->bucket_at)) {
        const uint8_t *record = record_of(segment, cursor->bucket + 1);
        if (cursor->bucket >= (uint64_t)1 << segment->shape.bucket_bits) {
            return segment_damaged(segment, "entries are in no bucket", err);
        }
        TRY(blocks_check(segment, record, 4, err));
        cursor->bucket_at = load_u32le(record);
        cursor->bucket++;
    }
    uint64_t bit = cursor->at * segment->entry_bits;
    if (UNLIKELY(bit / 8 >= cursor->step_at)) {
        cursor_step(cursor, bit / 8);
    }
    TRY(blocks_check(segment, segment->body + bit / 8, segment->entry_bits / 8 + 2, err));
    entry->high = (cursor->bucket - 1) << segment->rest_bits | bits_at(segment->body, bit, segment->rest_bits);
    bit += segment->rest_bits;
    entry->low = 0;
    if (!segment->shape.exact) {
        entry->low = (uint32_t)bits_at(segment->body, bit, 32);
        bit += 32;
    }
    entry->place = place_at(segment, segment->body, bit);
    entry->supersedes = false;
    cursor->at++;
    return true;
}
