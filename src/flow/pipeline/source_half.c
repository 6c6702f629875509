// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline/source_half.h"

#include "core/base/log.h"
#include "core/sys/clock.h"

#define BACKOFF_US_MIN 250000
#define BACKOFF_US_MAX 30000000
#define GIVE_UP_US     (120 * 1000000LL) // of failures without progress, but with SOURCE_FOLLOW
#define HEALTHY_RUN_US (30 * 1000000LL)  // after one, backoff starts anew
#define RETENTION_NEAR 0.5               // as the webhook's alarm

// --- reports ---------------------------------------------------------------------------------------------------

void source_half_report(SourceHalf *half, bool last) {
    half->report.elapsed_ms = (clock_monotonic_us() - half->started_us) / 1000;
    half->reported(half, last);
}

static void tables_keep(SourceHalf *half, const SourceReport *source) {
    if (source->table_count > half->table_capacity) {
        half->table_capacity = source->table_count;
        half->tables = realloc(half->tables, half->table_capacity * sizeof(*half->tables));
        ASSERT(half->tables != NULL);
    }
    if (source->table_count > 0) {
        memcpy(half->tables, source->tables, source->table_count * sizeof(*half->tables));
    }
    arena_reset(&half->names); // the source's own end with its run, and the last report is made after it
    for (size_t i = 0; i < source->table_count; i++) {
        TableReport *table = &half->tables[i];
        table->name = arena_text(&half->names, slice_of(table->name));
        table->reason = table->reason != NULL ? arena_text(&half->names, slice_of(table->reason)) : NULL;
    }
    half->report.tables = half->tables;
    half->report.table_count = source->table_count;
}

// Nothing is seen of a source that is away, so its changes may be as old as the silence: until it has caught up again,
// or a change has told how far behind this is.
static void lag_keep(SourceHalf *half, const SourceReport *source) {
    int64_t now = clock_monotonic_us();
    bool level = source != NULL && (source->lag_ms >= 0 || source->phase == SOURCE_STREAMING);
    if (half->away && !level) {
        half->report.lag_ms = (now - half->heard_us) / 1000;
        return;
    }
    ASSERT(source != NULL);
    half->report.lag_ms = half->away ? MAX(source->lag_ms, 0) : source->lag_ms;
    half->away = half->away && source->lag_ms < 0;
    half->heard_us = source->phase != SOURCE_CONNECTING ? now : half->heard_us;
}

// The nearer one of what the source reads and of the journal itself.
static void retention_keep(SourceHalf *half, const SourceReport *source) {
    PipelineReport *report = &half->report;
    JournalExpiring journal;
    journal_expiring(half->journal, &journal);
    bool of_source = source->retention_share >= journal.share;
    report->retention_share = of_source ? source->retention_share : journal.share;
    snprintf(half->retention_of, sizeof(half->retention_of), "%s",
             of_source && source->retention_of != NULL ? source->retention_of : journal.of);
    report->retention_of = half->retention_of;
    bool near = report->retention_share >= RETENTION_NEAR * (half->expiring ? 0.9 : 1);
    if (near && !half->expiring) {
        log_warn(LOG_PIPELINE, "Kafka's retention is near what is needed next: raise it, or let it be read",
                 LOG_TEXT("partition", half->retention_of), LOG_INT("percent", (int)(report->retention_share * 100)));
    }
    half->expiring = near;
}

static bool source_reported(void *context, const SourceReport *source) {
    static const PipelinePhase PHASES[] = {[SOURCE_CONNECTING] = PIPELINE_CONNECTING,
                                           [SOURCE_SNAPSHOTTING] = PIPELINE_SNAPSHOTTING,
                                           [SOURCE_CATCHING_UP] = PIPELINE_CATCHING_UP,
                                           [SOURCE_STREAMING] = PIPELINE_STREAMING};
    SourceHalf *half = context;
    PipelineReport *report = &half->report;
    report->phase = PHASES[source->phase];
    report->trouble = NULL;
    tables_keep(half, source);
    report->changes = source->changes;
    report->source_lsn = source->source_lsn;
    report->durable_lsn = source->durable_lsn;
    report->lag_bytes =
        source->source_lsn > source->durable_lsn ? (int64_t)(source->source_lsn - source->durable_lsn) : 0;
    lag_keep(half, source);
    report->slot_retained_bytes = source->slot_retained_bytes;
    report->slot_safe_bytes = source->slot_safe_bytes;
    report->dead_letters = source->dead_letters;
    JournalInfo info;
    journal_info(half->journal, &info);
    report->journal_bytes = info.end - info.begin;
    report->journal_written = info.end - MIN(half->written_before, info.end);
    report->commits = info.cuts;
    report->commit_us = info.cuts_us;
    report->queue_bytes = journal_pending_bytes(half->journal);
    report->queue_bytes_max = half->journal_options.memory_bytes_max;
    retention_keep(half, source);
    source_half_report(half, false);
    return !half->failed(half);
}

