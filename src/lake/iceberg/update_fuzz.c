// SPDX-License-Identifier: Apache-2.0
// Changes from anyone, on no table and on one with everything: no crash; a change is written so that it can be read
// again, and the metadata that it makes can be read.
#include "lake/iceberg/update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const BASE =
    "{\"format-version\":2,\"table-uuid\":\"u\",\"location\":\"l\",\"last-sequence-number\":2,\"last-updated-ms\":9,"
    "\"last-column-id\":2,\"current-schema-id\":0,\"schemas\":[{\"type\":\"struct\",\"schema-id\":0,\"fields\":[{"
    "\"id\":1,\"name\":\"a\",\"required\":true,\"type\":\"int\"},{\"id\":2,\"name\":\"b\",\"required\":false,"
    "\"type\":\"date\"}]}],\"default-spec-id\":0,\"partition-specs\":[{\"spec-id\":0,\"fields\":[{\"name\":\"b_day\","
    "\"transform\":\"day\",\"source-id\":2,\"field-id\":1000}]}],\"last-partition-id\":1000,"
    "\"default-sort-order-id\":0,\"sort-orders\":[{\"order-id\":0,\"fields\":[]}],\"properties\":{\"p\":\"q\"},"
    "\"current-snapshot-id\":2,\"refs\":{\"main\":{\"snapshot-id\":2,\"type\":\"branch\"},\"t\":{\"snapshot-id\":1,"
    "\"type\":\"tag\"}},\"snapshots\":[{\"sequence-number\":1,\"snapshot-id\":1,\"timestamp-ms\":1,\"manifest-list\":"
    "\"m\"},{\"sequence-number\":2,\"snapshot-id\":2,\"parent-snapshot-id\":1,\"timestamp-ms\":2,\"manifest-list\":"
    "\"m\"}],\"statistics\":[{\"snapshot-id\":1}],\"snapshot-log\":[{\"timestamp-ms\":1,\"snapshot-id\":1},{"
    "\"timestamp-ms\":2,\"snapshot-id\":2}],\"metadata-log\":[{\"timestamp-ms\":1,\"metadata-file\":\"f\"}]}";

static void apply(const TableMetadata *base, const TableChange *change, Arena *arena) {
    Err err[1] = {{0}};
    TableMetadata made, read;
    const MetadataLogEntry *dropped = NULL;
    size_t count = 0;
    if (!table_requirements_check(base, change, err)) {
        err_clear(err);
    }
    if (!table_metadata_apply(base, SLICE("g"), change, 10, arena, &made, &dropped, &count, err)) {
        ASSERT(err->code == ERR_VALUE || err->code == ERR_CHANGED);
        return;
    }
    DEFER(buf_release) Buf out = {0};
    table_metadata_write(&made, &out);
    ASSERT(table_metadata_parse(buf_slice(&out), arena, &read, err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Err err[1] = {{0}};
    Arena arena[1];
    arena_init(arena, "fuzz", 0);
    TableChange change, again;
    TableMetadata base;
    if (table_change_parse((Slice){data, size}, arena, &change, err)) {
        DEFER(buf_release) Buf out = {0};
        buf_u8(&out, '{');
        table_change_write(&change, &out);
        buf_u8(&out, '}');
        ASSERT(table_change_parse(buf_slice(&out), arena, &again, err));
        ASSERT(again.update_count == change.update_count);
        ASSERT(table_metadata_parse(slice_of(BASE), arena, &base, err));
        apply(NULL, &change, arena);
        apply(&base, &change, arena);
    } else {
        ASSERT(err->code == ERR_VALUE);
    }
    arena_release(arena);
    return 0;
}
