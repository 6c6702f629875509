// SPDX-License-Identifier: Apache-2.0
// Tables from one catalog into another: the entries alone, files stay where they are.
#ifndef LEAT_LAKE_CATALOG_MOVE_H
#define LEAT_LAKE_CATALOG_MOVE_H

#include "lake/catalog/catalog.h"

typedef enum MoveOutcome {
    MOVE_REGISTERED, // it was not there, or in an older state
    MOVE_THERE,      // it was, as it is in the first
    MOVE_AHEAD,      // likewise, and has gone on since: an earlier move was stopped behind its switch
} MoveOutcome;

// Makes the table known in `to` as it stands in `from`, and compares what `to` then says with it. May be repeated.
// *at: the metadata file that `from` has, in the arena. ERR_EXISTS: `to` has another table of that name, or one that
// has gone its own way; ERR_CHANGED: what it gives back is not what was registered.
CHECKED bool catalog_move_table(Catalog *from, Catalog *to, TableName name, Arena *arena, MoveOutcome *outcome,
                                Slice *at, Err *err);
// Takes the entry out of `from`, unless somebody has committed there since (ERR_CHANGED). Gone already is fine.
CHECKED bool catalog_move_finish(Catalog *from, TableName name, Slice at, Err *err);

#endif
