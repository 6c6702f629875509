// SPDX-License-Identifier: Apache-2.0
// The journal: the durable log between a source and its sinks. One log per source connector; every change of every
// table goes into it, a CUT says how far the source is read, and both become durable in one act.
//
// A writer appends events to topics and then cuts. What is appended after a cut belongs to the next one. A cut is
// handed to the journal's own flusher thread, which writes it with its data and calls fdatasync once; meanwhile the
// next group can be filled. Readers, in this process or another, see nothing past the last durable cut, and after a
// crash the journal is exactly what its last durable cut says.
//
// A LogPosition is a byte position in the log as if it were one file for ever; it only grows, and trimming the front
// does not change it. The same code serves the spool, which is a second journal.
#ifndef LEAT_STORAGE_JOURNAL_JOURNAL_H
#define LEAT_STORAGE_JOURNAL_JOURNAL_H

#include "data/event/event.h"
#include "data/event/position.h"
#include "data/event/schema.h"

typedef struct Journal Journal;
typedef struct JournalReader JournalReader;
typedef uint64_t LogPosition;

typedef struct JournalOptions {
    size_t segment_bytes_max; // a segment is closed at the first cut past it; 0 = 64 MiB
    size_t memory_bytes_max;  // both groups together (the one being filled, the one being flushed); 0 = 16 MiB
    uint64_t retention_bytes; // keep this much below the lowest pin, for readers that come later
    uint64_t retention_ms;    // …but nothing older than this; 0 = no limit by age
    uint64_t bytes_max;       // journal.bytes.max: journal_append fails with ERR_JOURNAL_FULL; 0 = no limit
    // What a sink's target remembers and a journal restored from an older copy has forgotten: the epoch and the topics'
    // offsets start above these.
    uint64_t epoch_floor;
    const struct JournalFloor *floors;
    size_t floor_count;
} JournalOptions;

typedef struct JournalFloor {
    Slice topic;
    uint64_t offset; // the topic's next one at the least
} JournalFloor;

// --- where it is -----------------------------------------------------------------------------------------------

// A journal is a directory; its log is in files there, or, once this was told, in a topic of Kafka's. All other calls
// name the directory, which then holds lock and pins. `url` "": in files. `name`: of the pipeline, which names the
// topic. ERR_OPTION: the journal exists, and is elsewhere; or no journal can be there.
CHECKED bool journal_place(const char *directory, const char *url, const char *name, Err *err);
// Can a journal be there? Asks nobody.
CHECKED bool journal_place_check(const char *url, const char *name, Err *err);
// …and does somebody answer there now, and let us in? What refuses connections is asked for some seconds only: of a
// journal that is to be made.
CHECKED bool journal_place_probe(const char *url, const char *name, Err *err);
// Is it not in files?
bool journal_is_remote(const char *directory);
// Deletes the log of a remote journal that nobody writes. The directory stays. Absence is fine.
CHECKED bool journal_remove(const char *directory, Err *err);

// --- writing ---------------------------------------------------------------------------------------------------

// Creates the directory when missing, takes its lock (ERR_LOCKED names the other process), recovers: everything after
// the last durable cut is cut off, damage below it is ERR_JOURNAL_CORRUPT. Raises the epoch.
CHECKED bool journal_open(const char *directory, const JournalOptions *options, Journal **journal, Err *err);
// Makes a journal without entries that goes on from `state`, which journal_reader_state gave: its position, offsets,
// schemas and the source's facts. ERR_EXISTS when the directory holds a journal.
CHECKED bool journal_seed(const char *directory, Slice state, Err *err);
// What was appended after the last journal_cut is dropped; cuts handed over are waited for. NULL is fine.
void journal_close(Journal *journal);

