// SPDX-License-Identifier: Apache-2.0
// The sink seam: takes the journal's entries in order and commits data and position in one act.
//
// The pump opens a sink, asks where it wants to start, and hands it every entry from there on. The sink decides when to
// publish, only ever up to a cut, and remembers by itself what it has published: after a crash it names the same
// start, or a later one, and skips what it has. Driver: a const struct of functions in its folder, listed once in
// app/drivers.c. Every driver passes tests/conformance/sink.
#ifndef LEAT_FLOW_SINK_SINK_H
#define LEAT_FLOW_SINK_SINK_H

#include "core/base/err.h"
#include "core/config/option.h"
#include "core/sys/throttle.h"
#include "data/connect/connect_record.h"
#include "flow/sink/record_rules.h"
#include "flow/sink/share.h"
#include "storage/journal/journal.h"
#include "storage/store/store.h"

typedef struct Sink Sink;

// Makes the records of events, in place of the sink's own envelope: those of a sink connector.
typedef struct SinkRecords {
    // At most CONNECT_RECORDS_MAX, with offsets within the event's span; good until `scratch` is reset or the next
    // call. Shapes stay until the sink is closed.
    bool (*make)(void *context, Arena *scratch, const JournalEntry *entry, ConnectRecord *records, size_t *count,
                 Err *err);
    // A record of the entry that was made last, which the sink cannot take: true, and no error any more, when it is set
    // aside. NULL: nothing is.
    bool (*reject)(void *context, Arena *scratch, const JournalEntry *entry, const ConnectRecord *record, Err *err);
    // The key or value of a record of the entry that was made last, as the source's converter writes it: appended to
    // `out`, or *null. For sinks that write just that; NULL: there is no such form.
    bool (*bytes)(void *context, bool is_key, const ConnectRecord *record, Buf *out, bool *null, Err *err);
    void *context;
    bool schemas; // another schema of values begins new files, whatever their form
} SinkRecords;

typedef struct SinkContext {
    const char *name; // of the sink in its pipeline
    const char *pipeline;
    const char *database;        // of the source; NULL = unknown
    const char *url;             // as the user gave it: a path or URL
    const char *state_directory; // pipelines/NAME/sinks/SINK, exists, ours alone
    const char *data_directory;  // all of leat's; NULL for a probe
    const void *options;         // the driver's option struct, filled by its table
    size_t memory_bytes_max;     // all buffers of the sink together
    // Several sinks share: what this one may have by now, below memory_bytes_max; NULL = all of it.
    const _Atomic size_t *memory_share;
    const SinkRecords *records; // NULL = the sink's own envelope
    const RecordRules *rules;   // which tables they go into, of a lake
    // ack.policy=sink: the source forgets what the sink has published, so the data directory may be lost. The sink then
    // publishes all tables at one cut, and keeps the journal's state of that cut in the target.
    bool complete;
    // All tables have been read: the rows of their snapshots are in the journal below this; 0 = not (yet), NULL = it is
    // not known.
    const _Atomic LogPosition *read_below;
    // Of a journal in Kafka: 16 hexadecimal digits of its own, NULL = none are known. Log positions and offsets that
    // the target remembers under it hold whatever became of the state directory, which may be new, or older than the
    // target.
    const char *journal_id;
    bool journal_kept; // the state directory is new, the journal is not: log positions that the target remembers hold
    const SinkShare *share; // of topics of a real Kafka: this sink is one task of them; NULL = all topics are its own
    bool compared;          // `checkpoint` was asked in this run, and what it said was done
    // Called, from within the sink's calls, while it waits for something that is away: what that is. False: it is not
    // to wait any longer. NULL = nobody wants to know.
    bool (*waits)(void *context, const Err *why);
    void *waits_context;
} SinkContext;

// What the target remembers of a pipeline and the data directory does not: that was lost, or is an older copy.
typedef struct SinkCheckpoint {
    bool ahead;
    bool moved;     // partitions of this share are still those of another number of tasks: `open` takes them over
    Slice state;    // to journal_seed from, in a new data directory; empty: offsets are all that is known
    uint64_t epoch; // the journal's must be above it
    const JournalFloor *floors;
    size_t floor_count;
} SinkCheckpoint;

typedef struct SinkStats {
    uint64_t events;       // taken in since open, without those skipped
    uint64_t bytes;        // published since open
    uint64_t files;        // published since open
    uint64_t commits;      // of a lake, since open, all tables together; 0 = it does not count them
    uint64_t published_ms; // wall clock of the last publication, 0 = none yet
    StoreUsage requests;   // asked of the store since open
    char trouble[400];     // what it passes over, and the remedy; empty = nothing
} SinkStats;

