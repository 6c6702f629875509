// SPDX-License-Identifier: Apache-2.0
// --as-of and --to: which snapshot of a table is meant.
#ifndef LEAT_SURFACE_CLI_AS_OF_H
#define LEAT_SURFACE_CLI_AS_OF_H

#include "lake/iceberg/metadata.h"

// "7230947384756": a snapshot's id. A branch's or tag's name. "16/B374D848": the last snapshot of main with nothing
// above this position of the source. A time as when.h has it: the snapshot that was main's then. NULL: main's current
// one; *snapshot NULL when the table has none. ERR_NOT_FOUND: none is so old, or it has been expired.
CHECKED bool as_of(const TableMetadata *metadata, const char *text, const Snapshot **snapshot, Err *err);

// Up to which position of the source a snapshot has everything, as the source writes it ("16/B374D848"); in the arena.
// NULL: it does not say.
const char *snapshot_position(const Snapshot *snapshot, Arena *arena);

#endif
