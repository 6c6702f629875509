// SPDX-License-Identifier: Apache-2.0
// Live rows of data files: those that no delete of the snapshot marks, in the form of the table's columns
// (projection.h).
#ifndef LEAT_LAKE_ICEBERG_ROWS_H
#define LEAT_LAKE_ICEBERG_ROWS_H

#include "lake/iceberg/commit.h"
#include "lake/iceberg/deletes.h"

// --- what is deleted -------------------------------------------------------------------------------------------

// Positions deleted, by data file: of position delete files, and of deletion vectors, which stand for all deletes of
// their file. Needs the positions in memory (some bytes a row at the most).
typedef struct LakeDeletes LakeDeletes;
// ERR_TABLE: the snapshot has equality deletes, with what to do.
CHECKED bool lake_deletes_load(LakeIo *io, Table *table, const Snapshot *snapshot, LakeDeletes **deletes, Err *err);
const Positions *lake_deletes_of(const LakeDeletes *deletes, Slice path); // NULL = none
bool lake_deletes_vector(const LakeDeletes *deletes, Slice path);         // they stand in a deletion vector
Positions *lake_deletes_take(LakeDeletes *deletes, Slice path);           // likewise, and it is the caller's now
// How many rows of a position delete file are of data files that `live` knows and that have no vector: the others
// delete nothing.
uint64_t lake_deletes_used(const LakeDeletes *deletes, Slice delete_file, bool (*live)(void *context, Slice path),
                           void *context);
void lake_deletes_free(LakeDeletes *deletes); // NULL is fine

// --- rows ------------------------------------------------------------------------------------------------------

typedef struct LakeRead {
    const TableMetadata *table; // its name mapping and partition specs
    const TableSchema *schema;  // of the rows that are given: the snapshot's, or a newer one
    // Columns by the ids of top-level fields, in the order wanted. Beside the schema's: ICEBERG_ID_ROW_ID and
    // ICEBERG_ID_LAST_UPDATED (version 3; INT, or NULL where the file has none).
    const int32_t *ids;
    size_t count;
    const Positions *deleted; // NULL = none
    int64_t sequence;         // of the file, for ICEBERG_ID_LAST_UPDATED; -1 = not known
} LakeRead;

typedef struct LakeRows LakeRows; // one file's rows; one thread, that of `io`

// What `how` points to stays until the rows are closed; `file` is copied. ERR_TABLE: a format or type that is not read;
// ERR_VALUE: the file is damaged.
CHECKED bool lake_rows_open(LakeIo *io, const DataFile *file, const LakeRead *how, LakeRows **rows, Err *err);
// One value a column wanted, good until the next call; *values NULL at the end. `position`: the row's in the file.
CHECKED bool lake_rows_next(LakeRows *rows, const Value **values, uint64_t *position, Err *err);
void lake_rows_close(LakeRows *rows); // NULL is fine

#endif