// A topic whose records are to be taken from another offset on: what is wanted, and what came of it.
typedef struct SinkReset {
    Slice topic;
    uint64_t to;     // wanted
    uint64_t oldest; // that the journal has; where its epochs begin, `oldest` first
    uint64_t end;    // behind its newest
    const struct SinkResetEpoch *epochs;
    size_t epoch_count;
    uint64_t last_epoch; // of the journal's newest cut
    // Found out:
    uint64_t was, now; // the next record that the sink takes, before and then
    uint64_t files;    // that were removed: all with records from `now` on
} SinkReset;

typedef struct SinkResetEpoch {
    uint64_t offset; // of the first record that a cut of that epoch ended
    uint64_t epoch;
} SinkResetEpoch;

// A table of the target, as the sink that writes it knows it.
typedef struct SinkTable {
    Slice topic;
    const char *aside;     // why its changes are passed over until it is read again; NULL = they are not
    int64_t committed_us;  // when the newest committed change happened at the source; 0 = none in this run
    int64_t waiting_us;    // and the oldest that was taken and is not committed; 0 = there is none
    uint64_t waiting_rows; // changes so taken
} SinkTable;
typedef void (*SinkTableVisit)(void *context, const SinkTable *table);

typedef struct SinkOffset {
    Slice topic;
    uint64_t committed; // records below are published
} SinkOffset;

// What came of corrections.
typedef struct SinkRepair {
    uint64_t put, removed; // rows
    uint64_t passed_over;  // corrections of rows that a later change has already rewritten
} SinkRepair;

// A table of the target as it stood at a tag, to be compared with the source's.
typedef struct SinkCompareTable {
    const Shape *record; // a STRUCT: the columns that both sides have, in the target's types
    const int32_t *key;  // fields of it
    size_t key_count;    // 0 = none: a row may be there any number of times
    // Then what its corrections have for a key: the whole row.
    const int32_t *bag;
    size_t bag_count;
    uint64_t rows;           // about so many
    const char *irreparable; // why `repair` has nothing for it; NULL = it can be repaired
    void *state;             // the driver's
} SinkCompareTable;

// What is compared.
typedef struct SinkCompareOptions {
    const char *tag;           // of commit_at
    uint64_t limit;            // changes with this commit_lsn and above came after the moment; 0 = it is not known
    const volatile bool *stop; // ERR_INTERRUPTED; NULL = never
    Throttle *throttle;        // of what compare_rows reads without giving it; NULL = none
} SinkCompareOptions;

typedef struct SinkCompareRow {
    const Value *values; // one a field of the record
    Slice file;          // where it stands, for corrections
    uint64_t position;
} SinkCompareRow;

