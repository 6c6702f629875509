// SPDX-License-Identifier: Apache-2.0
// The commit of all tables at one cut.
#ifndef LEAT_FLOW_SINK_ICEBERG_COMMIT_TABLES_H
#define LEAT_FLOW_SINK_ICEBERG_COMMIT_TABLES_H

#include "flow/sink/iceberg/memory.h"
#include "flow/sink/iceberg/table.h"

// What is pending in the tables (LakeTable) becomes a snapshot each, all in one commit where the catalog can; those
// that have nothing but another offset get that. ERR_CHANGED: somebody else has written to one of them. After an error
// the tables are to be closed.
CHECKED bool lake_tables_commit(Lake *lake, LakeMemory *memory, const Map *tables, const LakeCut *last, Arena *arena,
                                Err *err);

#endif
