// SPDX-License-Identifier: Apache-2.0
// Inside of the writer: the road of records into the leaves (shred.c), and opening with a tree that is there already.
#ifndef LEAT_DATA_FORMAT_PARQUET_WRITER_H
#define LEAT_DATA_FORMAT_PARQUET_WRITER_H

#include "data/format/parquet/leaf.h"
#include "data/format/parquet/parquet.h"

// The tree outlives the writer.
CHECKED bool writer_open(const Tree *tree, const ParquetWriterOptions *options, Buf *out, ParquetWriter **writer,
                         Err *err);
// ERR_OPTION: Parquet has no such codec, or that no such level.
CHECKED bool writer_codec_check(Codec codec, int level, Err *err);

// Of row groups that are encoded one behind another.
CHECKED bool writer_summary(const Tree *tree, Slice groups, uint32_t group_count, Arena *arena, ParquetSummary *summary,
                            Err *err);

// Takes a record's values apart into the leaves, one row. Adds to *staged about the bytes they take there. When it
// fails some leaves have the row, or a part of it: leaf_cut.
CHECKED bool shred_record(const Tree *tree, Leaf *leaves, const Value *values, size_t *staged, Err *err);

#endif
