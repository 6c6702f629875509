// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/pipeline.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "flow/pipeline/report.h"
#include "flow/pipeline/request.h"
#include "flow/pipeline/sink_pump.h"

#include <fcntl.h>
#include <limits.h>

#define BACKOFF_US_MIN 250000
#define BACKOFF_US_MAX 30000000
#define GIVE_UP_US     (120 * 1000000LL) // of failures without progress, but with --follow
#define STATUS_US      1000000
#define HEALTHY_RUN_US (30 * 1000000LL) // after one, backoff starts anew

// Of memory_limit: a quarter for the journal's two groups, an eighth for the spool's, a quarter for the sink, the rest
// for readers, sockets and code.
#define JOURNAL_PART 4
#define SPOOL_PART   8
#define SINK_PART    4

typedef struct Runner {
    const PipelineConfig *config;
    const PipelineRun *run;
    int lock;
    SinkPump *pump;
    JournalOptions journal_options;
    Journal *journal;
    JournalInfo opened; // what the journal held when it was opened
    PipelineReport report;
    TableReport *tables; // the newest report's, copied
    size_t table_capacity;
    Arena names; // of those tables
    int64_t started_us, status_at;
    bool adopted; // the target was asked what it remembers
    Arena requests;
    Arena memory; // what the target remembers
    char *resync;
    char sink_trouble[512];
} Runner;

// --- reports ---------------------------------------------------------------------------------------------------

static void status_write(Runner *runner, bool now) {
    int64_t clock = clock_monotonic_us();
    if (!now && clock < runner->status_at) {
        return;
    }
    runner->status_at = clock + STATUS_US;
    DEFER(buf_release) Buf text = {0};
    char path[PATH_MAX], temporary[PATH_MAX];
    pipeline_status_json(&text, &runner->report);
    snprintf(path, sizeof(path), "%s/status.json", runner->config->directory);
    if (snprintf(temporary, sizeof(temporary), "%s/status.json.tmp", runner->config->directory) >=
        (int)sizeof(temporary)) {
        return;
    }
    // For people's eyes: complete or absent, but not worth an fsync each second.
    Err err[1] = {{0}};
    int fd = -1;
    if (file_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, &fd, err) &&
        file_write(fd, temporary, buf_slice(&text), 0, err) && file_rename(temporary, path, err)) {
        err_clear(err);
    }
    file_close(&fd);
    if (err->code != ERR_NONE) {
        log_debug(LOG_PIPELINE, "status.json cannot be written", LOG_TEXT("reason", err->message));
    }
}

static void report_send(Runner *runner, bool last) {
    runner->report.elapsed_ms = (clock_monotonic_us() - runner->started_us) / 1000;
    if (runner->pump != NULL) {
        SinkPumpLook look;
        sink_pump_look(runner->pump, &look);
        runner->report.sink = look.stats;
        runner->report.sink_behind_bytes = look.behind_bytes;
        snprintf(runner->sink_trouble, sizeof(runner->sink_trouble), "%s", look.trouble);
    }
    runner->report.sink_trouble = runner->sink_trouble[0] != '\0' ? runner->sink_trouble : NULL;
    if (runner->run->report != NULL) {
        runner->run->report(runner->run->context, &runner->report);
    }
    status_write(runner, last);
}

static void tables_keep(Runner *runner, const SourceReport *source) {
    if (source->table_count > runner->table_capacity) {
        runner->table_capacity = source->table_count;
        runner->tables = realloc(runner->tables, runner->table_capacity * sizeof(*runner->tables));
        ASSERT(runner->tables != NULL);
    }
    if (source->table_count > 0) {
        memcpy(runner->tables, source->tables, source->table_count * sizeof(*runner->tables));
    }
    arena_reset(&runner->names); // the source's own end with its run, and the last report is made after it
    for (size_t i = 0; i < source->table_count; i++) {
        TableReport *table = &runner->tables[i];
        table->name = arena_text(&runner->names, slice_of(table->name));
        table->reason = table->reason != NULL ? arena_text(&runner->names, slice_of(table->reason)) : NULL;
    }
    runner->report.tables = runner->tables;
    runner->report.table_count = source->table_count;
}

