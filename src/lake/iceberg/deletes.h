// SPDX-License-Identifier: Apache-2.0
// Deleted rows of data files: a set of positions (roaring bitmap), as it stands in a deletion vector of a Puffin file
// (version 3; puffin-spec.md, "deletion-vector-v1") or in a position delete file (version 2, Parquet).
#ifndef LEAT_LAKE_ICEBERG_DELETES_H
#define LEAT_LAKE_ICEBERG_DELETES_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"

typedef struct Positions Positions; // of one data file, 64 bits each

Positions *positions_new(void);
void positions_free(Positions *positions);                   // NULL is fine
bool positions_add(Positions *positions, uint64_t position); // true: it was not there
bool positions_has(const Positions *positions, uint64_t position);
uint64_t positions_count(const Positions *positions);
uint64_t positions_below(const Positions *positions, uint64_t position); // how many are less
void positions_union(Positions *positions, const Positions *other);
Positions *positions_copy(const Positions *positions);
// In rising order, a few at a time: appends up to `max` positions at or above *from, and moves *from behind them; 0 at
// the end.
size_t positions_next(const Positions *positions, uint64_t *from, uint64_t *out, size_t max);
uint64_t positions_last(const Positions *positions); // the greatest; not of an empty one
size_t positions_memory(const Positions *positions);

// --- Puffin ----------------------------------------------------------------------------------------------------

typedef struct PuffinBlob {
    Slice type;            // "deletion-vector-v1"; others are foreign (statistics)
    Slice referenced_file; // of a deletion vector
    int64_t cardinality;   // likewise; -1 = not said
    int64_t snapshot_id, sequence_number;
    uint64_t offset, size;
    Slice codec; // empty = not compressed
} PuffinBlob;

// A blob, with its length, magic and checksum.
void deletion_vector_write(const Positions *positions, Buf *out);
// ERR_VALUE says what is wrong: lengths, magic, checksum, what follows.
CHECKED bool deletion_vector_read(Slice blob, Positions **positions, Err *err);

// One Puffin file with a deletion vector for each data file. Gives where each blob stands.
typedef struct PuffinVector {
    Slice data_file; // URI
    const Positions *positions;
    uint64_t offset, size; // found out
} PuffinVector;
CHECKED bool puffin_write(PuffinVector *vectors, size_t count, Buf *out, Err *err);
CHECKED bool puffin_read_footer(Slice file, Arena *arena, PuffinBlob **blobs, size_t *count, Err *err);

// --- position delete files -------------------------------------------------------------------------------------

// file_path, pos: sorted by both, as readers take for granted. The vectors are sorted by data_file first.
CHECKED bool position_deletes_write(const PuffinVector *vectors, size_t count, Buf *out, Err *err);
// Calls `row` for each; false from it stops with its error.
CHECKED bool position_deletes_read(Slice file, bool (*row)(void *context, Slice path, uint64_t position, Err *err),
                                   void *context, Err *err);

#endif
