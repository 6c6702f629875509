// SPDX-License-Identifier: Apache-2.0
// Partition transforms (Iceberg specification, "Partition Transforms", Appendix B: 32-bit hash) and values as single
// bytes (Appendix D: bounds).
#ifndef LEAT_LAKE_ICEBERG_PARTITION_H
#define LEAT_LAKE_ICEBERG_PARTITION_H

#include "core/base/buf.h"
#include "core/base/decimal.h"
#include "data/event/value.h"
#include "lake/iceberg/metadata.h"

// --- transforms ------------------------------------------------------------------------------------------------

// "bucket[16]", "truncate[4]", "identity", "day", …; false: TRANSFORM_OTHER.
bool transform_parse(Slice text, TransformKind *kind, int32_t *width);
// The shape of the result for a column; ERR_OPTION: this transform does not take this type.
CHECKED bool transform_shape(const PartitionField *field, const Shape *source, Shape *result, Err *err);
// Of a value of the source's shape (NULL gives NULL). Dates and times count from 2000 (data/event/value.h) in the
// source's value, and so does a DATE result; INT results of year, month and hour count from 1970, as the
// specification has them. Bytes may lie in the arena.
CHECKED bool transform_value(const PartitionField *field, const Shape *source, const Value *value, Arena *arena,
                             Value *result, Err *err);
int32_t iceberg_hash_bytes(Slice bytes); // murmur3 x86 32, seed 0
// "created_at_day=2026-11-21/country=CH": the folder of a partition, as Java names it.
CHECKED bool partition_path(const TableSchema *schema, const PartitionSpec *spec, const Value *values, Buf *out,
                            Err *err);
// "day(created_at), bucket(16, id), country": what --partition-by takes. Columns by name; names of the fields as
// Java makes them (created_at_day, id_bucket). ERR_OPTION names the part.
CHECKED bool partition_spec_of_text(const char *text, const TableSchema *schema, int32_t *last_partition_id,
                                    Arena *arena, PartitionSpec *spec, Err *err);

// --- single values ---------------------------------------------------------------------------------------------

// Appendix D of a value of that shape. False: it has none (LIST, STRUCT, MAP, foreign types).
bool single_value_write(const Shape *shape, const Value *value, Buf *out);
// Bytes may be of the type before a promotion. Borrows. ERR_VALUE: no such length.
CHECKED bool single_value_read(const Shape *shape, Slice bytes, Arena *arena, Value *value, Err *err);
// Order of two values of a shape, neither NULL.
int single_value_compare(const Shape *shape, const Value *a, const Value *b);
// Cuts text to 16 code points, bytes to 16 bytes; the upper bound is raised. False: there is no upper bound so short.
bool bound_cut_lower(const Shape *shape, Slice *bound, Arena *arena);
bool bound_cut_upper(const Shape *shape, Slice *bound, Arena *arena);

#endif
