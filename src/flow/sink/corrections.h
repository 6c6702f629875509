// SPDX-License-Identifier: Apache-2.0
// Corrections of a target, as a comparison found them: a file that the comparing process writes and the one that runs
// the sink applies (SinkDriver.repair).
#ifndef LEAT_FLOW_SINK_CORRECTIONS_H
#define LEAT_FLOW_SINK_CORRECTIONS_H

#include "core/base/err.h"
#include "core/sys/file.h"
#include "data/event/schema.h"
#include "data/event/value.h"

typedef struct CorrectionPlace {
    Slice file;
    uint64_t position;
} CorrectionPlace;

typedef struct Correction {
    Slice topic;
    const Value *key; // in the target's types, in the key's order, or the whole row; NULL = the table has neither
    size_t key_count;
    const Schema *schema;          // of `after`
    const Value *after;            // the row as the source has it; NULL = it has none
    const CorrectionPlace *places; // all rows of that key that the target had; of whole rows those that are too much
    size_t place_count;
} Correction;

typedef struct CorrectionsWriter CorrectionsWriter;
// In memory until it is finished.
CorrectionsWriter *corrections_new(void);
void corrections_add(CorrectionsWriter *writer, const Correction *correction);
// Durable, whole or absent.
CHECKED bool corrections_finish(CorrectionsWriter *writer, const char *path, Err *err);
void corrections_free(CorrectionsWriter *writer);

// Any number of corrections, in files of a size that both sides can hold: DIRECTORY/1, /2, … Each is applied for
// itself.
typedef struct CorrectionFiles {
    const char *directory; // made with the first of them
    size_t file_bytes;     // a file ends once it has so many; 0 = 16 MiB
    size_t count;          // files that have ended
    CorrectionsWriter *writer;
} CorrectionFiles;
CHECKED bool correction_files_add(CorrectionFiles *files, const Correction *correction, Err *err);
// Ends the file under way, if there is one.
CHECKED bool correction_files_end(CorrectionFiles *files, Err *err);
const char *correction_files_path(const CorrectionFiles *files, Arena *arena, size_t number); // 1 is the first
void correction_files_release(CorrectionFiles *files); // what is under way is forgotten; the files stay

// One after another; a correction is good during its call. ERR_STATE_CORRUPT: this is no such file, or damaged.
CHECKED bool corrections_read(const char *path, bool (*visit)(void *context, const Correction *correction, Err *err),
                              void *context, Err *err);

#endif
