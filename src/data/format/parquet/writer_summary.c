// SPDX-License-Identifier: Apache-2.0
// What a finished file's footer says of its columns, for who lists files by it (Iceberg's manifests).
#include "data/format/parquet/writer.h"

static void bounds_fill(const TreeLeaf *spec, const Statistics *statistics, ParquetColumnSummary *column) {
    bool known = statistics->min_value.data != NULL && statistics->max_value.data != NULL;
    if (!column->bounded || !known) {
        column->bounded = false;
        return;
    }
    if (column->min.data == NULL || bound_compare(spec->order, statistics->min_value, column->min) < 0) {
        column->min = statistics->min_value;
    }
    if (column->max.data == NULL || bound_compare(spec->order, statistics->max_value, column->max) > 0) {
        column->max = statistics->max_value;
    }
}

// Its bytes are the footer's, in the arena.
static void chunk_add(const TreeLeaf *spec, const ColumnMeta *meta, ParquetColumnSummary *column) {
    column->size += (uint64_t)meta->size_on_disk;
    column->values += (uint64_t)meta->value_count;
    column->nulls += (uint64_t)meta->statistics.null_count;
    if (meta->statistics.null_count < meta->value_count) { // nulls alone bound nothing
        bounds_fill(spec, &meta->statistics, column);
    }
}

bool writer_summary(const Tree *tree, Slice groups, uint32_t group_count, Arena *arena, ParquetSummary *summary,
                    Err *err) {
    ParquetColumnSummary *columns = ARENA_ARRAY(arena, ParquetColumnSummary, tree->leaf_count);
    int64_t *offsets = ARENA_ARRAY(arena, int64_t, group_count);
    for (uint32_t i = 0; i < tree->leaf_count; i++) {
        const TreeLeaf *leaf = &tree->leaves[i];
        columns[i] = (ParquetColumnSummary){.shape = leaf->shape,
                                            .physical_size = leaf->value_size,
                                            .repeated = leaf->max_repetition > 0,
                                            .bounded = true};
    }
    for (uint32_t i = 0; i < group_count; i++) {
        RowGroup group;
        size_t used = 0;
        TRY(row_group_decode(groups, arena, &group, &used, err));
        groups = slice_from(groups, used);
        offsets[i] = group.file_offset;
        for (uint32_t j = 0; j < tree->leaf_count; j++) {
            chunk_add(&tree->leaves[j], &group.columns.at[j].meta, &columns[j]);
        }
    }
    for (uint32_t i = 0; i < tree->leaf_count; i++) {
        columns[i].bounded = columns[i].bounded && columns[i].min.data != NULL;
    }
    *summary = (ParquetSummary){columns, tree->leaf_count, offsets, group_count};
    return true;
}
