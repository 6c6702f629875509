// SPDX-License-Identifier: Apache-2.0
// The open data file of one partition.
#ifndef LEAT_FLOW_SINK_ICEBERG_WRITER_H
#define LEAT_FLOW_SINK_ICEBERG_WRITER_H

#include "flow/sink/iceberg/table.h"

// Appends the row that stands in table->row, in the file of its partition; says where it went.
CHECKED bool writers_put(LakeTable *table, KeyPlace *place, Err *err);
// Ends all open files: they are in table->files, fresh, with their bytes.
CHECKED bool writers_finish(LakeTable *table, Err *err);
// A row of a file that is still being written cannot be read: such a file ends here, and is made durable.
CHECKED bool writers_readable(LakeTable *table, LakeDataFile *data, Err *err);
CHECKED bool writers_spill(LakeTable *table, Err *err); // gives the memory of open row groups free
void writers_abort(LakeTable *table);                   // and drops the bytes of what was finished
size_t writers_held(const LakeTable *table);
// A delete file, written at once: in table->written.
CHECKED bool writers_file(LakeTable *table, Slice uri, Slice bytes, Err *err);
// ".../data/PARTITION/NAME", in the batch's arena.
CHECKED bool writers_name(LakeTable *table, const DataFile *file, const char *kind, const char *extension, Slice *uri,
                          Err *err);

#endif
