// SPDX-License-Identifier: Apache-2.0
// Any bytes as CURRENT and as a segment. Their checksums are made right, or hardly anything would get past them: what
// is tested is that no content is read out of bounds, and that work is bounded. That wrong checksums are found,
// index_test.c and segment_test.c show.
//
// Input: u8 flags (1: keys are exact, 2: the segment's sizes are made right too), u16 bytes of CURRENT; these; the rest
// is the segment, its header first.
#include "core/base/digest.h"
#include "core/sys/file.h"
#include "lake/index/segment_format.h"
#include "lake/index/state.h"

#include <fcntl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_current(Slice bytes, bool exact) {
    Arena arena;
    arena_init(&arena, "scratch", 32 * bytes.size + MIB);
    DEFER(buf_release) Buf buf;
    buf_init(&buf, 0);
    buf_put(&buf, bytes);
    buf_u32le(&buf, digest_crc32c(0, bytes));
    Current current;
    if (index_current_decode(buf_slice(&buf), exact, &arena, &current)) {
        ASSERT(current.files.size <= bytes.size && current.mark.table_uuid[39] == '\0');
    }
    arena_release(&arena);
}

// The segment with everything that is checked before its content made right.
static void make_segment(Buf *file, Slice bytes, bool exact) {
    Header header = {0};
    memcpy(&header, bytes.data, MIN(bytes.size, sizeof(header)));
    memcpy(header.magic, SEGMENT_MAGIC, sizeof(header.magic));
    header.version = SEGMENT_VERSION;
    header.number = 1;
    header.exact = exact;
    header.entries %= 2000;
    header.gone %= header.entries + 1;
    header.bucket_bits = 1 + header.bucket_bits % 10;
    header.filter_words %= SEGMENT_FILTER_WORDS_MAX + 1;
    header.file_bits = 1 + header.file_bits % 25;
    header.row_bits %= 33;
    header.file_base %= 1 << 24;
    SegmentShape shape = {.exact = exact,
                          .bucket_bits = header.bucket_bits,
                          .filter_words = header.filter_words,
                          .file_bits = header.file_bits,
                          .row_bits = header.row_bits,
                          .counts = {.entries = header.entries}};
    SegmentLayout layout;
    key_segment_layout(&shape, &layout);
    uint8_t *room = buf_room(file, (size_t)layout.size);
    ASSERT(room != NULL);
    memset(room, 0, (size_t)layout.size);
    Slice content = slice_from(bytes, MIN(bytes.size, sizeof(header)));
    uint64_t content_size = layout.crcs_at - SEGMENT_HEADER_BYTES;
    for (uint64_t i = 0; content.size > 0 && i < content_size; i++) { // over and over
        room[SEGMENT_HEADER_BYTES + i] = content.data[i % content.size];
    }
    for (uint64_t block = 0; block < layout.blocks; block++) {
        Slice of = {room + SEGMENT_HEADER_BYTES + block * SEGMENT_BLOCK_BYTES, SEGMENT_BLOCK_BYTES};
        uint32_t crc = digest_crc32c(0, of);
        memcpy(room + layout.crcs_at + block * 4, &crc, 4);
    }
    header.crcs_crc = digest_crc32c(0, (Slice){room + layout.crcs_at, layout.blocks * 4});
    memcpy(room, &header, sizeof(header));
    uint32_t crc = digest_crc32c(0, (Slice){room, SEGMENT_HEADER_BYTES - 4});
    memcpy(room + SEGMENT_HEADER_BYTES - 4, &crc, 4);
    buf_advance(file, (size_t)layout.size);
}

static void use_segment(Segment *segment, const char *directory) {
    Err err[1] = {{0}};
    enum { PROBES = 64 };
    Probe probes[PROBES];
    uint32_t pending[PROBES];
    size_t left = PROBES;
    for (uint32_t i = 0; i < PROBES; i++) {
        uint64_t high = (uint64_t)i << 58;
        probes[i] = (Probe){.high = high | load_u32le(segment->records + i * 4)};
        pending[i] = i;
    }
    ASSERT(key_segment_find(segment, probes, pending, &left, err) || err->code == ERR_STATE_CORRUPT);
    err_clear(err);
    Segment *inputs[] = {segment, segment}, *merged = NULL;
    MergeOptions options = {.directory = directory,
                            .number = 2,
                            .buffer_bytes = 4096,
                            .exact = segment->shape.exact,
                            .bottom = segment->shape.counts.stale % 2 == 0};
    Merge *merge = NULL;
    uint64_t budget = 1 << 20;
    bool done = false;
    bool ok = key_merge_segments(&options, inputs, 1 + segment->shape.counts.stale % 2, &merge, err) &&
              key_merge_step(merge, &budget, &done, err) && key_merge_finish(merge, &merged, err);
    ASSERT(ok || err->code == ERR_STATE_CORRUPT);
    key_segment_close(merged);
    key_merge_release(merge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char directory[64];
    if (directory[0] == '\0') {
        snprintf(directory, sizeof(directory), "%s/leat-fuzz-XXXXXX", file_exists("/dev/shm") ? "/dev/shm" : "/tmp");
        ASSERT(mkdtemp(directory) != NULL);
    }
    Reader reader = reader_of((Slice){data, size});
    uint8_t flags = read_u8(&reader);
    Slice current = read_bytes(&reader, read_u16be(&reader));
    if (reader.bad) {
        return 0;
    }
    fuzz_current(current, (flags & 1) != 0);
    Slice rest = {reader.at, reader_left(&reader)};
    DEFER(buf_release) Buf file;
    buf_init(&file, 0);
    if ((flags & 2) != 0) {
        make_segment(&file, rest, (flags & 1) != 0);
    } else {
        buf_put(&file, rest);
    }
    char path[PATH_MAX];
    key_segment_path(path, directory, 1);
    Err err[1] = {{0}};
    int fd = -1;
    ASSERT(file_open(path, O_WRONLY | O_CREAT | O_TRUNC, &fd, err));
    ASSERT(file_write(fd, path, buf_slice(&file), 0, err));
    file_close(&fd);
    Segment *segment = NULL;
    if (key_segment_open(directory, 1, &segment, err)) {
        use_segment(segment, directory);
        key_segment_close(segment);
    } else {
        ASSERT(err->code == ERR_STATE_CORRUPT);
    }
    return 0;
}