// --- the run ---------------------------------------------------------------------------------------------------

static bool attempt_open(SourceHalf *half, Err *err) {
    SourceContext context = {.pipeline = NULL};
    TRY(half->begin(half, &context, err));
    context.mode = half->mode;
    context.directory = half->directory;
    context.journal = half->journal;
    context.spool_options = half->journal_options;
    context.spool_options.floor_count = 0;
    context.spool_options.memory_bytes_max = half->spool_bytes_max;
    context.stop = half->stop;
    context.report = source_reported;
    context.context = half;
    return half->source->run(&context, err);
}

static bool attempt(SourceHalf *half, Err *err) {
    TRY(half->before == NULL || half->before(half, err));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/journal", half->directory);
    TRY(journal_open(path, &half->journal_options, &half->journal, err));
    journal_info(half->journal, &half->opened);
    if (!half->written_known) {
        half->written_known = true;
        half->written_before = half->opened.end;
    }
    bool ok = attempt_open(half, err);
    if (half->end != NULL) {
        half->end(half);
    }
    journal_close(half->journal);
    half->journal = NULL;
    return ok;
}

// Waits, reporting why; false when the pipeline is to stop.
static bool backoff(SourceHalf *half, int64_t wait_us, const Err *err) {
    half->report.phase = PIPELINE_WAITING;
    half->report.trouble = err->message;
    half->away = true;
    int64_t until = clock_monotonic_us() + wait_us;
    while (clock_monotonic_us() < until && !*half->stop) {
        if (half->failed(half)) {
            break;
        }
        lag_keep(half, NULL);
        source_half_report(half, false);
        clock_sleep_us(100000);
    }
    half->report.trouble = NULL;
    return !*half->stop;
}

bool source_half_run(SourceHalf *half, Err *err) {
    int64_t backoff_us = BACKOFF_US_MIN, failing_since = 0;
    for (;;) {
        int64_t began = clock_monotonic_us();
        half->report.phase = PIPELINE_CONNECTING;
        if (attempt(half, err)) {
            return true;
        }
        int64_t now = clock_monotonic_us();
        if (*half->stop && err_class(err->code) == ERR_CLASS_TRANSIENT) {
            err_clear(err); // asked to stop while the source was away: all that is durable stays
            return true;
        }
        if (now - began > HEALTHY_RUN_US || failing_since == 0) {
            failing_since = now;
            backoff_us = BACKOFF_US_MIN;
        }
        bool give_up = half->mode != SOURCE_FOLLOW && now - failing_since > GIVE_UP_US;
        if (err_class(err->code) != ERR_CLASS_TRANSIENT || err->code == ERR_INTERRUPTED || give_up) {
            return err_frame(err, __FILE__, __LINE__);
        }
        log_warn(LOG_PIPELINE, "trying again", LOG_TEXT("error", err_name(err->code)), LOG_TEXT("reason", err->message),
                 LOG_TEXT("hint", err->hint), LOG_INT("in_ms", backoff_us / 1000));
        int64_t jitter = now % (backoff_us / 4);
        if (!backoff(half, backoff_us + jitter, err)) {
            err_clear(err);
            return true;
        }
        err_clear(err);
        backoff_us = MIN(backoff_us * 2, BACKOFF_US_MAX);
    }
}

void source_half_init(SourceHalf *half) {
    half->started_us = half->heard_us = clock_monotonic_us();
    half->report = PIPELINE_REPORT_UNKNOWN;
    arena_init(&half->names, "run", 0);
}

void source_half_release(SourceHalf *half) {
    free(half->tables);
    arena_release(&half->names);
}
