// SPDX-License-Identifier: Apache-2.0
// status.json of a pipeline (flow/pipeline/report.h), read back.
#ifndef LEAT_SURFACE_CLI_STATUS_FILE_H
#define LEAT_SURFACE_CLI_STATUS_FILE_H

#include "core/base/arena.h"
#include "core/base/err.h"

typedef struct StatusTable {
    const char *name, *state, *reason; // reason: NULL when there is none
    int64_t rows_expected;             // -1 = unknown
    int64_t snapshot_rows, changes;
} StatusTable;

typedef struct StatusFile {
    bool present;     // false: it has never run
    const char *json; // the object as it stands there
    const char *phase, *trouble, *sink_trouble, *durable_lsn;
    const char *retention_of; // of Kafka's topics: which is the nearest to be removed; NULL = nothing expires
    double retention_share;
    int64_t time_ms, lag_ms, lag_bytes, changes, journal_bytes, sink_behind_bytes, sink_tries, sink_away_ms;
    int64_t sink_files, sink_bytes, sink_commits, sink_published_ms, dead_letters;
    int64_t sink_requests;                        // of all kinds; 0 = none, or a sink that has none
    double month_requests_usd, month_storage_usd; // at the last run's rate; -1 = not known
    StatusTable *tables;
    size_t table_count;
    const char *verify;                         // verify.json; NULL = there is none
    const char *verified;                       // the last result; NULL = none yet
    const char *verify_why;                     // NULL, or why there is no other
    int64_t verified_ms;                        // when it ended
    int64_t verify_differ, verify_not_compared; // tables, by the newest result of each
} StatusFile;

CHECKED bool status_file_read(const char *directory, Arena *arena, StatusFile *status, Err *err);

#endif
