// SPDX-License-Identifier: Apache-2.0
#include "lake/iceberg/metrics.h"

#include "lake/iceberg/partition.h"

// Two's complement, the highest byte first, in as few bytes as hold it (specification, Appendix D).
static Slice decimal_bytes(Arena *arena, const ParquetColumnSummary *column, Slice plain) {
    uint8_t *bytes = ARENA_ARRAY(arena, uint8_t, plain.size);
    bool little = column->physical_size == 4 || column->physical_size == 8;
    for (size_t i = 0; i < plain.size; i++) {
        bytes[i] = plain.data[little ? plain.size - 1 - i : i];
    }
    Slice made = {bytes, plain.size};
    while (made.size > 1 &&
           ((made.data[0] == 0 && made.data[1] < 0x80) || (made.data[0] == 0xff && made.data[1] >= 0x80))) {
        made = slice_from(made, 1);
    }
    return made;
}

static void bounds_make(Arena *arena, const ParquetColumnSummary *column, ColumnMetrics *metrics) {
    const Shape *shape = column->shape;
    metrics->lower = arena_slice(arena, column->min);
    metrics->upper = arena_slice(arena, column->max);
    if (shape->kind == SHAPE_DECIMAL) {
        metrics->lower = decimal_bytes(arena, column, column->min);
        metrics->upper = decimal_bytes(arena, column, column->max);
    } else if (shape->kind == SHAPE_STRING || shape->kind == SHAPE_BYTES) {
        (void)bound_cut_lower(shape, &metrics->lower, arena);
        if (!bound_cut_upper(shape, &metrics->upper, arena)) {
            metrics->upper = (Slice){0};
        }
    }
}

static int by_id(const void *a, const void *b) {
    int32_t x = ((const ColumnMetrics *)a)->id, y = ((const ColumnMetrics *)b)->id;
    return (x > y) - (x < y);
}

void metrics_make(Arena *arena, const ParquetSummary *summary, DataFile *file) {
    size_t count = MIN(summary->column_count, (size_t)METRICS_COLUMNS_MAX);
    ColumnMetrics *metrics = ARENA_ARRAY(arena, ColumnMetrics, count);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        const ParquetColumnSummary *column = &summary->columns[i];
        if (column->repeated || column->shape->id == 0) {
            continue; // bounds of elements are not used by any reader
        }
        ColumnMetrics *made = &metrics[used++];
        *made = (ColumnMetrics){.id = column->shape->id,
                                .size = (int64_t)column->size,
                                .values = (int64_t)column->values,
                                .nulls = (int64_t)column->nulls,
                                .nans = -1};
        if (column->bounded) {
            bounds_make(arena, column, made);
        }
    }
    qsort(metrics, used, sizeof(*metrics), by_id);
    int64_t *splits = ARENA_ARRAY(arena, int64_t, summary->group_count);
    memcpy(splits, summary->group_offsets, summary->group_count * sizeof(*splits));
    file->metrics = metrics;
    file->metric_count = used;
    file->split_offsets = splits;
    file->split_count = summary->group_count;
}
