// SPDX-License-Identifier: Apache-2.0
#include "storage/journal/local/segment.h"

#include "core/sys/crash.h"
#include "core/sys/file.h"

#include <fcntl.h>
#include <unistd.h>

// --- the list --------------------------------------------------------------------------------------------------

static bool segment_list_visit(void *context, const char *name) {
    SegmentList *list = context;
    char *end = NULL;
    if (strlen(name) == 24 && name[0] >= '0' && name[0] <= '9') {
        LogPosition start = strtoull(name, &end, 10);
        if (end == name + 20 && strcmp(end, ".seg") == 0) {
            segment_list_add(list, start);
        }
    }
    return true;
}

bool segment_list(SegmentList *list, const char *directory, Err *err) {
    buf_reset(&list->starts);
    return file_list(directory, segment_list_visit, list, err); // in order: the names have equal length
}

void segment_list_release(SegmentList *list) {
    buf_release(&list->starts);
}

void segment_list_add(SegmentList *list, LogPosition start) {
    buf_bytes(&list->starts, &start, sizeof(start));
}

void segment_list_drop(SegmentList *list, size_t count) {
    size_t bytes = count * sizeof(LogPosition);
    memmove(list->starts.data, list->starts.data + bytes, list->starts.size - bytes);
    list->starts.size -= bytes;
}

