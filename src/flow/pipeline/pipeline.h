// SPDX-License-Identifier: Apache-2.0
// A pipeline: one source with its journal and its sink, in one folder. The only place where source, journal and sink
// meet.
//
//     DATA/FORMAT                       format version of the data directory
//     DATA/pipelines/NAME/config.json   what the user asked for; secrets only as references or not at all
//                        /lock          held by the process that runs it
//                        /journal/      see storage/journal
//                        /spool/        changes of tables whose snapshot is not done yet; large open transactions
//                        /sinks/main/   the sink's state and plan
//                        /requests/     what other processes ask of the running one (resync)
//                        /status.json   the newest report of the running process, for `leat status`
//                        /verify.json   what came of verifications on a schedule (verify_state.h)
#ifndef LEAT_FLOW_PIPELINE_PIPELINE_H
#define LEAT_FLOW_PIPELINE_PIPELINE_H

#include "core/config/option.h"
#include "flow/sink/sink.h"

#include <limits.h>
#include "flow/source/source.h"

// Options of every pipeline; PIPELINE_OPTIONS describes them.
typedef struct PipelineOptions {
    const char *tables, *exclude;
    const char *publication; // of a DBA; "" = make our own
    const char *slot;        // "" = leat_NAME
    const char *from_lsn;    // where changes begin, without a snapshot; "" = now
    const char *ack_policy;  // journal | sink
    const char *journal;     // kafka://…; "" = in the data directory
    const char *errors;      // fail | dead-letter
    const char *detach;      // partition policy: resync | keep | stop
    bool slot_failover;
    bool messages; // logical messages are captured too
    int64_t memory_limit;
    int64_t row_bytes_max;
    int64_t snapshot_connections;
    int64_t slot_create_timeout_ms, catalog_interval_ms;
    int64_t journal_retention_bytes, journal_retention_ms, journal_bytes_max, journal_segment_bytes;
    int64_t verify_interval_ms, verify_max_rate;
} PipelineOptions;
extern const OptionTable PIPELINE_OPTIONS;

// The drivers there are (app/drivers.c), NULL-terminated lists. The one that accepts a URL is taken.
typedef struct PipelineDrivers {
    const SourceDriver *const *sources;
    const SinkDriver *const *sinks;
} PipelineDrivers;

typedef struct PipelineConfig {
    const char *name; // [a-z0-9_], 1 to 40
    const char *data_directory;
    const char *directory; // DATA/pipelines/NAME
    const char *source_url;
    const char *sink_url;
    const char *format;
    PipelineOptions options;
    const SourceDriver *source;
    const SinkDriver *sink;
    void *sink_options; // filled by sink->options
} PipelineConfig;

// $LEAT_DATA_DIR, else ~/.local/share/leat.
char *pipeline_data_directory(Arena *arena, const char *option);
// A name from source and sink when the user gave none: database and last folder ("shop_lake"), sanitised.
char *pipeline_default_name(Arena *arena, const char *source_url, const char *sink_url);
// Reads config.json. ERR_NOT_FOUND names the pipelines that exist.
CHECKED bool pipeline_config_load(const char *data_directory, const char *name, const PipelineDrivers *drivers,
                                  Arena *arena, PipelineConfig *config, Err *err);
CHECKED bool pipeline_config_save(const PipelineConfig *config, Err *err);

// What the source and the sink of a pipeline are told; state_directory is filled in and referred to.
void pipeline_source_context(const PipelineConfig *config, SourceContext *context);
void pipeline_sink_context(const PipelineConfig *config, char state_directory[PATH_MAX], SinkContext *context);

typedef enum PipelinePhase {
    PIPELINE_CONNECTING,
    PIPELINE_SNAPSHOTTING,
    PIPELINE_CATCHING_UP,
    PIPELINE_STREAMING,
    PIPELINE_FLUSHING,
    PIPELINE_WAITING, // for the source to come back; see `trouble`
    PIPELINE_DONE,
} PipelinePhase;
const char *pipeline_phase_name(PipelinePhase phase);

