// SPDX-License-Identifier: Apache-2.0
// What a manifest says of the columns of a Parquet file that was just written.
#ifndef LEAT_LAKE_ICEBERG_METRICS_H
#define LEAT_LAKE_ICEBERG_METRICS_H

#include "data/format/parquet/parquet.h"
#include "lake/iceberg/manifest.h"

enum { METRICS_COLUMNS_MAX = 100 }; // as Java's default: manifests stay small

// Fills metrics and split offsets. Lives in the arena.
void metrics_make(Arena *arena, const ParquetSummary *summary, DataFile *file);

#endif
