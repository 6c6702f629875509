// SPDX-License-Identifier: Apache-2.0
// What a journal's log is kept in: the seam between journal.h and files on this machine (local/) or a topic of Kafka
// (kafka/). A log is a row of frames (frame.h) at growing positions, in segments that begin with all that is known. A
// driver makes groups of frames durable and gives them back; events, batches, offsets and schemas are not its business.
#ifndef LEAT_STORAGE_JOURNAL_DRIVER_H
#define LEAT_STORAGE_JOURNAL_DRIVER_H

#include "storage/journal/ledger.h"

typedef struct JournalLog JournalLog;   // a driver's writing side
typedef struct JournalTail JournalTail; // its reading side
typedef struct LogPin LogPin;           // of a reader, raised often

typedef struct LogCut {
    uint64_t sequence;
    uint64_t ms;
    Position position;
    LogPosition end;
} LogCut;

// Frames of one group. Without a cut: a part of a large group, written early, which nobody may see before its cut.
typedef struct LogJob {
    Buf bytes;
    LogPosition at;
    bool has_cut;
    LogCut cut;
    Buf preamble; // not empty: after the cut, the head of a new segment at cut.end (segment header, STATE frame)
} LogJob;

typedef struct LogStart {
    bool empty;       // there is no segment yet
    bool segment;     // one has to begin before anything is written
    LogPosition end;  // where the next frame goes
    LogPosition body; // the first frame behind the newest segment's STATE
} LogStart;

typedef struct LogTrim {
    LogPosition lowest;     // nothing at or above it, nor above a pin
    uint64_t keep, keep_ms; // below it, keep so many bytes, but nothing older; 0 = no limit by age
} LogTrim;

typedef struct JournalDriver {
    const char *name;

    // --- writing. Calls of one log never overlap, but trim and begin may run beside write and rotate.

    // Keeps every other writer out (ERR_LOCKED) and reads into the empty ledger what the last durable cut left behind,
    // with the newest epoch there was.
    bool (*open)(const char *directory, Ledger *ledger, LogStart *start, JournalLog **log, Err *err);
    void (*close)(JournalLog *log);
    // All is known: from now on readers may follow. `end`: of what is durable.
    bool (*ready)(JournalLog *log, const Ledger *ledger, LogPosition end, Err *err);
    // With a cut: durable on return, seen by readers, whole or not at all.
    bool (*write)(JournalLog *log, const LogJob *job, Err *err);
    // Begins a segment at `at`.
    bool (*rotate)(JournalLog *log, LogPosition at, Slice preamble, Err *err);
    // Parts from `cut_end` to *next were written and are no more wanted. *next: where the next frame goes.
    bool (*undo)(JournalLog *log, LogPosition cut_end, LogPosition *next, Err *err);
    bool (*trim)(JournalLog *log, const LogTrim *trim, Err *err);
    LogPosition (*begin)(JournalLog *log);

    void (*expiring)(JournalLog *log, JournalExpiring *expiring); // NULL: nobody else removes of it

    // --- pins, as in journal.h

    bool (*pinned)(JournalLog *log, LogPosition none, LogPosition *lowest, Err *err);
    bool (*pin_set)(const char *directory, const char *name, LogPosition at, Err *err);
    bool (*pin_remove)(const char *directory, const char *name, Err *err);
    bool (*pin_open)(const char *directory, const char *name, const char *tag, LogPosition first, LogPin **pin,
                     LogPosition *at, Err *err);
    bool (*pin_raise)(LogPin *pin, LogPosition at, Err *err);
    void (*pin_close)(LogPin *pin);                                              // NULL is fine
    bool (*pin_there)(const char *url, const char *name, bool *there, Err *err); // NULL: it has no URL

    // --- reading. One thread at a time, but `wake`.

    // Stands at `from` (0 = the oldest frame there is). The STATE of the segment that holds it is applied to `ledger`.
    bool (*tail_open)(const char *directory, LogPosition from, size_t memory_bytes_max, Ledger *ledger,
                      JournalTail **tail, Err *err);
    void (*tail_close)(JournalTail *tail); // NULL is fine
    // The next frame below the durable end; *found false: none. STATE frames are applied, and not given.
    bool (*tail_next)(JournalTail *tail, Frame *frame, bool *found, Err *err);
    LogPosition (*tail_at)(const JournalTail *tail); // of the next frame, at the least
    // Applies the schemas that lie between the segment's STATE and `limit`; `cuts`: the cuts too.
    bool (*tail_before)(JournalTail *tail, LogPosition limit, bool cuts, Err *err);
    LogPosition (*tail_end)(JournalTail *tail);
    void (*tail_wait)(JournalTail *tail, int timeout_ms);
    void (*tail_wake)(JournalTail *tail);
    // "FILE, byte N" of a position, for errors.
    void (*tail_where)(const JournalTail *tail, LogPosition at, char *text, size_t size);

    // --- the rest of journal.h, as it is there

    bool (*place_check)(const char *url, const char *name, Err *err); // NULL: it is in the directory
    bool (*place_probe)(const char *url, const char *name, Err *err); // likewise
    bool (*seed)(const char *directory, Slice preamble, Err *err);    // ERR_EXISTS
    bool (*remove)(const char *directory, Err *err);                  // NULL: it goes with the directory
    bool (*look)(const char *directory, JournalLook *look, Ledger *ledger, Err *err);
    bool (*check)(const char *directory, JournalCheck *check, void (*finding)(void *context, const char *text),
                  void *context, Err *err);
} JournalDriver;

extern const JournalDriver LOCAL_JOURNAL, KAFKA_JOURNAL;

// That of the place which the directory stands for.
const JournalDriver *journal_driver(const char *directory);
// The head of a segment: its header and a STATE frame with all of the ledger.
void journal_preamble(const Ledger *ledger, LogPosition start, Buf *buf);

#endif
