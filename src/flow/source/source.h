// SPDX-License-Identifier: Apache-2.0
// The source seam: reads snapshots and changes of one source into a journal.
//
// A source is run, not called: it gets the journal (and the spool, a second one) and works until its goal is reached,
// it is told to stop, or something fails. All its durable state is in the journal's cuts, so a run that ends in any
// way, kill -9 included, is continued by the next one. The pipeline owns retries: a run that fails with a TRANSIENT
// error is simply run again. Driver: a const struct of functions in its folder, listed once in app/drivers.c.
#ifndef LEAT_FLOW_SOURCE_SOURCE_H
#define LEAT_FLOW_SOURCE_SOURCE_H

#include "core/base/err.h"
#include "core/config/option.h"
#include "core/sys/throttle.h"
#include "data/connect/program.h"
#include "storage/journal/journal.h"

typedef struct Properties Properties; // core/config/properties.h, whose Property is another one than a lake's

typedef enum TableState { TABLE_PENDING, TABLE_SNAPSHOT, TABLE_STREAMING, TABLE_QUARANTINED } TableState;
const char *table_state_name(TableState state);

typedef struct TableReport {
    const char *name; // schema.table
    TableState state;
    const char *reason;   // of a quarantine, or NULL
    uint64_t lsn;         // of a quarantine: what the source committed from there on is passed over; 0 = not known
    double rows_expected; // of the snapshot; -1 = unknown
    int64_t bytes_expected;
    uint64_t snapshot_rows, snapshot_bytes;
    uint64_t changes; // streamed since the process started
} TableReport;

typedef enum SourceMode { SOURCE_ONCE, SOURCE_FOLLOW, SOURCE_SNAPSHOT_ONLY, SOURCE_NO_SNAPSHOT } SourceMode;
typedef enum SourcePhase { SOURCE_CONNECTING, SOURCE_SNAPSHOTTING, SOURCE_CATCHING_UP, SOURCE_STREAMING } SourcePhase;

typedef struct SourceReport {
    SourcePhase phase;
    TableReport *tables; // valid during the report call
    size_t table_count;
    uint64_t changes;
    uint64_t source_lsn;  // the server's end of log as last heard
    uint64_t durable_lsn; // of the last durable cut
    int64_t lag_ms;       // from a change's commit to its durability here, the newest; -1 = none yet
    int64_t slot_retained_bytes, slot_safe_bytes; // -1 = unknown, no cap
    double retention_share;   // of what is read: how much of its retention what comes next has used up, 1 = records are
                              // removed; -1 = nothing expires, or not known
    const char *retention_of; // which part of it that is
    uint64_t dead_letters;
} SourceReport;
// Of a source that has said nothing yet.
#define SOURCE_REPORT_UNKNOWN \
    ((SourceReport){.lag_ms = -1, .slot_retained_bytes = -1, .slot_safe_bytes = -1, .retention_share = -1})

typedef struct SourceContext {
    const char *pipeline; // its name; names on the source carry it
    const char *url;
    const char *tables, *exclude; // patterns; NULL or "" = all, none
    const char *publication;      // of a DBA; NULL or "" = make our own
    const char *slot;             // NULL or "" = leat_PIPELINE
    const char *from;             // SOURCE_NO_SNAPSHOT: only what was committed behind it; NULL or "" = from now on
    const char *detach;           // partition policy: resync | keep | stop
    bool dead_letters;            // a row that cannot be decoded goes there instead of stopping the run
    bool slot_failover;
    bool comments; // schemas have those of tables and columns
    bool messages; // pg_logical_emit_message is captured too, into topic leat.messages
    size_t memory_bytes_max;
    size_t row_bytes_max; // a larger row is an error
    int snapshot_connections;
    int slot_create_timeout_ms;
    int catalog_interval_ms;    // how often --follow looks for new and changed tables
    uint64_t journal_bytes_max; // the source pauses when more of the journal waits for the sink; 0 = never

    // A connector's configuration, references resolved, for what only connectors have (Debezium's filters, snapshot
    // modes, signals, heartbeat, …); NULL = a pipeline of `leat sync`. With it: where events go
    // (data/connect/program.h), and that the schemas of new routes are registered before anything of theirs is
    // appended.
    const Properties *properties;
    bool (*route)(void *context, const Schema *schema, ConnectRoute *route, Err *err);
    bool (*route_event)(void *context, const Schema *schema, const Event *event, Slice *topic, uint32_t *span,
                        Err *err);

    SourceMode mode;
    const char *directory; // the pipeline's
    Journal *journal;
    JournalOptions spool_options;
    const volatile bool *stop;
    // May the source be told that everything up to here is safe? (ack.policy=sink asks the sink.) NULL = a durable cut
    // is.
    bool (*acknowledged)(void *context, Position *position);
    LogPosition (*published)(void *context); // the sink has committed what lies below; NULL = no sink waits
    // Tables that someone asked to read again (patterns), or NULL. Called about once a second; `done` when it has been
    // made durable.
    const char *(*resync_wanted)(void *context);
    void (*resync_taken)(void *context);
    // While true somebody waits for the position to move: cuts come soon, also when nothing changes. NULL = never.
    bool (*hurried)(void *context);
    // About four times a second, and at the end. False: stop, the other half of the pipeline has failed.
    bool (*report)(void *context, const SourceReport *report);
    void *context;
} SourceContext;

