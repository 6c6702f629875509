// SPDX-License-Identifier: Apache-2.0
// THE WAIST, part 3: the shape of one table's rows at one moment. A change of shape is a new Schema.
#ifndef LEAT_DATA_EVENT_SCHEMA_H
#define LEAT_DATA_EVENT_SCHEMA_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "data/event/type.h"

typedef enum Identity { // what the source tells of a row that an UPDATE or DELETE hits
    IDENTITY_KEY,       // the primary key
    IDENTITY_INDEX,     // the columns of another unique index
    IDENTITY_FULL,      // the whole row
    IDENTITY_NOTHING,   // nothing: only inserts and truncates are captured
} Identity;

enum {
    COLUMN_NOT_NULL = 1,
    COLUMN_KEY = 2,     // part of the key by which a row is found again (see Schema.identity)
    COLUMN_PRIMARY = 4, // part of the primary key
    COLUMN_GENERATED = 8,
    // Above the flags: the source's own number of the column, which stays when it is renamed and never comes again
    // (PostgreSQL: attnum); 0 = not known.
    COLUMN_NUMBER_SHIFT = 16,
};

typedef struct Column {
    Slice name;
    Type type;
    uint32_t flags;
    uint32_t key_ordinal; // 1, 2, … place in the primary key; 0 = not in it
    Slice default_text;   // its DEFAULT as the source prints the expression ("'abc'::text", "now()"); empty = none
    Slice comment;        // the source's; empty = none, or not asked for
} Column;

typedef struct Schema {
    uint32_t id; // journal-local; 0 until registered
    Slice space; // the table's schema (PostgreSQL), database (MySQL)
    Slice table;
    Slice comment; // as a column's
    Identity identity;
    const Column *columns;
    uint32_t column_count;
} Schema;

bool schema_equal(const Schema *a, const Schema *b); // ids do not count
Schema schema_copy(Arena *arena, const Schema *schema);
// Position of a column by name, -1 when absent.
int32_t schema_find_column(const Schema *schema, Slice name);

// Bytes for the journal and back. Decoding copies into the arena; false with ERR_JOURNAL_CORRUPT on bad bytes.
void schema_encode(Buf *buf, const Schema *schema);
CHECKED bool schema_decode(Slice bytes, Arena *arena, Schema *schema, Err *err);

#endif
