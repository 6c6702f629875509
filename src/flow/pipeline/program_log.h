// SPDX-License-Identifier: Apache-2.0
// programs/: the configurations that a source connector's records were appended under, by log position. What a sink
// makes of an event is what it was to become when it was appended, whatever the connector has been told since.
//
//     programs/N.json    N of 10 digits, growing by one; one object of texts:
//         "program.format_version": "1"
//         "program.from": log position: it holds for what lies at it and above, up to the next one's
//         "program.name": the connector's;  "program.run_id": a UUID of this configuration, for Debezium's headers
//         and the configuration, as stored (secrets sealed or as references), without keys that no record depends on
//
// A program is durable before the first event under it is appended. Written by the source's worker alone.
#ifndef LEAT_FLOW_PIPELINE_PROGRAM_LOG_H
#define LEAT_FLOW_PIPELINE_PROGRAM_LOG_H

#include "core/config/properties.h"
#include "storage/journal/journal.h"

typedef struct ProgramNote {
    uint64_t number;
    LogPosition from;
    Slice name, run_id;
    Properties config; // references and seals not yet resolved
} ProgramNote;

// `directory` is that of the source connector. [*first, *last] there are; both 0 when there are none.
CHECKED bool program_log_range(const char *directory, uint64_t *first, uint64_t *last, Err *err);
bool program_log_has(const char *directory, uint64_t number);
// ERR_NOT_FOUND: the journal has been trimmed past it.
CHECKED bool program_log_read(const char *directory, uint64_t number, Arena *arena, ProgramNote *note, Err *err);
// Before a source appends: makes sure that the newest program is this configuration, and forgets those whose events the
// journal, which holds [begin, end), has no more. Gives the newest.
CHECKED bool program_log_keep(const char *directory, Slice name, const Properties *config, LogPosition begin,
                              LogPosition end, Arena *arena, ProgramNote *note, Err *err);

#endif
