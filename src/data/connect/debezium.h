// SPDX-License-Identifier: Apache-2.0
// Records as Debezium 3.7's PostgreSQL connector makes them, as shapes and values: one table's schema, compiled. Key
// {NAME.Key}, value {NAME.Envelope, version 2} with before, after, source, transaction, op, ts_ms, ts_us, ts_ns.
//
//   - The key is the primary key, in its own order; without one the columns of REPLICA IDENTITY USING INDEX; else none;
//     or what rules say. Its values are never masked, and its columns are there when they are excluded from the rows.
//   - `before` is what the source sends of the old row: all columns with REPLICA IDENTITY FULL, else only those of the
//     key. A column that may not be NULL and has no value gets its default, else 0, "", false, the epoch.
//   - An unchanged out-of-line value becomes the placeholder, in the forms that Debezium has for it.
//   - A key change is a delete and a create. In a table without a key, of which leat knows the whole row only, it
//     is one update: the delete half is skipped.
//   - ts_ms, ts_us and ts_ns are when leat saw the change.
//   - A truncate is a record of op "t" without key.
//
// With `exact`, what the original gets wrong comes right: columns that a source does not tell are NULL (and may be) and
// have no stand-ins, schemas have no defaults (which JsonConverter writes for NULL), the key of REPLICA IDENTITY USING
// INDEX is that index, a value that its form cannot hold is ERR_VALUE in place of a NULL; more in column.h.
#ifndef LEAT_DATA_CONNECT_DEBEZIUM_H
#define LEAT_DATA_CONNECT_DEBEZIUM_H

#include "core/base/err.h"
#include "data/connect/column.h"
#include "data/connect/names.h"
#include "data/connect/rules.h"
#include "data/event/event.h"
#include "data/event/schema.h"

enum { TOP_BEFORE, TOP_AFTER, TOP_SOURCE, TOP_TRANSACTION, TOP_OP, TOP_TS_MS, TOP_TS_US, TOP_TS_NS, TOP_COUNT };

typedef struct DebeziumOptions {
    Slice connector; // topic.prefix: source.name
    Slice database;
    ColumnOptions columns;
    const ColumnRules *rules; // NULL = none
    NameAdjust schema_names, field_names;
    bool fail_on_inexact; // ERR_VALUE for values that their forms cannot hold; else they become NULL and are counted
    bool transactions;    // fill `transaction` of events that are EVENT_ORDERED
} DebeziumOptions;

typedef struct DebeziumRecord {
    const Value *key;       // one a field of the key's shape; NULL = no key
    const Value *value;     // TOP_COUNT
    const Value *other_key; // of the half of a key change: the key of the other half; NULL = none
    EventOp op;             // as the record says it
    bool skipped;           // no record
    bool key_changed;       // an update that changed a key which rules make: it is to be a delete and a create
} DebeziumRecord;

// Not shared between threads: it holds the record being made.
typedef struct DebeziumPlan {
    const Shape *key; // a STRUCT; NULL = none
    const Shape *value;
    uint64_t inexact; // values that became NULL because their form cannot hold them
    Schema schema;
    DebeziumOptions options;
    bool whole_row_key;           // REPLICA IDENTITY FULL without a primary key
    const ConnectColumn *columns; // those that are shown
    const uint32_t *places;       // of each, in the schema
    uint32_t count;
    const ConnectColumn *key_columns;
    const uint32_t *key_places;
    const int32_t *key_from; // among `columns` where the key's value is that of the row; -1 = made for the key
    uint32_t key_count;
    bool key_of_rules;        // an update may change it
    bool splitting;           // set by who asks for the halves of such an update
    const Mask *const *masks; // one a column of `columns`, NULL = not masked; NULL: none is
    Value *before, *after, *source, *key_values, *other_key;
    Value top[TOP_COUNT];
} DebeziumPlan;

// Lives in the arena. `name` goes before ".Key", ".Value" and ".Envelope".
CHECKED bool debezium_plan_new(Arena *arena, const Schema *schema, Slice name, const DebeziumOptions *options,
                               DebeziumPlan **plan, Err *err);
// Good until the next call, or until `scratch` is reset. ERR_VALUE names table, column and place.
CHECKED bool debezium_plan_make(DebeziumPlan *plan, Arena *scratch, const Event *event, DebeziumRecord *record,
                                Err *err);

#endif
