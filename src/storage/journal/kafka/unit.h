// SPDX-License-Identifier: Apache-2.0
// A journal in a topic of Kafka's, format version 1: frames (frame.h) as records of PREFIX.PIPELINE.journal, which has
// one partition. leat alone writes it, by one producer with transactions; readers see what is committed.
//
// A unit is a frame, or the head of a segment. It is one record, or several when it is larger than a record may be.
//     key    0 u8 version · 1 u8 flags: 1 = head of a segment, 2 = part, 4 = the unit goes on in the next record
//            2 u16 zero · 4 u32 which record of the unit it is · 8 u64 attempt
//            16 u64 offset of the first record of the segment's head; of that itself: all ones
//     value  of the unit's bytes
// The head of a segment: u32 number of older segments that are there {u64 position, u64 offset of its head, u64 wall
// clock of the last cut before it, ms since 1970}, the oldest first; then segment header and STATE frame. It is a
// transaction of its own, behind a cut. Each writer begins with one.
//
// A group is one transaction. One that is larger than the writer's memory is several: all but the last have the flag
// `part` and count only when a CUT of the same attempt follows. What is begun anew has another attempt's number, so
// parts that no CUT follows are passed over, for ever.
//
// A LogPosition is the frame's own, as in files: positions grow over all records, and those of parts that were dropped
// are not used again. The head of a segment in which nothing is may be written again at its position.
#ifndef LEAT_STORAGE_JOURNAL_KAFKA_UNIT_H
#define LEAT_STORAGE_JOURNAL_KAFKA_UNIT_H

#include "storage/journal/place.h"
#include "storage/kafka/kafka.h"

#include <stdatomic.h>

enum { UNIT_KEY_BYTES = 24, UNIT_VERSION = 1 };
enum { UNIT_HEAD = 1, UNIT_PART = 2, UNIT_MORE = 4 };
#define UNIT_HEAD_UNKNOWN UINT64_MAX

typedef struct UnitKey {
    uint8_t flags;
    uint32_t number;
    uint64_t attempt;
    uint64_t head;
} UnitKey;

typedef struct Unit {
    UnitKey key;     // of its last record
    uint64_t offset; // of its first record
    Slice bytes;     // borrowed until the next call
} Unit;

typedef struct UnitSegment {
    LogPosition position;
    uint64_t offset;
    uint64_t cut_ms;
} UnitSegment;

void unit_key_encode(const UnitKey *key, uint8_t to[UNIT_KEY_BYTES]);
bool unit_key_decode(Slice bytes, UnitKey *key);
UnitSegment unit_segment_at(const Buf *segments, size_t index);
void unit_segments_encode(const Buf *segments, Buf *buf); // of UnitSegment
// Splits the bytes of a head: *segments gets the older ones, *rest is what follows.
bool unit_segments_decode(Slice bytes, Buf *segments, Slice *rest);

// How a place is reached.
typedef struct UnitLink {
    Arena run[1];
    JournalPlace place;
    KafkaPlace kafka;
    const char *topic;
    const char *pins;    // the topic of pins, PREFIX.pins
    const char *schemas; // the topic of the server's schema registry, PREFIX.schemas
    const char *transactional_id;
    int64_t transaction_timeout_ms;
} UnitLink;
// unit_link_release in either case. That of a place, or of the one that the directory names.
CHECKED bool unit_link_of(UnitLink *link, const JournalPlace *place, Err *err);
CHECKED bool unit_link_init(UnitLink *link, const char *directory, Err *err);
void unit_link_release(UnitLink *link);

// Reads units. One thread at a time, but `unit_reader_wake`.
typedef struct UnitReader {
    const UnitLink *link;
    KafkaConsumer *consumer;
    KafkaPartition partition; // as assigned
    bool assigned;
    const KafkaFetched *fetched;
    size_t count, given;
    uint64_t begin, end; // of what is committed, as of the last question
    bool still;          // nothing from `end` on is read
    uint64_t at;         // all below it was given, or is no record
    Buf joined;
    atomic_bool woken;
} UnitReader;

// ERR_NOT_FOUND: there is no such topic.
CHECKED bool unit_reader_open(UnitReader *reader, const UnitLink *link, size_t memory_bytes_max, Err *err);
void unit_reader_close(UnitReader *reader);
CHECKED bool unit_reader_seek(UnitReader *reader, uint64_t offset, Err *err);
// *found false: all that was committed when it was called has been given. While no broker answers it waits, up to half
// a minute, then ERR_NET_UNREACHABLE.
CHECKED bool unit_reader_next(UnitReader *reader, Unit *unit, bool *found, Err *err);
// Until it is let go, unit_reader_next ends where the end is now: a writer that does not stop would never let a reader
// come to it.
CHECKED bool unit_reader_hold(UnitReader *reader, Err *err);
void unit_reader_let_go(UnitReader *reader);
// The offset of the newest segment's head; *found false: nothing was ever committed.
CHECKED bool unit_reader_newest(UnitReader *reader, uint64_t *head, bool *found, Err *err);
void unit_reader_wait(UnitReader *reader, int timeout_ms);
void unit_reader_wake(UnitReader *reader);
bool unit_corrupt(const UnitReader *reader, uint64_t offset, const char *why, Err *err);

#endif
