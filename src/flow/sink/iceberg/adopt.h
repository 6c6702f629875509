// SPDX-License-Identifier: Apache-2.0
// Tables that others have made, or an earlier life of this pipeline, are taken over.
//
// Unless adopt.rows=keep, the source is read once more: every row of the snapshot takes the place of the one that has
// its key, as an update would, so readers see each row all the while. What is left of the old files when the source has
// been read whole are rows that it has not: they go with the next commit (adopt_sweep). Old files are those whose data
// sequence number is not above the table's at the moment when it was taken over.
//
// Properties: leat.adopted, that sequence number: commits up to it say nothing of this pipeline's offsets;
// leat.adopting, "true" until the sweep.
#ifndef LEAT_FLOW_SINK_ICEBERG_ADOPT_H
#define LEAT_FLOW_SINK_ICEBERG_ADOPT_H

#include "flow/sink/iceberg/table.h"

// Looks whether the table can be written to (format, partitions, equality deletes, types, keys that are there more than
// once), changes nothing until all of it is well, and makes it this pipeline's. ERR_TABLE says what is in the way.
CHECKED bool adopt_take_over(LakeTable *table, const CatalogTable *found, const char *source, const Mapping *mapping,
                             Arena *scratch, Err *err);
// The sequence number up to which snapshots and files are of before; -1 = none are.
int64_t adopt_sequence(const TableMetadata *metadata);
// What is left of before goes with the next commit.
void adopt_sweep(LakeTable *table);

#endif