static bool source_reported(void *context, const SourceReport *source) {
    static const PipelinePhase PHASES[] = {[SOURCE_CONNECTING] = PIPELINE_CONNECTING,
                                           [SOURCE_SNAPSHOTTING] = PIPELINE_SNAPSHOTTING,
                                           [SOURCE_CATCHING_UP] = PIPELINE_CATCHING_UP,
                                           [SOURCE_STREAMING] = PIPELINE_STREAMING};
    Runner *runner = context;
    PipelineReport *report = &runner->report;
    report->phase = PHASES[source->phase];
    report->trouble = NULL;
    tables_keep(runner, source);
    report->changes = source->changes;
    report->source_lsn = source->source_lsn;
    report->durable_lsn = source->durable_lsn;
    report->lag_bytes =
        source->source_lsn > source->durable_lsn ? (int64_t)(source->source_lsn - source->durable_lsn) : 0;
    report->lag_ms = source->lag_ms;
    report->slot_retained_bytes = source->slot_retained_bytes;
    report->slot_safe_bytes = source->slot_safe_bytes;
    report->dead_letters = source->dead_letters;
    JournalInfo info;
    journal_info(runner->journal, &info);
    report->journal_bytes = info.end - info.begin;
    report_send(runner, false);
    SinkPumpLook look;
    sink_pump_look(runner->pump, &look);
    return !look.failed;
}

// --- what the source asks --------------------------------------------------------------------------------------

// A run without --follow publishes its last files when its source is done: then the next run tells the source.
static bool acknowledged(void *context, Position *position) {
    Runner *runner = context;
    if (sink_pump_published(runner->pump, position)) {
        return true;
    }
    SinkPumpLook look;
    sink_pump_look(runner->pump, &look);
    *position = runner->opened.position;
    return position->size > 0 && look.pin >= runner->opened.end;
}

static LogPosition published(void *context) {
    SinkPumpLook look;
    sink_pump_look(((Runner *)context)->pump, &look);
    return look.pin;
}

static const char *resync_wanted(void *context) {
    Runner *runner = context;
    if (runner->resync == NULL) {
        arena_reset(&runner->requests);
        runner->resync = pipeline_resync_wanted(runner->config, &runner->requests);
    }
    return runner->resync;
}

static void resync_taken(void *context) {
    Runner *runner = context;
    pipeline_resync_taken(runner->config);
    runner->resync = NULL;
}

static void source_context(const PipelineConfig *config, SourceContext *context) {
    const PipelineOptions *options = &config->options;
    *context = (SourceContext){.pipeline = config->name,
                               .url = config->source_url,
                               .tables = options->tables,
                               .exclude = options->exclude,
                               .publication = options->publication,
                               .slot = options->slot,
                               .detach = options->detach,
                               .dead_letters = strcmp(options->errors, "dead-letter") == 0,
                               .slot_failover = options->slot_failover,
                               .messages = options->messages,
                               .snapshot_connections = (int)options->snapshot_connections,
                               .slot_create_timeout_ms = (int)options->slot_create_timeout_ms,
                               .catalog_interval_ms = (int)options->catalog_interval_ms,
                               .journal_bytes_max = (uint64_t)options->journal_bytes_max,
                               .memory_bytes_max = (size_t)options->memory_limit,
                               .row_bytes_max = (size_t)options->row_bytes_max,
                               .directory = config->directory};
}

void pipeline_sink_context(const PipelineConfig *config, char state_directory[PATH_MAX], SinkContext *context) {
    snprintf(state_directory, PATH_MAX, "%s/sinks/main", config->directory);
    *context = (SinkContext){.name = "main",
                             .pipeline = config->name,
                             .url = config->sink_url,
                             .state_directory = state_directory,
                             .options = config->sink_options,
                             .memory_bytes_max = (size_t)config->options.memory_limit / SINK_PART,
                             .complete = strcmp(config->options.ack_policy, "sink") == 0};
}

// --- the run ---------------------------------------------------------------------------------------------------

static bool remove_below(const PipelineConfig *config, const char *name, Err *err) {
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", config->directory, name);
    return !file_exists(path) || file_remove_tree(path, err);
}

// Goes on from what the target remembers. The sink's state goes last: a crash before that begins this anew.
static bool data_directory_seed(const PipelineConfig *config, Slice state, Err *err) {
    char path[PATH_MAX];
    TRY(remove_below(config, "journal", err));
    TRY(remove_below(config, "spool", err));
    CRASH_POINT("adopt.removed");
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    TRY(journal_seed(path, state, err));
    CRASH_POINT("adopt.seeded");
    return remove_below(config, "sinks", err);
}

