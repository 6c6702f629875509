// SPDX-License-Identifier: Apache-2.0
// The files of the objects sink that are under way. Each has an encoder for its values, one for its keys where these
// are stored; what an encoder has completed gathers in its buffer, and goes to a stage of the store when it is large or
// memory is short. No table and no file holds a descriptor.
//
// Files of one table are open (one for each partition) or sealed: complete, and waiting to be published at a cut.
// Sealing always takes all open files of a table, so the offsets below the last seal are in sealed files or published:
// a table's committed offset is one number. The list of all files is in the order of first records, so its head says
// from where the journal is still needed.
#ifndef LEAT_FLOW_SINK_OBJECTS_FILES_H
#define LEAT_FLOW_SINK_OBJECTS_FILES_H

#include "core/base/map.h"
#include "flow/sink/objects/options.h"
#include "flow/sink/objects/plan.h"
#include "storage/store/store.h"

typedef struct ObjectsFile ObjectsFile;
typedef struct ObjectsTable ObjectsTable;
typedef struct ObjectsShape ObjectsShape;
typedef struct RecordsShape RecordsShape;

typedef struct FilePart {
    FileEncoder *encoder;  // until it is sealed; NULL = the file has no such part
    Buf rest;              // once sealed: what is not staged
    uint64_t staged_bytes; // so far
    StoreStage *stage;     // NULL until something is spilled
    char *name;            // NULL = the file has no such part
    char *token;           // once finished
} FilePart;

struct ObjectsFile {
    ObjectsTable *table;
    ObjectsFile *next, *previous; // of all files
    ObjectsFile *beside;          // the table's next open, or next sealed one
    Mark from;                    // the last cut before its first record
    int64_t since_ms;             // monotonic, of its first record
    uint64_t begin, end;          // offsets
    size_t memory;                // of its buffers and encoders, as counted in FileList
    Slice partition;              // as in its name; owned
    int64_t bucket;               // PARTITION_TIME
    const ObjectsShape *shape;    // that its encoders work with
    FilePart parts[PARTS];
};

struct ObjectsTable {
    Slice topic;
    uint32_t number; // in the sink
    Slice *patterns; // of names that it has published under
    size_t pattern_count;
    uint64_t committed;        // offsets below are published or in a durable plan
    uint64_t epoch;            // of the cut that ended what was last published; 0 = nothing yet
    uint64_t done, done_epoch; // the same as the target's checkpoint has them
    uint64_t single_from;      // see PlanTopic
    uint64_t points[POINTS_MAX];
    size_t point_count;
    uint64_t next;      // offset that must come next
    uint64_t cut_epoch; // epoch of the last cut that had records of it
    bool known;         // committed and next mean something
    bool published;     // something has been published in this state's life
    bool touched;       // in this group, by new records
    bool skipped;       // in this group, by records that are published already
    bool due;           // in the sink's list of tables to publish
    bool due_all;       // its open files too
    bool oversize;      // an open file is past file.rotate.bytes, or was and is sealed: all go at the cut
    const ObjectsShape *shape;
    RecordsShape *seen; // of a connector's records: the shapes that it has had, the last one first
    ObjectsFile *last;  // of the last record, open
    ObjectsFile *open;  // open ones
    size_t open_count;
    ObjectsFile *sealed, *sealed_tail; // in the order of sealing
    uint64_t sealed_end;               // offsets below are in sealed files or published
    uint64_t records;                  // in open files
    int64_t first_time_ms;             // of the first record in open files
    Map by_partition;                  // open files, once there are several
};

typedef struct FileList {
    Store *store;
    ObjectsFile *head, *tail;
    size_t buffered;   // of all files
    size_t memory_max; // for them
    size_t chunk;      // a buffer of this size is spilled
    bool single;       // each table has one open file at a time
} FileList;

void files_init(FileList *files, Store *store, size_t memory_bytes_max, bool single);
// They may have so much from now on.
void files_share(FileList *files, size_t memory_bytes_max);
// Drops everything that is not published.
void files_release(FileList *files);

// A new open file without parts; `partition` is copied.
ObjectsFile *files_open(FileList *files, ObjectsTable *table, uint64_t offset, Mark from, int64_t now_ms,
                        Slice partition);
// Gives it a part; the name is copied.
CHECKED bool files_part(ObjectsFile *file, int part, const FilePlan *plan, const FileFormat *format, Slice name,
                        Err *err);
// Counts what was just appended to its encoders; spills when it is time.
CHECKED bool files_appended(FileList *files, ObjectsFile *file, Err *err);
// True when even so they are above their memory: files must end.
static inline bool files_short(const FileList *files) {
    return files->buffered > files->memory_max;
}
static inline bool files_roomy(const FileList *files) {
    return files->buffered <= files->memory_max - files->memory_max / 4;
}
static inline bool file_is_open(const ObjectsFile *file) {
    bool open = false;
    for (int i = 0; i < PARTS; i++) {
        open |= file->parts[i].encoder != NULL;
    }
    return open;
}
// Ends all open files of the table, and takes note of the offset when there can be several.
CHECKED bool files_seal(FileList *files, ObjectsTable *table, Err *err);
// Stages what is left of a sealed file and makes it durable; the parts' tokens are then set.
CHECKED bool files_finish(FileList *files, ObjectsFile *file, Err *err);
uint64_t file_bytes(const ObjectsFile *file);
uint64_t file_estimate(const ObjectsFile *file); // of the largest part, if it ended now
// Takes the file out of the lists and frees it; what is staged and finished stays.
void files_drop(FileList *files, ObjectsFile *file);

#endif
