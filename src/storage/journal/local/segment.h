// SPDX-License-Identifier: Apache-2.0
// Segment files: their names, their making, and reading frames out of one. A journal is a directory:
//     lock                       held by the writer for life; text: its pid
//     00000000000000000000.seg   segments; the name is the LogPosition of the first byte, in decimal
//     head                       see head.h: how far the log is durable; a hint that may be older than the truth
//     pins/NAME                  see pins.h: what sinks still need
//     *.tmp                      left by a crash; removed at the next open
// Recovery reads the last segment, up to the last CUT that is whole and whose group is whole; what follows is cut off
// when it can be the rest of a group that never became durable, and is ERR_JOURNAL_CORRUPT otherwise (recover.h).
#ifndef LEAT_STORAGE_JOURNAL_LOCAL_SEGMENT_H
#define LEAT_STORAGE_JOURNAL_LOCAL_SEGMENT_H

#include "storage/journal/frame.h"

#include <limits.h>

// The segments of a directory, oldest first.
typedef struct SegmentList {
    Buf starts; // LogPosition
} SegmentList;

static inline size_t segment_count(const SegmentList *list) {
    return list->starts.size / sizeof(LogPosition);
}
static inline LogPosition segment_start(const SegmentList *list, size_t index) {
    return ((const LogPosition *)(const void *)list->starts.data)[index];
}
CHECKED bool segment_list(SegmentList *list, const char *directory, Err *err);
void segment_list_release(SegmentList *list);
void segment_list_add(SegmentList *list, LogPosition start);
void segment_list_drop(SegmentList *list, size_t count); // from the front
// Index of the segment that holds `at`; -1 when it is below the first.
ptrdiff_t segment_list_find(const SegmentList *list, LogPosition at);
// ERR_JOURNAL_CORRUPT when one does not end where the next one starts: a file is missing or was cut.
CHECKED bool segment_list_check(const SegmentList *list, const char *directory, Err *err);

CHECKED bool segment_path(char path[PATH_MAX], const char *directory, LogPosition start, Err *err);
// Makes one that holds `bytes`, durable under its name on return, and opens it for writing.
CHECKED bool segment_make(const char *directory, LogPosition start, Slice bytes, int *fd, Err *err);

// Reads one segment, a window at a time. A frame larger than the window makes it grow for that frame.
typedef struct SegmentReader {
    int fd; // -1: closed
    char path[PATH_MAX];
    SegmentHeader header;
    uint64_t size;        // of the file, as of the last look
    uint64_t state_bytes; // of the STATE frame, once it was read
    Buf window;
    uint64_t window_at; // file offset of its first byte
    size_t window_bytes;
    uint64_t limit; // file offset: nothing from there on is kept, as it may still change
} SegmentReader;

typedef enum SegmentRead {
    SEGMENT_FRAME,
    SEGMENT_END,   // the file ends here, or holds zeros
    SEGMENT_BAD,   // what is here is no frame that belongs here
    SEGMENT_ERROR, // see err
} SegmentRead;

void segment_reader_init(SegmentReader *reader, size_t window_bytes);
void segment_reader_release(SegmentReader *reader);
// ERR_NOT_FOUND, ERR_FORMAT_NEWER, ERR_JOURNAL_CORRUPT. Checks the header.
CHECKED bool segment_reader_open(SegmentReader *reader, const char *directory, LogPosition start, Err *err);
void segment_reader_close(SegmentReader *reader);
static inline LogPosition segment_first(const SegmentReader *reader) {
    return reader->header.start + SEGMENT_HEADER_BYTES;
}
// The frame at `at`; its body is borrowed until the next call. `limit`: nothing at or past it is looked at.
SegmentRead segment_read(SegmentReader *reader, LogPosition at, LogPosition limit, Frame *frame, Err *err);
// Searches [at, size) for the first whole frame of group `group_min` or later. False when there is none.
CHECKED bool segment_search(SegmentReader *reader, LogPosition at, uint64_t group_min, bool *found, Frame *frame,
                            Err *err);

#endif