// The target may know more than this data directory: that was lost, or is an older copy.
static bool adopt(Runner *runner, Err *err) {
    const PipelineConfig *config = runner->config;
    char path[PATH_MAX];
    SinkContext context;
    SinkCheckpoint checkpoint = {0};
    pipeline_sink_context(config, path, &context);
    bool known = !context.complete && file_exists(path);
    if (!config->sink->checkpoint(&context, &runner->memory, &checkpoint, err)) {
        if (!known || err_class(err->code) != ERR_CLASS_TRANSIENT) {
            return err_frame(err, __FILE__, __LINE__);
        }
        err_clear(err); // the source need not wait for the target: the sink compares again when it opens
        return true;
    }
    runner->adopted = true;
    if (!checkpoint.ahead) {
        return true;
    }
    log_warn(LOG_PIPELINE, "the target is ahead of this data directory, which was lost or is an older copy",
             LOG_TEXT("goes on", checkpoint.state.size > 0 ? "from what the target remembers" : "above its offsets"));
    if (checkpoint.state.size > 0) {
        return data_directory_seed(config, checkpoint.state, err);
    }
    runner->journal_options.epoch_floor = checkpoint.epoch;
    runner->journal_options.floors = checkpoint.floors;
    runner->journal_options.floor_count = checkpoint.floor_count;
    return true;
}

// A sink pins the journal from its creation on, also when it cannot be opened yet.
static bool pin_ensure(const char *journal, Err *err) {
    char path[PATH_MAX];
    return snprintf(path, sizeof(path), "%s/pins/main", journal) >= (int)sizeof(path) || file_exists(path) ||
           journal_pin(journal, "main", 0, err);
}

static bool attempt(Runner *runner, Err *err) {
    const PipelineConfig *config = runner->config;
    char path[PATH_MAX];
    if (!runner->adopted) {
        TRY(adopt(runner, err));
    }
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    TRY(journal_open(path, &runner->journal_options, &runner->journal, err));
    journal_info(runner->journal, &runner->opened);
    bool ok = runner->pump != NULL || pin_ensure(path, err);
    ok = ok && (runner->pump != NULL || sink_pump_start(config, runner->adopted, &runner->pump, err));
    if (ok) {
        SourceContext context;
        source_context(config, &context);
        context.mode = runner->run->mode;
        context.journal = runner->journal;
        context.spool_options = runner->journal_options;
        context.spool_options.floor_count = 0;
        context.spool_options.memory_bytes_max = (size_t)config->options.memory_limit / SPOOL_PART;
        context.stop = runner->run->stop;
        context.acknowledged = strcmp(config->options.ack_policy, "sink") == 0 ? acknowledged : NULL;
        context.published = published;
        context.resync_wanted = resync_wanted;
        context.resync_taken = resync_taken;
        context.report = source_reported;
        context.context = runner;
        ok = config->source->run(&context, err);
    }
    journal_close(runner->journal);
    runner->journal = NULL;
    return ok;
}

// Waits, reporting why; false when the pipeline is to stop.
static bool backoff(Runner *runner, int64_t wait_us, const Err *err) {
    runner->report.phase = PIPELINE_WAITING;
    runner->report.trouble = err->message;
    int64_t until = clock_monotonic_us() + wait_us;
    while (clock_monotonic_us() < until && !*runner->run->stop) {
        SinkPumpLook look = {0};
        if (runner->pump != NULL) {
            sink_pump_look(runner->pump, &look);
        }
        if (look.failed) {
            break;
        }
        report_send(runner, false);
        clock_sleep_us(100000);
    }
    runner->report.trouble = NULL;
    return !*runner->run->stop;
}

static bool attempts(Runner *runner, Err *err) {
    int64_t backoff_us = BACKOFF_US_MIN, failing_since = 0;
    for (;;) {
        int64_t began = clock_monotonic_us();
        runner->report.phase = PIPELINE_CONNECTING;
        if (attempt(runner, err)) {
            return true;
        }
        int64_t now = clock_monotonic_us();
        if (*runner->run->stop && err_class(err->code) == ERR_CLASS_TRANSIENT) {
            err_clear(err); // asked to stop while the source was away: all that is durable stays
            return true;
        }
        if (now - began > HEALTHY_RUN_US || failing_since == 0) {
            failing_since = now;
            backoff_us = BACKOFF_US_MIN;
        }
        bool give_up = runner->run->mode != SOURCE_FOLLOW && now - failing_since > GIVE_UP_US;
        if (err_class(err->code) != ERR_CLASS_TRANSIENT || err->code == ERR_INTERRUPTED || give_up) {
            return err_frame(err, __FILE__, __LINE__);
        }
        log_warn(LOG_PIPELINE, "trying again", LOG_TEXT("error", err_name(err->code)), LOG_TEXT("reason", err->message),
                 LOG_TEXT("hint", err->hint), LOG_INT("in_ms", backoff_us / 1000));
        int64_t jitter = now % (backoff_us / 4);
        if (!backoff(runner, backoff_us + jitter, err)) {
            err_clear(err);
            return true;
        }
        err_clear(err);
        backoff_us = MIN(backoff_us * 2, BACKOFF_US_MAX);
    }
}