typedef struct SinkDriver {
    const char *name;
    const OptionTable *options;
    bool comments;   // it keeps those that the source has of tables and columns
    int64_t pace_us; // what becomes durable within so long after the first is taken in one go
    // True when the driver understands this URL or path. Exactly one driver takes each.
    bool (*accepts)(const char *url);
    // Checks that the target can be written, without creating anything. For doctor and --dry-run.
    bool (*probe)(const SinkContext *context, Err *err);
    // Compares the target's memory with the state directory, before anything is opened. Changes nothing.
    bool (*checkpoint)(const SinkContext *context, Arena *arena, SinkCheckpoint *checkpoint, Err *err);
    // Recovers what a crash left half-done, before anything else.
    bool (*open)(const SinkContext *context, void **state, Err *err);
    void (*close)(void *state);
    // Where to read the journal from: everything below is published. 0 = from its beginning.
    LogPosition (*start)(void *state);
    // SCHEMA, EVENT, CUT, in journal order. May publish at a CUT when its rules say so.
    bool (*take)(void *state, const JournalEntry *entry, Err *err);
    // Publishes everything up to the last cut taken. At the end of a run, before a pause; between groups: what a group
    // that has no cut yet has touched may wait for it.
    bool (*flush)(void *state, Err *err);
    // Time passes without entries: rotation by age. Returns through `next_ms` in how many ms it wants to be called
    // again
    // (-1 = no need).
    bool (*tick)(void *state, int64_t *next_ms, Err *err);
    // The lowest position that is still needed after a crash now: the journal may be trimmed below it.
    LogPosition (*pin)(void *state);
    void (*stats)(void *state, SinkStats *stats);
    // Each table that it has open or has set aside; NULL where a sink knows of none.
    void (*tables)(void *state, SinkTableVisit visit, void *context);
    // Takes records of these topics from other offsets on, while nobody has the sink open. Back: what was published
    // from there on is removed first, so the offset is the nearest one that no published file has records on both sides
    // of: the next below, or if the journal has not got that one any more, the next above. Ahead: what lies between is
    // never published. Then the journal must be read from its beginning. With `dry_run` only `was`, `now`, `files` are
    // found out.
    bool (*reset)(const SinkContext *context, SinkReset *topics, size_t count, bool dry_run, Err *err);
    // How far each topic is published, as the state directory has it; also while the sink is open elsewhere.
    bool (*offsets)(const SinkContext *context, Arena *arena, SinkOffset **offsets, size_t *count, Err *err);
    // Removes the state that `open` made; with `purge_data` also everything published. For `leat delete`.
    bool (*remove)(const SinkContext *context, bool purge_data, Err *err);

    // For comparisons (flow/pipeline/hold.h); all NULL where a sink has none. Called between two entries, by the thread
    // that calls take.
    //
    // From here on nothing is committed, whatever is taken and however much time passes, until commit_at is done. Again
    // after the sink was opened anew.
    bool (*hold)(void *state, Err *err);
    // All that is of the source's moment `at` was taken, and nothing of what comes after it: commits just that, also in
    // the middle of a group, and marks each table's snapshot with `tag`, so that it stays. *done false: that takes a
    // cut; asked again behind the next one. Called again with the same tag after a crash or failure: does what is
    // missing.
    bool (*commit_at)(void *state, const Position *at, const char *tag, bool *done, Err *err);
    // The hold ends if there is one still, the tag goes (NULL: there is none). Both may be gone already.
    bool (*release)(void *state, const char *tag, Err *err);
    // Applies the corrections of that file (flow/sink/corrections.h), in one commit: each only where the row is still
    // what it was at the tag, whose hold has not been released. Called behind a cut, so that no transaction is torn.
    bool (*repair)(void *state, const char *corrections, SinkRepair *repair, Err *err);
    // The target as it was at a tag, read by any process beside the one that writes; one thread at a time, but that
    // compare_map and compare_rows may run side by side.
    bool (*compare_open)(const SinkContext *context, const SinkCompareOptions *options, void **compare, Err *err);
    // The table of that topic; lives as long as `arena`, which compare_close needs no more. `schema` is that of the
    // source's rows; NULL: it has none. ERR_NOT_FOUND: there is no such table; ERR_TABLE: it cannot be compared.
    bool (*compare_table)(void *compare, Slice topic, const Schema *schema, Arena *arena, SinkCompareTable *table,
                          Err *err);
    // A source's row as the sink would write it: one value a field of the record, good until `scratch` is reset or the
    // next call. *inexact is raised by how many values became NULL because the target's type cannot hold them; `lost`
    // (one a field) is raised where that was.
    bool (*compare_map)(const SinkCompareTable *table, Arena *scratch, const Schema *schema, const Event *event,
                        const Value **values, uint64_t *lost, uint64_t *inexact, Err *err);
    // All rows, any number of times. False from `row` stops with its error.
    bool (*compare_rows)(const SinkCompareTable *table, bool (*row)(void *context, const SinkCompareRow *row, Err *err),
                         void *context, Err *err);
    void (*compare_table_close)(SinkCompareTable *table);
    void (*compare_close)(void *compare);
} SinkDriver;

CHECKED bool sink_open(const SinkDriver *driver, const SinkContext *context, Sink **sink, Err *err);
void sink_close(Sink *sink);
LogPosition sink_start(Sink *sink);
CHECKED bool sink_take(Sink *sink, const JournalEntry *entry, Err *err);
CHECKED bool sink_flush(Sink *sink, Err *err);
CHECKED bool sink_tick(Sink *sink, int64_t *next_ms, Err *err);
LogPosition sink_pin(Sink *sink);
void sink_stats(Sink *sink, SinkStats *stats);
void sink_tables(Sink *sink, SinkTableVisit visit, void *context);
// ERR_OPTION where the driver cannot.
CHECKED bool sink_hold(Sink *sink, Err *err);
CHECKED bool sink_commit_at(Sink *sink, const Position *at, const char *tag, bool *done, Err *err);
CHECKED bool sink_release(Sink *sink, const char *tag, Err *err);
CHECKED bool sink_repair(Sink *sink, const char *corrections, SinkRepair *repair, Err *err);

#endif
