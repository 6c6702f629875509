// SPDX-License-Identifier: Apache-2.0
#include "lake/index/segment.c"

#include "core/base/test.h"
#include "lake/index/merge.h"

#include <unistd.h>

static char directory[64];

static void begin(void) {
    // Many syncs: in memory where that can be.
    snprintf(directory, sizeof(directory), "%s/leat_segment_XXXXXX", file_exists("/dev/shm") ? "/dev/shm" : "/tmp");
    CHECK(mkdtemp(directory) != NULL);
}
static void end(void) {
    Err err[1] = {{0}};
    CHECK_OK(file_remove_tree(directory, err));
}

static uint64_t mixed(uint64_t x) {
    x = (x + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
}

static int entry_order(const void *a, const void *b) {
    const IndexEntry *x = a, *y = b;
    return key_before(x->high, x->low, y->high, y->low) ? -1 : key_before(y->high, y->low, x->high, x->low);
}

static IndexEntry *entries_make(uint32_t count, bool exact, uint32_t file_first, uint32_t row_max) {
    IndexEntry *entries = calloc(count + 1, sizeof(IndexEntry));
    CHECK(entries != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = row_max == 0 ? 0 : (uint32_t)(mixed(i) % row_max);
        entries[i] = (IndexEntry){mixed(i), exact ? 0 : i * 77, {file_first + i % 9, i == 3 ? row_max : row}, false};
        if (i % 11 == 5) {
            entries[i].place = KEY_NOWHERE;
        }
    }
    qsort(entries, count, sizeof(IndexEntry), entry_order);
    return entries;
}

static Segment *write_segment(const IndexEntry *entries, uint32_t count, SegmentPlan plan, uint64_t number) {
    Err err[1] = {{0}};
    SegmentWriter *writer = NULL;
    CHECK_OK(key_segment_create(directory, number, &plan, &writer, err));
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(key_segment_put(writer, &entries[i], err));
    }
    Segment *segment = NULL;
    CHECK_OK(key_segment_finish(writer, 3, &segment, err));
    key_segment_writer_release(writer);
    return segment;
}

static void check_all(Segment *segment, const IndexEntry *entries, uint32_t count) {
    Err err[1] = {{0}};
    SegmentCursor cursor = key_segment_cursor(segment);
    IndexEntry entry;
    bool more = true;
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(key_segment_next(&cursor, &entry, &more, err));
        CHECK(more && entry.high == entries[i].high && entry.low == entries[i].low);
        CHECK(entry.place.file == entries[i].place.file && entry.place.row == entries[i].place.row);
    }
    CHECK_OK(key_segment_next(&cursor, &entry, &more, err));
    CHECK(!more);
    Probe *probes = calloc(2 * count + 1, sizeof(Probe));
    uint32_t *pending = calloc(2 * count + 1, sizeof(uint32_t));
    CHECK(probes != NULL && pending != NULL);
    size_t left = 0;
    for (uint32_t i = 0; i < count; i++) { // each key, and one that is not there
        probes[left] = (Probe){.high = entries[i].high, .low = entries[i].low};
        pending[left] = (uint32_t)left;
        left++;
        uint64_t high = segment->shape.exact ? entries[i].high + 1 : entries[i].high;
        probes[left] = (Probe){.high = high, .low = entries[i].low + !segment->shape.exact};
        pending[left] = (uint32_t)left;
        left++;
    }
    CHECK_OK(key_segment_find(segment, probes, pending, &left, err));
    CHECK_INT(left, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(probes[2 * i].found && probes[2 * i].at.file == entries[i].place.file);
        CHECK(probes[2 * i].at.row == entries[i].place.row);
        CHECK_INT(pending[i], 2 * i + 1);
    }
    free(probes);
    free(pending);
}

static void round_trip(uint32_t count, bool exact, uint32_t file_first, uint32_t row_max, bool small) {
    Err err[1] = {{0}};
    IndexEntry *entries = entries_make(count, exact, file_first, row_max);
    SegmentPlan plan = {.exact = exact,
                        .entries_max = (uint64_t)count * 2 + 1,
                        .entries_likely = small ? count : 0,
                        .file_min = file_first,
                        .file_max = file_first + 8,
                        .row_max = row_max,
                        .gone = true,
                        .buffer_bytes = 5000,
                        .small = small};
    Segment *segment = write_segment(entries, count, plan, 7);
    check_all(segment, entries, count);
    key_segment_close(segment);
    CHECK_OK(key_segment_open(directory, 7, &segment, err));
    CHECK_INT(segment->shape.counts.entries, count);
    CHECK_INT(segment->shape.counts.stale, 3);
    check_all(segment, entries, count);
    segment->cold = 3;
    check_all(segment, entries, count);
    key_segment_close(segment);
    free(entries);
}