static bool runner_run(Runner *runner, Err *err) {
    const PipelineConfig *config = runner->config;
    char path[PATH_MAX];
    TRY(file_make_directories(config->directory, err));
    snprintf(path, sizeof(path), "%s/lock", config->directory);
    if (!file_lock(path, &runner->lock, err)) {
        return err_prefix(err, "pipeline %s", config->name);
    }
    const PipelineOptions *options = &config->options;
    runner->journal_options = (JournalOptions){.segment_bytes_max = (size_t)options->journal_segment_bytes,
                                               .memory_bytes_max = (size_t)options->memory_limit / JOURNAL_PART,
                                               .retention_bytes = (uint64_t)options->journal_retention_bytes,
                                               .retention_ms = (uint64_t)options->journal_retention_ms};
    bool ok = attempts(runner, err);
    runner->report.phase = PIPELINE_FLUSHING;
    report_send(runner, false);
    if (runner->pump != NULL) {
        Err flush[1] = {{0}};
        bool flushed = sink_pump_finish(runner->pump, &runner->report.sink, flush);
        runner->pump = NULL;
        if (!flushed && (ok || err->code == ERR_INTERRUPTED)) {
            *err = *flush;
            ok = false;
        }
        runner->report.sink_behind_bytes = 0;
        runner->sink_trouble[0] = '\0';
    }
    runner->report.phase = PIPELINE_DONE;
    report_send(runner, true);
    return ok;
}

bool pipeline_run(const PipelineConfig *config, const PipelineRun *run, PipelineReport *last, Err *err) {
    Runner runner = {.config = config, .run = run, .lock = -1, .started_us = clock_monotonic_us()};
    runner.report = (PipelineReport){.lag_ms = -1, .slot_retained_bytes = -1, .slot_safe_bytes = -1};
    arena_init(&runner.requests, "run", 0);
    arena_init(&runner.names, "run", 0);
    arena_init(&runner.memory, "run", 0);
    bool ok = runner_run(&runner, err);
    *last = runner.report;
    last->tables = NULL;
    last->table_count = 0;
    last->sink_trouble = NULL;
    file_close(&runner.lock);
    free(runner.tables);
    arena_release(&runner.requests);
    arena_release(&runner.names);
    arena_release(&runner.memory);
    return ok;
}

// --- plan and delete -------------------------------------------------------------------------------------------

bool pipeline_plan(const PipelineConfig *config, SourceMode mode, Arena *arena, PipelinePlan *plan, Err *err) {
    SourceContext context;
    source_context(config, &context);
    context.mode = mode;
    TRY(config->source->plan(&context, arena, plan, err));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    JournalLook look;
    plan->first_run =
        !file_exists(path) || !journal_look(path, &look, NULL, NULL, NULL, &(Err){0}) || look.info.position.size == 0;
    SinkContext sink;
    pipeline_sink_context(config, path, &sink);
    return config->sink->probe(&sink, err);
}

bool pipeline_delete(const PipelineConfig *config, const PipelineDelete *how, Err *err) {
    char path[PATH_MAX];
    int lock = -1;
    snprintf(path, sizeof(path), "%s/lock", config->directory);
    TRY(file_make_directories(config->directory, err));
    if (!file_lock(path, &lock, err)) {
        return err_prefix(err, "pipeline %s is running", config->name);
    }
    SourceContext context;
    source_context(config, &context);
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    Err unread[1] = {{0}}; // a damaged journal must not keep a pipeline from being deleted
    if (file_exists(path) && !journal_open(path, &(JournalOptions){0}, &context.journal, unread)) {
        log_err(LOG_PIPELINE, "the journal cannot be read", unread);
        context.journal = NULL;
    }
    bool ok = config->source->remove(&context, err);
    journal_close(context.journal);
    if (!ok && how->force) {
        log_warn(LOG_PIPELINE, "slot and publication stay on the source", LOG_TEXT("reason", err->message));
        err_clear(err);
        ok = true;
    } else if (!ok) {
        err_hint(err, "--force removes the pipeline here and leaves the source as it is");
    }
    SinkContext sink;
    pipeline_sink_context(config, path, &sink);
    if (ok && file_exists(path)) {
        ok = config->sink->remove(&sink, how->purge_data, err);
    }
    ok = ok && file_remove_tree(config->directory, err);
    file_close(&lock);
    return ok;
}
