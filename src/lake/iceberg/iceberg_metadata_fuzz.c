// SPDX-License-Identifier: Apache-2.0
// Metadata from anyone: no crash; what was read is written so that it can be read again, and is the same then.
#include "lake/iceberg/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    Arena arena[1];
    arena_init(arena, "fuzz", 0);
    TableMetadata metadata, again;
    if (table_metadata_parse((Slice){data, size}, arena, &metadata, err)) {
        DEFER(buf_release) Buf first = {0}, second = {0};
        table_metadata_write(&metadata, &first);
        ASSERT(table_metadata_parse(buf_slice(&first), arena, &again, err));
        table_metadata_write(&again, &second);
        ASSERT(slice_equal(buf_slice(&first), buf_slice(&second)));
        (void)table_is_ancestor(&metadata, 1, metadata.current_snapshot_id);
    } else {
        ASSERT(err->code == ERR_VALUE || err->code == ERR_FORMAT_NEWER);
    }
    arena_release(arena);
    return 0;
}
