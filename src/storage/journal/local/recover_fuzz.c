// SPDX-License-Identifier: Apache-2.0
// A segment's bytes from anywhere: opening, reading, looking and checking must end, with or without an error.
//
// The input is a list of edits {u16 where, u8 what} of a small, good journal, then bytes that are put behind it; a CRC
// would keep plain noise out. When its first byte is odd, the frames' CRCs are made right after the edits, so that the
// decoders behind them are reached too.
#include "core/base/digest.h"
#include "core/base/log.h"
#include "core/sys/file.h"
#include "storage/journal/local/segment.h"

#include <fcntl.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char place[64], path[PATH_MAX];
static uint8_t good[1 << 16];
static size_t good_size;

static void make(void) {
    Err err[1] = {{0}};
    log_level_set(LOG_SILENT);
    snprintf(place, sizeof(place), "%s/leat-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    ASSERT(mkdtemp(place) != NULL);
    Journal *journal = NULL;
    ASSERT(journal_open(place, &(JournalOptions){0}, &journal, err));
    Column columns[] = {{.name = SLICE("id"), .type = {.kind = TYPE_INT64}},
                        {.name = SLICE("s"), .type = {.kind = TYPE_STRING}}};
    Schema schema = {.space = SLICE("public"), .table = SLICE("t"), .columns = columns, .column_count = 2};
    for (int i = 0; i < 12; i++) {
        Value row[] = {value_int(i), value_bytes(VALUE_STRING, SLICE("0123456789"))};
        Event event = {.op = OP_UPDATE, .offset_span = 1, .column_count = 2, .before = row, .after = row};
        uint32_t topic = journal_topic(journal, i % 2 == 0 ? SLICE("a") : SLICE("b"));
        ASSERT(journal_append(journal, topic, journal_schema(journal, topic, &schema), &event, err));
        journal_state_put(journal, SLICE("key"), (Slice){(const uint8_t *)&i, sizeof(i)});
        Position position = {.size = 4};
        ASSERT(i % 4 != 3 || journal_cut(journal, &position, err));
    }
    journal_close(journal);
    ASSERT(segment_path(path, place, 0, err));
    int fd = -1;
    ASSERT(file_open(path, O_RDONLY, &fd, err) && file_read(fd, path, good, sizeof(good), 0, &good_size, err));
    file_close(&fd);
}

static void remove_all(void) {
    Err err[1] = {{0}};
    bool ok = file_remove_tree(place, err);
    (void)ok;
}

static void crcs_right(uint8_t *bytes, size_t size) {
    for (size_t at = SEGMENT_HEADER_BYTES; at + FRAME_HEADER_BYTES <= size;) {
        uint64_t frame = 0;
        if (!frame_plausible(bytes + at, at, size - at, &frame)) {
            break;
        }
        uint32_t crc = digest_crc32c(0, (Slice){bytes + at + 4, (size_t)frame - 4});
        memcpy(bytes + at, &crc, sizeof(crc));
        at += (size_t)frame_padded(frame);
    }
}

static void read_all(LogPosition from) {
    Err err[1] = {{0}};
    JournalReader *reader = NULL;
    if (!journal_reader_open(place, from, 0, &reader, err)) {
        return;
    }
    JournalEntry entry = {0};
    LogPosition last = 0;
    for (int i = 0; i < 100000 && journal_reader_next(reader, &entry, err) && entry.kind != JOURNAL_END; i++) {
        ASSERT(entry.kind == JOURNAL_SCHEMA || entry.next >= last);
        last = entry.at;
    }
    journal_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[1 << 17];
    if (good_size == 0) {
        make();
        atexit(remove_all);
    }
    if (size < 2) {
        return 0;
    }
    memcpy(bytes, good, good_size);
    size_t at = 2, edits = data[1] % 16, total = good_size;
    for (; edits > 0 && at + 3 <= size; edits--, at += 3) {
        bytes[(data[at] | (size_t)data[at + 1] << 8) % good_size] = data[at + 2];
    }
    size_t tail = MIN(size - at, sizeof(bytes) - total);
    memcpy(bytes + total, data + at, tail);
    total += tail;
    if (data[0] & 1) {
        crcs_right(bytes, total);
    }
    Err err[1] = {{0}};
    int fd = -1;
    ASSERT(file_open(path, O_WRONLY | O_CREAT | O_TRUNC, &fd, err));
    ASSERT(file_write(fd, path, (Slice){bytes, total}, 0, err));
    file_close(&fd);
    char head[PATH_MAX + 8];
    snprintf(head, sizeof(head), "%s/head", place);
    ASSERT(file_remove(head, err));
    read_all(0);
    JournalLook look;
    JournalCheck check;
    bool ok = journal_look(place, &look, NULL, NULL, NULL, err);
    err_clear(err);
    ok = journal_check(place, &check, NULL, NULL, err);
    err_clear(err);
    Journal *journal = NULL;
    ok = journal_open(place, &(JournalOptions){0}, &journal, err);
    if (ok) { // what was accepted can be gone on with, and is without a defect from the cut on
        Position position = {.size = 1};
        ASSERT(journal_cut(journal, &position, err) && journal_sync(journal, err));
        journal_close(journal);
        read_all((data[0] >> 1) * (uint64_t)8);
    }
    return 0;
}