// KiB of the segment that are mapped.
static int64_t mapped_kib(const Segment *segment) {
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false;
    for (unsigned long value, end; file != NULL && fgets(line, sizeof(line), file) != NULL;) {
        if (sscanf(line, "%lx-%lx ", &value, &end) == 2) {
            inside = value == (uintptr_t)segment->map;
        } else if (inside && sscanf(line, "Rss: %lu", &value) == 1) {
            fclose(file);
            return (int64_t)value;
        }
    }
    test_fail(__FILE__, __LINE__, "the segment is not mapped");
}

// However long a merge takes, and of however many indexes: what it has passed, and what it rests on, is not mapped.
TEST(a_merge_maps_a_window_of_its_segments) {
    enum { COUNT = 300000, STEP = 10000 };
    begin();
    Err err[1] = {{0}};
    IndexEntry *entries = entries_make(COUNT, true, 0, 1000000);
    SegmentPlan plan = {.exact = true, .entries_max = COUNT, .file_max = 8, .row_max = 1000000, .gone = true};
    Segment *segment = write_segment(entries, COUNT, plan, 7);
    SegmentCursor cursor = key_segment_cursor(segment);
    IndexEntry entry;
    bool more = true, done = false;
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_OK(key_segment_next(&cursor, &entry, &more, err));
        CHECK(i % STEP != 0 || mapped_kib(segment) <= (CURSOR_MAPPED + 4 * WINDOW_BYTES) / 1024);
    }
    MergeOptions options = {.directory = directory, .number = 8, .buffer_bytes = 64 << 10, .exact = true};
    Merge *merge = NULL;
    CHECK_OK(key_merge_segments(&options, &segment, 1, &merge, err));
    uint64_t budget = STEP;
    CHECK_OK(key_merge_step(merge, &budget, &done, err));
    CHECK(budget == 0 && !done);
    CHECK_INT(mapped_kib(segment), 0);
    key_merge_release(merge);
    key_segment_close(segment);
    free(entries);
    end();
}

// Few keys are read, many are looked up in the mapping, and what they had mapped is given back.
TEST(few_keys_and_many_find_the_same) {
    enum { COUNT = 60000, FEW = 100 };
    begin();
    Err err[1] = {{0}};
    IndexEntry *entries = entries_make(COUNT, true, 0, 1000000);
    SegmentPlan plan = {.exact = true, .entries_max = COUNT, .file_max = 8, .row_max = 1000000, .gone = true};
    key_segment_close(write_segment(entries, COUNT, plan, 7));
    Segment *segment = NULL;
    CHECK_OK(key_segment_open(directory, 7, &segment, err));
    CHECK(segment->size / WINDOW_BYTES > WINDOWS_FEW);
    CHECK_INT(mapped_kib(segment), 0);
    Probe probes[FEW];
    uint32_t pending[FEW];
    size_t left = FEW;
    for (uint32_t i = 0; i < FEW; i++) {
        probes[i] = (Probe){.high = entries[i * (COUNT / FEW)].high};
        pending[i] = i;
    }
    CHECK_OK(key_segment_find(segment, probes, pending, &left, err));
    CHECK(left == 0 && mapped_kib(segment) == 0);
    for (uint32_t i = 0; i < FEW; i++) {
        KeyPlace place = entries[i * (COUNT / FEW)].place;
        CHECK(probes[i].at.file == place.file && probes[i].at.row == place.row);
    }
    check_all(segment, entries, COUNT);
    CHECK_INT(mapped_kib(segment), 0);
    off_t body_at = segment->body - segment->map;
    key_segment_close(segment);
    char path[PATH_MAX];
    key_segment_path(path, directory, 7);
    int fd = -1;
    uint8_t byte;
    size_t got;
    CHECK_OK(file_open(path, O_RDWR, &fd, err) && file_read(fd, path, &byte, 1, body_at, &got, err));
    byte ^= 1;
    CHECK_OK(file_write(fd, path, (Slice){&byte, 1}, body_at, err));
    file_close(&fd);
    CHECK_OK(key_segment_open(directory, 7, &segment, err));
    probes[0] = (Probe){.high = entries[0].high};
    pending[0] = 0;
    left = 1;
    CHECK_FAILS(key_segment_find(segment, probes, pending, &left, err), ERR_STATE_CORRUPT);
    key_segment_close(segment);
    free(entries);
    end();
}

