// SPDX-License-Identifier: Apache-2.0
// A source's schema and a table's: which column goes where, and how the table must change first.
//
// Columns find each other by name. A new one is added (optional), one that the source has no more stays and is NULL (or
// its write-default), a type that the table's may become in place is promoted; any other change is a new column beside
// the old one (name__v2). Rows are made by the flat envelope: the one table of types is data/format/flat.c.
#ifndef LEAT_FLOW_SINK_ICEBERG_MAPPING_H
#define LEAT_FLOW_SINK_ICEBERG_MAPPING_H

#include "data/format/flat.h"
#include "lake/iceberg/metadata.h"
#include "lake/index/index.h"

typedef struct MappingOptions {
    bool append;   // every change is a row: with leat's own columns
    bool soft;     // deleted rows stay, marked: two columns more
    bool full_row; // a table with REPLICA IDENTITY FULL and no primary key: the whole row is its key
    bool suffix;   // else ERR_TABLE, where a type cannot become another
    int32_t format_version;
    Slice numbers; // mapping_numbers of before; empty = none
    EnvelopeOptions envelope;
} MappingOptions;

typedef struct Mapping {
    RecordPlan *plan;   // makes the flat record
    TableSchema schema; // of the table, as it must be; its id is that of the given one where nothing changes
    bool changed;       // it differs from the given one
    int32_t last_column_id;
    const int32_t *from;    // one a field of the table: place in the flat record, -1 = none, or MAPPING_DELETED_AT
    const Value *otherwise; // likewise: what rows have where there is none
    bool straight;          // from[i] = i for all, so the record itself can be written
    size_t column_count;    // of the source: leat's own fields of the flat record follow
    const int32_t *key;     // fields of the table that make the key, in the key's order
    size_t key_count;       // 0: rows cannot be found again
    bool exact_keys;        // see lake/index
    bool full_row;          // the key is all columns that the source has; equal rows are kept as often as there are
    int32_t deleted;        // field that is true of rows that are marked as deleted; -1 = none
} Mapping;

enum {
    FLAT_DELETED = 4, // places of __deleted and __unchanged behind the columns (data/format/flat.h)
    FLAT_UNCHANGED = 5,
    MAPPING_DELETED_AT = -2, // in `from`: when the row was deleted
};

// Of a row, one value a field of mapping->key; without full_row none is NULL.
KeyHash mapping_key_hash(const Mapping *mapping, const Value *key);

// `current` NULL: the table is new. Lives in the arena; the source's schema is copied. ERR_TABLE names table and
// column.
// Which number of the source (schema.h) each field has, as text for a property of the table: a column that was renamed
// is found by it. `before` where the source does not know; a copy of the arena's.
Slice mapping_numbers(const Mapping *mapping, const Schema *source, Slice before, Arena *arena);
CHECKED bool mapping_make(Arena *arena, const Schema *source, const TableSchema *current, int32_t last_column_id,
                          const MappingOptions *options, Mapping *mapping, Err *err);

#endif
