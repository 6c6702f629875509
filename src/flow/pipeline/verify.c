// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/verify.h"

#include "core/base/log.h"
#include "core/config/pattern.h"
#include "core/sys/clock.h"
#include "core/sys/crash.h"
#include "core/sys/file.h"
#include "flow/pipeline/hold.h"

#include <pthread.h>

enum {
    ROUNDS_MAX = 5,           // beginnings anew when the process that runs the pipeline changes
    HOLD_MS_MAX = 120 * 1000, // for the sink to end its commit
    COMMIT_MS_MAX = 3600 * 1000,
    REPAIRS_MAX = 3, // rows that change meanwhile are passed over, and may differ still
};

// The pipeline, run by this process while nobody else does.
typedef struct OwnRun {
    const PipelineConfig *config;
    pthread_t thread;
    bool started;
    volatile bool stop;
    _Atomic bool ended;
    bool ok;
    Err err;
} OwnRun;

struct VerifyRun {
    const PipelineConfig *config;
    const VerifyHow *how;
    Arena *arena;
    Hold *hold;
    OwnRun own;
    Throttle throttle;
    void *source; // of compare_open
    void *sink;
    SourceMoment moment;
    char state_directory[PATH_MAX];
};

const char *verify_outcome_name(VerifyOutcome outcome) {
    static const char *const NAMES[] = {"equal", "differs", "not_compared"};
    return NAMES[outcome];
}

static void tell(const VerifyRun *run, VerifyStep step, Slice topic) {
    if (run->how->told != NULL) {
        run->how->told(run->how->context, step, topic);
    }
}

// --- the pipeline's own process --------------------------------------------------------------------------------

static void *own_thread(void *context) {
    OwnRun *own = context;
    PipelineReport last = PIPELINE_REPORT_UNKNOWN;
    PipelineRun how = {.mode = SOURCE_FOLLOW, .stop = &own->stop};
    own->ok = pipeline_run(own->config, &how, &last, &own->err);
    own->ended = true;
    return NULL;
}

static void own_end(OwnRun *own) {
    if (own->started) {
        own->stop = true;
        pthread_join(own->thread, NULL);
        own->started = false;
    }
}

static bool own_start(VerifyRun *run, Err *err) {
    own_end(&run->own);
    tell(run, VERIFY_STEP_RUN, (Slice){0});
    run->own = (OwnRun){.config = run->config};
    int failed = pthread_create(&run->own.thread, NULL, own_thread, &run->own);
    run->own.started = failed == 0;
    return failed == 0 || err_errno(err, __FILE__, __LINE__, failed, "start a thread");
}

// Somebody runs it: another process, or else this one.
static bool runner_ensure(VerifyRun *run, Err *err) {
    char lock[PATH_MAX];
    int pid;
    snprintf(lock, sizeof(lock), "%s/lock", run->config->directory);
    for (;;) {
        if (file_locked(lock, &pid)) {
            return true;
        }
        if (run->own.started && run->own.ended) {
            own_end(&run->own);
            if (!run->own.ok && run->own.err.code != ERR_LOCKED) {
                *err = run->own.err;
                return err_frame(err, __FILE__, __LINE__);
            }
        }
        TRY(run->own.started || own_start(run, err));
        if (run->how->stop != NULL && *run->how->stop) {
            return FAIL(err, ERR_INTERRUPTED, "stopped");
        }
        clock_sleep_us(20000);
    }
}

// The pipeline that this process runs has failed: nobody will answer.
static bool own_failed(void *context, Err *err) {
    const VerifyRun *run = context;
    if (run->own.started && run->own.ended && !run->own.ok && run->own.err.code != ERR_LOCKED) {
        *err = run->own.err;
        return false;
    }
    return true;
}

// --- the moment ------------------------------------------------------------------------------------------------

static void moment_end(VerifyRun *run) {
    if (run->sink != NULL) {
        run->config->sink->compare_close(run->sink);
    }
    if (run->source != NULL) {
        run->config->source->compare_close(run->source);
    }
    run->sink = run->source = NULL;
}

static bool source_open(VerifyRun *run, Err *err) {
    const PipelineConfig *config = run->config;
    SourceContext context;
    pipeline_source_context(config, &context);
    SourceCompareOptions options = {.replica_url = run->how->replica_url,
                                    .timeout_ms = (int)config->options.slot_create_timeout_ms,
                                    .stop = run->how->stop};
    tell(run, VERIFY_STEP_MOMENT, (Slice){0});
    return config->source->compare_open(&context, &options, &run->source, &run->moment, err);
}

