// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/pipeline.h"

#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "flow/pipeline/report.h"
#include "flow/pipeline/request.h"
#include "flow/pipeline/sink_pump.h"
#include "flow/pipeline/source_half.h"
#include "flow/pipeline/source_url.h"
#include "flow/pipeline/verifier.h"

#include <fcntl.h>
#include <limits.h>

#define STATUS_US 1000000

// Of memory_limit: a quarter for the journal's two groups, an eighth for the spool's, a quarter for the sink, the rest
// for readers, sockets and code.
#define JOURNAL_PART 4
#define SPOOL_PART   8
#define SINK_PART    4
enum { TABLES_BYTES = 1024 };

typedef struct Runner {
    SourceHalf half; // first: what the source calls gets it
    const PipelineConfig *config;
    const PipelineRun *run;
    int lock;
    SinkPump *pump;
    HoldServe *hold;
    Verifier *verifier; // NULL = none are made
    int64_t status_at;
    bool kept;    // the journal, when the data directory was not
    bool adopted; // the target was asked what it remembers
    Arena requests;
    Arena memory; // what the target remembers
    Arena tables; // of the sink, of the report
    int64_t tables_at;
    char *resync;
    SinkPumpLook look;              // the newest: the report borrows its text
    _Atomic LogPosition read_below; // see SinkContext
    uint64_t read_cuts;             // durable when all tables were seen to be read, and one
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
    pipeline_status_json(&text, &runner->half.report);
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

// When all tables are seen to be read, their rows may still be on their way to the disk: those of the group that is
// open, and of the one that is being flushed.
static void read_note(Runner *runner) {
    const PipelineReport *report = &runner->half.report;
    Journal *journal = runner->half.journal;
    bool all = report->table_count > 0;
    for (size_t i = 0; i < report->table_count && all; i++) {
        all = report->tables[i].state == TABLE_STREAMING;
    }
    if (!all || journal == NULL) {
        runner->read_below = all ? runner->read_below : 0;
        runner->read_cuts = 0;
        return;
    }
    JournalInfo info;
    journal_info(journal, &info);
    runner->read_cuts = runner->read_cuts > 0 ? runner->read_cuts : info.cuts + 1;
    bool idle = !journal_busy(journal) && journal_pending_bytes(journal) == 0;
    if (runner->read_below == 0 && (idle || info.cuts + 1 >= runner->read_cuts + 2)) {
        journal_info(journal, &info);
        runner->read_below = info.end;
    }
}

// What the sink cannot take is not what its source is, and is no news for who compares.
static void sink_tables_take(Runner *runner, SinkTable *tables, size_t count) {
    runner->half.report.sink_tables = tables;
    runner->half.report.sink_table_count = count;
    for (size_t i = 0; i < count; i++) {
        if (tables[i].aside != NULL) {
            hold_serve_doubt(runner->hold, tables[i].topic, tables[i].aside);
        }
    }
}

static void sink_tables_look(Runner *runner) {
    int64_t now = clock_monotonic_us();
    SinkTable *tables = NULL;
    size_t count = 0;
    if (now >= runner->tables_at) {
        runner->tables_at = now + STATUS_US;
        arena_reset(&runner->tables);
        sink_pump_tables(runner->pump, &runner->tables, &tables, &count);
        sink_tables_take(runner, tables, count);
    }
}

static void reported(SourceHalf *half, bool last) {
    Runner *runner = (Runner *)half;
    read_note(runner);
    if (runner->pump != NULL) {
        sink_pump_look(runner->pump, &runner->look);
        sink_tables_look(runner);
        pipeline_report_sink(&runner->half.report, &runner->look, runner->half.journal);
        hold_serve_tables(runner->hold, runner->half.report.tables, runner->half.report.table_count);
    }
    if (runner->verifier != NULL) {
        verifier_turn(runner->verifier, runner->half.report.phase == PIPELINE_STREAMING);
        runner->half.report.verify = verifier_json(runner->verifier);
    }
    if (runner->run->report != NULL) {
        runner->run->report(runner->run->context, &runner->half.report);
    }
    status_write(runner, last);
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
    *position = runner->half.opened.position;
    return position->size > 0 && look.pin >= runner->half.opened.end;
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

static bool hurried(void *context) {
    return hold_serve_hurried(((Runner *)context)->hold);
}

void pipeline_source_context(const PipelineConfig *config, SourceContext *context) {
    const PipelineOptions *options = &config->options;
    *context = (SourceContext){.pipeline = config->name,
                               .url = config->source_url,
                               .tables = options->tables,
                               .exclude = options->exclude,
                               .publication = options->publication,
                               .slot = options->slot,
                               .from = options->from_lsn,
                               .detach = options->detach,
                               .dead_letters = strcmp(options->errors, "dead-letter") == 0,
                               .slot_failover = options->slot_failover,
                               .comments = config->sink->comments,
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
                             .data_directory = config->data_directory,
                             .options = config->sink_options,
                             .memory_bytes_max = (size_t)config->options.memory_limit / SINK_PART,
                             // A journal that outlives the data directory is of use to a target that does, too.
                             .complete =
                                 strcmp(config->options.ack_policy, "sink") == 0 || config->options.journal[0] != '\0'};
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
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    TRY(journal_is_remote(path) || remove_below(config, "journal", err));
    TRY(remove_below(config, "spool", err));
    CRASH_POINT("adopt.removed");
    TRY(journal_seed(path, state, err));
    CRASH_POINT("adopt.seeded");
    return remove_below(config, "sinks", err);
}

// The journal is elsewhere, and there: it knows more than any target.
static bool remote_kept(const PipelineConfig *config, bool *kept, Err *err) {
    char path[PATH_MAX];
    JournalLook look;
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    *kept = journal_is_remote(path) && journal_look(path, &look, NULL, NULL, NULL, err);
    if (err->code == ERR_NOT_FOUND) {
        err_clear(err);
    }
    return err->code == ERR_NONE;
}

// The target may know more than this data directory: that was lost, or is an older copy.
static bool adopt(Runner *runner, Err *err) {
    const PipelineConfig *config = runner->config;
    char path[PATH_MAX];
    TRY(remote_kept(config, &runner->kept, err));
    bool kept = runner->kept;
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
             LOG_TEXT("goes on",
                      checkpoint.state.size > 0 && !kept ? "from what the target remembers" : "above its offsets"));
    if (checkpoint.state.size > 0 && !kept) {
        return data_directory_seed(config, checkpoint.state, err);
    }
    runner->half.journal_options.epoch_floor = checkpoint.epoch;
    runner->half.journal_options.floors = checkpoint.floors;
    runner->half.journal_options.floor_count = checkpoint.floor_count;
    return true;
}

static bool before_journal(SourceHalf *half, Err *err) {
    Runner *runner = (Runner *)half;
    return runner->adopted || adopt(runner, err);
}

static bool pump_start(Runner *runner, Err *err) {
    const PipelineConfig *config = runner->config;
    SinkPumpSpec spec = {.sink = config->sink, .pin = "main", .flush = true, .hold = runner->hold};
    char state_directory[PATH_MAX];
    pipeline_sink_context(config, state_directory, &spec.context);
    spec.journal = arena_printf(&runner->memory, "%s/journal", config->directory);
    spec.context.state_directory = arena_printf(&runner->memory, "%s", state_directory);
    spec.context.database = source_url_database(&runner->memory, config->source_url);
    spec.context.compared = runner->adopted;
    spec.context.journal_kept = runner->kept;
    spec.context.read_below = &runner->read_below;
    TRY(sink_pump_pin(&spec, err));
    return sink_pump_start(&spec, &runner->pump, err);
}

static bool begin(SourceHalf *half, SourceContext *context, Err *err) {
    Runner *runner = (Runner *)half;
    TRY(runner->pump != NULL || pump_start(runner, err));
    pipeline_source_context(runner->config, context);
    context->acknowledged = strcmp(runner->config->options.ack_policy, "sink") == 0 ? acknowledged : NULL;
    context->published = published;
    context->resync_wanted = resync_wanted;
    context->resync_taken = resync_taken;
    context->hurried = hurried;
    return true;
}

static bool sink_failed(const SourceHalf *half) {
    const Runner *runner = (const Runner *)half;
    SinkPumpLook look = {0};
    if (runner->pump != NULL) {
        sink_pump_look(runner->pump, &look);
    }
    return look.failed;
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
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    TRY(journal_place(path, options->journal, config->name, err));
    runner->half.journal_options = (JournalOptions){.segment_bytes_max = (size_t)options->journal_segment_bytes,
                                                    .memory_bytes_max = (size_t)options->memory_limit / JOURNAL_PART,
                                                    .retention_bytes = (uint64_t)options->journal_retention_bytes,
                                                    .retention_ms = (uint64_t)options->journal_retention_ms};
    runner->half.spool_bytes_max = (size_t)options->memory_limit / SPOOL_PART;
    runner->verifier = runner->run->verifies ? verifier_new(config) : NULL;
    bool ok = source_half_run(&runner->half, err);
    verifier_end(runner->verifier);
    runner->verifier = NULL;
    runner->half.report.verify = (Slice){0};
    runner->half.report.phase = PIPELINE_FLUSHING;
    source_half_report(&runner->half, false);
    if (runner->pump != NULL) {
        Err flush[1] = {{0}};
        SinkPumpLast ended = {.arena = &runner->tables, .stopped = runner->run->stop != NULL && *runner->run->stop};
        arena_reset(&runner->tables);
        bool flushed = sink_pump_finish(runner->pump, &ended, flush);
        runner->pump = NULL;
        runner->half.report.sink = ended.stats;
        sink_tables_take(runner, ended.tables, ended.table_count);
        if (!flushed && (ok || err->code == ERR_INTERRUPTED)) {
            *err = *flush;
            ok = false;
        }
        runner->half.report.sink_behind_bytes = 0;
        runner->half.report.sink_tries = runner->half.report.sink_away_ms = 0;
        runner->half.report.sink_trouble = NULL;
    }
    runner->half.report.phase = PIPELINE_DONE;
    source_half_report(&runner->half, true);
    return ok;
}

static void aside_keep(const PipelineRun *run, PipelineReport *last) {
    const SinkTable *tables = last->sink_tables;
    size_t count = run->kept != NULL ? last->sink_table_count : 0;
    SinkTable *kept = count > 0 ? ARENA_ARRAY(run->kept, SinkTable, count) : NULL;
    last->sink_tables = kept;
    last->sink_table_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (tables[i].aside != NULL) {
            SinkTable *to = &kept[last->sink_table_count++];
            *to = tables[i];
            to->topic = arena_slice(run->kept, tables[i].topic);
            to->aside = arena_text(run->kept, slice_of(tables[i].aside));
        }
    }
}

