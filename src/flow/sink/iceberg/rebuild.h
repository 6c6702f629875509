// SPDX-License-Identifier: Apache-2.0
// The table's files and its key index, as they are when it is opened: taken from disk where they are of the table's
// newest snapshot, else made again from the table.
#ifndef LEAT_FLOW_SINK_ICEBERG_REBUILD_H
#define LEAT_FLOW_SINK_ICEBERG_REBUILD_H

#include "flow/sink/iceberg/table.h"

CHECKED bool index_prepare(LakeTable *table, Err *err);
// Opens it, for keys as the mapping has them.
CHECKED bool index_reach(LakeTable *table, bool *fresh, Err *err);
// The mark and the list of files that go with the table as it is now.
CHECKED bool index_save(LakeTable *table, bool lazy, Err *err);
size_t lake_index_memory(const Lake *lake);  // what one index may take, and what all together may keep
uint64_t index_held(const LakeTable *table); // bytes that index_save would free
// All keys anew, of an open table whose mapping has changed; what was settled before is taken in.
CHECKED bool index_rekey(LakeTable *table, Err *err); // rekey.c
// Of its lake's options and whether it takes changes as rows.
MappingOptions lake_mapping_options(const LakeTable *table, int32_t format_version);
void data_file_free(LakeDataFile *data);
// The mapping of the source's schema to the table, whose schema is changed first where it must be.
CHECKED bool lake_table_mapping(LakeTable *table, const Schema *schema, Err *err);

#endif
