// SPDX-License-Identifier: Apache-2.0
// Manifests and manifest lists of anybody. The first byte says what it is to be.
#include "lake/iceberg/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ShapeField COLUMNS[] = {
    {.name = {(const uint8_t *)"id", 2}, .shape = {.kind = SHAPE_INT64, .id = 1}},
    {.name = {(const uint8_t *)"day", 3}, .shape = {.kind = SHAPE_DATE, .id = 2, .optional = true}}};
static const Shape SHAPE = {.kind = SHAPE_STRUCT, .fields = COLUMNS, .field_count = ARRAY_LEN(COLUMNS)};
static const TableSchema SCHEMA = {.shape = &SHAPE};
static const PartitionField FIELDS[] = {{.source_id = 2, .field_id = 1000, .name = {(const uint8_t *)"day", 3}},
                                        {.source_id = 1, .field_id = 1001, .name = {(const uint8_t *)"id", 2}}};
static const PartitionSpec SPECS[] = {{.id = 0}, {.id = 1, .fields = FIELDS, .field_count = 2}};
static const TableMetadata TABLE = {
    .format_version = 3, .schemas = &SCHEMA, .schema_count = 1, .specs = SPECS, .spec_count = 2};

static void entries(Slice bytes, uint8_t how, Arena *arena) {
    Err err[1] = {{0}};
    ManifestFile manifest = {.path = SLICE("m"), .spec_id = how & 1, .deletes = (how & 2) != 0, .first_row_id = 5};
    ManifestRead read = {.live = (how & 4) != 0, .metrics = true};
    ManifestEntry *found = NULL;
    size_t count = 0;
    if (!manifest_read(bytes, &manifest, &TABLE, read, arena, &found, &count, err)) {
        ASSERT(err->code == ERR_VALUE);
        return;
    }
    DEFER(buf_release) Buf out = {0};
    ManifestWriter *writer = NULL;
    ManifestFile made;
    ASSERT(manifest_writer_open(&TABLE, &SCHEMA, &SPECS[manifest.spec_id], manifest.deletes, 7, &writer, err));
    for (size_t i = 0; i < count; i++) {
        if (!manifest_writer_add(writer, &found[i], err)) {
            ASSERT(err->code == ERR_VALUE);
            manifest_writer_close(writer);
            return;
        }
    }
    ASSERT(manifest_writer_finish(writer, arena, &out, &made, err));
    manifest_writer_close(writer);
    size_t again = 0;
    made.path = SLICE("n");
    ASSERT(manifest_read(buf_slice(&out), &made, &TABLE, read, arena, &found, &again, err) && again == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    Err err[1] = {{0}};
    Arena arena;
    arena_init(&arena, "fuzz", 0);
    Slice bytes = {data + 1, size - 1};
    if ((data[0] & 8) != 0) {
        ManifestFile *manifests = NULL;
        size_t count = 0;
        bool ok = manifest_list_read(bytes, SLICE("list"), &arena, &manifests, &count, err);
        ASSERT(ok || err->code == ERR_VALUE);
    } else {
        entries(bytes, data[0], &arena);
    }
    arena_release(&arena);
    return 0;
}