// One try. *lost: the process that ran the pipeline does so no more.
static bool moment_try(VerifyRun *run, HoldAnswer *answer, bool *lost, Err *err) {
    HoldWait wait = {.timeout_ms = HOLD_MS_MAX, .stop = run->how->stop, .idle = own_failed, .context = run};
    TRY(runner_ensure(run, err));
    tell(run, VERIFY_STEP_HOLD, (Slice){0});
    TRY(hold_hold(run->hold, &wait, answer, err));
    *lost = answer->lost;
    if (*lost) {
        return true;
    }
    CRASH_POINT("verify.held");
    TRY(source_open(run, err));
    tell(run, VERIFY_STEP_COMMIT, (Slice){0});
    wait.timeout_ms = COMMIT_MS_MAX;
    bool ok = hold_commit(run->hold, &run->moment, &wait, answer, err);
    *lost = !ok || answer->lost;
    if (*lost) {
        moment_end(run);
    }
    TRY(ok);
    CRASH_POINT("verify.committed");
    return true;
}

static bool moment_begin(VerifyRun *run, HoldAnswer *answer, Err *err) {
    const PipelineConfig *config = run->config;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        bool lost = false;
        bool ok = moment_try(run, answer, &lost, err);
        bool passing = !ok && err_class(err->code) == ERR_CLASS_TRANSIENT && err->code != ERR_INTERRUPTED;
        if (passing && lost && round + 1 < ROUNDS_MAX) {
            err_clear(err); // somebody else has written to a table: the sink finds its way
            continue;
        }
        TRY(ok);
        if (!lost) {
            SinkContext context;
            pipeline_sink_context(config, run->state_directory, &context);
            SinkCompareOptions options = {.tag = HOLD_TAG,
                                          .limit = run->moment.commit_lsn,
                                          .stop = run->how->stop,
                                          .throttle = run->throttle.bytes_per_second > 0 ? &run->throttle : NULL};
            return config->sink->compare_open(&context, &options, &run->sink, err);
        }
    }
    return FAIL(err, ERR_LOCKED, "the process that runs pipeline %s changes all the time", config->name);
}

// --- tables ----------------------------------------------------------------------------------------------------

static const HoldTable *held_table(const HoldAnswer *answer, Slice topic) {
    for (size_t i = 0; i < answer->table_count; i++) {
        if (slice_is(topic, answer->tables[i].name)) {
            return &answer->tables[i];
        }
    }
    return NULL;
}

static void not_compared(VerifiedTable *table, ErrCode code, const char *reason, const char *hint) {
    table->outcome = VERIFY_NOT_COMPARED;
    table->why = (Err){0};
    FAIL(&table->why, code, "%s", reason);
    if (hint != NULL) {
        err_hint(&table->why, "%s", hint);
    }
}

// Why a table was not whole at the moment, as far as is known now.
static bool table_whole(const HoldAnswer *answer, VerifiedTable *table) {
    const HoldTable *held = held_table(answer, table->topic);
    if (held != NULL && held->whole) {
        return true;
    }
    not_compared(table, ERR_TABLE, held != NULL ? held->reason : "the pipeline does not capture it yet",
                 "compare again when leat status says that it streams");
    return false;
}

// False only when the comparison as a whole cannot go on: what is wrong there, is so for all tables.
static bool table_failed(VerifiedTable *table, Err *err) {
    static const ErrCode OF_A_TABLE[] = {ERR_TABLE, ERR_NOT_FOUND,    ERR_CHANGED,
                                         ERR_VALUE, ERR_SOURCE_QUERY, ERR_SOURCE_PERMISSION};
    for (size_t i = 0; i < ARRAY_LEN(OF_A_TABLE); i++) {
        if (err->code == OF_A_TABLE[i]) {
            table->outcome = VERIFY_NOT_COMPARED;
            table->why = *err;
            err_clear(err);
            return true;
        }
    }
    return err_frame(err, __FILE__, __LINE__);
}

static bool row_found(void *context, const Schema *schema, const Event *event, Err *err) {
    *(bool *)context = true;
    return FAIL(err, ERR_INTERRUPTED, "one is enough");
}

// A table that never had a row need not be in the sink.
static bool table_absent(VerifyRun *run, VerifiedTable *table, Err *err) {
    bool any = false;
    Err ended[1] = {{0}};
    if (run->config->source->compare_table(run->source, table->topic, &(SourceCompare){.parts = 1}, row_found, &any,
                                           ended)) {
        err_clear(err);
        table->result = (VerifyResult){.topic = table->topic};
        table->outcome = VERIFY_EQUAL;
        return true;
    }
    if (!any) {
        *err = *ended;
    }
    return table_failed(table, err);
}