ptrdiff_t segment_list_find(const SegmentList *list, LogPosition at) {
    size_t low = 0, high = segment_count(list);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (segment_start(list, middle) <= at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (ptrdiff_t)low - 1;
}

bool segment_list_check(const SegmentList *list, const char *directory, Err *err) {
    for (size_t i = 0; i + 1 < segment_count(list); i++) {
        char path[PATH_MAX];
        int fd = -1;
        uint64_t size = 0;
        TRY(segment_path(path, directory, segment_start(list, i), err));
        TRY(file_open(path, O_RDONLY, &fd, err));
        bool ok = file_size(fd, path, &size, err);
        file_close(&fd);
        TRY(ok);
        LogPosition end = segment_start(list, i) + size;
        if (end != segment_start(list, i + 1)) {
            FAIL(err, ERR_JOURNAL_CORRUPT, "%s ends at position %" PRIu64 ", the next segment starts at %" PRIu64, path,
                 end, segment_start(list, i + 1));
            return err_hint(err, "a segment file is missing or was cut; restore the directory from a copy");
        }
    }
    return true;
}

// --- files -----------------------------------------------------------------------------------------------------

bool segment_path(char path[PATH_MAX], const char *directory, LogPosition start, Err *err) {
    return snprintf(path, PATH_MAX, "%s/%020" PRIu64 ".seg", directory, start) < PATH_MAX - 8 ||
           FAIL(err, ERR_IO_FAILED, "path is longer than %d bytes", PATH_MAX);
}

bool segment_make(const char *directory, LogPosition start, Slice bytes, int *fd, Err *err) {
    char path[PATH_MAX], temporary[PATH_MAX];
    TRY(segment_path(path, directory, start, err));
    TRY(segment_path(temporary, directory, start, err));
    size_t size = strlen(temporary);
    memcpy(temporary + size, ".tmp", sizeof(".tmp"));
    TRY(file_open(temporary, O_RDWR | O_CREAT | O_TRUNC, fd, err));
    CRASH_POINT("journal.rotate_created");
    bool ok = file_write(*fd, temporary, bytes, 0, err);
    CRASH_POINT("journal.rotate_written");
    ok = ok && file_sync(*fd, temporary, err);
    CRASH_POINT("journal.rotate_synced");
    ok = ok && file_rename(temporary, path, err);
    CRASH_POINT("journal.rotate_renamed");
    ok = ok && file_sync_directory(directory, err);
    CRASH_POINT("journal.rotate_done");
    if (!ok) {
        file_close(fd);
        unlink(temporary);
        return err_frame(err, __FILE__, __LINE__);
    }
    return true;
}

// --- reading ---------------------------------------------------------------------------------------------------

void segment_reader_init(SegmentReader *reader, size_t window_bytes) {
    *reader = (SegmentReader){.fd = -1, .window_bytes = MAX(window_bytes, 4 * KIB)};
}

void segment_reader_release(SegmentReader *reader) {
    segment_reader_close(reader);
    buf_release(&reader->window);
}

void segment_reader_close(SegmentReader *reader) {
    file_close(&reader->fd);
    buf_reset(&reader->window);
    reader->window_at = 0;
    reader->size = 0;
    reader->limit = SEGMENT_HEADER_BYTES;
}

// Makes bytes [offset, offset + size) of the file available; NULL with err set on failure or when the file is shorter.
static const uint8_t *window_need(SegmentReader *reader, uint64_t offset, uint64_t size, Err *err) {
    Buf *window = &reader->window;
    if (LIKELY(offset >= reader->window_at && offset + size <= reader->window_at + window->size)) {
        return window->data + (offset - reader->window_at);
    }
    // Keep what is there already, at the front; then fill up.
    size_t kept = 0;
    if (offset >= reader->window_at && offset < reader->window_at + window->size) {
        kept = (size_t)(reader->window_at + window->size - offset);
        memmove(window->data, window->data + (offset - reader->window_at), kept);
    }
    if (window->capacity > 4 * reader->window_bytes && size <= reader->window_bytes && kept == 0) {
        buf_release(window); // of a frame that was larger than others
    }
    buf_reset(window);
    window->size = kept;
    reader->window_at = offset;
    size_t want = MAX((size_t)size, (size_t)MIN(reader->window_bytes, reader->limit - MIN(offset, reader->limit)));
    uint8_t *room = buf_room(window, want - kept);
    size_t got = 0;
    if (!file_read(reader->fd, reader->path, room, want - kept, (off_t)(offset + kept), &got, err)) {
        return NULL;
    }
    buf_advance(window, got);
    if (window->size < size) {
        FAIL(err, ERR_JOURNAL_CORRUPT, "%s: the file ends at byte %" PRIu64 ", inside of a frame", reader->path,
             offset + window->size);
        return NULL;
    }
    return window->data;
}

bool segment_reader_open(SegmentReader *reader, const char *directory, LogPosition start, Err *err) {
    segment_reader_close(reader);
    TRY(segment_path(reader->path, directory, start, err));
    TRY(file_open(reader->path, O_RDONLY, &reader->fd, err));
    TRY(file_size(reader->fd, reader->path, &reader->size, err));
    Slice bytes = {NULL, 0};
    if (reader->size >= SEGMENT_HEADER_BYTES) {
        bytes = (Slice){window_need(reader, 0, SEGMENT_HEADER_BYTES, err), SEGMENT_HEADER_BYTES};
        TRY(bytes.data != NULL);
    }
    TRY(segment_header_decode(bytes, reader->path, &reader->header, err));
    return reader->header.start == start ||
           FAIL(err, ERR_JOURNAL_CORRUPT, "%s: its header says position %" PRIu64 " (byte 16)", reader->path,
                reader->header.start);
}

static bool all_zeros(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

SegmentRead segment_read(SegmentReader *reader, LogPosition at, LogPosition limit, Frame *frame, Err *err) {
    uint64_t offset = at - reader->header.start;
    if (UNLIKELY(offset + FRAME_HEADER_BYTES > reader->size)) {
        if (!file_size(reader->fd, reader->path, &reader->size, err)) {
            return SEGMENT_ERROR;
        }
    }
    reader->limit = limit - reader->header.start;
    uint64_t end = MIN(reader->size, reader->limit);
    if (offset + FRAME_HEADER_BYTES > end) {
        return offset == end ? SEGMENT_END : SEGMENT_BAD;
    }
    const uint8_t *bytes = window_need(reader, offset, FRAME_HEADER_BYTES, err);
    if (bytes == NULL) {
        return SEGMENT_ERROR;
    }
    uint64_t size = 0;
    if (!frame_plausible(bytes, at, reader->size - offset, &size)) {
        uint64_t now = 0; // a file that is being written may have grown
        if (!file_size(reader->fd, reader->path, &now, err)) {
            return SEGMENT_ERROR;
        }
        reader->size = now;
        if (!frame_plausible(bytes, at, now - offset, &size)) {
            return all_zeros(bytes, FRAME_HEADER_BYTES) ? SEGMENT_END : SEGMENT_BAD;
        }
    }
    if (offset + size > reader->limit) {
        return SEGMENT_BAD;
    }
    bytes = window_need(reader, offset, size, err);
    if (bytes == NULL) {
        return SEGMENT_ERROR;
    }
    return frame_decode(bytes, size, frame) ? SEGMENT_FRAME : SEGMENT_BAD;
}

bool segment_search(SegmentReader *reader, LogPosition at, uint64_t group_min, bool *found, Frame *frame, Err *err) {
    *found = false;
    TRY(file_size(reader->fd, reader->path, &reader->size, err));
    uint64_t start = reader->header.start;
    reader->limit = reader->size;
    for (LogPosition next = at; next + FRAME_HEADER_BYTES <= start + reader->size; next += 8) {
        const uint8_t *bytes = window_need(reader, next - start, FRAME_HEADER_BYTES, err);
        TRY(bytes != NULL);
        uint64_t size = 0;
        if (LIKELY(load_u64le(bytes + 8) != next) || load_u64le(bytes + 16) < group_min ||
            !frame_plausible(bytes, next, start + reader->size - next, &size)) {
            continue;
        }
        bytes = window_need(reader, next - start, size, err);
        TRY(bytes != NULL);
        if (frame_decode(bytes, size, frame)) {
            *found = true;
            return true;
        }
    }
    return true;
}