// What a run would do before anything is created.
typedef struct SourcePlan {
    bool first_run;
    char server[192]; // "PostgreSQL 15.18, database shop"
    const char *slot;
    bool slot_exists;
    const char *publication; // names, comma-separated
    int64_t slot_cap_bytes;  // -1 = none
    const TableReport *tables;
    size_t table_count;
    const char *const *warnings;
    size_t warning_count;
    double rows;
    int64_t bytes;
} SourcePlan;

// --- comparing: what a source held at one moment, read beside a run ---------------------------------------------

// A moment of the source: all that it had committed before, nothing of what came after.
typedef struct SourceMoment {
    uint64_t commit_lsn; // events whose commit_lsn is below are of it
    Position position;   // a cut that has it (SourceDriver.reached) has all of them before it
    int64_t taken_us;    // microseconds since 1970
} SourceMoment;

typedef struct SourceCompareOptions {
    const char *replica_url; // a physical standby to read from, NULL = the source itself
    int timeout_ms;          // for the moment to be had: open transactions are in the way
    const volatile bool *stop;
} SourceCompareOptions;

// A table as it was at the moment.
typedef struct SourceCompareTable {
    Slice topic; // that its events have in the journal
    Slice space, name;
    double rows; // expected; -1 = unknown
    int64_t bytes;
    bool readable; // else `reason` says why it cannot be compared
    const char *reason;
} SourceCompareTable;

// What to read of a table.
typedef struct SourceCompare {
    // Only these rows: `ordinal`s of events that an earlier reading of the same comparison gave. NULL = all.
    const uint64_t *rows;
    size_t row_count;
    // All rows, divided: this is part `part` of `parts` (0 and 1 are the whole).
    uint32_t part, parts;
    uint32_t sample;       // only about one row in so many (by pages); 0 = all
    Throttle *throttle;    // of the bytes read; NULL = as fast as it goes
    const Schema **schema; // set to that of the table's rows, also when it has none; NULL = it need not be
} SourceCompare;

// OP_READ, as a snapshot gives them. `ordinal` is the row's place in the comparison: see SourceCompare.rows. The schema
// lives until compare_close; both sides' values are those of one decoder. False ends the reading with `err`.
typedef bool (*SourceCompareRow)(void *context, const Schema *schema, const Event *event, Err *err);

typedef struct SourceDriver {
    const char *name;
    bool (*accepts)(const char *url);
    const OptionTable *options; // that are parameters of its URL; NULL = the URL is another's, as libpq's
    // Connects and looks; creates nothing. The journal in `context` may be NULL.
    bool (*plan)(const SourceContext *context, Arena *arena, SourcePlan *plan, Err *err);
    // Returns true when the mode's goal is reached or *stop is set, at a durable checkpoint.
    bool (*run)(const SourceContext *context, Err *err);
    // Removes what `run` has created on the source, as far as the journal (NULL = not to be had) knows of it. Absent is
    // fine.
    bool (*remove)(const SourceContext *context, Err *err);

    // Of connectors (context.properties): where the source stands, as Kafka Connect's REST API shows it. The context
    // needs url (or NULL: from the properties), properties, directory and journal.
    //
    // Appends [{"partition":{…},"offset":{…}}], or [] when it stands nowhere. The journal may be that of a run under
    // way, in its thread (the report is a good place), or NULL: then what is durable in context.directory is looked at.
    bool (*offsets_get)(const SourceContext *context, Buf *json, Err *err);
    // Of a source that does not run, its journal open: goes on from there with the next run. ERR_OPTION: no offset of
    // this source; ERR_SLOT_LOST, ERR_SLOT_MISMATCH: the server has not what comes behind it. `offset` NULL is a reset.
    bool (*offsets_alter)(const SourceContext *context, const Properties *partition, const Properties *offset,
                          Err *err);
    // Likewise: forgets where it stood, so that the next run begins as the first one did (snapshot.mode).
    bool (*offsets_reset)(const SourceContext *context, Err *err);

    // Comparisons; NULL where a source has none. The context needs pipeline, url, tables and exclude.
    //
    // Takes a moment and holds it until compare_close. ERR_SOURCE_SETUP names who is in the way.
    bool (*compare_open)(const SourceContext *context, const SourceCompareOptions *options, void **state,
                         SourceMoment *moment, Err *err);
    // The tables that the pipeline captures, in the arena, in the order of their names.
    bool (*compare_tables)(void *state, Arena *arena, SourceCompareTable **tables, size_t *count, Err *err);
    // Any number of threads may read at once, each call over a connection of its own.
    bool (*compare_table)(void *state, Slice topic, const SourceCompare *what, SourceCompareRow row, void *context,
                          Err *err);
    void (*compare_close)(void *state);
    // True when everything of the moment lies before a cut at `cut`.
    bool (*reached)(const Position *cut, const SourceMoment *moment);
} SourceDriver;

#endif