static CorrectionFiles corrections_of(const VerifyRun *run, const Verified *verified, const VerifiedTable *table) {
    const char *folder = hold_corrections(run->hold);
    return (CorrectionFiles){.directory = arena_printf(run->arena, "%s/%zu", folder, table - verified->tables)};
}

static bool table_verify(VerifyRun *run, const Verified *verified, VerifiedTable *table, Err *err) {
    CorrectionFiles corrections = corrections_of(run, verified, table);
    VerifyContext context = {.source = run->config->source,
                             .source_state = run->source,
                             .sink = run->config->sink,
                             .sink_state = run->sink,
                             .throttle = run->throttle.bytes_per_second > 0 ? &run->throttle : NULL,
                             .differences_max = run->how->differences_max,
                             .corrections = run->how->repair ? &corrections : NULL,
                             .memory_bytes_max = run->how->memory_bytes_max,
                             .sample = run->how->sample,
                             .stop = run->how->stop};
    tell(run, VERIFY_STEP_COMPARE, table->topic);
    table->correction_files = 0;
    bool ok = verify_table(&context, table->topic, run->arena, &table->result, err) &&
              correction_files_end(&corrections, err);
    correction_files_release(&corrections);
    if (!ok) {
        return err->code == ERR_NOT_FOUND ? table_absent(run, table, err) : table_failed(table, err);
    }
    table->outcome = verify_is_equal(&table->result) ? VERIFY_EQUAL : VERIFY_DIFFERS;
    table->correction_files = corrections.count;
    return true;
}

// The newest of what the pipeline knows: a table that was being read at the moment differs, and means nothing.
static bool tables_doubt(VerifyRun *run, Verified *verified, Err *err) {
    HoldAnswer answer;
    TRY(hold_tables(run->hold, &answer, err));
    for (size_t i = 0; i < verified->count && answer.table_count > 0; i++) {
        if (verified->tables[i].outcome == VERIFY_DIFFERS) {
            (void)table_whole(&answer, &verified->tables[i]);
        }
    }
    return true;
}

static VerifyOutcome outcome_of(const Verified *verified) {
    VerifyOutcome outcome = VERIFY_EQUAL;
    for (size_t i = 0; i < verified->count && outcome != VERIFY_DIFFERS; i++) {
        outcome = verified->tables[i].outcome != VERIFY_EQUAL ? verified->tables[i].outcome : outcome;
    }
    return outcome;
}

static bool tables_find(VerifyRun *run, const HoldAnswer *answer, Verified *verified, Err *err) {
    SourceCompareTable *tables = NULL;
    size_t count = 0;
    Patterns wanted;
    const char *patterns = run->how->tables != NULL ? run->how->tables : "";
    TRY(run->config->source->compare_tables(run->source, run->arena, &tables, &count, err));
    TRY(patterns_parse(run->arena, patterns[0] != '\0' ? patterns : "*", "tables", &wanted, err));
    verified->tables = ARENA_ARRAY(run->arena, VerifiedTable, count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!patterns_match(&wanted, tables[i].space, tables[i].name, false)) {
            continue;
        }
        VerifiedTable *table = &verified->tables[verified->count++];
        table->topic = tables[i].topic;
        if (!tables[i].readable) {
            not_compared(table, ERR_TABLE, tables[i].reason, NULL);
        } else if (table_whole(answer, table)) {
            table->outcome = VERIFY_EQUAL; // until it is looked at
        }
    }
    if (verified->count == 0) {
        FAIL(err, ERR_NOT_FOUND, "no table of pipeline %s is named \"%.100s\"", run->config->name, patterns);
        return err_hint(err, "leat status %s lists them", run->config->name);
    }
    return true;
}

static bool round_verify(VerifyRun *run, Verified *verified, Err *err) {
    HoldAnswer answer;
    TRY(moment_begin(run, &answer, err));
    verified->lsn = run->moment.commit_lsn;
    verified->taken_us = run->moment.taken_us;
    TRY(verified->tables != NULL || tables_find(run, &answer, verified, err));
    for (size_t i = 0; i < verified->count; i++) {
        VerifiedTable *table = &verified->tables[i];
        bool again = verified->repaired; // then only what differed
        if (table->outcome == VERIFY_NOT_COMPARED || (again && table->outcome == VERIFY_EQUAL)) {
            continue;
        }
        TRY(table_verify(run, verified, table, err));
    }
    TRY(tables_doubt(run, verified, err));
    verified->outcome = outcome_of(verified);
    return true;
}