// The topic's number, made when it is new. Names are any bytes without NUL, 1 to 512.
uint32_t journal_topic(Journal *journal, Slice name);
// The schema's number in this journal: that of an equal schema already there, else a new one. Schema frames are in
// the log before their first use.
uint32_t journal_schema(Journal *journal, uint32_t topic, const Schema *schema);
// Appends to the open group. Large groups are written (not yet made visible) as they grow, within memory_bytes_max;
// then this call may block until the flusher has room.
CHECKED bool journal_append(Journal *journal, uint32_t topic, uint32_t schema, const Event *event, Err *err);
// Small durable facts of the source (state per table, for one), kept by key, part of the next cut. An empty value
// removes the key.
void journal_state_put(Journal *journal, Slice key, Slice value);
// The value as of the last put, borrowed until the next call; an empty slice when absent.
Slice journal_state_get(const Journal *journal, Slice key);
void journal_state_each(const Journal *journal, void (*visit)(void *context, Slice key, Slice value), void *context);

// Ends the open group at `position`, hands it to the flusher, returns at once if the flusher is idle, else when it
// has finished the one before. A group may be empty: the cut alone moves the position. Errors of the flusher are
// reported by this and every later call; after one the journal can only be closed.
CHECKED bool journal_cut(Journal *journal, const Position *position, Err *err);
// True while a cut, or an early part of a large group, is being flushed. For the source's loop: gather while busy, cut
// when idle.
bool journal_busy(const Journal *journal);
// Waits until every cut handed over is durable.
CHECKED bool journal_sync(Journal *journal, Err *err);
// The position of the last durable cut, and how many cuts have become durable since open.
uint64_t journal_durable(const Journal *journal, Position *position);
// Readable (eventfd) after each cut that became durable or failed, and each part written early; the caller reads it to
// reset it.
int journal_event_fd(const Journal *journal);
// Bytes appended that are held in memory; those of a large group that were written early, before its cut, do not count.
size_t journal_pending_bytes(const Journal *journal);
// Drops what was appended since the last cut (a source that reconnects sends it again).
CHECKED bool journal_rollback(Journal *journal, Err *err);
// Deletes segments below the lowest pin and past retention. Called by the writer now and then.
CHECKED bool journal_trim(Journal *journal, Err *err);

typedef struct JournalInfo {
    uint64_t epoch;         // of the writer; grows at each journal_open
    uint64_t cut_sequence;  // of the last durable cut
    Position position;      // of the last durable cut
    LogPosition begin, end; // the log holds [begin, end)
    uint64_t cut_ms;        // wall clock of the last durable cut, ms since 1970
    uint64_t cuts, cuts_us; // made durable since open, and the time that writing and flushing them took
} JournalInfo;
void journal_info(const Journal *journal, JournalInfo *info);

// Of a journal in Kafka, where brokers remove what sinks, or the next start, need.
typedef struct JournalExpiring {
    double share; // how much of the topic's retention that has used up, 0 to 1; -1 = nobody removes of it
    char of[300]; // TOPIC-PARTITION
} JournalExpiring;
// In the writer's thread. As of the last journal_trim.
void journal_expiring(const Journal *journal, JournalExpiring *expiring);

// --- pins ------------------------------------------------------------------------------------------------------

// A sink pins the journal from its creation to its deletion: nothing at or above the pin is trimmed. A pin holds while
// no process runs, and, of a journal in Kafka, wherever the sink runs: it is a small file in the journal's directory,
// or a record of the compacted topic PREFIX.pins. Only raise it after the sink has committed.
CHECKED bool journal_pin(const char *directory, const char *name, LogPosition at, Err *err);
CHECKED bool journal_unpin(const char *directory, const char *name, Err *err); // absent is fine
// The lowest pin; `none` when there is none. Asks nobody: in Kafka, what has come by now.
CHECKED bool journal_pinned(Journal *journal, LogPosition none, LogPosition *lowest, Err *err);

// A pin that is raised often.
typedef struct JournalPin JournalPin;
// Of which journal a pin in Kafka is says its `tag` (no blanks), so that it is not taken for another one's that had the
// same name; NULL: nobody asks. Where there is no such pin, it is made at `first`. *at: where it was, or 0 when there
// was none of that tag.
CHECKED bool journal_pin_open(const char *directory, const char *name, const char *tag, LogPosition first,
                              JournalPin **pin, LogPosition *at, Err *err);
