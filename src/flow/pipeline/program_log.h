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
// Of a journal in Kafka, which outlives the data directory, they are facts of the journal, "program/N", with the same
// text; and its fact "journal.id", 16 hexadecimal digits, tells it from another one that gets its name.
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

#define JOURNAL_ID_FACT "journal.id"
enum { JOURNAL_ID_BYTES = 16 };

// Where they are: of a journal in files in the source connector's directory.
typedef struct ProgramPlace {
    const char *directory;
    const char *journal; // its directory
} ProgramPlace;

// All that there are from number `from` on, the oldest first, in the arena. *epoch: of the journal, when they are its
// facts; a newer one may have more of them.
CHECKED bool program_log_load(const ProgramPlace *place, uint64_t from, Arena *arena, ProgramNote **notes,
                              size_t *count, uint64_t *epoch, Err *err);
// Whether there may be one of that number; a look at a file. In Kafka the journal's epoch says whether there are more.
bool program_log_has(const ProgramPlace *place, uint64_t number);
// Of a journal in Kafka; NULL: it is in files.
const char *program_log_journal_id(const Journal *journal, Arena *arena);
// Before a source appends: makes sure that the newest program is this configuration, and forgets those whose events the
// journal, which holds [begin, end), has no more. Gives the newest. `journal`: open, where they are its facts; else
// NULL.
typedef struct ProgramKeep {
    Slice name;
    const Properties *config;
    LogPosition begin, end;
    Journal *journal;
} ProgramKeep;
CHECKED bool program_log_keep(const char *directory, const ProgramKeep *keep, Arena *arena, ProgramNote *note,
                              Err *err);

#endif
