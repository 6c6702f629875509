// SPDX-License-Identifier: Apache-2.0
// Records as rows: what a topic's decoded keys and values become, a schema and an event each.
//
//   - A change of Debezium ({before, after, source, op, …}) is the change that it tells: columns of `after`, key
//   columns
//     as the record's key has them. Its tombstones say nothing new.
//   - Another struct is a row: the key's fields (or `key`), then the value's. A value that is no struct is column
//     `value`. With `upsert` the key is the primary key, a record a new version of its row, and a null value its end;
//     else each record is a row of its own.
#ifndef LEAT_FLOW_SOURCE_KAFKA_ROWS_H
#define LEAT_FLOW_SOURCE_KAFKA_ROWS_H

#include "data/event/event.h"
#include "data/event/schema.h"
#include "flow/source/kafka/decode.h"
#include "flow/source/kafka/field.h"
#include "storage/kafka/kafka.h"

typedef struct RowsOptions {
    Slice space, table;
    bool upsert;   // of rows that are no changes of Debezium
    bool metadata; // columns _partition, _offset, _timestamp, _headers
} RowsOptions;

enum { ENVELOPE_BEFORE, ENVELOPE_AFTER, ENVELOPE_SOURCE, ENVELOPE_OP, ENVELOPE_COUNT };
enum { SOURCE_TS_MS, SOURCE_TS_US, SOURCE_LSN, SOURCE_TX_ID, SOURCE_COUNT };
enum { ROWS_PARTITION, ROWS_OFFSET, ROWS_TIMESTAMP, ROWS_HEADERS, ROWS_METADATA_COUNT };

// What records of one shape become.
typedef struct RowsPlan RowsPlan;
struct RowsPlan {
    Schema schema;
    bool change;
    const Shape *key_shape, *value_shape;
    int32_t envelope[ENVELOPE_COUNT];    // of a change: its fields
    int32_t source_places[SOURCE_COUNT]; // …those of its `source`; -1 = it has none
    const KafkaField *fields;            // one a column
    const int32_t *from_key;             // one a column: the key's field, or 0 of a key that is no struct; -1 = none
    const int32_t *from_row;             // likewise of the row
    uint32_t data_columns;               // before those of the metadata
    RowsPlan *next;                      // of the topic
};

// Of Debezium's changes, and of `source` in them, nothing else is looked at.
extern const char *const ROWS_ENVELOPE[ENVELOPE_COUNT];
extern const char *const ROWS_SOURCE[SOURCE_COUNT];
bool rows_is_change(const Shape *shape);
// Lives in the arena. ERR_TABLE: two columns of one name.
CHECKED bool rows_plan_new(Arena *arena, const RowsOptions *options, const Decoded *key, const Decoded *value,
                           RowsPlan **plan, Err *err);
// Of a null value: the plan that the topic had before, by its schema alone.
CHECKED bool rows_plan_of_schema(Arena *arena, const Schema *schema, const Decoded *key, RowsPlan **plan, Err *err);
bool rows_plan_fits(const RowsPlan *plan, const Decoded *key, const Decoded *value);
// Does rows_event look at the record's headers?
bool rows_wants_headers(const RowsPlan *plan, const Decoded *value);
// *none: the record says nothing that a row has. Borrows from record, key, value and scratch. ERR_VALUE names the
// column.
CHECKED bool rows_event(const RowsPlan *plan, Arena *scratch, const KafkaFetched *record, const Decoded *key,
                        const Decoded *value, Event *event, bool *none, Err *err);

#endif
