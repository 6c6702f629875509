// SPDX-License-Identifier: Apache-2.0
// A leaf's cell as a value of its shape.
#ifndef LEAT_DATA_FORMAT_PARQUET_READ_VALUE_H
#define LEAT_DATA_FORMAT_PARQUET_READ_VALUE_H

#include "data/event/value.h"
#include "data/format/parquet/read_schema.h"

// Its bytes are those of the cell, or in the arena (decimals). ERR_VALUE says what is wrong, without the value.
CHECKED bool leaf_value(const Leaf *leaf, const Cell *cell, Arena *arena, Value *value, Err *err);

#endif