typedef struct PipelineReport {
    PipelinePhase phase;
    const char *trouble; // why it waits, or NULL
    int64_t elapsed_ms;
    const TableReport *tables;
    size_t table_count;
    uint64_t changes;     // streamed since the process started
    uint64_t source_lsn;  // the server's WAL end as last heard
    uint64_t durable_lsn; // of the last durable cut, what the slot is told
    int64_t lag_bytes;    // source_lsn - durable_lsn
    int64_t lag_ms;       // age of the newest change when it became durable, or while the source
                          // is away, how long it has been; -1 = none yet
    int64_t slot_retained_bytes, slot_safe_bytes; // -1 = unknown, no cap
    double retention_share;                       // of Kafka's topics that are read, or are the journal: how much of
                                                  // its retention what is needed next has used up; -1 = nothing expires
    const char *retention_of;                     // TOPIC-PARTITION
    uint64_t journal_bytes;                       // on disk
    uint64_t journal_written;                     // bytes appended since the process started
    uint64_t commits, commit_us;                  // group commits of the journal in this run, and what they took
    uint64_t queue_bytes, queue_bytes_max;        // read and not yet handed to a commit; what may be
    uint64_t sink_behind_bytes;                   // of the journal not yet published
    const char *sink_trouble;                     // what the sink cannot get past for now, or NULL
    uint64_t sink_tries, sink_away_ms;            // how often, and since when, it has failed to
    SinkStats sink;
    const SinkTable *sink_tables; // that the sink knows of, by topic; of a last report those that are set aside
    size_t sink_table_count;
    uint64_t dead_letters;
    Slice verify; // what is known of verifications (verify_state.h), during the report call; empty = none are made
} PipelineReport;
// Of a pipeline that has said nothing yet.
#define PIPELINE_REPORT_UNKNOWN \
    ((PipelineReport){.lag_ms = -1, .slot_retained_bytes = -1, .slot_safe_bytes = -1, .retention_share = -1})

typedef SourcePlan PipelinePlan;
// Connects and looks; creates nothing, on either side.
CHECKED bool pipeline_plan(const PipelineConfig *config, SourceMode mode, Arena *arena, PipelinePlan *plan, Err *err);

typedef struct PipelineRun {
    SourceMode mode;
    bool verifies;                                               // on a schedule and on request (verifier.h)
    const volatile bool *stop;                                   // set by a signal handler: stop at a checkpoint
    void (*report)(void *context, const PipelineReport *report); // about four times a second, from the run's thread
    void *context;
    Arena *kept; // the last report's tables are kept in it; NULL = they are not
} PipelineRun;
// Runs until its mode says that it is done, or *stop. Reconnects with backoff on every transient fault in FOLLOW, and
// in the other modes for a while (about two minutes) before it gives up.
CHECKED bool pipeline_run(const PipelineConfig *config, const PipelineRun *run, PipelineReport *last, Err *err);

// Asks the running process, or else the next run, to read tables again.
CHECKED bool pipeline_resync(const PipelineConfig *config, const char *tables, Err *err);
// Asks the running process for a verification now; tables "" = all. Its result has that id. ERR_EXISTS: one is under
// way, or asked for.
CHECKED bool pipeline_verify_request(const PipelineConfig *config, const char *tables, Arena *arena, const char **id,
                                     Err *err);
// Has the sink take records from other offsets on: the journal is read again, or records are passed over. While no
// process runs the pipeline.
typedef enum ResetTo { RESET_EARLIEST, RESET_LATEST, RESET_OFFSET, RESET_TIME } ResetTo;
typedef struct PipelineReset {
    ResetTo to;
    uint64_t offset;    // RESET_OFFSET
    int64_t time_us;    // RESET_TIME: of the first change at the source at or after it, us since 1970
    const char *tables; // patterns; NULL = all
    bool dry_run;
} PipelineReset;
// Gives each topic that was asked for, in the arena. ERR_NOT_FOUND: a pattern matches no topic.
CHECKED bool pipeline_reset(const PipelineConfig *config, const PipelineReset *how, Arena *arena, SinkReset **topics,
                            size_t *count, Err *err);
// Drops slot and publications on the source, then the folder; what was written to the sink only with `purge_data`.
// With `force`, a source that cannot be reached is left as it is, and said so in the log.
typedef struct PipelineDelete {
    bool purge_data, force;
} PipelineDelete;
CHECKED bool pipeline_delete(const PipelineConfig *config, const PipelineDelete *how, Err *err);

#endif