bool pipeline_run(const PipelineConfig *config, const PipelineRun *run, PipelineReport *last, Err *err) {
    Runner runner = {.config = config, .run = run, .lock = -1};
    runner.half = (SourceHalf){.source = config->source,
                               .directory = config->directory,
                               .mode = run->mode,
                               .stop = run->stop,
                               .before = before_journal,
                               .begin = begin,
                               .failed = sink_failed,
                               .reported = reported};
    source_half_init(&runner.half);
    runner.hold = hold_serve_new(config->directory, config->source->reached);
    arena_init(&runner.requests, "run", 0);
    arena_init(&runner.memory, "run", 0);
    arena_init_small(&runner.tables, "tables", TABLES_BYTES);
    bool ok = runner_run(&runner, err);
    *last = runner.half.report;
    last->tables = NULL;
    last->table_count = 0;
    last->sink_trouble = NULL;
    last->verify = (Slice){0};
    aside_keep(run, last);
    file_close(&runner.lock);
    hold_serve_free(runner.hold);
    arena_release(&runner.requests);
    source_half_release(&runner.half);
    arena_release(&runner.memory);
    arena_release(&runner.tables);
    return ok;
}

// --- plan and delete -------------------------------------------------------------------------------------------

bool pipeline_plan(const PipelineConfig *config, SourceMode mode, Arena *arena, PipelinePlan *plan, Err *err) {
    SourceContext context;
    pipeline_source_context(config, &context);
    context.mode = mode;
    TRY(config->source->plan(&context, arena, plan, err));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    JournalLook look;
    const char *journal = config->options.journal;
    TRY(journal[0] == '\0' || file_exists(path) || journal_place_probe(journal, config->name, err));
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
    pipeline_source_context(config, &context);
    snprintf(path, sizeof(path), "%s/journal", config->directory);
    Err unread[1] = {{0}}; // a damaged journal must not keep a pipeline from being deleted
    if (file_exists(path) && !journal_open(path, &(JournalOptions){0}, &context.journal, unread)) {
        log_err(LOG_PIPELINE, "the journal cannot be read", unread);
        context.journal = NULL;
    }
    bool ok = config->source->remove(&context, err);
    journal_close(context.journal);
    ok = ok && (!journal_is_remote(path) || journal_remove(path, err));
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