// It is there a moment later (in Kafka some seconds), by the next call, or when it is closed.
CHECKED bool journal_pin_raise(JournalPin *pin, LogPosition at, Err *err);
void journal_pin_close(JournalPin *pin); // NULL is fine

// Has any journal in Kafka, by the URL of journal_place, a pin of that name? Asks Kafka; of any tag.
CHECKED bool journal_pin_there(const char *url, const char *name, bool *there, Err *err);

// --- reading ---------------------------------------------------------------------------------------------------

typedef enum JournalEntryKind {
    JOURNAL_SCHEMA, // a topic and schema, before their first batch (and again at the start of a reader)
    JOURNAL_EVENT,
    JOURNAL_CUT, // everything before it is one consistent state of all tables
    JOURNAL_END, // nothing more for now: journal_reader_wait
} JournalEntryKind;

typedef struct JournalTopic {
    uint32_t id;
    Slice name;
} JournalTopic;

typedef struct JournalEntry {
    JournalEntryKind kind;
    LogPosition at;            // where the entry's frame starts
    LogPosition next;          // where the next frame starts: a reader opened there goes on behind this frame
    const JournalTopic *topic; // SCHEMA, EVENT; lives as long as the reader
    const Schema *schema;      // SCHEMA, EVENT; lives as long as the reader
    uint64_t offset;           // EVENT: of its first wire record in the topic
    const Event *event;        // EVENT; borrowed until the next call
    uint64_t epoch;            // CUT
    uint64_t cut_sequence;     // CUT
    const Position *position;  // CUT; borrowed
    uint64_t cut_ms;           // CUT; wall clock of the writer, ms since 1970
    JournalReader *reader;     // CUT; for journal_reader_state
} JournalEntry;

// Opens for reading at `from`, which must be 0 (the oldest entry there is) or a `next` that an entry gave. Needs no
// lock. ERR_NOT_FOUND when `from` has been trimmed away.
CHECKED bool journal_reader_open(const char *directory, LogPosition from, size_t memory_bytes_max,
                                 JournalReader **reader, Err *err);
void journal_reader_close(JournalReader *reader);
// From now on the reader keeps the journal's whole state as of the last CUT that it gave: called before the first entry
// is read.
CHECKED bool journal_reader_keep_state(JournalReader *reader, Err *err);
// Appends that state, for journal_seed. What a sink keeps beside its data, so that the data directory may be lost.
void journal_reader_state(const JournalReader *reader, Buf *out);
CHECKED bool journal_reader_next(JournalReader *reader, JournalEntry *entry, Err *err);
// Sleeps until the writer has made another cut durable, `timeout_ms` have passed, or journal_reader_wake.
void journal_reader_wait(JournalReader *reader, int timeout_ms);
void journal_reader_wake(JournalReader *reader); // from another thread or a signal handler
// The newest durable end of the log, so that a reader can tell how far behind it is.
LogPosition journal_reader_end(JournalReader *reader);

// State and facts of a journal that may or may not have a live writer: for `leat status`.
typedef struct JournalLook {
    JournalInfo info;
    uint64_t topic_count;
    bool live; // a writer holds the lock
} JournalLook;
typedef void (*JournalStateVisit)(void *context, Slice key, Slice value);
typedef void (*JournalTopicVisit)(void *context, Slice name, uint64_t next_offset);
CHECKED bool journal_look(const char *directory, JournalLook *look, JournalStateVisit state, JournalTopicVisit topic,
                          void *context, Err *err);

// Reads every frame, checks every checksum, sequence and count. Calls `finding` for each defect; false only when the
// check itself cannot run. `leat journal check`.
typedef struct JournalCheck {
    uint64_t segments, frames, events, cuts, bytes;
    uint64_t defects;
} JournalCheck;
CHECKED bool journal_check(const char *directory, JournalCheck *check, void (*finding)(void *context, const char *text),
                           void *context, Err *err);

#endif