TEST(a_segment_gives_back_what_was_written) {
    begin();
    const uint32_t counts[] = {1, 2, 7, 8, 15, 16, 17, 100, 1000, 30000};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        for (int kind = 0; kind < 4; kind++) {
            round_trip(counts[i], kind % 2 == 0, 0, 1000000, kind / 2 == 0);
            round_trip(counts[i], kind % 2 == 0, 0xffffff - 8, UINT32_MAX, kind / 2 == 0);
            round_trip(counts[i], kind % 2 == 0, 12345, 0, kind / 2 == 0);
        }
    }
    end();
}

TEST(entries_out_of_order_or_out_of_bounds_are_refused) {
    begin();
    Err err[1] = {{0}};
    SegmentPlan plan = {.exact = true, .entries_max = 3, .file_min = 10, .file_max = 20, .row_max = 100};
    SegmentWriter *writer = NULL;
    CHECK_OK(key_segment_create(directory, 1, &plan, &writer, err));
    CHECK_OK(key_segment_put(writer, &(IndexEntry){5, 0, {10, 1}, false}, err));
    CHECK_FAILS(key_segment_put(writer, &(IndexEntry){5, 0, {10, 1}, false}, err), ERR_STATE_CORRUPT);
    CHECK_FAILS(key_segment_put(writer, &(IndexEntry){6, 0, {9, 1}, false}, err), ERR_STATE_CORRUPT);
    CHECK_FAILS(key_segment_put(writer, &(IndexEntry){7, 0, {10, 128}, false}, err), ERR_STATE_CORRUPT);
    CHECK_FAILS(key_segment_put(writer, &(IndexEntry){8, 0, KEY_NOWHERE, false}, err), ERR_STATE_CORRUPT);
    key_segment_writer_release(writer);
    char path[PATH_MAX];
    key_segment_path(path, directory, 1);
    CHECK(!file_exists(path));
    end();
}

// Each byte of a small segment, flipped: it is refused, or what is read is right, or it says that it is damaged.
TEST(a_damaged_segment_never_gives_wrong_places) {
    begin();
    Err err[1] = {{0}};
    enum { COUNT = 300 };
    IndexEntry *entries = entries_make(COUNT, true, 5, 1000);
    SegmentPlan plan = {
        .exact = true, .entries_max = COUNT, .file_min = 5, .file_max = 13, .row_max = 1000, .gone = true};
    Segment *segment = write_segment(entries, COUNT, plan, 9);
    size_t size = (size_t)segment->size;
    key_segment_close(segment);
    char path[PATH_MAX];
    key_segment_path(path, directory, 9);
    int fd = -1;
    CHECK_OK(file_open(path, O_RDWR, &fd, err));
    uint64_t refused = 0, damaged = 0;
    for (size_t at = 0; at < size; at++) {
        uint8_t byte, other;
        size_t got;
        CHECK_OK(file_read(fd, path, &byte, 1, (off_t)at, &got, err));
        other = byte ^ (uint8_t)(1u << at % 8);
        CHECK_OK(file_write(fd, path, (Slice){&other, 1}, (off_t)at, err));
        if (!key_segment_open(directory, 9, &segment, err)) {
            CHECK_INT(err->code, ERR_STATE_CORRUPT);
            refused++;
        } else {
            Probe probes[COUNT];
            uint32_t pending[COUNT];
            size_t left = COUNT;
            for (uint32_t i = 0; i < COUNT; i++) {
                probes[i] = (Probe){.high = entries[i].high};
                pending[i] = i;
            }
            CHECK_FAILS(key_segment_find(segment, probes, pending, &left, err), ERR_STATE_CORRUPT);
            damaged++;
            key_segment_close(segment);
        }
        err_clear(err);
        CHECK_OK(file_write(fd, path, (Slice){&byte, 1}, (off_t)at, err));
    }
    CHECK_INT(refused, SEGMENT_HEADER_BYTES + 8); // header and checksums
    CHECK_INT(damaged, size - SEGMENT_HEADER_BYTES - 8);
    CHECK(ftruncate(fd, (off_t)size - 1) == 0);
    CHECK_FAILS(key_segment_open(directory, 9, &segment, err), ERR_STATE_CORRUPT);
    file_close(&fd);
    free(entries);
    end();
}
