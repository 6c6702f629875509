// SPDX-License-Identifier: Apache-2.0
// How a record of a data file becomes a row of its table (specification, "Column Projection"). Columns are found by
// their field ids, whatever the file's own order and names; files without field ids go by the table's name mapping
// (schema.name-mapping.default). A column that the file does not have is the value of an identity partition, or its
// initial-default, or NULL. Values come in the form of the table's types, promotions done.
#ifndef LEAT_LAKE_ICEBERG_PROJECTION_H
#define LEAT_LAKE_ICEBERG_PROJECTION_H

#include "lake/iceberg/rows.h"

typedef struct Projection Projection; // of one file; lives in its arena

// `shape`: the file's own. What `how` and `shape` point to stays. ERR_TABLE: a type that is not read.
CHECKED bool projection_make(const LakeRead *how, const DataFile *file, const Shape *shape, Arena *arena,
                             Projection **made, Err *err);
const bool *projection_wanted(const Projection *projection); // the columns needed, one a field of the file
bool projection_straight(const Projection *projection);      // the file's record is the row
// Of `record` only the columns wanted are looked at. Values stay where they are, or (lists and structs) are made in the
// arena. ERR_VALUE: one does not fit the table's type.
CHECKED bool projection_row(const Projection *projection, const Value *record, Arena *arena, Value *row, Err *err);

#endif
