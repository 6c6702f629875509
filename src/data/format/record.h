// SPDX-License-Identifier: Apache-2.0
// Records: what an event becomes at an edge. An Envelope turns a table's schema into the shapes of key and value, once,
// and each event into values of these shapes. flat: the row's columns and leat's own (data/format/flat.h). debezium:
// key and full envelope as Debezium 3 writes them (data/connect/envelope.h).
#ifndef LEAT_DATA_FORMAT_RECORD_H
#define LEAT_DATA_FORMAT_RECORD_H

#include "core/base/err.h"
#include "data/event/event.h"
#include "data/event/schema.h"
#include "data/format/shape.h"

typedef struct EnvelopeOptions {
    Slice connector; // the pipeline's name: Debezium's logical name (topic.prefix)
    Slice database;
    // flat: what a value becomes that its column's shape cannot hold (numeric NaN, infinite dates): NULL, or an error.
    bool fail_on_inexact;
    bool exact_text; // flat: such columns are strings instead, so nothing is lost
    bool headers;    // debezium: make them too
    Slice run_id;    // one of the headers: a UUID
} EnvelopeOptions;

typedef struct Record {
    const Value *value;   // one a field of the value's shape; NULL = the null value of a tombstone
    const Value *key;     // likewise; NULL = no key
    const Value *headers; // likewise; NULL = none
    const Event *event;
    const Schema *schema;
    Slice topic;
    uint64_t offset;
    int64_t timestamp_us; // since 1970: the event's source_us
    bool skipped;         // set by make: the envelope has no record for this event; value and key are NULL
} Record;

// Compiled for one schema; envelopes embed it first. Not shared between threads: it holds the row being made.
typedef struct RecordPlan {
    const Shape *value;   // a STRUCT
    const Shape *key;     // a STRUCT, or NULL: the table has no key
    const Shape *headers; // a STRUCT, or NULL: records have none
    uint64_t inexact;     // values that became NULL because their shape cannot hold them
} RecordPlan;

typedef struct Envelope {
    const char *name;
    // Lives in the arena. ERR_TABLE names the column that has no shape.
    bool (*compile)(Arena *arena, const Schema *schema, const EnvelopeOptions *options, RecordPlan **plan, Err *err);
    // Fills value, key, headers and skipped; they are good until the next call, or until `scratch`, which the caller
    // resets, is reset. ERR_VALUE names table, column and row's place.
    bool (*make)(RecordPlan *plan, Arena *scratch, const Event *event, Record *record, Err *err);
} Envelope;

// An operation's letter as a string; NULL for what is none.
Value record_op(EventOp op);
// What a part of a table's records is called in schemas: [CONNECTOR.]SCHEMA.TABLE.PART
Slice record_name(Arena *arena, const Schema *schema, const EnvelopeOptions *options, const char *part);

#endif
