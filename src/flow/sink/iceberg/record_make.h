// SPDX-License-Identifier: Apache-2.0
// Tables of a sink connector's records in the catalog: their names, how they are made and changed, their keys.
#ifndef LEAT_FLOW_SINK_ICEBERG_RECORD_MAKE_H
#define LEAT_FLOW_SINK_ICEBERG_RECORD_MAKE_H

#include "data/connect/connect_record.h"
#include "flow/sink/iceberg/record_shape.h"
#include "flow/sink/iceberg/table.h"

// An object for "a.b.table", nothing of it opened yet. ERR_TABLE: the name has no namespace.
CHECKED bool record_table_new(Lake *lake, const RecordRules *rules, Slice name, LakeTable **table, Err *err);
const char *record_branch(const RecordRules *rules, Slice name, Arena *arena); // NULL: main
CHECKED bool record_table_create(LakeTable *table, const RecordRules *rules, Slice name, const ConnectRecord *sample,
                                 Arena *scratch, Err *err);
// table->mapping of the table's schema, with the key where rows are replaced. ERR_TABLE: a column's type is not one
// that leat writes, or there is no key, or no column of its name.
CHECKED bool record_mapping(LakeTable *table, const RecordRules *rules, Slice name, Err *err);
// The columns become these; the table is loaded again.
CHECKED bool record_schema_commit(LakeTable *table, const Shape *columns, Err *err);

#endif
