// SPDX-License-Identifier: Apache-2.0
// The files of the objects sink that are under way: rows gather in a buffer for each table; large buffers, and the
// largest when memory is short, go to a stage of the store. No table holds a descriptor.
//
// A table has at most one active file, which is the last of its files in the list, and any number of sealed ones
// before it (cut off by size within one group). The list is in the order of first records, so its head says from where
// the journal is still needed.
#ifndef LEAT_FLOW_SINK_OBJECTS_FILES_H
#define LEAT_FLOW_SINK_OBJECTS_FILES_H

#include "flow/sink/objects/plan.h"
#include "storage/store/store.h"

typedef struct ObjectsFile ObjectsFile;
typedef struct ObjectsTable ObjectsTable;

struct ObjectsFile {
    ObjectsTable *table;
    ObjectsFile *next, *previous;
    Mark from;                 // the last cut before its first record
    int64_t since_ms;          // monotonic, of its first record
    uint64_t begin, end;       // offsets
    uint64_t cut_end;          // of the records that a cut stands behind
    uint64_t bytes, cut_bytes; // all, and those that a cut stands behind
    uint64_t staged_bytes;     // of bytes, already in the stage
    StoreStage *stage;         // NULL until something is spilled
    Buf buf;
    bool due;                 // to be published at this cut
    ObjectsFile *sealed_next; // in table->sealed
    char *token;              // once finished
};

struct ObjectsTable {
    Slice topic;
    Slice family;              // empty until the first record since open, unless the state knew it
    uint64_t committed;        // offsets below are published or in a durable plan
    uint64_t epoch;            // of the cut that ended what was last published; 0 = nothing yet
    uint64_t done, done_epoch; // the same as the target's checkpoint has them
    uint64_t next;             // offset that must come next
    uint64_t cut_epoch;        // epoch of the last cut that had records of it
    bool known;                // committed and next mean something
    bool published;            // something has been published in this state's life: the names are ours
    bool touched;              // in this group, by new records
    bool skipped;              // in this group, by records that are published already
    uint32_t schema_id;        // of `writer`
    const void *writer;
    ObjectsFile *active;
    ObjectsFile *sealed; // in this group: no cut stands behind them yet
};

typedef struct FileList {
    Store *store;
    ObjectsFile *head, *tail;
    size_t buffered;   // capacity of all buffers
    size_t memory_max; // for them
    size_t chunk;      // a buffer of this size is spilled
    bool due;          // some file is
} FileList;

void files_init(FileList *files, Store *store, size_t memory_bytes_max);
// Drops everything that is not published.
void files_release(FileList *files);

// The table's active file, made when there is none.
ObjectsFile *files_active(FileList *files, ObjectsTable *table, uint64_t offset, Mark from, int64_t now_ms);
// Counts what was just written to file->buf as the record [offset, end); spills when it is time.
CHECKED bool files_written(FileList *files, ObjectsFile *file, size_t capacity_before, size_t size_before, uint64_t end,
                           Err *err);
// Ends the active file, if it can at the last cut, else here; the table's next record goes into another.
CHECKED bool files_seal(FileList *files, ObjectsFile *file, Mark cut, int64_t now_ms, Err *err);
// What was written to the table's files so far stands behind a cut; sealed files are due now, and the active one when
// it is large enough.
void files_cut(FileList *files, ObjectsTable *table, uint64_t rotate_bytes);
// True when a prefix of the file that a cut stands behind can be published now: all of it, or, when the rest is still
// in memory, all but the rest.
bool files_publishable(const ObjectsFile *file);
// Moves what no cut stands behind to a file of its own.
void files_split(FileList *files, ObjectsFile *file, Mark cut, int64_t now_ms);
// Stages the rest and makes it durable; file->token is then set.
CHECKED bool files_finish(FileList *files, ObjectsFile *file, Err *err);
// Takes the file out of the list and frees it; what is staged stays.
void files_drop(FileList *files, ObjectsFile *file);

#endif
