// SPDX-License-Identifier: Apache-2.0
// Flat records: the table's columns, then leat's own fields, named and meant as in JSON lines
// (data/format/json_lines.h):
//
//     __op            STRING   r, c, u, d, t
//     __commit_lsn    INT64    with __ordinal the order of changes
//     __ordinal       INT64
//     __source_ts_ms  INT64    since 1970
//     __deleted       BOOL
//     __unchanged     LIST of STRING, NULL = none: columns that are NULL here because their value did not travel
//     __key_before    STRUCT of the key, NULL but on the CREATE half of a key change; absent when the table has no key
//
// All columns are optional: a delete has only the key, a truncate nothing. The key is a STRUCT of the columns by which
// the source finds a row again (COLUMN_KEY), in the order of the primary key where that is it, all required. A record
// whose key has a column without a value (see below) has no key, as that of a truncate. A table without any key has
// none: with REPLICA IDENTITY FULL that is not the whole row.
//
// Names are the columns' own. One that is named like a field of leat gets underscores before it until its name is free;
// names that differ only in case stay as they are, for the formats tell them apart.
//
// Types: the one table in flat.c, shown in docs/sources/postgresql-types.md. A value that its shape cannot hold (NaN
// and infinite decimals; infinite dates and timestamps, and timestamps that since 1970 leave 64 bits; 24:00; arrays of
// more dimensions than the one that their type tells of) becomes NULL and is counted in plan->inexact, in a list or
// struct that one item (an array of more dimensions: as a whole); or it is an error; or with `exact_text` all columns
// that may hold such a value are strings in the form of data/format/text.h (arrays: JSON). Then nothing can be inexact.
#ifndef LEAT_DATA_FORMAT_FLAT_H
#define LEAT_DATA_FORMAT_FLAT_H

#include "data/format/record.h"

extern const Envelope FLAT_ENVELOPE;

// The shape of a column of that type, optional. False with ERR_TABLE: the type is malformed.
CHECKED bool flat_shape(Arena *arena, const Type *type, const EnvelopeOptions *options, Shape *shape, Err *err);
// What the text forms (data/format/text.h) take for granted of a value: that it is one of its type, its items too.
// Not NULL.
bool flat_value_valid(const Type *type, const Value *value);

#endif