// --- repair ----------------------------------------------------------------------------------------------------

static bool table_repair(VerifyRun *run, Verified *verified, VerifiedTable *table, Err *err) {
    HoldWait wait = {.timeout_ms = COMMIT_MS_MAX, .stop = run->how->stop, .idle = own_failed, .context = run};
    CorrectionFiles corrections = corrections_of(run, verified, table);
    tell(run, VERIFY_STEP_REPAIR, table->topic);
    for (size_t i = 1; i <= table->correction_files; i++) {
        HoldAnswer answer;
        const char *path = correction_files_path(&corrections, run->arena, i);
        TRY(hold_repair(run->hold, path, &wait, &answer, err) && file_remove(path, err));
        if (answer.lost) {
            return FAIL(err, ERR_LOCKED, "the process that runs pipeline %s has ended: not all is repaired",
                        run->config->name);
        }
        CRASH_POINT("verify.repaired");
        verified->repaired = true;
        verified->repair.put += answer.repair.put;
        verified->repair.removed += answer.repair.removed;
        verified->repair.passed_over += answer.repair.passed_over;
    }
    if (!table->repaired) {
        table->repaired = true;
        table->before = table->result;
    }
    return true;
}

// Corrections, then what they were of is compared again, at a new moment. *again: something came of it.
static bool repair(VerifyRun *run, Verified *verified, bool *again, Err *err) {
    uint64_t before = verified->repair.put + verified->repair.removed;
    size_t files = 0;
    for (size_t i = 0; i < verified->count; i++) {
        VerifiedTable *table = &verified->tables[i];
        if (table->outcome == VERIFY_DIFFERS && table->correction_files > 0) {
            files += table->correction_files;
            TRY(table_repair(run, verified, table, err));
        }
    }
    log_info(LOG_PIPELINE, "rows corrected", LOG_UINT("put", verified->repair.put),
             LOG_UINT("removed", verified->repair.removed), LOG_UINT("passed_over", verified->repair.passed_over));
    *again = verified->repair.put + verified->repair.removed > before;
    if (files == 0) {
        return true;
    }
    moment_end(run);
    return round_verify(run, verified, err);
}

// --- all of it -------------------------------------------------------------------------------------------------

static bool comparable(const PipelineConfig *config, const VerifyHow *how, Err *err) {
    if (config->source->compare_open == NULL) {
        return FAIL(err, ERR_OPTION, "the %s source cannot be compared with", config->source->name);
    }
    if (config->sink->compare_open == NULL) {
        return FAIL(err, ERR_OPTION, "the %s sink cannot be compared with its source", config->sink->name);
    }
    if (how->repair && config->sink->repair == NULL) {
        FAIL(err, ERR_OPTION, "the %s sink cannot be repaired", config->sink->name);
        return err_hint(err, "have the tables that differ read again: leat resync %s --tables …", config->name);
    }
    return true;
}

static bool verify_all(VerifyRun *run, Verified *verified, Err *err) {
    TRY(comparable(run->config, run->how, err));
    TRY(hold_open(run->config, &run->hold, err));
    TRY(round_verify(run, verified, err));
    bool again = run->how->repair;
    for (int i = 0; again && i < REPAIRS_MAX && verified->outcome == VERIFY_DIFFERS; i++) {
        TRY(repair(run, verified, &again, err));
    }
    return true;
}

bool pipeline_verify(const PipelineConfig *config, const VerifyHow *how, Arena *arena, VerifyRun **run,
                     Verified *verified, Err *err) {
    int64_t began_us = clock_monotonic_us();
    VerifyRun *begun = calloc(1, sizeof(*begun));
    ASSERT(begun != NULL);
    *begun = (VerifyRun){
        .config = config, .how = how, .arena = arena, .throttle = {.bytes_per_second = how->bytes_per_second}};
    *verified = (Verified){0};
    bool ok = verify_all(begun, verified, err);
    verified->elapsed_ms = (clock_monotonic_us() - began_us) / 1000;
    if (!ok) {
        pipeline_verify_end(begun);
        return err_frame(err, __FILE__, __LINE__);
    }
    *run = begun;
    return true;
}

void pipeline_verify_end(VerifyRun *run) {
    if (run == NULL) {
        return;
    }
    moment_end(run);
    hold_close(run->hold);
    own_end(&run->own);
    free(run);
}
