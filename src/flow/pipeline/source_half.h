// SPDX-License-Identifier: Apache-2.0
// The source's half of a pipeline: opens the journal and runs the source into it, again with backoff after each
// transient fault, and keeps the report of it. Its owner (pipeline.c, connector_source.c) embeds it first, so that the
// functions that the source calls get the owner.
#ifndef LEAT_FLOW_PIPELINE_SOURCE_HALF_H
#define LEAT_FLOW_PIPELINE_SOURCE_HALF_H

#include "flow/pipeline/pipeline.h"

typedef struct SourceHalf SourceHalf;

struct SourceHalf {
    // Set by the owner.
    const SourceDriver *source;
    const char *directory; // of the pipeline, exists
    SourceMode mode;
    const volatile bool *stop;
    JournalOptions journal_options;
    size_t spool_bytes_max;
    bool (*before)(SourceHalf *half, Err *err); // before the journal is opened; may be NULL
    // With the journal open: fills the context's url, options and questions, which get the half as their context. Mode,
    // directory, journal, spool, stop and report are set behind it.
    bool (*begin)(SourceHalf *half, SourceContext *context, Err *err);
    void (*end)(SourceHalf *half);          // after each attempt that began, the journal still open; may be NULL
    bool (*failed)(const SourceHalf *half); // the other half has: the run ends
    void (*reported)(SourceHalf *half, bool last);

    // Its own.
    Journal *journal;   // open during an attempt
    JournalInfo opened; // what the journal held when it was opened
    PipelineReport report;
    TableReport *tables; // the newest report's, copied
    size_t table_capacity;
    Arena names; // of those tables
    char retention_of[300];
    bool expiring; // that it is near was said
    int64_t started_us;
    int64_t heard_us;           // when the source was last known to be there (monotonic)
    bool away;                  // it was lost, and no change has come since
    bool written_known;         // the journal was opened in this process,
    LogPosition written_before; // and ended there
};

void source_half_init(SourceHalf *half);
void source_half_release(SourceHalf *half);
// Until the mode says that it is done, or *stop. ERR_INTERRUPTED when the other half has failed.
CHECKED bool source_half_run(SourceHalf *half, Err *err);
void source_half_report(SourceHalf *half, bool last);

#endif
