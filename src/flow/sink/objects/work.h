// SPDX-License-Identifier: Apache-2.0
// The live state of an objects sink, shared by its parts: take.c takes the journal's entries in, publish.c publishes.
#ifndef LEAT_FLOW_SINK_OBJECTS_WORK_H
#define LEAT_FLOW_SINK_OBJECTS_WORK_H

#include "flow/sink/objects/checkpoint.h"
#include "flow/sink/objects/files.h"
#include "flow/sink/objects/partition.h"
#include "flow/sink/sink.h"

// What is compiled for one schema of one table.
struct ObjectsShape {
    Schema schema;
    RecordPlan *record; // NULL: no record need be made
    const FilePlan *plans[PARTS];
    Slice patterns[PARTS]; // of names
    PartitionPlan partition;
    bool key_wrapped; // keys are records of one field
    // Of a connector's records (records.c): `record` has the shapes alone.
    Slice topic;               // of the records, which a transform may have changed
    int32_t number;            // of their partition in Kafka
    bool value_bare, key_bare; // no struct: the only field of `record`'s
};

// Tables, counted; grown by tables_add.
typedef struct TableList {
    ObjectsTable **at;
    size_t count, capacity;
} TableList;

typedef struct Objects {
    Arena run; // tables, what is compiled for them
    Arena record;
    const char *state_directory;
    Slice connector;
    ObjectsOptions options;
    Rules rules;
    const SinkRecords *records; // NULL = the envelope of the rules
    const Shape *headers;       // of `records`' headers, when they are stored
    const _Atomic size_t *memory_share;
    Partitioner partitioner;
    Store *store;
    FileList files;
    Slice owner;
    TableList tables;
    TableList group;    // touched since the last cut
    TableList due;      // with sealed files, or due_all
    Map by_topic;       // name -> ObjectsTable
    Map shapes;         // table and schema id -> ObjectsShape
    ObjectsTable *last; // of the last record: most come in runs
    Buf text;           // a partition, a name
    const char *pipeline;
    bool complete;                 // see SinkContext
    bool shared;                   // it has a share of the topics
    bool withdraws;                // what the target does not count is sent again: it goes when the directory was lost
    const JournalReader *reader;   // that gave the last cut
    char tag[STORE_TAG_BYTES_MAX]; // of the checkpoint in the target
    Buf checkpoint;                // encoded: what the target will hold once the plan is published
    Buf journal_state;             // as the target's checkpoint has it
    Slice *withdrawn;              // names that another process was publishing: publish_withdrawn
    size_t withdrawn_count;
    int64_t withdrawn_until_ms; // monotonic
    Mark published;             // the cut that the target's checkpoint is of
    Mark start;                 // durable
    Mark cut;                   // the last one taken
    uint64_t names_bytes;
    int64_t saved_ms;         // monotonic, of the last state written
    int64_t next_schedule_ms; // wall clock, of the next scheduled rotation
    bool single;              // a table has one file at a time
    bool plain;               // and that with values alone
    bool broken;              // after an error nothing but close: the state on disk is what holds
    Err error;
    SinkStats stats;
} Objects;

// Of the context's target, under a name of one who stages nothing or as the state has it.
CHECKED bool objects_store_open(const SinkContext *context, const char *owner, Arena *arena, Store **store, Err *err);
void tables_add(TableList *list, ObjectsTable *table);
ObjectsTable *objects_table_add(Objects *sink, Slice topic);
// As a state has it.
ObjectsTable *objects_table_restore(Objects *sink, const PlanTopic *topic);
// Removes what a process that is gone has staged, under the owner's name that it had.
CHECKED bool objects_staged_sweep(const SinkContext *context, Slice owner, Err *err);
// The table is published at the next cut: its sealed files, and with `all` its open ones.
void objects_due(Objects *sink, ObjectsTable *table, bool all);

// records.c: what a connector's record becomes; its shape, compiled once.
CHECKED bool records_shape(Objects *sink, ObjectsTable *table, const Schema *schema, const ConnectRecord *from,
                           const ObjectsShape **shape, Err *err);
void records_fill(Objects *sink, const ObjectsShape *shape, const ConnectRecord *from, Record *record);

// take.c
CHECKED bool objects_shape_part(Objects *sink, ObjectsShape *shape, int part, Err *err);
// `topic` as it is in names.
void objects_shape_patterns(Objects *sink, Slice topic, ObjectsShape *shape);
CHECKED bool objects_take_event(Objects *sink, const JournalEntry *entry, Err *err);
CHECKED bool objects_take_cut(Objects *sink, const JournalEntry *entry, Err *err);
// Marks what is due by age or by the clock.
void objects_mark_old(Objects *sink);
// How long the durable start may stay behind when nothing is published.
int64_t objects_patience_ms(const Objects *sink);
// Of the next scheduled rotation after this moment, wall clock.
int64_t objects_schedule_next(const Objects *sink, int64_t wall_ms);

#endif
