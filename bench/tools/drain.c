// SPDX-License-Identifier: Apache-2.0
// The source's half alone: PostgreSQL into a durable journal, no sink. For benchmarks of that half.
//
//     leat_drain URL DIRECTORY NAME [TABLES [CONNECTIONS]]
//
// With connections (not 0), a snapshot comes first, read by so many.
// It prints {"changes":…,"seconds":…,"cpu_seconds":…,"max_rss_kib":…,…}
#include "core/base/log.h"
#include "core/sys/clock.h"
#include "core/sys/file.h"
#include "flow/source/postgres/postgres.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static volatile bool stop;
static SourceReport last;

static bool report(void *context, const SourceReport *source) {
    (void)context;
    last = *source;
    return true;
}

static void on_signal(int signal) {
    (void)signal;
    stop = true;
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: leat_drain URL DIRECTORY NAME [TABLES [CONNECTIONS]]\n");
        return 2;
    }
    int connections = argc > 5 ? (int)strtol(argv[5], NULL, 10) : 0;
    signal(SIGTERM, on_signal);
    signal(SIGPIPE, SIG_IGN);
    Err err[1] = {{0}};
    char journal_path[1024];
    snprintf(journal_path, sizeof(journal_path), "%s/journal", argv[2]);
    JournalOptions options = {.memory_bytes_max = 16 * MIB, .retention_bytes = UINT64_MAX / 2};
    Journal *journal = NULL;
    SourceContext context = {.pipeline = argv[3],
                             .url = argv[1],
                             .tables = argc > 4 ? argv[4] : "",
                             .detach = "resync",
                             .snapshot_connections = connections > 0 ? connections : 2,
                             .catalog_interval_ms = 30000,
                             .slot_create_timeout_ms = 10000,
                             .mode = connections > 0 ? SOURCE_ONCE : SOURCE_NO_SNAPSHOT,
                             .directory = argv[2],
                             .row_bytes_max = GIB,
                             .spool_options = options,
                             .stop = &stop,
                             .report = report};
    int64_t began = clock_monotonic_us();
    bool ok = file_make_directories(argv[2], err) && journal_open(journal_path, &options, &journal, err);
    context.journal = journal;
    ok = ok && POSTGRES_SOURCE.run(&context, err);
    int64_t took = clock_monotonic_us() - began;
    if (!ok) {
        log_err(LOG_CLI, "failed", err);
        return 1;
    }
    JournalInfo info;
    journal_info(journal, &info);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double user = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
    double system = (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
    printf("{\"changes\":%" PRIu64
           ",\"seconds\":%.3f,\"user_seconds\":%.3f,\"system_seconds\":%.3f,\"max_rss_kib\":%ld,"
           "\"journal_bytes\":%" PRIu64 ",\"cuts\":%" PRIu64 "}\n",
           last.changes, (double)took / 1e6, user, system, usage.ru_maxrss, info.end - info.begin, info.cut_sequence);
    journal_close(journal);
    return 0;
}
