// SPDX-License-Identifier: Apache-2.0
// Partition specs as users write them: no crash, and what was read can be read again as JSON.
#include "lake/iceberg/partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const ShapeField COLUMNS[] = {
        {.name = {(const uint8_t *)"a", 1}, .shape = {.kind = SHAPE_INT32, .id = 1}},
        {.name = {(const uint8_t *)"b", 1}, .shape = {.kind = SHAPE_TIMESTAMP, .id = 2}}};
    static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = COLUMNS, .field_count = 2};
    static const TableSchema SCHEMA = {.shape = &SHAPE};
    Err err[1] = {{0}};
    Arena arena[1];
    arena_init(arena, "fuzz", 0);
    PartitionSpec spec, again;
    int32_t last = ICEBERG_PARTITION_ID_FIRST - 1;
    if (partition_spec_of_text(arena_text(arena, (Slice){data, size}), &SCHEMA, &last, arena, &spec, err)) {
        DEFER(buf_release) Buf out = {0};
        partition_spec_write(&spec, &out);
        ASSERT(partition_spec_parse(buf_slice(&out), arena, &again, err));
        ASSERT(again.field_count == spec.field_count);
    } else {
        ASSERT(err->code == ERR_OPTION);
    }
    arena_release(arena);
    return 0;
}
